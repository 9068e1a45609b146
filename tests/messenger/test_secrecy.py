"""The places of keys, searched in the raw bytes of a vault: there, and there no longer.

The vault here is a plain file with the schema and the settings of the real one, so that its bytes
can be read. Every search that finds nothing is the same that found the key a moment before.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from mesh.crypto.kem import PycaKem
from mesh.database import Connection
from mesh.ids import EnvelopeId, UnixSeconds
from mesh.ratchet.double_ratchet import Ratchet
from mesh.storage.connection import SqlcipherConnection, _set_up, checkpoint, transaction
from tests.entropy import SeededEntropy
from tests.messenger.people import Clock, Person, acquainted, exchange


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Disk:
    """A person's vault as a plain file."""

    def __init__(self, person: Person, path: Path) -> None:
        self._path = path
        self._person = person
        person.connection.execute("VACUUM INTO ?", (str(path),))
        person.connection = plain_database(path)
        person.restart()

    def has(self, secret: bytes) -> bool:
        """Say whether a key stands anywhere in the files, after the log was emptied as nodes do."""
        assert len(secret) == 32
        assert checkpoint(self._person.connection)
        return self.has_now(secret)

    def has_now(self, secret: bytes) -> bool:
        """Say whether a key stands in the files as they are."""
        files = sorted(self._path.parent.glob(self._path.name + "*"))
        return any(secret in file.read_bytes() for file in files)


def plain_database(path: Path) -> Connection:
    """Return what `connect` opens, without a key."""
    raw = dbapi2.connect(
        str(path), isolation_level=None, check_same_thread=False, cached_statements=0
    )
    connection = SqlcipherConnection(raw, str(path))
    _set_up(connection, is_on_disk=True)
    return connection


def ratchet_of(person: Person) -> Ratchet:
    """The ratchet of the one session."""
    ((fast, slow),) = person.connection.execute(
        "SELECT ratchet, post_quantum FROM sessions"
    ).fetchall()
    assert isinstance(fast, bytes)
    assert isinstance(slow, bytes)
    return Ratchet.from_bytes(fast, slow)


def next_keys(person: Person, count: int) -> list[bytes]:
    """The keys of the next messages, which no chance changes once their chain has begun."""
    ratchet, keys = ratchet_of(person), []
    assert ratchet.sending is not None
    for _ in range(count):
        sending = ratchet.next_sending(
            entropy=SeededEntropy(0), kem=PycaKem(), mesh_now=UnixSeconds(0)
        )
        ratchet = sending.ratchet
        keys.append(sending.message_key)
    return keys


def talking(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, who have both answered, and Bob's chain goes on."""
    ann, bob = acquainted(clock)
    for _ in range(2):
        ann.send("Bob", "hello")
        exchange(ann, bob)
        bob.send("Ann", "hello")
        exchange(ann, bob)
    return ann, bob


def test_a_search_finds_what_was_planted_until_it_is_deleted_and_the_log_emptied(
    tmp_path: Path, clock: Clock
) -> None:
    ann, _ = talking(clock)
    disk, planted = Disk(ann, tmp_path / "ann"), SeededEntropy(7).draw(32)
    assert not disk.has(planted)
    with transaction(ann.connection):
        ann.connection.execute(
            "INSERT INTO gaps (conversation, parent, child) VALUES (1, ?, 1)", (planted,)
        )
    assert disk.has_now(planted)
    assert disk.has(planted)
    with transaction(ann.connection):
        ann.connection.execute("DELETE FROM gaps WHERE parent = ?", (planted,))
    assert disk.has_now(planted), "the file still has it, until the log is moved into it"
    assert not disk.has(planted)


def test_the_key_of_an_opened_message_is_nowhere(tmp_path: Path, clock: Clock) -> None:
    ann, bob = talking(clock)
    of_ann, of_bob = Disk(ann, tmp_path / "ann"), Disk(bob, tmp_path / "bob")
    keys = next_keys(bob, 5)
    before = ratchet_of(bob).sending
    assert before is not None
    for number in range(5):
        bob.send("Ann", str(number))
    assert not any(of_bob.has(key) for key in (*keys, before.key)), "who sealed needs no key more"
    first, second, *others, last = bob.post()
    # The key of the chain opens all that follows: it is there, and goes with the first message.
    assert of_ann.has(before.key)
    ann.receive([last])
    assert not of_ann.has(before.key)
    assert not of_ann.has(keys[4])
    # The keys of those that have not come are kept, until each is opened.
    assert all(of_ann.has(key) for key in keys[:4])
    ann.receive([second])
    assert not of_ann.has(keys[1])
    assert of_ann.has(keys[0])
    ann.receive([first, *others])
    assert not any(of_ann.has(key) for key in keys)
    assert sorted(ann.texts("Bob")[-5:]) == ["0", "1", "2", "3", "4"]


def test_what_does_not_open_leaves_no_key_and_takes_none(tmp_path: Path, clock: Clock) -> None:
    ann, bob = talking(clock)
    disk, keys = Disk(ann, tmp_path / "ann"), next_keys(bob, 2)
    for number in range(2):
        bob.send("Ann", str(number))
    first, second = bob.post()
    chain = ratchet_of(ann).receiving
    assert chain is not None
    body = bytearray(second.body)
    body[-1] ^= 1
    ann.receive([replace(second, id=EnvelopeId(bytes(32)), body=bytes(body))])
    assert len(ann.texts("Bob")) == len(bob.texts("Ann")) - 2
    assert disk.has(chain.key)
    assert not any(disk.has(key) for key in keys)
    ann.receive([second, first])
    assert ann.texts("Bob")[-2:] == ["0", "1"]


def test_keys_of_both_sides_go_when_both_have_answered(tmp_path: Path, clock: Clock) -> None:
    ann, bob = talking(clock)
    disks = [Disk(ann, tmp_path / "ann"), Disk(bob, tmp_path / "bob")]
    # A message under way, so that there is a kept key too.
    bob.send("Ann", "lost")
    bob.post()
    bob.send("Ann", "comes")
    exchange(ann, bob)
    old = [ratchet_of(person) for person in (ann, bob)]
    for disk, ratchet in zip(disks, old, strict=True):
        assert disk.has(ratchet.private)
        assert disk.has(ratchet.root)
    for _ in range(2):
        ann.send("Bob", "fresh")
        exchange(ann, bob)
        bob.send("Ann", "fresh")
        exchange(ann, bob)
    for disk, ratchet in zip(disks, old, strict=True):
        secrets = [ratchet.private, ratchet.root]
        secrets += [chain.key for chain in (ratchet.sending, ratchet.receiving) if chain]
        assert not any(disk.has(secret) for secret in secrets)


def test_the_private_halves_of_post_quantum_keys_go_when_they_were_used(
    tmp_path: Path, clock: Clock
) -> None:
    ann, bob = talking(clock)
    disks = {person.name: Disk(person, tmp_path / person.name) for person in (ann, bob)}
    seeds = {person.name: ratchet_of(person).post_quantum.seed for person in (ann, bob)}
    ((name, seed),) = [(name, seed) for name, seed in seeds.items() if seed]
    assert disks[name].has(seed[:32])
    clock.pass_by(86_400)
    for _ in range(2):
        ann.send("Bob", "the next day")
        exchange(ann, bob)
        bob.send("Ann", "the next day")
        exchange(ann, bob)
    assert not disks[name].has(seed[:32])
    assert not disks[name].has(seed[32:])
    assert [person.name for person in (ann, bob) if ratchet_of(person).post_quantum.seed] != [name]
