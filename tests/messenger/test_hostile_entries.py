"""Entries that are made to do harm: each is worth no more than an honest one, whatever it holds."""

from random import Random

import pytest

from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import AskItems, ChangeTask, PinItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.content.entry import Kind
from mesh.errors import PeerError
from mesh.limits.content import CLOCK_BITS
from tests.messenger.hostile import entry, write, write_bytes
from tests.messenger.people import Clock, Person, acquainted, exchange
from tests.messenger.test_entries_in_any_order import Hand, replicas

CLOCK_MAX = (1 << CLOCK_BITS) - 1


def both() -> tuple[Person, Person]:
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    return ann, bob


def items_of(person: Person, conversation: str) -> list[ItemAnswer]:
    answer = person.ask(AskItems(conversation))
    assert isinstance(answer, ItemsAnswer)
    return answer.items


def unread(person: Person, conversation: str) -> int:
    answer = person.ask(AskConversation(conversation))
    assert isinstance(answer, ConversationAnswer)
    return answer.unread_count


def test_a_thousand_values_with_the_highest_clocks_are_settled_with_one_press() -> None:
    ann, bob = both()
    task = ann.ask(WriteItem("Bob", "task", title="fix the pump"))
    assert isinstance(task, ItemAnswer)
    exchange(ann, bob)
    target = bytes.fromhex(task.id)
    made = [
        entry(Kind.CHANGE, [0, number % 3], target, clock=CLOCK_MAX - number)
        for number in range(1_000)
    ]
    for start in range(0, 1_000, 16):
        write_bytes(bob, "Ann", made[start : start + 16])
    exchange(ann, bob)
    (shown,) = items_of(ann, "Bob")
    assert shown.task is not None
    assert shown.task.state == "open"
    before = len(ann.connection.execute("SELECT 1 FROM entries").fetchall())
    ann.ask(ChangeTask(task.number, "state", "done"))
    assert len(ann.connection.execute("SELECT 1 FROM entries").fetchall()) == before + 1
    (shown,) = items_of(ann, "Bob")
    assert shown.task is not None
    assert (shown.task.state, shown.task.others) == ("done", [])


def test_a_clock_at_the_end_of_time_moves_nobody_elses() -> None:
    ann, bob = both()
    write(bob, "Ann", Kind.TEXT, ["far ahead"], clock=CLOCK_MAX)
    exchange(ann, bob)
    sent = ann.ask(WriteItem("Bob", text="now"))
    assert isinstance(sent, ItemAnswer)
    assert sent.sent == ann.now.mesh
    assert [one.clock for one in items_of(ann, "Bob") if one.text == "far ahead"] == ["ahead"]


def test_entries_that_are_malformed_are_dropped_alone() -> None:
    ann, bob = both()
    good = entry(Kind.TEXT, ["good"], clock=1)
    too_late = entry(Kind.TEXT, ["x"], clock=1)[:-3]
    beyond = entry(Kind.TEXT, ["y"], clock=CLOCK_MAX).replace(
        CLOCK_MAX.to_bytes(8), (CLOCK_MAX + 1).to_bytes(8)
    )
    write_bytes(bob, "Ann", [b"", b"\xc1", too_late, beyond, good, b"\x90", good])
    exchange(ann, bob)
    assert [one.text for one in items_of(ann, "Bob")] == ["good"]
    assert ann.dropped() == {"malformed entry": 5}


def test_a_payload_with_more_entries_than_fit_is_dropped_whole() -> None:
    ann, bob = both()
    write_bytes(bob, "Ann", [entry(Kind.TEXT, [str(number)], clock=1) for number in range(17)])
    exchange(ann, bob)
    assert items_of(ann, "Bob") == []
    assert ann.dropped() == {"malformed payload": 1}


@pytest.mark.parametrize(
    "kind, content",
    [
        (Kind.TEXT, [""]),
        (Kind.TEXT, ["x", 7]),
        (Kind.POLL, ["which", ["a"], False, 0]),
        (Kind.POLL, ["which", ["a", "b"]]),
        (Kind.CHECK_IN, ["well?", []]),
        (Kind.TASK, ["x" * 501]),
        (Kind.NOTICE, ["", 0, False]),
    ],
)
def test_what_breaks_the_bounds_of_its_kind_is_never_shown(
    kind: Kind, content: list[object]
) -> None:
    ann, bob = both()
    write(bob, "Ann", kind, content)
    write(bob, "Ann", Kind.TEXT, ["no member here"], ops=[bytes(32)])
    write(bob, "Ann", Kind.TASK, ["not this"], timer=5)
    exchange(ann, bob)
    assert items_of(ann, "Bob") == []
    assert unread(ann, "Bob") == 0
    assert ann.connection.execute("SELECT count(*) FROM contents").fetchall() == [(0,)]
    verdicts = ann.connection.execute("SELECT DISTINCT verdict FROM entries").fetchall()
    assert verdicts == [("invalid",)]


