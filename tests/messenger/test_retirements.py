"""Tokens that are ours to tell, and states that only tokens and receipts can change."""

import pytest

from mesh.commands.contacts import BlockContact, SetReadReceipts
from mesh.commands.messages import AskMessages, MessageAnswer, SendMessage, WithdrawMessage
from mesh.errors import UserError
from mesh.ids import EnvelopeId, UnixSeconds
from mesh.limits.cover import COVER_AWAY_MS_MAX
from mesh.limits.messages import RECEIPTS_PER_CONTROL_MAX
from mesh.limits.retirements import RETIRE_DELAY_MS, RETIREMENTS_GATHERED_MS
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import OutboxRow
from mesh.wire.controls import READ
from mesh.wire.envelope import Envelope
from mesh.wire.retirement import Retirement, is_token_of
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange

MINUTES_11 = 660


def tell(person: Person, *retirements: Retirement) -> None:
    """These tokens are on the mesh, and the store has checked them or not."""
    with transaction(person.connection):
        for retirement in retirements:
            person.messenger.parts.transit.retired(retirement.envelope, retirement.token)
    person.messenger.take_effects()


def due(person: Person) -> list[Retirement]:
    return person.messenger.parts.retirements.take_due(1_000, person.now)


def rows_count(person: Person) -> int:
    row = person.connection.execute("SELECT count(*) FROM retirements").fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def quiet(clock: Clock) -> tuple[Person, Person]:
    """Two acquainted people who have told all that they had to."""
    ann, bob = acquainted(clock)
    clock.pass_by(MINUTES_11)
    for person in (ann, bob):
        told = due(person)
        with transaction(person.connection):
            person.messenger.parts.retirements.left(told)
            person.messenger.write_posted()
        assert rows_count(person) == 0
    return ann, bob


def state(person: Person, text: str) -> str:
    (found,) = [one for one in person.messages() if one.text == text]
    return found.state


def sent(ann: Person, text: str) -> tuple[MessageAnswer, Envelope]:
    """A message of Ann's to Bob, sealed and in her store."""
    message = ann.send("Bob", text)
    (envelope,) = ann.post()
    return message, envelope


def opened_by(bob: Person, clock: Clock, envelope: Envelope) -> Retirement:
    """Return what Bob tells after he has opened an envelope."""
    bob.receive([envelope])
    clock.pass_by(MINUTES_11)
    (retirement,) = [one for one in due(bob) if one.envelope == envelope.id]
    return retirement


