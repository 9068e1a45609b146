"""Executors: results come back, and a process that dies or hangs costs only its task."""

import multiprocessing
import os
import signal
import threading
import time

import distributed
import pytest

from sim.sweeps.executors import (
    CLUSTER_GONE,
    WORKER_DIED,
    DaskPool,
    Dead,
    Executor,
    LocalPool,
)


def fate(task: int) -> int:
    if task == 3:
        os._exit(9)
    if task == 5:
        time.sleep(600)
    if task == 7:
        raise ValueError("seven")
    return task * task


def process_of(task: int) -> int:
    return os.getpid()


RELEASED = threading.Event()


def held_up(task: int) -> int:
    """Of a worker that is a thread of this process."""
    if task == 5:
        RELEASED.wait()
    return task * task


def test_a_dead_worker_and_a_slow_one_are_marked_and_the_others_go_on() -> None:
    pool = LocalPool(2, timeout_s=12)
    outcomes = dict(pool.map_unordered(fate, range(10)))
    assert len(outcomes) == 10
    assert outcomes[3] == Dead("its process ended with exit code 9")
    assert outcomes[5] == Dead("took longer than 12 s")
    assert outcomes[7] == Dead("ValueError: seven")
    assert [outcomes[task] for task in (0, 1, 2, 4, 6, 8, 9)] == [0, 1, 4, 16, 36, 64, 81]


def test_a_worker_that_dies_while_it_waits_costs_one_task() -> None:
    pool = LocalPool(1, timeout_s=60)
    outcomes = pool.map_unordered(fate, [1, 2, 4])
    assert next(outcomes) == (1, 1)
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    assert list(outcomes) == [(2, Dead("its process ended with exit code -9")), (4, 16)]


def test_a_sweep_that_ends_early_leaves_no_process() -> None:
    pool = LocalPool(2, timeout_s=60)
    for _ in pool.map_unordered(fate, [1, 2, 4, 6]):
        break
    pool.close()
    assert pool.processes_count == 0


def test_workers_are_deaf_to_ctrl_c_from_their_first_moment() -> None:
    pool = LocalPool(2, timeout_s=60)
    outcomes = pool.map_unordered(fate, [1, 2, 4, 6])
    first = next(outcomes)
    for process in multiprocessing.active_children():
        assert process.pid is not None
        # Who has just been started is still importing.
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGTERM)
    assert dict([first, *outcomes]) == {1: 1, 2: 4, 4: 16, 6: 36}
    # And we are not.
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.slow
def test_workers_of_a_cluster_of_our_own_are_deaf_to_ctrl_c() -> None:
    pool: Executor = DaskPool(None, jobs=1, timeout_s=60)
    try:
        outcomes = pool.map_unordered(process_of, [1, 2, 3])
        _, worker = next(outcomes)
        assert isinstance(worker, int)
        assert worker != os.getpid()
        os.kill(worker, signal.SIGINT)
        assert [process for _, process in outcomes] == [worker, worker]
    finally:
        pool.close()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.slow
def test_on_dask_a_dead_worker_is_marked_and_what_waited_at_it_is_not() -> None:
    # One worker, so that Dask accuses one of the others of its death too.
    pool: Executor = DaskPool(None, jobs=1, timeout_s=60)
    try:
        outcomes = dict(pool.map_unordered(fate, [3, 2, 4, 7, 8]))
    finally:
        pool.close()
    assert outcomes == {2: 4, 3: WORKER_DIED, 4: 16, 7: Dead("ValueError: seven"), 8: 64}


@pytest.mark.slow
def test_on_dask_a_run_that_does_not_end_is_marked_and_the_others_go_on() -> None:
    # One worker, which has to come back for the others.
    pool: Executor = DaskPool(None, jobs=1, timeout_s=12)
    try:
        outcomes = dict(pool.map_unordered(fate, [5, 2, 4, 3, 6]))
    finally:
        pool.close()
    assert outcomes == {5: Dead("took longer than 12 s"), 2: 4, 4: 16, 3: WORKER_DIED, 6: 36}


@pytest.mark.slow
def test_a_worker_that_nobody_would_start_again_is_sent_away_with_its_run() -> None:
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    )
    pool: Executor = DaskPool(cluster.scheduler_address, jobs=2, timeout_s=2)
    try:
        outcomes = dict(pool.map_unordered(held_up, [5, 2, 4]))
        assert outcomes == {5: Dead("took longer than 2 s"), 2: 4, 4: 16}
    finally:
        RELEASED.set()
        pool.close()
        cluster.close()


@pytest.mark.slow
def test_of_a_cluster_that_is_gone_all_that_is_left_is_dead() -> None:
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    )
    pool: Executor = DaskPool(cluster.scheduler_address, jobs=2, timeout_s=60)
    try:
        # One of them runs when the cluster goes, and two wait.
        outcomes = pool.map_unordered(fate, [2, 5, 4, 6])
        first = next(outcomes)
        cluster.close()
        gone = dict.fromkeys([5, 4, 6], CLUSTER_GONE)
        assert dict([first, *outcomes]) == {2: 4, **gone}
        # And once the client knows it.
        assert dict(pool.map_unordered(fate, [4, 5, 6])) == gone
    finally:
        pool.close()
