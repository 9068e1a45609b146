"""The futures of one instant of a world, each tried in a fork of the process.

A world is millions of small objects and databases in memory that point at one another; to copy
it piece by piece would be slow, and right only until somebody forgot a piece. The system copies all
of it at once, and only what is written later costs memory. So a *future* runs in a child process,
from the instant at which its parent rests, and sends back what it found; the parent's world stays
as it was. That a fork copies everything makes it exact: a future that changes nothing ends in the
very trace hash of a run that was never forked.

There is `os.fork` on POSIX systems only, and only a process of one thread may be forked. Each child
inherits the parent's standard streams and must leave them alone.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

Resting = TypeVar("Resting")
"""A world, or a model of one."""

Found = TypeVar("Found")

CAN_FORK: Final = hasattr(os, "fork")
"""Not on Windows; whoever needs a future there runs the world from its beginning."""

_READ_BYTES: Final = 65_536


class ForkLost(Exception):
    """A future ended without telling what it found: it raised, or its process died."""


class _Told(msgspec.Struct):
    """The answer of a child: the encoded find, or the traceback of what it raised."""

    found: bytes = b""
    error: str = ""


def try_forks(
    world: Resting, forks: Sequence[Callable[[Resting], Found]], type_: type[Found]
) -> list[Found]:
    """Run each of these from the present instant of a world, and return what they found, in order.

    A future gets the world for itself: it may change it and run it to any end. What it returns
    has to be of `type_`, which msgspec can encode. FutureLost if one does not come to its end.
    """
    assert CAN_FORK
    return [_try(world, fork, type_) for fork in forks]


def _try(world: Resting, fork: Callable[[Resting], Found], type_: type[Found]) -> Found:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(world, fork, writing)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=_READ_BYTES) as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or not data:
        raise ForkLost(f"a future's process ended with status {os.waitstatus_to_exitcode(status)}")
    told = msgspec.msgpack.decode(data, type=_Told)
    if told.error:
        raise ForkLost(told.error)
    return msgspec.msgpack.decode(told.found, type=type_)


def _live(world: Resting, fork: Callable[[Resting], Found], writing: int) -> None:
    """The child: nothing of it returns into the parent's code, not even an exit."""
    status = 1
    try:
        try:
            told = _Told(found=msgspec.msgpack.encode(fork(world)))
        except Exception:
            # The last guard of a child: its parent is told what it raised, and raises.
            told = _Told(error=traceback.format_exc())
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(msgspec.msgpack.encode(told))
        status = 0
    finally:
        os._exit(status)
