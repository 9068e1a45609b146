"""The Double Ratchet: a key of its own for each message, and fresh secrets with each answer.

Implements `docs/protocol/session.md`, section "Ratchet": Signal's Double Ratchet (revision 4,
section 3) over X25519, with an ML-KEM-768 secret mixed into the root at the first reply and then
after 16 chains or a day, so that who recorded the traffic needs to break both.

Theory of operation. A value machine: each step returns the ratchet after it, and the one before
stays whole, so a message that does not open has changed nothing. Sealing, and the rows in which
keys of messages that have not come yet wait, are the caller's. A sending chain begins when the
first message of it is sent, not when the other side's key comes: the fresh private key is younger
then, and it is known what time it is.

Only one side at a time holds a KEM key of the other, and each post-quantum step hands over the
next one, so these steps alternate like the others do.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, KEM_SEED_BYTES, Kem
from mesh.errors import PeerError, StorageError
from mesh.ids import UnixSeconds
from mesh.limits.sessions import (
    POST_QUANTUM_CHAINS,
    POST_QUANTUM_SECONDS,
    SKIPPED_PER_MESSAGE_MAX,
    STEP_REPEATED_SECONDS,
)
from mesh.wire.ratchet_header import RatchetHeader

LONG_HEADERS_AT_FIRST: Final = 4
LONG_HEADER_INTERVAL: Final = 16
NUMBER_MAX: Final = (1 << 32) - 1


class OutOfStep(PeerError):
    """An authentic message that this ratchet cannot open: one of both sides lost its state."""


class Chain(msgspec.Struct, frozen=True, array_like=True):
    """A chain of message keys: the next chain key and the number of the next message."""

    key: bytes
    number: int = 0

    def __repr__(self) -> str:
        return f"Chain(number={self.number})"


class PostQuantum(msgspec.Struct, frozen=True, array_like=True):
    """The slow half of a ratchet.

    `seed` is our KEM key that the other side has and did not use yet, `their_key` the other's;
    never both. `part` goes into the long headers of the present sending chain; `borne`: when it
    last did so because it was time.
    """

    seed: bytes | None
    their_key: bytes | None
    chains_count: int
    stepped: UnixSeconds
    part: bytes = b""
    borne: UnixSeconds = UnixSeconds(0)

    def __repr__(self) -> str:
        return f"PostQuantum(chains_count={self.chains_count})"


class Ratchet(msgspec.Struct, frozen=True, array_like=True):
    """One side of a session. `post_quantum` changes rarely and is stored apart."""

    root: bytes
    private: bytes
    public: bytes
    their_public: bytes | None
    sending: Chain | None
    receiving: Chain | None
    previous_count: int
    is_post_quantum: bool
    post_quantum: PostQuantum

    def __repr__(self) -> str:
        return "Ratchet(...)"

    @classmethod
    def initiator(
        cls,
        root: bytes,
        their_public: bytes,
        *,
        kem_seed: bytes | None,
        mesh_now: UnixSeconds,
    ) -> "Ratchet":
        """The side that writes first, to a prekey of the other.

        The other's first reply is encapsulated to the key of `kem_seed`.
        """
        post_quantum = PostQuantum(kem_seed, None, 0, mesh_now)
        return cls(root, b"", b"", their_public, None, None, 0, False, post_quantum)

    @classmethod
    def responder(
        cls,
        root: bytes,
        private: bytes,
        *,
        their_kem_key: bytes | None,
        mesh_now: UnixSeconds,
    ) -> "Ratchet":
        """The side whose prekey `private` the first message was written to."""
        # The first reply makes a post-quantum step.
        post_quantum = PostQuantum(None, their_kem_key, POST_QUANTUM_CHAINS, mesh_now)
        public = x25519_public(private)
        return cls(root, private, public, None, None, None, 0, False, post_quantum)

    # --- At rest ------------------------------------------------------------------------------

    @property
    def fast_bytes(self) -> bytes:
        """Return what changes with each message."""
        fast = _Fast(
            self.root,
            self.private,
            self.public,
            self.their_public,
            self.sending,
            self.receiving,
            self.previous_count,
            self.is_post_quantum,
        )
        return _encoder.encode(fast)

    @property
    def slow_bytes(self) -> bytes:
        """Return what changes with each chain."""
        return _encoder.encode(self.post_quantum)

    @classmethod
    def from_bytes(cls, fast_bytes: bytes, slow_bytes: bytes) -> "Ratchet":
        """The ratchet that was stored; StorageError if these are not its bytes."""
        try:
            fast = _fast_decoder.decode(fast_bytes)
            slow = _slow_decoder.decode(slow_bytes)
        except msgspec.DecodeError as error:
            raise StorageError("The vault holds a session that is damaged.") from error
        return cls(
            fast.root,
            fast.private,
            fast.public,
            fast.their_public,
            fast.sending,
            fast.receiving,
            fast.previous_count,
            fast.is_post_quantum,
            slow,
        )

    # --- Sending ------------------------------------------------------------------------------

    @property
    def can_send(self) -> bool:
        """Say whether there is a key of the other side: a responder waits for the first message."""
        return self.sending is not None or self.their_public is not None

    @property
    def is_unused(self) -> bool:
        """Say whether nothing was written or opened yet."""
        return self.sending is None and self.receiving is None

    def next_sending(
        self, *, entropy: Entropy, kem: Kem, mesh_now: UnixSeconds, tags_before: int = 0
    ) -> "Sending":
        """The key and the header of the next message, and the ratchet after it."""
        chain = self.sending
        if chain is None:
            return self._with_sending_chain(entropy, kem, mesh_now, tags_before)
        return self._sending(chain, None, mesh_now, tags_before)

    def _sending(
        self, chain: Chain, tag_root: bytes | None, mesh_now: UnixSeconds, tags_before: int
    ) -> "Sending":
        number = chain.number
        assert number < NUMBER_MAX
        key, message_key = _chain_step(chain.key)
        post_quantum, part = self.post_quantum, self.post_quantum.part
        if part and _is_due(post_quantum.borne, STEP_REPEATED_SECONDS, mesh_now):
            # Who comes back after those that bore it have lapsed needs it as well.
            post_quantum = msgspec.structs.replace(post_quantum, borne=mesh_now)
        elif part and not has_long_header(number):
            part = b""
        header = RatchetHeader(
            self.public, self.previous_count, number, self.is_post_quantum, part, tags_before
        )
        after = Ratchet(
            self.root,
            self.private,
            self.public,
            self.their_public,
            Chain(key, number + 1),
            self.receiving,
            self.previous_count,
            self.is_post_quantum,
            post_quantum,
        )
        return Sending(after, header, message_key, tag_root)

    def _with_sending_chain(
        self, entropy: Entropy, kem: Kem, mesh_now: UnixSeconds, tags_before: int
    ) -> "Sending":
        assert self.their_public is not None
        private = entropy.draw(X25519_BYTES)
        shared = x25519(private, self.their_public)
        post_quantum, kem_shared = _stepped(self.post_quantum, entropy, kem, mesh_now)
        root, key = _root_step(self.root, shared + kem_shared)
        begun = Ratchet(
            root,
            private,
            x25519_public(private),
            self.their_public,
            None,
            self.receiving,
            self.previous_count,
            bool(kem_shared),
            post_quantum,
        )
        tag_root = _tag_root(root) if kem_shared else None
        return begun._sending(Chain(key), tag_root, mesh_now, tags_before)

    # --- Receiving ----------------------------------------------------------------------------

    def receive(
        self,
        header: RatchetHeader,
        *,
        kem: Kem,
        mesh_now: UnixSeconds,
        find_skipped: "FindSkipped",
    ) -> "Receiving | Awaiting":
        """The key of a message that came, and the ratchet once it has opened.

        `find_skipped` is asked for a key that was kept for this chain and number. PeerError if
        the message was opened before or skips too many, OutOfStep if it cannot be of this ratchet.
        """
        present = self.receiving if header.public == self.their_public else None
        if present is not None and header.number >= present.number:
            return self._receive_on(self, present, header, ())
        kept = find_skipped(header.public, header.number)
        if kept is not None:
            name = SkippedName(header.public, header.number)
            return Receiving(self, kept, used=name)
        if present is not None:
            raise PeerError("a message that was opened before")
        if header.is_post_quantum and not header.kem_part:
            return Awaiting()
        return self._receive_new(header, kem, mesh_now)

    def _receive_new(self, header: RatchetHeader, kem: Kem, mesh_now: UnixSeconds) -> "Receiving":
        """A message of a chain that begins: the other side answered with a fresh key."""
        if not self.private:
            raise OutOfStep("an answer to what was never written here")
        skipped: tuple[Skipped, ...] = ()
        if self.receiving is not None:
            assert self.their_public is not None
            count = header.previous_count - self.receiving.number
            _, skipped = _skip(self.receiving, self.their_public, count)
        post_quantum, kem_shared = _answered(self.post_quantum, header, kem, mesh_now)
        shared = x25519(self.private, header.public)
        root, key = _root_step(self.root, shared + kem_shared)
        begun = Ratchet(
            root,
            self.private,
            self.public,
            header.public,
            None,
            None,
            self.previous_count if self.sending is None else self.sending.number,
            False,
            post_quantum,
        )
        tag_root = _tag_root(root) if kem_shared else None
        return self._receive_on(begun, Chain(key), header, skipped, tag_root=tag_root, is_new=True)

    @staticmethod
    def _receive_on(
        ratchet: "Ratchet",
        chain: Chain,
        header: RatchetHeader,
        skipped: "tuple[Skipped, ...]",
        *,
        tag_root: bytes | None = None,
        is_new: bool = False,
    ) -> "Receiving":
        chain_key = chain.key
        count = header.number - chain.number
        if count:
            if count + len(skipped) > SKIPPED_PER_MESSAGE_MAX:
                raise PeerError("a message that skips too many")
            chain_key, more = _skip(chain, header.public, count)
            skipped += more
        key, message_key = _chain_step(chain_key)
        after = Ratchet(
            ratchet.root,
            ratchet.private,
            ratchet.public,
            ratchet.their_public,
            ratchet.sending,
            Chain(key, header.number + 1),
            ratchet.previous_count,
            ratchet.is_post_quantum,
            ratchet.post_quantum,
        )
        return Receiving(after, message_key, skipped, None, tag_root, is_new)


class _Fast(msgspec.Struct, frozen=True, array_like=True):
    """A ratchet without its slow half."""

    root: bytes
    private: bytes
    public: bytes
    their_public: bytes | None
    sending: Chain | None
    receiving: Chain | None
    previous_count: int
    is_post_quantum: bool


_encoder: Final = msgspec.msgpack.Encoder()
_fast_decoder: Final = msgspec.msgpack.Decoder(_Fast)
_slow_decoder: Final = msgspec.msgpack.Decoder(PostQuantum)


def blank_ratchet() -> tuple[bytes, bytes]:
    """Return the two halves of a ratchet without a key: nothing is written or opened on it."""
    blank = Ratchet(
        b"", b"", b"", None, None, None, 0, False, PostQuantum(None, None, 0, UnixSeconds(0))
    )
    return blank.fast_bytes, blank.slow_bytes


class SkippedName(msgspec.Struct, frozen=True):
    """The message that a kept key is for: the public key of its chain, and its number."""

    public: bytes
    number: int


class Skipped(msgspec.Struct, frozen=True):
    """The key of a message that has not come yet."""

    name: SkippedName
    key: bytes

    def __repr__(self) -> str:
        return f"Skipped({self.name!r})"


FindSkipped = Callable[[bytes, int], bytes | None]
"""(public key of a chain, number) -> the key that was kept for it."""


class Sending(msgspec.Struct, frozen=True):
    """A message about to be sealed. `tag_root`: a post-quantum step made a new root for tags."""

    ratchet: Ratchet
    header: RatchetHeader
    message_key: bytes
    tag_root: bytes | None = None

    def __repr__(self) -> str:
        return "Sending(...)"


class Receiving(msgspec.Struct, frozen=True):
    """A message about to be opened, and what is to be kept if it does.

    `skipped` are keys to keep, `used` a kept key to erase. `is_new_chain`: nothing of its chain
    was opened before, so that if it does not open the two sides may have lost each other.
    """

    ratchet: Ratchet
    message_key: bytes
    skipped: tuple[Skipped, ...] = ()
    used: SkippedName | None = None
    tag_root: bytes | None = None
    is_new_chain: bool = False

    def __repr__(self) -> str:
        return "Receiving(...)"


class Awaiting(msgspec.Struct, frozen=True):
    """The message is of a chain whose post-quantum step has not come yet."""


def has_long_header(number: int) -> bool:
    """Say whether a message repeats its chain's post-quantum step, however soon it follows."""
    return number < LONG_HEADERS_AT_FIRST or number % LONG_HEADER_INTERVAL == 0


