"""The distance of an envelope's author, known by the posting key and by nothing else.

Implements `docs/protocol/standing.md`. Contacts tell us their posting keys ahead, by short hashes;
over links that proved to be theirs they name those of their own contacts and of the contacts of
those. So a node can keep room for mail of people whom somebody answers for, without learning
who they are. This is the table: what was told, by whom, for which day. Lists of one contact are
bounded each, and all lists of a day together; where they do not fit, all are cut to one share, so
that nobody who names many crowds out those who name few.

A key stands for one day. Named for one day it stands for nothing on another one.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from mesh.crypto.hashing import blake2b
from mesh.ids import ContactId, PostingKey
from mesh.limits.trust import (
    CONTACT_KEYS_PER_DAY_MAX,
    FAR_HASHES_PER_DAY_MAX,
    FAR_PER_CONTACT_DAY_MAX,
    TRUST_DAYS_KEPT,
    TRUST_DAYS_MAX,
    VOUCHED_HASHES_PER_DAY_MAX,
    VOUCHED_PER_CONTACT_DAY_MAX,
    VOUCHES_DAYS_KEPT,
)

VOUCH_BYTES: Final = 8

Hashes: TypeAlias = "array[int]"
"""Hashes of posting keys as numbers, sorted, none twice."""


class Depth(IntEnum):
    """The number of people between the author of an envelope and us; the lower, the nearer."""

    OWN = 0
    CONTACT = 1
    VOUCHED = 2
    FAR = 3
    STRANGER = 4


def vouch_hash(posting_key: PostingKey, day: int) -> int:
    """Return what stands for a key and its day where contacts name keys: 8 bytes as a number."""
    hashed = blake2b(b"", posting_key + day.to_bytes(4), b"mesh/post/vouch", VOUCH_BYTES)
    return int.from_bytes(hashed)


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of known keys of a day, by depth."""

    contacts: int
    vouched: int
    far: int


@dataclass(slots=True)
class _Told:
    """The words of one contact on one day."""

    keys: tuple[int, ...] = ()
    vouched: Hashes = field(default_factory=lambda: array("Q"))
    far: Hashes = field(default_factory=lambda: array("Q"))


@dataclass(frozen=True, slots=True)
class _Index:
    """The words of all contacts on one day, joined."""

    keys: Hashes
    vouched: Hashes
    far: Hashes


