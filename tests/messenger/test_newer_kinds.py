"""Things that were made with a newer Mesh are kept, and shown when this one is upgraded.

The older release is this one without some lines of its table of kinds.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from mesh.commands.item_commands import (
    ChangeTask,
    ClosePoll,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.search import HitsAnswer, Search
from mesh.content import kinds
from mesh.content.entry import Entry, Kind
from mesh.content.poll import Poll
from mesh.content.poll import Vote as PollVote
from mesh.events import ItemChanged
from mesh.messenger.conversations import newer_kinds
from tests.messenger.doing import both, do, item, items_of
from tests.messenger.people import Person, exchange
from tests.messenger.replicas import Replica, Said

NEWER = (Kind.POLL, Kind.VOTE, Kind.CLOSE, Kind.TASK, Kind.CHANGE)


@contextmanager
def older(*without: Kind) -> Iterator[None]:
    """A release that does not know some kinds."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in without:
            patch.delitem(kinds._BY_NUMBER, kind)
            patch.delitem(kinds.KINDS, kind)
        yield


def upgraded(person: Person) -> None:
    """The same profile, run by this release; all that is due is done."""
    person.restart()
    person.tend()


def test_what_came_before_an_upgrade_is_judged_folded_and_shown_after_it() -> None:
    ann, bob = both()
    poll = do(ann, WriteItem("Bob", "poll", question="Where to?", options=("Gate", "Bridge")))
    task = do(ann, WriteItem("Bob", "task", title="Water"))
    do(ann, Vote(poll.number, (1,)))
    do(ann, ChangeTask(task.number, "state", "done"))
    do(ann, ChangeTask(task.number, "title", "Buy water"))
    with older(*NEWER):
        bob.restart()
        exchange(ann, bob)
        shown = items_of(bob, "Ann")[-2:]
        assert [(one.kind, one.gone, one.text) for one in shown] == [
            ("poll", "newer", ""),
            ("task", "newer", ""),
        ]
        assert [one.poll for one in shown] == [None, None]
        # It is reacted to all the same.
        do(bob, ReactToItem(shown[0].number, ("👍",)))
        bob.tend()
    exchange(ann, bob)
    bob.take_events()
    upgraded(bob)
    asked, planned = items_of(bob, "Ann")[-2:]
    assert asked.poll is not None
    assert [(one.text, one.count, one.who) for one in asked.poll.options] == [
        ("Gate", 0, []),
        ("Bridge", 1, ["Ann"]),
    ]
    assert [(one.emoji, one.is_mine) for one in asked.reactions] == [("👍", True)]
    assert planned.task is not None
    assert (planned.task.title, planned.task.state, planned.text) == (
        "Buy water",
        "done",
        "Buy water",
    )
    told = [one.item.number for one in bob.take_events() if isinstance(one, ItemChanged)]
    assert {asked.number, planned.number} <= set(told)
    found = bob.ask(Search("where"))
    assert isinstance(found, HitsAnswer)
    assert [hit.item.number for hit in found.hits] == [asked.number]
    # And it goes on: a vote over there, and the end of the poll here.
    do(bob, Vote(asked.number, (0,)))
    exchange(ann, bob)
    do(ann, ClosePoll(poll.number))
    exchange(ann, bob)
    for one in (item(ann, poll.number), item(bob, asked.number)):
        assert one.poll is not None
        assert [each.count for each in one.poll.options] == [1, 1]
        assert one.poll.closes > 0


def test_a_change_that_came_before_its_object_is_judged_behind_it() -> None:
    """Also in the last step of many, and where it is about something else than it may be."""
    ann, bob = both()
    exchange(ann, bob)
    replica = Replica(bob, bob.backup(), "Ann")
    author = ann.wired.identity.keys.verify_key

    def made(kind: Kind, content: object, target: bytes = b"", clock: int = 5) -> Said:
        raw = msgspec.Raw(msgspec.msgpack.encode(content))
        return Said(author, Entry(int(kind), clock, 1, clock, [], [], target, [], 0, raw))

    poll = made(Kind.POLL, Poll("Where?", ["a", "b"], is_several=False, closes=0))
    id_ = poll.id(replica.me)
    vote = made(Kind.VOTE, PollVote([1]), id_, 6)
    astray = made(Kind.VOTE, PollVote([7]), id_, 7)
    broken = made(Kind.POLL, Poll("Where?", ["only one"], is_several=False, closes=0), b"", 8)
    about_broken = made(Kind.VOTE, PollVote([0]), broken.id(replica.me), 9)
    with older(*NEWER):
        replica.take([vote, about_broken, astray, poll, broken])
        assert [one.gone for one in items_of(bob, "Ann")[-2:]] == ["newer", "newer"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newer_kinds, "JUDGED_AGAIN_PER_CHORE", 1)
        bob.restart()
        for _ in range(40):
            bob.tend()
    rows = bob.connection.execute("SELECT id, verdict FROM entries WHERE run = 1").fetchall()
    assert {row[0]: row[1] for row in rows} == {
        poll.id(replica.me): "valid",
        vote.id(replica.me): "valid",
        astray.id(replica.me): "invalid",
        broken.id(replica.me): "invalid",
        about_broken.id(replica.me): "invalid",
    }
    shown = items_of(bob, "Ann")
    assert shown[-1].poll is not None
    assert [one.count for one in shown[-1].poll.options] == [0, 1]
    assert [one.kind for one in shown].count("poll") == 1
    kept = bob.connection.execute(
        "SELECT count(*) FROM contents JOIN entries ON number = entry WHERE verdict = 'invalid'"
    ).fetchone()
    assert kept == (0,)


def test_what_comes_after_an_upgrade_does_not_wait_for_the_chore() -> None:
    ann, bob = both()
    poll = do(ann, WriteItem("Bob", "poll", question="Where to?", options=("Gate", "Bridge")))
    with older(*NEWER):
        bob.restart()
        exchange(ann, bob)
    bob.restart()
    do(ann, Vote(poll.number, (0,)))
    exchange(ann, bob)
    asked = items_of(bob, "Ann")[-1]
    assert asked.poll is not None
    assert [one.count for one in asked.poll.options] == [1, 0]


def test_what_was_taken_back_meanwhile_stays_gone() -> None:
    ann, bob = both()
    poll = do(ann, WriteItem("Bob", "poll", question="Where?", options=("a", "b")))
    with older(*NEWER):
        bob.restart()
        exchange(ann, bob)
        mine = items_of(bob, "Ann")[-1]
    do(ann, RetractItem(poll.number))
    with older(*NEWER):
        exchange(ann, bob)
    upgraded(bob)
    gone = item(bob, mine.number)
    assert (gone.gone, gone.text, gone.poll) == ("retracted", "", None)
