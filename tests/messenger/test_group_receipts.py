"""Receipts in groups: when they are told, of what, to whom, and who is told nothing."""

from mesh.commands.contacts import BlockContact
from mesh.commands.conversations import ReadItems, SetTimer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    InviteToGroup,
    RemoveMember,
    SetGroupReceipts,
    SetMemberRole,
)
from mesh.commands.item_commands import HideItem, ReactToItem, RetractItem
from mesh.commands.items import ItemAnswer
from mesh.group.payload import RECEIPT
from mesh.group.receipts import Receipt, decode_ranges, encode_receipts, holds, prefix_of_member
from mesh.limits.group_receipts import (
    RECEIPT_AGAIN_AFTER,
    RECEIPT_PAUSE,
    RECEIPT_RANGES_MAX,
)
from mesh.messenger.pauses import Pause
from mesh.storage.connection import transaction
from mesh.storage.vault.group_receipts import GroupReceiptRows
from mesh.wire.envelope import LIFETIME_DAY, LIFETIME_WEEK, Envelope
from tests.messenger.doing import details, items_of
from tests.messenger.in_groups import crew, inside, member, settle, told
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_talk import of, say

SOON_S = 10
"""Longer than what waits for seconds."""


def devices_of(person: Person, item: ItemAnswer) -> DevicesAnswer:
    found = of(person, item).devices
    assert found is not None
    return found


def counts(person: Person, item: ItemAnswer) -> tuple[int | None, int, int | None, int | None]:
    found = devices_of(person, item)
    return found.told, found.of, found.silent, found.read


def wait(*people: Person, seconds: int = RECEIPT_PAUSE) -> list[Envelope]:
    """Let receipts become due, and be carried; return what was posted for it."""
    people[0].clock.pass_by(seconds)
    for person in people:
        person.tend()
    people[0].clock.pass_by(SOON_S)
    posted = [(person, person.post()) for person in people]
    for author, envelopes in posted:
        for person in people:
            if person is not author:
                person.receive(envelopes)
    return [envelope for _, envelopes in posted for envelope in envelopes]


def quiet(*people: Person) -> None:
    """Let everything be told that is owed so far."""
    for _ in range(3):
        wait(*people)
    settle(*people)


