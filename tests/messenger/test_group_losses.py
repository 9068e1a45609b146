"""A vault that went back in a group: it shows, nothing is lost by it, and all read on."""

import pytest

from mesh.commands.groups import ChangeGroup, RotateGroup
from mesh.commands.item_commands import WriteItem
from mesh.ids import ConversationId
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.storage.vault.conversations import ConversationRows
from mesh.storage.vault.group_losses import GroupLossRows
from tests.messenger.doing import items_of
from tests.messenger.in_groups import crew, epoch_of, inside, member, settle, told
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_attacks import junk
from tests.messenger.test_group_needs import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    ask_for,
    pass_by,
    say,
    texts_of,
)

Patch = pytest.MonkeyPatch


def went_back() -> list[Person]:
    """Bob's vault goes back by what he said and did; his store is the same."""
    people = crew("Ann", "Bob", "Cem")
    bob = people[1]
    say(bob, "Kept")
    exchange(*people)
    backup = bob.backup()
    for number in range(3):
        say(bob, f"Lost {number}")
        exchange(*people)
    bob.restore(backup)
    assert "Lost 0" not in texts_of(bob)
    return people


def is_silenced() -> bool:
    """Say whether what Bob says after it is read by nobody."""
    ann, bob, cem = people = went_back()
    say(bob, "After it")
    exchange(*people)
    pass_by(*people, seconds=MINUTE_S)
    return "After it" not in texts_of(ann) or "After it" not in texts_of(cem)


def test_who_went_back_is_read_by_all(monkeypatch: Patch) -> None:
    assert not is_silenced()
    monkeypatch.setattr(OwnPlaces, "use_of", lambda *_: "none")
    monkeypatch.setattr("mesh.messenger.groups.losses.Losses.look", lambda *_: None)
    assert is_silenced()


def test_who_went_back_gets_what_he_said_and_numbers_it_anew() -> None:
    ann, bob, cem = people = went_back()
    before = epoch_of(ann)
    bob.tend()
    exchange(*people)
    settle(*people)
    assert epoch_of(bob) == epoch_of(ann) == epoch_of(cem) != before
    assert told(bob).lost_since == 0
    say(ann, "Names what he lost")
    exchange(*people)
    say(bob, "After it")
    exchange(*people)
    pass_by(*people, seconds=40 * MINUTE_S, step=60)
    assert sorted(texts_of(bob)) == sorted(texts_of(ann)) == sorted(texts_of(cem))
    assert "Lost 2" in texts_of(bob)
    assert all(one.author.is_mine for one in items_of(bob, "Crew") if one.text.startswith("Lost"))
    # Members had what he signed: now it is proved.
    assert told(bob).lost_since > 0
    assert told(ann).lost_since == 0
    runs = ann.connection.execute(
        "SELECT run, seq, count(*) FROM entries WHERE author = ? AND ops <> x'' "
        "GROUP BY run, seq HAVING count(*) > 1",
        (2,),
    ).fetchall()
    assert runs == []


def doubled_numbers(person: Person) -> int:
    """Count the numbers that somebody used twice, as another member has them."""
    rows = person.connection.execute(
        "SELECT author, run, seq FROM entries WHERE ops <> x'' "
        "GROUP BY author, run, seq HAVING count(*) > 1"
    ).fetchall()
    return len(rows)


def uses_numbers_again() -> bool:
    """Attack 26: a disk that went back, without a backup being put back."""
    ann, bob, _ = people = went_back()
    bob.tend()
    settle(*people)
    say(bob, "After it")
    exchange(*people)
    assert member(ann, "Bob").is_double == bool(doubled_numbers(ann))
    return doubled_numbers(ann) > 0


def test_who_went_back_uses_no_number_of_an_entry_again(monkeypatch: Patch) -> None:
    assert not uses_numbers_again()
    real = ConversationRows.set_run

    def set_run(self: ConversationRows, conversation: ConversationId, run: int) -> None:
        if run:
            real(self, conversation, run)

    monkeypatch.setattr(ConversationRows, "set_run", set_run)
    assert uses_numbers_again()