def test_a_change_of_the_wrong_kind_of_object_or_of_a_change_is_nothing() -> None:
    ann, bob = both()
    write(bob, "Ann", Kind.TEXT, ["a text"])
    exchange(ann, bob)
    (text,) = items_of(ann, "Bob")
    target = bytes.fromhex(text.id)
    for kind, content in (
        (Kind.VOTE, [[0]]),
        (Kind.CHANGE, [0, 2]),
        (Kind.ANSWER, [0]),
        (Kind.CLOSE, [CLOCK_MAX]),
        (Kind.HIDE, [True]),
    ):
        write(bob, "Ann", kind, content, target)  # type: ignore[arg-type]  # each is a list of values
    pin = write(bob, "Ann", Kind.PIN, [True], target)
    exchange(ann, bob)
    (text,) = items_of(ann, "Bob")
    assert text.is_pinned
    row = ann.connection.execute("SELECT id FROM entries WHERE kind = 68").fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    write(bob, "Ann", Kind.REACT, [["+"]], row[0])
    exchange(ann, bob)
    valid = ann.connection.execute(
        "SELECT kind FROM entries WHERE verdict = 'valid' ORDER BY number"
    ).fetchall()
    assert valid == [(0,), (68,)]
    assert pin


def test_what_is_about_nothing_waits_shows_nothing_and_crowds_nothing_out() -> None:
    ann, bob = both()
    for start in range(0, 320, 16):
        write_bytes(
            bob,
            "Ann",
            [
                entry(Kind.REACT, [["+"]], number.to_bytes(32), clock=number)
                for number in range(start, start + 16)
            ],
        )
    mine = ann.ask(WriteItem("Bob", text="here"))
    assert isinstance(mine, ItemAnswer)
    write(bob, "Ann", Kind.REACT, [["!"]], bytes.fromhex(mine.id))
    exchange(ann, bob)
    (shown,) = items_of(ann, "Bob")
    assert [one.emoji for one in shown.reactions] == ["!"]
    assert unread(ann, "Bob") == 0
    waiting = "SELECT count(*) FROM entries WHERE verdict = 'waiting'"
    assert ann.connection.execute(waiting).fetchall() == [(320,)]


def test_what_a_newer_mesh_says_is_told_as_that_and_kept() -> None:
    ann, bob = both()
    newer = write(bob, "Ann", 40, ["of a later time"])
    exchange(ann, bob)
    (shown,) = items_of(ann, "Bob")
    assert (shown.kind, shown.gone, shown.text) == ("newer", "newer", "")
    write(bob, "Ann", 90, ["a change of a later time"], bytes.fromhex(shown.id))
    exchange(ann, bob)
    assert [one.id for one in items_of(ann, "Bob")] == [shown.id]
    kept = ann.connection.execute("SELECT data FROM contents ORDER BY entry").fetchall()
    assert kept[0] == (newer,)
    assert len(kept) == 2
    # What every object can be is known of it.
    ann.ask(PinItem(shown.number))
    assert items_of(ann, "Bob")[0].is_pinned


def test_the_words_of_somebody_else_are_their_tellers_own() -> None:
    ann, bob = both()
    mine = ann.ask(WriteItem("Bob", text="I owe you nothing"))
    assert isinstance(mine, ItemAnswer)
    exchange(ann, bob)
    data = bob.connection.execute("SELECT data FROM contents").fetchone()
    assert data is not None
    assert isinstance(data[0], bytes)
    write_bytes(bob, "Ann", [data[0]])
    exchange(ann, bob)
    first, second = sorted(items_of(ann, "Bob"), key=lambda one: one.number)
    assert first.text == second.text
    assert first.id != second.id
    assert [one.author.is_mine for one in (first, second)] == [True, False]


def test_a_number_that_is_used_twice_brings_two_texts() -> None:
    ann, bob = both()
    write_bytes(
        bob, "Ann", [entry(Kind.TEXT, ["one"], clock=1), entry(Kind.TEXT, ["two"], clock=1)]
    )
    exchange(ann, bob)
    assert sorted(one.text for one in items_of(ann, "Bob")) == ["one", "two"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bytes_come_they_are_an_entry_or_a_peers_fault(seed: int) -> None:
    ann, bob = replicas()
    hand = Hand(seed, (ann.me, bob.me))
    chance = Random(seed)
    said = [one.entry.encode() for one in hand.make(30)]
    ann.take(one for _, one in hand.said)
    malformed_count = 0
    for _ in range(400):
        data = bytearray(chance.choice(said))
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data)[: chance.choice((len(data), len(data), chance.randrange(len(data))))]
        try:
            ann.take_bytes(cut)
        except PeerError:
            malformed_count += 1
    assert 0 < malformed_count < 400
    shown = ann.shown()
    assert len(shown) > 3
    # A restart reads all of it again.
    ann.person.restart()
    assert ann.shown() == shown


def test_an_answer_that_claims_to_be_older_tells_that_what_it_quotes_disappears() -> None:
    ann, bob = both()
    mine = ann.ask(WriteItem("Bob", text="soon over", timer=60))
    assert isinstance(mine, ItemAnswer)
    exchange(ann, bob)
    write(bob, "Ann", Kind.TEXT, ["as you say", [], [], bytes.fromhex(mine.id)], clock=1)
    exchange(ann, bob)
    [answer, quoted] = items_of(ann, "Bob")
    assert answer.reply is not None
    assert (answer.reply.number, answer.reply.text) == (quoted.number, "soon over")
    assert (answer.reply.timer, quoted.timer) == (60, 60)
