"""Peers that a node must survive: they speak over real sockets, from a namespace of their own.

An `Insider` knows the mesh's key and finishes a handshake; what it sends then is up to the test.
"""

import os
import socket
import time
from typing import NoReturn

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.link.first_messages import FirstMessages, MeantFor
from mesh.link.link import HandshakeSetup, Link, own_hello
from mesh.wire.frames import Frame
from mesh.wire.parameters import MeshParameters
from tests.integration.networks import socket_in

_READ_BYTES = 65_536
_FRAMES_AT_ONCE = 2_000


class SystemChance:
    """The entropy of a stranger."""

    def draw(self, length: int) -> bytes:
        """So many random bytes."""
        return os.urandom(length)


def dial(namespace: str, address: tuple[str, int], *, within_s: float = 10) -> socket.socket:
    """Open a stream from a namespace."""
    stream = socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
    stream.settimeout(within_s)
    stream.connect(address)
    return stream


def read_to_end(stream: socket.socket) -> bytes:
    """Read until the other side hangs up; TimeoutError if it does not."""
    received = bytearray()
    try:
        while piece := stream.recv(_READ_BYTES):
            received += piece
    except ConnectionResetError:
        # Hung up with bytes of ours unread: that too is an end.
        pass
    return bytes(received)


def now() -> Instant:
    """The clocks of a stranger."""
    return Instant(Monotonic(time.monotonic_ns() // 1000), time.time_ns() // 1000)


class Insider:
    """The dialling end of a link over a blocking socket."""

    def __init__(self, stream: socket.socket, parameters: MeshParameters) -> None:
        self.stream = stream
        self.link = Link(
            HandshakeSetup(parameters, FirstMessages(), SystemChance(), PycaKem()),
            link_private=os.urandom(32),
            is_initiator=True,
            hello=own_hello(os.urandom(16), UnixSeconds(now().unix_seconds)),
            now=now(),
            first_payload=MeantFor.anybody(now().mesh).encode() if parameters.is_closed else b"",
        )

    def first_message(self) -> bytes:
        """The first block of the handshake, not sent."""
        return self.link.take_bytes(now())

    def open(self) -> None:
        """Walk through the handshake until frames may be exchanged."""
        self.stream.sendall(self.first_message())
        while not self.link.is_ready:
            self.read()

    def read(self) -> list[Frame]:
        """Take one read's worth of frames, and send what they ask for; PeerError at the end."""
        received = self.stream.recv(_READ_BYTES)
        if not received:
            raise PeerError("the node hung up")
        frames = self.link.receive(received, now())
        self.flush()
        return frames

    def send(self, frame: Frame) -> None:
        """Send one frame."""
        self.link.send(frame)
        self.flush()

    def read_for_ever(self) -> NoReturn:
        """Read until the node hangs up."""
        while True:
            self.read()

    def send_for_ever(self, frame: Frame) -> NoReturn:
        """Send the same frame in thousands, and read nothing, until the node hangs up."""
        while True:
            for _ in range(_FRAMES_AT_ONCE):
                self.link.send(frame)
            self.flush()

    def flush(self) -> None:
        """Send what the link has ready."""
        self.stream.sendall(self.link.take_bytes(now()))
