"""Receipts in groups claim nothing that is not so, of everybody alike, and at some time."""

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.conversations import ReadItems
from mesh.commands.groups import RotateGroup, SetGroupReceipts
from mesh.group.payload import RECEIPT
from mesh.group.receipts import Receipt, ToldAt, decode_receipts, encode_receipts, prefix_of_member
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_receipts import OWED_RUNS_MAX, RECEIPTS_MAX
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.pauses import Pause
from mesh.storage.connection import transaction
from mesh.storage.vault.group_people import GroupPeopleRows
from mesh.storage.vault.group_receipts import GroupReceiptRows
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import details
from tests.messenger.in_groups import crew, inside
from tests.messenger.people import DAY_S, exchange
from tests.messenger.test_group_attacks_on_words import words_by
from tests.messenger.test_group_hostile_posts import pass_on
from tests.messenger.test_group_receipts import SOON_S, counts, quiet, wait
from tests.messenger.test_group_talk import of, say

Patch = pytest.MonkeyPatch


def test_what_came_late_is_not_read_since_what_follows_was() -> None:
    ann, bob = people = crew("Ann", "Bob")
    bob.ask(SetGroupReceipts("Crew", "read"))
    quiet(*people)
    first = say(ann, "Do not come")
    lost = ann.post()
    ann.clock.pass_by(30)
    second = say(ann, "Bring tea")
    bob.receive(ann.post())
    bob.ask(ReadItems("Crew", of(bob, second).number))
    wait(*people)
    assert counts(ann, second) == (1, 1, 0, 1)
    bob.receive(lost)
    wait(*people)
    assert counts(ann, first) == (1, 1, 0, 0)
    bob.ask(ReadItems("Crew", of(bob, second).number))
    bob.ask(ReadItems("Crew", of(bob, first).number))
    wait(*people)
    assert counts(ann, first) == (1, 1, 0, 1)
    assert counts(ann, second) == (1, 1, 0, 1)


def tells_nothing_and_then_tells(*, is_new_epoch: bool) -> bool:
    """Bob tells nothing, and a while later what he holds. That comes first; return whether Ann
    takes him for silent at last.
    """
    ann, bob = people = crew("Ann", "Bob")
    quiet(*people)
    bob.ask(SetGroupReceipts("Crew", "nothing"))
    bob.clock.pass_by(600)
    bob.tend()
    older = bob.post()
    assert len(older) == 1
    if is_new_epoch:
        ann.ask(RotateGroup("Crew"))
        ann.clock.pass_by(60)
        bob.receive(ann.post())
    bob.ask(SetGroupReceipts("Crew", "held"))
    said = say(ann, "Hello")
    bob.receive(ann.post())
    newer = wait(bob)
    assert newer
    ann.receive(newer)
    assert counts(ann, said) == (1, 1, 0, 0)
    ann.receive(older)
    return GroupReceiptRows(ann.connection).silent(inside(ann).conversation) != []


@pytest.mark.parametrize("is_new_epoch", [False, True])
def test_of_two_words_the_newer_holds_in_whatever_order_they_come(
    monkeypatch: Patch, is_new_epoch: bool
) -> None:
    assert not tells_nothing_and_then_tells(is_new_epoch=is_new_epoch)
    monkeypatch.setattr(ToldAt, "is_before", lambda *_: False)
    assert tells_nothing_and_then_tells(is_new_epoch=is_new_epoch)


def test_in_one_epoch_numbers_say_what_is_newer_and_of_two_the_clock() -> None:
    early, late = UnixSeconds(1_000), UnixSeconds(2_000)
    one, other = bytes(8), b"\1" * 8
    assert ToldAt(one, 3, late).is_before(ToldAt(one, 4, early))
    assert not ToldAt(one, 4, early).is_before(ToldAt(one, 3, late))
    assert ToldAt(one, 4, early).is_before(ToldAt(other, 3, late))
    assert not ToldAt(one, 3, late).is_before(ToldAt(other, 4, early))
    assert not ToldAt(one, 4, early).is_before(ToldAt(other, 3, early))


