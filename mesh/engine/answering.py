"""What neighbours are told of the bodies that they brought: along with other frames, or soon.

Implements `docs/protocol/spreading.md`, section "Held". What became of a body is decided when it is
noted, after the commit. Nobody waits for the answer, and by itself it would cost each side a batch
for each body; so it goes first among the next frames of its link. Once one has waited for
`HELD_GATHERED_MS`, all leave.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits import HELD_GATHERED_MS, IDS_PER_FRAME_MAX
from mesh.wire.frames import SHORT_ID_BYTES, Held


@dataclass(slots=True)
class _Answer:
    """What one link is to be told, and when at the latest."""

    due: Monotonic
    held: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


class Answering:
    """What all links are to be told."""

    def __init__(self) -> None:
        self._waiting: dict[LinkId, _Answer] = {}

    def note(
        self,
        link: LinkId,
        *,
        held: Sequence[EnvelopeId],
        refused: Sequence[EnvelopeId],
        now: Instant,
    ) -> None:
        """A link brought these, and all of it is committed."""
        due = Monotonic(now.monotonic + HELD_GATHERED_MS * 1000)
        answer = self._waiting.setdefault(link, _Answer(due))
        answer.held += [id_[:SHORT_ID_BYTES] for id_ in held]
        answer.refused += [id_[:SHORT_ID_BYTES] for id_ in refused]
        if max(len(answer.held), len(answer.refused)) >= IDS_PER_FRAME_MAX:
            answer.due = now.monotonic

    def link_down(self, link: LinkId) -> None:
        """A link is gone: there is nobody to answer."""
        self._waiting.pop(link, None)

    def take(self, has_frames: Callable[[LinkId], bool], now: Instant) -> list[tuple[LinkId, Held]]:
        """What leaves now; `has_frames`: whether something else leaves over a link."""
        deadline = self.deadline()
        is_due = deadline is not None and deadline <= now.monotonic
        frames: list[tuple[LinkId, Held]] = []
        for link in [one for one in self._waiting if is_due or has_frames(one)]:
            frames += [(link, frame) for frame in _frames_of(self._waiting.pop(link))]
        return frames

    def deadline(self) -> Monotonic | None:
        """When the first of it has waited for long enough."""
        return min([answer.due for answer in self._waiting.values()], default=None)


def _frames_of(answer: _Answer) -> list[Held]:
    longest = max(len(answer.held), len(answer.refused))
    return [
        Held(
            held=b"".join(answer.held[start : start + IDS_PER_FRAME_MAX]),
            refused=b"".join(answer.refused[start : start + IDS_PER_FRAME_MAX]),
        )
        for start in range(0, longest, IDS_PER_FRAME_MAX)
    ]
