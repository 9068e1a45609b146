"""Sessions through weeks: post-quantum steps, generations of tags, and bounds that hold."""

from random import Random

from mesh.limits.sessions import (
    MAIL_LIVES_SECONDS,
    POST_QUANTUM_CHAINS,
    RENDEZVOUS_TAGS,
    SKIPPED_KEPT_SECONDS,
    TAG_CHAIN_STEP,
    TAG_KEY_KEPT_SECONDS,
    TAG_WINDOW,
)
from mesh.ratchet.double_ratchet import LONG_HEADERS_AT_FIRST
from mesh.ratchet.self_note import NOTE_SLOTS
from mesh.storage.vault.rendezvous import RendezvousRows
from mesh.storage.vault.rows import RendezvousRow
from mesh.wire.envelope import Envelope
from mesh.wire.ratchet_header import HEADER_BYTES_LONG
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange


def generations(person: Person) -> list[int]:
    """The generations of tags that a person still expects."""
    rows = person.connection.execute("SELECT number FROM generations ORDER BY number").fetchall()
    return [number for (number,) in rows if isinstance(number, int)]


def steps_count(person: Person) -> int:
    """Post-quantum steps of the session so far: each begins a generation."""
    return generations(person)[-1]


def awaiting_count(person: Person) -> int:
    ((count,),) = person.connection.execute("SELECT count(*) FROM awaiting").fetchall()
    assert isinstance(count, int)
    return count


def ping_pong(ann: Person, bob: Person, rounds: int) -> None:
    """Each answers the other, so that every message begins a chain."""
    for number in range(rounds):
        ann.send("Bob", f"ping {number}")
        exchange(ann, bob)
        bob.send("Ann", f"pong {number}")
        exchange(ann, bob)


def test_the_first_reply_makes_a_post_quantum_step() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    first = bob.post()
    ann.receive(first)
    # Before the reply is sealed there is generation 0; it makes the next one.
    assert generations(ann) == [0, 1]
    assert generations(bob) == [0]
    exchange(ann, bob)
    assert steps_count(ann) == steps_count(bob) == 1


