"""Chores about groups: links into them, who knocks, receipts, copies, what did not count."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.conversations import ReadItems
from mesh.commands.group_links import (
    AnswerKnock,
    AskGroupLinks,
    AskKnocks,
    CreateGroupLink,
    GroupLinkAnswer,
    JoinGroup,
    KnocksAnswer,
    RevokeGroupLink,
)
from mesh.commands.groups import (
    AskGroup,
    AskGroupLog,
    AskGroups,
    AskMembers,
    BeKnownInGroup,
    ChangeGroup,
    CopyGroup,
    ForgetGroup,
    GroupAnswer,
    GroupsAnswer,
    KeepInGroup,
    LeaveGroup,
    MakeGroup,
    MembersAnswer,
    MembershipsAnswer,
    RemoveMember,
    RepeatInGroup,
    SetGroupReceipts,
    TellsReceipts,
)
from mesh.commands.item_commands import AskItems, HideItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from sim.kernel.entropy import Chance
from sim.users.chores import Chore, Home, nothing
from sim.users.group_doings import decline
from sim.users.user import User

ADMITTED_SHARE: Final = 0.8
ANSWERED_AFTER_US: Final = (6_000_000, 12_000_000, 20_000_000)
"""So long after a link was given whoever made it looks who stands at it."""

REVOKED_AFTER_US: Final = 30_000_000
REMOVED_SHARE: Final = 0.5
TELLS: Final[Sequence[TellsReceipts]] = ("nothing", "held", "read")


def _in_a_group(user: User, chance: Chance, do: Callable[[GroupAnswer], None]) -> None:
    """Do something with one of the groups that somebody is in."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        groups = [group for group in answer.groups if group.state == "in"]
        if groups:
            do(chance.pick(groups))

    user.ask(AskGroups(), seen)


