"""Our ratchet and the `DoubleRatchet` package talk over a mesh that loses, repeats and reorders.

Each side opens what the other sealed, message by message; so both agree on every key. The same
weather is then laid over two of ours that make post-quantum steps.
"""

from dataclasses import dataclass, field
from random import Random

import pytest

from mesh.crypto.agreement import x25519_public
from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.sessions import POST_QUANTUM_SECONDS
from mesh.ratchet.double_ratchet import Ratchet
from tests.ratchet.foreign import Curve, ForeignSide
from tests.ratchet.side import Posted, Side, pair
from tests.searching import IS_SEARCH

CONVERSATIONS = 750 if IS_SEARCH else 150
STEPS = 30
KEM = PycaKem()


@dataclass
class Letter:
    """The letters of one side, and how often each was delivered and opened."""

    text: bytes
    posted: Posted
    opened_count: int = 0


@dataclass
class Weather:
    """Two sides and all that was ever written, in either direction."""

    sides: tuple[Side | ForeignSide, Side | ForeignSide]
    random: Random
    written: tuple[list[Letter], list[Letter]] = field(default_factory=lambda: ([], []))
    waited_count: int = 0

    def blow(self, steps: int) -> None:
        """Let both write, and deliver anything at any time: late, twice or never."""
        for _ in range(steps):
            writer = self.random.randrange(2)
            if self.random.random() < 0.55:
                self.write(writer)
            elif self.written[writer]:
                # Mostly something recent, and now and then something old.
                letters = self.written[writer]
                span = self.random.choice((1, 3, len(letters)))
                self.deliver(writer, self.random.choice(letters[-span:]))

    def write(self, writer: int) -> None:
        """Write one message, if its writer already can."""
        side, letters = self.sides[writer], self.written[writer]
        if side.can_send:
            text = b"%d/%d" % (writer, len(letters))
            letters.append(Letter(text, side.seal(text)))

    def deliver(self, writer: int, letter: Letter) -> None:
        """Deliver one message; at its first time it opens, and never again."""
        try:
            text = self.sides[1 - writer].open(letter.posted)
        except PeerError:
            assert letter.opened_count == 1, "a message that is new was refused"
            return
        if text is None:
            self.waited_count += 1
            return
        assert text == letter.text
        letter.opened_count += 1
        assert letter.opened_count == 1, "a message was opened twice"

    def clear_up(self) -> None:
        """Lose some for ever and deliver the others in random order; all that can open has."""
        remaining = [
            (writer, letter)
            for writer in (0, 1)
            for letter in self.written[writer]
            if letter.opened_count or self.random.random() < 0.8
        ]
        for _ in range(3):
            self.random.shuffle(remaining)
            for writer, letter in remaining:
                self.deliver(writer, letter)
        began = {letter.posted.header.public for _, letter in remaining if is_beginning(letter)}
        for _, letter in remaining:
            assert letter.opened_count == (letter.posted.header.public in began)


def is_beginning(letter: Letter) -> bool:
    """Say whether this message alone lets its chain begin; each does without a post-quantum
    step.
    """
    header = letter.posted.header
    return not header.is_post_quantum or bool(header.kem_part)


def with_foreign(
    random: Random, *, is_ours_first: bool
) -> tuple[Side | ForeignSide, Side | ForeignSide]:
    """(initiator, responder): one of them is ours, without post-quantum steps."""
    root, private = random.randbytes(32), random.randbytes(32)
    Curve.random = Random(random.getrandbits(64))
    public, now = x25519_public(private), UnixSeconds(0)
    if is_ours_first:
        ratchet = Ratchet.initiator(root, public, kem_seed=None, mesh_now=now)
        ours = Side(ratchet, kem=KEM, seed=random.getrandbits(64))
        return ours, ForeignSide(root, private=private, their_public=None)
    ratchet = Ratchet.responder(root, private, their_kem_key=None, mesh_now=now)
    ours = Side(ratchet, kem=KEM, seed=random.getrandbits(64))
    return ForeignSide(root, private=None, their_public=public), ours


@pytest.mark.parametrize("is_ours_first", [True, False], ids=["we begin", "they begin"])
@pytest.mark.parametrize("seed", range(2))
def test_each_opens_every_message_of_the_other_once(seed: int, is_ours_first: bool) -> None:
    random = Random(f"{seed}/{is_ours_first}")
    written_count = 0
    for _ in range(CONVERSATIONS):
        weather = Weather(with_foreign(random, is_ours_first=is_ours_first), random)
        weather.blow(STEPS)
        weather.clear_up()
        assert weather.waited_count == 0
        written_count += sum(map(len, weather.written))
    assert written_count > 10 * CONVERSATIONS


def test_one_conversation_of_many_chains_with_the_other_implementation() -> None:
    random = Random(3)
    for is_ours_first in (True, False):
        weather = Weather(with_foreign(random, is_ours_first=is_ours_first), random)
        weather.blow(1_500)
        weather.clear_up()
        chains = {letter.posted.header.public for letter in weather.written[0]}
        assert len(chains) > 50


@pytest.mark.parametrize("seed", range(4))
def test_two_of_ours_open_every_message_once_with_post_quantum_steps(seed: int) -> None:
    random = Random(f"ours/{seed}")
    steps_count = waited_count = 0
    for _ in range(CONVERSATIONS // 5):
        weather = Weather(pair(random, kem=KEM, is_post_quantum=True), random)
        weather.blow(STEPS)
        for side in weather.sides:
            assert isinstance(side, Side)
            side.mesh_now = UnixSeconds(POST_QUANTUM_SECONDS)
        weather.blow(STEPS)
        weather.clear_up()
        steps_count += sum(side.steps_count for side in weather.sides if isinstance(side, Side))
        waited_count += weather.waited_count
    assert steps_count > CONVERSATIONS // 5, "most conversations made one"
    assert waited_count > 0, "no message ever overtook the long header of its chain"
