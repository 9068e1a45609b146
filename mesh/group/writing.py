"""Making operations: whether a person may, in words.

Implements `docs/protocol/groups.md`, section "Making operations". What is refused here would not
count, or is beyond a limit that binds only who keeps it.
"""

from collections.abc import Callable, Mapping, Sequence

from mesh.content.entry import OperationId
from mesh.errors import UserError
from mesh.group.graph import Act
from mesh.group.membership import Membership, effective_count, would_count
from mesh.group.naming import parents_for
from mesh.group.operations import (
    Action,
    Add,
    Create,
    Leave,
    Remove,
    Role,
    RoleChange,
    encode_operation,
)
from mesh.group.settings import SettingsChange
from mesh.group.solving import adding_role
from mesh.ids import VerifyKey
from mesh.limits.groups import (
    MEMBERS_MAX,
    OPERATION_BYTES_MAX,
    OPERATIONS_MAX,
    OWNERS_MAX,
    PERSONS_PER_OPERATION_MAX,
    UNDO_MAX,
)
from mesh.wire.payload import HLC_COUNTER_BITS

_FORBIDDEN = "forbidden"
_KEY_DIGITS = 8

Called = Callable[[str, bytes], str]
"""Return by what a person is shown who gave himself a name, and has a member key: any name may
stand in a record.
"""


# --- Whether a person may -----------------------------------------------------------------------


def by_key(_name: str, key: bytes) -> str:
    """Return the beginning of a key, where nobody says which names can be shown."""
    return key.hex()[:_KEY_DIGITS]


def check_action(
    membership: Membership, author: VerifyKey, action: Action, *, called: Called = by_key
) -> None:
    """Raise UserError, with a sentence for people, unless an action of this author would count."""
    check_allowed(membership, author, action, called=called)
    if not would_count(membership, author, action, parents_for(membership, author, action)):
        raise UserError(
            "too-many", "Too much was changed in this group at once: try again in some minutes."
        )


def check_allowed(
    membership: Membership, author: VerifyKey, action: Action, *, called: Called = by_key
) -> None:
    """Raise UserError unless an action of this author would count, now or in some minutes."""
    if author not in membership.members:
        raise UserError(_FORBIDDEN, "You are not in this group any more.")
    is_full = effective_count(membership) >= OPERATIONS_MAX
    if is_full and not _is_ending(membership, author, action):
        raise UserError(
            "too-many", "This group has changed too often to be changed again: make a copy of it."
        )
    match action:
        case Add():
            _check_add(membership, author, action, called)
        case Remove(removals=removals):
            for removal in removals:
                _check_remove(membership, author, VerifyKey(removal.key), called)
        case RoleChange():
            _check_role(membership, author, action, called)
        case SettingsChange():
            _check_set(membership, author, action)
        case Leave():
            pass
        case Create():
            raise UserError("exists", "This group is there already.")


def _is_ending(membership: Membership, author: VerifyKey, action: Action) -> bool:
    """Say whether an action takes somebody out, or power from him, or is what the last owner does
    before he leaves. A full group is no trap: else any admin could fill it, and stay.
    """
    match action:
        case Leave() | Remove():
            return True
        case RoleChange(key=key, role=Role.OWNER):
            return key == _heir(membership, author)
        case RoleChange(key=key, role=role):
            return role <= membership.view.role(VerifyKey(key))
        case _:
            return False


def may_do(membership: Membership, author: VerifyKey, action: Action) -> bool:
    """Say whether an action of this author would count, and no limit is against it."""
    try:
        check_action(membership, author, action)
    except UserError:
        return False
    return True


def room_left(membership: Membership) -> int:
    """Return how many more may be added."""
    return max(0, MEMBERS_MAX - len(membership.members))


def _check_add(membership: Membership, author: VerifyKey, action: Add, called: Called) -> None:
    if membership.members[author].role < adding_role(membership.view):
        raise UserError(_FORBIDDEN, "Only admins add people to this group.")
    for record in action.records:
        key, name = VerifyKey(record.key), called(record.name, record.key)
        if key in membership.members:
            raise UserError("exists", f"{name} is in this group already.")
        person = membership.graph.person(key)
        if (person.removals | person.leaves) & membership.view.acts:
            raise UserError(
                "gone", f"{name} was in this group and has to come back under a new key."
            )
    if len(action.records) > room_left(membership):
        raise UserError("too-many", f"A group has at most {MEMBERS_MAX} members.")


