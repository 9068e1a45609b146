"""Pages: each wrap under an epoch that its recipient holds, in as few bytes as the design says."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.group.bodies import content_room
from mesh.group.epochs import EpochId
from mesh.group.paging import Addressed, PlannedPage, known_to_hold, planned_pages
from mesh.group.wraps import FIRST_BYTES, LINKED_BYTES
from mesh.wire.envelope import SIZE_BYTES

A, B = EpochId(b"\x01" * 32), EpochId(b"\x02" * 32)
OVERHEAD = 400


def wrap(length: int, number: int) -> bytes:
    return number.to_bytes(8, "big") + bytes(length - 8)


def split(data: bytes, length: int) -> list[bytes]:
    return [data[start : start + length] for start in range(0, len(data), length)]


def wraps_of(page: PlannedPage) -> list[bytes]:
    return split(page.wraps.linked, LINKED_BYTES) + split(page.wraps.first, FIRST_BYTES)


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B]), st.sampled_from([LINKED_BYTES, FIRST_BYTES])),
        max_size=300,
    ),
    st.integers(100, 5_000),
)
def test_every_wrap_stands_once_under_its_epoch(
    asked: list[tuple[EpochId, int]], overhead: int
) -> None:
    addressed = [
        Addressed(under, wrap(length, number)) for number, (under, length) in enumerate(asked)
    ]
    pages = planned_pages(addressed, lambda _: overhead)
    for epoch in (A, B):
        found = [one for page in pages if page.under == epoch for one in wraps_of(page)]
        assert sorted(found) == sorted(one.wrap for one in addressed if one.under == epoch)
    for page in pages:
        length = overhead + len(page.wraps.linked) + len(page.wraps.first)
        assert length <= content_room(page.size_class)
        assert page.size_class == 0 or length > content_room(page.size_class - 1)
        assert page.wraps.linked == b"".join(sorted(split(page.wraps.linked, LINKED_BYTES)))


def kibibytes(count: int, length: int) -> int:
    pages = planned_pages(
        [Addressed(A, wrap(length, number)) for number in range(count)], lambda _: OVERHEAD
    )
    return sum(SIZE_BYTES[page.size_class] for page in pages) // 1_024


def test_a_removal_costs_what_the_design_says() -> None:
    linked = [kibibytes(members - 1, LINKED_BYTES) for members in (5, 50, 250, 1_000)]
    first = [kibibytes(members - 1, FIRST_BYTES) for members in (5, 50, 250, 1_000)]
    assert linked == [1, 4, 16, 64]
    assert first == [16, 64, 320, 1_152]


def test_nobody_is_addressed_under_what_he_may_not_hold() -> None:
    assert known_to_hold(wrote_under=A, welcomed_with=B) == A
    assert known_to_hold(wrote_under=None, welcomed_with=B) == B
    assert known_to_hold(wrote_under=None, welcomed_with=None) is None
