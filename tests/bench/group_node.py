"""A node of one member in a group: what it keeps in memory, and how long a change takes it.

The engine's own keepers over a vault in memory, with real members: each has keys, a bundle and a
word of consent. The count of bytes is that of Python's allocator, between before and after.
"""

import gc
import time
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesh.commands.groups import MakeGroup
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey
from mesh.group.entrance import entrance_of
from mesh.group.operations import NO_CONSENT, Add, Record, consent
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds
from mesh.limits.groups import PERSONS_PER_OPERATION_MAX
from mesh.messenger.groups.group import Group
from mesh.node.system_entropy import SystemEntropy
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys, make_bundle
from mesh.storage.connection import transaction
from tests.bench.table import Row
from tests.messenger.in_groups import inside
from tests.messenger.people import Clock, Person

SIZES: Final = (50, 250, 1_000)


@dataclass(frozen=True)
class _Newcomer:
    record: Record
    bundle: bytes


def rows() -> Iterable[Row]:
    """All figures, of each size."""
    for size in SIZES:
        yield from _of(size)


def _of(size: int) -> Iterable[Row]:
    who, ann = f"{size} members", Person("Ann", Clock())
    ann.ask(MakeGroup("Crew"))
    gid = inside(ann).gid
    others = [_newcomer(gid, number, ann.now.mesh) for number in range(size - 1)]
    ann.restart()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    began = time.process_time()
    for start in range(0, len(others), PERSONS_PER_OPERATION_MAX):
        _add(ann, inside(ann), others[start : start + PERSONS_PER_OPERATION_MAX])
    took = time.process_time() - began
    yield Row(who, "members taken in", took * 1_000, "ms", "adds of 64, and their bundles, traced")
    _make_epoch(ann)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    yield Row(who, "memory of the node", kept / 1e6, "MB", "design: 40, for 1,000")
    began = time.process_time()
    _make_epoch(ann)
    took = time.process_time() - began
    yield Row(who, "an epoch made and kept", took * 1_000, "ms", "first wraps, chains and tags")


def _make_epoch(person: Person) -> None:
    group = inside(person)
    with transaction(person.connection):
        person.wired.groups.keepers.epochs.make(group, person.now)


def _newcomer(gid: GroupId, number: int, now: UnixSeconds) -> _Newcomer:
    entropy = SystemEntropy()
    seed = entropy.draw(SEED_BYTES)
    keys = IdentityKeys.from_seed(seed)
    bundle, _ = make_bundle(
        keys, valid_from=now, valid_to=UnixSeconds(now + 86_400), entropy=entropy, kem=PycaKem()
    )
    data = bundle.encode()
    bare = Record(
        keys.verify_key,
        keys.identity_key,
        blake2b_256(data),
        entrance_of(seed),
        f"Member {number}",
        NO_CONSENT,
    )
    return _Newcomer(consent(SigningKey.from_seed(keys.signing_seed), gid, bare), data)


def _add(person: Person, group: Group, newcomers: list[_Newcomer]) -> None:
    keepers = person.wired.groups.keepers
    with transaction(person.connection):
        add = Add(tuple(one.record for one in newcomers))
        keepers.groups.take(group, [keepers.groups.sign(group, add, person.now)], person.now)
        for key in group.members:
            keepers.groups.person(group, key)
        for one in newcomers:
            keepers.leaves.take_bundle(group, one.bundle)
