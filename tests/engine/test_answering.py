"""What neighbours are told of the bodies that they brought: together, and soon enough."""

from mesh.engine.answering import Answering
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits import HELD_GATHERED_MS, IDS_PER_FRAME_MAX
from mesh.wire.frames import SHORT_ID_BYTES, Held

ONE, TWO = LinkId(1), LinkId(2)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def id_of(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(8, "big") * 4)


def short(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(SHORT_ID_BYTES, "big") for number in numbers)


def note(answering: Answering, link: LinkId, held: list[int], ms: int) -> None:
    answering.note(link, held=[id_of(one) for one in held], refused=[], now=at(ms))


def test_answers_leave_with_what_else_leaves_over_their_link() -> None:
    answering = Answering()
    note(answering, ONE, [1], 0)
    answering.note(ONE, held=[id_of(2)], refused=[id_of(3)], now=at(50))
    note(answering, TWO, [4], 60)
    assert answering.take(lambda link: False, at(60)) == []
    told = answering.take(lambda link: link == ONE, at(70))
    assert told == [(ONE, Held(short(1, 2), short(3)))]
    assert answering.deadline() == at(60 + HELD_GATHERED_MS).monotonic


def test_once_one_has_waited_for_long_enough_all_leave() -> None:
    answering = Answering()
    note(answering, ONE, [1], 0)
    note(answering, TWO, [2], HELD_GATHERED_MS - 1)
    deadline = answering.deadline()
    assert deadline == at(HELD_GATHERED_MS).monotonic
    assert answering.take(lambda link: False, at(HELD_GATHERED_MS - 1)) == []
    told = answering.take(lambda link: False, at(HELD_GATHERED_MS))
    assert told == [(ONE, Held(short(1), b"")), (TWO, Held(short(2), b""))]
    assert answering.deadline() is None


def test_as_many_as_a_frame_holds_do_not_wait() -> None:
    answering = Answering()
    numbers = list(range(IDS_PER_FRAME_MAX + 1))
    note(answering, ONE, numbers, 5)
    assert answering.deadline() == at(5).monotonic
    told = answering.take(lambda link: False, at(5))
    assert told == [
        (ONE, Held(short(*numbers[:IDS_PER_FRAME_MAX]), b"")),
        (ONE, Held(short(IDS_PER_FRAME_MAX), b"")),
    ]


def test_who_is_gone_is_told_nothing() -> None:
    answering = Answering()
    note(answering, ONE, [1], 0)
    answering.link_down(ONE)
    assert answering.deadline() is None
    assert answering.take(lambda link: True, at(1)) == []
