"""A run leaves the collector as it found it."""

import gc

import pytest

from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import parse_scenario
from tests.sim.three_users import THREE_USERS

pytestmark = pytest.mark.world


def test_a_run_thaws_nothing_that_it_did_not_freeze() -> None:
    frozen = gc.get_freeze_count()
    assert frozen > 0
    run_scenario(parse_scenario(THREE_USERS), Options(seed=1, is_crypto_real=False))
    # What is freed is frozen no more.
    assert gc.get_freeze_count() > frozen / 2


def test_where_nothing_was_frozen_nothing_is_left_so() -> None:
    gc.unfreeze()
    try:
        run_scenario(parse_scenario(THREE_USERS), Options(seed=1, is_crypto_real=False))
        assert gc.get_freeze_count() == 0
    finally:
        gc.collect()
        gc.freeze()
