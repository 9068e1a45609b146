"""The Noise core against the official vectors, a second implementation, and hostile bytes."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.link.noise import HandshakeState
from mesh.link.patterns import LINK_PROTOCOL, Token, noise_protocol
from mesh.link.records import RecordReader, RecordWriter
from sim.hosts.kem import KyberPyKem
from tests.entropy import ListedEntropy, SeededEntropy
from tests.link import reference_hfs

PYCA = PycaKem()
KYBER = KyberPyKem()
PSK = bytes(range(32))


class Message(msgspec.Struct):
    """One message of a vector, of the handshake or behind it."""

    payload: str
    ciphertext: str


class Vector(msgspec.Struct):
    """A vector as cacophony and snow write them; what is empty is not there."""

    protocol_name: str
    messages: list[Message]
    init_ephemeral: str
    resp_ephemeral: str
    init_prologue: str = ""
    resp_prologue: str = ""
    init_static: str = ""
    resp_static: str = ""
    init_remote_static: str = ""
    resp_remote_static: str = ""
    init_psks: list[str] = []
    resp_psks: list[str] = []
    handshake_hash: str = ""


VECTORS = msgspec.json.decode(
    (Path(__file__).parents[1] / "vectors" / "noise.json").read_bytes(), type=list[Vector]
)


def sides(vector: Vector) -> tuple[HandshakeState, HandshakeState]:
    """The two sides of a vector."""
    protocol = noise_protocol(vector.protocol_name)
    initiator, responder = (
        HandshakeState(
            protocol,
            is_initiator=is_initiator,
            entropy=ListedEntropy([bytes.fromhex(ephemeral)]),
            kem=PYCA,
            prologue=bytes.fromhex(prologue),
            static=bytes.fromhex(static) or None,
            remote_static=bytes.fromhex(remote_static) or None,
            psks=[bytes.fromhex(psk) for psk in psks],
        )
        for is_initiator, ephemeral, prologue, static, remote_static, psks in (
            (
                True,
                vector.init_ephemeral,
                vector.init_prologue,
                vector.init_static,
                vector.init_remote_static,
                vector.init_psks,
            ),
            (
                False,
                vector.resp_ephemeral,
                vector.resp_prologue,
                vector.resp_static,
                vector.resp_remote_static,
                vector.resp_psks,
            ),
        )
    )
    return initiator, responder


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector.protocol_name))
def test_an_official_vector_is_reproduced_by_both_sides(vector: Vector) -> None:
    initiator, responder = sides(vector)
    for message in vector.messages[: len(noise_protocol(vector.protocol_name).messages)]:
        writer, reader = (initiator, responder) if initiator.is_our_turn else (responder, initiator)
        assert writer.write_message(bytes.fromhex(message.payload)).hex() == message.ciphertext
        assert reader.read_message(bytes.fromhex(message.ciphertext)).hex() == message.payload
    assert initiator.is_finished
    assert initiator.handshake_hash == responder.handshake_hash
    assert vector.handshake_hash in ("", initiator.handshake_hash.hex())

    ciphers = [initiator.split(), responder.split()]
    for place, message in enumerate(vector.messages):
        if place < len(noise_protocol(vector.protocol_name).messages):
            continue
        sending, receiving = ciphers[place % 2][0], ciphers[1 - place % 2][1]
        assert sending.seal(b"", bytes.fromhex(message.payload)).hex() == message.ciphertext
        opened = receiving.open_sealed(b"", bytes.fromhex(message.ciphertext))
        assert opened.hex() == message.payload


def test_no_official_vector_got_lost() -> None:
    assert len(VECTORS) == 102
    assert sum(1 for vector in VECTORS if vector.handshake_hash) == 39
    with_transport = [
        vector
        for vector in VECTORS
        if len(vector.messages) > len(noise_protocol(vector.protocol_name).messages)
    ]
    assert len(with_transport) == 78


def test_the_link_protocol_is_the_one_of_the_draft() -> None:
    written = [[token.value for token in message] for message in LINK_PROTOCOL.messages]
    assert written == [["psk", "e", "e1"], ["e", "ee", "ekem1", "s", "es"], ["s", "se"]]
    assert LINK_PROTOCOL.name.encode() == reference_hfs.PROTOCOL_NAME
    assert noise_protocol("Noise_XKpsk3_25519_ChaChaPoly_SHA256").messages == (
        (Token.E, Token.ES),
        (Token.E, Token.EE),
        (Token.S, Token.SE, Token.PSK),
    )


# --- The handshake of links -------------------------------------------------------------------

FROZEN = msgspec.json.decode(reference_hfs.FROZEN.read_bytes(), type=list[reference_hfs.Vector])


def test_the_reference_reproduces_the_frozen_vectors() -> None:
    assert reference_hfs.vectors() == FROZEN
    assert len(FROZEN) == 3


@pytest.mark.parametrize("vector", FROZEN)
def test_both_sides_reproduce_a_frozen_vector(vector: reference_hfs.Vector) -> None:
    psk, prologue = bytes.fromhex(vector.psk), bytes.fromhex(vector.prologue)
    draws = {
        True: [bytes.fromhex(vector.init_ephemeral), bytes.fromhex(vector.init_kem_seed)],
        False: [bytes.fromhex(vector.resp_ephemeral), bytes.fromhex(vector.resp_kem_coin)],
    }
    statics = {True: vector.init_static, False: vector.resp_static}
    initiator, responder = (
        HandshakeState(
            LINK_PROTOCOL,
            is_initiator=is_initiator,
            entropy=ListedEntropy(draws[is_initiator]),
            kem=KYBER,
            prologue=prologue,
            static=bytes.fromhex(statics[is_initiator]),
            psks=[psk],
        )
        for is_initiator in (True, False)
    )
    for place, (payload, message) in enumerate(zip(vector.payloads, vector.messages, strict=True)):
        writer, reader = (initiator, responder) if place != 1 else (responder, initiator)
        assert writer.write_message(bytes.fromhex(payload)).hex() == message
        assert reader.read_message(bytes.fromhex(message)).hex() == payload
    assert initiator.handshake_hash.hex() == vector.handshake_hash
    assert responder.handshake_hash.hex() == vector.handshake_hash

    ciphers = {True: initiator.split(), False: responder.split()}
    for step in vector.transport:
        sending, receiving = ciphers[step.by_initiator][0], ciphers[not step.by_initiator][1]
        if step.rekeyed:
            sending.rekey()
            receiving.rekey()
        assert sending.seal(b"", bytes.fromhex(step.payload)).hex() == step.ciphertext
        assert receiving.open_sealed(b"", bytes.fromhex(step.ciphertext)).hex() == step.payload

    frames = [bytes.fromhex(frame) for frame in vector.frames]
    assert RecordWriter(initiator.split()[0]).write(frames).hex() == vector.records
    assert RecordReader(responder.split()[1]).feed(bytes.fromhex(vector.records)) == frames


def link_sides(
    *, seed: int = 0, responder_psk: bytes = PSK, responder_prologue: bytes = b"prologue"
) -> tuple[HandshakeState, HandshakeState]:
    """Two nodes about to shake hands, with the daemon's KEM."""
    entropy = SeededEntropy(seed)
    initiator, responder = (
        HandshakeState(
            LINK_PROTOCOL,
            is_initiator=is_initiator,
            entropy=entropy,
            kem=PYCA,
            prologue=prologue,
            static=entropy.draw(32),
            psks=[psk],
        )
        for is_initiator, prologue, psk in (
            (True, b"prologue", PSK),
            (False, responder_prologue, responder_psk),
        )
    )
    return initiator, responder


