"""What neighbours are told of the bodies that they brought: together, and soon enough."""

from mesh.engine.forwarding.answering import Answering
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


def test_who_brings_little_is_answered_at_once() -> None:
    answering = Answering()
    for ms in (0, HELD_GATHERED_MS, 10 * HELD_GATHERED_MS):
        note(answering, ONE, [ms], ms)
        assert answering.deadline() is not None
        assert answering.take(lambda link: False, at(ms)) == [(ONE, Held(short(ms), b""))]
        assert answering.deadline() is None


def test_who_brings_much_is_answered_together_after_a_while() -> None:
    answering = Answering()
    note(answering, ONE, [1], 0)
    answering.take(lambda link: False, at(0))
    note(answering, ONE, [2], 50)
    answering.note(ONE, held=[id_of(3)], refused=[id_of(4)], now=at(60))
    note(answering, TWO, [5], 60)
    assert answering.take(lambda link: False, at(60)) == [(TWO, Held(short(5), b""))]
    assert answering.deadline() == at(HELD_GATHERED_MS).monotonic
    assert answering.take(lambda link: False, at(HELD_GATHERED_MS - 1)) == []
    told = answering.take(lambda link: False, at(HELD_GATHERED_MS))
    assert told == [(ONE, Held(short(2, 3), short(4)))]


def test_answers_leave_with_what_else_leaves_over_their_link() -> None:
    answering = Answering()
    for link in (ONE, TWO):
        note(answering, link, [1], 0)
        answering.take(lambda link: False, at(0))
        note(answering, link, [2], 50)
    assert answering.take(lambda link: link == TWO, at(70)) == [(TWO, Held(short(2), b""))]
    assert answering.deadline() == at(HELD_GATHERED_MS).monotonic


def test_as_many_as_a_frame_holds_do_not_wait() -> None:
    answering = Answering()
    numbers = list(range(IDS_PER_FRAME_MAX + 1))
    note(answering, ONE, [1], 4)
    answering.take(lambda link: False, at(4))
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
