"""The cost of a node that holds many envelopes: memory, a start, making room for one more.

Run by itself: `python -m tests.bench.holding COUNT`. It writes a store of 1 KiB envelopes by a
thousandth as many keys, and opens an engine over it. They are unsigned: what is measured is what
holds them, not who checks them.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.ids import Instant, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_store
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope, Header, body_bytes, decode_envelope
from mesh.wire.parameters import MeshParameters
from tests.entropy import SeededEntropy

START = 1_800_000_000
PARAMETERS = MeshParameters(name="bench", stamp_bits=0, key_quota=10**6, psk=bytes(32))
_ROWS_PER_BATCH = 2_000


def make_envelope(number: int, keys_count: int, newest: int = START) -> Envelope:
    """The envelope of a number, of the six days before the newest; nobody checks its signature."""
    header = Header(
        size_class=0,
        lifetime_class=1,
        created=UnixSeconds(newest // 10 * 10 - (number * 7 % 500_000) // 10 * 10),
        tag=Tag(blake2b(b"", number.to_bytes(8), b"", 16)),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(blake2b(b"", (number % keys_count).to_bytes(8), b"", 32)),
        stamp=bytes(12),
    )
    body = number.to_bytes(8) + bytes(body_bytes(0) - 8)
    return decode_envelope(header.encode() + body + bytes(64))


def resident_bytes() -> int:
    """The memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(count: int) -> None:
    """Write so many, start over them, and drop some for want of room."""
    with tempfile.TemporaryDirectory() as folder:
        connection = connect(Path(folder) / "store.db", bytes(32))
        migrate_store(connection)
        store = Store(connection)
        for start in range(0, count, _ROWS_PER_BATCH):
            numbers = range(start, min(start + _ROWS_PER_BATCH, count))
            with transaction(connection):
                store.add([make_envelope(one, max(count // 1_000, 1)) for one in numbers])
        disk_bytes = (Path(folder) / "store.db").stat().st_size
        say(f"{count} envelopes: {disk_bytes / count:.0f} bytes each on disk")
        before, began = resident_bytes(), time.process_time()
        engine = Engine(
            settings=EngineSettings(
                parameters=MeshParameters(
                    name="bench", stamp_bits=0, key_quota=10**6, psk=bytes(32)
                ),
                stored_bytes_max=count * 1_024 - 10 * 829,
            ),
            store=connection,
            entropy=SeededEntropy(1),
            kem=PycaKem(),
            verify=is_signature_valid,
            now=Instant(Monotonic(0), START * 1_000_000),
        )
        seconds = time.process_time() - began
        memory = resident_bytes() - before
        say(f"memory: {memory / 2**20:.0f} MiB, {memory / count:.0f} bytes each")
        say(f"start: {seconds:.1f} s of the processor")
        began = time.process_time()
        engine.handle([], Instant(Monotonic(1), START * 1_000_000 + 1))
        say(f"the first ten dropped: {(time.process_time() - began) * 1_000:.0f} ms")
        say(f"memory afterwards: {(resident_bytes() - before) / count:.0f} bytes each")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
