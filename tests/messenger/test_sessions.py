"""Sessions over time: keys of tags go when nothing under them can live, and not before."""

from mesh.limits.sessions import TAG_CHAIN_STEP, TAG_KEY_KEPT_SECONDS, TAG_WINDOW
from mesh.wire.envelope import Envelope
from tests.messenger.people import DAY_S, Clock, Person, acquainted


def with_a_gap(clock: Clock) -> tuple[Person, Envelope, Envelope]:
    """Ann, who has everything of two steps of Bob but one early letter, and two late letters."""
    ann, bob = acquainted(clock)
    for number in range(TAG_CHAIN_STEP + 10):
        bob.send("Ann", str(number))
    missing, *arrived, later = bob.post()
    ann.receive(arrived)
    assert missing.header.tag in ann.messenger.parts.tag_index
    return ann, missing, later


def incoming_key(person: Person) -> bytes:
    """The lowest key of tags that the vault holds."""
    ((key,),) = person.connection.execute(
        "SELECT key FROM generations ORDER BY number DESC LIMIT 1"
    ).fetchall()
    assert isinstance(key, bytes)
    return key


def test_a_tag_key_is_erased_31_days_after_a_later_one_was_used() -> None:
    clock = Clock()
    ann, missing, later = with_a_gap(clock)
    first_key = incoming_key(ann)
    clock.pass_by(TAG_KEY_KEPT_SECONDS - 1)
    ann.tend()
    assert missing.header.tag in ann.messenger.parts.tag_index
    assert incoming_key(ann) == first_key
    clock.pass_by(1)
    ann.tend()
    assert missing.header.tag not in ann.messenger.parts.tag_index
    assert later.header.tag in ann.messenger.parts.tag_index
    assert incoming_key(ann) != first_key


def test_neither_the_wait_nor_the_erasure_is_undone_by_a_restart() -> None:
    clock = Clock()
    ann, missing, later = with_a_gap(clock)
    ann.restart()
    clock.pass_by(TAG_KEY_KEPT_SECONDS)
    ann.tend()
    ann.restart()
    assert missing.header.tag not in ann.messenger.parts.tag_index
    assert later.header.tag in ann.messenger.parts.tag_index
    ann.receive([later])
    assert ann.texts("Bob")[-1] == str(TAG_CHAIN_STEP + 9)


def test_mail_in_its_order_leaves_nothing_to_wait_for() -> None:
    ann, bob = acquainted(Clock())
    for number in range(2 * TAG_CHAIN_STEP):
        bob.send("Ann", str(number))
    ann.receive(bob.post())
    used = ann.connection.execute("SELECT used FROM generations").fetchall()
    assert used == [(b"",)]


def test_while_the_clock_is_unsteady_nothing_is_erased() -> None:
    clock = Clock()
    ann, missing, _ = with_a_gap(clock)
    invite = ann.invite(lifetime_s=DAY_S)
    keys = ann.connection.execute("SELECT count(*) FROM prekeys").fetchall()
    waiting = ann.send("Bob", "on its way")
    ann.post()
    ann.is_clock_steady = False
    clock.pass_by(50 * 365 * DAY_S)
    ann.tend()
    assert missing.header.tag in ann.messenger.parts.tag_index
    assert ann.connection.execute("SELECT count(*) FROM prekeys").fetchall() == keys
    secrets = ann.connection.execute(
        "SELECT count(*) FROM invites WHERE secret IS NOT NULL AND id = ?", (invite.id,)
    )
    assert secrets.fetchall() == [(1,)]
    assert ann.messages("Bob")[-1].state == waiting.state
    # The clock was wrong and is set right: everything still works.
    clock.pass_by(-50 * 365 * DAY_S)
    ann.is_clock_steady = True
    ann.tend()
    ann.receive([missing])
    assert "0" in ann.texts("Bob")


def test_a_window_of_letters_in_the_worst_order_is_read_and_its_keys_go_at_once() -> None:
    ann, bob = acquainted(Clock())
    for number in range(TAG_WINDOW - TAG_CHAIN_STEP):
        bob.send("Ann", str(number))
    before = incoming_key(ann)
    ann.receive(reversed(bob.post()))
    assert len(ann.texts("Bob")) == TAG_WINDOW - TAG_CHAIN_STEP
    assert incoming_key(ann) != before