def advanced(count: int, seed: int = 0) -> tuple[HandshakeState, HandshakeState, bytes]:
    """Return who reads message number `count` (from 0), who wrote it, and the message."""
    writer, reader = link_sides(seed=seed)
    for _ in range(count):
        reader.read_message(writer.write_message(b""))
        writer, reader = reader, writer
    return reader, writer, writer.write_message(b"payload")


def test_a_link_handshake_has_its_sizes_and_shows_each_side_the_other() -> None:
    initiator, responder = link_sides()
    first = initiator.write_message(b"")
    assert responder.read_message(first) == b""
    assert responder.remote_ephemeral == first[:32]
    second = responder.write_message(b"")
    initiator.read_message(second)
    assert [initiator.is_finished, responder.is_finished] == [False, False]
    third = initiator.write_message(b"")
    responder.read_message(third)
    assert [len(first), len(second), len(third)] == [1248, 1200, 64]
    assert [initiator.is_finished, responder.is_finished] == [True, True]
    assert initiator.handshake_hash == responder.handshake_hash
    assert initiator.remote_static != responder.remote_static


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_change_of_any_byte_of_a_handshake_message_is_noticed(place: int) -> None:
    length = len(advanced(place)[2])
    for position in range(length):
        reader, _, message = advanced(place)
        changed = bytearray(message)
        changed[position] ^= 0x80
        with pytest.raises(PeerError):
            reader.read_message(bytes(changed))
        # After a failure nothing more is read, not even what would have been right.
        with pytest.raises(PeerError):
            reader.read_message(message)
        assert not reader.is_finished
        assert not reader.is_our_turn


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_handshake_message_cut_or_lengthened_is_noticed(place: int) -> None:
    length = len(advanced(place)[2])
    for cut in (0, 1, 31, 32, 33, 48, length - 1):
        reader, _, message = advanced(place)
        with pytest.raises(PeerError):
            reader.read_message(message[:cut])
    reader, _, message = advanced(place)
    with pytest.raises(PeerError):
        reader.read_message(message + b"\0")


