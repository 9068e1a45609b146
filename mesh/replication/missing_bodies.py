"""Envelopes that are known here without the body that this node would keep.

Implements `docs/protocol/spreading.md`, section "Stubs". No comparison names such an envelope
again. So each link is asked once for each of them, and again when it announces one: it may have got
the body since.
"""

from collections.abc import Iterable
from heapq import nlargest

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import MISSING_BODIES_ASKED_MAX
from mesh.replication.seen_sets import SeenSets


class MissingBodies:
    """The bodies that are missed, and which link may still be asked for which."""

    def __init__(self, sets: SeenSets) -> None:
        self._sets = sets
        self._missing: dict[EnvelopeId, None] = {}
        self._to_ask: dict[LinkId, list[EnvelopeId]] = {}
        self._asked: dict[LinkId, dict[EnvelopeId, None]] = {}

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._missing

    def load(self, ids: Iterable[EnvelopeId]) -> None:
        """Take the envelopes whose bodies are missed, at start."""
        self._missing = dict.fromkeys(ids)

    def link_up(self, link: LinkId) -> None:
        """A link is ready: it is asked once for each body that is missed, the newest first."""
        newest = nlargest(
            MISSING_BODIES_ASKED_MAX,
            self._missing,
            key=lambda one: self._sets.element(one).created,
        )
        self._to_ask[link] = newest[::-1]
        self._asked[link] = {}

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._to_ask.pop(link, None)
        self._asked.pop(link, None)

    def add(self, id_: EnvelopeId, link: LinkId) -> None:
        """A link brought an envelope without its body; all others are to be asked for that."""
        self._missing[id_] = None
        for other, to_ask in self._to_ask.items():
            if other != link and len(to_ask) < MISSING_BODIES_ASKED_MAX:
                to_ask.append(id_)

    def discard(self, id_: EnvelopeId) -> bool:
        """A body is not missed any more; False if it was not."""
        return self._missing.pop(id_, False) is None

    def has_to_ask(self, link: LinkId) -> bool:
        """Say whether a link may still have to be asked for something."""
        return bool(self._to_ask[link])

    def take_next(self, link: LinkId) -> EnvelopeId | None:
        """The next body that a link is to be asked for."""
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
        if len(asked) >= MISSING_BODIES_ASKED_MAX:
            return False
        asked[id_] = None
        return True

    def not_given(self, link: LinkId, id_: EnvelopeId) -> None:
        """A link does not have an envelope, or no more of it than we: it is not asked again."""
        asked = self._asked[link]
        if id_ in self._missing and len(asked) < MISSING_BODIES_ASKED_MAX:
            asked[id_] = None
