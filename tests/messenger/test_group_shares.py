"""A member of a group can have others store so much in a day; the rest waits."""

import pytest

from mesh.group.placed_posts import SuppliedEntry
from mesh.limits import groups as limits
from mesh.messenger.groups import daily_shares
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope
from tests.messenger.in_groups import crew, inside
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_hostile_posts import pass_on
from tests.messenger.test_group_needs import give, say, texts_of

LONG = "x" * 59_900
ROOM = 3
"""So many long texts fit a day of these tests."""


@pytest.fixture(autouse=True)
def _small_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_shares, "SAID_BYTES_PER_DAY_MAX", ROOM * 60_500)


def test_a_member_may_say_as_much_in_a_day_as_a_contact() -> None:
    assert limits.SAID_BYTES_PER_DAY_MAX == 16 * 1024 * 1024


def write(author: Person, *readers: Person, count: int) -> list[Envelope]:
    posted: list[Envelope] = []
    for _ in range(count):
        say(author, LONG)
        posted += give(author, *readers)
    return posted


def test_more_than_a_members_share_stays_sealed_until_his_day_is_over() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    write(cem, ann, bob, count=ROOM + 2)
    assert len(texts_of(ann)) == ROOM
    # A short one still fits, and nobody else's share is smaller by it.
    say(cem, "and this")
    give(cem, ann, bob)
    say(bob, LONG)
    give(bob, ann)
    assert texts_of(ann).count(LONG) == ROOM + 1
    assert "and this" in texts_of(ann)
    ann.restart()
    ann.receive([])
    assert texts_of(ann).count(LONG) == ROOM + 1
    ann.clock.pass_by(SECONDS_PER_DAY)
    ann.tend()
    ann.receive([])
    assert texts_of(ann).count(LONG) == ROOM + 3


def test_a_clock_that_was_months_ahead_makes_no_members_day_longer() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    ann.clock.pass_by(60 * SECONDS_PER_DAY)
    write(cem, ann, bob, count=ROOM)
    ann.clock.pass_by(-60 * SECONDS_PER_DAY)
    write(bob, ann, count=ROOM)
    write(cem, ann, count=1)
    assert texts_of(ann).count(LONG) == 2 * ROOM + 1


def signed_by(author: Person, text: str) -> SuppliedEntry:
    """A text as its author signed it, to be passed on."""
    vault, group = Vault(author.connection), inside(author)
    row = vault.entries.message(say(author, text).number)
    kept = vault.contents.find(row.number)
    assert kept is not None
    return SuppliedEntry(group.me, kept.data, kept.signature)


def test_copies_that_come_together_and_after_it_use_up_nothing() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    entry = signed_by(cem, "x" * 400)
    own = cem.post()
    for _ in range(4):
        pass_on(bob, entries=[entry] * 100)
    exchange(ann, bob)
    ann.receive(own)
    assert len(texts_of(ann)) == 1
    write(cem, ann, count=ROOM + 1)
    assert texts_of(ann).count(LONG) == ROOM


@pytest.mark.parametrize("by_chores", [False, True])
def test_a_day_begins_anew_when_the_last_one_is_over_whatever_finds_it(by_chores: bool) -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    for _ in range(ROOM):
        write(cem, ann, bob, count=1)
        ann.clock.pass_by(SECONDS_PER_DAY // 4)
    write(cem, ann, bob, count=2)
    assert texts_of(ann).count(LONG) == ROOM
    ann.clock.pass_by(SECONDS_PER_DAY // 4 + 60)
    if by_chores:
        ann.tend()
    else:
        say(cem, "and this")
        give(cem, ann, bob)
    ann.receive([])
    assert texts_of(ann).count(LONG) == ROOM + 2


def test_what_others_pass_on_of_a_member_counts_for_his_share_and_no_one_uses_it_up() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    entries = [signed_by(cem, f"{number} {LONG}") for number in range(ROOM + 2)]
    cem.post()
    for _ in range(2 * ROOM):
        pass_on(bob, entries=entries[:1])
        exchange(ann, bob)
    for entry in entries[1:]:
        pass_on(bob, entries=[entry])
        exchange(ann, bob)
    assert [text.split()[0] for text in texts_of(ann)] == ["0", "1", "2"]
    assert len(texts_of(ann)) == ROOM
    ann.clock.pass_by(SECONDS_PER_DAY)
    for person in people:
        person.tend()
    for entry in entries[ROOM:]:
        pass_on(bob, entries=[entry])
        exchange(ann, bob)
    assert len(texts_of(ann)) == ROOM + 2
