"""Crowds in a group: all come by one link, and few keys are made when two sides of a cut meet."""

import pytest

from mesh.group import makers
from tests.bench import groups
from tests.bench.group_crowds import joined, stampede

COUNT = 7
EPOCHS_MAX = 4


def test_a_crowd_comes_by_one_link_in_as_many_bytes_as_the_model_says() -> None:
    crowd = joined(COUNT)
    modelled = groups.counted(COUNT)["join by link, a head"] * (COUNT - 1)
    assert 0.9 * modelled < crowd.bytes_count < 1.1 * modelled


def test_two_sides_that_meet_make_few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs_count, _ = stampede(joined(COUNT))
    assert 1 <= epochs_count <= EPOCHS_MAX
    # The rule: a rank waits several times as long as news takes.
    monkeypatch.setattr(makers, "RANK_PAUSE_SECONDS", 0)
    monkeypatch.setattr(makers, "RANK_PAUSE_LATER_SECONDS", 0)
    epochs_count, _ = stampede(joined(COUNT))
    assert epochs_count > EPOCHS_MAX
