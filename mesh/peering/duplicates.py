"""The choice of the one link that lives where several lead to one node.

Implements `docs/protocol/link.md`, section "Duplicates". A live machine: it hears that a link
became ready beside another one to the same node, and what comes over both, and names the links
that end.

Theory of operation. The *older* link stays in use, since much may be on its way over it, and the
newer one *waits*: over it nothing is sent but pings, and it takes the older one's place once that
ended. Two ends see two links become ready in different order, so each would keep another one if
both chose: of two links that live only the end with the smaller link key chooses, and the other
one follows. The newer one ends once the older one has said anything; the older one ends if it is
silent while the newer one answers. Who has no other link speaks over the newer one at once, which
the end that follows takes as the choice, and the end that chooses as a death notice, unless the
links may have crossed: then the other end may only have seen them in the other order.
"""

from dataclasses import dataclass

from mesh.ids import Instant, LinkId, Monotonic
from mesh.limits.link import (
    LINK_CHECK_MS,
    LINK_WAITING_MS,
    LINKS_WAITING_FURTHER_MAX,
    LINKS_WAITING_MAX,
)


@dataclass(slots=True)
class _Waiting:
    """A link that is ready and not used, since another one leads to the same node."""

    older: LinkId
    since: Monotonic
    is_ours_to_choose: bool
    is_crossing: bool
    has_older_spoken: bool = False
    has_spoken: bool = False


class Duplicates:
    """The links of a node that wait, and the links beside which they do."""

    def __init__(self) -> None:
        self._waiting: dict[LinkId, _Waiting] = {}

    def __contains__(self, link: LinkId) -> bool:
        return link in self._waiting

    def has_room(self, older: LinkId) -> bool:
        """Say whether one more link may wait beside this one.

        There is always room for the first: the older one may be dead.
        """
        count = len(self.beside(older))
        is_calm = len(self._waiting) < LINKS_WAITING_FURTHER_MAX
        return count == 0 or (count < LINKS_WAITING_MAX and is_calm)

    def begin(
        self,
        newer: LinkId,
        older: LinkId,
        *,
        is_ours_to_choose: bool,
        is_crossing: bool,
        now: Instant,
    ) -> None:
        """A link waits from now on. Both are pinged.

        `is_crossing`: the other end may have seen the newer one first.
        """
        self._waiting[newer] = _Waiting(older, now.monotonic, is_ours_to_choose, is_crossing)

    def beside(self, older: LinkId) -> list[LinkId]:
        """The links that wait for the end of this one."""
        return [link for link, one in self._waiting.items() if one.older == older]

    def heard(self, link: LinkId, now: Instant) -> list[LinkId]:
        """Anything came over a link; return those that end for it."""
        if not self._waiting:
            return []
        for waiting, one in self._waiting.items():
            one.has_older_spoken |= one.older == link
            one.has_spoken |= waiting == link
        return self._find_ended(now)

    def used(self, link: LinkId) -> list[LinkId]:
        """A frame came that is sent only over a link in use; return the one that ends for it."""
        one = self._waiting.get(link)
        if one is None or (one.is_ours_to_choose and one.is_crossing):
            return []
        return [self._replaced(link)]

    def ended(self, link: LinkId, now: Instant) -> LinkId | None:
        """A link is gone; return the one that takes its place. Those beside it are pinged anew."""
        self._waiting.pop(link, None)
        beside = self.beside(link)
        if not beside:
            return None
        successor = beside[0]
        one = self._waiting.pop(successor)
        for other in beside[1:]:
            self.begin(
                other,
                successor,
                is_ours_to_choose=one.is_ours_to_choose,
                is_crossing=True,
                now=now,
            )
        return successor

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        if not self._waiting:
            return None
        return min(_deadline(one) for one in self._waiting.values())

    def deadline_passed(self, now: Instant) -> list[LinkId]:
        """The links that end because others were silent, or because nobody chose."""
        return self._find_ended(now) if self._waiting else []

    def _find_ended(self, now: Instant) -> list[LinkId]:
        found: dict[LinkId, None] = {}
        for link, one in list(self._waiting.items()):
            if one.is_ours_to_choose and one.has_older_spoken:
                found[link] = None
            elif one.older in found or _deadline(one) > now.monotonic:
                continue
            elif _is_older_silent(one):
                found[self._replaced(link)] = None
            else:
                found[link] = None
        return list(found)

    def _replaced(self, link: LinkId) -> LinkId:
        """Let a link be the next one in the place of that beside which it waits."""
        one = self._waiting.pop(link)
        self._waiting = {link: one, **self._waiting}
        return one.older


def _is_older_silent(one: _Waiting) -> bool:
    """Say whether only the newer link answers. If neither does, the other node may be busy."""
    return one.has_spoken and not one.has_older_spoken


def _deadline(one: _Waiting) -> Monotonic:
    pause_ms = LINK_CHECK_MS if _is_older_silent(one) else LINK_WAITING_MS
    return Monotonic(one.since + pause_ms * 1000)