def test_another_psk_or_another_prologue_fails_at_the_first_message() -> None:
    for initiator, responder in (
        link_sides(responder_psk=bytes(32)),
        link_sides(responder_prologue=b"other rules"),
    ):
        with pytest.raises(PeerError):
            responder.read_message(initiator.write_message(b""))


def test_a_message_of_another_handshake_is_refused() -> None:
    for place in (1, 2):
        reader, _, _ = advanced(place, seed=1)
        _, _, foreign = advanced(place, seed=2)
        with pytest.raises(PeerError):
            reader.read_message(foreign)


def test_a_low_order_ephemeral_key_is_refused_when_it_is_used() -> None:
    responder = HandshakeState(
        noise_protocol("Noise_NN_25519_ChaChaPoly_BLAKE2b"),
        is_initiator=False,
        entropy=SeededEntropy(1),
        kem=PYCA,
    )
    assert responder.read_message(bytes(32) + b"hello") == b"hello"
    with pytest.raises(PeerError):
        responder.write_message(b"")
    assert not responder.is_our_turn


@settings(max_examples=40)
@given(st.integers(0, 2), st.binary(max_size=1400))
def test_any_bytes_as_a_message_of_the_link_are_a_peer_error(place: int, anything: bytes) -> None:
    reader, _, message = advanced(place)
    if anything == message:
        return
    with pytest.raises(PeerError):
        reader.read_message(anything)


@settings(max_examples=60)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_into_an_open_pattern_give_a_value_or_a_peer_error(
    first: bytes, second: bytes
) -> None:
    responder = HandshakeState(
        noise_protocol("Noise_XX_25519_ChaChaPoly_BLAKE2b"),
        is_initiator=False,
        entropy=SeededEntropy(1),
        kem=PYCA,
        static=b"s" * 32,
    )
    try:
        assert responder.read_message(first) == first[32:]
        responder.write_message(b"")
    except PeerError:
        return
    with pytest.raises(PeerError):
        responder.read_message(second)


def test_a_payload_is_hidden_and_two_handshakes_share_no_bytes() -> None:
    initiators = [link_sides(seed=seed)[0] for seed in (1, 2)]
    first, second = (initiator.write_message(b"a payload to hide") for initiator in initiators)
    assert b"a payload to hide" not in first
    # Equal bytes at equal places are chance: one in 256.
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 30


def test_a_cipher_after_a_rekey_opens_nothing_from_before() -> None:
    initiator, responder = link_sides()
    responder.read_message(initiator.write_message(b""))
    initiator.read_message(responder.write_message(b""))
    responder.read_message(initiator.write_message(b""))
    (sending, _), (_, receiving) = initiator.split(), responder.split()
    sealed = sending.seal(b"", b"before")
    receiving.rekey()
    with pytest.raises(PeerError):
        receiving.open_sealed(b"", sealed)
    sending, receiving = initiator.split()[0], responder.split()[1]
    assert receiving.open_sealed(b"", sending.seal(b"", b"one")) == b"one"
    sending.rekey()
    receiving.rekey()
    assert receiving.open_sealed(b"", sending.seal(b"", b"two")) == b"two"