def test_what_was_not_written_yet_is_held_by_nobody() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = say(ann, "Hello")
    exchange(*people)
    row = Vault(ann.connection).entries.message(said.number)
    claim = Receipt(prefix_of_member(inside(ann).me), row.run, row.seq + 100, ((0, 200),))
    group = inside(bob)
    with transaction(bob.connection):
        bob.wired.groups.posting.note(
            group, [(RECEIPT, encode_receipts([claim]))], pause=Pause.SOON, now=bob.now
        )
    bob.clock.pass_by(SOON_S)
    exchange(*people)
    assert counts(ann, said) == (1, 1, 0, 1)
    assert counts(ann, say(ann, "Later")) == (0, 1, 0, 0)


def test_a_clock_that_was_wrong_once_silences_nobody() -> None:
    ann, bob = people = crew("Ann", "Bob")
    quiet(*people)
    bob.wall_error_s = 200 * DAY_S
    bob.restart()
    said = say(ann, "Hello")
    exchange(*people)
    bob.wall_error_s = 0
    bob.restart()
    for _ in range(3):
        wait(*people)
    assert counts(ann, said)[0] == 1


def test_one_who_begins_runs_without_end_keeps_nobody_from_being_told() -> None:
    ann, mal, bob = people = crew("Ann", "Mal", "Bob")
    for one in (mal, ann):
        say(one, "Hi")
        exchange(*people)
    quiet(*people)
    for author in (mal, ann):
        pass_on(
            author,
            entries=[words_by(author, "w", run=100 + run, number=0) for run in range(48)],
        )
        exchange(*people)
    conversation = inside(bob).conversation
    owed = GroupReceiptRows(bob.connection).owed(conversation)
    by_author = [sum(row.author == author for row in owed) for author in {r.author for r in owed}]
    assert max(by_author) == OWED_RUNS_MAX
    # Each has his turn, whoever is owed how much.
    first = owed[:2]
    assert len({row.author for row in first}) == 2
    again = GroupReceiptRows(bob.connection).owed(conversation, after=first[0].author)
    assert again[0].author == first[1].author
    assert len(again) > RECEIPTS_MAX


def told_of(patch: Patch) -> set[bytes]:
    """Cem blocked Ann; return of whom Cem tells that he has what they said, and to all."""
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    quiet(*people)
    cem.ask(SetGroupReceipts("Crew", "read"))
    quiet(*people)
    cem.ask(BlockContact("Ann"))
    said = [say(ann, "One"), say(bob, "Two")]
    exchange(*people)
    heard = list[Receipt]()
    real = GroupReceipts.take

    def take(self: GroupReceipts, *args: object) -> None:
        data = args[2]
        assert isinstance(data, bytes)
        heard.extend(decode_receipts(data))
        real(self, *args)  # type: ignore[arg-type]  # as they came

    patch.setattr(GroupReceipts, "take", take)
    bob.receive(wait(cem))
    assert {each.read for each in heard if each.member_prefix == inside(ann).me[:8]} <= {0}
    assert len(said) == 2
    return {each.member_prefix for each in heard}


def test_of_whom_somebody_blocked_nobody_sees_by_receipts(monkeypatch: Patch) -> None:
    both = told_of(monkeypatch)
    assert len(both) == 2


def test_readers_of_an_item_are_looked_at_once(monkeypatch: Patch) -> None:
    ann, _bob, _cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Hello")
    exchange(*people)
    wait(*people)
    reads = list[int]()
    real = GroupPeopleRows.told

    def told(self: GroupPeopleRows, entry: int) -> list[VerifyKey]:
        reads.append(entry)
        return [VerifyKey(key) for key in real(self, entry)]

    monkeypatch.setattr(GroupPeopleRows, "told", told)
    assert [one.is_told for one in details(ann, said.number).readers] == [True] * 2
    # Once for the count of them, and once for each by name.
    assert len(reads) == 2
