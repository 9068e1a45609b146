"""Doings of users in groups that take longer than one command: files, timers, texts for later,
answers to what was said, reminders of check-ins.

They have times and streams of chance of their own, so that a world without them shifts nowhere else
when they are drawn. What they write is in the log of groups as every text is. A file begins with
the text that brings it, so that a search for what leaked finds both.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.conversations import ReadItems, SetTimer
from mesh.commands.files import (
    AddFile,
    AskFileBlock,
    CancelFile,
    FetchFile,
    FileAnswer,
    FileBlockAnswer,
    PauseFile,
)
from mesh.commands.groups import (
    AskGroups,
    AskMembers,
    ChangeGroup,
    GroupAnswer,
    GroupsAnswer,
    MembersAnswer,
    SetMemberRole,
)
from mesh.commands.item_commands import AskItems, RemindOfCheckIn, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.scheduled import CancelScheduled, ScheduledAnswer, ScheduleText
from mesh.limits.files import FILE_BLOCK_BYTES
from sim.invariants.files import SentFiles
from sim.invariants.group_log import GroupLog, GroupText
from sim.invariants.planned_texts import Planned
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.scenario import Scenario
from sim.users.user import User
from sim.users.users import Users

TIMER_S: Final = 86_400
"""A timer that is over long after the world: what it lets disappear is due before."""

SHORT_TIMER_S: Final = (5, 40)
"""Of one text: it disappears while people write on, and nobody has to have it."""

LATER_S: Final = (5, 40)
LIFTED_AFTER_US: Final = (33_000_000, 45_000_000)
"""So long after a link was given its giver looks who came: they are added half a minute after."""

BLOCKS_MAX: Final = 3
LOOKED_AFTER_US: Final = (1_000_000, 40_000_000)
RETRACTED_SHARE: Final = 0.25
CALLED_OFF_SHARE: Final = 0.3
STOPPED_SHARE: Final = 0.4

Counted = Callable[[str], None]
Stop = type[PauseFile] | type[CancelFile]
STOPS: Final[Sequence[Stop]] = (PauseFile, CancelFile)


class GroupExtras:
    """All of these of a world; `counted` is told of each command that was answered."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        users: Users,
        scenario: Scenario,
        log: GroupLog,
        counted: Counted,
    ) -> None:
        self._seed = seed
        self._loop = loop
        self._users = users
        self._only = scenario.only
        self._table = scenario.workload.groups
        self._between_us = tuple(round(s * 1_000_000) for s in scenario.workload.write_between_s)
        self._log = log
        self._counted = counted
        self._sent: SentFiles = users.sent_files

    def plan(self) -> None:
        """Plan all of it."""
        if self._table is None or not self._table.extras_share:
            return
        chance = Chance(self._seed, "group extras")
        mean_us = 1_000_000 / (self._table.per_second * self._table.extras_share)
        begin, end = self._between_us
        when, number = begin + chance.exponential(mean_us), 0
        while when < end:
            self._loop.at(when, partial(self._begin, number))
            when += chance.exponential(mean_us)
            number += 1

    def _begin(self, number: int) -> None:
        chance = Chance(self._seed, "group extra", number)
        user = chance.pick(self._users.everybody)
        if user.node.is_up and self._only.has_node(user.index) and not user.is_gone:
            user.ask(AskGroups(), partial(self._choose, user, number, chance))

    def _choose(self, user: User, number: int, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        groups = [group for group in answer.groups if group.state == "in"]
        if not groups:
            return
        group = chance.pick(groups)
        # Each kind has its turn, so that a short world has all of them.
        doings = (self._file, self._later, self._set_timer, self._fleeting, self._look)
        doings[number % len(doings)](user, group, chance)

    def lift_later(self, user: User, group: int, chance: Chance) -> None:
        """Somebody gave a link into a group of theirs: some who come by it become admins."""
        if self._table is not None and self._table.admins_share:
            for after_us in LIFTED_AFTER_US:
                self._loop.after(after_us, partial(self._lift, user, group, chance))

    def _lift(self, user: User, group: int, chance: Chance) -> None:
        def seen(answer: Answer) -> None:
            assert isinstance(answer, MembersAnswer)
            assert self._table is not None
            members = [one for one in answer.members if one.role == "member"]
            lifted = len(answer.members) - len(members) - 1
            most = round(len(answer.members) * self._table.admins_share)
            chance.shuffle(members)
            for one in members[: max(0, most - lifted)]:
                self._ask(user, SetMemberRole(group, one.member, "admin"))

        if user.node.is_up and not user.is_gone:
            user.ask(AskMembers(group), seen)

    # --- Texts ----------------------------------------------------------------------------------

    def _new(self, user: User, group: GroupAnswer, chance: Chance) -> GroupText:
        filler = "y" * chance.between(1, 100)
        return self._log.ask(user.index, group.gid, filler, self._loop.now)

    def _written(self, user: User, written: GroupText, answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        self._counted(WriteItem.__name__)
        self._confirmed(user, written, answer)

    def _confirmed(self, user: User, written: GroupText, item: ItemAnswer) -> None:
        if not user.is_clone:
            self._log.confirm(written, item)

    def _fleeting(self, user: User, group: GroupAnswer, chance: Chance) -> None:
        """Write a text that disappears soon."""
        written = self._new(user, group, chance)
        written.disappears = True
        command = WriteItem(
            group.conversation,
            text=written.text,
            timer=chance.between(*SHORT_TIMER_S),
            idempotency_key=_key(written),
        )
        user.ask(command, partial(self._written, user, written))

    def _later(self, user: User, group: GroupAnswer, chance: Chance) -> None:
        """Write a text that is to be sent later; perhaps call it off."""
        written = self._new(user, group, chance)
        now_s = user.node.calendar.wall(self._loop.now) // 1_000_000
        is_called_off = chance.is_true(CALLED_OFF_SHARE)

        def planned(answer: Answer) -> None:
            assert isinstance(answer, ScheduledAnswer)
            self._counted(ScheduleText.__name__)
            not_before_us = user.node.calendar.reaches(answer.at, self._loop.now)
            sent = partial(self._confirmed, user, written)
            told = Planned(answer.conversation, key, self._loop.now, not_before_us, sent)
            self._users.planned.plan(user.node.index, text, told)
            if is_called_off:
                user.ask(CancelScheduled(answer.number), called_off)

        def called_off(_: Answer) -> None:
            self._counted(CancelScheduled.__name__)
            written.is_called_off = True
            self._users.planned.call_off(user.node.index, text)

        at = now_s + chance.between(*LATER_S)
        text, key = written.text, _key(written)
        user.ask(ScheduleText(group.conversation, at, text, idempotency_key=key), planned)

    def _set_timer(self, user: User, group: GroupAnswer, chance: Chance) -> None:
        """Set the timer, and perhaps before it who may; who may not is refused."""
        number = group.conversation
        if chance.is_true(0.3):
            self._ask(user, ChangeGroup(number, timer=chance.pick(("members", "admins"))))
        self._ask(user, SetTimer(number, chance.pick((0, TIMER_S, 2 * TIMER_S))))

    def _look(self, user: User, group: GroupAnswer, chance: Chance) -> None:
        """Read a group to its end, answer to something in it, and remind of a check-in."""
        number = group.conversation

        def seen(answer: Answer) -> None:
            assert isinstance(answer, ItemsAnswer)
            here = [item for item in answer.items if not item.gone and item.kind != "membership"]
            if not here:
                return
            self._ask(user, ReadItems(number, answer.items[-1].number))
            written = self._new(user, group, chance)
            reply = chance.pick(here).number
            text = WriteItem(number, text=written.text, reply=reply, idempotency_key=_key(written))
            user.ask(text, partial(self._written, user, written))
            mine = [item for item in here if item.check_in is not None and item.author.is_mine]
            for check_in in mine[-1:]:
                self._remind(user, group, check_in, chance)

        user.ask(AskItems(number), seen)

    def _remind(self, user: User, group: GroupAnswer, check_in: ItemAnswer, chance: Chance) -> None:
        """The node puts names behind the words, as it shows them."""
        written = self._new(user, group, chance)
        written.is_reminder = True

        def reminded(answer: Answer) -> None:
            assert isinstance(answer, ItemAnswer)
            self._counted(RemindOfCheckIn.__name__)
            if not user.is_clone:
                self._log.confirm(written, answer)

        user.ask(RemindOfCheckIn(check_in.number, written.text), reminded)

    # --- Files ----------------------------------------------------------------------------------

    def _file(self, user: User, group: GroupAnswer, chance: Chance) -> None:
        """Send a file; somebody looks at it and saves it, and its author may take it back."""
        written = self._new(user, group, chance)
        head = written.text.encode()
        size = len(head) + chance.between(1, BLOCKS_MAX * FILE_BLOCK_BYTES - len(head))
        data = head + hashlib.shake_128(head).digest(size - len(head))
        name = self._sent.add_named(f"group file {written.number}", data)

        def handed(answer: Answer) -> None:
            assert isinstance(answer, FileAnswer)
            self._counted(AddFile.__name__)
            text = WriteItem(
                group.conversation,
                text=written.text,
                files=(answer.number,),
                idempotency_key=_key(written),
            )
            user.ask(text, sent)

        def sent(answer: Answer) -> None:
            assert isinstance(answer, ItemAnswer)
            self._written(user, written, answer)
            if chance.is_true(RETRACTED_SHARE):
                taken_back = partial(self._take_back, user, written, answer.number)
                self._loop.after(chance.between(*LOOKED_AFTER_US), taken_back)
            self._read_later(user, written, chance)

        user.ask(AddFile(name, "application/octet-stream", data), handed)

    def _take_back(self, user: User, written: GroupText, item: int) -> None:
        # After a vault was put back the number may be another item's.
        if written.is_held and user.node.is_up and not user.is_gone:
            written.is_retracted = True
            self._ask(user, RetractItem(item))

    def _read_later(self, user: User, written: GroupText, chance: Chance) -> None:
        """Somebody looks at it twice: they may stop it, and fetch it then."""
        others = [other for other in self._users.present if other is not user]
        if not others:
            return
        reader = chance.pick(others)
        stop = chance.pick(STOPS) if chance.is_true(STOPPED_SHARE) else None
        first = chance.between(*LOOKED_AFTER_US)
        second = first + chance.between(*LOOKED_AFTER_US)
        self._loop.after(first, partial(self._look_at, reader, written, stop))
        self._loop.after(second, partial(self._look_at, reader, written, FetchFile))

    def _look_at(
        self, reader: User, written: GroupText, deed: Stop | type[FetchFile] | None
    ) -> None:
        if not reader.node.is_up or reader.is_gone:
            return

        def listed(answer: Answer) -> None:
            assert isinstance(answer, GroupsAnswer)
            for group in answer.groups:
                if group.gid == written.group and group.state == "in":
                    reader.ask(AskItems(group.conversation), came)

        def came(answer: Answer) -> None:
            assert isinstance(answer, ItemsAnswer)
            for item in answer.items:
                if item.id == written.entry:
                    for file in item.files:
                        self._do(reader, file, deed)

        reader.ask(AskGroups(), listed)

    def _do(self, reader: User, file: FileAnswer, deed: Stop | type[FetchFile] | None) -> None:
        if file.state != "here":
            if deed is not None:
                self._ask(reader, deed(file.number))
            return

        def saved(block: int, answer: Answer) -> None:
            assert isinstance(answer, FileBlockAnswer)
            self._counted(AskFileBlock.__name__)
            self._sent.require_block(reader.node.index, file.name, block, answer.data)
            self._sent.saved_count += 1

        for block in range(file.blocks_count):
            reader.ask(AskFileBlock(file.number, block), partial(saved, block))

    # --- Below ----------------------------------------------------------------------------------

    def _ask(self, user: User, command: Command) -> None:
        name = type(command).__name__
        user.ask(command, lambda _: self._counted(name))


def _key(written: GroupText) -> str:
    """Return what makes one of a text that is written again after a crash."""
    return f"group extra {written.number}"
