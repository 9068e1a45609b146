"""Receipts of two people: off at first, waiting, and of what was read from then on alone."""

from mesh.commands.contacts import SetReadReceipts
from mesh.commands.conversations import ReadItems
from mesh.commands.item_commands import WriteItem
from mesh.commands.messages import AskMessages
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.messenger.pauses import Pauses
from tests.messenger.doing import both, do, item, items_of
from tests.messenger.people import DAY_S, Person, exchange


def read_all(person: Person, of: str) -> None:
    person.ask(AskMessages(of, limit=1_000, mark_read=True))
    person.ask(ReadItems(of, items_of(person, of)[-1].number))


def test_where_it_is_off_nothing_leaves_and_nothing_is_kept_to_be_told_later() -> None:
    ann, bob = both()
    mine = ann.send("Bob", "did you see it?")
    exchange(ann, bob)
    read_all(bob, "Ann")
    assert bob.post() == []
    bob.ask(SetReadReceipts("Ann", is_on=True))
    read_all(bob, "Ann")
    assert bob.post() == []
    bob.tend()
    exchange(ann, bob)
    assert item(ann, mine.number).state == "queued"
    # What is read while it is on is told; off again, nothing is.
    later = ann.send("Bob", "and this?")
    exchange(ann, bob)
    read_all(bob, "Ann")
    exchange(ann, bob)
    assert item(ann, later.number).state == "read"
    bob.ask(SetReadReceipts("Ann", is_on=False))
    last = ann.send("Bob", "and that?")
    exchange(ann, bob)
    read_all(bob, "Ann")
    assert bob.post() == []
    bob.clock.pass_by(DAY_S / 24)
    bob.tend()
    exchange(ann, bob)
    assert item(ann, last.number).state == "queued"


def test_a_receipt_waits_as_what_nobody_waits_for_and_tells_all_that_was_read_together() -> None:
    ann, bob = both()
    bob.ask(SetReadReceipts("Ann", is_on=True))
    texts = [ann.send("Bob", f"{number}") for number in range(3)]
    poll = do(ann, WriteItem("Bob", "poll", question="Where?", options=("a", "b")))
    exchange(ann, bob)
    bob.messenger.parts.transit.pauses = bob.pauses = Pauses()
    bob.ask(ReadItems("Ann", items_of(bob, "Ann")[-1].number))
    waited_s = 0
    while not (posted := bob.post()):
        waited_s += 5
        bob.clock.pass_by(5)
    assert RETIRE_DELAY_MS[0] / 1_000 <= waited_s <= RETIRE_DELAY_MS[1] / 1_000 + 5
    assert len(posted) == 1
    ann.receive(posted)
    numbers = (*(text.number for text in texts), poll.number)
    assert {item(ann, number).state for number in numbers} == {"read"}
