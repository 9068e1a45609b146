"""Our link keys: the one of today and this network, and the last ones before it.

Implements `docs/protocol/link.md`, section "Keys of a link". With each key goes an instance name,
which discovery announces and our Hello repeats; nothing ties them to the former ones.
"""

from typing import Final

from mesh.crypto.agreement import x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.ids import Instant, LinkKey, Monotonic
from mesh.limits.link import FORMER_INSTANCE_MS, LINK_KEY_AGE_MIN_MS, LINK_KEYS_REMEMBERED
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.parameters import MeshParameters

INSTANCE_BYTES: Final = 8
_NONCE_PADDING_BYTES: Final = 8
_DAY_US: Final = SECONDS_PER_DAY * 1_000_000


class LinkKeys:
    """Our key on links, until midnight or another network."""

    def __init__(self, parameters: MeshParameters, entropy: Entropy) -> None:
        self._parameters = parameters
        self._entropy = entropy
        self._own: list[LinkKey] = []
        self._day = 0
        self._midnight = Monotonic(0)
        self._drawn_at = Monotonic(0)
        self._former_name = b""
        self.private = b""
        self.hello_nonce = b""

    @property
    def current(self) -> LinkKey:
        """The link key of today and this network."""
        return self._own[-1]

    @property
    def instance(self) -> str:
        """The instance name that goes with it."""
        return self.hello_nonce[:INSTANCE_BYTES].hex()

    def is_own(self, key: LinkKey) -> bool:
        """Say whether it is ours, or was lately."""
        return key in self._own

    def is_named(self, name: bytes, now: Instant) -> bool:
        """Say whether we are called so, or were until a moment ago on this network."""
        if name == self.hello_nonce[:INSTANCE_BYTES]:
            return True
        is_late = now.monotonic - self._drawn_at > FORMER_INSTANCE_MS * 1000
        return not is_late and name == self._former_name

    def renew(self, now: Instant, *, is_new_network: bool) -> None:
        """Draw a new link key and instance name."""
        self._former_name = b"" if is_new_network else self.hello_nonce[:INSTANCE_BYTES]
        self.private = self._entropy.draw(32)
        self._own.append(LinkKey(x25519_public(self.private)))
        del self._own[:-LINK_KEYS_REMEMBERED]
        name = self._entropy.draw(INSTANCE_BYTES)
        self.hello_nonce = name + self._entropy.draw(_NONCE_PADDING_BYTES)
        self._look_at_day(now)
        self._drawn_at = now.monotonic

    def is_over(self, now: Instant) -> bool:
        """Say whether midnight has passed since the last call, and the key is not young.

        It may be a peer that corrected our clock: then a young key is good enough.
        """
        if self._look_at_day(now):
            return False
        return now.monotonic - self._drawn_at >= LINK_KEY_AGE_MIN_MS * 1000

    def deadline(self) -> Monotonic:
        """Return when midnight is: whoever came a little later would show what woke it."""
        return self._midnight

    def hint(self, instance: str) -> str | None:
        """Return what an announcement of our mesh says beside an instance name."""
        if not self._parameters.is_closed:
            return None
        return blake2b(b"", self._parameters.psk + instance.encode(), b"", 4).hex()

    def _look_at_day(self, now: Instant) -> bool:
        """Note which day it is and when it ends; say whether it is the one of before."""
        mesh_us = now.wall + (now.mesh - now.unix_seconds) * 1_000_000
        self._midnight = Monotonic(now.monotonic + _DAY_US - mesh_us % _DAY_US)
        former, self._day = self._day, now.mesh // SECONDS_PER_DAY
        return former == self._day