def _chain_step(key: bytes) -> tuple[bytes, bytes]:
    """The next chain key, and the message key."""
    both = blake2b(key, b"", b"mesh/dr/chain", 64)
    return both[:32], both[32:]


def _root_step(root: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """The next root, and the first key of a chain."""
    both = blake2b(root, secret, b"mesh/dr/root", 64)
    return both[:32], both[32:]


def _tag_root(root: bytes) -> bytes:
    return blake2b(root, b"", b"mesh/dr/tags", 32)


def _skip(chain: Chain, public: bytes, count: int) -> tuple[bytes, tuple[Skipped, ...]]:
    """Walk over messages that have not come: the chain key behind them, and their keys."""
    if count > SKIPPED_PER_MESSAGE_MAX:
        raise PeerError("a message that skips too many")
    skipped = []
    key = chain.key
    for number in range(chain.number, chain.number + count):
        key, message_key = _chain_step(key)
        skipped.append(Skipped(SkippedName(public, number), message_key))
    return key, tuple(skipped)


def _is_due(last: UnixSeconds, interval: int, mesh_now: UnixSeconds) -> bool:
    """Say whether so much time has passed. What was last by a clock that was ahead, and is set
    right, was perhaps long ago.
    """
    return not 0 <= mesh_now - last < interval


def _stepped(
    state: PostQuantum, entropy: Entropy, kem: Kem, mesh_now: UnixSeconds
) -> tuple[PostQuantum, bytes]:
    """A sending chain begins: the slow half after it, and the secret to mix in, if it is due."""
    is_due = state.chains_count >= POST_QUANTUM_CHAINS or _is_due(
        state.stepped, POST_QUANTUM_SECONDS, mesh_now
    )
    their_key = state.their_key
    if their_key is not None and is_due:
        try:
            ciphertext, shared = kem.encapsulate(their_key, entropy)
        except PeerError:
            # A key that is none: they do without post-quantum steps, as they wished.
            their_key = None
        else:
            seed = entropy.draw(KEM_SEED_BYTES)
            part = ciphertext + kem.public_key(seed)
            return PostQuantum(seed, None, 0, mesh_now, part, mesh_now), shared
    count = min(state.chains_count + 1, POST_QUANTUM_CHAINS)
    return PostQuantum(state.seed, their_key, count, state.stepped), b""


def _answered(
    state: PostQuantum, header: RatchetHeader, kem: Kem, mesh_now: UnixSeconds
) -> tuple[PostQuantum, bytes]:
    """A receiving chain begins: the slow half after it, and the secret in its long header."""
    if not header.is_post_quantum:
        count = min(state.chains_count + 1, POST_QUANTUM_CHAINS)
        return PostQuantum(state.seed, state.their_key, count, state.stepped), b""
    if state.seed is None:
        raise OutOfStep("a post-quantum step to no key of ours")
    shared = kem.decapsulate(state.seed, header.kem_part[:KEM_CIPHERTEXT_BYTES])
    their_key = header.kem_part[KEM_CIPHERTEXT_BYTES:]
    return PostQuantum(None, their_key, 0, mesh_now), shared
