"""The live comparison: two persons look whether both their screens show the same.

Implements `docs/protocol/trust.md`, section "Live comparison". A frozen value machine that knows
neither the messenger nor a link: its caller carries controls (a kind of `wire/controls.py` and
bytes) to the other side, over whatever channel is to be proved.

    comparison = Comparison(ours, theirs)                       two different byte strings
    comparison, controls = comparison.ask(entropy, mesh_now)    the person begins or takes up theirs
    comparison, controls = comparison.came(kind, data, entropy, mesh_now)    PeerError if malformed
    comparison, controls = comparison.say(is_equal=True)        the person's verdict
    comparison = comparison.expired(mesh_now)                   itself, or idle after a day
    comparison.stage, .emoji, .numbers, .is_over                what is shown
    comparison.encode(), Comparison.decode(ours, theirs, data)  for a row

Theory of operation. *First* commits to a nonce, *second* answers with one in clear, first reveals;
what is shown grows from both nonces and from who both believe to be. Whoever sits in the middle
must choose his nonces before he knows those of the two, so that both screens agree by chance only:
once in 2^42 for the pictures, 2^39 for the numbers. `matched` needs both verdicts. When both begin
at once, the side with the lower byte string stays first and the other yields. Each side numbers its
commitments upwards, so that one that comes late never replaces what follows it, and every later
control names the commitment that it belongs to. What is late, repeated or strange changes nothing.
"""

from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final, Literal, assert_never

import msgspec

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.contacts import COMPARISON_SECONDS_MAX
from mesh.ratchet.emoji import EMOJI
from mesh.wire.controls import COMPARE_ANSWER, COMPARE_COMMIT, COMPARE_REVEAL, COMPARE_VERDICT

Stage = Literal["none", "asked by us", "asked by them", "compare", "matched", "failed"]
Failure = Literal["said here", "said there", "broken"]
"""Who said that the screens differ; *broken*: what was revealed is not what was committed to."""

Control = tuple[int, bytes]

NONCE_BYTES: Final = 32
COMMIT_BYTES: Final = 32
REFERENCE_BYTES: Final = 16
EMOJI_SHOWN: Final = 7
NUMBERS_SHOWN: Final = 3
_NUMBER: Final = Struct(">I")
_LENGTH: Final = Struct(">H")
_SHOWN_BYTES: Final = 11


