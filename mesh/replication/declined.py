"""The ids not asked for though others have them: refused ones, and retirements held back.

Implements `docs/protocol/spreading.md`, sections "Asking" and "Retirements". What may not enter is
not asked for again for a while. A retirement that is held back is here and not to be known yet; who
is known to have it need not be told of it later.
"""

from collections.abc import Iterable

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import ANNOUNCERS_PER_ID_MAX, REFUSED_IDS_MAX, REFUSED_KEPT_MS


class Declined:
    """The ids that this node does not ask for."""

    def __init__(self) -> None:
        self._refused: dict[EnvelopeId, Monotonic] = {}
        self._held_back: dict[EnvelopeId, list[LinkId]] = {}
        self.takes_nothing = False
        """Whether nothing at all is to be asked for: there is no room for it."""

    def is_declined(self, id_: EnvelopeId) -> bool:
        """Say whether an id is not to be asked for."""
        return self.takes_nothing or id_ in self._held_back or id_ in self._refused

    # --- Refused ------------------------------------------------------------------------------

    def refuse(self, id_: EnvelopeId, now: Instant) -> None:
        """It may not enter here: do not ask for it again soon."""
        self._refused.pop(id_, None)
        self._refused[id_] = now.monotonic
        if len(self._refused) > REFUSED_IDS_MAX:
            del self._refused[next(iter(self._refused))]

    def forgive(self) -> None:
        """Forgive what was refused: it may be admitted now."""
        self._refused.clear()

    def forget_old_refusals(self, now: Instant) -> None:
        """Forget refusals of what was too far ahead of us: it is not so for ever."""
        while self._refused:
            oldest, since = next(iter(self._refused.items()))
            if now.monotonic - since < REFUSED_KEPT_MS * 1000:
                break
            del self._refused[oldest]

    # --- Held back ----------------------------------------------------------------------------

    def hold_back(self, id_: EnvelopeId, holders: Iterable[LinkId]) -> None:
        """It is here and not to be known yet; these links have it too."""
        self._held_back[id_] = list(holders)

    def note_holder(self, id_: EnvelopeId, link: LinkId) -> None:
        """A link has this; it is of interest if it is held back here."""
        holders = self._held_back.get(id_)
        if holders is not None and link not in holders and len(holders) < ANNOUNCERS_PER_ID_MAX:
            holders.append(link)

    def holders(self, id_: EnvelopeId) -> list[LinkId]:
        """The links that are known to have what is held back here."""
        return self._held_back.get(id_, [])

    def forget(self, id_: EnvelopeId) -> None:
        """It is no longer held back."""
        self._held_back.pop(id_, None)
