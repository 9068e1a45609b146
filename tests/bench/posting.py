"""What a message costs its author and its reader, and what a stamp costs, at the default rules."""

import os
import time
from collections.abc import Callable
from statistics import mean, median

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.node.system_entropy import SystemEntropy
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, is_proof_valid, mint
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.letters import begin_letter, open_letter, read_hash_of, seal_letter
from mesh.wire.envelope import (
    Header,
    decode_envelope,
    is_envelope_signature_valid,
    sign_envelope,
)
from mesh.wire.parameters import STAMP_BITS_DEFAULT
from tests.bench.table import Row

ROUNDS = 200
DAY = 20_833
CREATED = UnixSeconds(DAY * 86_400)


def rows(stamps: int) -> list[Row]:
    """Stamps first; then one letter of 4 KiB from its making to its opening."""
    return [*_stamps(stamps), *_letters()]


def _stamps(count: int) -> list[Row]:
    key = PostingKey(os.urandom(32))
    took, stamp = [], NO_STAMP
    for _ in range(count):
        began = time.perf_counter()
        stamp = mint(key, DAY, STAMP_BITS_DEFAULT, os.urandom(8))
        took.append(time.perf_counter() - began)
    note = f"{STAMP_BITS_DEFAULT} bits, mean of {count}; worst {max(took):.1f} s"
    return [
        Row("Mesh", "making a stamp", mean(took), "s", note),
        _milliseconds(
            "checking a stamp",
            lambda: is_proof_valid(key, DAY, STAMP_BITS_DEFAULT, stamp),
            "Argon2id, 16 MiB",
        ),
        _milliseconds("refusing one cheaply", lambda: is_precheck_valid(key, DAY, stamp)),
    ]


def _letters() -> list[Row]:
    entropy, kem, seed = SystemEntropy(), PycaKem(), os.urandom(32)
    author, reader = (IdentityKeys.from_seed(os.urandom(32)) for _ in range(2))
    valid = {"valid_from": CREATED, "valid_to": UnixSeconds(CREATED + 86_400)}
    own, _ = make_bundle(author, **valid, entropy=entropy, kem=kem)
    theirs, secrets = make_bundle(reader, **valid, entropy=entropy, kem=kem)
    posting_key, box_key = PostingKey(verify_key_of(seed)), os.urandom(32)

    def made() -> bytes:
        opening = begin_letter(author, own, theirs, entropy=entropy, kem=kem)
        header = Header(
            size_class=1,
            lifetime_class=1,
            created=CREATED,
            tag=Tag(bytes(16)),
            read_hash=read_hash_of(opening.root, 0),
            withdraw_hash=bytes(16),
            posting_key=posting_key,
            stamp=NO_STAMP,
        )
        body = seal_letter(
            opening,
            0,
            bytes(200),
            box_key=box_key,
            header=header.encode(),
            size_class=1,
            entropy=entropy,
        )
        return sign_envelope(header, body, seed).data

    data = made()
    envelope = decode_envelope(data)

    def opened() -> None:
        open_letter(
            envelope.body,
            box_key=box_key,
            header=envelope.header_bytes,
            identity=reader,
            bundle=theirs,
            secrets=secrets,
            verify=is_signature_valid,
            kem=kem,
            is_fresh=lambda _ephemeral, _n: True,
        )

    def relayed() -> None:
        assert is_envelope_signature_valid(decode_envelope(data), is_signature_valid)

    return [
        _milliseconds("a letter, sealed and signed", made, "keys of its own"),
        _milliseconds("the same, checked by a relay", relayed, "form, id, signature"),
        _milliseconds("the same, opened", opened),
    ]


def _milliseconds(what: str, run: Callable[[], object], note: str = "") -> Row:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
    return Row("Mesh", what, 1_000 * median(took), "ms", note)
