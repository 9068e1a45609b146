"""A member names what he knows last: it is asked for, at the pace of what misses it here."""

import pytest
from msgspec.structs import replace

from mesh.commands.item_commands import ReactToItem
from mesh.group.placed_posts import Need, PostPlace
from mesh.ids import UnixSeconds
from mesh.limits.group_repair import NEEDS_PER_HOUR_MAX
from mesh.messenger.groups import needs
from mesh.messenger.groups.needs import Needs
from mesh.storage.connection import transaction
from mesh.storage.vault.group_needs import GroupNeedRows, Missed, NeedRow
from mesh.storage.vault.vault import Vault
from tests.messenger.in_groups import crew, inside
from tests.messenger.people import Person
from tests.messenger.test_group_needs import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    ask_for,
    give,
    pass_by,
    said_in,
    say,
    texts_of,
)

Patch = pytest.MonkeyPatch


def name_entries(person: Person, *ids: bytes) -> None:
    """Post a need that says what somebody has read last, and asks for nothing."""
    groups, group = person.wired.groups, inside(person)
    need = Need(1, 5, 0, PostPlace(bytes(8), 0), [], [], [], [], list(ids), b"")
    with transaction(person.connection):
        groups.posting.queue(group, need, None, person.now)
        groups.posting.flush(group, person.now)


def rows_of(person: Person) -> list[NeedRow]:
    return Vault(person.connection).group_needs.needs(inside(person).conversation)


def reactions_of(person: Person) -> list[str]:
    """Return all with which people reacted to what is shown."""
    return [each.emoji for item in said_in(person) for each in item.reactions]


def named() -> tuple[list[Person], str]:
    """Bob names a text of Ann's that Cem lacks, who notes it; return them, and its id."""
    people = ann, bob, cem = crew("Ann", "Bob", "Cem")
    said = say(ann, "Lost for Cem")
    give(ann, bob)
    name_entries(bob, bytes.fromhex(said.id))
    give(bob, ann, cem)
    cem.tend()
    return list(people), said.id


def test_what_a_need_names_as_read_last_is_asked_for_by_who_lacks_it() -> None:
    people, said = named()
    cem = people[2]
    assert [row.wanted.hex() for row in rows_of(cem)] == [said]
    pass_by(*people, seconds=30 * MINUTE_S, step=60)
    assert texts_of(cem) == ["Lost for Cem"]
    assert rows_of(cem) == []


def test_what_was_noted_under_a_time_far_ahead_is_asked_for_soon(monkeypatch: Patch) -> None:
    def read() -> list[str]:
        people, _ = named()
        cem = people[2]
        (row,) = rows_of(cem)
        assert row.due is not None
        with transaction(cem.connection):
            late = replace(row, due=UnixSeconds(row.due + 400 * DAY_S))
            Vault(cem.connection).group_needs.put_need(late)
        pass_by(*people, seconds=30 * MINUTE_S, step=60)
        return texts_of(cem)

    assert read() == ["Lost for Cem"]
    rows = GroupNeedRows.needs
    monkeypatch.setattr(
        Needs, "_timely", lambda self, group, _: rows(self._rows, group.conversation)
    )
    assert read() == []


def react(person: Person) -> None:
    """React to the only text."""
    (item,) = said_in(person)
    person.ask(ReactToItem(item.number, ("👍",)))


def named_and_asked_for() -> tuple[list[Person], bytes]:
    """Dan asked for a text that Cem lacks as well, and that a need had named; the answer came to
    nobody. Return Ann and Bob, who have it, and Cem; and its id.
    """
    ann, bob, cem, dan = crew("Ann", "Bob", "Cem", "Dan")
    said = say(ann, "Lost for Cem")
    give(ann, bob)
    name_entries(bob, bytes.fromhex(said.id))
    give(bob, ann, cem, dan)
    ask_for(dan, said.id)
    give(dan, cem)
    cem.tend()
    (row,) = rows_of(cem)
    assert (row.is_put_off, row.missed) == (True, Missed.NAMED)
    return [ann, bob, cem], row.wanted


def test_what_was_put_off_is_asked_for_soon_once_an_entry_waits_for_it() -> None:
    people, _ = named_and_asked_for()
    _, bob, cem = people
    react(bob)
    give(bob, *people)
    cem.restart()
    pass_by(*people, seconds=4 * MINUTE_S)
    assert texts_of(cem) == ["Lost for Cem"]
    assert reactions_of(cem) == ["👍"]


def test_what_was_put_off_is_asked_for_in_minutes_once_an_entry_follows_it() -> None:
    people, wanted = named_and_asked_for()
    ann, _, cem = people
    say(ann, "Follows")
    give(ann, *people)
    cem.tend()
    (row,) = rows_of(cem)
    assert (row.wanted, row.is_put_off, row.missed) == (wanted, False, Missed.FOLLOWED)
    pass_by(*people, seconds=30 * MINUTE_S, step=60)
    assert texts_of(cem) == ["Lost for Cem", "Follows"]


def test_what_waits_already_is_put_off_once_when_somebody_else_asks() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan")
    ann, bob, cem, dan = people
    said = say(ann, "Lost for Cem")
    give(ann, bob, dan)
    react(bob)
    give(bob, ann, cem, dan)
    cem.tend()
    (soon,) = rows_of(cem)
    ask_for(dan, said.id)
    give(dan, cem)
    name_entries(bob, bytes.fromhex(said.id))
    give(bob, ann, cem, dan)
    for _ in range(3):
        cem.tend()
    (row,) = rows_of(cem)
    assert soon.due is not None
    assert row.due is not None
    assert (row.is_put_off, row.missed) == (True, Missed.AWAITED)
    assert row.due - soon.due > 30 * MINUTE_S


def test_ghosts_that_needs_name_are_no_more_than_a_share_and_end(monkeypatch: Patch) -> None:
    monkeypatch.setattr(needs, "WANTED_SHARE_MAX", 96)
    ann, _, mal = crew("Ann", "Bob", "Mal")
    for _ in range(4):
        name_entries(mal, *(mal.entropy.draw(32) for _ in range(64)))
        give(mal, ann)
    assert len(rows_of(ann)) == 96
    posted = 0
    for _ in range(4):
        ann.clock.pass_by(14 * MINUTE_S)
        ann.tend()
        posted += len(ann.post())
    assert 0 < posted <= NEEDS_PER_HOUR_MAX
    for _ in range(10 * 48):
        ann.clock.pass_by(HOUR_S // 2)
        ann.tend()
    # All are gaps, which are asked for no more.
    assert rows_of(ann) == []