def keys_made_by_what_comes_back() -> int:
    """Attack 25: what was lost comes one by one; return how many epochs are made of it."""
    ann, bob, _ = people = went_back()
    bob.tend()
    settle(*people)
    lost = [item for item in items_of(ann, "Crew") if item.text.startswith("Lost")]
    before = len(inside(ann).epochs)
    for item in lost:
        ask_for(bob, item.id)
        pass_by(*people, seconds=MINUTE_S)
    assert "Lost 2" in texts_of(bob)
    return len(inside(ann).epochs) - before


def test_what_comes_back_piece_by_piece_is_one_loss(monkeypatch: Patch) -> None:
    assert keys_made_by_what_comes_back() == 0
    monkeypatch.setattr(GroupLossRows, "of", lambda *_: [])
    assert keys_made_by_what_comes_back() > 0


def test_an_operation_that_one_lost_shows_that_he_went_back() -> None:
    people = crew("Ann", "Bob", "Cem")
    ann, bob, _ = people
    backup = ann.backup()
    ann.ask(ChangeGroup("Crew", about="Lost by Ann"))
    exchange(*people)
    ann.restore(backup)
    say(bob, "Names it")
    exchange(*people)
    pass_by(*people, seconds=10 * MINUTE_S, step=30)
    assert told(ann).about == "Lost by Ann"
    assert told(ann).lost_since > 0
    assert len({epoch_of(one) for one in people}) == 1
    ann.ask(ChangeGroup("Crew", about="On with it"))
    settle(*people)
    assert [told(one).about for one in people] == ["On with it"] * 3
    for person in people:
        membership = inside(person).membership
        assert membership is not None
        assert membership.twins() == []


def test_two_copies_of_a_vault_do_not_make_keys_without_end() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    copy = Person("Bob", bob.clock, seed=99)
    copy.restore(bob.backup())
    both = [*people, copy]
    for number in range(6):
        say(bob, f"One {number}")
        say(copy, f"Other {number}")
        exchange(*both)
        say(ann, f"Names it {number}")
        exchange(*both)
        pass_by(*both, seconds=10 * MINUTE_S, step=60)
    for person in (ann, cem):
        assert len(inside(person).epochs) <= 8
    # Each has what the other said, signed by himself, and that is told.
    assert max(told(bob).lost_since, told(copy).lost_since) > 0
    pass_by(*both, seconds=DAY_S, step=3_600)
    ann.ask(RotateGroup("Crew"))
    settle(*both)
    assert told(ann).state == "in"


def shown_junk(victim: Person, mallory: Person, *others: Person) -> None:
    """Mallory puts junk under the next number of somebody, to whom that may be a loss."""
    victim.receive(junk(mallory, inside(victim).me, 1))
    settle(victim, mallory, *others)


def test_who_shows_a_loss_without_end_does_not_put_off_beginning_anew() -> None:
    ann, bob, mal = crew("Ann", "Bob", "Mal")
    shown_junk(bob, mal, ann)
    first = inside(bob).barred
    assert first > 0
    for _ in range(3):
        bob.clock.pass_by(7 * HOUR_S)
        shown_junk(bob, mal, ann)
        assert inside(bob).barred == first
    bob.restart()
    bob.clock.pass_by(4 * HOUR_S)
    shown_junk(bob, mal, ann)
    assert inside(bob).barred > first
    assert told(bob).lost_since == 0


@pytest.mark.parametrize(
    "lost", [WriteItem("Crew", text="Lost"), ChangeGroup("Crew", about="Lost")]
)
def test_what_is_proved_to_be_lost_goes_before_what_anybody_shows(
    lost: WriteItem | ChangeGroup,
) -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    shown_junk(ann, mal, bob)
    first = inside(ann).barred
    say(ann, "Kept")
    settle(*people)
    backup = ann.backup()
    ann.ask(lost)
    exchange(*people)
    ann.restore(backup)
    say(bob, "Names it")
    exchange(*people)
    pass_by(*people, seconds=40 * MINUTE_S, step=60)
    assert told(ann).lost_since > 0
    assert inside(ann).barred > first
    say(ann, "After it")
    settle(*people)
    assert "After it" in texts_of(bob)
    assert not member(bob, "Ann").is_double
