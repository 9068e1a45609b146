"""Wrong clocks, by what the neighbours' clocks say."""

import time

import pytest

from mesh.commands.status import StatusAnswer
from mesh.node.doctor.clock import clock_finding
from mesh.node.doctor.finding import Finding

DAY = 86_400


def found(*differences: int, offset: int = 0, doubt: str = "") -> Finding:
    """Return what is found where neighbours' clocks are ahead of ours by so much."""
    return clock_finding(
        StatusAnswer(
            name="Ada",
            vault="open",
            mesh="mesh",
            is_closed=False,
            links_count=len(differences),
            envelopes_count=0,
            stored_bytes=0,
            stored_bytes_max=1,
            contacts_count=0,
            outbox_count=0,
            stamp="ready",
            clock_offset_seconds=offset,
            clock_differences=list(differences),
            clock_doubt=doubt,
            notices=[],
            counters={},
        )
    )


@pytest.mark.parametrize("differences", [(), (3,), (-300, 0, 500), (-DAY, 0), (0, 1, DAY, DAY)])
def test_a_clock_with_most_others_on_its_side_is_well(differences: tuple[int, ...]) -> None:
    assert found(*differences).level == "ok"


def test_one_against_one_is_for_a_watch_to_decide() -> None:
    finding = found(41 * DAY)
    assert finding.level == "fail"
    assert "the one neighbour says" in finding.found
    assert "watch" in finding.fix


@pytest.mark.parametrize("differences", [(DAY, DAY), (0, DAY, DAY, DAY), (-DAY, -DAY, -DAY)])
def test_a_clock_with_most_others_against_it_is_refuted(differences: tuple[int, ...]) -> None:
    finding = found(*differences)
    assert finding.level == "fail"
    side = "ahead of" if differences[0] < 0 else "behind"
    assert f"clock is 24 hours {side} that of" in finding.found


def test_a_node_that_follows_others_already_says_so() -> None:
    finding = found(offset=3_000)
    assert finding.level == "fail"
    assert "50 minutes behind that of the neighbours" in finding.found


def test_a_clock_that_the_node_does_not_believe_is_told_with_the_reason() -> None:
    finding = found(0, 0, 0, doubt="This computer's clock is ten years late.")
    assert finding.level == "fail"
    assert "ten years late" in finding.found
    assert "watch" in finding.fix


def test_a_clock_from_before_this_mesh_is_wrong_without_any_neighbour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    finding = clock_finding(None)
    assert finding.level == "fail"
    assert "1970-01-02" in finding.found
