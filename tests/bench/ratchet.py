"""Private conversations: our ratchet beside two others, and what it costs up to the vault.

The contestants take turns within each round, so that what else the machine does meets all of them.
Where nothing waits for a disk, time is the thread's own: what others take from it is left out.
"""

import gc
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from mesh.crypto.kem import PycaKem
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.node import INPUTS_PER_BATCH_MAX
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.node.system_entropy import SystemEntropy
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import Roots
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.rows import NEW_CONTACT, ContactRow
from mesh.storage.vault.vault import Vault
from tests.bench import ratchets
from tests.bench.ratchets import Party, opened
from tests.bench.table import Row
from tests.messenger.people import Clock, acquainted, copied

ROUNDS = 15
TEXT = bytes(256)
IN_A_ROW = 60
CONTACTS = 1_000

_Message = TypeVar("_Message")
Measure = Callable[[], tuple[float, ...]]


def rows(scratch: Path, messages: int) -> list[Row]:
    """All figures; those of the ratchets are medians of rounds."""
    return [
        *_in_order(),
        *_last_first(),
        *_ping_pong(),
        *_into_the_vault(scratch, messages),
        *_tags(),
    ]


def _in_order() -> list[Row]:
    taken = _in_turns(
        {
            "Mesh": _sealing_and_opening(*ratchets.bare(), 1_000),
            "Mesh, whole body": _sealing_and_opening(*ratchets.whole(), 1_000),
            "Olm": _sealing_and_opening(*ratchets.olm(), 1_000),
            "DoubleRatchet": _sealing_and_opening(*ratchets.package(), 100),
        }
    )
    notes = {
        "Mesh": "header in clear, as the others have it",
        "Mesh, whole body": "header sealed too, padded to 1 KiB",
    }
    return [
        Row(who, f"{what} 256 B, in order", figures[place], "µs", notes.get(who, ""))
        for place, what in enumerate(("encrypt", "decrypt"))
        for who, figures in taken.items()
    ]


def _sealing_and_opening(one: Party[_Message], other: Party[_Message], count: int) -> Measure:
    def measure() -> tuple[float, ...]:
        began = time.thread_time()
        sealed = [one.seal(TEXT) for _ in range(count)]
        between = time.thread_time()
        for message in sealed:
            other.open(message)
        return (between - began) / count, (time.thread_time() - between) / count

    return measure


def _last_first() -> list[Row]:
    return [
        _read("Mesh", *ratchets.whole()),
        _read("Olm", *ratchets.olm()),
        _read("DoubleRatchet", *ratchets.package()),
    ]


def _read(who: str, one: Party[_Message], other: Party[_Message]) -> Row:
    sealed = [one.seal(TEXT) for _ in range(IN_A_ROW)]
    count = sum(opened(other, message) for message in reversed(sealed))
    return Row(who, f"{IN_A_ROW} messages delivered last-first: read", count, "")


def _ping_pong() -> list[Row]:
    taken = _in_turns(
        {
            "Mesh": _answering(*ratchets.bare(), 64),
            "Mesh, post-quantum": _answering(*ratchets.bare(is_post_quantum=True), 64),
            "Mesh, whole body": _answering(*ratchets.whole(), 64),
            "Mesh, whole body, post-quantum": _answering(*ratchets.whole(is_post_quantum=True), 64),
            "Olm": _answering(*ratchets.olm(), 64),
            "DoubleRatchet": _answering(*ratchets.package(), 16),
        }
    )
    notes = {
        "Mesh": "header in clear, as the others have it",
        "Mesh, post-quantum": "a step every 16th chain",
        "Mesh, whole body, post-quantum": "a step every 16th chain",
    }
    return [
        Row(who, "two messages and two ratchet steps", figures[0], "µs", notes.get(who, ""))
        for who, figures in taken.items()
    ]


def _answering(one: Party[_Message], other: Party[_Message], count: int) -> Measure:
    def measure() -> tuple[float, ...]:
        began = time.thread_time()
        for _ in range(count):
            other.open(one.seal(TEXT))
            one.open(other.seal(TEXT))
        return ((time.thread_time() - began) / count,)

    return measure


