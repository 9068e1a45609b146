"""Mentions: a name behind an @ means somebody who is in the conversation."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mesh.cli.names import KEY_DIGITS_SHOWN
from mesh.client import Client
from mesh.commands.contacts import AskContact, ContactDetailsAnswer
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.groups import AskMembers, MembersAnswer
from mesh.commands.item_commands import MentionAsked
from mesh.commands.items import ItemAnswer
from mesh.limits.content import MENTIONS_MAX


class Somebody(NamedTuple):
    """Whoever may be meant in a conversation."""

    label: str
    key: str
    is_contact: bool


def mentioned(
    client: Client, chat: str | int, text: str, *, before: ItemAnswer | None = None
) -> tuple[MentionAsked, ...]:
    """Return whom a text means of those in a conversation, and of those whom it meant before."""
    if "@" not in text:
        return ()
    people = {} if before is None else meant_before(before)
    return mentions_in(text, people | people_of(client, chat))


def people_of(client: Client, chat: str | int) -> dict[str, str]:
    """Return the keys of those in a conversation by what means them, without ourselves."""
    conversation = client.ask(AskConversation(chat), ConversationAnswer)
    if conversation.reads == 1:
        # Who has the first Mesh reads words alone.
        return {}
    if conversation.kind == "group":
        members = client.ask(AskMembers(conversation.number), MembersAnswer).members
        return told_apart(
            Somebody(member.label, member.key, is_contact=member.contact != 0)
            for member in members
            if not member.is_me
        )
    if conversation.contact:
        contact = client.ask(AskContact(conversation.contact), ContactDetailsAnswer).contact
        return {contact.label: contact.key}
    return {}


def told_apart(people: Iterable[Somebody]) -> dict[str, str]:
    """Return the keys of people by what means each of them alone.

    A label that several bear means the one contact among them, or nobody; the others are meant by
    it with the beginning of their key. Who chose a label that looks so is meant by nothing.
    """
    bearers: dict[str, list[Somebody]] = {}
    for one in people:
        bearers.setdefault(one.label.casefold(), []).append(one)
    names: dict[str, list[tuple[str, str]]] = {}
    for those in bearers.values():
        first = those if len(those) == 1 else [one for one in those if one.is_contact]
        for one in those:
            is_alone = first == [one]
            name = one.label if is_alone else f"{one.label} {one.key[:KEY_DIGITS_SHOWN]}"
            names.setdefault(name.casefold(), []).append((name, one.key))
    return dict(found[0] for found in names.values() if len(found) == 1)


def meant_before(item: ItemAnswer) -> dict[str, str]:
    """Return the keys of those whom an item means, by the words that do."""
    spans = ((item.text[one.start : one.start + one.length], one.key) for one in item.mentions)
    return {words[1:]: key for words, key in spans if words.startswith("@")}


def mentions_in(text: str, people: Mapping[str, str]) -> tuple[MentionAsked, ...]:
    """Return the places that mean somebody: the longest name behind an @ between other words."""
    found: list[MentionAsked] = []
    longest_first = sorted((label for label in people if label), key=len, reverse=True)
    start = text.find("@")
    while start >= 0 and len(found) < MENTIONS_MAX:
        end = start + 1
        if not start or not _is_of_word(text[start - 1]):
            for label in longest_first:
                after = end + len(label)
                is_whole = after >= len(text) or not _is_of_word(text[after])
                if is_whole and text[end:after].casefold() == label.casefold():
                    length = after - start
                    found.append(MentionAsked(start=start, length=length, key=people[label]))
                    end = after
                    break
        start = text.find("@", end)
    return tuple(found)


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"
