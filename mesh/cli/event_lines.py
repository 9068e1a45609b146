"""The lines of `mesh tail` beside what was said: one for each thing a person should look at."""

import click

from mesh.cli.group_requests import invite_line, knock_line, letter_line
from mesh.cli.messages import state_of
from mesh.cli.names import Names, shown, shown_introduced
from mesh.cli.sanitise import clean_line
from mesh.commands.contacts import ContactAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.commands.verification import ComparisonAnswer
from mesh.events import (
    ComparisonChanged,
    ContactAdded,
    ContactChanged,
    ContactNoted,
    DiskChanged,
    Event,
    GroupInvited,
    GroupKnocked,
    IntroductionChanged,
    ItemAdded,
    ItemChanged,
    ItemGone,
    MemberWrote,
    MessageStateChanged,
    NearbyChanged,
    NoticeRaised,
    ScheduledChanged,
)

TOLD_STATES = ("delivered", "read", "expired", "delivered-then-withdrawn")
"""What becomes of a message at the end; a further peer that carries it is no news."""


def find_line(event: Event, names: Names) -> str | None:
    """Return the line of an event; None if there is nothing to look at."""
    sentence = find_sentence(event, names)
    return None if sentence is None else click.style(f"* {sentence}", fg="yellow")


def find_sentence(event: Event, names: Names) -> str | None:
    """Return an event in words."""
    match event:
        case ContactNoted(contact=contact, note=note):
            return f"{shown(contact)}: {clean_line(note.sentence)}"
        case ContactAdded(contact=contact):
            return sentence_of_added(contact)
        case ComparisonChanged(comparison=comparison):
            return find_sentence_of_comparison(comparison, names)
        case IntroductionChanged(introduction=introduction):
            return find_sentence_of_introduction(introduction, names)
        case NearbyChanged(person=person):
            return find_sentence_of_nearby(person)
        case GroupInvited():
            return invite_line(event, names)
        case GroupKnocked():
            return knock_line(event)
        case MemberWrote(letter=letter):
            return letter_line(letter)
        case MessageStateChanged(message=message) if message.state in TOLD_STATES:
            return f"message {message.number} to {names.of(message)}: {state_of(message)}"
        case ScheduledChanged(scheduled=waiting) if waiting.failure:
            name = names.name(waiting.conversation, waiting.title)
            return f"text {waiting.number} to {name} was not sent: {clean_line(waiting.failure)}"
        case NoticeRaised(sentence=sentence) | DiskChanged(sentence=sentence):
            return clean_line(sentence)
        case _:
            return None


def sentence_of_added(contact: ContactAnswer) -> str:
    """Say that somebody new is there, and whether they wait apart."""
    if contact.is_request:
        return f"{shown(contact)} asks to be let in: mesh requests"
    return f"{shown(contact)} is a contact now."


def find_sentence_of_comparison(comparison: ComparisonAnswer, names: Names) -> str | None:
    """Say what a person is to do about a comparison."""
    name = names.name(comparison.contact, comparison.label)
    match comparison.state:
        case "asked by them":
            return f"{name} wishes to compare: mesh compare {comparison.contact}"
        case "failed":
            where = f"mesh contact show {comparison.contact}"
            return f"A comparison with {name} ended without a match: {where}"
        case _:
            return None


def find_sentence_of_introduction(introduction: IntroductionAnswer, names: Names) -> str | None:
    """Say who vouches for whom, while it waits for an answer."""
    if introduction.state != "waiting":
        return None
    by, name = names.called(introduction.by), shown_introduced(introduction)
    return f"{by} introduces {name} to you: mesh introductions accept {introduction.id}"


def find_sentence_of_nearby(person: NearbyPersonAnswer) -> str | None:
    """Say that somebody near wishes to become a contact."""
    if person.state != "asked by them":
        return None
    name = clean_line(person.name)
    others = ", ".join(map(clean_line, person.looks_like))
    doubt = f" (a name like {others}, perhaps somebody else)" if others else ""
    return f"{name}{doubt}, who is near, wishes to compare: mesh nearby compare {person.id}"


def concerns(event: Event, conversation: int | None) -> bool:
    """Say whether an event is told to somebody who follows one conversation, or all."""
    if conversation is None:
        return True
    match event:
        # A direct conversation bears the number of its contact.
        case ContactNoted(contact=contact) | ContactChanged(contact=contact):
            return contact.id == conversation
        case ComparisonChanged(comparison=comparison):
            return comparison.contact == conversation
        case MessageStateChanged(message=message):
            return message.conversation == conversation
        case ItemAdded(item=item) | ItemChanged(item=item):
            return item.conversation == conversation
        case ItemGone(conversation=number):
            return number == conversation
        case _:
            return False