def _in_turns(measures: dict[str, Measure]) -> dict[str, list[float]]:
    """The medians in microseconds; each measures once a round."""
    taken: dict[str, list[tuple[float, ...]]] = {who: [] for who in measures}
    for measure in measures.values():
        measure()
    for _ in range(ROUNDS):
        for who, measure in measures.items():
            taken[who].append(measure())
    return {
        who: [1e6 * median(column) for column in zip(*figures, strict=True)]
        for who, figures in taken.items()
    }


def _into_the_vault(scratch: Path, count: int) -> list[Row]:
    """A messenger opens what came for it, as the engine hands it over, into a real vault."""
    ann, bob = acquainted(Clock())
    ann.connection = copied(ann.connection, connect(scratch / "vault", os.urandom(32)))
    ann.restart()
    rates, processor = [], []
    for _ in range(3):
        for number in range(count):
            bob.send("Ann", f"{number}".ljust(200, "."))
        posted = bob.post()
        began, began_thread = time.perf_counter(), time.thread_time()
        for start in range(0, len(posted), INPUTS_PER_BATCH_MAX):
            ann.receive(posted[start : start + INPUTS_PER_BATCH_MAX])
        rates.append(count / (time.perf_counter() - began))
        processor.append((time.thread_time() - began_thread) / count)
    found = ann.connection.execute("SELECT count(*) FROM entries").fetchall()
    assert found == [(3 * count,)]
    note = f"200 bytes each, one commit for {INPUTS_PER_BATCH_MAX}"
    what = "opened end to end into the vault"
    return [
        Row("Mesh", what, median(rates), "/s", note),
        Row("Mesh", f"{what}, processor's time", 1e6 * median(processor), "µs/message"),
    ]


def _sessions(vault: Vault, tag_index: TagIndex) -> Sessions:
    sealed_mail = SealedMail(
        vault.sealed,
        tag_index,
        is_tag_stored=lambda _tag: False,
        has_body=lambda _tag: False,
        tell_changed=lambda _contact: None,
    )
    return Sessions(
        vault.sessions,
        tag_index,
        sealed_mail=sealed_mail,
        entropy=SystemEntropy(),
        kem=PycaKem(),
    )


def _tags() -> list[Row]:
    """The table of tags of a thousand contacts, made again from the rows as at each unlock."""
    connection = connect(None, None)
    migrate_vault(connection)
    vault = Vault(connection)
    with transaction(connection):
        sessions = _sessions(vault, TagIndex())
        for number in range(CONTACTS):
            _befriend(vault, sessions, number)
    took = []
    for _ in range(5):
        gc.collect()
        began = time.thread_time()
        _sessions(vault, TagIndex())
        took.append(time.thread_time() - began)
    gc.collect()
    tracemalloc.start()
    expected = TagIndex()
    kept = _sessions(vault, expected)
    gc.collect()
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    what = f"{CONTACTS:,} contacts: sessions and the table of their tags"
    note = f"{len(expected):,} tags"
    return [
        Row("Mesh", f"{what}, time", median(took), "s", note),
        Row("Mesh", f"{what}, memory", held_bytes / 1e6, "MB", note),
    ]


def _befriend(vault: Vault, sessions: Sessions, number: int) -> None:
    contact = vault.add_contact(
        ContactRow(
            id=NEW_CONTACT,
            label=f"contact {number}",
            name=f"contact {number}",
            verify_key=VerifyKey(os.urandom(32)),
            agreement_key=None,
            trust="known",
            first_trust="known",
            state="answered",
            bundle=None,
        )
    )
    roots = Roots(os.urandom(32), os.urandom(32), os.urandom(32), os.urandom(16))
    ratchet = Ratchet.responder(
        roots.ratchet, os.urandom(32), their_kem_key=os.urandom(1_184), mesh_now=UnixSeconds(0)
    )
    sessions.found(roots, contact.id, ratchet, is_begun_here=False, created=UnixSeconds(number))
