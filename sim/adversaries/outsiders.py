"""Behaviours of those who never finish a handshake."""

from typing import Final

from mesh.ids import Instant, LinkId
from mesh.limits.link import HANDSHAKE_MESSAGE_BYTES_MAX
from sim.adversaries.behaviour import Behaviour

FIRST_MESSAGE_BYTES: Final = 1_300
"""About what the first message of a handshake has: a public key of ML-KEM and one of X25519."""


class MalformedHandshakes(Behaviour):
    """Begins with random bytes: too short, too long, or of a believable length."""

    links_per_target = 4

    def first_bytes(self, *, is_dialled: bool) -> bytes | None:
        """Any of that, also to who dialled it."""
        length = self.chance.pick((0, 1, FIRST_MESSAGE_BYTES, HANDSHAKE_MESSAGE_BYTES_MAX, 0xFFFF))
        body = self.entropy.draw(min(length, FIRST_MESSAGE_BYTES))
        return length.to_bytes(2, "big") + body


class SlowLoris(Behaviour):
    """Holds many streams, and gives each a byte now and then."""

    links_per_target = 16

    def first_bytes(self, *, is_dialled: bool) -> bytes | None:
        """The length of a first message that will take for ever."""
        return FIRST_MESSAGE_BYTES.to_bytes(2, "big")

    def raw_opened(self, link: LinkId) -> None:
        """One more to feed."""
        self.links[link] = None

    def act(self, now: Instant) -> None:
        """A byte for each."""
        for link in self.links:
            self.write_raw(link, b"\x00")
