"""A peer that is no engine: a real link, over which a test sends what it likes."""

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import Address, Instant, LinkId, LinkKey, Monotonic, UnixSeconds
from mesh.inputs import BytesReceived, Connected
from mesh.link.first_messages import (
    NAME_BYTES,
    FirstMessages,
    MeantBy,
    MeantFor,
    host_name_of,
)
from mesh.link.link import HandshakeSetup, Link, own_hello
from mesh.peering.segments import packed
from mesh.wire.frames import Frame
from tests.engine.joined import START_US, Joined
from tests.entropy import SeededEntropy


class Stranger:
    """Knows the psk, dials one engine of the table, and hears what it is answered."""

    def __init__(
        self,
        table: Joined,
        name: str,
        *,
        number: int = 1,
        host: str = "",
        local_host: str = "",
        private: bytes = b"",
    ) -> None:
        """`private`: the half of its link key that nobody sees, if it is not a random one."""
        self.heard: list[Frame] = []
        table.strangers_count += 1
        self.link_id = LinkId(1_000_000 + table.strangers_count)
        self._table = table
        self._name = name
        entropy = SeededEntropy(7_000 + table.strangers_count)
        self.private = private or entropy.draw(32)
        self._link = Link(
            HandshakeSetup(table.parameters, FirstMessages(), entropy, PycaKem()),
            link_private=self.private,
            is_initiator=True,
            hello=own_hello(entropy.draw(16), UnixSeconds(self.now.unix_seconds)),
            now=self.now,
            first_payload=_meant_for(local_host, self.now) if table.parameters.is_closed else b"",
        )
        table.strangers[self.link_id] = self._hear
        address = Address(host or f"10.0.9.{number}", 1)
        connected = Connected(self.link_id, None, address, local_host)
        table.seats[name].inbox.append(connected)
        self.flush()

    @property
    def now(self) -> Instant:
        """The time at the table, on a clock that is right."""
        return Instant(Monotonic(self._table.now_us), START_US + self._table.now_us)

    @property
    def is_open(self) -> bool:
        """Say whether the engine still holds the link."""
        return self.link_id in self._table.strangers and self._link.is_ready

    @property
    def key(self) -> LinkKey:
        """The link key that the engine sees."""
        return self._link.local_key

    def send(self, *frames: Frame) -> None:
        """Send frames in one piece, and let the table come to rest."""
        for frame in frames:
            self._link.send(frame)
        self.flush()

    def send_raw(self, data: bytes) -> None:
        """Send bytes that no link has sealed."""
        self._table.seats[self._name].inbox.append(BytesReceived(self.link_id, data))
        self._table.run()

    def flush(self) -> None:
        """Let everything arrive on both sides."""
        while data := self._link.take_bytes(self.now):
            self._table.seats[self._name].inbox.append(BytesReceived(self.link_id, data))
            self._table.run()

    def keep_alive(self) -> None:
        """Say something if it is time, as an honest peer does."""
        if self.is_open:
            self._link.deadline_passed(self.now)
        self.flush()

    def _hear(self, data: bytes) -> None:
        try:
            self.heard += self._link.receive(data, self.now)
        except PeerError:
            self._table.strangers.pop(self.link_id, None)


def _meant_for(local_host: str, now: Instant) -> bytes:
    """Return what says that an engine is meant, at the address at which it is called."""
    host = packed(Address(local_host, 0))
    name = bytes(NAME_BYTES) if host is None else host_name_of(host)
    return MeantFor(MeantBy.HOST, name, now.mesh).encode()
