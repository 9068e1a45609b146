"""The order of a conversation: the same for every order of arrival, with no bound on what moves."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.database import Connection
from mesh.ids import ConversationId, MessageId, UnixSeconds, VerifyKey, direct_conversation
from mesh.limits.messages import HEADS_OF_AUTHOR_MAX
from mesh.messenger.conversations import history as module
from mesh.messenger.conversations.history import History
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import NEW_CONTACT, ContactRow, EntryRow
from mesh.storage.vault.vault import Vault
from sim.hosts.databases import new_vault

STEPS_MAX = 200


@dataclass(frozen=True)
class Said:
    """A message before it is anywhere."""

    id: MessageId
    clock: int
    parents: tuple[MessageId, ...]
    is_mine: bool = False


class Reader:
    """One vault with one conversation."""

    def __init__(self) -> None:
        self.connection: Connection = new_vault()
        with transaction(self.connection):
            self.vault = Vault(self.connection)
            contact = self.vault.add_contact(
                ContactRow(
                    id=NEW_CONTACT,
                    label="Bob",
                    name="Bob",
                    verify_key=VerifyKey(bytes(32)),
                    agreement_key=None,
                    trust="known",
                    first_trust="known",
                    state="answered",
                    bundle=None,
                )
            )
        self.conversation: ConversationId = direct_conversation(contact.id)
        self.history = History(self.vault)

    def take(self, said: Said) -> None:
        with transaction(self.connection):
            self.history.add(
                EntryRow(
                    number=0,
                    conversation=self.conversation,
                    id=said.id,
                    is_mine=said.is_mine,
                    parents=b"".join(said.parents),
                    clock=said.clock,
                    position=0,
                    received=UnixSeconds(0),
                    state="queued" if said.is_mine else "received",
                )
            )

    def settle(self) -> int:
        """Let all steps be done; return how many there were."""
        for step in range(STEPS_MAX):
            if not self.history.is_behind:
                return step
            with transaction(self.connection):
                self.history.move_down()
        raise AssertionError("it is never settled")

    def order(self) -> list[tuple[int, MessageId]]:
        rows = self.vault.entries.from_place(self.conversation, 0, b"", 1_000_000)
        return [(row.position, row.id) for row in rows]

    def parents_of_next(self) -> list[MessageId]:
        return self.history.ancestry_of_next(self.conversation, mesh_ms=0).parents


def id_of(number: int) -> MessageId:
    return MessageId(number.to_bytes(32))


def ordered(said: Sequence[Said]) -> list[tuple[int, MessageId]]:
    """The order by its definition. Parents stand before their children in `said`."""
    positions: dict[MessageId, int] = {}
    for one in said:
        above = [positions[parent] for parent in one.parents if parent in positions]
        positions[one.id] = max(one.clock, max(above, default=-1) + 1)
    return sorted((position, id_) for id_, position in positions.items())


@st.composite
def conversations(draw: st.DrawFn) -> list[Said]:
    """Messages of the other side whose clocks lie, and of whose parents some are nowhere."""
    said: list[Said] = []
    for number in range(draw(st.integers(1, 25))):
        known = [one.id for one in said] + [id_of(10_000)]
        parents = draw(st.lists(st.sampled_from(known), max_size=4, unique=True))
        # Ids do not follow the order of writing.
        id_ = id_of((number * 7_919) % 1_009 + 1)
        said.append(Said(id_, draw(st.integers(0, 12)), tuple(parents)))
    return said


@given(conversations(), st.randoms(), st.integers(1, 6))
def test_every_order_of_arrival_ends_in_the_order_of_the_definition(
    said: list[Said], chance: random.Random, compared_per_step: int
) -> None:
    arriving = list(said)
    chance.shuffle(arriving)
    reader = Reader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MESSAGES_COMPARED_PER_STEP", compared_per_step)
        for one in arriving:
            reader.take(one)
            if chance.random() < 0.3:
                with transaction(reader.connection):
                    reader.history.move_down()
        reader.settle()
    assert reader.order() == ordered(said)


def test_a_late_parent_moves_any_number_of_messages() -> None:
    # More than five steps of one piece of work; a chain, so each hangs on the one before.
    count = 1_001
    late = Said(id_of(1), clock=50_000, parents=())
    chain = [Said(id_of(number + 2), number, (id_of(number + 1),)) for number in range(count)]
    reader = Reader()
    for one in chain:
        reader.take(one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MESSAGES_COMPARED_PER_STEP", 200)
        reader.take(late)
        assert reader.settle() >= 5
    assert reader.order() == ordered([late, *chain])


def test_a_restart_goes_on_with_what_is_to_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MESSAGES_COMPARED_PER_STEP", 10)
    late = Said(id_of(1), clock=5_000, parents=())
    chain = [Said(id_of(number + 2), number, (id_of(number + 1),)) for number in range(50)]
    reader = Reader()
    for one in [*chain, late]:
        reader.take(one)
    assert reader.history.is_behind
    reader.history = History(Vault(reader.connection))
    reader.settle()
    assert reader.order() == ordered([late, *chain])


def test_nobody_fills_the_places_of_parents_with_what_follows_nothing() -> None:
    reader = Reader()
    reader.take(Said(id_of(1_000), 100, (), is_mine=True))
    for number in range(40):
        reader.take(Said(id_of(number + 1), 0, ()))
    named = reader.parents_of_next()
    assert named == [id_of(1_000), id_of(40)]


def test_of_one_author_so_many_heads_are_remembered() -> None:
    reader = Reader()
    reader.take(Said(id_of(9_999), 5, (), is_mine=True))
    for number in range(HEADS_OF_AUTHOR_MAX + 10):
        reader.take(Said(id_of(number + 1), number, ()))
    heads = reader.vault.history.heads(reader.conversation)
    theirs = [head.id for head in heads if not head.is_mine]
    assert theirs == [id_of(number + 1) for number in range(10, HEADS_OF_AUTHOR_MAX + 10)]
    assert [head.id for head in heads if head.is_mine] == [id_of(9_999)]
