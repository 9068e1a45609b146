"""A small node that knows of trust: it holds the switches, and a test plays the other person."""

import msgspec

from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AcceptRequest,
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    NoteAnswer,
    RemoveContact,
    RenewSession,
    ReplaceIdentity,
    SetReadReceipts,
    VerifyContact,
)
from mesh.commands.groups import AskGroups, GroupsAnswer
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)
from mesh.commands.invites import InspectInvite, InviteContentsAnswer
from mesh.commands.nearby import (
    AskNearby,
    CompareNearby,
    ConfirmNearby,
    NearbyAnswer,
    NearbyPersonAnswer,
    SetNearby,
)
from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison
from mesh.errors import UserError

NOW = 1_800_000_000
EMOJI = [
    ("🐶", "Dog"),
    ("🦋", "Butterfly"),
    ("🌵", "Cactus"),
    ("🔑", "Key"),
    ("⚓", "Anchor"),
    ("🎸", "Guitar"),
    ("☂️", "Umbrella"),
]
NUMBERS = [1234, 5678, 9012]


class SmallPeople:
    """Contacts with their trust, introductions, and people nearby."""

    def __init__(self) -> None:
        self.contacts: dict[int, ContactAnswer] = {}
        self.comparisons: dict[int, ComparisonAnswer] = {}
        self.introductions: dict[int, IntroductionAnswer] = {}
        self.nearby: dict[int, NearbyPersonAnswer] = {}
        self.notes: dict[int, list[NoteAnswer]] = {}
        self.is_nearby = False
        self.introduced: list[tuple[str, str]] = []

    def find(self, wanted: str | int) -> ContactAnswer:
        wanted = str(wanted)
        for contact in self.contacts.values():
            if wanted in (contact.label, str(contact.id)) or (
                len(wanted) >= 8 and contact.key.startswith(wanted)
            ):
                return contact
        raise UserError("not-found", "There is no such contact. See: mesh contacts")

    def change(self, wanted: str | int, **fields: object) -> ContactAnswer:
        changed = msgspec.structs.replace(self.find(wanted), **fields)
        self.contacts[changed.id] = changed
        return changed

    def answer(self, command: Command) -> Answer:
        match command:
            case AskGroups():
                return GroupsAnswer(groups=[])
            case VerifyContact(contact=contact, is_verified=is_verified):
                return self.change(contact, trust="verified" if is_verified else "known")
            case BlockContact(contact=contact, is_blocked=is_blocked, opens_sealed=opens_sealed):
                if opens_sealed:
                    self.change(contact, sealed_count=0)
                return self.change(contact, is_blocked=is_blocked)
            case AcceptRequest(contact=contact):
                return self.change(contact, is_request=False)
            case SetReadReceipts(contact=contact, is_on=is_on):
                return self.change(contact, sends_read_receipts=is_on)
            case RenewSession(contact=contact):
                return self.find(contact)
            case ReplaceIdentity(contact=contact, by=by):
                key = self.contacts.pop(self.find(by).id).key
                return self.change(contact, key=key, trust="first seen", identity_changed=NOW)
            case RemoveContact(contact=contact):
                del self.contacts[self.find(contact).id]
                return Done()
            case AskContact(contact=contact):
                return self.details(self.find(contact))
            case Introduce(contact=contact, to=to):
                self.introduced.append((self.find(contact).label, self.find(to).label))
                return Done()
            case AskIntroductions():
                return IntroductionsAnswer(introductions=list(self.introductions.values()))
            case AnswerIntroduction(introduction=number, is_accepted=is_accepted):
                return self.answer_introduction(number, is_accepted=is_accepted)
            case InspectInvite(link=link):
                return inspected(link)
            case Compare() | ConfirmComparison():
                return self.compare(command)
            case _:
                return self.answer_nearby(command)

    def details(self, contact: ContactAnswer) -> ContactDetailsAnswer:
        return ContactDetailsAnswer(
            contact=contact,
            safety_number="12345" * 12,
            notes=self.notes.get(contact.id, []),
            comparison=self.comparison(contact),
        )

    def comparison(self, contact: ContactAnswer) -> ComparisonAnswer:
        nothing = ComparisonAnswer(contact=contact.id, label=contact.label, state="none")
        return self.comparisons.get(contact.id, nothing)

    def compare(self, command: Compare | ConfirmComparison) -> ComparisonAnswer:
        contact = self.find(command.contact)
        now = self.comparison(contact)
        if isinstance(command, ConfirmComparison):
            state = "matched" if command.is_equal else "failed"
            now = msgspec.structs.replace(now, state=state)
        elif now.state == "asked by them":
            now = self.committed(contact)
        elif now.state != "compare":
            now = msgspec.structs.replace(now, state="asked by us", emoji=[], numbers=[])
        self.comparisons[contact.id] = now
        return now

    def committed(self, contact: ContactAnswer) -> ComparisonAnswer:
        """Both sides have sent what they must: there is something to compare."""
        now = msgspec.structs.replace(
            self.comparison(contact), state="compare", emoji=EMOJI, numbers=NUMBERS
        )
        self.comparisons[contact.id] = now
        return now

    def answer_introduction(self, number: int, *, is_accepted: bool) -> IntroductionAnswer:
        if number not in self.introductions:
            raise UserError("not-found", f"There is no introduction {number}.")
        answered = msgspec.structs.replace(
            self.introductions[number], state="accepted" if is_accepted else "declined"
        )
        self.introductions[number] = answered
        return answered

    def answer_nearby(self, command: Command) -> Answer:
        match command:
            case SetNearby(is_on=is_on):
                self.is_nearby = is_on
                return NearbyAnswer(is_on=is_on, people=list(self.nearby.values()))
            case AskNearby():
                return NearbyAnswer(is_on=self.is_nearby, people=list(self.nearby.values()))
            case CompareNearby(person=number):
                person = self.person(number)
                if person.state == "asked by them":
                    state, emoji, numbers = "compare", EMOJI, NUMBERS
                    return self.meet(person, state=state, emoji=emoji, numbers=numbers)
                return self.meet(person, state="asked by us")
            case ConfirmNearby(person=number, is_equal=is_equal):
                if is_equal:
                    return self.meet(self.person(number), state="matched", contact=7)
                return self.meet(self.person(number), state="failed")
            case _:
                raise AssertionError(command)

    def person(self, number: int) -> NearbyPersonAnswer:
        if number not in self.nearby:
            raise UserError("not-found", f"Nobody near has the number {number}.")
        return self.nearby[number]

    def meet(self, person: NearbyPersonAnswer, **fields: object) -> NearbyPersonAnswer:
        met = msgspec.structs.replace(person, **fields)
        self.nearby[met.id] = met
        return met


def inspected(link: str) -> InviteContentsAnswer:
    """Say what a link of the small node would do; one may end with `@HOST:PORT`."""
    if not link.startswith("mesh:"):
        raise UserError("bad-invite", "This is not an invite link.")
    name, _, hint = link.removeprefix("mesh:").partition("@")
    name = name[:16]
    is_usable = name != "expired"
    sentence = f"This adds {name} as a contact." if is_usable else "This invite has expired."
    return InviteContentsAnswer(
        name=name,
        key="cd" * 32,
        expires=NOW + 86_400,
        address_hint=hint,
        addresses=[hint] if hint else [],
        is_usable=is_usable,
        sentence=sentence,
    )