def test_who_only_reads_says_after_minutes_that_it_came() -> None:
    ann, _bob, _cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Hello all")
    exchange(*people)
    assert counts(ann, said) == (0, 2, 0, 0)
    # Nothing tells before half of the pause who is awake.
    assert wait(*people, seconds=RECEIPT_PAUSE // 2 - SOON_S - 1) == []
    assert counts(ann, said) == (0, 2, 0, 0)
    posted = wait(*people)
    assert [one.header.lifetime_class for one in posted] == [LIFETIME_DAY] * 2
    assert {len(one.body) for one in posted} == {len(posted[0].body)}
    assert counts(ann, said) == (2, 2, 0, 0)
    ann.restart()
    assert counts(ann, said) == (2, 2, 0, 0)
    readers = details(ann, said.number).readers
    assert {one.label: (one.is_told, one.is_read) for one in readers} == {
        "Bob": (True, False),
        "Cem": (True, False),
    }
    # It is told once.
    assert wait(*people) == []


def test_one_receipt_tells_of_all_that_came_and_a_restart_forgets_none() -> None:
    ann, bob = people = crew("Ann", "Bob")
    items = [say(ann, f"Word {number}") for number in range(5)]
    exchange(*people)
    bob.restart()
    assert len(wait(*people)) == 1
    assert [counts(ann, one)[0] for one in items] == [1] * 5


def test_a_deletion_is_told_as_any_word_is() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Wrong")
    exchange(*people)
    quiet(*people)
    ann.ask(RetractItem(said.number))
    exchange(ann, bob)
    wait(ann, bob)
    shown = of(ann, said).retraction
    assert shown is not None
    assert shown.devices is not None
    assert (shown.devices.told, shown.devices.of) == (1, 2)
    exchange(*people)
    cem.receive(ann.store.envelopes.values())
    wait(*people)
    shown = of(ann, said).retraction
    assert shown is not None
    assert shown.devices is not None
    assert (shown.devices.told, shown.devices.of) == (2, 2)


def test_it_rides_with_what_is_said_where_that_costs_no_larger_envelope() -> None:
    ann, bob, _cem = people = crew("Ann", "Bob", "Cem")
    quiet(*people)
    first = [say(ann, f"Word {number}") for number in range(6)]
    exchange(*people)
    # The answer names the last word alone.
    say(bob, "Yes")
    exchange(*people)
    assert [counts(ann, one)[0] for one in first] == [1] * 6
    # He has nothing left to tell; Cem has.
    posted = wait(*people)
    assert len(posted) == 2, "Cem of both, and Ann of Bob's"
    assert [counts(ann, one)[0] for one in first] == [2] * 6
    assert counts(bob, items_of(bob, "Crew")[-1])[0] == 2


def test_what_was_read_is_told_by_who_wants_it_alone() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Hello all")
    exchange(*people)
    quiet(*people)
    for one in (bob, cem):
        one.ask(ReadItems("Crew", of(one, said).number))
    wait(*people)
    assert counts(ann, said) == (2, 2, 0, 0)
    bob.ask(SetGroupReceipts("Crew", "read"))
    assert told(bob).tells == "read"
    assert told(cem).tells == "held"
    wait(*people)
    assert counts(ann, said) == (2, 2, 0, 1)
    later = say(ann, "And?")
    exchange(*people)
    wait(*people)
    assert counts(ann, later) == (2, 2, 0, 0)
    # Cem has read the first one, and says nothing of that with what came.
    assert counts(ann, said) == (2, 2, 0, 1)
    bob.ask(ReadItems("Crew", of(bob, later).number))
    cem.ask(ReadItems("Crew", of(cem, later).number))
    wait(*people)
    assert counts(ann, later) == (2, 2, 0, 1)
    assert {one.label: one.is_read for one in details(ann, later.number).readers} == {
        "Bob": True,
        "Cem": False,
    }


def test_who_tells_nothing_is_counted_as_silent() -> None:
    ann, bob, _cem = people = crew("Ann", "Bob", "Cem")
    bob.ask(SetGroupReceipts("Crew", "nothing"))
    bob.clock.pass_by(600)
    exchange(*people)
    quiet(*people)
    said = say(ann, "Hello all")
    exchange(*people)
    posted = wait(*people)
    assert len(posted) == 1, "of Cem alone"
    assert counts(ann, said) == (1, 2, 1, 0)
    assert {one.label: one.is_silent for one in details(ann, said.number).readers} == {
        "Bob": True,
        "Cem": False,
    }
    bob.ask(ReadItems("Crew", of(bob, said).number))
    assert wait(*people) == []
    # Who speaks to it has it, and wants it known.
    bob.ask(ReactToItem(of(bob, said).number, ("👍",)))
    exchange(*people)
    assert counts(ann, said) == (2, 2, 0, 0)
    bob.ask(SetGroupReceipts("Crew", "held"))
    wait(*people)
    again = say(ann, "Again")
    exchange(*people)
    wait(*people)
    assert counts(ann, again) == (2, 2, 0, 0)


def test_who_comes_in_anew_still_tells_nothing() -> None:
    ann, bob, _cem = people = crew("Ann", "Bob", "Cem")
    bob.ask(SetGroupReceipts("Crew", "nothing"))
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    settle(*people)
    quiet(*people)
    assert told(bob).tells == "nothing"
    said = say(ann, "Hello all")
    exchange(*people)
    wait(*people)
    assert of(bob, said).text == "Hello all"
    assert counts(ann, said)[0] == 1, "Cem alone says that it came"


def test_a_group_that_wants_none_gets_none() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(ChangeGroup("Crew", acks="off"))
    settle(*people)
    said = say(ann, "Hello all")
    exchange(*people)
    bob.ask(SetGroupReceipts("Crew", "read"))
    bob.ask(ReadItems("Crew", of(bob, said).number))
    assert wait(*people) == []
    assert counts(ann, said) == (None, 2, None, None)
    cem.ask(SetGroupReceipts("Crew", "nothing"))
    say(cem, "Me neither")
    exchange(*people)
    assert (
        ann.connection.execute("SELECT * FROM group_tellers WHERE is_silent = 1").fetchall() == []
    )
    cem.ask(SetGroupReceipts("Crew", "held"))
    ann.ask(ChangeGroup("Crew", acks="on"))
    settle(*people)
    later = say(ann, "Now?")
    exchange(*people)
    wait(*people)
    assert counts(ann, said)[0] == 2
    assert counts(ann, later)[0] == 2


def test_what_does_not_count_is_held_by_nobody() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    said = say(ann, "Hello")
    settle(*people)
    quiet(*people)
    # Bob hides it as an admin, which he is no more on the other side of a cut.
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "member"))
    settle(ann, cem)
    bob.ask(HideItem(of(bob, said).number))
    words = bob.post()
    bob.receive(ann.store.envelopes.values())
    for one in (ann, cem):
        one.receive(words)
        assert of(one, said).gone == ""
    wait(ann, bob, cem)
    rows = bob.connection.execute(
        "SELECT run, seq FROM entries WHERE author = 0 AND is_apart = 1"
    ).fetchall()
    ((run, seq),) = rows
    assert isinstance(run, int)
    assert isinstance(seq, int)
    for each in GroupReceiptRows(bob.connection).held(inside(bob).conversation, run):
        assert not holds(decode_ranges(each.ranges), seq)
    # What he says as a member is told, and with it that the hiding is a hole.
    later = say(bob, "Never mind")
    exchange(*people)
    wait(*people)
    assert counts(bob, later)[0] == 2
    held = GroupReceiptRows(bob.connection).held(inside(bob).conversation, run)
    assert [holds(decode_ranges(each.ranges), seq + 1) for each in held] == [True] * 2
    assert [holds(decode_ranges(each.ranges), seq) for each in held] == [False] * 2


