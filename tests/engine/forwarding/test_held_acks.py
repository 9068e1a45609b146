"""Neighbours are told of the bodies that they brought: together, and soon enough."""

from mesh.engine.forwarding.held_acks import HeldAcks
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import HELD_GATHERED_MS, IDS_PER_FRAME_MAX
from mesh.wire.frames import SHORT_ID_BYTES, Held

ONE, TWO = LinkId(1), LinkId(2)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def id_of(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(8, "big") * 4)


def short(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(SHORT_ID_BYTES, "big") for number in numbers)


def note(held_acks: HeldAcks, link: LinkId, held: list[int], ms: int) -> None:
    held_acks.note(link, held=[id_of(one) for one in held], refused=[], now=at(ms))


def test_who_brings_little_is_answered_at_once() -> None:
    held_acks = HeldAcks()
    for ms in (0, HELD_GATHERED_MS, 10 * HELD_GATHERED_MS):
        note(held_acks, ONE, [ms], ms)
        assert held_acks.deadline() is not None
        assert held_acks.take(lambda link: False, at(ms)) == [(ONE, Held(short(ms), b""))]
        assert held_acks.deadline() is None


def test_who_brings_much_is_answered_together_after_a_while() -> None:
    held_acks = HeldAcks()
    note(held_acks, ONE, [1], 0)
    held_acks.take(lambda link: False, at(0))
    note(held_acks, ONE, [2], 50)
    held_acks.note(ONE, held=[id_of(3)], refused=[id_of(4)], now=at(60))
    note(held_acks, TWO, [5], 60)
    assert held_acks.take(lambda link: False, at(60)) == [(TWO, Held(short(5), b""))]
    assert held_acks.deadline() == at(HELD_GATHERED_MS).monotonic
    assert held_acks.take(lambda link: False, at(HELD_GATHERED_MS - 1)) == []
    told = held_acks.take(lambda link: False, at(HELD_GATHERED_MS))
    assert told == [(ONE, Held(short(2, 3), short(4)))]


def test_answers_leave_with_what_else_leaves_over_their_link() -> None:
    held_acks = HeldAcks()
    for link in (ONE, TWO):
        note(held_acks, link, [1], 0)
        held_acks.take(lambda link: False, at(0))
        note(held_acks, link, [2], 50)
    assert held_acks.take(lambda link: link == TWO, at(70)) == [(TWO, Held(short(2), b""))]
    assert held_acks.deadline() == at(HELD_GATHERED_MS).monotonic


def test_as_many_as_a_frame_holds_do_not_wait() -> None:
    held_acks = HeldAcks()
    numbers = list(range(IDS_PER_FRAME_MAX + 1))
    note(held_acks, ONE, [1], 4)
    held_acks.take(lambda link: False, at(4))
    note(held_acks, ONE, numbers, 5)
    assert held_acks.deadline() == at(5).monotonic
    told = held_acks.take(lambda link: False, at(5))
    assert told == [
        (ONE, Held(short(*numbers[:IDS_PER_FRAME_MAX]), b"")),
        (ONE, Held(short(IDS_PER_FRAME_MAX), b"")),
    ]


def test_who_is_gone_is_told_nothing() -> None:
    held_acks = HeldAcks()
    note(held_acks, ONE, [1], 0)
    held_acks.link_down(ONE)
    assert held_acks.deadline() is None
    assert held_acks.take(lambda link: True, at(1)) == []
