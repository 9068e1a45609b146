"""Seals what is for a group: it gets its place in a chain of ours, and leaves.

Implements `docs/protocol/groups.md`, section "What leaves".
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from mesh.group.bodies import content_size_class, post_content, seal_body
from mesh.group.chains import Place, hello_index, hello_message_key, week_of, window_of
from mesh.group.epochs import prefix_of
from mesh.group.leaves import SHORT_LEAF_BYTES
from mesh.group.payload import LEAF, SignedEntry, does_leaf_ride, make_payload, payload_bytes
from mesh.group.placed_posts import (
    Hello,
    PostPlace,
    decode_placed,
    encode_placed,
    may_stand_under,
)
from mesh.ids import Instant, Tag, UnixSeconds
from mesh.limits.group_keys import (
    HELLOS_PER_WEEK,
)
from mesh.limits.group_repair import OWN_PASSED_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.chains_keeper import place_of
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.messenger.pauses import Pause
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.posting_keys import group_audience
from mesh.messenger.sessions.sealing import Sealed, Sealing
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.tags import tag_of
from mesh.storage.vault.group_people import UnsealedRow
from mesh.wire.envelope import LIFETIME_MONTH
from mesh.wire.payload import HLC_COUNTER_BITS


class Notes(msgspec.Struct, frozen=True, array_like=True):
    """Controls that wait to be sealed by themselves. The first place tells them from posts."""

    version: Literal[2]
    controls: list[tuple[int, bytes]]
    is_soon: bool


_entries = msgspec.msgpack.Decoder(SignedEntry)
_notes = msgspec.msgpack.Decoder(Notes)
_POST_VERSION: Final = 1
_VERSION_AT: Final = 1
"""A short array has one byte before its first place."""

Step = tuple[Tag, bytes, int]
"""A tag of ours, the key of what stands under it, and its number or index."""


class GroupSealer:
    """Seals what is for groups, each by a posting key of the group's own."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        sealing: Sealing,
        transit: Transit,
        own_places: OwnPlaces,
    ) -> None:
        self._rows = account.vault.group_people
        self._key_rows = account.vault.group_keys
        self._messages = account.vault.entries
        self._entropy = account.entropy
        self._pending_events: PendingEvents = account.pending_events
        self._groups = keepers.groups
        self._chains = keepers.chains
        self._leaves = keepers.leaves
        self._sealing = sealing
        self._transit = transit
        self._own_places = own_places
        self.riding: Callable[
            [Group, list[tuple[int, bytes]], list[SignedEntry]], list[tuple[int, bytes]]
        ] = lambda *_: []
        """Controls that go beside an entry of ours, where they cost nothing."""

    def can_seal(self, group: Group, now: Instant) -> bool:
        """Return whether a stamped posting key of the group is there."""
        return self._sealing.has_signer(now.mesh, group_audience(group.conversation))

    def hello(self, group: Group, post: Hello, epoch: HeldEpoch, now: Instant) -> bool:
        """Seal a hello under an epoch, if that can be done now and none was said in its place."""
        if not self.can_seal(group, now):
            return False
        own = self._key_rows.find_chain(epoch.number, group.me)
        index = self._hello_index(group, epoch, now)
        if own is None or index is None:
            return False
        step = tag_of(own.hello_key, index), hello_message_key(own.hello_key, index), index
        placed = replace(
            post, place=PostPlace(prefix_of(epoch.id), index), clock=_clock(now), next=own.next
        )
        self._key_rows.move_chain(replace(own, opened=UnixSeconds(index + 1)), [])
        content = post_content(group.signing, group.gid, encode_placed(placed))
        self._post(group, step, (content, LIFETIME_MONTH, None), now, Pause.SOON)
        return True

    def _hello_index(self, group: Group, epoch: HeldEpoch, now: Instant) -> int | None:
        """The index of the next hello of this week: each stands under a tag of its own.

        Of our own chain nothing is opened, so its row says which hello was the last.
        """
        own = self._key_rows.find_chain(epoch.number, group.me)
        first = hello_index(week_of(now.mesh), 0)
        if own is None:
            return None
        left = range(max(first, own.opened), first + HELLOS_PER_WEEK)
        for index in left:
            hello = index, own.hello_key, tag_of(own.hello_key, index)
            if not self._own_places.is_hello_said(group, epoch, place_of(own), hello):
                return index
        return None

    def seal(
        self, group: Group, epoch: HeldEpoch, row: UnsealedRow, now: Instant, pause: Pause
    ) -> None:
        """Seal a row, whose epoch holds it and of which we have a chain, and let it leave."""
        place = self._next_place(group, epoch)
        step = place.tag, place.message_key, place.number
        self._rows.drop_unsealed(row.number)
        if row.entry is not None:
            self._post_entry(group, step, row, now, pause)
        elif holds_post(row):
            content = self._placed(group, epoch, place, row.data, now)
            self._post(group, step, (content, row.lifetime_class, None), now, pause)
        else:
            self._post_notes(group, step, row, now)

    def _next_place(self, group: Group, epoch: HeldEpoch) -> Place:
        """Take the next number that we have not used: a later state of this vault may have used
        some. Of those of which that is not known so few are passed that readers still expect us.
        """
        most_unknown = window_of(len(group.recipients(epoch)), is_recent=False) - 1
        passed_count = unknown_count = 0
        while True:
            own = self._chains.own(epoch, group.me)
            assert own is not None
            place = self._chains.step(own)
            passed_count += 1
            use = self._own_places.use_of(group, epoch, place)
            # What is ours was read, or is read, and moves those who read it.
            unknown_count = unknown_count + 1 if use == "unknown" else 0
            if (
                use == "none"
                or unknown_count > most_unknown
                or passed_count == OWN_PASSED_MAX
                or self._chains.own(epoch, group.me) is None
            ):
                return place

    def _placed(
        self, group: Group, epoch: HeldEpoch, place: Place, data: bytes, now: Instant
    ) -> bytes:
        post = decode_placed(data)
        where = PostPlace(prefix_of(epoch.id), place.number)
        post = replace(post, place=where, clock=_clock(now))
        is_fit = epoch is group.chosen()
        assert may_stand_under(post, is_fit=is_fit, outsiders=group.outsiders(epoch))
        return post_content(group.signing, group.gid, encode_placed(post))

    def _post_entry(
        self, group: Group, step: Step, row: UnsealedRow, now: Instant, pause: Pause
    ) -> None:
        """Seal what was said, and with it a new short leaf, where that costs nothing."""
        entries = [_entries.decode(row.data)]
        controls: list[tuple[int, bytes]] = []
        due = self._leaves.short_due(group)
        if due <= now.mesh and does_leaf_ride(
            without_bytes=payload_bytes([], entries),
            with_bytes=payload_bytes([(LEAF, bytes(SHORT_LEAF_BYTES))], entries),
            made=due,
            mesh_now=now.mesh,
        ):
            controls = [(LEAF, self._leaves.short(group, now).encode())]
        controls += self.riding(group, controls, entries)
        sealed = self._payload(group, step, row.lifetime_class, (controls, entries), now)
        assert row.entry is not None
        lapses = sealed.envelope.header.lapses
        self._messages.set_sealed(row.entry, state="queued", lapses=lapses)
        self._pending_events.message_changed(row.entry)
        self._transit.post(sealed, row.entry, pause=pause, now=now)

    def _post_notes(self, group: Group, step: Step, row: UnsealedRow, now: Instant) -> None:
        """Seal controls by themselves. They wait as they are, whatever is sealed beside them."""
        notes = _notes.decode(row.data)
        sealed = self._payload(group, step, row.lifetime_class, (notes.controls, []), now)
        pause = Pause.SOON if notes.is_soon else Pause.LATER
        self._transit.post(sealed, None, pause=pause, now=now)

    def _payload(
        self,
        group: Group,
        step: Step,
        lifetime_class: int,
        what: tuple[list[tuple[int, bytes]], list[SignedEntry]],
        now: Instant,
    ) -> Sealed:
        controls, entries = what

        def content_of(header: bytes) -> bytes:
            return make_payload(
                group.signing, group.gid, header=header, controls=controls, entries=entries
            ).encode()

        length = payload_bytes(controls, entries)
        self._groups.put(group, replace(group.here, said=now.mesh))
        return self._sealed(group, step, length, lifetime_class, content_of, now)

    def _post(
        self,
        group: Group,
        step: Step,
        what: tuple[bytes, int, int | None],
        now: Instant,
        pause: Pause,
    ) -> None:
        content, lifetime_class, message = what
        self._groups.put(group, replace(group.here, said=now.mesh))
        sealed = self._sealed(
            group, step, len(content), lifetime_class, lambda _header: content, now
        )
        self._transit.post(sealed, message, pause=pause, now=now)

    def _sealed(
        self,
        group: Group,
        step: Step,
        length: int,
        lifetime_class: int,
        content_of: Callable[[bytes], bytes],
        now: Instant,
    ) -> Sealed:
        tag, key, _ = step
        size_class = content_size_class(length)
        assert size_class is not None, "what is posted was made to fit"

        def body_of(header: bytes) -> bytes:
            content = content_of(header)
            return seal_body(
                key, content, header=header, size_class=size_class, entropy=self._entropy
            )

        audience = group_audience(group.conversation)
        classes = size_class, lifetime_class
        return self._sealing.seal_for_group(audience, tag, classes, body_of, now.mesh)


def holds_post(row: UnsealedRow) -> bool:
    """Return whether a row is a post, and neither an entry nor controls."""
    return row.entry is None and row.data[_VERSION_AT] == _POST_VERSION


def _clock(now: Instant) -> int:
    return now.mesh_ms << HLC_COUNTER_BITS
