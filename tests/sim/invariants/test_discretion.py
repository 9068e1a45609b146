"""Discretion: of whom somebody blocked, what was taken back before it left, and what came when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import replace as replace_in

import pytest
from msgspec.structs import replace

from mesh.commands.contacts import ContactAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.messages import SendMessage
from mesh.crypto.hashing import blake2b_128
from mesh.group.payload import RECEIPT
from mesh.group.receipts import Receipt, encode_receipts
from mesh.limits.stems import STEM_PAUSE_MAX_MS
from mesh.storage.store.store import Store
from mesh.wire.envelope import HEADER_BYTES, decode_envelope
from mesh.wire.frames import Push, Retired, Stem
from mesh.wire.retirement import Retirement, join_retirements
from sim.hosts.databases import MemoryDatabase
from sim.hosts.host_factory import HostFactory
from sim.invariants.blocking import Blocking, Looked
from sim.invariants.invariants import S26, S27, S28, BrokenInvariant
from sim.invariants.message_log import MessageLog
from sim.invariants.taken_back import TakenBack
from sim.invariants.tokens import Tokens
from sim.observers.discretion import Discretion
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce
from tests.storage.envelopes import make_envelope

NODE, BEN, GROUP = 0, 7, 3
SECOND = 1_000_000


@dataclass
class Clock:
    """A clock that is set, and when each message came."""

    at: int = 0
    came: dict[int, int] = field(default_factory=dict)

    def now(self) -> int:
        return self.at


def blocked(clock: Clock) -> Blocking:
    """Ben is blocked from 10 s on."""
    blocking = Blocking(clock.now, lambda node, number: clock.came.get(number))
    clock.at = 10 * SECOND
    blocking.begin(NODE, BEN)
    return blocking


def test_nothing_of_whom_a_person_blocked_is_shown_or_sealed() -> None:
    clock = Clock()
    blocking = blocked(clock)
    broken: tuple[Callable[[], None], ...] = (
        lambda: blocking.require_silent(NODE, BEN, "a message"),
        lambda: blocking.sealing(NODE, BEN),
    )
    for one in broken:
        with pytest.raises(BrokenInvariant) as caught:
            one()
        assert caught.value.invariant is S26
    blocking.require_silent(NODE, BEN + 1, "a message")
    blocking.require_silent(NODE + 1, BEN, "a message")
    blocking.end(NODE, BEN)
    blocking.require_silent(NODE, BEN, "a message")
    blocking.sealing(NODE, BEN)


def test_what_came_during_a_block_is_not_shown_after_it() -> None:
    clock = Clock(came={1: 9 * SECOND, 2: 15 * SECOND, 3: 21 * SECOND})
    blocking = blocked(clock)
    clock.at = 20 * SECOND
    blocking.end(NODE, BEN)
    for before_or_after in (1, 3, 4):
        blocking.require_not_meanwhile(NODE, BEN, before_or_after)
    with pytest.raises(BrokenInvariant, match="came while its author was blocked"):
        blocking.require_not_meanwhile(NODE, BEN, 2)
    blocking.forget(NODE)
    blocking.require_not_meanwhile(NODE, BEN, 2)


CONTACT = ContactAnswer(
    id=BEN,
    label="Ben",
    name="Ben",
    key="",
    trust="known",
    state="answered",
    messages_count=3,
    unread_count=0,
    is_blocked=True,
)
CONVERSATION = ConversationAnswer(
    number=BEN,
    kind="direct",
    title="Ben",
    contact=BEN,
    last_item=None,
    unread_count=0,
    is_marked_unread=False,
    muted_until=0,
    is_pinned=False,
    is_archived=False,
    draft="",
    is_request=False,
    is_blocked=True,
)
INTRODUCTION = IntroductionAnswer(id=1, by="Ann", name="Cy", key="", state="waiting")
LOOKED = Looked(CONTACT, CONVERSATION, [CONVERSATION], [], [INTRODUCTION])


@pytest.mark.parametrize(
    "looked",
    [
        Looked(replace(CONTACT, unread_count=1), CONVERSATION, [], [], []),
        Looked(replace(CONTACT, sealed_count=1), CONVERSATION, [], [], []),
        Looked(replace(CONTACT, is_blocked=False), CONVERSATION, [], [], []),
        Looked(CONTACT, replace(CONVERSATION, unread_count=1), [], [], []),
        Looked(CONTACT, CONVERSATION, [replace(CONVERSATION, help_count=1)], [], []),
        Looked(CONTACT, CONVERSATION, [], [], [replace(INTRODUCTION, by="Ben")]),
    ],
)
def test_no_list_shows_or_counts_anything_of_whom_a_person_blocked(looked: Looked) -> None:
    blocking = blocked(Clock())
    blocking.require_unlisted(NODE, LOOKED)
    with pytest.raises(BrokenInvariant) as caught:
        blocking.require_unlisted(NODE, looked)
    assert caught.value.invariant is S26


@pytest.mark.parametrize("frame", [Push, Stem])
def test_what_was_taken_back_before_it_left_is_shown_to_nobody(frame: type[Push | Stem]) -> None:
    envelope, taken_back = make_envelope(1), TakenBack()
    taken_back.sealed(NODE, 5, envelope)
    log = MessageLog(may_have_left=taken_back.may_have_left)
    message = log.ask(NODE, 1, "text", 0)
    message.number_there = 5
    log.confirm(message, 0)
    log.withdrawn(message, "withdrawn")
    with pytest.raises(BrokenInvariant) as caught:
        log.show(1, NODE, message.text, 0)
    assert caught.value.invariant is S27
    message.is_taken_back_here = False
    taken_back.sent(frame(make_envelope(2).data))
    assert not taken_back.may_have_left(NODE, 5)
    taken_back.sent(frame(envelope.data[:HEADER_BYTES] + envelope.data[HEADER_BYTES:]))
    log.withdrawn(message, "withdrawn")
    log.show(1, NODE, message.text, 0)


def test_what_a_node_had_noted_as_given_when_it_stopped_may_have_left() -> None:
    table, clock = Joined("ada", "bob"), Clock()
    introduce(table, "ada", "bob")
    table.join("ada", "bob")
    befriend(table, "ada", "bob")
    table.pass_time(STEM_PAUSE_MAX_MS / 1000)
    table.cut("ada", "bob")
    table.ask("ada", SendMessage("bob", "text"))
    host = HostFactory(load_scenario("falling-out"), seed=1, is_crypto_real=False).host(NODE, None)
    store = table.seats["ada"].store
    assert isinstance(store, MemoryDatabase)
    host.store = store
    (_, data) = list(Store(store).scans.arrivals_after(0, 99))[-1]
    discretion = Discretion(
        marker="marker",
        now=clock.now,
        working=lambda: NODE,
        body_came_at=lambda node, id_: None,
        token_delay_us=0,
    )
    taken_back = discretion.taken_back
    taken_back.sealed(NODE, 5, decode_envelope(data))
    taken_back.sealed(NODE, 6, make_envelope(1))
    with discretion.observing():
        # It waits for a link, and stands in the store as given to nobody.
        host.crash()
        assert not taken_back.may_have_left(NODE, 5)
        # A node that goes on knows what its links have got.
        Stranger(table, "ada")
        assert not taken_back.may_have_left(NODE, 5)
        host.crash()
    assert taken_back.may_have_left(NODE, 5)
    assert taken_back.left_at(NODE, 5) is None
    assert not taken_back.may_have_left(NODE, 6)
    assert not taken_back.may_have_left(NODE, 7)


def test_when_a_message_left_is_when_its_first_body_did() -> None:
    clock = Clock(at=3 * SECOND)
    taken_back = TakenBack(clock.now)
    first, second = make_envelope(1), make_envelope(2)
    for envelope in (first, second):
        taken_back.sealed(NODE, 5, envelope)
    assert taken_back.envelopes(NODE, 5) == [first.id, second.id]
    assert taken_back.left_at(NODE, 5) is None
    taken_back.sent(Stem(second.data))
    clock.at = 4 * SECOND
    taken_back.sent(Push(second.data))
    taken_back.sent(Push(first.data))
    assert taken_back.left_at(NODE, 5) == 3 * SECOND
    assert taken_back.left_at(NODE, 6) is None


def test_a_read_token_leaves_no_earlier_than_it_may() -> None:
    clock, token = Clock(at=10 * SECOND), bytes(range(16))
    tokens = Tokens(clock.now, lambda: NODE, 4 * SECOND)
    envelope = make_envelope(1)
    header = replace_in(envelope.header, read_hash=blake2b_128(token))
    told = Retired(join_retirements([Retirement(envelope.id, token)]))
    # Who met before the world began waited for nothing.
    tokens.opened(envelope.id, header)
    tokens.sent(told)
    assert tokens.looked_count == 0
    tokens.has_begun = True
    tokens.opened(envelope.id, header)
    other = Retired(join_retirements([Retirement(envelope.id, bytes(16))]))
    clock.at = 13 * SECOND
    tokens.sent(other)
    with pytest.raises(BrokenInvariant) as caught:
        tokens.sent(told)
    assert caught.value.invariant is S28
    clock.at = 14 * SECOND
    tokens.sent(told)
    assert tokens.looked_count == 2


@pytest.mark.parametrize(
    "tells, read, is_broken",
    [("nothing", 0, True), ("held", 0, False), ("held", 1, True), ("read", 1, False)],
)
def test_a_group_is_told_what_its_member_chose(tells: str, read: int, is_broken: bool) -> None:
    tokens = Tokens(lambda: 0, lambda: NODE, 0)
    tokens.has_begun = True
    controls = [(RECEIPT, encode_receipts([Receipt(bytes(8), 3, read, ((0, 2),))]))]
    tokens.sealing(GROUP, controls)
    for _ in range(2):
        tokens.choosing(NODE, GROUP)
    # Of two that are asked for the other may hold already, or come later.
    tokens.chose(NODE, GROUP, tells)
    tokens.sealing(GROUP, controls)
    tokens.chose(NODE, GROUP, tells)
    tokens.sealing(GROUP + 1, controls)
    tokens.sealing(GROUP, [(RECEIPT, b"")])
    if is_broken:
        with pytest.raises(BrokenInvariant, match="unasked"):
            tokens.sealing(GROUP, controls)
    else:
        tokens.sealing(GROUP, controls)


@pytest.mark.world
def test_a_crash_after_a_stem_is_noted_and_before_it_leaves_breaks_nothing() -> None:
    # Its author takes it back after the next start and before its time, and it is shown.
    world = World(load_scenario("falling-out"), Options(seed=412, is_crypto_real=False))
    run_to_verdict(world, lambda _: None)
    assert any(one.is_withdrawn and one.is_shown for one in world.message_log.messages)


@pytest.mark.world
def test_a_world_asks_all_of_it() -> None:
    world = World(load_scenario("falling-out"), Options(seed=3, is_crypto_real=False))
    run_to_verdict(world, lambda _: None)
    discretion, blocking = world.observers.discretion, world.observers.discretion.blocking
    assert blocking.blocks_count >= 2
    assert blocking.looked_count >= 2
    assert blocking.sealed_meanwhile_count >= 2
    assert world.message_log.taken_back_count >= 1
    assert discretion.tokens.looked_count >= 50
