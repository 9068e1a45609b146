"""A worker that runs another commit, or with other libraries, is refused."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError
from typing import TypeVar

import pytest

from mesh.errors import UserError
from sim.schema.scenario import parse_scenario
from sim.sweeps.executors import DaskPool, Dead, LocalPool
from sim.sweeps.origin import (
    Origin,
    OriginError,
    commit_of_tree,
    lock_here,
    origin_here,
    require_origin,
)
from sim.sweeps.points import points_of
from sim.sweeps.sweeping import run_point_of
from tests.sim.three_users import THREE_USERS

Value = TypeVar("Value")

OTHERS = (
    Origin("another", origin_here().lock),
    Origin(origin_here().commit, "others"),
)


def test_a_process_names_its_commit_and_its_libraries() -> None:
    here = origin_here()
    assert here == Origin(commit_of_tree(), lock_here())
    assert len(here.lock) == 12
    require_origin(Origin(here.commit, here.lock))


def test_another_version_of_a_library_is_another_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = lock_here()
    known = {"mesh-messenger": ["below>=1"], "below": ["deep; extra == 'x'"], "deep": []}
    versions = {"below": "1.0", "deep": "2.0"}
    monkeypatch.setattr("sim.sweeps.origin.requires", known.__getitem__)
    monkeypatch.setattr("sim.sweeps.origin.version", versions.__getitem__)
    one = lock_here()
    versions["deep"] = "2.1"
    assert len({before, one, lock_here()}) == 3


def test_a_library_for_tables_makes_no_other_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "mesh-messenger": ["below>=1", "Tables>=2; extra == 'study'"],
        "below": ['tables>=1; extra == "all"'],
    }
    versions = {"below": "1.0"}

    def of(names: Mapping[str, Value]) -> Callable[[str], Value]:
        def find(name: str) -> Value:
            if name not in names:
                raise PackageNotFoundError(name)
            return names[name]

        return find

    monkeypatch.setattr("sim.sweeps.origin.requires", of(known))
    monkeypatch.setattr("sim.sweeps.origin.version", of(versions))
    without = lock_here()
    known["tables"], versions["tables"] = [], "2.0"
    assert lock_here() == without


@pytest.mark.parametrize("wanted", OTHERS)
def test_a_run_for_another_origin_is_dead_and_says_why(wanted: Origin) -> None:
    [point] = points_of(parse_scenario(THREE_USERS), {}, [1], is_crypto_real=False)
    with pytest.raises(OriginError, match=re.escape(str(origin_here()))):
        run_point_of(wanted, point)
    pool = LocalPool(1, timeout_s=100)
    try:
        [(_, outcome)] = pool.map_unordered(partial(run_point_of, wanted), [point])
    finally:
        pool.close()
    assert isinstance(outcome, Dead)
    assert wanted.commit in outcome.why


@pytest.mark.slow
def test_a_cluster_that_runs_something_else_is_refused_before_it_runs_anything() -> None:
    pool = DaskPool(None, jobs=1, timeout_s=60)
    try:
        pool.require_origin(origin_here())
        with pytest.raises(UserError, match="other workers of the cluster are refused"):
            pool.require_origin(OTHERS[0])
    finally:
        pool.close()
