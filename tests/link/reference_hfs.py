"""The handshake of links a second time, in a straight line, and the frozen vectors made by it.

It shares nothing with `mesh/link/`: HMAC is spelled out, the primitives are hashlib's, pyca's
and kyber-py's, and there are no tokens, only the steps in the order in which
`Noise_XXhfs+psk0_25519+MLKEM768_ChaChaPoly_BLAKE2b` takes them. The words are those of the
Noise specification. `python -m tests.link.reference_hfs` writes the vectors.
"""

import hashlib
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from kyber_py.ml_kem import ML_KEM_768

PROTOCOL_NAME = b"Noise_XXhfs+psk0_25519+MLKEM768_ChaChaPoly_BLAKE2b"
FROZEN = Path(__file__).parents[1] / "vectors" / "noise-hfs.json"


class Transport(msgspec.Struct):
    """One message after the split, by the initiator or the responder."""

    by_initiator: bool
    rekeyed: bool
    payload: str
    ciphertext: str


class Vector(msgspec.Struct):
    """A whole exchange; every value is hex."""

    protocol_name: str
    psk: str
    prologue: str
    init_static: str
    init_ephemeral: str
    init_kem_seed: str
    resp_static: str
    resp_ephemeral: str
    resp_kem_coin: str
    payloads: list[str]
    messages: list[str]
    handshake_hash: str
    transport: list[Transport]
    frames: list[str]
    records: str


class KyberPy(Protocol):
    """The functions of kyber-py used here."""

    def key_derive(self, seed: bytes) -> tuple[bytes, bytes]: ...
    def _encaps_internal(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]: ...


KYBER: KyberPy = ML_KEM_768


def hash_of(message: bytes) -> bytes:
    return hashlib.blake2b(message).digest()


def hmac_of(key: bytes, message: bytes) -> bytes:
    block = key.ljust(128, b"\0")
    inner = hash_of(bytes(byte ^ 0x36 for byte in block) + message)
    return hash_of(bytes(byte ^ 0x5C for byte in block) + inner)


def hkdf2(ck: bytes, material: bytes) -> tuple[bytes, bytes]:
    temp = hmac_of(ck, material)
    one = hmac_of(temp, b"\x01")
    return one, hmac_of(temp, one + b"\x02")


def hkdf3(ck: bytes, material: bytes) -> tuple[bytes, bytes, bytes]:
    temp = hmac_of(ck, material)
    one = hmac_of(temp, b"\x01")
    two = hmac_of(temp, one + b"\x02")
    return one, two, hmac_of(temp, two + b"\x03")


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def dh(private: bytes, key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(key)
    )


def encrypt(k: bytes, n: int, ad: bytes, plaintext: bytes) -> bytes:
    nonce = b"\0\0\0\0" + n.to_bytes(8, "little")
    return ChaCha20Poly1305(k[:32]).encrypt(nonce, plaintext, ad)


def rekey(k: bytes) -> bytes:
    return encrypt(k, 2**64 - 1, b"", b"\0" * 32)[:32]


