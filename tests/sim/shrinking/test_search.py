"""Shrinking: what is enough is found, nothing that matters is left out, and it reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import parse_scenario
from sim.schema.toml_text import toml_of
from sim.shrinking.ddmin import ddmin, trim
from sim.shrinking.passes import search_from, shrink
from sim.shrinking.search import broken_id
from tests.sim.three_users import THREE_USERS


@given(st.sets(st.integers(0, 60), max_size=5), st.integers(1, 61))
def test_ddmin_keeps_exactly_what_matters(matters: set[int], count: int) -> None:
    items = list(range(count))
    needed = {item for item in matters if item < count}
    tried = 0

    def is_enough(rest: list[int]) -> bool:
        nonlocal tried
        tried += 1
        return needed <= set(rest)

    assert set(ddmin(items, is_enough)) == needed
    assert tried <= 2 * (len(needed) + 1) * (count + 2)


@given(st.integers(1, 300), st.data())
def test_a_long_run_of_items_that_all_matter_is_found_in_few_tries(
    count: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, count - 1))
    tried = 0

    def is_enough(rest: list[int]) -> bool:
        nonlocal tried
        tried += 1
        return set(range(first, last + 1)) <= set(rest)

    rest = trim(range(count), is_enough)
    assert rest == list(range(first, last + 1))
    assert tried <= 2 * count.bit_length()
    tried = 0
    assert ddmin(rest, is_enough, parts_max=8) == rest
    assert tried <= 1 + 2 + 4 + 8


@pytest.mark.world
def test_a_failing_world_shrinks_to_the_few_that_break_the_same_promise() -> None:
    options = Options(seed=3, bug="told-after-restart", is_crypto_real=False)
    first = run_scenario(parse_scenario(THREE_USERS), options)
    assert broken_id(first) == "S2"
    assert len(first.world.strikes) > 1
    stages: list[str] = []
    found = shrink(search_from(first, lambda seen: stages.append(seen.stage), runs_max=120))
    assert found.invariant_id == "S2"
    # Only who starts again is told again: of all that befell one crash matters.
    assert (found.strikes_count, found.nodes_count, found.letters_count) == (1, 2, 1)
    assert 0 < found.runs_count == len(stages) <= 120
    assert found.scenario.wire.loss == 0

    again = parse_scenario(toml_of(found.scenario))
    assert again == found.scenario
    assert broken_id(run_scenario(again, options)) == "S2"
    healthy = Options(seed=3, is_crypto_real=False)
    assert broken_id(run_scenario(again, healthy)) is None