def test_who_is_out_learns_nothing() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    quiet(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, cem)
    say(bob, "Are you there?")
    words = bob.post()
    cem.receive(words)
    ann.receive(words)
    for one in (ann, cem):
        assert one.connection.execute("SELECT * FROM group_receipts_owed").fetchall() == []


def test_who_is_blocked_learns_what_came_and_not_what_was_read() -> None:
    ann, _bob, cem = people = crew("Ann", "Bob", "Cem")
    cem.ask(SetGroupReceipts("Crew", "read"))
    quiet(*people)
    cem.ask(BlockContact("Ann"))
    said = say(ann, "Hello all")
    exchange(*people)
    cem.ask(ReadItems("Crew", of(cem, said).number))
    assert len(wait(*people)) == 2
    assert counts(ann, said) == (2, 2, 0, 0)


def test_who_comes_back_after_days_is_told_again_in_what_lives_longer() -> None:
    ann, bob = people = crew("Ann", "Bob")
    quiet(*people)
    said = say(ann, "Hello")
    bob.receive(ann.post())
    # It goes out, and nobody brings it to Ann before its day is over.
    bob.clock.pass_by(RECEIPT_PAUSE)
    bob.tend()
    bob.clock.pass_by(SOON_S)
    assert [one.header.lifetime_class for one in bob.post()] == [LIFETIME_DAY]
    bob.clock.pass_by(RECEIPT_AGAIN_AFTER)
    again = say(ann, "Still there?")
    bob.receive(ann.post())
    posted = wait(bob)
    assert [one.header.lifetime_class for one in posted] == [LIFETIME_WEEK]
    ann.receive(posted)
    assert [counts(ann, one)[0] for one in (said, again)] == [1, 1]


def test_holes_are_told_and_close_when_what_was_lost_came() -> None:
    ann, bob = people = crew("Ann", "Bob")
    quiet(*people)
    kept: list[Envelope] = []
    items = []
    for number in range(5):
        items.append(say(ann, f"Word {number}"))
        posted = ann.post()
        if number in (1, 3):
            kept += posted
        else:
            bob.receive(posted)
    wait(*people)
    assert [counts(ann, one)[0] for one in items] == [1, 0, 1, 0, 1]
    bob.receive(kept)
    wait(*people)
    assert [counts(ann, one)[0] for one in items] == [1] * 5


def test_a_liar_costs_one_row_for_each_run_of_ours_and_none_for_others() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = say(ann, "Hello")
    exchange(*people)
    group, prefix = inside(bob), prefix_of_member(inside(ann).me)
    everything = tuple((2 * number, 1) for number in range(RECEIPT_RANGES_MAX, 0, -1))
    for first in range(0, 80, 16):
        ghosts = [Receipt(prefix, 7 + first + run, 9, everything) for run in range(16)]
        with transaction(bob.connection):
            bob.wired.groups.posting.note(
                group, [(RECEIPT, encode_receipts(ghosts))], pause=Pause.SOON, now=bob.now
            )
    bob.clock.pass_by(SOON_S)
    exchange(*people)
    rows = ann.connection.execute("SELECT count(*) FROM group_held").fetchall()
    assert rows == [(0,)]
    assert counts(ann, said) == (0, 1, 0, 0)


def test_only_members_are_believed() -> None:
    ann, bob, _cem = people = crew("Ann", "Bob", "Cem")
    quiet(*people)
    said = say(ann, "Hello")
    exchange(*people)
    bob.clock.pass_by(RECEIPT_PAUSE)
    bob.tend()
    bob.clock.pass_by(SOON_S)
    words = bob.post()
    assert words
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    ann.receive(words)
    rows = ann.connection.execute("SELECT count(*) FROM group_held").fetchall()
    assert rows == [(0,)]
    assert devices_of(ann, said).of == 1


def test_that_a_timer_came_says_nothing_of_what_was_read() -> None:
    ann, bob = people = crew("Ann", "Bob")
    bob.ask(SetGroupReceipts("Crew", "read"))
    said = say(ann, "Hello")
    ann.ask(SetTimer("Crew", 60))
    exchange(*people)
    quiet(*people)
    assert counts(ann, said) == (1, 1, 0, 0)
    bob.ask(ReadItems("Crew", until=of(bob, said).number))
    quiet(*people)
    assert counts(ann, said) == (1, 1, 0, 1)
