"""The people of a world: they make identities, befriend one another, and write.

Each node has one person, who asks the node as its page would, and who asks again after a crash
what was not answered: under the same idempotency key, so a repeated message stays one. What they
write and what they are shown goes to the ledger.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.commands import (
    AddContact,
    Answer,
    AskIdentity,
    AskMessages,
    Command,
    ContactAnswer,
    CreateIdentity,
    CreateInvite,
    IdentityAnswer,
    InviteAnswer,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
)
from mesh.errors import UserError
from mesh.events import ContactAdded, ContactChanged, Event, MessageReceived
from mesh.limits import MESSAGES_PER_PAGE_MAX
from sim.entropy import Chance
from sim.ledger import Ledger, Letter
from sim.loop import Loop
from sim.scenario import Workload
from sim.virtual_node import VirtualNode

LETTERS: Final = string.ascii_lowercase + " äöüßéçñ🙂"
FILLER_BYTES: Final = 1 << 16

Then = Callable[[Answer], None]


@dataclass(slots=True)
class _Question:
    """Something asked that a crash may leave without an answer."""

    command: Command
    then: Then


@dataclass(slots=True)
class Person:
    """Somebody at a node: what is asked and open, and whom they may write to."""

    node: VirtualNode
    open_questions: dict[int, _Question] = field(default_factory=dict)
    questions_count: int = 0
    contacts: dict[int, str] = field(default_factory=dict)
    """Node of a contact -> key. Who is in here may be written to."""

    authors: dict[int, int] = field(default_factory=dict)
    """Contact id of this profile -> the contact's node."""


