"""Planted bugs of groups: rules of members, keys and words that a programmer could have missed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mesh.content.entry import OperationId
from mesh.group import choice, opening
from mesh.group import rights as rights_module
from mesh.group.choice import KnownEpoch
from mesh.group.cuts import RunHad
from mesh.group.epochs import Announcement, EpochId
from mesh.group.known_epochs import known_epoch
from mesh.group.membership import Membership
from mesh.group.operations import Operation, Role
from mesh.group.payload import GroupPayload, read_payload
from mesh.group.rights import End, Rights, Standing
from mesh.ids import ConversationId, VerifyKey
from mesh.messenger.conversations.group_rules import Told
from mesh.messenger.groups import group as group_module
from mesh.messenger.groups import group_posting, needs, supplies
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.groups.losses import Losses
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.storage.vault.member_names import LastName, MemberNameRows
from mesh.storage.vault.rows import OURSELVES, EntryRow
from sim.bugs.injection import Bug
from sim.patching import Patch

_READERS: Final = Group.readers


def _fit_if_all_read(epoch: KnownEpoch, members: frozenset[VerifyKey]) -> bool:
    """A programmer may think: what matters is that all members can read."""
    is_for_all = (epoch.members or frozenset()) >= members
    return epoch.is_held and epoch.is_consistent and is_for_all and epoch.maker in members


def _fit_whoever_made_it(epoch: KnownEpoch, members: frozenset[VerifyKey]) -> bool:
    """A programmer may think: it is for just the members, so it will do."""
    return epoch.is_held and epoch.members == members and epoch.without <= members


def _order_of_anybodys(
    epoch: KnownEpoch, roles: Mapping[VerifyKey, Role]
) -> tuple[int, int, int, Role, EpochId]:
    """A maker need not be in, so that he has no role."""
    role = roles.get(epoch.maker, Role.MEMBER)
    return epoch.effective_count, -len(epoch.without), epoch.turn, role, epoch.id


def _all_turns(epochs: Iterable[KnownEpoch], roles: Mapping[VerifyKey, Role]) -> list[KnownEpoch]:
    """Nor is there a bound for who has none."""
    return list(epochs)


def _had_below(run: RunHad, number: int) -> bool:
    """A programmer may think: what somebody numbered before was written before."""
    return number < run.below


def _standing_by_ends(rights: Rights, run: int, number: int, *, is_twin: bool = False) -> Standing:
    """Nobody asks whether the operations that an entry names still give its right."""
    return _STANDING(replace(rights, is_now=True), run, number, is_twin=is_twin)


_STANDING: Final = Rights.standing


def _read_unsigned(content: bytes, **given: object) -> GroupPayload:
    """A programmer may think: entries are signed, and who seals has the key."""
    fields = given | {"verify": lambda *_: True}
    return read_payload(content, **fields)  # type: ignore[arg-type]  # the same fields


def _for_all(*_: object) -> bool:
    """A programmer may think: whoever asks is a member, and may have it."""
    return True


def _newer_by_all(
    announcement: Announcement,
    membership: Membership,
    *,
    epoch: EpochId,
    maker: VerifyKey,
    is_held: bool,
    day: int,
) -> KnownEpoch:
    """Each operation makes an epoch newer, whether it counts or not."""
    seen = known_epoch(announcement, membership, epoch=epoch, maker=maker, is_held=is_held, day=day)
    heads = [OperationId(head) for head in announcement.heads]
    if membership.graph.missing(heads):
        return seen
    graph = membership.graph
    count = len(graph.operations(graph.closure(heads)))
    return replace(seen, effective_count=count)


def _held_is_newest(keeper: EpochsKeeper, group: Group, *_: object) -> HeldEpoch | None:
    """A programmer may think: everybody has the newest keys."""
    return group.epochs[-1] if group.epochs else None


def _no_outsiders(group: Group, epoch: HeldEpoch) -> frozenset[VerifyKey]:
    """Nobody thinks of who still reads an epoch from before."""
    return frozenset()


def _readers_but_the_maker(group: Group, epoch: HeldEpoch) -> frozenset[VerifyKey]:
    """The maker of keys, who drew their seed, was given no wrap of it: so he does not count."""
    return _READERS(group, epoch) - {epoch.maker}


def _recipients_now(group: Group, epoch: HeldEpoch) -> frozenset[VerifyKey]:
    """A programmer may think: who was added in vain was never given any keys."""
    return group.recipients(epoch) | {epoch.maker}


def _read_by_none(membership: Membership, operation: Operation) -> bool:
    """The others count as before when an operation comes late."""
    return True


def _all_told(receipts: GroupReceipts, row: EntryRow, members: Sequence[VerifyKey]) -> Told:
    """A programmer may think: it left, so it has come to all."""
    return Told(told=len(members)) if row.author == OURSELVES else Told()


def _named_by_anybody(
    rows: MemberNameRows, conversation: ConversationId, bearer: bytes
) -> LastName | None:
    """A programmer may think: there is one name to a register."""
    return max(rows._read(conversation).values(), key=lambda last: last.entry, default=None)


def _nothing_lost(*_: object) -> None:
    """Nobody thinks of a vault that is put back."""


def _no_use(*_: object) -> str:
    """Take it that nothing stands under our next number."""
    return "none"


def _no_ends(*_: object, **__: object) -> tuple[End, ...]:
    """Let nothing end what somebody may."""
    return ()


GROUP_MUTANTS: Final[Mapping[str, Bug]] = {
    "keys-for-more": Bug(
        "A group writes under keys that all members hold, and perhaps others too.",
        patches=(Patch(choice, "is_fit", _fit_if_all_read),),
    ),
    "made-by-anybody": Bug(
        "A group writes under keys for just its members, though somebody who is out made them.",
        patches=(
            Patch(choice, "is_fit", _fit_whoever_made_it),
            Patch(choice, "order_of", _order_of_anybodys),
            Patch(needs, "order_of", _order_of_anybodys),
            Patch(choice, "within_turns", _all_turns),
            Patch(Group, "readers", _readers_but_the_maker),
        ),
    ),
    "holes-unheeded": Bug(
        "What somebody numbered below the last of what was had of him counts as had.",
        patches=(Patch(RunHad, "has", _had_below),),
    ),
    "now-unasked": Bug(
        "Words count by what their author could know, and nobody asks whether it still holds.",
        patches=(Patch(Rights, "standing", _standing_by_ends),),
    ),
    "controls-unsigned": Bug(
        "What somebody's keys open is taken for his, whoever sealed it.",
        patches=(Patch(opening, "read_payload", _read_unsigned),),
    ),
    "given-to-all": Bug(
        "What a member lacks is given to whoever asks, also what was said before they came.",
        patches=(
            Patch(supplies, "may_have", _for_all),
            Patch(group_posting, "may_have", _for_all),
        ),
    ),
    "void-makes-newer": Bug(
        "Operations that do not count make the keys of a group newer too.",
        patches=(Patch(group_module, "known_epoch", _newer_by_all),),
    ),
    "keys-under-newest": Bug(
        "New keys of a group are posted under the newest ones, whoever holds these.",
        patches=(Patch(EpochsKeeper, "held_by", _held_is_newest),),
    ),
    "outsiders-unseen": Bug(
        "Nobody looks who can still read what is posted under keys of before.",
        patches=(Patch(Group, "outsiders", _no_outsiders),),
    ),
    "guests-forgotten": Bug(
        "Who was added in vain is not looked at as a reader of the keys that he holds.",
        patches=(Patch(Group, "readers", _recipients_now),),
    ),
    "late-operation": Bug(
        "An operation that comes late changes nothing of what counts beside it.",
        patches=(Patch(Membership, "_is_read_by_none", _read_by_none),),
    ),
    "set-back-unseen": Bug(
        "A vault that was put back goes on in its groups as if nothing had happened.",
        patches=(
            Patch(Losses, "look", _nothing_lost),
            Patch(Losses, "own_entry", _nothing_lost),
            Patch(Losses, "own_operation", _nothing_lost),
            Patch(OwnPlaces, "use_of", _no_use),
        ),
    ),
    "ends-unheeded": Bug(
        "What somebody writes in a group counts who was removed elsewhere.",
        patches=(Patch(rights_module, "ends_of", _no_ends),),
    ),
    "named-by-anybody": Bug(
        "A member is called by the name that was heard last, whoever told it.",
        patches=(Patch(MemberNameRows, "find", _named_by_anybody),),
    ),
    "told-by-all": Bug(
        "What was written in a group is told to be on all devices.",
        patches=(Patch(GroupReceipts, "told", _all_told),),
    ),
}
"""By the names that `--bug` takes."""
