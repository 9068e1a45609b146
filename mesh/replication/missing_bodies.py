"""Envelopes that are known here without the body that this node would keep.

Implements `docs/protocol/spreading.md`, section "Stubs". No comparison names such an envelope
again. So each link is asked once for each of them, again when it announces one, since it may have
got the body, and again after a while when it did not say that it has none.
"""

from collections.abc import Iterable
from heapq import nlargest

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import MISSING_BODIES_ASKED_MAX, SPARED_PAUSE_MS
from mesh.replication.seen_sets import SeenSets


class MissingBodies:
    """The bodies that are missed, and which link may still be asked for which."""

    def __init__(self, sets: SeenSets) -> None:
        self._sets = sets
        self._missing: dict[EnvelopeId, None] = {}
        self._to_ask: dict[LinkId, list[EnvelopeId]] = {}
        # Of the missed ones those that a link was asked for; True: it did not say that it has none.
        self._asked: dict[LinkId, dict[EnvelopeId, bool]] = {}
        # When links are asked again.
        self._again_at: dict[LinkId, Monotonic] = {}

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._missing

    def load(self, ids: Iterable[EnvelopeId]) -> None:
        """Take the envelopes whose bodies are missed, at start."""
        self._missing = dict.fromkeys(ids)

    def link_up(self, link: LinkId) -> None:
        """A link is ready: it is asked once for each body that is missed, the newest first."""
        self._asked[link] = {}
        self._to_ask[link] = self._unasked(link)

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._to_ask.pop(link, None)
        self._asked.pop(link, None)
        self._again_at.pop(link, None)

    def add(self, id_: EnvelopeId, link: LinkId) -> None:
        """A link brought an envelope without its body; all others are to be asked for that."""
        self._missing[id_] = None
        for other, to_ask in self._to_ask.items():
            if other != link and len(to_ask) < MISSING_BODIES_ASKED_MAX:
                to_ask.append(id_)

    def missed(self, ids: Iterable[EnvelopeId], now: Instant) -> None:
        """There is room for these now: every link is to be asked for them, at once."""
        fresh = [id_ for id_ in ids if id_ not in self._missing]
        self._missing.update(dict.fromkeys(fresh))
        for link, to_ask in self._to_ask.items():
            to_ask += fresh[: max(0, MISSING_BODIES_ASKED_MAX - len(to_ask))]
            self._again_at[link] = now.monotonic

    def discard(self, id_: EnvelopeId) -> bool:
        """A body is not missed any more; False if it was not."""
        if self._missing.pop(id_, False) is not None:
            return False
        for asked in self._asked.values():
            asked.pop(id_, None)
        return True

    def has_to_ask(self, link: LinkId) -> bool:
        """Say whether a link may still have to be asked for something."""
        return len(self._asked[link]) < len(self._missing)

    def take_next(self, link: LinkId) -> EnvelopeId | None:
        """The next body that a link is to be asked for."""
        if not self._to_ask[link] and self.has_to_ask(link):
            self._to_ask[link] = self._unasked(link)
        to_ask = self._to_ask[link]
        while to_ask:
            id_ = to_ask.pop()
            if self.may_ask(link, id_, is_announced=False):
                return id_
        return None

    def may_ask(self, link: LinkId, id_: EnvelopeId, *, is_announced: bool) -> bool:
        """Note that a link is asked for a body, if it may be."""
        asked = self._asked[link]
        if id_ not in self._missing:
            return False
        if id_ in asked:
            return is_announced
        asked[id_] = False
        return True

    def not_given(self, link: LinkId, id_: EnvelopeId, now: Instant, *, is_final: bool) -> None:
        """A link did not give what may be a body that is missed. `is_final`: it has none."""
        if id_ in self._missing:
            self._asked[link][id_] = not is_final
            if not is_final:
                self._again_at.setdefault(link, now.after(SPARED_PAUSE_MS))

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return min(self._again_at.values(), default=None)

    def deadline_passed(self, now: Instant) -> None:
        """Ask links once more for what they did not say that they have not."""
        for link in [link for link, at in self._again_at.items() if at <= now.monotonic]:
            del self._again_at[link]
            asked = self._asked[link]
            for id_ in [id_ for id_, is_open in asked.items() if is_open]:
                del asked[id_]

    def _unasked(self, link: LinkId) -> list[EnvelopeId]:
        """The newest that a link was not asked for, so many at a time; the newest stands last."""
        asked = self._asked[link]
        unasked = (id_ for id_ in self._missing if id_ not in asked)
        newest = nlargest(
            MISSING_BODIES_ASKED_MAX, unasked, key=lambda one: self._sets.element(one).created
        )
        return newest[::-1]
