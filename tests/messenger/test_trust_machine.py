"""Trust and invites as a model: no state rises without its evidence, whatever order things take.

Three people invite, revoke, add, compare, verify, block, accept, remove and introduce each other,
and restart at any time; days pass; what they post is carried in any order, and again. The model
remembers what each person said and saw, and every contact must be explained by that.
"""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from mesh.commands.command import Command
from mesh.commands.contacts import (
    AcceptRequest,
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    RemoveContact,
    VerifyContact,
)
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionsAnswer,
)
from mesh.commands.invites import AskInvites, InviteAnswer, InvitesAnswer, RevokeInvite
from mesh.commands.messages import SendMessage
from mesh.commands.verification import Compare, ConfirmComparison
from mesh.errors import UserError
from mesh.wire.envelope import Envelope
from tests.messenger.people import DAY_S, Clock, Person
from tests.searching import examples

NAMES = ("Ann", "Bob", "Cem")
people = st.integers(0, 2)
Shown = tuple[tuple[str, str], ...]


class Crew:
    """Three people, who know each other by their keys, and the mesh between them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.people = [Person(name, self.clock, seed=seed) for seed, name in enumerate(NAMES, 1)]
        self.keys = [one.wired.identity.keys.verify_key.hex() for one in self.people]
        self.bag: list[tuple[int, Envelope]] = []

    def do(self, who: int, other: int, command: Callable[[str], Command]) -> bool:
        """One command about a contact, by key; False if it was refused or there is no contact."""
        contact = self.find(who, other)
        if contact is None:
            return False
        try:
            self.people[who].ask(command(contact.key))
        except UserError:
            return False
        return True

    def invites(self, who: int) -> list[InviteAnswer]:
        answer = self.people[who].ask(AskInvites())
        assert isinstance(answer, InvitesAnswer)
        return answer.invites

    def find(self, who: int, other: int) -> ContactAnswer | None:
        key = self.keys[other]
        return next((one for one in self.people[who].contacts() if one.key == key), None)

    def details(self, who: int, other: int) -> ContactDetailsAnswer | None:
        if self.find(who, other) is None:
            return None
        answer = self.people[who].ask(AskContact(self.keys[other]))
        assert isinstance(answer, ContactDetailsAnswer)
        return answer

    def post(self) -> None:
        for who, person in enumerate(self.people):
            self.bag += [(who, envelope) for envelope in person.post()]

    def deliver(self, carried: list[tuple[int, Envelope]]) -> None:
        for who, person in enumerate(self.people):
            person.receive([envelope for author, envelope in carried if author != who])


class Trust(RuleBasedStateMachine):
    """A model of who believes what of whom, and why they may."""

    def __init__(self) -> None:
        super().__init__()
        self.crew = Crew()
        self.links: list[tuple[int, str]] = []
        # Evidence, by (who believes, of whom).
        self.said_verified: dict[tuple[int, int], None] = {}
        self.said_equal: dict[tuple[int, int], dict[Shown, None]] = {}
        # The same for the other side, who may not know that it was taken back since.
        self.ever_equal: dict[tuple[int, int], dict[Shown, None]] = {}
        self.added_by_link: dict[tuple[int, int], None] = {}
        self.vouched: dict[tuple[int, int], None] = {}
        self.accepted: dict[tuple[int, int], None] = {}
        self.blocked_at: dict[tuple[int, int], int] = {}
        # How often an invite had been used when it was revoked, by (whose, number).
        self.revoked: dict[tuple[int, int], int] = {}

    @initialize(is_known=st.booleans())
    def know(self, is_known: bool) -> None:
        """Ann may know Bob and Cem from the start."""
        for other in (1, 2) if is_known else ():
            self.crew.people[other].add(self.crew.people[0].invite().link)
            self.added_by_link[other, 0] = None
        self.carry_everything()

    # --- What they do -------------------------------------------------------------------------

    @rule(who=people, uses_max=st.sampled_from([1, 1, 3]))
    def invite(self, who: int, uses_max: int) -> None:
        if len(self.links) < 6:
            self.links.append((who, self.crew.people[who].invite(uses_max=uses_max).link))

    @rule(who=people, drawn=st.data())
    def revoke(self, who: int, drawn: st.DataObject) -> None:
        open_ones = [one for one in self.crew.invites(who) if one.state == "open"]
        if open_ones:
            invite = drawn.draw(st.sampled_from(open_ones)).id
            answer = self.crew.people[who].ask(RevokeInvite(invite))
            assert isinstance(answer, InviteAnswer)
            assert answer.state == "revoked"
            self.revoked[who, invite] = answer.uses

    @rule(days=st.sampled_from([1, 1, 8]))
    def wait(self, days: int) -> None:
        """Invites for a week expire, and those who used them in time may come later."""
        self.crew.clock.pass_by(days * DAY_S)
        for person in self.crew.people:
            person.tend()
        # Nobody is handed what has expired.
        self.crew.post()
        self.crew.bag = [
            one for one in self.crew.bag if one[1].header.lapses > self.crew.clock.now.mesh
        ]

    @precondition(lambda self: self.links)
    @rule(who=people, drawn=st.data())
    def add(self, who: int, drawn: st.DataObject) -> None:
        author, link = drawn.draw(st.sampled_from(self.links))
        was_there = self.crew.find(who, author) is not None
        try:
            self.crew.people[who].add(link)
        except UserError:
            return
        if not was_there:
            self.added_by_link[who, author] = None

    @rule(who=people, other=people, is_verified=st.booleans())
    def verify(self, who: int, other: int, is_verified: bool) -> None:
        if self.crew.do(who, other, lambda key: VerifyContact(key, is_verified)):
            if is_verified:
                self.said_verified[who, other] = None
            else:
                self.said_verified.pop((who, other), None)
                self.said_equal.pop((who, other), None)

    @rule(who=people, other=people)
    def compare(self, who: int, other: int) -> None:
        self.crew.do(who, other, Compare)

    @rule(who=people, other=people, is_equal=st.sampled_from([True, True, False]))
    def compare_together(self, who: int, other: int, is_equal: bool) -> None:
        self.compare(who, other)
        self.carry_everything()
        self.compare(other, who)
        self.carry_everything()
        self.confirm(who, other, is_equal=True)
        self.confirm(other, who, is_equal=is_equal)

    @rule(who=people, other=people, is_equal=st.sampled_from([True, True, False]))
    def confirm(self, who: int, other: int, is_equal: bool) -> None:
        details = self.crew.details(who, other)
        shown = () if details is None else tuple(details.comparison.emoji)
        said = self.crew.do(who, other, lambda key: ConfirmComparison(key, is_equal))
        if said and is_equal:
            self.said_equal.setdefault((who, other), {})[shown] = None
            self.ever_equal.setdefault((who, other), {})[shown] = None

    @rule(who=people, other=people, is_blocked=st.booleans())
    def block(self, who: int, other: int, is_blocked: bool) -> None:
        if self.crew.do(who, other, lambda key: BlockContact(key, is_blocked)):
            self.blocked_at.pop((who, other), None)
            contact = self.crew.find(who, other)
            if is_blocked and contact is not None:
                self.blocked_at[who, other] = contact.messages_count

    @rule(who=people, other=people)
    def accept(self, who: int, other: int) -> None:
        if self.crew.do(who, other, AcceptRequest):
            self.accepted[who, other] = None

    @rule(who=people, other=people)
    def write(self, who: int, other: int) -> None:
        if self.crew.do(who, other, lambda key: SendMessage(key, "hello")):
            self.accepted[who, other] = None

    @rule(who=people, other=people)
    def remove(self, who: int, other: int) -> None:
        if self.crew.do(who, other, RemoveContact):
            for evidence in (
                self.said_verified,
                self.said_equal,
                self.added_by_link,
                self.vouched,
                self.accepted,
                self.blocked_at,
            ):
                evidence.pop((who, other), None)

    @rule(who=people, guest=people, host=people)
    def introduce(self, who: int, guest: int, host: int) -> None:
        to = self.crew.find(who, host)
        if to is not None:
            self.crew.do(who, guest, lambda key: Introduce(key, to.key))

    @rule(who=people)
    def introduce_all(self, who: int) -> None:
        """Those whom one knows come to know each other, unless somebody minds."""
        guest, host = sorted({0, 1, 2} - {who})
        self.introduce(who, guest, host)
        for one in (host, guest, host):
            self.carry_everything()
            self.answer(one, is_accepted=True)

    @rule(who=people, is_accepted=st.sampled_from([True, True, False]))
    def answer(self, who: int, is_accepted: bool) -> None:
        found = self.crew.people[who].ask(AskIntroductions())
        assert isinstance(found, IntroductionsAnswer)
        for one in found.introductions:
            other = self.crew.keys.index(one.key)
            was_there = self.crew.find(who, other) is not None
            try:
                self.crew.people[who].ask(AnswerIntroduction(one.id, is_accepted))
            except UserError:
                continue
            if is_accepted and not was_there:
                self.vouched[who, other] = None

    @rule(who=people)
    def restart(self, who: int) -> None:
        self.crew.people[who].restart()

    # --- The mesh -----------------------------------------------------------------------------

    @rule(drawn=st.data())
    def carry(self, drawn: st.DataObject) -> None:
        """Some of what was posted, in any order, perhaps again, to everybody else."""
        self.crew.post()
        if not self.crew.bag:
            return
        places = st.lists(st.integers(0, len(self.crew.bag) - 1), min_size=1, max_size=4)
        self.crew.deliver([self.crew.bag[place] for place in drawn.draw(places)])

    @rule()
    def carry_everything(self) -> None:
        self.crew.post()
        self.crew.deliver(self.crew.bag[-60:])
        self.crew.post()
        self.crew.deliver(self.crew.bag[-20:])

    # --- What must hold -----------------------------------------------------------------------

    @invariant()
    def every_contact_is_explained(self) -> None:
        for who, person in enumerate(self.crew.people):
            for contact in person.contacts():
                self._explain(who, self.crew.keys.index(contact.key), contact)

    @invariant()
    def no_invite_is_used_more_often_than_it_says(self) -> None:
        for who in range(len(self.crew.people)):
            assert all(one.uses <= one.uses_max for one in self.crew.invites(who))

    @invariant()
    def nobody_comes_by_an_invite_that_was_revoked(self) -> None:
        for (who, invite), uses in self.revoked.items():
            (found,) = [one for one in self.crew.invites(who) if one.id == invite]
            assert (found.uses, found.state, found.link) == (uses, "revoked", "")

    def teardown(self) -> None:
        for person in self.crew.people:
            person.connection.close()

    def _explain(self, who: int, other: int, contact: ContactAnswer) -> None:
        pair, back = (who, other), (other, who)
        assert who != other
        if contact.trust == "verified":
            here = self.said_equal.get(pair, {})
            there = self.ever_equal.get(back, {})
            assert pair in self.said_verified or any(shown in there for shown in here)
        if contact.trust == "known":
            assert pair in self.added_by_link or pair in self.vouched
        if contact.introduced_by:
            assert pair in self.vouched
        if contact.is_request:
            assert pair not in self.accepted
            assert pair not in self.added_by_link
        assert contact.is_blocked == (pair in self.blocked_at)
        if contact.is_blocked:
            assert contact.messages_count == self.blocked_at[pair]


TestTrust = Trust.TestCase
TestTrust.settings = examples(10, steps=30)
