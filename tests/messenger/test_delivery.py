"""Two people, and a mesh that loses, repeats and reorders: a model of what must be seen.

Envelopes wait in a bag from which any subset is carried in any order, any number of times. Either
side may restart at any time. At the end everything is carried once more.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mesh.commands.messages import MessageAnswer
from mesh.events import MessageReceived
from mesh.wire.envelope import Envelope
from tests.messenger.people import Clock, Person, exchange

ANN, BOB = 0, 1
people = st.sampled_from([ANN, BOB])


class Delivery(RuleBasedStateMachine):
    """Ann and Bob become contacts in one way or both, and write."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.people = [Person("Ann", self.clock, seed=1), Person("Bob", self.clock, seed=2)]
        self.stranger = Person("Eve", self.clock, seed=3)
        self.links = [person.invite().link for person in self.people]
        self.codes = [person.invite().qr for person in self.people]
        self.written: list[list[str]] = [[], []]
        self.told: list[list[str]] = [[], []]
        self.bag: list[list[Envelope]] = [[], []]
        self.count = 0

    @rule(who=people, is_code=st.booleans())
    def add(self, who: int, is_code: bool) -> None:
        """Use the other's invite, unless there is a contact already."""
        if not self.people[who].contacts():
            text = (self.codes if is_code else self.links)[1 - who]
            self.people[who].add(text, "friend")

    @rule(who=people, seconds=st.sampled_from([0, 0, 1, 100]))
    def write(self, who: int, seconds: int) -> None:
        """Write to the other, if they are a contact."""
        contacts = self.people[who].contacts()
        if not contacts:
            return
        self.clock.pass_by(seconds)
        self.count += 1
        text = f"{who}:{self.count}"
        self.people[who].send(str(contacts[0].id), text)
        self.written[who].append(text)

    @rule(who=people, seconds=st.sampled_from([-4_000, 0, 4_000]))
    def set_clock(self, who: int, seconds: int) -> None:
        """Somebody's clock goes wrong."""
        self.people[who].wall_error_s = seconds

    @rule(who=people)
    def post(self, who: int) -> None:
        """The own store takes what was sealed."""
        self.bag[who].extend(self.people[who].post())

    @precondition(lambda self: any(self.bag))
    @rule(who=people, drawn=st.data())
    def carry(self, who: int, drawn: st.DataObject) -> None:
        """Some of the other's envelopes arrive, in any order; they may come again."""
        if not self.bag[1 - who]:
            return
        places = st.lists(st.integers(0, len(self.bag[1 - who]) - 1), min_size=1, max_size=6)
        self._receive(who, [self.bag[1 - who][place] for place in drawn.draw(places)])

    @rule(who=people)
    def restart(self, who: int) -> None:
        """A crash: what was committed is all that stays."""
        self.people[who].restart()

    @invariant()
    def everything_told_was_written_and_told_once(self) -> None:
        for who in (ANN, BOB):
            assert len(self.told[who]) == len(set(self.told[who]))
            assert set(self.told[who]) <= set(self.written[1 - who])

    def teardown(self) -> None:
        """Everything is carried to everybody: both see all of it, in the same order."""
        for who in (ANN, BOB):
            self.people[who].wall_error_s = 0
            self.bag[who].extend(self.people[who].post())
            self.stranger.receive(self.bag[who])
        for _ in range(8):
            for who in (ANN, BOB):
                self._receive(who, self.bag[1 - who])
                self.bag[who].extend(self.people[who].post())
        self.everything_told_was_written_and_told_once()
        for who in (ANN, BOB):
            assert set(self.told[who]) == set(self.written[1 - who])
            seen = self.people[who].messages()
            assert sorted(message.text for message in seen) == sorted(
                [*self.written[ANN], *self.written[BOB]]
            )
            assert len(self.people[who].contacts()) <= 1
        assert self._conversation(ANN) == self._conversation(BOB)
        assert self.stranger.texts() == []
        assert self.stranger.contacts() == []
        exchange(*self.people)
        for person in self.people:
            assert person.messenger.parts.transit.deadline() is None
            person.connection.close()

    def _receive(self, who: int, envelopes: list[Envelope]) -> None:
        self.people[who].receive(envelopes)
        for event in self.people[who].take_events():
            if isinstance(event, MessageReceived):
                self.told[who].append(event.message.text)

    def _conversation(self, who: int) -> list[str]:
        contacts = self.people[who].contacts()
        messages: list[MessageAnswer] = []
        if contacts:
            messages = self.people[who].messages(str(contacts[0].id))
        return [message.text for message in messages]


TestDelivery = Delivery.TestCase
