"""The bounds of a node: memory and dials (S10).

Memory is counted from outside, by a *census*: from an engine through the objects of `mesh` that it
holds, every container with its length, under the name of the class and attribute that holds it.
What a function is bound to, or has taken from around it, is held by whoever holds the function. So
a table that somebody adds is counted from its first day. A container may hold as many things as
are in the node's databases, and a few more; the tables that are bounded by a number of their own
stand in `CAPS` with it.
"""

from collections import deque
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Final

from mesh.database import Connection
from mesh.engine.engine import Engine
from mesh.limits.admission import SIGNATURES_REMEMBERED, STAMP_VERDICTS_REMEMBERED
from mesh.limits.contacts import CONTACTS_MAX
from mesh.limits.invites import INVITE_TAGS, INVITES_MAX
from mesh.limits.link import FIRST_MESSAGES_REMEMBERED, FRAME_BYTES_MAX, LINKS_MAX
from mesh.limits.peering import CANDIDATES_MAX
from mesh.limits.replication import (
    DO_NOT_WANT_IDS_MAX,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    RECENT_IDS_MAX,
    REFUSED_IDS_MAX,
    SENDING_IDS_PER_LINK_MAX,
    WANTS_PER_LINK_MAX,
)
from mesh.limits.retirements import ORPHANED_RETIREMENTS_MAX, RETIREMENTS_PENDING_MAX
from mesh.limits.sessions import SESSIONS_PER_CONTACT_MAX, TAG_WINDOW
from mesh.limits.stems import STEMS_MAX, STEMS_PER_LINK_MAX
from mesh.wire.retirement import RETIREMENTS_PER_ENVELOPE_MAX
from sim.invariants.invariants import S10, BrokenInvariant

FREE_ENTRIES: Final = 512
"""What any table may hold, however little is stored: a page of ids."""

PER_ROW: Final = 2
"""A table may hold so many entries for each row that is stored."""

DIALS_PER_MINUTE_MAX: Final = 30
"""To one host, in one life of both: a restart of either begins anew. A backoff from two seconds on
makes six; a new name begins anew too."""

_EXPECTED_TAGS_MAX: Final = (
    INVITES_MAX * INVITE_TAGS + CONTACTS_MAX * SESSIONS_PER_CONTACT_MAX * TAG_WINDOW
)

CAPS: Final[Mapping[str, int]] = {
    "FirstMessages._seen": FIRST_MESSAGES_REMEMBERED,
    "WantList._missing": MISSING_IDS_MAX,
    "Declined._refused": REFUSED_IDS_MAX,
    "Declined._held_back": RETIREMENTS_PENDING_MAX
    + RETIREMENTS_PER_ENVELOPE_MAX * ORPHANED_RETIREMENTS_MAX,
    "DueIds._heap": 2 * MISSING_IDS_MAX,
    "DueIds._times": MISSING_IDS_MAX,
    "_LinkState.offered": OFFERED_IDS_PER_LINK_MAX,
    "Requests._asked_lately": WANTS_PER_LINK_MAX,
    "_LinkState.unwanted": DO_NOT_WANT_IDS_MAX,
    "FairQueue._waiting": SENDING_IDS_PER_LINK_MAX,
    "_LinkState.announcing": SENDING_IDS_PER_LINK_MAX,
    "_LinkState.announcing_live": SENDING_IDS_PER_LINK_MAX,
    "EagerLinks._recent": RECENT_IDS_MAX,
    "LinkRaces._announced": RECENT_IDS_MAX,
    # Bytes, and not entries: a frame that is not whole yet, and what was read at once.
    "_LengthPrefixed._buffer": 2 * FRAME_BYTES_MAX,
    "Retiring._orphans": ORPHANED_RETIREMENTS_MAX,
    "Stems._stems": STEMS_MAX,
    "Stems._queue": 2 * STEMS_MAX + STEMS_PER_LINK_MAX,
    "Admission._stamps": STAMP_VERDICTS_REMEMBERED,
    "Admission._signed": SIGNATURES_REMEMBERED,
    "TargetTable._by_name": CANDIDATES_MAX,
    "Duplicates._waiting": LINKS_MAX,
    "Counters.by_name": 1_000,
    "TagIndex._places": _EXPECTED_TAGS_MAX,
    "Ours.tags": _EXPECTED_TAGS_MAX,
}
"""By class and attribute: the bound that `mesh.limits` gives it."""


