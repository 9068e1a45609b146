"""Doings of users in groups: all that a person can do with one.

Who does something looks at the groups of their node, and at the members or items of one, and
chooses among what is shown. So nothing here knows what a node should show: after a crash or a disk
that was put back people go on with what is there. Every doing has a stream of chance of its own, so
that one that is left out does not shift the others.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.group_links import CreateGroupLink, GroupLinkAnswer, JoinGroup
from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroupLog,
    AskGroups,
    AskMembers,
    ChangeGroup,
    DeclineGroup,
    ForgetGroup,
    GroupAnswer,
    GroupsAnswer,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    MemberAnswer,
    MembersAnswer,
    MembershipAnswer,
    MembershipsAnswer,
    RemoveMember,
    RoleName,
    RotateGroup,
    SetMemberRole,
)
from mesh.commands.item_commands import (
    AskItems,
    EditItem,
    HideItem,
    PinItem,
    ReactToItem,
    RetractItem,
    WriteItem,
)
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX as PAGE
from sim.invariants.group_log import GroupLog, GroupText
from sim.invariants.group_news import OUT, require_declined, require_labels
from sim.invariants.groups import GroupView
from sim.invariants.invariants import S24, BrokenInvariant
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.scenario import Scenario
from sim.users.doings import EMOJI, RECENT_COUNT, about, begun
from sim.users.group_extras import GroupExtras
from sim.users.group_names import call_oneself, names_at
from sim.users.user import Then, User
from sim.users.users import Users

ACCEPTED_SHARE: Final = 0.9
FORGOTTEN_SHARE: Final = 0.1
TEXTS_SHARE: Final = 0.6
"""So much of what is not about the group itself is texts."""

UNDONE_SHARE: Final = 0.5
"""Of removals: so many undo what the removed one did lately."""

UNDONE_S: Final = 60
MEMBERS_SHARE: Final = 0.9
"""So often plain members do what they may; else they are refused."""

ASKED_MAX: Final = 8
ROLES: Final[tuple[RoleName, ...]] = ("member", "admin", "admin", "owner")
IN: Final = ("in", "waiting-for-keys")


Shown = Callable[[User, str, Sequence[ItemAnswer]], None]
"""Told of what somebody sees of a group."""


class GroupDoings:
    """All that users do in groups. `log` knows what they write there."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        users: Users,
        scenario: Scenario,
        log: GroupLog,
        shown: Shown,
    ) -> None:
        self._seed = seed
        self._loop = loop
        self._users = users
        self._only = scenario.only
        self._table = scenario.workload.groups
        self._between_us = tuple(round(s * 1_000_000) for s in scenario.workload.write_between_s)
        probes_at_s = scenario.heals_at_s if scenario.probe_s else scenario.quiet_at_s
        self.probes_at = round(probes_at_s * 1_000_000)
        self._log = log
        self._shown = shown
        self._chance = Chance(seed, "groups")
        self.planned_count = 0
        """Of doings, whether they could be done or not; those that make a group are the first."""

        self.counts: dict[str, int] = {}
        """How often each kind of command was answered."""

        self.news = users.group_news
        self.extras = GroupExtras(
            seed=seed,
            loop=loop,
            users=users,
            scenario=scenario,
            log=log,
            counted=self._count,
        )
        self.views: dict[tuple[int, str], GroupView] = {}
        """(who, which group) -> what the node shows at the end."""

    def plan(self) -> None:
        """Plan all that is done."""
        if self._table is None:
            return
        self._loop.at(self.probes_at, self._probe_all)
        self.extras.plan()
        begin, end = self._between_us
        within_us = (end - begin) // 10
        if self._table.made_within_s is not None:
            within_us = round(self._table.made_within_s * 1_000_000)
        for _ in range(self._table.count):
            self._plan_one(self._chance.between(begin, begin + within_us), self._make)
        mean_us = 1_000_000 / self._table.per_second
        when = begin + self._chance.exponential(mean_us)
        while when < end:
            self._plan_one(when, self._look)
            when += self._chance.exponential(mean_us)
        for when in names_at(self._seed, self._table, begin, end):
            self._plan_one(when, partial(call_oneself, self._count))

    def _probe_all(self) -> None:
        """Everybody writes into all groups in which they are."""
        for user in self._users.present:
            user.ask(AskGroups(), partial(self._probe, user))

    def _plan_one(self, when: int, do: Callable[[User, Chance], None]) -> None:
        number = self.planned_count
        self.planned_count += 1
        if self._only.deeds is None or number in self._only.deeds:
            self._loop.at(when, partial(self._begin, number, do))

    def _begin(self, number: int, do: Callable[[User, Chance], None]) -> None:
        chance = Chance(self._seed, "group doing", number)
        user = chance.pick(self._users.everybody)
        if user.node.is_up and self._only.has_node(user.index) and not user.is_gone:
            do(user, chance)

    # --- A group --------------------------------------------------------------------------------

    def _make(self, user: User, chance: Chance) -> None:
        assert self._table is not None
        size = chance.between(*self._table.members)
        if self._table.by_link:
            made = partial(self._give_link, user, size - 1, chance)
            user.ask(MakeGroup(f"group {chance.below(1_000)}"), made)
            return
        asked = _drawn(list(user.contacts.values()), size - 1, chance)
        self._ask(user, MakeGroup(f"group {chance.below(1_000)}", asked))

    def _give_link(self, user: User, count: int, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, GroupAnswer)
        self._count("MakeGroup")
        self.extras.lift_later(user, answer.conversation, chance)
        others = [
            other for other in self._users.present if other is not user and other.identity_key
        ]
        chance.shuffle(others)
        joining = partial(self._join, others[:count])
        user.ask(CreateGroupLink(answer.conversation, uses_max=count), joining)

    def _join(self, joiners: Sequence[User], answer: Answer) -> None:
        assert isinstance(answer, GroupLinkAnswer)
        for user in joiners:
            self._ask(user, JoinGroup(answer.link))

    def _look(self, user: User, chance: Chance) -> None:
        user.ask(AskGroups(), partial(self._choose, user, chance))

    def _choose(self, user: User, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        self.news.seen(user.node.index, user.node.incarnation, answer.groups)
        if not answer.groups:
            return
        invites = [group for group in answer.groups if group.state == "invited"]
        group = chance.pick(invites or answer.groups)
        number = group.conversation
        if group.state == "invited":
            is_wanted = chance.is_true(ACCEPTED_SHARE)
            if is_wanted:
                self._ask(user, AcceptGroup(number))
            else:
                decline(user, group, lambda _: self._count(DeclineGroup.__name__))
        elif group.state in OUT and chance.is_true(FORGOTTEN_SHARE):
            self._ask(user, ForgetGroup(number))
        elif group.state in IN:
            assert self._table is not None
            is_change = chance.is_true(self._table.changes_share)
            if is_change or group.members_count < 2:
                changed = partial(self._change, user, group, chance)
                user.ask(AskMembers(number), changed)
            elif chance.is_true(TEXTS_SHARE):
                self._write(user, group, chance)
            else:
                user.ask(AskItems(number), partial(self._do, user, group, chance))
        elif group.state == "closed":
            self._write_in_vain(user, number)

    # --- Who is in it, and what holds -----------------------------------------------------------

    def _change(self, user: User, group: GroupAnswer, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, MembersAnswer)
        others = [member for member in answer.members if not member.is_me]
        me = next((member for member in answer.members if member.is_me), None)
        if me is None:
            return
        assert self._table is not None
        if others and chance.is_true(self._table.quarrels_share):
            self._quarrel(user, group.conversation, (me, others), chance)
            return
        command = self._drawn_change(user, group, (me, others), chance)
        if command is not None:
            self._ask(user, command)

    def _quarrel(
        self,
        user: User,
        number: int,
        members: tuple[MemberAnswer, Sequence[MemberAnswer]],
        chance: Chance,
    ) -> None:
        """An owner lowers an admin; an admin sets one thing after the other; both make new keys.

        On two sides of a cut that gives keys after many operations of which none will count, and
        others after few that do.
        """
        me, others = members
        admins = [member for member in others if member.role == "admin"]
        if me.role == "owner" and admins:
            lowered = chance.pick(admins).member
            self._ask(user, SetMemberRole(number, lowered, "member"))
        elif me.role == "owner":
            self._ask(user, SetMemberRole(number, chance.pick(others).member, "admin"))
            return
        elif me.role == "admin":
            for _ in range(chance.between(2, 4)):
                self._ask(user, ChangeGroup(number, about=f"about {chance.below(1_000)}"))
        else:
            return
        self._ask(user, RotateGroup(number))

    def _drawn_change(
        self,
        user: User,
        group: GroupAnswer,
        members: tuple[MemberAnswer, Sequence[MemberAnswer]],
        chance: Chance,
    ) -> Command | None:
        assert self._table is not None
        me, others = members
        number = group.conversation
        known = {member.contact for member in others}
        strangers = [
            key
            for friend, key in user.contacts.items()
            if not any(user.authors.get(contact) == friend for contact in known)
        ]
        has_room = group.members_count + len(group.invited) < self._table.members[1]
        if has_room and strangers and chance.is_true(0.35):
            return InviteToGroup(number, _drawn(strangers, ASKED_MAX, chance))
        if not others:
            return None
        draw = chance.fraction()
        whom = chance.pick(others)
        if me.role == "member" and draw < MEMBERS_SHARE:
            return LeaveGroup(number) if chance.is_true(0.3) else RotateGroup(number)
        if draw < 0.35:
            since = max(0, whom.heard - UNDONE_S) if chance.is_true(UNDONE_SHARE) else None
            return RemoveMember(number, whom.member, since)
        if draw < 0.6:
            # Now and then somebody lays their own role down.
            member = me if chance.is_true(0.2) else whom
            return SetMemberRole(number, member.member, chance.pick(ROLES))
        if draw < 0.8:
            return self._drawn_setting(number, chance)
        return LeaveGroup(number) if draw < 0.88 else RotateGroup(number)

    def _drawn_setting(self, number: int, chance: Chance) -> ChangeGroup:
        assert self._table is not None
        if chance.is_true(self._table.closes_share):
            return ChangeGroup(number, closed=True)
        match chance.below(5):
            case 0:
                return ChangeGroup(number, name=f"group {chance.below(1_000)}")
            case 1:
                return ChangeGroup(number, about=f"about {chance.below(1_000)}")
            case 2:
                return ChangeGroup(number, add=chance.pick(("members", "admins")))
            case 3:
                return ChangeGroup(number, pin=chance.pick(("members", "admins")))
            case _:
                return ChangeGroup(number, write=chance.pick(("members", "members", "admins")))

    # --- What is said ---------------------------------------------------------------------------

    def _write(
        self, user: User, group: GroupAnswer, chance: Chance, *, is_probe: bool = False
    ) -> None:
        filler = "x" * chance.between(1, 200)
        now = self._loop.now
        written = self._log.ask(user.index, group.gid, filler, now, is_probe=is_probe)
        command = WriteItem(
            group.conversation, text=written.text, idempotency_key=f"group {written.number}"
        )
        user.ask(command, partial(self._written, user, written))

    def _written(self, user: User, written: GroupText, answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        self._count("WriteItem")
        if not user.is_clone:
            self._log.confirm(written, answer)

    def _write_in_vain(self, user: User, number: int) -> None:
        """Write in a group that is closed: S24 if it is taken, and the group is closed after it."""
        text = WriteItem(number, text="in vain")

        def looked(answer: Answer) -> None:
            assert isinstance(answer, GroupAnswer)
            if answer.state == "closed":
                raise BrokenInvariant(S24, "somebody wrote in a group that is closed", user.index)

        user.ask(text, lambda _: user.ask(AskGroup(number), looked))

    def _probe(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        for group in answer.groups:
            if group.state in IN:
                chance = Chance(self._seed, "group probe", user.index, group.conversation)
                self._write(user, group, chance, is_probe=True)

    def _do(self, user: User, group: GroupAnswer, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        self._shown(user, group.gid, answer.items)
        items = [item for item in answer.items if not item.gone and item.kind != "membership"]
        if not items or chance.is_true(0.2):
            self._ask(user, begun(group.conversation, chance))
            return
        board = [item for item in items if item.kind != "text"]
        item = chance.pick((board if board and chance.is_true(0.5) else items)[-RECENT_COUNT:])
        doings: list[Callable[[], Command | None]] = [
            lambda: ReactToItem(item.number, EMOJI[: chance.below(len(EMOJI) + 1)]),
            lambda: PinItem(item.number, is_on=chance.is_true(0.7)),
            lambda: HideItem(item.number, is_on=chance.is_true(0.7)),
            lambda: self._about(user, item, chance),
            lambda: self._about(user, item, chance),
            lambda: self._about(user, item, chance),
        ]
        command = chance.pick(doings)()
        if command is not None:
            self._ask(user, command)

    def _about(self, user: User, item: ItemAnswer, chance: Chance) -> Command | None:
        if item.kind != "text":
            return about(item, chance)
        if not item.author.is_mine:
            return None
        written = self._log.text_of(user.index, item.text)
        if written.is_probe or written.is_reminder:
            return None
        if chance.is_true(0.3):
            written.is_retracted = True
            return RetractItem(item.number)
        return EditItem(item.number, written.edited())

    # --- What is shown at the end ---------------------------------------------------------------

    def look_at_the_end(self) -> None:
        """Ask each node for all that it shows of its groups."""
        if self._table is not None:
            for user in self._users.present:
                self._look_at_all(user)

    def _look_at_all(self, user: User) -> None:
        contacts: list[ContactAnswer] = []

        def known(answer: Answer) -> None:
            assert isinstance(answer, ContactsAnswer)
            contacts.extend(answer.contacts)

        def listed(answer: Answer) -> None:
            assert isinstance(answer, GroupsAnswer)
            self.news.require_told(user.node.index, user.node.incarnation, answer.groups)
            for group in answer.groups:
                if group.code:
                    saw = partial(self._saw_members, user, contacts, group)
                    user.ask(AskMembers(group.conversation), saw)

        user.ask(AskContacts(), known)
        user.ask(AskGroups(), listed)

    def _saw_members(
        self, user: User, contacts: Sequence[ContactAnswer], group: GroupAnswer, answer: Answer
    ) -> None:
        assert isinstance(answer, MembersAnswer)
        members = answer.members
        require_labels(user.node.index, members, contacts)
        held: list[str] = []

        def whole_log(log: list[MembershipAnswer], answer: Answer) -> None:
            assert isinstance(answer, MembershipsAnswer)
            log = [*answer.operations, *log]
            if answer.has_more:
                more = AskGroupLog(group.conversation, before=len(log), limit=PAGE)
                user.ask(more, partial(whole_log, log))
            else:
                first = AskItems(group.conversation, limit=PAGE)
                held.extend(self._log.held(user.index))
                user.ask(first, partial(all_items, log, []))

        def all_items(log: list[MembershipAnswer], newer: list[ItemAnswer], answer: Answer) -> None:
            assert isinstance(answer, ItemsAnswer)
            items = [*answer.items, *newer]
            if answer.has_older:
                before = AskItems(group.conversation, before=items[0].number, limit=PAGE)
                user.ask(before, partial(all_items, log, items))
            else:
                user.ask(AskConversation(group.conversation), partial(timer, log, items))

        def timer(log: list[MembershipAnswer], items: list[ItemAnswer], answer: Answer) -> None:
            assert isinstance(answer, ConversationAnswer)
            view = GroupView(group, members, log, items, answer.timer, held)
            self.views[user.index, group.gid] = view

        user.ask(AskGroupLog(group.conversation, limit=PAGE), partial(whole_log, []))

    # --- Below ----------------------------------------------------------------------------------

    def _ask(self, user: User, command: Command) -> None:
        name = type(command).__name__
        user.ask(command, lambda _: self._count(name))

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def decline(user: User, group: GroupAnswer, then: Then) -> None:
    """Decline an invite, and look at one's groups; on a full disk the node may refuse it."""
    is_done = False

    def done(answer: Answer) -> None:
        nonlocal is_done
        is_done = True
        then(answer)

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        if is_done:
            require_declined(user.node.index, group, answer.groups)

    user.ask(DeclineGroup(group.conversation), done)
    user.ask(AskGroups(), seen)


def _drawn(keys: list[str], most: int, chance: Chance) -> tuple[str, ...]:
    """Some of these, at most so many, in a drawn order."""
    chance.shuffle(keys)
    return tuple(keys[:most])