def exchange(inputs: Vector) -> Vector:
    """Fill in the messages, the handshake hash, the transport messages and the records."""
    psk, prologue = bytes.fromhex(inputs.psk), bytes.fromhex(inputs.prologue)
    si, ei = bytes.fromhex(inputs.init_static), bytes.fromhex(inputs.init_ephemeral)
    sr, er = bytes.fromhex(inputs.resp_static), bytes.fromhex(inputs.resp_ephemeral)
    payloads = [bytes.fromhex(payload) for payload in inputs.payloads]
    kem_public, _ = KYBER.key_derive(bytes.fromhex(inputs.init_kem_seed))

    # The name has 50 bytes and the hash 64, so h begins as the name filled with zeros.
    h = PROTOCOL_NAME + b"\0" * (64 - len(PROTOCOL_NAME))
    ck = h
    h = hash_of(h + prologue)

    # -> psk, e, e1
    ck, seen, k = hkdf3(ck, psk)
    h = hash_of(h + seen)
    first = public(ei)
    h = hash_of(h + first)
    ck, k = hkdf2(ck, public(ei))
    c = encrypt(k, 0, h, kem_public)
    h = hash_of(h + c)
    first += c
    c = encrypt(k, 1, h, payloads[0])
    h = hash_of(h + c)
    first += c

    # <- e, ee, ekem1, s, es
    second = public(er)
    h = hash_of(h + second)
    ck, k = hkdf2(ck, public(er))
    ck, k = hkdf2(ck, dh(er, public(ei)))
    shared, kem_ciphertext = KYBER._encaps_internal(kem_public, bytes.fromhex(inputs.resp_kem_coin))
    c = encrypt(k, 0, h, kem_ciphertext)
    h = hash_of(h + c)
    second += c
    ck, k = hkdf2(ck, shared)
    c = encrypt(k, 0, h, public(sr))
    h = hash_of(h + c)
    second += c
    ck, k = hkdf2(ck, dh(ei, public(sr)))
    c = encrypt(k, 0, h, payloads[1])
    h = hash_of(h + c)
    second += c

    # -> s, se
    c = encrypt(k, 1, h, public(si))
    h = hash_of(h + c)
    third = c
    ck, k = hkdf2(ck, dh(si, public(er)))
    c = encrypt(k, 0, h, payloads[2])
    h = hash_of(h + c)
    third += c

    init_key, resp_key = hkdf2(ck, b"")
    return msgspec.structs.replace(
        inputs,
        messages=[first.hex(), second.hex(), third.hex()],
        handshake_hash=h.hex(),
        transport=transported(inputs.transport, init_key, resp_key),
        records=recorded([bytes.fromhex(frame) for frame in inputs.frames], init_key).hex(),
    )


def transported(messages: list[Transport], init_key: bytes, resp_key: bytes) -> list[Transport]:
    """Each direction has its own key and count; a rekey changes the key and not the count."""
    keys, counts = {True: init_key, False: resp_key}, {True: 0, False: 0}
    filled = []
    for message in messages:
        side = message.by_initiator
        if message.rekeyed:
            keys[side] = rekey(keys[side])
        sealed = encrypt(keys[side], counts[side], b"", bytes.fromhex(message.payload))
        counts[side] += 1
        filled.append(msgspec.structs.replace(message, ciphertext=sealed.hex()))
    return filled


def recorded(frames: list[bytes], key: bytes) -> bytes:
    """The frames as one stream, cut into records of 16 KiB of plaintext."""
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    wire = b""
    for count, start in enumerate(range(0, len(stream), 16384)):
        sealed = encrypt(key, count, b"", stream[start : start + 16384])
        wire += len(sealed).to_bytes(2, "big") + sealed
    return wire


def inputs_of(number: int) -> Vector:
    """The inputs of a vector: hashes of their names, so that nothing up a sleeve is in them."""

    def drawn(name: str, length: int) -> str:
        return hashlib.shake_256(f"mesh noise-hfs {number} {name}".encode()).hexdigest(length)

    return Vector(
        protocol_name=PROTOCOL_NAME.decode(),
        psk=drawn("psk", 32),
        prologue=[b"", b"mesh/link/1" + bytes(range(16)), b"p" * 200][number].hex(),
        init_static=drawn("init_static", 32),
        init_ephemeral=drawn("init_ephemeral", 32),
        init_kem_seed=drawn("init_kem_seed", 64),
        resp_static=drawn("resp_static", 32),
        resp_ephemeral=drawn("resp_ephemeral", 32),
        resp_kem_coin=drawn("resp_kem_coin", 32),
        payloads=["", "", ""] if number < 2 else [drawn(f"payload {i}", 20 + i) for i in range(3)],
        messages=[],
        handshake_hash="",
        transport=[
            Transport(by_initiator, rekeyed, drawn(f"transport {place}", place * 9), "")
            for place, (by_initiator, rekeyed) in enumerate(
                [
                    (True, False),
                    (True, False),
                    (False, False),
                    (True, True),
                    (False, True),
                    (False, False),
                    (True, False),
                    (True, True),
                ]
            )
        ],
        frames=[drawn("frame 0", 1), drawn("frame 1", 300)]
        # One vector has a frame that spans two records, and one behind it.
        + ([drawn("frame 2", 16_200), drawn("frame 3", 40)] if number == 1 else []),
        records="",
    )


def vectors() -> list[Vector]:
    """All vectors, computed afresh."""
    return [exchange(inputs_of(number)) for number in range(3)]


if __name__ == "__main__":
    FROZEN.write_bytes(msgspec.json.format(msgspec.json.encode(vectors()), indent=1) + b"\n")