def _in_own_group(user: User, chance: Chance, do: Callable[[GroupAnswer], None]) -> None:
    """Do something with a group that somebody owns; who has none makes one."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        groups = [one for one in answer.groups if one.state == "in" and one.role == "owner"]
        if groups:
            do(chance.pick(groups))
        else:
            asked = tuple(user.contacts.values())[:1]
            user.ask(MakeGroup(f"circle {chance.below(1_000)}", asked), made)

    def made(answer: Answer) -> None:
        assert isinstance(answer, GroupAnswer)
        do(answer)

    user.ask(AskGroups(), seen)


def link(home: Home, user: User, chance: Chance) -> None:
    """Give somebody a link into a group; they knock, and are admitted or refused."""

    def found(group: GroupAnswer) -> None:
        needs_approval = chance.is_true(0.6)
        command = CreateGroupLink(group.conversation, 3, needs_approval=needs_approval)
        user.ask(command, partial(given, group.conversation))

    def given(group: int, answer: Answer) -> None:
        assert isinstance(answer, GroupLinkAnswer)
        other = chance.pick(home.users.present)
        if other is not user and other.node.is_up and other.identity_key:
            other.ask(JoinGroup(answer.link, note="let me in"), nothing)
        for after_us in ANSWERED_AFTER_US:
            is_admitted = chance.is_true(ADMITTED_SHARE)
            home.loop.after(after_us, partial(_answer_knocks, user, group, is_admitted))
        revoke = partial(user.ask, RevokeGroupLink(group, answer.number), nothing)
        home.loop.after(REVOKED_AFTER_US, revoke)
        user.ask(AskGroupLinks(group), nothing)

    _in_own_group(user, chance, found)


def _answer_knocks(user: User, group: int, is_admitted: bool) -> None:
    def seen(answer: Answer) -> None:
        assert isinstance(answer, KnocksAnswer)
        for knock in answer.knocks:
            user.ask(AnswerKnock(group, knock.knock, is_admitted), nothing)

    if user.node.is_up:
        user.ask(AskKnocks(group), seen)


def choose_receipts(home: Home, user: User, chance: Chance) -> None:
    """Choose what a group learns of what came and was read, and read it."""

    def found(group: GroupAnswer) -> None:
        number = group.conversation
        tells = chance.pick(TELLS)
        home.tokens.choosing(user.node.index, number)
        user.ask(SetGroupReceipts(number, tells), partial(chosen, tells))
        user.ask(AskItems(number), partial(seen, number))

    def chosen(tells: str, answer: Answer) -> None:
        assert isinstance(answer, GroupAnswer)
        home.tokens.chose(user.node.index, answer.conversation, tells)

    def seen(number: int, answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        if answer.items:
            user.ask(ReadItems(number, answer.items[-1].number), nothing)

    _in_a_group(user, chance, found)


def be_known(home: Home, user: User, chance: Chance) -> None:
    """Let contacts in a group recognise oneself, or not."""

    def found(group: GroupAnswer) -> None:
        user.ask(BeKnownInGroup(group.conversation, chance.is_true(0.5)), nothing)
        user.ask(AskGroup(group.conversation), nothing)

    _in_a_group(user, chance, found)


def copy(home: Home, user: User, chance: Chance) -> None:
    """Make a new group like one."""
    _in_a_group(user, chance, lambda group: user.ask(CopyGroup(group.conversation), nothing))


def hide(home: Home, user: User, chance: Chance) -> None:
    """Put something on the board of one's own group, hide it, and show it again."""

    def found(group: GroupAnswer) -> None:
        notice = WriteItem(group.conversation, "notice", text=f"notice {chance.below(1_000)}")
        user.ask(notice, written)

    def written(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        user.ask(HideItem(answer.number, is_on=True), nothing)
        home.later(user, chance, partial(user.ask, HideItem(answer.number, is_on=False), nothing))

    _in_own_group(user, chance, found)


def lead(home: Home, user: User, chance: Chance) -> None:
    """Set something in one's own group, and perhaps remove somebody, who writes before they know of
    it: that is kept a while later.
    """

    def found(group: GroupAnswer) -> None:
        about = f"about {chance.below(1_000)}"
        user.ask(ChangeGroup(group.conversation, about=about), nothing)
        user.ask(AskMembers(group.conversation), partial(seen, group))

    def seen(group: GroupAnswer, answer: Answer) -> None:
        assert isinstance(answer, MembersAnswer)
        others = [member for member in answer.members if not member.is_me]
        if not others or not chance.is_true(REMOVED_SHARE):
            return
        whom = chance.pick(others)
        friend = user.authors.get(whom.contact)
        if friend is not None:
            _begin_in(home.users.everybody[friend], group.gid)
        user.ask(RemoveMember(group.conversation, whom.member), nothing)
        home.later(user, chance, partial(_keep_all, user, group.conversation))

    _in_own_group(user, chance, found)


def _begin_in(user: User, gid: str) -> None:
    """Put something on the board of a group, if one is in it."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        for group in answer.groups:
            if group.gid == gid and group.state == "in":
                user.ask(WriteItem(group.conversation, "task", title="last task"), nothing)

    if user.node.is_up and not user.is_gone:
        user.ask(AskGroups(), seen)


def _keep_all(user: User, group: int) -> None:
    """Keep what came since of those whom one removed."""

    def looked(answer: Answer) -> None:
        assert isinstance(answer, MembershipsAnswer)
        for one in answer.operations:
            if one.keep:
                user.ask(KeepInGroup(group, one.id), nothing)

    user.ask(AskGroupLog(group), looked)


def turn_down(home: Home, user: User, chance: Chance) -> None:
    """Do not join the groups into which one is asked."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        for group in answer.groups:
            if group.state == "invited":
                decline(user, group, nothing)

    user.ask(AskGroups(), seen)


def give_up(home: Home, user: User, chance: Chance) -> None:
    """Make a group, leave it at once, and delete all of it here."""

    def made(answer: Answer) -> None:
        assert isinstance(answer, GroupAnswer)
        user.ask(LeaveGroup(answer.conversation), left)

    def left(answer: Answer) -> None:
        assert isinstance(answer, GroupAnswer)
        user.ask(ForgetGroup(answer.conversation), nothing)

    user.ask(MakeGroup(f"idea {chance.below(1_000)}"), made)


def repeat(home: Home, user: User, chance: Chance) -> None:
    """Do again in all groups what did not count there."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        for group in answer.groups:
            if group.state == "in":
                log = partial(looked, group.conversation)
                user.ask(AskGroupLog(group.conversation), log)

    def looked(number: int, answer: Answer) -> None:
        assert isinstance(answer, MembershipsAnswer)
        for one in answer.operations:
            if one.repeat:
                user.ask(RepeatInGroup(number, one.id), nothing)

    user.ask(AskGroups(), seen)


GROUP_CHORES: Final[Mapping[str, Chore]] = {
    "link": link,
    "choose-receipts": choose_receipts,
    "be-known": be_known,
    "copy": copy,
    "hide": hide,
    "lead": lead,
    "turn-down": turn_down,
    "give-up": give_up,
    "repeat": repeat,
}
