"""The answers to peers about the bodies that they brought: along with other frames, or soon.

Implements `docs/protocol/spreading.md`, section "Held". What became of a body is decided when it is
noted, after the commit. Where little comes it is answered at once. Where much comes, each answer by
itself would cost both sides a batch: then a link is told every `HELD_GATHERED_MS`, and whenever
other frames leave over it, first among them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import HELD_GATHERED_MS, IDS_PER_FRAME_MAX
from mesh.wire.frames import SHORT_ID_BYTES, Held


@dataclass(slots=True)
class _Answer:
    """The answers that one link is to be given, and when at the latest."""

    due: Monotonic
    held: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


class HeldAcks:
    """The answers that all links are to be given."""

    def __init__(self) -> None:
        self._waiting: dict[LinkId, _Answer] = {}
        # When each link was last told something.
        self._told_at: dict[LinkId, Monotonic] = {}

    def note(
        self,
        link: LinkId,
        *,
        held: Sequence[EnvelopeId],
        refused: Sequence[EnvelopeId],
        now: Instant,
    ) -> None:
        """A link brought these, and all of it is committed."""
        told_at = self._told_at.get(link)
        pause_us = HELD_GATHERED_MS * 1000
        due = now.monotonic if told_at is None else Monotonic(told_at + pause_us)
        answer = self._waiting.setdefault(link, _Answer(due))
        answer.held += [id_[:SHORT_ID_BYTES] for id_ in held]
        answer.refused += [id_[:SHORT_ID_BYTES] for id_ in refused]
        if max(len(answer.held), len(answer.refused)) >= IDS_PER_FRAME_MAX:
            answer.due = now.monotonic

    def link_down(self, link: LinkId) -> None:
        """A link is gone: there is nobody to answer."""
        self._waiting.pop(link, None)
        self._told_at.pop(link, None)

    def take(self, has_frames: Callable[[LinkId], bool], now: Instant) -> list[tuple[LinkId, Held]]:
        """Return what leaves now; `has_frames`: whether something else leaves over a link."""
        if not self._waiting:
            return []
        leaving = [
            link
            for link, answer in self._waiting.items()
            if answer.due <= now.monotonic or has_frames(link)
        ]
        frames: list[tuple[LinkId, Held]] = []
        for link in leaving:
            frames += [(link, frame) for frame in _frames_of(self._waiting.pop(link))]
            self._told_at[link] = now.monotonic
        return frames

    def deadline(self) -> Monotonic | None:
        """Return when the first of it has waited for long enough."""
        if not self._waiting:
            return None
        return min([answer.due for answer in self._waiting.values()])


def _frames_of(answer: _Answer) -> list[Held]:
    longest = max(len(answer.held), len(answer.refused))
    return [
        Held(
            held=b"".join(answer.held[start : start + IDS_PER_FRAME_MAX]),
            refused=b"".join(answer.refused[start : start + IDS_PER_FRAME_MAX]),
        )
        for start in range(0, longest, IDS_PER_FRAME_MAX)
    ]