def test_what_was_opened_is_told_after_a_while_each_by_itself() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    for number in range(20):
        ann.send("Bob", f"{number}")
    posted = ann.post()
    bob.receive(posted)
    assert due(bob) == []
    clock.pass_by(RETIRE_DELAY_MS[0] / 1000 - 1)
    assert due(bob) == []
    batches = []
    for _ in range(RETIRE_DELAY_MS[1] // 1000):
        clock.pass_by(1)
        batches.append(due(bob))
    told = [one for batch in batches for one in batch]
    assert sorted(one.envelope for one in told) == sorted(one.id for one in posted)
    assert sum(1 for batch in batches if batch) > 10, "not in a batch of one recipient's"
    for pause_s, batch in enumerate(batches):
        told_at_ms = ann.now.monotonic // 1000 - 1000 * (len(batches) - 1 - pause_s)
        assert not batch or told_at_ms % RETIREMENTS_GATHERED_MS < 1000, "with those of others"
    headers = {one.id: one.header for one in posted}
    assert all(is_token_of(headers[id_], token) for id_, token in told)


def test_a_token_is_kept_until_the_store_has_it() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    _, envelope = sent(ann, "hello")
    retirement = opened_by(bob, clock, envelope)
    bob.restart()
    assert due(bob) == [retirement], "a crash tells it again"
    bob.messenger.parts.retirements.left([retirement])
    assert bob.messenger.parts.retirements.left_count == 1
    with transaction(bob.connection):
        bob.messenger.write_posted()
    assert rows_count(bob) == 0
    bob.restart()
    assert due(bob) == []
    assert bob.messenger.parts.retirements.deadline() is None


@pytest.mark.parametrize("error_s", [-3_650 * DAY_S, 3_650 * DAY_S])
def test_a_clock_that_was_set_meanwhile_does_not_keep_a_token_back(error_s: int) -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    _, envelope = sent(ann, "hello")
    bob.receive([envelope])
    bob.wall_error_s = error_s
    bob.restart()
    # One of cover waits for longer, and nothing in the row says which it is.
    clock.pass_by((RETIRE_DELAY_MS[1] + COVER_AWAY_MS_MAX) / 1000)
    assert [one.envelope for one in due(bob)] == [envelope.id]


def test_only_the_readers_token_makes_a_message_delivered() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    _, envelope = sent(ann, "hello")
    _, other = sent(ann, "another")
    retirement = opened_by(bob, clock, envelope)
    for forged in (
        Retirement(envelope.id, bytes(16)),
        Retirement(envelope.id, b""),
        Retirement(other.id, retirement.token),
        Retirement(EnvelopeId(bytes(32)), retirement.token),
    ):
        tell(ann, forged)
    assert (state(ann, "hello"), state(ann, "another")) == ("queued", "queued")
    count = ann.messenger.summary().outbox_count
    tell(ann, retirement)
    assert (state(ann, "hello"), state(ann, "another")) == ("delivered", "queued")
    assert ann.messenger.summary().outbox_count == count - 1
    assert not ann.messenger.parts.transit.is_on_its_way(envelope.id)
    ann.carried_by(b"n" * 32, [envelope])
    assert state(ann, "hello") == "delivered"
    clock.pass_by(40 * DAY_S)
    ann.tend()
    assert (state(ann, "hello"), state(ann, "another")) == ("delivered", "expired")


def test_a_message_under_several_envelopes_is_delivered_if_any_was_and_expires_with_the_last() -> (
    None
):
    clock = Clock()
    ann, bob = quiet(clock)
    first, envelope = sent(ann, "hello")
    second, _ = sent(ann, "later")
    rows = ann.messenger._vault.outbox
    lapses = UnixSeconds(envelope.header.lapses + 10 * DAY_S)
    with transaction(ann.connection):
        for message in (first, second):
            id_ = EnvelopeId(message.number.to_bytes(32, "big"))
            again = OutboxRow(id_, message.number, lapses, b"h" * 16, b"w" * 16)
            rows.add(again, envelope.data)
    ann.restart()
    tell(ann, opened_by(bob, clock, envelope))
    assert state(ann, "hello") == "delivered"
    assert rows.of_message(first.number) == []
    with transaction(ann.connection):
        # As of a message that was written before payloads were kept.
        ann.connection.execute("DELETE FROM payloads")
    clock.pass_by(8 * DAY_S)
    ann.tend()
    assert state(ann, "later") == "queued"
    clock.pass_by(10 * DAY_S)
    ann.tend()
    assert state(ann, "later") == "expired"


def test_a_withdrawal_leaves_at_once_and_its_token_is_true() -> None:
    clock = Clock()
    ann, _ = quiet(clock)
    message, envelope = sent(ann, "never mind")
    answer = ann.ask(WithdrawMessage(message.number))
    assert isinstance(answer, MessageAnswer)
    assert answer.state == "withdrawn"
    ((id_, token),) = due(ann)
    assert id_ == envelope.id
    assert is_token_of(envelope.header, token)
    assert ann.messenger.summary().outbox_count == 0
    again = ann.ask(WithdrawMessage(message.number))
    assert again == answer
    clock.pass_by(40 * DAY_S)
    ann.tend()
    assert state(ann, "never mind") == "withdrawn"


def test_what_was_not_posted_or_not_sealed_never_leaves() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    message = ann.send("Bob", "never mind")
    ann.ask(WithdrawMessage(message.number))
    assert ann.post() == []
    eve = Person("Eve", clock, seed=3)
    link = bob.invite().link
    bob.post()
    eve.add(link)
    exchange(bob, eve)
    assert state(ann, "never mind") == "withdrawn"
    assert ann.post() == []


def test_a_message_that_waits_for_a_key_can_be_withdrawn() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    invite = ann.invite()
    bob.add(invite.qr, "Ann")
    kept = bob.send("Ann", "kept")
    dropped = bob.send("Ann", "dropped")
    assert state(bob, "dropped") == "awaiting-key"
    bob.ask(WithdrawMessage(dropped.number))
    assert (state(bob, "kept"), state(bob, "dropped")) == ("awaiting-key", "withdrawn")
    exchange(ann, bob)
    assert ann.texts() == ["kept"]
    assert state(bob, "dropped") == "withdrawn"
    assert kept.number != dropped.number


def test_what_is_not_ours_or_was_delivered_cannot_be_withdrawn() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    message, envelope = sent(ann, "hello")
    tell(ann, opened_by(bob, clock, envelope))
    with pytest.raises(UserError, match="delivered"):
        ann.ask(WithdrawMessage(message.number))
    (theirs,) = bob.messages()
    for number in (theirs.number, 999, 0):
        with pytest.raises(UserError, match="no message"):
            bob.ask(WithdrawMessage(number))
    assert due(ann) == due(bob) == []


def test_a_withdrawal_that_came_too_late_says_so() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    message, envelope = sent(ann, "oops")
    ann.ask(WithdrawMessage(message.number))
    (withdrawal,) = due(ann)
    tell(ann, withdrawal)
    assert state(ann, "oops") == "withdrawn"
    ann.restart()
    tell(ann, opened_by(bob, clock, envelope))
    assert state(ann, "oops") == "delivered-then-withdrawn"
    assert ann.messenger._vault.outbox.find(envelope.id) is None


def test_a_withdraw_token_that_a_copy_of_us_told_is_believed() -> None:
    clock = Clock()
    ann, _ = quiet(clock)
    _, envelope = sent(ann, "hello")
    row = ann.messenger._vault.outbox.find(envelope.id)
    assert row is not None
    tell(ann, Retirement(envelope.id, row.withdraw_token))
    assert state(ann, "hello") == "withdrawn"


def test_a_receipt_counts_for_its_own_conversation_only() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    eve = Person("Eve", clock, seed=3)
    eve.add(ann.invite().link)
    exchange(ann, bob, eve)
    message, _ = sent(ann, "hello")
    for reader, expected in ((eve, "queued"), (bob, "read")):
        reader.send_control("Ann", READ, bytes.fromhex(message.id))
        ann.receive(reader.post())
        assert state(ann, "hello") == expected


def test_what_was_withdrawn_before_it_was_sealed_was_never_opened_whatever_they_say() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().qr, "Ann")
    dropped, kept = bob.send("Ann", "dropped"), bob.send("Ann", "kept")
    bob.ask(WithdrawMessage(dropped.number))
    exchange(ann, bob)
    for message in (dropped, kept):
        ann.send_control("Bob", READ, bytes.fromhex(message.id))
    bob.receive(ann.post())
    assert (state(bob, "dropped"), state(bob, "kept")) == ("withdrawn", "read")


