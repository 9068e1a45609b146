"""Links without secrecy: the sizes and laws of real ones, and worlds that do the same over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.agreement import x25519_public
from mesh.errors import PeerError
from mesh.link.link import BeginHandshake, Handshake, begin_noise
from sim.hosts.modelled_kem import ModelledKem
from sim.hosts.plain_links import MESSAGES_BYTES, PlainCipher, begin_plainly
from sim.kernel.entropy import SeededEntropy
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from sim.schema.settings import with_settings

SMALL = """
schema = 1
name = "plain"
summary = "Five nodes, cut and healed, one of them crashing."
nodes = 5
settle_s = 120
probe_s = 5

[workload]
boot_within_s = 2
befriend_between_s = [3, 5]
contacts = 2
write_between_s = [6, 30]
messages_per_second = 1

[[faults]]
kind = "halves"
at_s = 10
for_s = 10

[[faults]]
kind = "crashes"
between_s = [8, 20]
share = 0.3
down_s = [1, 5]
"""

STATIC = bytes(range(32))


def side(begin: BeginHandshake, *, is_initiator: bool, psk: bytes = bytes(32)) -> Handshake:
    return begin(
        is_initiator=is_initiator,
        entropy=SeededEntropy(1, int(is_initiator)),
        kem=ModelledKem(),
        prologue=b"mesh",
        static=STATIC,
        psk=psk,
    )


def shaken(begin: BeginHandshake) -> tuple[Handshake, Handshake, list[int]]:
    sides = side(begin, is_initiator=True), side(begin, is_initiator=False)
    sizes = []
    while not sides[0].is_finished:
        writer, reader = sides if sides[0].is_our_turn else sides[::-1]
        message = writer.write_message(b"")
        sizes.append(len(message))
        assert reader.read_message(message) == b""
    return *sides, sizes


def test_a_plain_handshake_has_the_sizes_of_a_real_one_and_draws_as_much_chance() -> None:
    *plain, sizes = shaken(begin_plainly)
    *_, real_sizes = shaken(begin_noise)
    assert sizes == real_sizes == list(MESSAGES_BYTES)
    assert plain[0].handshake_hash == plain[1].handshake_hash
    assert plain[0].remote_static == plain[1].remote_static == x25519_public(STATIC)
    streams = [SeededEntropy(1, "drawn") for _ in range(2)]
    for begin, entropy in zip((begin_plainly, begin_noise), streams, strict=True):
        begin(
            is_initiator=True,
            entropy=entropy,
            kem=ModelledKem(),
            prologue=b"",
            static=STATIC,
            psk=bytes(32),
        ).write_message(b"")
    assert streams[0].draw(8) == streams[1].draw(8)


def test_a_node_of_another_mesh_is_refused() -> None:
    message = side(begin_plainly, is_initiator=True, psk=b"\1" * 32).write_message(b"")
    with pytest.raises(PeerError):
        side(begin_plainly, is_initiator=False).read_message(message)


@given(st.binary(max_size=1_300))
def test_no_bytes_of_chance_open_a_handshake_or_a_record(received: bytes) -> None:
    with pytest.raises(PeerError):
        side(begin_plainly, is_initiator=False).read_message(received)
    with pytest.raises(PeerError):
        PlainCipher().open_sealed(b"", received)


@given(st.binary(max_size=100), st.integers(0), st.integers(1, 255))
def test_a_box_that_was_changed_or_comes_again_does_not_open(
    plaintext: bytes, place: int, change: int
) -> None:
    sealing, opening = PlainCipher(), PlainCipher()
    sealed = sealing.seal(b"", plaintext)
    changed = bytearray(sealed)
    changed[place % len(changed)] ^= change
    with pytest.raises(PeerError):
        PlainCipher().open_sealed(b"", bytes(changed))
    assert opening.open_sealed(b"", sealed) == plaintext
    with pytest.raises(PeerError):
        opening.open_sealed(b"", sealed)


@pytest.mark.world
def test_a_world_does_the_same_at_the_same_instants_over_plain_links() -> None:
    did = []
    for noise in (True, False):
        scenario = with_settings(parse_scenario(SMALL), {"wire.noise": noise})
        world = World(scenario, Options(seed=4, is_crypto_real=False))
        run_to_verdict(world, lambda world: None)
        delays = [letter.delivered_at for letter in world.message_log.messages]
        did.append(
            (
                world.loop.now,
                world.loop.events_count,
                world.trace.records_count,
                world.network.counters.bytes_sent,
                world.sums.by_name,
                delays,
            )
        )
    assert did[0] == did[1]
    assert did[0][1] > 1_000