def _check_remove(
    membership: Membership, author: VerifyKey, key: VerifyKey, called: Called
) -> None:
    own, view = membership.members[author].role, membership.view
    name = called(name_of(membership, key), key)
    if own < Role.ADMIN:
        raise UserError(_FORBIDDEN, "Only admins and owners remove people.")
    if key == author:
        raise UserError(_FORBIDDEN, "You cannot remove yourself: leave the group.")
    if view.is_owner(key):
        raise UserError(
            _FORBIDDEN, f"{name} is an owner, and an owner cannot be removed: make a copy without."
        )
    if own < Role.OWNER and view.role(key) >= Role.ADMIN:
        raise UserError(_FORBIDDEN, f"{name} is an admin: only owners remove admins.")


def _check_role(
    membership: Membership, author: VerifyKey, action: RoleChange, called: Called
) -> None:
    key, view = VerifyKey(action.key), membership.view
    own, name = membership.members[author].role, called(name_of(membership, key), key)
    if key == author:
        if action.role >= own:
            raise UserError(_FORBIDDEN, "You can only step down by yourself.")
        return
    if own < Role.OWNER:
        raise UserError(_FORBIDDEN, "Only owners give and take roles.")
    if action.role is Role.OWNER:
        owners = [each for each in membership.members.values() if each.role is Role.OWNER]
        if not view.is_owner(key) and len(owners) >= OWNERS_MAX:
            raise UserError("too-many", f"A group has at most {OWNERS_MAX} owners.")
    elif view.is_owner(key):
        raise UserError(
            _FORBIDDEN, f"{name} is an owner: ownership cannot be taken away, only laid down."
        )


def _check_set(membership: Membership, author: VerifyKey, action: SettingsChange) -> None:
    role = membership.members[author].role
    if role < Role.ADMIN:
        raise UserError(_FORBIDDEN, "Only admins and owners change the settings of this group.")
    if "closed" in action.items() and role < Role.OWNER:
        raise UserError(_FORBIDDEN, "Only owners close a group, or open it again.")


def name_of(membership: Membership, key: VerifyKey) -> str:
    """Return the name in somebody's first record, also if he is no member; UserError if none."""
    records = membership.graph.records(key)
    if not records:
        raise UserError("not-found", "Nobody in this group has that key.")
    return records[0][0].record.name


# --- Making -------------------------------------------------------------------------------------


def leaving(membership: Membership, author: VerifyKey, told: Leave) -> list[RoleChange | Leave]:
    """Return the actions by which somebody leaves: the last owner first makes another one."""
    heir = _heir(membership, author)
    first = [] if heir is None else [RoleChange(heir, Role.OWNER, None, ())]
    return [*first, told]


def packed(removals: Remove) -> list[Remove]:
    """Return a removal as so many as fit their posts: cuts may be long."""
    found: list[Remove] = []
    waiting = list(removals.removals)
    while waiting:
        count = min(len(waiting), PERSONS_PER_OPERATION_MAX)
        while count > 1 and _post_bytes(Remove(tuple(waiting[:count]))) > OPERATION_BYTES_MAX:
            count //= 2
        found.append(Remove(tuple(waiting[:count])))
        waiting = waiting[count:]
    return found


def undo_since(
    membership: Membership,
    key: VerifyKey,
    since_ms: int,
    received_ms: Mapping[OperationId, int],
) -> tuple[OperationId, ...]:
    """Return the last operations of somebody that still count if all is undone from a moment on:
    all that claims to be of then or later, came then or later, or follows such a one of his.
    """
    graph = membership.graph
    own = graph.person(key).own
    late = 0
    for act in graph.of(own):
        claimed_ms = act.operation.clock >> HLC_COUNTER_BITS
        if max(claimed_ms, received_ms[act.operation.id]) >= since_ms:
            late |= act.bit
    kept = 0
    for act in graph.of(own & ~late):
        if not act.ancestors & late:
            kept |= act.bit
    last = sorted(graph.latest(kept), key=_weight, reverse=True)
    return tuple(dict.fromkeys(act.operation.id for act in last))[:UNDO_MAX]


def _weight(act: Act) -> tuple[int, bytes]:
    return act.ancestors.bit_count(), act.operation.id


def _heir(membership: Membership, author: VerifyKey) -> VerifyKey | None:
    """Return who becomes an owner before the last one leaves; None if there are others, or none."""
    members = membership.members
    if not membership.view.is_owner(author):
        return None
    others: Sequence[VerifyKey] = [key for key in membership.makers if key != author]
    is_last = all(members[key].role < Role.OWNER for key in others)
    return others[0] if is_last and others else None


def _post_bytes(action: Remove) -> int:
    """Return the length of a post with this action, at most."""
    parents = tuple(OperationId(bytes(32)) for _ in range(8))
    return len(
        encode_operation(
            action, clock=1 << 61, seq=1 << 31, parents=parents, seen=tuple(parents[:4])
        )
    )