class People:
    """Everybody, and what they do when."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        nodes: list[VirtualNode],
        workload: Workload,
        ledger: Ledger,
    ) -> None:
        self._loop = loop
        self._workload = workload
        self._ledger = ledger
        self._chance = Chance(seed, "workload")
        self._persons = [Person(node) for node in nodes]
        self._nodes_by_key: dict[str, int] = {}
        self._filler = _filler(Chance(seed, "texts"))
        self.refusals: dict[str, int] = {}

    def plan(self) -> None:
        """Plan all lives: boots, friendships, messages."""
        workload, chance = self._workload, self._chance
        for person in self._persons:
            boot = partial(self._first_boot, person)
            self._loop.at(chance.below(_us(workload.boot_within_s) + 1), boot)
        for one, other in self._friendships():
            when = chance.between(*map(_us, workload.befriend_between_s))
            self._loop.at(when, partial(self._befriend, one, other))
        self._plan_message(_us(workload.write_between_s[0]))

    def booted_again(self, node: int) -> None:
        """After a crash a person asks again what was not answered."""
        person = self._persons[node]
        questions = list(person.open_questions.values())
        person.open_questions.clear()
        for question in questions:
            self._ask(person, question.command, question.then)

    def happened(self, node: int, event: Event) -> None:
        """A node tells its person something."""
        match event:
            case MessageReceived(message=message):
                author = self._persons[node].authors.get(message.contact)
                self._ledger.show(node, author, message.text, self._loop.now)
            case ContactAdded(contact=contact) | ContactChanged(contact=contact):
                self._know(self._persons[node], contact)
            case _:
                pass

    @property
    def are_waiting(self) -> bool:
        """Whether something asked has no answer yet."""
        return any(person.open_questions for person in self._persons)

    def read_histories(self) -> None:
        """Ask every node for all its messages, and hold them against the ledger."""
        for person in self._persons:
            self._read(person, 0, [], MessagesAnswer(messages=[], has_more=True))

    def _first_boot(self, person: Person) -> None:
        person.node.boot()
        index = person.node.index
        self._ask(person, CreateIdentity(f"person {index}"), partial(self._named, person))

    def _named(self, person: Person, answer: Answer) -> None:
        assert isinstance(answer, IdentityAnswer)
        self._nodes_by_key[answer.key] = person.node.index

    def _friendships(self) -> list[tuple[Person, Person]]:
        """Pairs that will know each other; everybody has some, drawn from everywhere."""
        pairs: dict[tuple[int, int], None] = {}
        count = len(self._persons)
        wanted = min(self._workload.contacts, count - 1)
        for one in range(count):
            while sum(one in pair for pair in pairs) < wanted:
                other = self._chance.below(count)
                if other != one:
                    pairs.setdefault((min(one, other), max(one, other)))
        return [(self._persons[one], self._persons[other]) for one, other in pairs]

    def _befriend(self, one: Person, other: Person) -> None:
        """One gives an invite to the other, by hand; the other uses it."""
        if one.node.is_up and other.node.is_up:
            self._ask(one, CreateInvite(), partial(self._invited, other))
        else:
            self._loop.after(1_000_000, partial(self._befriend, one, other))

    def _invited(self, other: Person, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        self._ask(other, AddContact(answer.link), partial(self._added, other))

    def _added(self, person: Person, answer: Answer) -> None:
        assert isinstance(answer, ContactAnswer)
        self._know(person, answer)

    def _know(self, person: Person, contact: ContactAnswer) -> None:
        node = self._nodes_by_key.get(contact.key)
        if node is not None:
            person.authors[contact.id] = node
            person.contacts[node] = contact.key

    def _plan_message(self, when: int) -> None:
        mean_us = 1_000_000 / self._workload.messages_per_second
        when += self._chance.exponential(mean_us)
        if when < _us(self._workload.write_between_s[1]):
            self._loop.at(when, partial(self._write, when))

    def _write(self, when: int) -> None:
        """Somebody who can writes to a contact."""
        self._plan_message(when)
        person = self._chance.pick(self._persons)
        text_letters = self._workload.text_letters
        if self._chance.is_true(self._workload.long_text_share):
            text_letters = self._workload.long_text_letters
        length = self._chance.between(*text_letters)
        start = self._chance.below(FILLER_BYTES)
        choice = self._chance.fraction()
        if not person.node.is_up or not person.contacts:
            return
        contacts = list(person.contacts.items())
        recipient, key = contacts[int(choice * len(contacts))]
        text = self._filler[start : start + length]
        letter = self._ledger.ask(person.node.index, recipient, text, self._loop.now)
        command = SendMessage(key, letter.text, idempotency_key=str(letter.number))
        self._ask(person, command, partial(self._confirmed, letter))

    def _confirmed(self, letter: Letter, answer: Answer) -> None:
        assert isinstance(answer, MessageAnswer)
        self._ledger.confirm(letter, self._loop.now)

    def _read(
        self, person: Person, after: int, read: list[tuple[bool, str]], answer: Answer
    ) -> None:
        """Page through a history; the whole of it goes to the ledger."""
        assert isinstance(answer, MessagesAnswer)
        read = read + [(message.is_mine, message.text) for message in answer.messages]
        after = max([after, *(message.number for message in answer.messages)])
        if answer.has_more:
            command = AskMessages(after=after, limit=MESSAGES_PER_PAGE_MAX)
            self._ask(person, command, partial(self._read, person, after, read))
        else:
            self._ledger.hold_history(person.node.index, read)

    def _ask(self, person: Person, command: Command, then: Then) -> None:
        number = person.questions_count
        person.questions_count += 1
        person.open_questions[number] = _Question(command, then)
        person.node.ask(command, partial(self._answered, person, number))

    def _answered(self, person: Person, number: int, answer: Answer | UserError) -> None:
        question = person.open_questions.pop(number)
        if not isinstance(answer, UserError):
            question.then(answer)
        elif isinstance(question.command, CreateIdentity):
            # The crash came after the commit and before the answer.
            self._ask(person, AskIdentity(), question.then)
        else:
            kind = f"{type(question.command).__name__}: {answer.kind}"
            self.refusals[kind] = self.refusals.get(kind, 0) + 1


def _filler(chance: Chance) -> str:
    """Text from which every message takes a piece; drawn once, since chance is slow."""
    block = "".join(chance.pick(LETTERS) for _ in range(4_096))
    return block * (2 * FILLER_BYTES // len(block))


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
