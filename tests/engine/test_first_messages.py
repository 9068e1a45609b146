"""Replays in a closed mesh: what was recorded of a call to one member is answered by no other."""

import pytest

from mesh.commands.peers import AddPeer
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.effects import Announce, Dial, SendBytes
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.ids import Address, Instant, LinkId, Monotonic, RequestId
from mesh.inputs import Asked, BytesReceived, Connected, NetworksSeen, OwnAddress, PeerSeen
from mesh.limits.link import FIRST_MESSAGE_SECONDS, FORMER_INSTANCE_MS
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store
from tests.engine.joined import TEST_MESH
from tests.entropy import SeededEntropy

START_US = 1_700_000_000_000_000
CALLED = Address("10.0.0.2", 41_730)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1_000), START_US + ms * 1_000)


class Member:
    """A node of the closed mesh, by hand: streams to it are ours."""

    def __init__(self, seed: int, host: str) -> None:
        store = connect(None, None)
        migrate_store(store)
        self.host = host
        self.instance = ""
        self._links = 0
        self.dials: list[Dial] = []
        self.engine = Engine(
            settings=EngineSettings(parameters=TEST_MESH),
            store=store,
            entropy=SeededEntropy(seed),
            kem=PycaKem(),
            verify=is_signature_valid,
            now=at(0),
        )
        network = NetworksSeen((OwnAddress("eth0", 2, host, 24),))
        self.handle(network)

    def handle(self, *inputs: object, now: Instant | None = None) -> bytes:
        """Return what it sends."""
        sent = b""
        # The test hands in inputs only.
        for effect in self.engine.handle(list(inputs), now or at(1)):  # type: ignore[arg-type]
            match effect:
                case Announce(instance):
                    self.instance = instance
                case Dial():
                    self.dials.append(effect)
                case SendBytes(_, data):
                    sent += data
                case _:
                    pass
        return sent

    def answer(self, first_message: bytes, *, now: Instant | None = None) -> bytes:
        """Return what it says to who plays this message to it."""
        self._links += 1
        link = LinkId(100 + self._links)
        called = Connected(link, None, Address("10.0.0.66", 1), self.host)
        return self.handle(called, BytesReceived(link, first_message), now=now)

    def call(self, address: Address, *, now: Instant | None = None) -> bytes:
        """Return the first message of the call that it is about to make."""
        moment = now or at(5_000)
        self.handle(now=moment)
        dial = self.dials.pop()
        assert dial.address == address
        return self.handle(Connected(LinkId(1), dial.dial, address, self.host), now=moment)


def recorded(how: str) -> tuple[bytes, Member, Member]:
    """A call of Anna's to Ben that somebody has heard; Ben, and Cleo who was not called."""
    anna, ben, cleo = (
        Member(seed, host) for seed, host in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1)
    )
    if how == "announced":
        anna.handle(PeerSeen(ben.instance, (CALLED,), hint_of(ben.instance)))
        return anna.call(CALLED), ben, cleo
    address = CALLED if how == "typed" else Address("198.51.100.2", 41_730)
    anna.handle(Asked(RequestId(1), AddPeer(str(address))))
    return anna.call(address), ben, cleo


def hint_of(instance: str) -> str:
    """Return what a member says of the mesh beside its name."""
    return blake2b(b"", TEST_MESH.psk + instance.encode(), b"", 4).hex()


@pytest.mark.parametrize("how", ["announced", "typed"])
def test_a_call_to_one_member_is_answered_by_no_other(how: str) -> None:
    heard, ben, cleo = recorded(how)
    assert cleo.answer(heard, now=at(6_000)) == b""
    assert ben.answer(heard, now=at(6_000)) != b""
    assert ben.answer(heard, now=at(7_000)) == b""


def test_a_call_beyond_a_router_is_answered_for_an_hour() -> None:
    late_ms = FIRST_MESSAGE_SECONDS * 1_000
    heard, ben, _ = recorded("far")
    assert ben.answer(heard, now=at(late_ms + 60_000)) == b""
    heard, ben, _ = recorded("far")
    assert ben.answer(heard, now=at(late_ms - 60_000)) != b""


def test_a_call_to_an_address_is_answered_by_a_clock_that_is_years_off() -> None:
    heard, ben, _ = recorded("typed")
    years_us = 10 * 365 * 86_400_000_000
    assert ben.answer(heard, now=Instant(Monotonic(6_000_000), START_US - years_us)) != b""


def test_a_call_to_a_name_is_answered_while_it_is_in_use() -> None:
    heard, ben, _ = recorded("announced")
    day_ms = 86_400_000
    # Names change at midnight; who has just found the former one is not left standing.
    to_midnight_ms = day_ms - (START_US // 1_000) % day_ms
    ben.handle(now=at(to_midnight_ms + 1_000))
    assert ben.answer(heard, now=at(to_midnight_ms + 2_000)) != b""
    heard, ben, _ = recorded("announced")
    ben.handle(now=at(to_midnight_ms + 1_000))
    assert ben.answer(heard, now=at(to_midnight_ms + FORMER_INSTANCE_MS + 2_000)) == b""
