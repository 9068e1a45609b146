"""The people of a world: they make identities, befriend one another, and know their contacts.

What they write and read is in `sim.users.mail_workload`. Everything that a node tells its person
goes to the ledger, which holds it against what was written.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from mesh.commands import (
    AcceptRequest,
    AddContact,
    Answer,
    AskContacts,
    AskMessages,
    BlockContact,
    Command,
    ContactAnswer,
    ContactsAnswer,
    CreateIdentity,
    CreateInvite,
    IdentityAnswer,
    InviteAnswer,
    MessageAnswer,
    MessagesAnswer,
    SetReadReceipts,
    VerifyContact,
)
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    Event,
    MessageReceived,
    MessageStateChanged,
)
from mesh.limits import MESSAGES_PER_PAGE_MAX
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.exclusion import ShutOut
from sim.invariants.message_log import Ledger, Letter
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.scenario import Only, Workload
from sim.users.user import Person

ABSENT_AGAIN_US: Final = 5_000_000
"""Two who would befriend each other while a node is off try again after so long."""

Told = Callable[[Person, MessageAnswer], None]
"""(whose message, what their node says of it)."""

Shown = Callable[[Person, Letter], None]


def _nobody(_: Answer) -> None:
    """Nothing follows from the answer."""


class People:
    """Everybody, and whom they know. `spares` are second machines: (node, whose)."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        nodes: Sequence[VirtualNode],
        spares: Sequence[tuple[VirtualNode, int]] = (),
        workload: Workload,
        only: Only,
        ledger: Ledger,
        told: Told,
        shown: Shown,
        reach: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._workload = workload
        self._only = only
        self._ledger = ledger
        self._told = told
        self._shown = shown
        self._reach = reach
        self._added_anew: dict[tuple[int, int], None] = {}
        # (who, whom) of those who used an invite and did not know the other.
        self._chance = Chance(seed, "workload")
        self._habits = Chance(seed, "habits")
        self._past = Chance(seed, "met before")
        self._nodes_by_key: dict[str, int] = {}
        self.refusals: dict[str, int] = {}
        self.shut_out = ShutOut()
        self.met_before: list[tuple[int, int]] = []
        """Pairs that are contacts when the world begins, once all is planned."""

        self.everybody = [Person(node.index, node, loop, self._refused, reach) for node in nodes]
        self._by_node = {person.index: person for person in self.everybody}
        self.present = [person for person in self.everybody if only.has_node(person.index)]
        for spare, index in spares:
            self._by_node[spare.index] = Person(index, spare, loop, self._refused, reach)
        for person in self.everybody:
            person.is_reader = self._habits.is_true(workload.read_share)

    def plan(self, late: Mapping[int, int]) -> None:
        """Plan boots and friendships; some are switched on `late`."""
        workload, chance = self._workload, self._chance
        for person in self.everybody:
            when = chance.below(_us(workload.boot_within_s) + 1)
            when = late.get(person.index, when)
            if self._only.has_node(person.index):
                self._loop.at(when, partial(self._first_boot, person))
        for one, other in self._friendships():
            when = chance.between(*map(_us, workload.befriend_between_s))
            is_crossing = self._habits.is_true(workload.crossing_share)
            is_met = self._past.is_true(workload.met_before_share)
            if not (self._only.has_node(one.index) and self._only.has_node(other.index)):
                continue
            if is_met:
                self.met_before.append((one.index, other.index))
            else:
                befriend = self._cross if is_crossing else self._befriend
                self._loop.at(when, partial(befriend, one, other))

    def have_met(self, keys: Mapping[int, str]) -> None:
        """These have an identity when the world begins, and find their contacts in their vaults."""
        for node, key in keys.items():
            self.everybody[node].identity_key = key
            self._nodes_by_key[key] = node

    def person_at(self, node: int) -> Person:
        """Who sits at a node."""
        return self._by_node[node]

    @property
    def are_waiting(self) -> bool:
        """Whether something asked has no answer yet."""
        return any(person.is_waiting for person in self.everybody)

    def are_mutual(self, one: Person, other: Person) -> bool:
        """Whether both have each other, as they are now, among their contacts."""
        return bool(
            one.contacts.get(other.index) == other.identity_key
            and other.contacts.get(one.index) == one.identity_key
        )

    # --- What befalls them ------------------------------------------------------------------------

    def booted_again(self, node: int) -> None:
        """After a restart people look whom they know and what they missed, and ask again."""
        person = self._by_node[node]
        if not person.node.is_up:
            # Its disk still fails.
            return
        person.ask_again()
        if person.identity_key:
            self.look_around(person)
            self._catch_up(person)

    def rolled_back(self, node: int) -> None:
        """A vault was put back: what its person asked is asked no more."""
        self._by_node[node].forget(is_identity_lost=False)
        self.shut_out.forget(node)

    def wiped(self, node: int) -> None:
        """Everything is lost: the same person begins anew, and befriends again whom they knew."""
        person = self._by_node[node]
        person.forget(is_identity_lost=True)
        self.shut_out.forget(node)
        name = f"person {person.index} again"
        person.ask(CreateIdentity(name), partial(self._named_again, person))

    def cloned(self, spare: int) -> None:
        """A second machine runs: its person knows whom the first one knows."""
        person = self._by_node[spare]
        person.identity_key = self._by_node[person.index].identity_key
        self.look_around(person)

    def lose(self, node: int) -> None:
        """A computer failed for ever, and its person asks nothing any more."""
        person = self._by_node[node]
        person.leave()
        self.present = [other for other in self.present if other is not person]

    def block(self, person: Person, other: int, *, is_blocked: bool) -> None:
        """A person blocks a contact, or no longer does."""
        key = person.contacts.get(other)
        if key is not None:
            person.ask(BlockContact(key, is_blocked), _nobody)

    def use_invite(self, giver: Person, other: Person, link: str) -> None:
        """Somebody uses an invite that was given to them by hand."""
        self._use(giver, other, AddContact(link))

    def look_around(self, person: Person) -> None:
        """Ask whom this node knows."""
        person.ask(AskContacts(), partial(self._know_all, person))

    # --- What their nodes tell them ---------------------------------------------------------------

    def happened(self, node: int, event: Event) -> None:
        """A node tells its person something."""
        person = self._by_node[node]
        match event:
            case MessageReceived(message=message):
                self._show(person, message)
            case MessageStateChanged(message=message):
                self._told(person, message)
            case ContactAdded(contact=contact):
                if not person.is_clone:
                    self.shut_out.require_out(person.index, contact.key)
                self._know(person, contact)
                self._welcome(person, contact)
            case ContactChanged(contact=contact):
                self._know(person, contact)
            case _:
                pass

    def _show(self, person: Person, message: MessageAnswer) -> None:
        person.seen_to = max(person.seen_to, message.number)
        author = person.authors.get(message.contact)
        now = self._loop.now
        letter = self._ledger.show(
            person.index, author, message.text, now, is_clone=person.is_clone
        )
        if author is not None and not self.everybody[author].node.is_up:
            self._reach("author-away")
        self._shown(person, letter)

    def _catch_up(self, person: Person) -> None:
        """A crash may have come between a commit and its event."""
        command = AskMessages(after=person.seen_to, limit=MESSAGES_PER_PAGE_MAX)
        person.ask(command, partial(self._missed, person))

    def _missed(self, person: Person, answer: Answer) -> None:
        assert isinstance(answer, MessagesAnswer)
        for message in answer.messages:
            is_known = self._ledger.letter_of(person.index, message.text).is_shown
            if not (message.is_mine or is_known):
                self._reach("caught-up")
                self._show(person, message)
            person.seen_to = max(person.seen_to, message.number)
        if answer.has_more:
            self._catch_up(person)

    def _know(self, person: Person, contact: ContactAnswer) -> None:
        node = self._nodes_by_key.get(contact.key)
        if node is None:
            return
        person.authors[contact.id] = node
        # Who wiped their disk is written to under their new identity only.
        if contact.key == self.everybody[node].identity_key:
            person.contacts[node] = contact.key

    def _know_all(self, person: Person, answer: Answer) -> None:
        assert isinstance(answer, ContactsAnswer)
        person.contacts.clear()
        for contact in answer.contacts:
            self._know(person, contact)

    def _welcome(self, person: Person, contact: ContactAnswer) -> None:
        if contact.is_request:
            person.ask(AcceptRequest(contact.key), _nobody)
        if person.is_reader:
            person.ask(SetReadReceipts(contact.key, is_on=True), _nobody)
        if self._workload.verify_share and self._habits.is_true(self._workload.verify_share):
            person.ask(VerifyContact(contact.key), _nobody)

    # --- Identities and friendships ---------------------------------------------------------------

    def _first_boot(self, person: Person) -> None:
        if person.is_gone:
            return
        if person.identity_key:
            person.ask(AskContacts(), partial(self._meet_again, person))
        else:
            person.ask(CreateIdentity(f"person {person.index}"), partial(self._named, person))
        person.node.boot()
        person.ask_again()

    def _meet_again(self, person: Person, answer: Answer) -> None:
        self._know_all(person, answer)
        assert isinstance(answer, ContactsAnswer)
        for contact in answer.contacts:
            self._welcome(person, contact)

    def _named(self, person: Person, answer: Answer) -> None:
        assert isinstance(answer, IdentityAnswer)
        person.identity_key = answer.key
        self._nodes_by_key[answer.key] = person.index

    def _named_again(self, person: Person, answer: Answer) -> None:
        self._named(person, answer)
        for friend in person.friends:
            when = self._chance.between(1_000_000, 10_000_000)
            self._loop.after(when, partial(self._befriend, person, self.everybody[friend]))

    def _friendships(self) -> list[tuple[Person, Person]]:
        """Pairs that will know each other; everybody has some, drawn from everywhere."""
        pairs: dict[tuple[int, int], None] = {}
        count = len(self.everybody)
        wanted = min(self._workload.contacts, count - 1)
        for one in range(count):
            while sum(one in pair for pair in pairs) < wanted:
                other = self._chance.below(count)
                if other != one:
                    pairs.setdefault((min(one, other), max(one, other)))
        for one, other in pairs:
            self.everybody[one].friends[other] = None
            self.everybody[other].friends[one] = None
        return [(self.everybody[one], self.everybody[other]) for one, other in pairs]

    def _befriend(self, one: Person, other: Person) -> None:
        """One gives an invite to the other, by hand; the other uses it."""
        if one.node.is_up and other.node.is_up:
            one.ask(CreateInvite(), partial(self._invited, one, other, 0))
        elif not (one.is_gone or other.is_gone):
            self._loop.after(ABSENT_AGAIN_US, partial(self._befriend, one, other))

    def _cross(self, one: Person, other: Person) -> None:
        """Both give each other an invite, and use what they were given at about the same time."""
        if one.node.is_up and other.node.is_up:
            within_us = _us(self._workload.crossing_within_s)
            for giver, taker in ((one, other), (other, one)):
                delay = self._habits.below(within_us + 1)
                giver.ask(CreateInvite(), partial(self._invited, giver, taker, delay))
        elif not (one.is_gone or other.is_gone):
            self._loop.after(ABSENT_AGAIN_US, partial(self._cross, one, other))

    def _invited(self, giver: Person, other: Person, delay: int, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        use = partial(self._use, giver, other, AddContact(answer.link))
        if delay:
            self._loop.after(delay, use)
        else:
            use()

    def _use(self, giver: Person, other: Person, command: AddContact) -> None:
        is_new = giver.index not in other.contacts
        other.ask(command, partial(self._added, giver, other, is_new=is_new))

    def _added(self, giver: Person, person: Person, answer: Answer, *, is_new: bool) -> None:
        assert isinstance(answer, ContactAnswer)
        if is_new:
            self._added_anew[person.index, giver.index] = None
            if (giver.index, person.index) in self._added_anew:
                self._reach("first-contacts-crossed")
        self._know(person, answer)

    def _refused(self, command: Command, error: UserError) -> None:
        kind = f"{type(command).__name__}: {error.kind}"
        self.refusals[kind] = self.refusals.get(kind, 0) + 1


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
