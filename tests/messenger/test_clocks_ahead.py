"""A clock that was years ahead for a while, or is said to be: nothing of that outlasts it."""

import pytest

from mesh.commands.contacts import RenewSession
from mesh.commands.conversations import AskConversation
from mesh.commands.identity import ChangeIdentity
from mesh.events import ContactNoted
from mesh.messenger.conversations.history import Ancestry
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.storage.connection import transaction
from mesh.wire.payload import HLC_COUNTER_BITS
from tests.messenger.doing import both, conversation
from tests.messenger.people import DAY_S, Clock, Person, exchange
from tests.messenger.test_copies import copy_of, heard, who_both_wrote

YEAR_S = 365 * DAY_S


def write_ahead(ann: Person, bob: Person, years: int) -> None:
    """Ann writes under a clock that is ahead; when that is set right, it is sealed anew."""
    ann.wall_error_s = years * YEAR_S
    ann.send("Bob", "from the years ahead")
    ann.wall_error_s = 0
    ann.tend()
    exchange(ann, bob)
    assert bob.texts("Ann")[-1] == "from the years ahead"


def test_a_text_of_a_clock_that_was_ahead_does_not_freeze_what_is_known_of_its_author() -> None:
    ann, bob = both()
    write_ahead(ann, bob, 10)
    with transaction(bob.connection):
        # As if they had upgraded since.
        bob.connection.execute("UPDATE exchanges SET reads = 1")
    ann.ask(ChangeIdentity("Anna"))
    ann.clock.pass_by(60)
    ann.send("Bob", "under another name")
    exchange(ann, bob)
    assert [contact.name for contact in bob.contacts()] == ["Anna"]
    assert conversation(bob, AskConversation("Ann")).reads == 2


def test_what_froze_before_goes_on_after_a_start() -> None:
    ann, bob = both()
    ahead = (bob.clock.now.unix_seconds + 10 * YEAR_S) * 1_000 << HLC_COUNTER_BITS
    with transaction(bob.connection):
        for table, column in (("exchanges", "heard_clock"), ("sessions", "heard")):
            bob.connection.execute(f"UPDATE {table} SET {column} = ?", (ahead,))
    bob.restart()
    for table, column in (("exchanges", "heard_clock"), ("sessions", "heard")):
        rows = bob.connection.execute(f"SELECT {column} FROM {table}").fetchall()
        assert rows
        assert all(isinstance(clock, int) and clock < ahead for (clock,) in rows)
    bob.clock.pass_by(2 * DAY_S)
    ann.ask(ChangeIdentity("Anna"))
    ann.send("Bob", "under another name")
    exchange(ann, bob)
    assert [contact.name for contact in bob.contacts()] == ["Anna"]


@pytest.mark.parametrize("is_lying", [False, True])
def test_a_copy_that_lies_about_its_clock_is_noticed_as_any_other(
    monkeypatch: pytest.MonkeyPatch, *, is_lying: bool
) -> None:
    clock = Clock()
    ann, bob = who_both_wrote(clock)
    copy = copy_of(ann, 77)
    # A thief does not say on the keys of before that he begins others.
    with monkeypatch.context() as patched:
        patched.setattr(SessionRecovery, "_tell_begun", lambda *_: None)
        copy.ask(RenewSession("Bob"))
        exchange(copy, bob)
    clock.pass_by(60)
    bob.send("Ann", "three")
    exchange(copy, bob)
    history = copy.messenger.parts.history
    with monkeypatch.context() as patched:
        if is_lying:
            honest = history.ancestry_of_next
            patched.setattr(
                history,
                "ancestry_of_next",
                lambda *asked: Ancestry(honest(*asked).parents, 1 << 61),
            )
        copy.send("Bob", "by the copy")
        exchange(copy, bob)
    assert heard(bob)[-1] == "by the copy"
    clock.pass_by(2 * DAY_S)
    bob.take_events()
    ann.send("Bob", "from Ann herself")
    bob.receive(ann.post())
    noted = [event.note for event in bob.take_events() if isinstance(event, ContactNoted)]
    assert any("a copy of their profile" in str(note) for note in noted)


def prekeys_made(person: Person) -> list[int]:
    rows = person.connection.execute(
        "SELECT made FROM prekeys WHERE contact IS NOT NULL ORDER BY id"
    ).fetchall()
    return [made for (made,) in rows if isinstance(made, int)]


def test_prekeys_of_a_clock_that_was_ahead_are_followed_and_the_contact_takes_it() -> None:
    ann, bob = both()
    ann.clock.pass_by(8 * DAY_S)
    write_ahead(ann, bob, 3)
    ahead = prekeys_made(ann)[-1]
    assert ahead > ann.now.mesh + 2 * YEAR_S
    ann.clock.pass_by(DAY_S)
    for person, other in ((ann, "Bob"), (bob, "Ann"), (ann, "Bob")):
        person.send(other, "and on")
        exchange(ann, bob)
        ann.tend()
    assert prekeys_made(ann)[-1] == ann.now.mesh
    count = len(prekeys_made(ann))
    ((bundle,),) = bob.connection.execute("SELECT bundle FROM contacts").fetchall()
    assert (bundle,) in ann.connection.execute(
        "SELECT bundle FROM prekeys WHERE made = ?", (ann.now.mesh,)
    ).fetchall()
    # One is enough for a week.
    ann.clock.pass_by(DAY_S)
    ann.send("Bob", "and on")
    exchange(ann, bob)
    assert len(prekeys_made(ann)) == count
