"""The cost of finding what differs: time, bytes, rounds; beside it an npm package.

All times are the processor's, of both sides together, without a network. *Cold*: the sums before
the blocks are computed anew, as after a change among the oldest ids. *Clustered*: what differs
is the newest; *scattered*: it may be anywhere. Half of the differences are on each side.
"""

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from random import Random
from statistics import median

from mesh.limits.anti_entropy import RECONCILE_FRAME_BYTES_MAX
from mesh.replication.negentropy import (
    SPLIT_DAEMON,
    SPLIT_REFERENCE,
    Difference,
    Reconciliation,
    Split,
)
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex
from mesh.wire.frames import Root, RootEntry, encode_frame
from tests.bench.table import Row
from tests.replication import npm_peer

WEEK_S = 7 * 86_400
ROUNDS = 5
Keys = list[bytes]


def rows(folder: Path, ids_max: int) -> list[Row]:
    """Sets of a tenth of so many ids and of all, of which one in a thousand differs."""
    try:
        peer = npm_peer.command(folder)
    except npm_peer.NotThereError as error:
        sys.stderr.write(f"left out, the npm package: {error}\n")
        peer = None
    found = []
    for count in (ids_max // 10, ids_max):
        for is_scattered in (False, True):
            found += _case(folder, peer, count, count // 1_000, is_scattered=is_scattered)
    return found + _index_rows(ids_max // 10) + _in_sync_rows(ids_max // 10)


def _case(
    folder: Path, peer: list[str] | None, count: int, differ: int, *, is_scattered: bool
) -> list[Row]:
    ours, theirs = _sets(count, differ, is_scattered=is_scattered)
    what = f"{count:,} ids, {differ:,} {'scattered' if is_scattered else 'clustered'}"
    indexes = SeenIndex(ours), SeenIndex(theirs)
    found = _measured("Mesh", what, indexes, SPLIT_DAEMON, RECONCILE_FRAME_BYTES_MAX)
    found += _measured("Mesh, split of the reference", what, indexes, SPLIT_REFERENCE, 0)
    if peer is not None:
        del indexes
        gc.collect()
        found += _peer_rows(folder, peer, what, ours, theirs)
    return found


def _sets(count: int, differ: int, *, is_scattered: bool) -> tuple[Keys, Keys]:
    random = Random(count)
    keys = sorted(
        (1_700_000_000 + random.randrange(WEEK_S)).to_bytes(CREATED_BYTES, "big")
        + random.randbytes(32)
        for _ in range(count)
    )
    places = random.sample(range(count), differ) if is_scattered else range(count - differ, count)
    ours_only, theirs_only = set(places[::2]), set(places[1::2])
    return (
        [key for place, key in enumerate(keys) if place not in theirs_only],
        [key for place, key in enumerate(keys) if place not in ours_only],
    )


def _measured(
    who: str, what: str, indexes: tuple[SeenIndex, SeenIndex], split: Split, frame_bytes_max: int
) -> list[Row]:
    took = []
    talked_bytes, rounds, difference = 0, 0, Difference()
    for number in range(1 + ROUNDS):
        if number == 0:
            for index in indexes:
                _chill(index)
        gc.collect()
        began = time.process_time()
        talked_bytes, rounds, difference = _talk(indexes, split, frame_bytes_max)
        took.append(1_000 * (time.process_time() - began))
    found = len(set(difference.have)) + len(set(difference.need))
    note = f"{rounds} rounds, {talked_bytes / found:.1f} B a difference"
    return [
        Row(who, f"{what}: cold", took[0], "ms"),
        Row(who, f"{what}: warm", median(took[1:]), "ms", f"median of {ROUNDS}"),
        Row(who, f"{what}: both ways", talked_bytes, "B", note),
    ]


def _talk(
    indexes: tuple[SeenIndex, SeenIndex], split: Split, frame_bytes_max: int
) -> tuple[int, int, Difference]:
    client, server = (
        Reconciliation(index, split=split, frame_bytes_max=frame_bytes_max) for index in indexes
    )
    difference = Difference()
    talked_bytes = rounds = 0
    message: bytes | None = client.initiate()
    while message is not None:
        answer = server.respond(message)
        talked_bytes += len(message) + len(answer)
        rounds += 1
        message = client.learn(answer, difference)
    return talked_bytes, rounds, difference


def _chill(index: SeenIndex) -> None:
    """Change the oldest block and change it back."""
    oldest = bytes(CREATED_BYTES + 32)
    index.add(oldest)
    index.remove(oldest)


def _peer_rows(folder: Path, peer: list[str], what: str, ours: Keys, theirs: Keys) -> list[Row]:
    file = folder / "sets"
    mine, yours = set(ours), set(theirs)
    with file.open("wb") as sink:
        for key in sorted(mine | yours):
            sink.write(bytes(((key in mine) + 2 * (key in yours),)) + key)
    del mine, yours
    ended = subprocess.run(
        [peer[0], "--max-old-space-size=3000", *peer[1:], str(file)],
        stdout=subprocess.PIPE,
        env={**os.environ, "FRAMESIZELIMIT": "0"},
        check=True,
    )
    said = json.loads(ended.stdout)
    note = f"{said['rounds']} rounds, {said['bytes'] / said['differences']:.1f} B a difference"
    return [
        Row(npm_peer.PACKAGE, f"{what}: once", said["ms"], "ms"),
        Row(npm_peer.PACKAGE, f"{what}: both ways", said["bytes"], "B", note),
    ]


def _index_rows(count: int) -> list[Row]:
    keys, _ = _sets(count, 0, is_scattered=False)
    more = [(1_700_000_000 + WEEK_S).to_bytes(CREATED_BYTES, "big") + os.urandom(32)]
    more += [more[0][:CREATED_BYTES] + os.urandom(32) for _ in range(10_000)]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    copies = [bytes(bytearray(key)) for key in keys]
    index = SeenIndex(copies)
    del copies
    held_bytes = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    began = time.process_time()
    for key in more:
        index.add(key)
    insert_us = 1e6 * (time.process_time() - began) / len(more)
    what = f"an index of {count:,} ids"
    return [
        Row("Mesh", f"{what}: memory an id", held_bytes / count, "B", "with the keys themselves"),
        Row("Mesh", f"{what}: an insertion", insert_us, "µs"),
    ]


def _in_sync_rows(count: int) -> list[Row]:
    """Return what three classes cost that are equal: a root later on, sessions when a link comes
    up.
    """
    entry_max = 2**32 - 1
    root = Root(
        [RootEntry(of_class, entry_max, entry_max, count, bytes(16)) for of_class in (0, 1, 2)]
    )
    keys, _ = _sets(count, 0, is_scattered=False)
    index = SeenIndex(keys)
    talked_bytes, _, _ = _talk((index, index), SPLIT_DAEMON, RECONCILE_FRAME_BYTES_MAX)
    return [
        Row("Mesh", "in sync, all classes: a root", len(encode_frame(root)), "B"),
        Row("Mesh", "in sync, all classes: when a link comes up", 3 * talked_bytes, "B"),
    ]
