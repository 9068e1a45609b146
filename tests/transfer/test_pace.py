"""Blocks that may lie before mail on a link, by what the link takes."""

import pytest

from mesh.ids import Monotonic
from mesh.limits.direct_files import FILE_SENDING_BYTES, FILE_SENDING_MS
from mesh.limits.node import STREAM_WRITE_BYTES
from mesh.transfer.pace import Pace

LEAST, MOST = FILE_SENDING_BYTES
LOOK_US = FILE_SENDING_MS * 1_000


@pytest.mark.parametrize(
    "taken, allowed",
    [(0, LEAST), (LEAST - 1, LEAST), (LEAST + 1_000, LEAST + 1_000), (10 * MOST, MOST)],
)
def test_a_link_may_have_waiting_what_it_took_lately(taken: int, allowed: int) -> None:
    pace = Pace(5_000, Monotonic(0))
    pace.look(5_000 + taken, Monotonic(LOOK_US))
    assert pace.bytes_max == allowed


def test_a_moment_tells_nothing_of_the_speed_and_a_pause_makes_a_link_slow() -> None:
    pace = Pace(0, Monotonic(0))
    pace.look(MOST, Monotonic(LOOK_US // 2))
    assert pace.bytes_max == LEAST
    pace.look(2 * MOST, Monotonic(LOOK_US))
    assert pace.bytes_max == MOST
    pace.look(3 * MOST, Monotonic(1_000 * LOOK_US))
    assert pace.bytes_max == LEAST


def test_what_no_report_has_told_leaves_room_for_blocks() -> None:
    """Else blocks would wait until something else wakes the engine."""
    assert 2 * STREAM_WRITE_BYTES <= LEAST
