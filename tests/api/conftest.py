"""A server on a real unix socket and on loopback, for the tests of the API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest
import trio

from mesh.api.access import Access
from mesh.api.app import Application
from mesh.api.event_log import EventLog
from mesh.api.loopback import LoopbackListener
from mesh.api.page_desk import PageDesk
from mesh.api.server import serve_loopback, serve_unix
from mesh.api.sharing import Sharing
from mesh.api.unix_socket import UnixListener
from tests.api.door import Door, HandClock
from tests.api.small_node import SmallNode
from tests.api.small_vault import login_start_in, small_findings, small_settings


@dataclass
class Serving:
    """A served node, where it listens, and how it is told to stop."""

    node: SmallNode
    log: EventLog
    path: Path
    application: Application
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
        access = Access(Path(folder) / "door.json", HandClock())
        sharing = Sharing(Path(folder))
        nursery.start_soon(sharing.run)
        desk = PageDesk(small_findings, login_start_in(Path(folder)), sharing)
        settings = small_settings(path.with_name("config.toml"))
        application = Application(node, log, node, access, desk, settings, stopping.set)

        async def serve(*, task_status: trio.TaskStatus[None]) -> None:
            listener = UnixListener.bind(path)
            await serve_unix(application, listener, stopping=stopping, task_status=task_status)
            stopped.set()

        await nursery.start(partial(serve))
        yield Serving(node, log, path, application, stopping, stopped)
        stopping.set()
        await stopped.wait()


@pytest.fixture
async def door(serving: Serving, nursery: trio.Nursery) -> Door:
    access = serving.application.access
    listener = LoopbackListener.bind(0)
    await access.listens_at(listener.port)
    stopped = trio.Event()

    async def serve(*, task_status: trio.TaskStatus[None]) -> None:
        application, stopping = serving.application, serving.stopping
        await serve_loopback(application, listener, stopping=stopping, task_status=task_status)
        stopped.set()

    await nursery.start(partial(serve))
    assert isinstance(access.clock, HandClock)
    return Door(access, access.clock, listener.port, stopped)
