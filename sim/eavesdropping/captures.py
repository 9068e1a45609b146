"""Captures as they are read: what a relay saw, what a listener saw, and what is true.

The format is `docs/captures.md`. What a later version adds is passed over.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from mesh.errors import UserError
from sim.eavesdropping.capturing import FORMAT, Header, Truth

TRUTH: Final = ".truth.json"


class EnvelopeSeen(msgspec.Struct, frozen=True):
    """A whole envelope in a frame."""

    id: str
    key: str
    tag: str
    created: int
    bytes: int


class Detail(msgspec.Struct, frozen=True):
    """The contents of a frame."""

    envelopes: list[EnvelopeSeen] = []
    retired: list[tuple[str, str]] = []
    entries: list[tuple[str, int]] = []
    ids: list[str] = []
    held: list[str] = []
    refused: list[str] = []


class RelayLine(msgspec.Struct, frozen=True, array_like=True):
    """A frame, or the beginning or the end of a link.

    Of a frame `what` is its kind and `size` its bytes; of an open link `what` is the node at the
    other end, and `size` whether the relay dialled.
    """

    at: int
    word: str
    stream: int
    what: str | int = ""
    size: int | bool = 0
    detail: Detail = Detail()


class ListenerLine(msgspec.Struct, frozen=True, array_like=True):
    """A record with its side (0 dialled) and bytes, or a stream with its two ends."""

    at: int
    word: str
    stream: int
    one: int = 0
    other: int = 0


Line = TypeVar("Line", RelayLine, ListenerLine)


@dataclass(frozen=True, slots=True)
class World:
    """The files of one captured world."""

    folder: Path
    name: str
    truth: Truth

    def relay(self) -> tuple[Header, list[RelayLine]]:
        """Read what the relay saw."""
        return _read(self.folder / f"{self.name}.relay.jsonl.gz", RelayLine)

    def listener(self) -> tuple[Header, list[ListenerLine]]:
        """Read what a listener saw who sees every stream."""
        return _read(self.folder / f"{self.name}.listener.jsonl.gz", ListenerLine)


def worlds_of(folder: Path) -> list[World]:
    """The worlds of a folder, by seed; UserError if there is none, or one cannot be read."""
    worlds = list(_worlds(folder))
    if not worlds:
        raise UserError("not-found", f"There are no captures in {folder}.")
    kinds = {(world.truth.nodes, world.truth.mode) for world in worlds}
    if len(kinds) > 1:
        raise UserError("bad-captures", f"The worlds in {folder} differ in nodes or mode.")
    return worlds


def _worlds(folder: Path) -> Iterator[World]:
    for path in sorted(folder.glob(f"*{TRUTH}")):
        try:
            truth = msgspec.json.decode(path.read_bytes(), type=Truth)
        except (OSError, msgspec.DecodeError) as error:
            raise UserError("bad-captures", f"{path} cannot be read: {error}.") from None
        if truth.format != FORMAT:
            raise UserError("bad-captures", f"{path} is of another format: {truth.format}.")
        yield World(folder, path.name.removesuffix(TRUTH), truth)


def _read(path: Path, kind: type[Line]) -> tuple[Header, list[Line]]:
    try:
        first, *rest = gzip.decompress(path.read_bytes()).splitlines()
        header = msgspec.json.decode(first, type=Header)
        decoder = msgspec.json.Decoder(kind)
        return header, [decoder.decode(line) for line in rest]
    except (OSError, EOFError, ValueError) as error:
        raise UserError("bad-captures", f"{path} cannot be read: {error}.") from None
