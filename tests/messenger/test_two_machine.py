"""Two messengers under a model: loss, repeats, any order, withdrawals, restarts, clocks that jump.

What finally comes is shown once, in the same order on both sides; a message is called delivered
only when the other has it; and at the end both hear each other on one session.
"""

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mesh.commands.messages import MessageAnswer, WithdrawMessage
from mesh.errors import UserError
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope
from mesh.wire.retirement import Retirement
from tests.messenger.people import DAY_S, Clock, Person
from tests.searching import examples

whose = st.integers(0, 1)
NAMES = ("Ann", "Bob")
TOO_LATE = "delivered-then-withdrawn"


class TwoMessengers(RuleBasedStateMachine):
    """Ann and Bob, and all that is between them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.people = [Person(name, self.clock, seed=place) for place, name in enumerate(NAMES)]
        self.on_its_way: list[tuple[int, Envelope]] = []
        self.delivered: list[tuple[int, Envelope]] = []
        self.tokens: list[tuple[int, Retirement]] = []
        self.sent: dict[str, int] = {}
        self.came: set[str] = set()
        self.envelope_of: dict[bytes, str] = {}

    @initialize(crosses=st.booleans())
    def meet(self, crosses: bool) -> None:
        links = [person.invite().link for person in self.people]
        self.people[1].add(links[0], label=NAMES[0])
        if crosses:
            self.people[0].add(links[1], label=NAMES[1])
        else:
            self._post(1)
            while self.on_its_way:
                self._deliver(0)
        self._post(0)
        self._post(1)

    @rule(who=whose, count=st.integers(1, 5))
    def write(self, who: int, count: int) -> None:
        for _ in range(count):
            text = f"{NAMES[who]} {len(self.sent)}"
            self._post(who)
            try:
                self.people[who].send(NAMES[1 - who], text)
            except UserError as error:
                # By a clock that is years ahead their invite has expired.
                if error.kind != "invite-expired":
                    raise
                return
            self.sent[text] = who
            self._post(who, text)

    @rule(who=whose, data=st.data())
    def take_back(self, who: int, data: st.DataObject) -> None:
        person = self.people[who]
        mine = [one for one in person.messages(NAMES[1 - who]) if one.is_mine] if self.sent else []
        if not mine:
            return
        message = data.draw(st.sampled_from(mine))
        if message.state in ("delivered", "expired", TOO_LATE):
            with pytest.raises(UserError, match="can no longer be withdrawn: "):
                person.ask(WithdrawMessage(message.number))
            return
        answer = person.ask(WithdrawMessage(message.number))
        assert isinstance(answer, MessageAnswer)
        assert answer.state == "withdrawn"

    @precondition(lambda self: self.on_its_way)
    @rule(data=st.data(), count=st.integers(1, 6))
    def deliver(self, data: st.DataObject, count: int) -> None:
        for _ in range(min(count, len(self.on_its_way))):
            self._deliver(data.draw(st.integers(0, len(self.on_its_way) - 1)))

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        who, envelope = data.draw(st.sampled_from(self.delivered))
        self.people[who].receive([envelope])
        self._post(who)

    @precondition(lambda self: self.on_its_way)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        del self.on_its_way[data.draw(st.integers(0, len(self.on_its_way) - 1))]

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def carry_token(self, data: st.DataObject) -> None:
        who, token = self.tokens.pop(data.draw(st.integers(0, len(self.tokens) - 1)))
        with transaction(self.people[who].connection):
            self.people[who].messenger.parts.transit.retired(token.envelope, token.token)

    @rule(who=whose)
    def restart(self, who: int) -> None:
        self.people[who].restart()

    @rule(hours=st.integers(1, 30))
    def pass_time(self, hours: int) -> None:
        self.clock.pass_by(hours * 3_600)
        self._tend()

    @rule(who=whose, days=st.sampled_from([-3_000, -1, 1, 3_000]))
    def jump(self, who: int, days: int) -> None:
        """The clock of one is wrong, and the node knows that it jumped."""
        person = self.people[who]
        person.is_clock_steady = False
        person.wall_error_s = days * DAY_S
        person.tend()

    @rule(who=whose)
    def set_clock_right(self, who: int) -> None:
        self.people[who].wall_error_s = 0
        self.people[who].is_clock_steady = True

    @invariant()
    def nothing_is_shown_twice_or_from_nowhere(self) -> None:
        for who, person in enumerate(self.people):
            if not person.contacts():
                continue
            shown = person.texts(NAMES[1 - who])
            assert len(shown) == len(set(shown))
            theirs = {text for text in shown if self.sent[text] != who}
            assert theirs.issubset(self.came)

    @invariant()
    def what_is_called_delivered_is_there(self) -> None:
        for who, person in enumerate(self.people):
            if not person.contacts():
                continue
            for message in person.messages(NAMES[1 - who]):
                if message.state in ("delivered", TOO_LATE):
                    assert message.text in self.people[1 - who].texts(NAMES[who])

    def teardown(self) -> None:
        for person in self.people:
            person.wall_error_s, person.is_clock_steady = 0, True
        for _ in range(2):
            for who in (0, 1):
                if self.people[who].contacts():
                    self.write(who, 1)
            while self.on_its_way:
                self._deliver(0)
        both = [
            [text for text in person.texts(NAMES[1 - who]) if text in self.came]
            for who, person in enumerate(self.people)
        ]
        # All that came is shown, once, and in one order where both have the same.
        assert set(both[0]) == set(both[1]) == self.came
        assert self.came != self.sent.keys() or both[0] == both[1]
        for person in self.people:
            person.connection.close()

    def _post(self, who: int, text: str = "") -> None:
        posted = self.people[who].post()
        for envelope in posted:
            self.on_its_way.append((1 - who, envelope))
            if text:
                self.envelope_of[envelope.id] = text
        assert not text or len(posted) == 1

    def _deliver(self, place: int) -> None:
        who, envelope = self.on_its_way.pop(place)
        self.people[who].receive([envelope])
        self.delivered.append((who, envelope))
        if envelope.id in self.envelope_of:
            self.came.add(self.envelope_of[envelope.id])
        self.tokens += [
            (1 - who, one)
            for one in self.people[who].messenger.parts.retirements.take_due(
                1_000, self.people[who].now
            )
        ]
        self._post(who)

    def _tend(self) -> None:
        for who, person in enumerate(self.people):
            person.tend()
            self._post(who)


TestTwoMessengers = TwoMessengers.TestCase
TestTwoMessengers.settings = examples(12, steps=20)
