"""Turns on one link: nobody gets less than a share, whatever others queue."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import EnvelopeId
from mesh.limits.replication import FLOWS_PER_LINK_MAX, TURN_BYTES
from mesh.replication.fair_queue import FairQueue, Flow, Sparing
from mesh.wire.envelope import SIZE_BYTES

KIB = 1024
LARGEST = SIZE_BYTES[-1]


class Line:
    """A link's turns, and what was queued there."""

    def __init__(self) -> None:
        self.fair_queue = FairQueue()
        self.flows: dict[EnvelopeId, Flow] = {}
        self.sizes: dict[EnvelopeId, int] = {}

    def queue(
        self, flow: Flow, count: int = 1, *, size: int = KIB, is_live: bool = True
    ) -> list[EnvelopeId]:
        ids = []
        for _ in range(count):
            id_ = EnvelopeId(len(self.flows).to_bytes(32))
            self.flows[id_], self.sizes[id_] = flow, size
            self.fair_queue.add(id_, flow, size, is_live=is_live, is_asked=False)
            ids.append(id_)
        return ids

    def serve(self, count: int) -> list[Flow]:
        return [self.flows[id_] for id_ in self.fair_queue.take(count)]

    def serve_bytes(self, total: int) -> dict[Flow, int]:
        served: dict[Flow, int] = {}
        while total > 0 and (taken := self.fair_queue.take(1)):
            flow, size = self.flows[taken[0]], self.sizes[taken[0]]
            served[flow] = served.get(flow, 0) + size
            total -= size
        return served


def flow(peer: str = "n", key: str = "k") -> Flow:
    return Flow(peer, key.encode())


ONE = flow()


def test_a_flood_of_one_peer_leaves_every_other_peer_its_turn() -> None:
    line = Line()
    for key in range(300):
        line.queue(flow("flooding", str(key)), 10)
    honest = flow("honest")
    line.queue(honest, 200)
    served = line.serve_bytes(200 * KIB)
    assert served[honest] >= 80 * KIB


def test_within_a_peer_keys_take_turns() -> None:
    line = Line()
    flooding, honest = flow(key="flood"), flow(key="honest")
    line.queue(flooding, 1_000)
    line.queue(honest, 16)
    assert line.serve_bytes(64 * KIB)[honest] == 16 * KIB


def test_new_mail_goes_before_backlog_and_does_not_starve_it() -> None:
    line = Line()
    backlog = flow(key="backlog")
    line.queue(backlog, 500, is_live=False)
    live = flow(key="live")
    line.queue(live, 500)
    served = line.serve_bytes(400 * KIB)
    assert abs(served[live] - 300 * KIB) <= 2 * TURN_BYTES
    assert served[live] + served[backlog] == 400 * KIB


flows = st.builds(
    flow,
    st.sampled_from("ab"),
    st.sampled_from("xyz"),
)
queued = st.lists(st.tuples(flows, st.sampled_from(SIZE_BYTES), st.booleans()), max_size=60)


@given(queued, st.lists(st.integers(0, 59)), st.integers(1, 9))
def test_everything_leaves_once_but_what_was_taken_back(
    queued: list[tuple[Flow, int, bool]], discarded: list[int], count: int
) -> None:
    line = Line()
    for one, size, is_live in queued:
        line.queue(one, size=size, is_live=is_live)
    ids = list(line.flows)
    gone = {ids[place] for place in discarded if place < len(ids)}
    for id_ in gone:
        line.fair_queue.discard(id_)
    left = []
    while taken := line.fair_queue.take(count):
        assert len(taken) <= count
        left += taken
    assert sorted(left) == sorted(set(ids) - gone)
    assert len(line.fair_queue) == 0


@given(queued)
def test_of_one_flow_the_first_queued_leaves_first(queued: list[tuple[Flow, int, bool]]) -> None:
    line = Line()
    for one, size, is_live in queued:
        line.queue(one, size=size, is_live=is_live)
    kinds = {id_: (one, is_live) for id_, (one, _, is_live) in zip(line.flows, queued, strict=True)}
    left = line.fair_queue.take(len(queued))
    for kind in set(kinds.values()):
        of_kind = [id_ for id_ in left if kinds[id_] == kind]
        assert of_kind == sorted(of_kind)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(SIZE_BYTES)), min_size=2),
    st.integers(1, 64),
)
def test_two_who_both_have_enough_never_differ_by_more_than_two_turns(
    kinds: list[tuple[str, int]], served_kib: int
) -> None:
    line = Line()
    sizes = dict(kinds)
    for name, size in sizes.items():
        line.queue(flow(key=name), 3_000 * KIB // size, size=size)
    served = line.serve_bytes(served_kib * 16 * KIB)
    got = [served.get(flow(key=name), 0) for name in sizes]
    assert max(got) - min(got) <= 2 * max(TURN_BYTES, LARGEST)


def test_keys_without_end_share_a_turn_and_cost_no_memory() -> None:
    line = Line()
    for key in range(3 * FLOWS_PER_LINK_MAX):
        line.queue(flow(key=str(key)))
    assert line.fair_queue._flows.count == FLOWS_PER_LINK_MAX + 1
    assert len(line.fair_queue.take(10_000)) == 3 * FLOWS_PER_LINK_MAX
    line.fair_queue.take(1)
    assert line.fair_queue._flows.count == 0


def test_what_is_asked_for_keeps_its_place_and_is_known_as_asked() -> None:
    line = Line()
    first, second = line.queue(ONE, 2)
    assert not line.fair_queue.is_asked(first)
    line.fair_queue.add(first, ONE, KIB, is_live=False, is_asked=True)
    assert line.fair_queue.is_asked(first)
    assert first in line.fair_queue
    assert line.fair_queue.take(9) == [first, second]
    assert not line.fair_queue.is_asked(first)


def test_what_is_asked_for_leaves_in_the_order_asked_whoever_wrote_or_brought_it() -> None:
    line = Line()
    ids = [EnvelopeId(number.to_bytes(32)) for number in range(60)]
    for number, id_ in enumerate(ids):
        # One that nobody else brought, among many of others: in turns it would be first.
        one = flow("us", "ours") if number == 50 else flow("them", str(number % 7))
        line.fair_queue.add(id_, one, KIB, is_live=False, is_asked=True)
    assert line.fair_queue.take(60) == ids


def test_a_link_is_spared_what_it_should_be_whoever_wrote_it() -> None:
    line = Line()
    short, long = line.queue(ONE), line.queue(ONE, size=LARGEST)
    backlog = line.queue(flow("other"), is_live=False)
    assert line.fair_queue.spare(Sparing.NOTHING) == {}
    assert line.fair_queue.spare(Sparing.BACKLOG) == dict.fromkeys(backlog, False)
    assert line.fair_queue.spare(Sparing.EVERYTHING) == dict.fromkeys(long, False)
    assert line.fair_queue.take(9) == short
