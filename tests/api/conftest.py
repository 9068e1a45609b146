"""A server on a real unix socket, for the tests of the API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest
import trio

from mesh.api.app import Application
from mesh.api.event_log import EventLog
from mesh.api.server import serve_unix
from tests.api.small_node import SmallNode


@dataclass
class Serving:
    """A served node, where it listens, and how it is told to stop."""

    node: SmallNode
    log: EventLog
    path: Path
    stopping: trio.Event
    stopped: trio.Event

    def http(self) -> httpx2.AsyncClient:
        transport = httpx2.AsyncHTTPTransport(uds=str(self.path))
        return httpx2.AsyncClient(transport=transport, base_url="http://mesh")


@pytest.fixture
async def serving(nursery: trio.Nursery) -> AsyncIterator[Serving]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "api.sock"
        log = EventLog("first-run")
        node = SmallNode(log)
        stopping, stopped = trio.Event(), trio.Event()
        application = Application(node, log, node, stopping.set)

        async def serve(*, task_status: trio.TaskStatus[None]) -> None:
            await serve_unix(application, path, stopping=stopping, task_status=task_status)
            stopped.set()

        await nursery.start(partial(serve))
        yield Serving(node, log, path, stopping, stopped)
        stopping.set()
        await stopped.wait()
