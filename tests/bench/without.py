"""Nodes without a part of what they cost, to see how much it is: nothing here is fit for use.

What a node takes that lacks the fsyncs no node undercuts that keeps the rest of the code.
`MESH_BENCH_WITHOUT` names the parts that are missing, with commas; `docs/benchmarks.md` says what
is lost with each.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from nacl import bindings

from mesh.engine.forwarding.stemming import Stemming, element_of
from mesh.ids import Instant
from mesh.replication.stems import SPREADS
from mesh.storage import connection
from mesh.storage.connection import SqlcipherConnection
from mesh.wire.envelope import Envelope
from sim.patching import Patch, patched
from tests.bench.bare_engine import WITHOUT_ENGINE
from tests.bench.bare_messenger import WITHOUT_MESSENGER

VARIABLE: Final = "MESH_BENCH_WITHOUT"
_SIGNATURE_BYTES: Final = 64
_set_up = connection._set_up


def _set_up_without_fsyncs(opened: SqlcipherConnection, *, is_on_disk: bool) -> None:
    _set_up(opened, is_on_disk=is_on_disk)
    opened.execute("PRAGMA synchronous = OFF").fetchall()


def _not_unlocked(opened: SqlcipherConnection, key: bytes) -> None:
    """Leave the database as SQLite makes one: readable."""


def _not_signed(message: bytes, secret: bytes) -> bytes:
    return bytes(_SIGNATURE_BYTES) + message


def _believed(signed: bytes, key: bytes) -> bytes:
    return signed[_SIGNATURE_BYTES:]


def _spread(stemming: Stemming, envelope: Envelope, now: Instant) -> None:
    """Let an envelope of ours go to everybody at once."""
    stemming._elements[envelope.id] = element_of(envelope.header)
    stemming._take_step(envelope.id, SPREADS, (), now)


PARTS: Final[Mapping[str, tuple[Patch, ...]]] = {
    "fsyncs": (Patch(connection, "_set_up", _set_up_without_fsyncs),),
    "ciphers": (Patch(connection, "_unlock", _not_unlocked),),
    "signatures": (
        Patch(bindings, "crypto_sign", _not_signed),
        Patch(bindings, "crypto_sign_open", _believed),
    ),
    "stems": (Patch(Stemming, "begin", _spread),),
    "messenger": WITHOUT_MESSENGER,
    "engine": WITHOUT_ENGINE,
}


def without(environment: Mapping[str, str] = os.environ) -> AbstractContextManager[None]:
    """While inside, the parts are missing that the environment names; KeyError: no such part."""
    named = environment.get(VARIABLE, "")
    return patched(*(patch for part in named.split(",") if part for patch in PARTS[part]))