def test_after_16_chains_there_is_another_post_quantum_step() -> None:
    ann, bob = acquainted(Clock())
    assert steps_count(ann) == 1
    ping_pong(ann, bob, 20 * POST_QUANTUM_CHAINS // 2)
    # Every 17th chain makes one: 16 without it lie between.
    assert steps_count(ann) == steps_count(bob) == 1 + 20 * POST_QUANTUM_CHAINS // 17


def test_after_a_day_there_is_another_post_quantum_step() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ping_pong(ann, bob, 3)
    assert steps_count(ann) == 1
    clock.pass_by(DAY_S)
    ping_pong(ann, bob, 1)
    assert steps_count(ann) == steps_count(bob) == 2
    ping_pong(ann, bob, 3)
    assert steps_count(ann) == steps_count(bob) == 2


def post_quantum_chain(count: int) -> tuple[Person, list[Envelope]]:
    """Ann, and so many messages of a chain of Bob that begins with a post-quantum step."""
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.send("Ann", "hello")
    exchange(ann, bob)
    clock.pass_by(DAY_S)
    # Ann made the first step; the next one is Bob's, when his next chain begins.
    ann.send("Bob", "still there?")
    exchange(ann, bob)
    for number in range(count):
        bob.send("Ann", str(number))
    return ann, bob.post()


def test_messages_of_a_post_quantum_chain_wait_for_its_long_header_over_a_restart() -> None:
    ann, chain = post_quantum_chain(LONG_HEADERS_AT_FIRST + 9)
    short = chain[LONG_HEADERS_AT_FIRST:]
    assert all(len(one.body) < HEADER_BYTES_LONG for one in short)
    shown = ann.texts("Bob")
    ann.receive(reversed(short))
    assert ann.texts("Bob") == shown
    assert awaiting_count(ann) == len(short)
    ann.restart()
    # What waits is not tried again and again, nor forgotten.
    ann.receive(short)
    assert awaiting_count(ann) == len(short)
    ann.receive([chain[2]])
    assert awaiting_count(ann) == 0
    assert ann.texts("Bob") == [*shown, "2", *(str(number) for number in range(4, 13))]
    ann.receive(chain)
    assert ann.texts("Bob") == [*shown, *(str(number) for number in range(13))]


def test_each_16th_message_repeats_the_long_header() -> None:
    ann, chain = post_quantum_chain(40)
    long = [number for number, one in enumerate(chain) if len(one.body) > HEADER_BYTES_LONG]
    assert long == [0, 1, 2, 3, 16, 32]
    ann.receive(chain[17:32])
    assert awaiting_count(ann) == 15
    ann.receive([chain[32]])
    assert awaiting_count(ann) == 0
    assert ann.texts("Bob")[-16:] == [str(number) for number in range(17, 33)]


def test_an_old_generation_ends_where_its_sender_said() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.send("Ann", "one")
    missing, last = "", ""
    for number in range(3):
        missing = last or missing
        last = bob.send("Ann", str(number)).text
    *some, late, end = bob.post()
    ann.receive([*some, end])
    assert late.header.tag in ann.messenger.parts.tag_index
    clock.pass_by(DAY_S)
    ping_pong(ann, bob, 2)
    # Of the old generation only the message on its way is expected, not a whole window.
    assert late.header.tag in ann.messenger.parts.tag_index
    assert len(ann.messenger.ours().tags) < 4_096 + 3 * TAG_WINDOW
    ends = ann.connection.execute("SELECT ends FROM generations WHERE ends IS NOT NULL")
    assert len(ends.fetchall()) == 1
    ann.receive([late])
    assert "1" in ann.texts("Bob")
    ends = ann.connection.execute("SELECT ends FROM generations WHERE ends IS NOT NULL")
    assert ends.fetchall() == []


def tags_count(person: Person) -> int:
    """Tags expected of a contact, without those of the invite and of notes to oneself."""
    ((invites,),) = person.connection.execute(
        "SELECT count(*) FROM invites WHERE secret IS NOT NULL"
    ).fetchall()
    assert isinstance(invites, int)
    return len(person.messenger.ours().tags) - 4_096 * invites - 3 * NOTE_SLOTS


def ways(person: Person) -> list[RendezvousRow]:
    """Return by which ways a person may be met again."""
    return RendezvousRows(person.connection).all()


def test_a_message_a_day_keeps_three_windows_of_tags_at_most() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for day in range(100):
        clock.pass_by(DAY_S)
        ann.send("Bob", f"ann {day}")
        bob.send("Ann", f"bob {day}")
        exchange(ann, bob)
        for person in (ann, bob):
            person.tend()
            # The one before, the present one, and one that begins.
            open_count = len([one for one in ways(person) if one.closed is None])
            assert open_count <= 3
            assert tags_count(person) <= 3 * TAG_WINDOW + len(ways(person)) * RENDEZVOUS_TAGS
            assert len(ways(person)) <= open_count + MAIL_LIVES_SECONDS // DAY_S + 1
    assert steps_count(ann) > 30
    assert len(ann.texts("Bob")) == len(bob.texts("Ann")) == 200


def test_where_half_is_lost_tags_stay_bounded_too() -> None:
    clock, random = Clock(), Random(1)
    ann, bob = acquainted(clock)
    kept_days = TAG_KEY_KEPT_SECONDS // DAY_S
    most = 0
    for day in range(100):
        clock.pass_by(DAY_S)
        for person, other in ((ann, bob), (bob, ann)):
            person.send(other.name, str(day))
            other.receive([one for one in person.post() if random.random() < 0.5])
        for person in (ann, bob):
            person.tend()
            most = max(most, tags_count(person))
            assert len(generations(person)) <= kept_days + 2
    assert most <= (kept_days + 2) * (TAG_WINDOW + RENDEZVOUS_TAGS)
    # And both still hear each other, if not at once: what a renewal lost is sealed again.
    ann.send("Bob", "here")
    bob.send("Ann", "here too")
    for _ in range(8):
        exchange(ann, bob)
        clock.pass_by(DAY_S)
        ann.tend()
        bob.tend()
    assert "here too" in ann.texts("Bob")
    assert "here" in bob.texts("Ann")


def test_kept_keys_of_messages_that_never_come_are_erased() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for number in range(TAG_CHAIN_STEP):
        bob.send("Ann", str(number))
    ann.receive(bob.post()[-1:])
    skipped = "SELECT count(*) FROM skipped"
    assert ann.connection.execute(skipped).fetchall() == [(TAG_CHAIN_STEP - 1,)]
    clock.pass_by(SKIPPED_KEPT_SECONDS - 1)
    ann.tend()
    assert ann.connection.execute(skipped).fetchall() == [(TAG_CHAIN_STEP - 1,)]
    clock.pass_by(2)
    ann.tend()
    assert ann.connection.execute(skipped).fetchall() == [(0,)]
