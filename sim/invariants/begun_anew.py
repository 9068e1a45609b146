"""A node that begins anew over the same databases answers its person the same (S29).

From time to time another engine is made over copies of what a node has committed. Whatever the node
keeps in memory beside its databases must not show: both are asked all that only reads, at one
instant, and answer alike. What is of this life alone is left out (`OF_THIS_LIFE`).

A node whose vault is locked is held against one that begins locked, as far as it answers. Both have
the same ids, on their stems and beyond, and miss the same bodies, but for those of which memory
alone knows more.

A second one is made of the rows that a backup holds of the vault: what somebody chose for
themselves, a draft or a name that they gave, stands there as it stood.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.carry import AskMailFor
from mesh.commands.command import Command
from mesh.commands.contacts import AskContact, AskContacts, ContactsAnswer
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    AskRoom,
    ConversationsAnswer,
)
from mesh.commands.files import AskFile, AskFileBlock, AskFilePreview
from mesh.commands.group_links import AskGroupLinks, AskKnocks
from mesh.commands.groups import AskGroup, AskGroupLog, AskGroups, AskMembers, GroupsAnswer
from mesh.commands.identity import AskIdentity
from mesh.commands.introductions import AskIntroductions
from mesh.commands.invites import AskInvites
from mesh.commands.item_commands import (
    AskBoard,
    AskFiles,
    AskItem,
    AskItemPeople,
    AskItems,
    AskItemsByArrival,
    AskPins,
    AskVersions,
)
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.member_letters import AskMemberLetters
from mesh.commands.messages import AskMessage, AskMessages
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.commands.scheduled import AskScheduled
from mesh.commands.search import Search
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.engine.engine import Engine
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.parts.carry import Carry
from mesh.engine.vault_half import VaultHalf
from mesh.errors import UserError
from mesh.ids import EnvelopeId, Instant
from mesh.messenger.messenger import Messenger
from mesh.replication.retiring import Retiring
from mesh.storage.store.stem_rows import StemRow
from mesh.wire.retirement import Retirement
from sim.invariants.invariants import S29, BrokenInvariant

ITEMS_ASKED_MAX: Final = 2
"""Of each conversation so many of the newest items are asked for by themselves."""

OF_THIS_LIFE: Final[Mapping[type[msgspec.Struct], tuple[str, ...]]] = {
    # The time for which a node was off does not count until its clock is known to be right.
    ItemAnswer: ("disappears",),
}
"""Fields of answers that a new start may change, by the answer or whatever stands in it."""

CHOSEN: Final = (
    "title",
    "draft",
    "is_pinned",
    "is_archived",
    "is_marked_unread",
    "muted_until",
    "timer",
    "keep_for",
)
"""What a person chose of a conversation for themselves, and a backup holds."""

STATUS_KEPT: Final = (
    "name",
    "vault",
    "mesh",
    "envelopes_count",
    "stored_bytes",
    "headers_bytes",
    "contacts_count",
    "requests_count",
    "outbox_count",
    "is_former_machine",
)
"""The fields of a status that follow from the databases: links, clocks and counters do not."""


def half_of(engine: Engine) -> VaultHalf:
    """Return an engine's half of the vault."""
    half = vars(engine)["_vault"]
    assert isinstance(half, VaultHalf)
    return half


def is_open(engine: Engine) -> bool:
    """Say whether a node has a vault that it may look into now."""
    return half_of(engine).messenger is not None


def is_comparable(engine: Engine) -> bool:
    """Say whether a node is locked, or has a person and nothing in memory that goes into its vault
    next.
    """
    half = half_of(engine)
    messenger = half.messenger
    if messenger is None:
        return True
    return messenger.person is not None and not vars(half)["_retired"]


def require_same_answers(node: int, engine: Engine, anew: Engine, now: Instant) -> int:
    """S29: both answer the same. Return how many questions were asked."""
    one, other = _Asked(engine, now), _Asked(anew, now)
    count = 0
    for command in one.commands():
        count += 1
        theirs, ours = one.answer(command), other.answer(command)
        if theirs != ours:
            words = _difference(theirs, ours)
            detail = f"asked {command!r} it answers {words[0]}, and begun anew {words[1]}"
            raise BrokenInvariant(S29, detail, node)
    return count


