"""Retirements on their stems: passed on over one link and kept, until they spread.

Implements `docs/protocol/stems.md`, section "Retirements". Their path is that of the posting key of
the envelope which they end, under another label. Beside `stemming.py`, which has the envelopes.
"""

from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.ids import EnvelopeId, Instant, LinkId, PostingKey
from mesh.limits.replication import IDS_PER_FRAME_MAX
from mesh.limits.stems import STEM_AUTHOR_MEAN_MS, STEM_RETIREMENT_MEANS
from mesh.replication.stem_paths import RETIREMENTS
from mesh.replication.stems import Stems, Step, longest_pause_ms
from mesh.storage.store.stem_rows import StemRow
from mesh.wire.envelope import Header
from mesh.wire.frames import StemRetired
from mesh.wire.retirement import Retirement, join_retirements


class RetirementStems:
    """The retirements that are written as stems: passed on, waiting for a link, or held back."""

    def __init__(self, stems: Stems, buffer: EnvelopeBuffer) -> None:
        self.relay_delay_ms_max = 0
        self._stems = stems
        self._buffer = buffer
        self._retirements: dict[EnvelopeId, Retirement] = {}
        # The same, by the envelopes that they end.
        self._of_envelopes: dict[EnvelopeId, dict[EnvelopeId, Retirement]] = {}
        self._to_tell: dict[LinkId, list[Retirement]] = {}

    def load(self, row: StemRow, posting_key: PostingKey, now: Instant) -> None:
        """Take one of the store, at start."""
        retirement = Retirement(row.envelope, row.token)
        item = retirement.element
        self._keep(retirement)
        longest_ms = longest_pause_ms(STEM_AUTHOR_MEAN_MS + self._extra_mean_ms)
        pause_ms = min(max(row.due_ms - now.mesh_ms, 0), longest_ms) if row.is_given else None
        self._stems.load(item, posting_key, RETIREMENTS, pause_ms, now)

    def retirement(self, element: EnvelopeId) -> Retirement:
        """Return what is here under an element."""
        return self._retirements[element]

    def waiting(self) -> list[Retirement]:
        """Return those that were made while there was no link."""
        waiting = self._stems.waiting()
        return [self._retirements[id_] for id_ in waiting if id_ in self._retirements]

    def begin(self, retirement: Retirement, header: Header, now: Instant) -> bool:
        """A retirement is ours; False if it spreads at once."""
        item = retirement.element
        if item in self._stems:
            return True
        step = self._stems.begin(
            item, header.posting_key, RETIREMENTS, now, extra_mean_ms=self._extra_mean_ms
        )
        self._keep(retirement)
        return self.take_step(item, step, now)

    def came(self, link: LinkId, retirement: Retirement, header: Header, now: Instant) -> bool:
        """A link brought a true one as a stem; False if it spreads."""
        item = retirement.element
        if item in self._stems:
            step = self._stems.came_again(item, link, now)
        else:
            step = self._stems.came(
                item, header.posting_key, RETIREMENTS, link, now, extra_mean_ms=self._extra_mean_ms
            )
            if step.spreads:
                return False
        self._keep(retirement)
        return self.take_step(item, step, now)

    def take_step(self, item: EnvelopeId, step: Step, now: Instant) -> bool:
        """Let one go on, and write it down before; False if it spreads."""
        if step.spreads:
            return False
        retirement = self._retirements[item]
        if step.next is not None:
            self._to_tell.setdefault(step.next, []).append(retirement)
        if step.next is None or step.pause_ms is not None:
            is_given = step.next is not None
            due_ms = now.mesh_ms + (step.pause_ms or 0) if is_given else 0
            self._buffer.stems.put(
                StemRow(retirement.envelope, retirement.token, is_given=is_given, due_ms=due_ms)
            )
        return True

    def heard(self, element: EnvelopeId) -> None:
        """One has spread, and is held back as at every relay; its row stays until it stands."""
        self._stems.forget([element])

    def stands(self, retirement: Retirement) -> None:
        """From now on everybody who asks is told, or nobody has its envelope any more."""
        element = retirement.element
        if self._retirements.pop(element, None) is not None:
            of_envelope = self._of_envelopes[retirement.envelope]
            del of_envelope[element]
            if not of_envelope:
                del self._of_envelopes[retirement.envelope]
            self._stems.forget([element])
            self._buffer.stems.end(retirement.envelope, retirement.token)

    def forget_envelope(self, envelope_id: EnvelopeId) -> None:
        """An envelope goes wholly: there is nothing left to end."""
        for retirement in list(self._of_envelopes.get(envelope_id, {}).values()):
            self.stands(retirement)

    def link_down(self, link: LinkId) -> None:
        """A link is gone, and nothing goes over it."""
        self._to_tell.pop(link, None)

    def take_frames(self) -> list[tuple[LinkId, StemRetired]]:
        """After the commit: what is passed on."""
        taken, self._to_tell = self._to_tell, {}
        return [
            (link, StemRetired(join_retirements(told[start : start + IDS_PER_FRAME_MAX])))
            for link, told in taken.items()
            for start in range(0, len(told), IDS_PER_FRAME_MAX)
        ]

    def _keep(self, retirement: Retirement) -> None:
        self._retirements[retirement.element] = retirement
        self._of_envelopes.setdefault(retirement.envelope, {})[retirement.element] = retirement

    @property
    def _extra_mean_ms(self) -> int:
        return STEM_RETIREMENT_MEANS * self.relay_delay_ms_max