def test_what_expired_before_it_was_sealed_was_never_opened_whatever_they_say() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().qr, "Ann")
    dropped = bob.ask(SendMessage("Ann", "dropped", keep_for="1d"))
    kept = bob.send("Ann", "kept")
    assert isinstance(dropped, MessageAnswer)
    clock.pass_by(2 * DAY_S)
    bob.tend()
    assert (state(bob, "dropped"), state(bob, "kept")) == ("expired", "awaiting-key")
    exchange(ann, bob)
    for message in (dropped, kept):
        ann.send_control("Bob", READ, bytes.fromhex(message.id))
    bob.receive(ann.post())
    assert (state(bob, "dropped"), state(bob, "kept")) == ("expired", "read")


def test_what_went_an_unknown_way_is_told_however_late_the_word_of_it_comes() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    withdrawn, first = sent(ann, "oops")
    ann.ask(WithdrawMessage(withdrawn.number))
    wanted, second = sent(ann, "in vain, it seems")
    # By hand: nobody ever said that they hold them.
    bob.receive([first, second])
    clock.pass_by(40 * DAY_S)
    ann.tend()
    assert (state(ann, "oops"), state(ann, "in vain, it seems")) == ("withdrawn", "expired")
    for number in (withdrawn.number, wanted.number):
        assert ann.messenger._vault.outbox.of_message(number) == []
    ann.restart()
    bob.send_control("Ann", READ, bytes.fromhex(withdrawn.id) + bytes.fromhex(wanted.id))
    ann.receive(bob.post())
    assert state(ann, "oops") == "delivered-then-withdrawn"
    assert state(ann, "in vain, it seems") == "read"


def test_reading_is_told_in_one_conversation_that_allows_it() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    bob.ask(SetReadReceipts("Ann", is_on=True))
    assert [one.sends_read_receipts for one in bob.contacts()] == [True]
    for number in range(RECEIPTS_PER_CONTROL_MAX + 1):
        ann.send("Bob", f"{number}")
    withdrawn = ann.send("Bob", "oops")
    bob.receive(ann.post())
    ann.ask(WithdrawMessage(withdrawn.number))
    bob.ask(AskMessages("Ann", limit=1_000, mark_read=True))
    receipts = bob.post()
    assert len(receipts) == 2, "a hundred in one"
    ann.receive(receipts)
    states = {one.text: one.state for one in ann.messages()}
    assert states.pop("oops") == "delivered-then-withdrawn"
    assert set(states.values()) == {"read"}
    bob.ask(AskMessages("Ann", limit=1_000, mark_read=True))
    assert bob.post() == []


def test_somebody_blocked_is_not_told_what_was_read() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    bob.ask(SetReadReceipts("Ann", is_on=True))
    ann.send("Bob", "hello")
    bob.receive(ann.post())
    bob.ask(BlockContact("Ann"))
    bob.post()
    bob.ask(AskMessages("Ann", mark_read=True))
    bob.ask(BlockContact("Ann", is_blocked=False))
    bob.tend()
    ann.receive(bob.post())
    assert state(ann, "hello") == "queued"


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(32 * 101)])
def test_a_malformed_receipt_changes_nothing(data: bytes) -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    sent(ann, "hello")
    bob.send_control("Ann", READ, data)
    ann.receive(bob.post())
    assert ann.dropped() == {"malformed read receipt": 1}
    assert state(ann, "hello") == "queued"