def require_same_ids(node: int, engine: Engine, anew: Engine) -> None:
    """S29: both have the same ids, let the same of them spread, and miss the same bodies."""
    unwritten = _spread_unwritten(engine)
    unsaid = _memory_knows_more(engine)
    for what, theirs, ours in (
        ("knows", _known(engine), _known(anew)),
        ("lets spread", _spread(engine) - unwritten, _spread(anew) - unwritten),
        ("misses the bodies of", _missed(engine) - unsaid, _missed(anew) - unsaid),
    ):
        if theirs != ours:
            odd = min(theirs ^ ours).hex()
            detail = f"it {what} {len(theirs)} ids, and begun anew {len(ours)}; {odd} is among one"
            raise BrokenInvariant(S29, detail, node)


def _known(engine: Engine) -> frozenset[EnvelopeId]:
    """All ids of which a node has something, also what it has not spread yet."""
    return _spread(engine).union(vars(engine.stemming)["_elements"])


def _spread(engine: Engine) -> frozenset[EnvelopeId]:
    """All ids of which it tells whoever asks."""
    return frozenset(engine.replicator.sets.ids())


def _spread_unwritten(engine: Engine) -> frozenset[EnvelopeId]:
    """The envelopes that began to spread on a full disk: that their stems are over is written once
    there is room, and a start before that has them on their stems again.
    """
    buffer: EnvelopeBuffer = vars(engine.stemming)["_buffer"]
    if not buffer.room.is_full:
        return frozenset()
    rows: dict[tuple[EnvelopeId, bytes], StemRow | None] = vars(buffer.stems)["_rows"]
    return frozenset(id_ for (id_, token), row in rows.items() if row is None and not token)


def _memory_knows_more(engine: Engine) -> frozenset[EnvelopeId]:
    """The envelopes of which memory alone says whether their bodies are missed: those whose
    retirements are held back until these stand, and those that are here as stems and spread
    meanwhile as stubs, which a restart takes for mail like any other.
    """
    retiring: Retiring = vars(vars(engine)["_forwarder"])["_retiring"]
    held: dict[EnvelopeId, Retirement] = vars(retiring)["_held"]
    hidden: dict[EnvelopeId, None] = vars(engine.stemming)["_bodies_hidden"]
    return frozenset(retirement.envelope for retirement in held.values()).union(hidden)


def _missed(engine: Engine) -> frozenset[EnvelopeId]:
    return frozenset(vars(engine.replicator.missing_bodies)["_missing"])


def require_kept_choices(node: int, engine: Engine, restored: Engine, now: Instant) -> None:
    """S29: what is made of a backup has the same of what people chose for themselves."""
    one, other = _Asked(engine, now), _Asked(restored, now)
    kept, put_back = one.choices(), other.choices()
    if kept != put_back:
        words = _difference(kept, put_back)
        detail = f"of what its person chose it shows {words[0]}, and put back {words[1]}"
        raise BrokenInvariant(S29, detail, node)


