"""Ranks that change against a sort of all."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.retention.ranking import Rank, Ranking

NAMES = [f"thing {number}" for number in range(6)]
changes = st.lists(
    st.tuples(st.sampled_from(NAMES), st.none() | st.integers(0, 5), st.booleans()), max_size=80
)


@given(changes)
def test_the_first_is_always_the_one_that_a_sort_would_find(
    changes: list[tuple[str, int | None, bool]],
) -> None:
    ranks: dict[str, Rank | None] = {}
    ranking = Ranking[str](ranks.get)
    for name, number, is_looked_at in changes:
        before = ranks.get(name)
        ranks[name] = after = None if number is None else (number, name.encode())
        if after is not None and (before is None or after < before):
            ranking.touch(name)
        if is_looked_at:
            present = [(rank, one) for one, rank in ranks.items() if rank is not None]
            assert ranking.find_first() == (min(present)[1] if present else None)


def test_what_is_touched_without_end_takes_no_more_memory() -> None:
    rank = [(0, b"")]
    ranking = Ranking[str](lambda _: rank[0])
    for number in range(50_000):
        rank[0] = (-number, b"")
        ranking.touch("one")
        ranking.find_first()
    assert len(ranking._heap) < 5_000
