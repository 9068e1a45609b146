"""Numbers at both ends of what an entry may hold: they are kept, lost and counted again."""

from collections.abc import Iterator
from itertools import product

import msgspec
import pytest

from mesh.content.entry import Entry, EntryId, Kind, OperationId
from mesh.group.operations import Role
from mesh.limits.content import CLOCK_BITS, TIMER_SECONDS_MAX
from tests.group.scenarios import Story, remove, role
from tests.messenger.group_replicas import GroupReplica
from tests.messenger.test_group_standing import Told

NUMBERS = [
    0,
    1,
    TIMER_SECONDS_MAX,
    *(edge for bits in (16, 32, 40, CLOCK_BITS, 63) for edge in ((1 << bits) - 1, 1 << bits)),
    (1 << 64) - 1,
]
CLOCKS = (0, 1, (1 << CLOCK_BITS) - 1)
KEY = bytes(32)


def contents(kind: Kind, number: int) -> list[object]:
    """Return contents of a kind, each with this number in another of its places."""
    file = [KEY, KEY, bytes(16), 9, "image/png", "map.png", 0, 1, 1, 1, b"", b""]
    match kind:
        case Kind.TEXT:
            return [
                ["text", [[number, 0, 1]]],
                ["text", [[0, number, number]], [[number, number, KEY]]],
                *(
                    ["", [], [], b"", [[*file[:place], number, *file[place + 1 :]]]]
                    for place in (3, 6, 7, 8, 9)
                ),
            ]
        case Kind.POLL:
            return [["which", ["a", "b"], False, number]]
        case Kind.CHECK_IN:
            answers: list[object] = [["fine", 0], ["help", 2]]
            return [["well?", answers, [], number, 60], ["well?", answers, [], 0, number]]
        case Kind.TASK:
            return [["task", "", [], number]]
        case Kind.NOTICE:
            return [["look", number, False]]
        case Kind.EDIT:
            return [["text", [[0, number, number]], [[number, 1, KEY]]]]
        case Kind.TIMER | Kind.CLOSE:
            return [[number]]
        case Kind.NAME:
            return [[f"name {number}"]]
        case Kind.VOTE:
            return [[[number]]]
        case Kind.ANSWER:
            return [[number]]
        case Kind.CHANGE:
            return [[4, number], [0, number], [number, 1]]
        case Kind.HIDE | Kind.PIN:
            return [[True]]
        case Kind.REACT:
            return [[["+"]]]
        case Kind.RETRACT:
            return [[]]


def entries(kind: Kind, targets: list[EntryId], known: OperationId) -> Iterator[Entry]:
    """Make all of a kind."""
    for place, (number, clock) in enumerate(product(NUMBERS, CLOCKS)):
        for content in contents(kind, number):
            for target in targets:
                yield Entry(
                    kind=kind,
                    clock=clock,
                    run=min(number, (1 << 32) - 1),
                    number=place,
                    parents=[],
                    ops=[known],
                    target=target,
                    over=[],
                    timer=min(number, TIMER_SECONDS_MAX) if kind in (Kind.TEXT, Kind.POLL) else 0,
                    content=msgspec.Raw(msgspec.msgpack.encode(content)),
                )


TARGETS = {
    Kind.VOTE: Kind.POLL,
    Kind.CLOSE: Kind.POLL,
    Kind.ANSWER: Kind.CHECK_IN,
    Kind.CHANGE: Kind.TASK,
    Kind.TIMER: None,
    Kind.NAME: None,
}


OF_ADMINS = (Kind.NOTICE, Kind.HIDE, Kind.TIMER, Kind.PIN)


@pytest.mark.parametrize("kind", Kind)
def test_every_number_is_shown_lost_and_counted_again(kind: Kind) -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    if kind in OF_ADMINS:
        known = story.tell("O", role("M", Role.ADMIN), known)
    told = Told(story)
    targets = [EntryId(b"")]
    if kind.value >= 64 and (about := TARGETS.get(kind, Kind.TEXT)) is not None:
        objects = {one.encode(): one for one in entries(about, [EntryId(b"")], known)}
        some = list(objects.values())[:: len(objects) // 4]
        targets = [told.says("M", one) for one in some]
    for one in entries(kind, targets, known):
        told.says("M", one)
    replica = told.replica("O", [*story.operations[1:], *told.said])
    before = shown(replica)
    # An admin is removed by an owner alone, and nobody overrules that one.
    out = story.tell("O" if kind in OF_ADMINS else "A", remove("M"), known)
    replica.take([story.operations[-1]])
    assert shown(replica) != before
    if kind not in OF_ADMINS:
        # The admin who did it is removed by somebody who does not accept it.
        story.tell("O", remove("A", undo=[]), out)
        replica.take([story.operations[-1]])
        assert shown(replica) == before or kind in (Kind.POLL, *TARGETS, Kind.CHECK_IN)
    late = GroupReplica(story.operations[0], replica.me)
    late.take([*told.said[::-1], *story.operations[1:]])
    assert shown(late) == shown(replica)


def shown(replica: GroupReplica) -> list[dict[str, object]]:
    """Return what is shown, without how files are kept here."""
    names = ("id", "text", "is_apart", "is_pinned", "hidden", "gone", "poll", "check_in", "task")
    return [
        {
            name: item[name]
            for name in (*names, "notice", "timer", "sets_timer", "renamed", "reactions")
        }
        for item in msgspec.convert(replica.shown(), list[dict[str, object]])
    ]
