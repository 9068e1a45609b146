"""The executors of a sweep: processes of this machine, or a Dask cluster.

Both run one task in one process at a time and say of a process that died, or took too long, that
its task is dead; the others go on. Tasks and results are pickled.
"""

import contextlib
import logging
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from mesh.errors import UserError
from sim.sweeps.origin import Origin, origin_here

if TYPE_CHECKING:
    import distributed

RUNS_PER_WORKER_MAX: Final = 50
"""A worker is replaced after so many runs: what memory they leave behind goes with it."""

UNHEARD: Final = (OSError, RuntimeError)
"""So ends a question to a cluster that is gone, the second while the client gives up."""

RESTART_S: Final = 30
"""How long a worker of Dask that was ended is waited for; the others have something to do."""

Pipe: TypeAlias = "Connection[object, object]"
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Dead:
    """The process of a task died, or was ended because it took too long."""

    why: str


WORKER_DIED: Final = Dead("its worker died")
CLUSTER_GONE: Final = Dead("the cluster is gone")
"""Both of Dask, which knows no exit codes."""


class Executor(Protocol):
    """Runs a function over tasks, in any order."""

    def map_unordered(
        self, run: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result | Dead]]:
        """Yield each task with its result as it comes."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


@dataclass(slots=True)
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: "Pipe"
    runs_count: int = 0
    task: Task | None = None
    started_at: float = 0


class LocalPool:
    """So many processes of this machine."""

    def __init__(self, jobs: int, *, timeout_s: float) -> None:
        self._jobs = jobs
        self._timeout_s = timeout_s
        self._processes: list[BaseProcess] = []

    @property
    def processes_count(self) -> int:
        """Processes that stand."""
        return len(self._processes)

    def map_unordered(
        self, run: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result | Dead]]:
        """Yield each task with its result as it comes."""
        waiting = deque(tasks)
        busy: list[_Worker[Task]] = []
        idle: list[_Worker[Task]] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < self._jobs:
                    worker = idle.pop() if idle else self._start(run)
                    worker.task, worker.started_at = waiting.popleft(), time.monotonic()
                    worker.runs_count += 1
                    busy.append(worker)
                    # One that died while it waited is found by its end of the pipe, below.
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        worker.pipe.send(worker.task)
                for worker in self._finished(busy):
                    busy.remove(worker)
                    task = worker.task
                    assert task is not None
                    outcome: Result | Dead = self._receive(worker)
                    if isinstance(outcome, Dead) or worker.runs_count >= RUNS_PER_WORKER_MAX:
                        self._end(worker)
                    else:
                        idle.append(worker)
                    yield task, outcome
        finally:
            for worker in busy + idle:
                self._end(worker)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.join()
        self._processes.clear()

    def _start(self, run: Callable[[Task], Result]) -> _Worker[Task]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, run), daemon=True)
        with _deaf(signal.SIGINT, signal.SIGTERM):
            process.start()
        theirs.close()
        self._processes.append(process)
        return _Worker(process, ours)

    def _finished(self, busy: Sequence[_Worker[Task]]) -> list[_Worker[Task]]:
        """The workers that have something to say, or nothing to say for too long."""
        now = time.monotonic()
        first = min(worker.started_at for worker in busy) + self._timeout_s
        ready = wait([worker.pipe for worker in busy], timeout=max(0, first - now))
        now = time.monotonic()
        return [
            worker
            for worker in busy
            if worker.pipe in ready or now - worker.started_at >= self._timeout_s
        ]

    def _receive(self, worker: _Worker[Task]) -> Result | Dead:
        if not worker.pipe.poll():
            return _too_long(self._timeout_s)
        try:
            # What comes was sent by `_serve`, which ran the function.
            return cast("Result | Dead", worker.pipe.recv())
        except (EOFError, OSError):
            # Also if it died in the middle of what it said.
            worker.process.join(1)
            return Dead(f"its process ended with exit code {worker.process.exitcode}")

    def _end(self, worker: _Worker[Task]) -> None:
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        if worker.process in self._processes:
            self._processes.remove(worker.process)


@contextlib.contextmanager
def _deaf(*signals: int) -> Iterator[None]:
    """While inside, a process or thread that is started is deaf to these from its first moment.

    They go to the whole group, and the parent decides; what comes now it hears afterwards.
    """
    # Started by the first process, this would let them through again.
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _serve(pipe: "Pipe", run: Callable[[Task], Result]) -> None:
    """In a worker: run what is sent until the other end is closed."""
    while True:
        try:
            task = cast("Task", pipe.recv())  # As `map_unordered` has sent it.
        except EOFError:
            return
        try:
            outcome: Result | Dead = run(task)
        except Exception as error:
            # The last guard of a worker: what no verdict accounts for kills its run, not the sweep.
            outcome = Dead(f"{type(error).__name__}: {error}")
        pipe.send(outcome)


class DaskPool:
    """A Dask cluster: one whose scheduler is named, or one on this machine.

    It has one task for each of its workers, so that the time of a task begins when it does.
    """

    def __init__(self, address: str | None, *, jobs: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        try:
            import distributed
        except ImportError:
            raise UserError(
                "no-dask", "--dask needs Dask: pip install 'mesh-messenger[sweep]'."
            ) from None
        try:
            if address is None:
                self._client = _own_cluster(jobs)
            else:
                self._client = distributed.Client(address, timeout=10)
        except OSError as error:
            raise UserError(
                "no-dask", f"No Dask scheduler answers at {address}: {error}."
            ) from None
        if any(count > 1 for count in self._client.nthreads().values()):
            self.close()
            # While a world runs, functions of its process are others.
            raise UserError("bad-dask", "Start the cluster's workers with --nthreads 1 each.")

    def require_origin(self, wanted: Origin) -> None:
        """UserError where a worker of the cluster runs another commit, or with other libraries.

        Who comes later is asked with each run.
        """
        # A worker that is older than the question answers with an error.
        found = self._client.run(origin_here, on_error="return")
        others = [f"{address} {_named(here)}" for address, here in found.items() if here != wanted]
        if others:
            self.close()
            raise UserError(
                "other-workers",
                f"Here is {wanted}; other workers of the cluster are refused: {'; '.join(others)}.",
            )

    def map_unordered(
        self, run: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result | Dead]]:
        """Yield each task with its result as it comes.

        Of a worker's death Dask accuses all that it had been given, so who was accused runs again
        when nobody else does, and then only what kills its worker is dead.
        """
        accused: list[Task] = []
        for task, outcome in self._outcomes(run, tasks):
            if outcome == WORKER_DIED:
                accused.append(task)
            else:
                yield task, outcome
        for task in accused:
            yield from self._outcomes(run, [task])

    def close(self) -> None:
        """Leave the cluster; one of our own ends."""
        self._client.close()

    def _outcomes(
        self, run: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result | Dead]]:
        waiting = deque(tasks)
        running: dict[distributed.Future, tuple[Task, float]] = {}
        try:
            yield from self._run(run, waiting, running)
        except UNHEARD:
            for task in [*(task for task, _ in running.values()), *waiting]:
                yield task, CLUSTER_GONE

    def _run(
        self,
        run: Callable[[Task], Result],
        waiting: deque[Task],
        running: "dict[distributed.Future, tuple[Task, float]]",
    ) -> Iterator[tuple[Task, Result | Dead]]:
        ended: SimpleQueue[distributed.Future] = SimpleQueue()
        while waiting or running:
            while waiting and len(running) < max(1, len(self._cluster.nthreads())):
                task = waiting.popleft()
                future = self._client.submit(run, task, pure=False, retries=0)
                running[future] = task, time.monotonic()
                future.add_done_callback(ended.put)
            future = self._next(running, ended)
            if future not in running:
                # It was given up, and that it was is an end too.
                continue
            task, _ = running.pop(future)
            if future.done():
                yield task, _outcome_of(future)
                # Else a worker keeps it, and what is kept by one that dies is computed again.
                future.release()
            elif holders := self._holders(future):
                self._give_up(future, holders)
                yield task, _too_long(self._timeout_s)
            else:
                # All workers do something else: its time has not begun.
                running[future] = task, time.monotonic()

    @property
    def _cluster(self) -> "distributed.Client":
        """The client, if its scheduler can be asked."""
        if self._client.status == "closed":
            raise ConnectionError("The client has given up.")
        return self._client

    def _next(
        self,
        running: "Mapping[distributed.Future, tuple[Task, float]]",
        ended: "SimpleQueue[distributed.Future]",
    ) -> "distributed.Future":
        """Return what has ended, or else runs for too long."""
        oldest = min(running, key=lambda future: running[future][1])
        try:
            return ended.get(
                timeout=max(0, running[oldest][1] + self._timeout_s - time.monotonic())
            )
        except Empty:
            return oldest

    def _holders(self, future: "distributed.Future") -> list[str]:
        """The workers that have a task."""
        held = self._cluster.processing()
        return [address for address, keys in held.items() if future.key in keys]

    def _give_up(self, future: "distributed.Future", holders: list[str]) -> None:
        """End what runs for too long, with the process that runs it."""
        self._client.cancel([future])
        try:
            self._client.restart_workers(holders, timeout=RESTART_S, raise_for_error=False)
        except ValueError:
            # Nobody would start it again: it is sent away, and its thread comes to its end alone.
            self._client.retire_workers(holders)


def _named(here: object) -> str:
    return f"runs {here}" if isinstance(here, Origin) else "cannot say what it runs"


def _own_cluster(jobs: int) -> "distributed.Client":
    import dask
    import distributed

    # Nobody else's worker took the task along: one death is enough. By SIGTERM Dask ends workers.
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), _deaf(signal.SIGINT):
        return distributed.Client(
            n_workers=jobs,
            threads_per_worker=1,
            # Any port: without an address it takes its usual one, and warns if that is taken.
            dashboard_address="127.0.0.1:0",
            # Of deaths the sweep tells.
            silence_logs=logging.CRITICAL,
        )


def _too_long(timeout_s: float) -> Dead:
    return Dead(f"took longer than {timeout_s:g} s")


def _outcome_of(future: "distributed.Future") -> "Result | Dead":
    import distributed

    try:
        error = future.exception()
        if error is None:
            return cast("Result", future.result())
    except distributed.client.FutureCancelledError:
        return CLUSTER_GONE
    if isinstance(error, distributed.KilledWorker):
        return WORKER_DIED
    return Dead(f"{type(error).__name__}: {error}")