class _State(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The root of all states; a nonce that is not revealed is a secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Idle(_State, frozen=True, tag="idle"):
    """Nothing is under way."""


class Asked(_State, frozen=True, tag="asked"):
    """Our commitment is on its way to them."""

    begun: int
    commit: bytes
    nonce: bytes


class Offered(_State, frozen=True, tag="offered"):
    """Theirs came, and our person has not taken it up."""

    begun: int
    commit: bytes
    number: int


class Answered(_State, frozen=True, tag="answered"):
    """We took it up; their nonce is awaited. Their verdict may come before it."""

    begun: int
    commit: bytes
    number: int
    nonce: bytes
    is_equal_there: bool | None = None


class Comparing(_State, frozen=True, tag="comparing"):
    """Both nonces are known. `nonce` is our own, in case that they ask for it again."""

    begun: int
    commit: bytes
    nonce: bytes
    other_nonce: bytes
    is_first: bool
    shown: bytes
    is_equal_here: bool | None = None
    is_equal_there: bool | None = None


class Matched(_State, frozen=True, tag="matched"):
    """Both persons said that they see the same."""

    begun: int
    commit: bytes
    shown: bytes


class Failed(_State, frozen=True, tag="failed"):
    """Nothing is proved."""

    begun: int
    commit: bytes
    failure: Failure


State = Idle | Asked | Offered | Answered | Comparing | Matched | Failed


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """The content of a row."""

    state: State
    our_number: int
    their_number: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One live comparison between `ours` and `theirs`, or none.

    `our_number` and `their_number` are the highest number of a commitment of either side.
    """

    ours: bytes
    theirs: bytes
    state: State = field(default=Idle())
    our_number: int = 0
    their_number: int = 0

    def __post_init__(self) -> None:
        assert self.ours != self.theirs, "nobody compares with himself"

    # --- What is shown ------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        """Return where it stands. Who has taken up theirs has asked as well: both wait for the
        other.
        """
        match self.state:
            case Idle():
                return "none"
            case Asked() | Answered():
                return "asked by us"
            case Offered():
                return "asked by them"
            case Comparing():
                return "compare"
            case Matched():
                return "matched"
            case Failed():
                return "failed"
            case _:
                assert_never(self.state)

    @property
    def is_over(self) -> bool:
        """Say whether nothing is under way."""
        return isinstance(self.state, Idle | Matched | Failed)

    @property
    def failure(self) -> Failure | None:
        """Return by whom it failed; None if it did not."""
        return self.state.failure if isinstance(self.state, Failed) else None

    @property
    def emoji(self) -> list[tuple[str, str]]:
        """Seven pictures with their names; empty before both nonces are known."""
        return emoji_of(self._shown)

    @property
    def numbers(self) -> list[int]:
        """Three numbers from 1000 to 9191; empty before both nonces are known."""
        return numbers_of(self._shown)

    @property
    def _shown(self) -> bytes:
        return self.state.shown if isinstance(self.state, Comparing | Matched) else b""

    # --- What the person does -----------------------------------------------------------------

    def ask(self, entropy: Entropy, mesh_now: UnixSeconds) -> tuple["Comparison", list[Control]]:
        """Begin, or take up theirs. While it is under way: say again what may have been lost."""
        match self.state:
            case Idle() | Matched() | Failed():
                return self._begin(entropy, mesh_now)
            case Offered():
                return self._answer(self.state.commit, self.state.number, entropy, mesh_now)
            case Asked() | Answered() | Comparing():
                return self, self._said(self.state)
            case _:
                assert_never(self.state)

    def say(self, *, is_equal: bool) -> tuple["Comparison", list[Control]]:
        """The person's verdict. That it is not equal can be said at any time, and ends it."""
        state = self.state
        if isinstance(state, Idle | Matched | Failed):
            raise UserError("nothing-to-compare", "No comparison is under way; begin one.")
        verdict = _verdict(state.commit, is_equal=is_equal)
        if not is_equal:
            return self._failed("said here"), [verdict]
        if not isinstance(state, Comparing):
            raise UserError(
                "nothing-to-compare", "There is nothing to compare yet; wait for the other side."
            )
        return replace(self, state=_settled(msgspec.structs.replace(state, is_equal_here=True))), [
            verdict
        ]

    def expired(self, mesh_now: UnixSeconds) -> "Comparison":
        """This, or idle if it began a day ago or more; a jump of the clock ends it too."""
        if isinstance(self.state, Idle):
            return self
        if abs(mesh_now - self.state.begun) < COMPARISON_SECONDS_MAX:
            return self
        return replace(self, state=Idle())

    # --- What the other side says -------------------------------------------------------------

    def came(
        self, kind: int, data: bytes, entropy: Entropy, mesh_now: UnixSeconds
    ) -> tuple["Comparison", list[Control]]:
        """Take a control of theirs; PeerError if it is malformed. One that is late is nothing."""
        match kind:
            case _ if kind == COMPARE_COMMIT:
                number, commit = _split(data, _NUMBER.size, COMMIT_BYTES)
                return self._commit_came(_NUMBER.unpack(number)[0], commit, entropy, mesh_now)
            case _ if kind == COMPARE_ANSWER:
                reference, number, nonce = _split(data, REFERENCE_BYTES, _NUMBER.size, NONCE_BYTES)
                return self._answer_came(reference, _NUMBER.unpack(number)[0], nonce)
            case _ if kind == COMPARE_REVEAL:
                return self._reveal_came(*_split(data, REFERENCE_BYTES, NONCE_BYTES))
            case _ if kind == COMPARE_VERDICT:
                reference, verdict = _split(data, REFERENCE_BYTES, 1)
                if verdict not in (b"\x00", b"\x01"):
                    raise PeerError("a verdict that is neither")
                return self._verdict_came(reference, is_equal=verdict == b"\x01"), []
            case _:
                raise PeerError("no step of a comparison")

    def _commit_came(
        self, number: int, commit: bytes, entropy: Entropy, mesh_now: UnixSeconds
    ) -> tuple["Comparison", list[Control]]:
        if number <= self.their_number:
            return self, []
        known = replace(self, their_number=number)
        if isinstance(self.state, Asked):
            if self.ours < self.theirs:
                # They yield when they see ours.
                return known, []
            return known._answer(commit, number, entropy, mesh_now)
        return replace(known, state=Offered(mesh_now, commit, number)), []

    def _answer_came(
        self, reference: bytes, number: int, nonce: bytes
    ) -> tuple["Comparison", list[Control]]:
        state = self.state
        if isinstance(state, Comparing) and state.is_first:
            is_again = reference == state.commit[:REFERENCE_BYTES] and nonce == state.other_nonce
            return self, self._said(state) if is_again else []
        if not isinstance(state, Asked) or reference != state.commit[:REFERENCE_BYTES]:
            return self, []
        shown = self._shown_of(state.commit, first=state.nonce, second=nonce, is_first=True)
        comparing = Comparing(
            state.begun, state.commit, state.nonce, nonce, is_first=True, shown=shown
        )
        # A commitment from which they yielded must not come late and replace this.
        their_number = max(self.their_number, number)
        return replace(self, state=comparing, their_number=their_number), self._said(comparing)

    def _reveal_came(self, reference: bytes, nonce: bytes) -> tuple["Comparison", list[Control]]:
        state = self.state
        if not isinstance(state, Answered) or reference != state.commit[:REFERENCE_BYTES]:
            return self, []
        if self._commit_of(nonce, state.number, is_first=False) != state.commit:
            return self._failed("broken"), [_verdict(state.commit, is_equal=False)]
        shown = self._shown_of(state.commit, first=nonce, second=state.nonce, is_first=False)
        comparing = Comparing(
            state.begun,
            state.commit,
            state.nonce,
            nonce,
            is_first=False,
            shown=shown,
            is_equal_there=state.is_equal_there,
        )
        return replace(self, state=comparing), []

    def _verdict_came(self, reference: bytes, *, is_equal: bool) -> "Comparison":
        state = self.state
        if isinstance(state, Idle | Matched | Failed):
            return self
        if reference != state.commit[:REFERENCE_BYTES]:
            return self
        if not is_equal:
            return self._failed("said there")
        match state:
            case Answered() | Comparing():
                heard = msgspec.structs.replace(state, is_equal_there=True)
                return replace(self, state=_settled(heard))
            case Asked() | Offered():
                # Nobody can have seen anything yet.
                raise PeerError("a verdict before there was anything to compare")
            case _:
                assert_never(state)

    # --- Steps --------------------------------------------------------------------------------

    def _begin(self, entropy: Entropy, mesh_now: UnixSeconds) -> tuple["Comparison", list[Control]]:
        number = max(self.our_number + 1, int(mesh_now))
        nonce = entropy.draw(NONCE_BYTES)
        commit = self._commit_of(nonce, number, is_first=True)
        begun = replace(self, state=Asked(mesh_now, commit, nonce), our_number=number)
        return begun, begun._said(begun.state)

    def _answer(
        self, commit: bytes, number: int, entropy: Entropy, mesh_now: UnixSeconds
    ) -> tuple["Comparison", list[Control]]:
        answered = Answered(mesh_now, commit, number, entropy.draw(NONCE_BYTES))
        taken = replace(self, state=answered)
        return taken, taken._said(answered)

    def _failed(self, failure: Failure) -> "Comparison":
        assert not isinstance(self.state, Idle)
        return replace(self, state=Failed(self.state.begun, self.state.commit, failure))

    def _said(self, state: State) -> list[Control]:
        """Return what this state has told the other side."""
        match state:
            case Asked():
                return [(COMPARE_COMMIT, _NUMBER.pack(self.our_number) + state.commit)]
            case Answered():
                return [self._answer_control(state)]
            case Comparing():
                reference = state.commit[:REFERENCE_BYTES]
                said = [
                    (COMPARE_REVEAL, reference + state.nonce)
                    if state.is_first
                    else self._answer_control(state)
                ]
                if state.is_equal_here is not None:
                    said.append(_verdict(state.commit, is_equal=state.is_equal_here))
                return said
            case _:
                return []

    def _answer_control(self, state: Answered | Comparing) -> Control:
        number = _NUMBER.pack(self.our_number)
        return COMPARE_ANSWER, state.commit[:REFERENCE_BYTES] + number + state.nonce

    def _commit_of(self, nonce: bytes, number: int, *, is_first: bool) -> bytes:
        bound = _NUMBER.pack(number) + self._parties(is_first=is_first)
        return blake2b(nonce, bound, b"mesh/cmp/commit", COMMIT_BYTES)

    def _shown_of(self, commit: bytes, *, first: bytes, second: bytes, is_first: bool) -> bytes:
        bound = commit + self._parties(is_first=is_first)
        return blake2b(first + second, bound, b"mesh/cmp/shown", _SHOWN_BYTES)

    def _parties(self, *, is_first: bool) -> bytes:
        """Return who is first and who is second, each behind its length."""
        parties = (self.ours, self.theirs) if is_first else (self.theirs, self.ours)
        return b"".join(_LENGTH.pack(len(party)) + party for party in parties)

    # --- Rows ---------------------------------------------------------------------------------

    def encode(self) -> bytes:
        """The bytes of a row; those who compare stand elsewhere."""
        return msgspec.msgpack.encode(_Kept(self.state, self.our_number, self.their_number))

    @classmethod
    def decode(cls, ours: bytes, theirs: bytes, data: bytes) -> "Comparison":
        """The comparison of a row."""
        try:
            kept = msgspec.msgpack.decode(data, type=_Kept)
        except msgspec.DecodeError as error:
            raise StorageError("The vault holds a comparison that is damaged.") from error
        return cls(ours, theirs, kept.state, kept.our_number, kept.their_number)


def emoji_of(shown: bytes) -> list[tuple[str, str]]:
    """The upper 42 bits of the first six bytes, six bits a picture; nothing of nothing."""
    bits = int.from_bytes(shown[:6], "big") >> 6
    places = range(EMOJI_SHOWN - 1, -1, -1)
    return [EMOJI[bits >> 6 * place & 0x3F] for place in places] if shown else []


def numbers_of(shown: bytes) -> list[int]:
    """The upper 39 bits of the last five bytes, thirteen bits a number; nothing of nothing."""
    bits = int.from_bytes(shown[6:], "big") >> 1
    places = range(NUMBERS_SHOWN - 1, -1, -1)
    return [1000 + (bits >> 13 * place & 0x1FFF) for place in places] if shown else []


def _settled(state: Answered | Comparing) -> State:
    """Matched as soon as both persons said that they see the same."""
    if isinstance(state, Comparing) and state.is_equal_here and state.is_equal_there:
        return Matched(state.begun, state.commit, state.shown)
    return state


def _verdict(commit: bytes, *, is_equal: bool) -> Control:
    return COMPARE_VERDICT, commit[:REFERENCE_BYTES] + bytes((is_equal,))


def _split(data: bytes, *lengths: int) -> list[bytes]:
    """The fields of a control; PeerError if they are not exactly these."""
    if len(data) != sum(lengths):
        raise PeerError("a step of a comparison of a wrong length")
    fields, start = [], 0
    for length in lengths:
        fields.append(data[start : start + length])
        start += length
    return fields
