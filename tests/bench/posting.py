"""The cost of a message to its author and its reader, and of a stamp, at the default rules."""

import os
import time
import tracemalloc
from collections.abc import Callable
from statistics import mean, median

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.ids import EnvelopeId, Instant, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.node.system_entropy import SystemEntropy
from mesh.posting.admission import Accept, Admission
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, mint, proof_bits
from mesh.ratchet.double_ratchet import Awaiting, Ratchet
from mesh.ratchet.first_contact import (
    begin_first_contact,
    open_opening,
    open_outside,
    seal_first_contact,
)
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.sealed_message import open_header, open_payload, read_hash_of
from mesh.wire.envelope import (
    STAMP_NONCE_BYTES,
    Envelope,
    Header,
    StampedKey,
    body_bytes,
    decode_envelope,
    is_envelope_signature_valid,
    sign_envelope,
)
from mesh.wire.parameters import STAMP_BITS_DEFAULT, MeshParameters
from tests.bench.table import Row

ROUNDS = 200
DAY = 20_833
CREATED = UnixSeconds(DAY * 86_400)


def rows(stamps: int) -> list[Row]:
    """Stamps first and what a flood of them costs; then one first contact of 4 KiB from its making
    to its opening.
    """
    return [*_stamps(stamps), *_floods(), *_first_contacts()]


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
            lambda: proof_bits(StampedKey(key, DAY, stamp[:STAMP_NONCE_BYTES])),
            "Argon2id, 16 MiB",
        ),
        _milliseconds("refusing one cheaply", lambda: is_precheck_valid(key, DAY, stamp)),
    ]


def _floods() -> list[Row]:
    """The cost to a relay of each envelope of a flood, by the bits of its stamps."""
    found: list[Row] = []
    for bits, stamps_count in ((6, 8), (9, 1)):
        envelopes = [one for number in range(stamps_count) for one in _flood(number, bits)]
        admission = Admission(MeshParameters(stamp_bits=bits), is_signature_valid)
        began = time.process_time()
        for second, one in enumerate(envelopes):
            now = Instant(Monotonic(second * 1_000_000), CREATED * 1_000_000)
            assert isinstance(admission.judge(one, now=now), Accept)
        taken = (time.process_time() - began) / len(envelopes)
        found.append(Row("Mesh", f"judging an envelope, stamps of {bits} bits", taken * 1e3, "ms"))
    for per_stamp in (1, 64, 512):
        name = f"quota of an envelope, {per_stamp} under a stamp"
        found.append(Row("Mesh", name, _quota_bytes(per_stamp), "bytes"))
    return found


def _flood(number: int, bits: int) -> list[Envelope]:
    """As many envelopes as a stamp of so many bits admits."""
    seed = number.to_bytes(32, "big")
    key = PostingKey(verify_key_of(seed))
    header = Header(
        size_class=0,
        lifetime_class=1,
        created=CREATED,
        tag=Tag(bytes(16)),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=key,
        stamp=mint(key, DAY, bits, os.urandom(8)),
    )
    return [sign_envelope(header, os.urandom(body_bytes(0)), seed) for _ in range(1 << bits)]


def _quota_bytes(per_stamp: int) -> float:
    """The memory of the quota for each envelope, without its id, which other tables hold too."""
    count = 131_072
    ids = [EnvelopeId(os.urandom(32)) for _ in range(count)]
    admission = Admission(MeshParameters(), is_signature_valid)
    tracemalloc.start()
    for start in range(0, count, per_stamp):
        key = StampedKey(PostingKey(os.urandom(32)), DAY, os.urandom(STAMP_NONCE_BYTES))
        for id_ in ids[start : start + per_stamp]:
            admission.load(key, id_)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / count


def _first_contacts() -> list[Row]:
    entropy, kem, seed = SystemEntropy(), PycaKem(), os.urandom(32)
    author, reader = (IdentityKeys.from_seed(os.urandom(32)) for _ in range(2))
    valid = {"valid_from": CREATED, "valid_to": UnixSeconds(CREATED + 86_400)}
    own, _ = make_bundle(author, **valid, entropy=entropy, kem=kem)
    theirs, secrets = make_bundle(reader, **valid, entropy=entropy, kem=kem)
    posting_key, box_key = PostingKey(verify_key_of(seed)), os.urandom(32)

    def made() -> bytes:
        opening = begin_first_contact(author, own, theirs, entropy=entropy, kem=kem)
        sending = Ratchet.initiator(
            opening.roots.ratchet, theirs.prekey, kem_seed=None, mesh_now=CREATED
        ).next_sending(entropy=entropy, kem=kem, mesh_now=CREATED)
        header = Header(
            size_class=1,
            lifetime_class=1,
            created=CREATED,
            tag=Tag(bytes(16)),
            read_hash=read_hash_of(sending.message_key),
            withdraw_hash=bytes(16),
            posting_key=posting_key,
            stamp=NO_STAMP,
        )
        body = seal_first_contact(
            opening.data,
            sending.header,
            sending.message_key,
            bytes(200),
            first_header_key=opening.roots.header_key,
            box_key=box_key,
            associated=header.encode(),
            size_class=1,
            entropy=entropy,
        )
        return sign_envelope(header, body, seed).data

    data = made()
    envelope = decode_envelope(data)

    def opened() -> None:
        first = open_outside(envelope.body, box_key=box_key, associated=envelope.header_bytes)
        whose, roots = open_opening(
            first.opening,
            identity=reader,
            bundle=theirs,
            secrets=secrets,
            verify=is_signature_valid,
            kem=kem,
        )
        message_header, header_box, message_box = open_header(
            first.boxes,
            header_key=roots.header_key,
            associated=envelope.header_bytes,
            nonce=first.nonce,
        )
        receiving = Ratchet.responder(
            roots.ratchet,
            secrets.prekey_private,
            their_kem_key=whose.bundle.kem_key,
            mesh_now=CREATED,
        ).receive(message_header, kem=kem, mesh_now=CREATED, find_skipped=lambda _key, _n: None)
        assert not isinstance(receiving, Awaiting)
        open_payload(
            receiving.message_key,
            associated=envelope.header_bytes,
            nonce=first.nonce,
            header_box=header_box,
            message_box=message_box,
        )

    def relayed() -> None:
        assert is_envelope_signature_valid(decode_envelope(data), is_signature_valid)

    return [
        _milliseconds("a first contact, sealed and signed", made, "keys of its own"),
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
