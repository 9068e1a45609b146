"""Repair: when a node asks for what is missing, and when it answers, as pure functions.

Implements `docs/protocol/groups.md`, section "Repair". Nobody is asked by name: ranks wait, and
what was said meanwhile ends the waiting.
"""

from collections.abc import Iterable, Mapping, Sequence

from mesh.content.entry import Kind, OperationId
from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.hashing import blake2b
from mesh.group.membership import Membership
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_repair import (
    ANSWER_RANK_PAUSE,
    ANSWERED_AFTER,
    ANSWERERS_HEARD,
    ASKED_AFTER,
    ASKED_AFTER_MAX,
    ASKED_AFTER_MIN,
    ASKED_AGAIN,
    ASKED_RANK_PAUSE,
)

_RANK_BYTES = 8


def asked_after(rank: int, entropy: Entropy, *, is_waited_for: bool) -> int:
    """Return after how many seconds something is asked for first; `is_waited_for`: an entry cannot
    be judged without it.
    """
    if is_waited_for:
        return min(ASKED_AFTER + rank * ASKED_RANK_PAUSE, ASKED_AFTER_MAX)
    return ASKED_AFTER_MIN + uniform_below(entropy, ASKED_AFTER_MAX - ASKED_AFTER_MIN + 1)


def asked_again(asked_count: int) -> int | None:
    """Return after how many seconds it is asked for again; None: never, it is a gap."""
    return ASKED_AGAIN[asked_count - 1] if asked_count <= len(ASKED_AGAIN) else None


def answered_after(
    wanted: bytes,
    me: VerifyKey,
    heard: Mapping[VerifyKey, UnixSeconds],
    mesh_now: UnixSeconds,
    *,
    first: Iterable[VerifyKey] = (),
) -> int:
    """Return after how many seconds we answer, if nobody does before. `heard`: when each other
    member was; `first`: who comes before all.

    The order is another one for each thing, so that no member answers all.
    """
    present = [key for key, at in heard.items() if mesh_now - at <= ANSWERERS_HEARD]
    ahead = frozenset(first)
    mine = _order(wanted, me, ahead)
    rank = sum(_order(wanted, key, ahead) < mine for key in present if key != me)
    return ANSWERED_AFTER + rank * ANSWER_RANK_PAUSE


def may_have(
    membership: Membership,
    kind: int,
    operations: Sequence[bytes],
    readers: Iterable[VerifyKey],
) -> bool:
    """Say whether an entry of a kind that names these operations may be handed on to some people:
    if all were members when it was written. What takes words back holds none, and is for all; a
    name is for all members, of whom a later one could call its bearer otherwise.
    """
    if kind in (Kind.RETRACT, Kind.HIDE):
        return True
    if kind == Kind.NAME:
        return all(reader in membership.members for reader in readers)
    named = [OperationId(each) for each in operations]
    if not named or membership.graph.missing(named):
        return False
    view = membership.named(named)
    return all(view.is_in(reader) for reader in readers)


def _order(wanted: bytes, key: VerifyKey, ahead: frozenset[VerifyKey]) -> tuple[bool, bytes]:
    return key not in ahead, blake2b(wanted, key, b"mesh/grp/turn", _RANK_BYTES)
