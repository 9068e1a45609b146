"""Runs discovery in a process of its own, for tests that put it into a network namespace.

Orders come in as lines, what was heard goes out as JSON lines.
"""

import json
import sys
import time

import msgspec
import trio

from mesh.effects import Announce
from mesh.node.discovery.discovery import Discovery, DiscoverySettings
from mesh.node.input_queue import InputQueue
from mesh.node.logs import start_logging


def tell(kind: str, **fields: object) -> None:
    """Write one line."""
    encoded = {name: msgspec.to_builtins(value) for name, value in fields.items()}
    # Standard output is how this child process reports.
    print(json.dumps({"kind": kind, "at": time.monotonic(), **encoded}), flush=True)  # noqa: T201


async def main(port: int) -> None:
    """Follow orders until `stop`, or until the end of the input."""
    input_queue = InputQueue()
    discovery = Discovery(
        input_queue, port, lambda sentence: tell("Notice", sentence=sentence), DiscoverySettings()
    )

    async def report() -> None:
        while True:
            await input_queue.wait()
            for happened in input_queue.take():
                tell(type(happened).__name__, **msgspec.to_builtins(happened))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(discovery.run)
        nursery.start_soon(report)
        tell("Started")
        async with trio.lowlevel.FdStream(0) as orders:
            async for chunk in orders:
                for line in chunk.decode().splitlines():
                    match line.split():
                        case ["announce", instance, hint, how]:
                            mesh_hint = None if hint == "-" else hint
                            is_new = how == "new-network"
                            discovery.announce(Announce(instance, mesh_hint, is_new))
                        case _:
                            nursery.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


# Standard output is for what was heard.
start_logging(level="info", folder=None, console=sys.stderr)
trio.run(main, int(sys.argv[1]))
