"""The bodies that were given over each link, and the word of its other end that it holds them.

Implements `docs/protocol/spreading.md`, section "Held". A word counts for a body that was given
over the same link, or that this link announces as new, and once a link. Whose the body is is not
known here, so all words cost the same.
"""

from collections.abc import Iterable, Sequence

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import GIVEN_PER_LINK_MAX
from mesh.wire.frames import SHORT_ID_BYTES


class GivenBodies:
    """The last bodies of each link, by the first bytes of their ids; True: it said that it holds
    it.
    """

    def __init__(self) -> None:
        self._links: dict[LinkId, dict[bytes, bool]] = {}

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._links.pop(link, None)

    def gave(self, link: LinkId, ids: Iterable[EnvelopeId]) -> None:
        """These leave over a link, whole."""
        given = self._links.setdefault(link, {})
        for id_ in ids:
            given.setdefault(id_[:SHORT_ID_BYTES], False)
        _bound(given)

    def held(self, link: LinkId, short_ids: Sequence[bytes]) -> list[bytes]:
        """A peer says that it holds these; return those for which that counts."""
        given = self._links.get(link, {})
        counting = [short_id for short_id in short_ids if given.get(short_id) is False]
        given.update(dict.fromkeys(counting, True))
        return counting

    def announced(self, link: LinkId, ids: Iterable[EnvelopeId]) -> list[bytes]:
        """A peer has these since a moment, which are known here; those for which that counts."""
        given = self._links.setdefault(link, {})
        short_ids = [id_[:SHORT_ID_BYTES] for id_ in ids]
        counting = [short_id for short_id in short_ids if not given.get(short_id)]
        given.update(dict.fromkeys(counting, True))
        _bound(given)
        return counting


def _bound(given: dict[bytes, bool]) -> None:
    while len(given) > GIVEN_PER_LINK_MAX:
        del given[next(iter(given))]