_CONTAINERS: Final = (dict, list, set, frozenset, deque, bytearray)
_PLAIN: Final = frozenset({bool, int, float, str, bytes})

_place_of: Final = object.__hash__
"""Differs for any two objects that live, and tells no audit hook as `id` does: the purity guards
have one, and a call of it for each object was most of a census."""


def census(engine: Engine) -> dict[str, int]:
    """The length of the longest container of each name, within one engine."""
    longest: dict[str, int] = {}
    seen: dict[int, None] = {}
    waiting: list[object] = [engine]
    while waiting:
        holder = waiting.pop()
        place = _place_of(holder)
        if place in seen:
            continue
        seen[place] = None
        for name, held in _attributes(holder):
            if held is None or type(held) in _PLAIN:
                continue
            if isinstance(held, _CONTAINERS):
                words = f"{type(holder).__name__}.{name}"
                longest[words] = max(longest.get(words, 0), len(held))
                inner = held.values() if isinstance(held, dict) else held
                kinds = {} if isinstance(held, bytearray) else dict.fromkeys(map(type, inner))
                if any(_is_kind_ours(kind) for kind in kinds):
                    waiting += [one for one in inner if _is_kind_ours(type(one))]
            elif _place_of(held) not in seen and _is_kind_ours(type(held)):
                waiting.append(held)
    return longest


def require_bounded(node: int, engine: Engine, store: Connection, vault: Connection) -> None:
    """S10: no table of an engine has outgrown what is stored, or its own bound."""
    known = len(engine.replicator.sets)
    elements = _rows(store, "envelopes") + _rows(store, "retirements")
    if known > elements:
        detail = f"{known} envelopes and retirements are known, and {elements} are stored"
        raise BrokenInvariant(S10, detail, node)
    free = FREE_ENTRIES + PER_ROW * (_all_rows(store) + _all_rows(vault))
    for words, count in census(engine).items():
        allowed = max(free, CAPS.get(words, 0))
        if count > allowed:
            raise BrokenInvariant(S10, f"{words} holds {count} entries of {allowed}", node)


def require_patient(
    dials: Mapping[tuple[int, str, int], int], honest: Mapping[int, object]
) -> None:
    """S10: nobody dials one host again and again; `dials` are of a minute and of two lives."""
    for (node, host, _), count in dials.items():
        if count > DIALS_PER_MINUTE_MAX and node in honest:
            raise BrokenInvariant(S10, f"{host} was dialled {count} times within a minute", node)


def _attributes(holder: object) -> list[tuple[str, object]]:
    if isinstance(holder, MethodType):
        return [("__self__", holder.__self__)]
    if isinstance(holder, FunctionType):
        if not holder.__module__.startswith("mesh."):
            return []
        cells = zip(holder.__code__.co_freevars, holder.__closure__ or (), strict=True)
        return [(name, cell.cell_contents) for name, cell in cells]
    held = list(getattr(holder, "__dict__", {}).items())
    return held + [(name, getattr(holder, name, None)) for name in _slots_of(type(holder))]


def _slots_of(kind: type[object]) -> tuple[str, ...]:
    known = _SLOTS.get(kind)
    if known is None:
        names: list[str] = []
        for base in kind.__mro__:
            slots = vars(base).get("__slots__", ())
            names += [slots] if isinstance(slots, str) else list(slots)
        known = _SLOTS[kind] = tuple(names)
    return known


def _is_kind_ours(kind: type[object]) -> bool:
    known = _OURS.get(kind)
    if known is None:
        module = kind.__module__
        is_below = module.startswith(("mesh.storage", "mesh.wire"))
        is_function = kind in (MethodType, FunctionType)
        known = _OURS[kind] = is_function or (module.startswith("mesh.") and not is_below)
    return known


# A census meets a million objects of a hundred kinds: each kind is looked at once in a process.
_SLOTS: Final[dict[type[object], tuple[str, ...]]] = {}
_OURS: Final[dict[type[object], bool]] = {}


def _rows(database: Connection, table: str) -> int:
    row = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 (a name of the schema)
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def _all_rows(database: Connection) -> int:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return sum(_rows(database, str(table)) for (table,) in tables)
