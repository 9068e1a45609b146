"""Hostile peers of a running node lose their link, and are counted."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.crypto.signing import verify_key_of
from mesh.errors import PeerError
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.limits.link import HANDSHAKE_TIMEOUT_MS
from mesh.limits.node import STREAMS_ACCEPTED_MAX
from mesh.wire.envelope import CREATED_ROUNDING_S, VERSION, Header, body_bytes, sign_envelope
from mesh.wire.frames import Frame, IWant, Ping, Push
from mesh.wire.parameters import MeshParameters
from tests.integration.making import made_with
from tests.integration.meshes import CLOSED, closed_config
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import wait_for_links, wait_for_text
from tests.integration.strangers import Insider, dial, now, read_to_end
from tests.integration.traces import resident_bytes

pytestmark = pytest.mark.netns

HANGS_UP_WITHIN_S = HANDSHAKE_TIMEOUT_MS / 1000 + 20
"""And what a busy machine takes for it."""

MEMORY_GROWTH_BYTES_MAX = 64 * 1024 * 1024
DESCRIPTORS_BESIDE_LINKS_MAX = 64
FLOOD = 300


class Target:
    """Ben's node on a bridge with Anna's, and a stranger's laptop beside them."""

    def __init__(self, anna: Node, ben: Node, stranger: str, host: str) -> None:
        self.anna = anna
        self.ben = ben
        self.stranger = stranger
        self.host = host

    def dial(self) -> socket.socket:
        """Open a stream to Ben from the stranger's laptop."""
        address = (self.host, self.ben.listening_port())
        return dial(self.stranger, address, within_s=HANGS_UP_WITHIN_S)

    @contextlib.contextmanager
    def insider(self) -> Iterator[Insider]:
        """Finish a handshake with Ben, as someone who knows the mesh's key."""
        with self.dial() as stream:
            insider = Insider(stream, CLOSED)
            insider.open()
            yield insider

    def counted(self, name: str) -> int:
        """One of the counters that `mesh status` shows."""
        return self.ben.status().counters.get(name, 0)

    def faults(self) -> int:
        """Links that ended for something that the other side did wrong."""
        return self.counted("links_faulted")


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Ben and Anna, linked and acquainted, for all tests of this file."""
    folder = tmp_path_factory.mktemp("neighbours")
    with Desk() as desk, made_with(folder, closed_config(folder)) as make_node:
        bridge = desk.bridge("left")
        laptops = [desk.laptop(bridge) for _ in range(3)]
        anna, ben = make_node(laptops[0], "Anna"), make_node(laptops[1], "Ben")
        start_all(anna, ben)
        # A handshake of theirs that takes too long on a busy machine is a fault as well.
        wait_for_links(ben, 1)
        befriend(ben, anna, inviter_label="ben")
        yield Target(anna, ben, laptops[2], desk.address(laptops[1], bridge))


@pytest.fixture
def target(neighbours: Target) -> Iterator[Target]:
    """Ben under attack; whatever happens, he and Anna must still be able to talk afterwards."""
    anna, ben = neighbours.anna, neighbours.ben
    memory = resident_bytes(ben.pid)
    yield neighbours
    wait_for_links(ben, 1)
    text = f"after attack {len(anna.messages())}"
    anna.run("send", "ben", text)
    wait_for_text(ben, text)
    assert resident_bytes(ben.pid) - memory < MEMORY_GROWTH_BYTES_MAX


def test_random_bytes_and_absurd_lengths_are_hung_up_on_and_counted(target: Target) -> None:
    before = target.faults()
    garbage = [os.urandom(5_000), b"\xff\xff" + bytes(70_000), b"\0\0", b"GET / HTTP/1.1\r\n\r\n"]
    for sent in garbage:
        with target.dial() as stream:
            with contextlib.suppress(ConnectionError):
                stream.sendall(sent)
            assert read_to_end(stream) == b""
    eventually(
        target.faults,
        lambda faults: faults == before + len(garbage),
        within_s=60,
        what="a count for each stranger",
    )
    assert "fault" in target.ben.run("status", "--json")


def test_half_a_handshake_is_given_up_in_time(target: Target) -> None:
    fault = "fault: handshake took too long"
    before = target.counted(fault)
    with target.dial() as first, target.dial() as second:
        first.sendall(Insider(first, CLOSED).first_message()[:700])
        halfway = Insider(second, CLOSED)
        second.sendall(halfway.first_message())
        assert read_to_end(first) == b""
        answer = read_to_end(second)
    assert len(answer) == 2 + 1_200
    eventually(
        lambda: target.counted(fault),
        lambda count: count == before + 2,
        within_s=60,
        what="both counted",
    )


def test_who_is_not_of_the_closed_mesh_gets_silence(target: Target) -> None:
    open_mesh = MeshParameters(CLOSED.name, CLOSED.stamp_bits, CLOSED.key_quota)
    other_rules = MeshParameters("other", CLOSED.stamp_bits, CLOSED.key_quota, CLOSED.psk)
    for parameters in (open_mesh, other_rules):
        with target.dial() as stream:
            stream.sendall(Insider(stream, parameters).first_message())
            assert read_to_end(stream) == b""
    with target.insider() as member:
        assert member.link.is_ready


def test_a_replayed_first_message_gets_silence_also_after_a_restart(target: Target) -> None:
    with target.dial() as stream:
        member = Insider(stream, CLOSED)
        recorded = member.first_message()
        stream.sendall(recorded)
        assert len(stream.recv(65_536)) > 0
    for _ in range(2):
        with target.dial() as stream:
            stream.sendall(recorded)
            assert read_to_end(stream) == b""
        target.ben.kill()
        target.ben.start()
        target.ben.wait_until_up()
    wait_for_links(target.ben, 1)


def test_a_member_who_sends_nonsense_loses_its_link(target: Target) -> None:
    before = target.faults()
    nonsense: list[Frame] = [
        Push(envelope=bytes([VERSION]) + b"cut"),
        Push(envelope=forged_envelope()),
        IWant(b"cut"),
    ]
    for frame in nonsense:
        with target.insider() as member:
            member.send(frame)
            with pytest.raises((PeerError, ConnectionResetError)):
                member.read_for_ever()
    eventually(
        target.faults,
        lambda faults: faults == before + len(nonsense),
        within_s=60,
        what="a count for each fault",
    )


def forged_envelope() -> bytes:
    """An envelope in good form whose signature is not its posting key's."""
    header = Header(
        size_class=0,
        lifetime_class=1,
        created=UnixSeconds(now().unix_seconds // CREATED_ROUNDING_S * CREATED_ROUNDING_S),
        tag=Tag(os.urandom(16)),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(verify_key_of(os.urandom(32))),
        stamp=bytes(12),
    )
    return sign_envelope(header, bytes(body_bytes(0)), os.urandom(32)).data


def test_a_member_who_floods_with_frames_loses_its_link(target: Target) -> None:
    before = target.faults()
    with target.insider() as member, pytest.raises(ConnectionError):
        member.send_for_ever(Ping())
    eventually(target.faults, lambda faults: faults > before, within_s=60, what="the count")


def test_a_flood_of_connections_costs_bounded_descriptors_and_passes(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(target.dial()) for _ in range(FLOOD)]
        descriptors = len(list(Path(f"/proc/{target.ben.pid}/fd").iterdir()))
        assert descriptors < STREAMS_ACCEPTED_MAX + DESCRIPTORS_BESIDE_LINKS_MAX
        assert target.ben.links_count() == 1
        target.anna.run("send", "ben", "during")
        wait_for_text(target.ben, "during")
        for stream in streams:
            stream.close()
    pushed_out = target.counted("handshakes_pushed_out")
    assert pushed_out + target.counted("links_refused") > 0
