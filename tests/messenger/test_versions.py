"""Former versions of a text: the last of them keep their words, on each side the same."""

import random

import msgspec

from mesh.commands.item_commands import AskVersions, EditItem, WriteItem
from mesh.commands.items import VersionsAnswer
from mesh.content.entry import Entry, EntryId, Kind
from mesh.content.text import Edit, Text
from mesh.limits.content import FORMER_VERSIONS_MAX
from tests.messenger.doing import both, do, item, said
from tests.messenger.people import Person, exchange
from tests.messenger.replicas import Replica, Said

EDITS = FORMER_VERSIONS_MAX + 12


def versions(person: Person, number: int) -> list[str]:
    answer = person.ask(AskVersions(number))
    assert isinstance(answer, VersionsAnswer)
    return [one.text for one in answer.versions]


def with_words(person: Person) -> list[bytes]:
    rows = person.connection.execute(
        "SELECT id FROM entries JOIN contents ON number = entry WHERE kind = 64 ORDER BY id"
    ).fetchall()
    return [id_ for (id_,) in rows if isinstance(id_, bytes)]


def test_who_edits_often_leaves_the_last_versions_and_the_first() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="version 0"))
    for number in range(1, EDITS + 1):
        ann.clock.pass_by(1)
        do(ann, EditItem(mine.number, f"version {number}"))
        exchange(ann, bob)
    last = [f"version {number}" for number in range(EDITS, EDITS - FORMER_VERSIONS_MAX - 1, -1)]
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        assert versions(person, number) == [*last, "version 0"]
        assert len(with_words(person)) == FORMER_VERSIONS_MAX + 1
        shown = item(person, number)
        assert shown.text == last[0]
        assert shown.edited is not None
        assert shown.edited.count == EDITS


def test_in_any_order_the_same_versions_keep_their_words() -> None:
    """Also where clocks lie, and where one edit names several, or none."""
    drawn = random.Random(3)
    ann, bob = both()
    author = ann.wired.identity.keys.verify_key
    backup = bob.backup()
    for _ in range(4):
        first = Replica(bob, backup, "Ann")
        raw = msgspec.Raw(msgspec.msgpack.encode(Text("version 0")))
        text = Said(author, Entry(0, 5, 1, 0, [], [], b"", [], 0, raw))
        target, ids = text.id(first.me), list[EntryId]()
        edits: list[Said] = []
        for number in range(1, EDITS + 14):
            raw = msgspec.Raw(msgspec.msgpack.encode(Edit(f"version {number}")))
            named = ids[-1:] if drawn.random() < 0.7 else drawn.sample(ids, min(3, len(ids)))
            clock = drawn.choice((number + 10, drawn.randrange(200)))
            over = [bytes(id_) for id_ in named]
            entry = Entry(int(Kind.EDIT), clock, 1, number, [], [], bytes(target), over, 0, raw)
            edits.append(Said(author, entry))
            ids.append(edits[-1].id(first.me))
        outcomes = []
        for _ in range(4):
            replica = Replica(bob, backup, "Ann")
            entries = [text, *edits]
            drawn.shuffle(entries)
            replica.take(entries)
            outcomes.append((with_words(bob), replica.shown()))
        assert all(outcome == outcomes[0] for outcome in outcomes)
        assert len(outcomes[0][0]) < len(edits)