class Distances:
    """The depth of posting keys. It outlives the vault's closing, and is never written."""

    def __init__(self) -> None:
        self._own: dict[PostingKey, None] = {}
        self._told: dict[int, dict[ContactId, _Told]] = {}
        # Made when a day is asked for, and again after something was told of it.
        self._indexes: dict[int, _Index] = {}
        # Rises whenever something is known otherwise than before.
        self.changes_count = 0

    # --- What is asked ------------------------------------------------------------------------

    @property
    def own_keys(self) -> list[PostingKey]:
        """All keys of ours, of all days."""
        return list(self._own)

    def depth(self, posting_key: PostingKey, day: int) -> Depth:
        """Return how near the author of an envelope is, of which these are the key and the day."""
        if posting_key in self._own:
            return Depth.OWN
        index = self._index(day)
        if index is None:
            return Depth.STRANGER
        if not index.keys and not index.vouched and not index.far:
            return Depth.STRANGER
        hashed = vouch_hash(posting_key, day)
        if _has(index.keys, hashed):
            return Depth.CONTACT
        if _has(index.vouched, hashed):
            return Depth.VOUCHED
        return Depth.FAR if _has(index.far, hashed) else Depth.STRANGER

    def granted_by(self, posting_key: PostingKey, day: int) -> list[ContactId]:
        """To whom a key owes its depth: the contact whose it is, or all who vouch for it so.

        This looks at what every contact told; ask it where depth alone does not decide.
        """
        depth = self.depth(posting_key, day)
        told = self._told.get(day, {})
        hashed = vouch_hash(posting_key, day)
        match depth:
            case Depth.CONTACT:
                found = [contact for contact, one in told.items() if hashed in one.keys]
            case Depth.VOUCHED:
                found = [contact for contact, one in told.items() if _has(one.vouched, hashed)]
            case Depth.FAR:
                found = [contact for contact, one in told.items() if _has(one.far, hashed)]
            case _:
                found = []
        return sorted(found)

    def counts(self, day: int) -> Counts:
        """Return how many keys of a day are known; no key counts twice."""
        index = self._index(day)
        if index is None:
            return Counts(0, 0, 0)
        return Counts(len(index.keys), len(index.vouched), len(index.far))

    def keys_of(self, contact: ContactId, day: int) -> tuple[int, ...]:
        """Hashes of the keys of a contact on a day."""
        told = self._told.get(day, {}).get(contact)
        return () if told is None else told.keys

    def vouched_by(self, contact: ContactId, day: int) -> tuple[int, ...]:
        """Hashes of the keys of which a contact says that they are those of their contacts."""
        told = self._told.get(day, {}).get(contact)
        return () if told is None else tuple(told.vouched)

    # --- What is told -------------------------------------------------------------------------

    def set_own(self, posting_keys: Iterable[PostingKey]) -> None:
        """All keys of ours, in place of those before."""
        self._own = dict.fromkeys(posting_keys)

    def set_contact_keys(self, contact: ContactId, day: int, hashes: Iterable[int]) -> None:
        """Hashes of the keys of a contact on a day, in place of those before.

        Too many are passed over.
        """
        keys = tuple(dict.fromkeys(hashes))[:CONTACT_KEYS_PER_DAY_MAX]
        self._of(contact, day).keys = keys
        self._changed(day)

    def set_vouched(
        self, contact: ContactId, day: int, *, vouched: Iterable[int], far: Iterable[int]
    ) -> None:
        """Hashes of the keys that a contact names: of their contacts, and of those one further.

        They take the place of those before; too many are passed over.
        """
        told = self._of(contact, day)
        told.vouched = _sorted(vouched, VOUCHED_PER_CONTACT_DAY_MAX)
        told.far = _sorted(far, FAR_PER_CONTACT_DAY_MAX)
        all_told = self._told.get(day, {}).values()
        # Cut seldom: it looks at all lists.
        if sum(len(one.vouched) for one in all_told) > 2 * VOUCHED_HASHES_PER_DAY_MAX:
            _share([one.vouched for one in all_told], VOUCHED_HASHES_PER_DAY_MAX)
        if sum(len(one.far) for one in all_told) > 2 * FAR_HASHES_PER_DAY_MAX:
            _share([one.far for one in all_told], FAR_HASHES_PER_DAY_MAX)
        self._changed(day)

    def withdraw(self, contact: ContactId) -> None:
        """A contact was blocked or is gone: whatever they told counts no more."""
        for day, told in self._told.items():
            if told.pop(contact, None) is not None:
                self._changed(day)

    def forget_contacts(self) -> None:
        """Know of nobody but us, as before anything was told."""
        for day in list(self._told):
            self._drop(day)

    def expire(self, today: int) -> None:
        """Forget what was told of days whose envelopes have expired."""
        for day in list(self._told):
            if day < today - TRUST_DAYS_KEPT:
                self._drop(day)
            elif day < today - VOUCHES_DAYS_KEPT:
                for told in self._told[day].values():
                    if told.vouched or told.far:
                        told.vouched, told.far = array("Q"), array("Q")
                        self._changed(day)

    # --- Within -------------------------------------------------------------------------------

    def _of(self, contact: ContactId, day: int) -> _Told:
        if day not in self._told:
            self._told[day] = {}
            if len(self._told) > TRUST_DAYS_MAX:
                self._drop(min(self._told))
        return self._told.get(day, {}).setdefault(contact, _Told())

    def _drop(self, day: int) -> None:
        del self._told[day]
        self._changed(day)

    def _changed(self, day: int) -> None:
        self.changes_count += 1
        self._indexes.pop(day, None)

    def _index(self, day: int) -> _Index | None:
        told = self._told.get(day)
        if told is None:
            return None
        index = self._indexes.get(day)
        if index is None:
            _share([one.vouched for one in told.values()], VOUCHED_HASHES_PER_DAY_MAX)
            _share([one.far for one in told.values()], FAR_HASHES_PER_DAY_MAX)
            index = self._indexes[day] = _Index(
                keys=_joined([one.keys for one in told.values()]),
                vouched=_joined([one.vouched for one in told.values()]),
                far=_joined([one.far for one in told.values()]),
            )
        return index


def _sorted(hashes: Iterable[int], count_max: int) -> Hashes:
    return array("Q", sorted(dict.fromkeys(hashes))[:count_max])


def _joined(lists: Sequence[Iterable[int]]) -> Hashes:
    return array("Q", sorted(dict.fromkeys(one for hashes in lists for one in hashes)))


def _has(hashes: Hashes, hashed: int) -> bool:
    place = bisect_left(hashes, hashed)
    return place < len(hashes) and hashes[place] == hashed


def _share(lists: list[Hashes], count_max: int) -> None:
    """Cut all lists to the greatest equal length with which they fit together."""
    left, waiting = count_max, len(lists)
    lengths = [len(hashes) for hashes in lists]
    if sum(lengths) <= count_max:
        return
    for length in sorted(lengths):
        share = left // waiting
        if length > share:
            for hashes in lists:
                del hashes[share:]
            return
        left, waiting = left - length, waiting - 1
