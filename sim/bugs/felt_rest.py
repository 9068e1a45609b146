"""Planted bugs that a person would feel: in what is carried, kept, found, let in and put back.

They were chosen by reading `mesh/` alone, before anybody looked at what the simulator sees.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from mesh.database import Connection
from mesh.engine.forwarding.stemming import Stemming
from mesh.ids import (
    Address,
    ContactId,
    EnvelopeId,
    Instant,
    UnixSeconds,
    VerifyKey,
)
from mesh.messenger.conversations.direct_files import DirectFiles
from mesh.messenger.conversations.files import Files
from mesh.messenger.onboarding.introductions import Introductions
from mesh.messenger.sessions.lapsing import Lapsing
from mesh.messenger.sessions.sessions import Sessions
from mesh.peering.target_table import TargetTable
from mesh.replication.stem_paths import ENVELOPES
from mesh.retention.eviction import Eviction
from mesh.retention.sides import Group
from mesh.storage.vault import portable, search
from mesh.storage.vault.files import FileRow
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.trust import IntroductionRow
from mesh.wire.backup_records import RowsRecord
from sim.bugs.injection import Bug
from sim.patching import Patch

# --- People -------------------------------------------------------------------------------------


def _waiting_again(
    introductions: Introductions,
    voucher: ContactRow,
    id_: bytes,
    verify_key: VerifyKey,
    name: str,
    link: str | None,
    now: Instant,
) -> IntroductionRow:
    """A programmer may think: who is introduced once more may be asked about once more."""
    row = vars(introductions)["_rows"].find_introduction_of(voucher.id, verify_key)
    if row is not None and row.state == "declined":
        introductions._set(replace(row, state="waiting"))
    return _CAME(introductions, voucher, id_, verify_key, name, link, now)


_CAME: Final = Introductions._came


def _not_resumed(sessions: Sessions, contact: ContactId) -> None:
    """A programmer may think: the row says that nobody is blocked, and that is enough."""


# --- What is kept -------------------------------------------------------------------------------


def _kept_behind(files: Files, entry: int) -> None:
    """A programmer may think: files go when their conversation goes."""


def _never_again(files: DirectFiles, row: FileRow) -> None:
    """A programmer may think: who cancelled it does not want it."""
    if row.state != "cancelled":
        _FETCH(files, row)


_FETCH: Final = DirectFiles.fetch


def _without_drafts(vault: Connection) -> Iterator[RowsRecord]:
    """A programmer may think: a draft is nothing that was said."""
    return (record for record in _ROWS_OF(vault) if record.table != "drafts")


_ROWS_OF: Final = portable.rows_of


# --- What is carried ----------------------------------------------------------------------------


def _contacts_first(
    eviction: Eviction, room_bytes: int, expiry_now: UnixSeconds
) -> EnvelopeId | None:
    """The sides are taken in the wrong order."""
    sides = vars(eviction)["_sides"]
    if sides.group_bytes(Group.CONTACTS):
        pools = sides.fullest_near(Group.CONTACTS).pools.values()
        return eviction._heaviest(pools, expiry_now)
    return _FIND_VICTIM(eviction, room_bytes, expiry_now)


_FIND_VICTIM: Final = Eviction._find_victim


def _lost_with_its_carrier(stemming: Stemming, now: Instant) -> None:
    """A programmer may think: what was passed on is in good hands."""
    assert stemming.retirements is not None
    for item, label in stemming.stems.take_due(now):
        if label == ENVELOPES:
            stemming.stems.take(item, is_heard=False)
            stemming.forget([item])
        else:
            retirement = stemming.retirement_stems.retirement(item)
            stemming.retirements.spread_stem(retirement, now)


def _untold(lapsing: Lapsing, number: int) -> None:
    """A programmer may think: nobody asks about words that are gone."""


def _where_it_was_first(
    table: TargetTable, instance: str, addresses: Sequence[Address], now: Instant
) -> bool:
    """A programmer may think: a name that is known is known."""
    return table.find(instance) is None and _PEER_SEEN(table, instance, addresses, now)


_PEER_SEEN: Final = TargetTable.peer_seen


REST: Final[Mapping[str, Bug]] = {
    "vanished-untold": Bug(
        "What became of a message that has disappeared is not told.",
        patches=(Patch(Lapsing, "_lapsed_in_vain", _untold),),
    ),
    "first-address": Bug(
        "Whoever is announced at another address is dialled where they were first.",
        patches=(Patch(TargetTable, "peer_seen", _where_it_was_first),),
    ),
    "declined-again": Bug(
        "Somebody to whom a person said no waits to be answered again.",
        patches=(Patch(Introductions, "_came", _waiting_again),),
    ),
    "found-though-blocked": Bug(
        "A search finds the words of somebody who is blocked.",
        patches=(Patch(search, "_NOT_APART", " AND +{0} > 0"),),
    ),
    "files-left-behind": Bug(
        "The files of what was deleted are still there.",
        patches=(Patch(Files, "erase", _kept_behind),),
    ),
    "unblocked-in-vain": Bug(
        "Nothing is opened of what somebody writes who was blocked and is no longer.",
        patches=(Patch(Sessions, "resume", _not_resumed),),
    ),
    "stem-lost": Bug(
        "What the first carrier takes away with it is never passed on by its author.",
        patches=(Patch(Stemming, "tend", _lost_with_its_carrier),),
    ),
    "contacts-first": Bug(
        "Where room is scarce the mail of contacts goes before that of strangers.",
        patches=(Patch(Eviction, "_find_victim", _contacts_first),),
    ),
    "cancelled-for-ever": Bug(
        "A large file that was cancelled cannot be fetched again.",
        patches=(Patch(DirectFiles, "fetch", _never_again),),
    ),
    "drafts-not-kept": Bug(
        "A backup holds no drafts.",
        patches=(Patch(portable, "rows_of", _without_drafts),),
    ),
}
"""By the names that `--bug` takes."""
