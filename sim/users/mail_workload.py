"""The mail of users: what they write to each other, look at, and take back.

Writers and recipients are drawn. When no fault happens any more everybody writes to all contacts
a few times more (a *probe*): by the last time sessions that were lost must be whole again.
"""

import string
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.contacts import AddContact, RenewSession
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.commands.scheduled import AskScheduled, ScheduledAnswers
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.cut_tables import CutFault
from sim.schema.fault_tables import Halves
from sim.schema.scenario import PROBES_COUNT, Scenario
from sim.users.doings import Doings
from sim.users.file_doings import FileDoings
from sim.users.list_looks import ListLooks
from sim.users.user import User
from sim.users.users import Told, Users
from sim.users.vanishing import Vanishing

LETTERS: Final = string.ascii_lowercase + " äöüßéçñ🙂"
FILLER_BYTES: Final = 1 << 16
READ_AFTER_US: Final = (1_000_000, 30_000_000)
WITHDRAWN_AFTER_US: Final = (1_000_000, 60_000_000)
FIRST: Final = 0
"""Before all message numbers."""

LOOKED_US: Final = 1_000_000
"""Before a probe everybody looks whom they know; the answers take no longer than this."""


class MailWorkload:
    """All writing and reading of a world."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        users: Users,
        scenario: Scenario,
        message_log: MessageLog,
        told: Told,
    ) -> None:
        self._seed = seed
        self._loop = loop
        self._users = users
        self._scenario = scenario
        self._workload = scenario.workload
        self._message_log = message_log
        self._told = told
        self._chance = Chance(seed, "writing")
        self._habits = Chance(seed, "reading")
        self._filler = _filler(Chance(seed, "texts"))
        self.planned_count = 0
        """What users were drawn to write, whether they could or not; probes are not counted."""

        self.authors: dict[int, int] = {}
        """Who was drawn to write each of these."""

        self.orders: dict[tuple[int, int], list[str]] = {}
        """(who, with whom) -> message ids, as the node shows them at the end."""

        self.renewals_count = 0
        """How often somebody asked for new keys, since a probe had not arrived."""

        self.doings = Doings(
            seed=seed,
            loop=loop,
            share=self._workload.doings_share,
            is_cut=any(isinstance(one, Halves | CutFault) for one in scenario.faults),
            message_log=message_log,
        )
        self.list_looks = ListLooks(message_log)
        self.sent_files = users.sent_files
        self._file_doings = FileDoings(
            seed=seed, loop=loop, share=self._workload.files_share, sent=self.sent_files
        )
        self._vanishing = Vanishing(seed, self._workload, message_log, told)
        self._renewed: dict[tuple[int, int], None] = {}
        self._looks: dict[tuple[int, int], list[int]] = {}
        """(who, at whose messages) -> in which life of their node they asked and got no answer."""

        self.strangers_count = 0
        """Pairs that wished to be known to each other and are not, at the last probe."""

    def plan(self) -> None:
        """Plan all that will be written, and the probes."""
        self._plan_message(_us(self._workload.write_between_s[0]))
        probe_s = self._scenario.probe_s
        if probe_s:
            for number in range(PROBES_COUNT):
                at_s = self._scenario.quiet_at_s + probe_s * number / PROBES_COUNT
                renews_from = self._scenario.renew_after_probes
                if renews_from and number >= renews_from:
                    self._loop.at(_us(at_s), self._renew)
                self._loop.at(_us(at_s), self._look)
                self._loop.at(_us(at_s) + LOOKED_US, self._probe)

    def write_from(self, user: User, chance: Chance | None = None) -> None:
        """One user writes to a contact who is drawn."""
        chance = self._chance if chance is None else chance
        if user.node.is_up and user.contacts:
            contacts = list(user.contacts.items())
            self.write_to(user, *contacts[chance.below(len(contacts))], chance=chance)

    def read_later(self, user: User, logged: LoggedMessage) -> None:
        """Somebody was shown a message, and perhaps looks at it."""
        if user.is_reader:
            delay = self._habits.between(*READ_AFTER_US)
            self._loop.after(delay, partial(self._read, user, logged.sender))

    def read_histories(self) -> None:
        """Ask every node for all its messages, and hold them against the message log."""
        for user in self._users.present:
            self._page(user, FIRST, [], MessagesAnswer(messages=[], has_more=True))
            self._vanishing.look_at_the_end(user)
            if self._message_log.planned.has(user.node.index):
                user.ask(AskScheduled(), partial(self._hold_planned, user))
            for friend, key in user.contacts.items():
                command = AskMessages(contact=key, limit=MESSAGES_PER_PAGE_MAX)
                user.ask(command, partial(self._keep_order, user, friend))
                self.doings.look_at_the_end(user, friend, key)
                if self._workload.doings_share or self._workload.chores_per_second:
                    self.list_looks.look(user, key)
            if self._workload.doings_share or self._workload.chores_per_second:
                self.list_looks.look_at_all(user)

    # --- Writing ----------------------------------------------------------------------------------

    def _plan_message(self, when: int) -> None:
        mean_us = 1_000_000 / self._workload.messages_per_second
        when += self._chance.exponential(mean_us)
        if when < _us(self._workload.write_between_s[1]):
            self._loop.at(when, partial(self._write, when))

    def _write(self, when: int) -> None:
        """Somebody who can writes to a contact."""
        self._plan_message(when)
        number = self.planned_count
        self.planned_count += 1
        logged = self._scenario.only.letters
        if logged is None or number in logged:
            # Each has a stream of its own: one that is not written does not shift the others.
            chance = Chance(self._seed, "letter", number)
            author = chance.pick(self._users.everybody)
            self.authors[number] = author.index
            self.write_from(author, chance)

    def write_to(
        self,
        user: User,
        recipient: int,
        key: str,
        *,
        chance: Chance,
        is_probe: bool = False,
    ) -> None:
        text_letters = self._workload.text_letters
        if chance.is_true(self._workload.long_text_share):
            text_letters = self._workload.long_text_letters
        length = chance.between(*text_letters)
        start = chance.below(FILLER_BYTES)
        text = self._filler[start : start + length]
        self.write_text(user, recipient, key, text, is_probe=is_probe)

    def write_text(
        self, user: User, recipient: int, key: str, text: str, *, is_probe: bool = False
    ) -> None:
        """One user writes this to a contact."""
        now = self._loop.now
        logged = self._message_log.ask(user.index, recipient, text, now, is_probe=is_probe)
        keep_for, confirmed = self._workload.keep_for, partial(self._confirmed, user, logged)
        reader = self._users.everybody[recipient]
        if self._file_doings.write(user, reader, logged, keep_for, confirmed):
            return
        if self._vanishing.write(user, key, logged, confirmed):
            return
        command = SendMessage(
            key, logged.text, idempotency_key=str(logged.number), keep_for=keep_for
        )
        user.ask(command, confirmed)

    def _confirmed(self, user: User, logged: LoggedMessage, answer: Answer) -> None:
        assert isinstance(answer, MessageAnswer)
        self._message_log.confirm(logged, self._loop.now, is_clone=user.is_clone)
        if not user.is_clone:
            logged.number_there = answer.number
        self._told(user, answer)
        self.doings.after(user, logged)
        share = self._workload.withdraw_share
        if share and not logged.is_probe and self._habits.is_true(share):
            delay = self._habits.between(*WITHDRAWN_AFTER_US)
            withdraw = partial(self._withdraw, user, logged, answer.number)
            self._loop.after(delay, withdraw)

    def _withdraw(self, user: User, logged: LoggedMessage, number: int) -> None:
        # After a vault was put back the number may be another message's.
        if logged.is_held and user.node.is_up:
            logged.is_withdrawn = True
            user.ask(WithdrawMessage(number), partial(self._withdrawn, user, logged))

    def _withdrawn(self, user: User, logged: LoggedMessage, answer: Answer) -> None:
        assert isinstance(answer, MessageAnswer)
        if not user.is_clone:
            self._message_log.withdrawn(logged, answer.state)
        self._told(user, answer)

    # --- Probes -----------------------------------------------------------------------------------

    def _look(self) -> None:
        for user in self._users.present:
            self._users.look_around(user)

    def _probe(self) -> None:
        """Everybody writes to all with whom the knowing is mutual."""
        self.strangers_count = 0
        for user in self._users.present:
            for friend in user.friends:
                other = self._users.everybody[friend]
                if self._users.are_mutual(user, other):
                    self.write_to(
                        user, friend, other.identity_key, chance=self._chance, is_probe=True
                    )
                elif user.index < friend:
                    self.strangers_count += 1

    def _renew(self) -> None:
        """Ask for new keys where a contact got nothing, once for each pair; where that was in vain,
        as with a vault that the other has gone past, they give each other a new invite.
        """
        pairs: dict[tuple[int, int], LoggedMessage] = {}
        for logged in self._message_log.messages:
            if logged.is_probe:
                pairs[logged.sender, logged.recipient] = logged
        renewed: dict[tuple[int, int], None] = {}
        for (sender, recipient), logged in pairs.items():
            pair = (min(sender, recipient), max(sender, recipient))
            if logged.delivered_at is None and pair not in renewed:
                renewed[pair] = None
                self.renewals_count += 1
                user = self._users.everybody[sender]
                other = self._users.everybody[recipient]
                if pair in self._renewed:
                    other.ask(CreateInvite(), partial(self._invited, user))
                else:
                    self._renewed[pair] = None
                    user.ask(RenewSession(other.identity_key), _nothing)

    def _invited(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        user.ask(AddContact(answer.link), _nothing)

    # --- Reading ----------------------------------------------------------------------------------

    def _read(self, user: User, author: int) -> None:
        key = user.contacts.get(author)
        if key is not None and user.node.is_up:
            self._looks.setdefault((user.index, author), []).append(user.node.incarnation)
            looked = partial(self._looked, user, author, user.node.incarnation)
            user.ask(AskMessages(contact=key, mark_read=True), looked)

    def _looked(self, user: User, author: int, incarnation: int, answer: Answer) -> None:
        """Somebody sees a page: what is on it they have read, and nothing else."""
        assert isinstance(answer, MessagesAnswer)
        self._looks[user.index, author].remove(incarnation)
        for message in answer.messages:
            if not message.is_mine:
                self._message_log.message_of(user.index, message.text).is_read = True

    def _hold_planned(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, ScheduledAnswers)
        node, vault = user.node.index, user.node.host.vault
        self._message_log.planned.require_kept(node, answer.scheduled, vault)

    def is_look_lost(self, logged: LoggedMessage) -> bool:
        """Say whether a node may have marked a message as read and died before its page was seen.

        Its reader asks again as soon as it runs, and its author may be told first.
        """
        node = self._users.everybody[logged.recipient].node
        asked = self._looks.get((logged.recipient, logged.sender), [])
        return any(not node.is_up or life != node.incarnation for life in asked)

    def _keep_order(self, user: User, friend: int, answer: Answer) -> None:
        assert isinstance(answer, MessagesAnswer)
        self.orders[user.index, friend] = [message.id for message in answer.messages]

    def _page(self, user: User, after: int, read: list[str], answer: Answer) -> None:
        """Page through a history; the whole of it goes to the message log."""
        assert isinstance(answer, MessagesAnswer)
        for message in answer.messages:
            if message.is_mine:
                self._told(user, message)
        read = read + [message.text for message in answer.messages]
        after = max([after, *(message.number for message in answer.messages)])
        if answer.has_more:
            command = AskMessages(after=after, limit=MESSAGES_PER_PAGE_MAX)
            user.ask(command, partial(self._page, user, after, read))
        else:
            self._message_log.hold_history(user.index, read, self._loop.now)


def _nothing(_: Answer) -> None:
    """Nothing follows from the answer."""


def _filler(chance: Chance) -> str:
    """Text from which every message takes a piece; drawn once, since chance is slow."""
    block = "".join(chance.pick(LETTERS) for _ in range(4_096))
    return block * (2 * FILLER_BYTES // len(block))


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