class _Asked:
    """One engine that is asked, and is afterwards as it was before."""

    def __init__(self, engine: Engine, now: Instant) -> None:
        self._engine = engine
        self._now = now
        self._messenger: Messenger | None = half_of(engine).messenger
        """None while its vault is locked."""

    def answer(self, command: Command) -> object:
        """Return what it answers, as plain values and without what is of this life alone."""
        try:
            return _plain(self._answer(command))
        except UserError as error:
            return error.kind, str(error)

    def choices(self) -> object:
        """Return what its person chose for themselves, by conversation."""
        listed = self._answer(AskConversations())
        assert isinstance(listed, ConversationsAnswer)
        return {
            one.number: {name: getattr(one, name) for name in CHOSEN}
            for one in listed.conversations
        }

    def commands(self) -> Iterator[Command]:
        """All that is asked: of all that it has, of each conversation, and of the last items."""
        if self._messenger is None:
            yield from (AskStatus(), AskPeers())
            return
        yield from (AskIdentity(), AskStatus(), AskPeers(), AskInvites(), AskIntroductions())
        yield from (AskContacts(), AskConversations(), AskRoom(), AskScheduled(), AskGroups())
        yield from (AskMessages(), AskMessages(requests=True), AskItemsByArrival())
        contacts = self._answer(AskContacts())
        assert isinstance(contacts, ContactsAnswer)
        for contact in contacts.contacts:
            yield from (AskContact(contact.id), AskMailFor(contact.id))
        conversations = self._answer(AskConversations())
        assert isinstance(conversations, ConversationsAnswer)
        for one in conversations.conversations:
            yield from self._commands_about(one.number)
        groups = self._answer(AskGroups())
        assert isinstance(groups, GroupsAnswer)
        for group in groups.groups:
            number = group.conversation
            yield from (AskGroup(number), AskGroupLog(number), AskMembers(number))
            yield from (AskGroupLinks(number), AskKnocks(number), AskMemberLetters(number))

    def _commands_about(self, number: int) -> Iterator[Command]:
        items = AskItems(number)
        yield from (AskConversation(number), items, AskPins(number), AskBoard(number))
        unread = AskItemsByArrival(conversation=number, unread_only=True)
        yield from (AskFiles(number), AskMessages(number), unread)
        listed = self._answer(items)
        assert isinstance(listed, ItemsAnswer)
        for item in listed.items[-ITEMS_ASKED_MAX:]:
            yield from (AskItem(item.number), AskMessage(item.number), AskVersions(item.number))
            yield AskItemPeople(item.number)
            for file in item.files[:1]:
                yield from (AskFile(file.number), AskFilePreview(file.number))
                yield AskFileBlock(file.number, 0)
        words = [item.text for item in listed.items if item.text and not item.gone]
        for text in words[-1:]:
            yield Search(text[:7])

    def _answer(self, command: Command) -> Answer:
        """UserError where it refuses."""
        if isinstance(command, AskStatus):
            return self._engine._status(self._now)
        parts = vars(self._engine)["_parts"]
        part = parts.find_answering(command)
        if part is not None:
            answer = part.answer(command, self._now)
            assert isinstance(answer, Answer)
            return answer
        assert self._messenger is not None
        person = self._messenger.person
        assert person is not None
        vars(self._messenger)["_vault"].begin()
        before, person.answers.now = person.answers.now, self._now
        try:
            if isinstance(command, AskMailFor):
                carry = vars(self._engine)["_carry"]
                assert isinstance(carry, Carry)
                return carry.perform(self._messenger, command, self._now)
            return person.commands[type(command)](command, self._now)
        finally:
            person.answers.now = before


def _plain(answer: Answer) -> object:
    match answer:
        case StatusAnswer():
            # How near authors are is looked at now and then, so whose it is comes later.
            bodies = [(one.envelopes_count, one.bytes) for one in answer.carried]
            sums = [sum(each) for each in zip(*bodies, strict=True)]
            return {"carried": sums} | {name: getattr(answer, name) for name in STATUS_KEPT}
        case PeersAnswer():
            # Whom links lead to, and when one is dialled again, is of this life.
            return sorted(one.address for one in answer.peers if one.is_configured)
        case _:
            return _built(answer)


def _built(value: object) -> object:
    """Return a value as dicts and lists, by which two can be held together."""
    match value:
        case msgspec.Struct():
            left_out = next(
                (OF_THIS_LIFE[one] for one in OF_THIS_LIFE if isinstance(value, one)), ()
            )
            names = (name for name in value.__struct_fields__ if name not in left_out)
            return {name: _built(getattr(value, name)) for name in names}
        case list() | tuple():
            return [_built(one) for one in value]
        case _:
            return value


def _difference(one: object, other: object, path: str = "") -> tuple[str, str]:
    """Return in which value two answers differ, as both have it."""
    match one, other:
        case (dict(), dict()) if one.keys() == other.keys():
            for name in one:
                if one[name] != other[name]:
                    return _difference(one[name], other[name], f"{path}.{name}")
        case (list(), list()) if len(one) == len(other):
            for place, (first, second) in enumerate(zip(one, other, strict=True)):
                if first != second:
                    return _difference(first, second, f"{path}[{place}]")
    return f"{path} {one!r}"[:200], f"{path} {other!r}"[:200]
