"""For whom we vouch: what a contact is told of the posting keys of others.

Implements `docs/protocol/standing.md`, section "Vouches". Keys of our contacts, and keys for which
they vouch as those of their contacts; never anything that is known from further away, so a word
travels two links and ends. Contacts take turns, so none of them fills the list alone: who invents
many keys takes no place of those who name few.
"""

from collections.abc import Sequence

from mesh.ids import ContactId
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCHED_PER_CONTACT_DAY_MAX
from mesh.trust.distance import Distances
from mesh.wire.posting_key_lists import VouchedDay


def vouches_for(
    distances: Distances, day: int, *, to: ContactId | None, among: Sequence[ContactId]
) -> VouchedDay:
    """Return what `to` is told of a day: of the keys of these contacts, the first ones before
    others.

    `to` is None for one who told us nothing. Left out is only what they told us themselves. Keys
    of our own are not: somebody who names one that is perhaps ours, of another audience, would
    learn from its absence that it is.
    """
    own = distances.keys_of(to, day) if to is not None else ()
    theirs = dict.fromkeys(own)
    keys = [distances.keys_of(one, day) for one in among]
    vouched = _in_turns(keys, VOUCHED_PER_CONTACT_DAY_MAX, but=theirs)
    vouched_by_them = distances.vouched_by(to, day) if to is not None else ()
    known = theirs | dict.fromkeys(vouched) | dict.fromkeys(vouched_by_them)
    lists = [distances.vouched_by(one, day) for one in among]
    far = _in_turns(lists, FAR_PER_CONTACT_DAY_MAX, but=known)
    return VouchedDay(day, tuple(sorted(vouched)), tuple(sorted(far)))


def _in_turns(lists: Sequence[Sequence[int]], count_max: int, *, but: dict[int, None]) -> list[int]:
    """The first of each list, then the second of each, until there are so many; none twice."""
    taken: dict[int, None] = {}
    for place in range(max((len(one) for one in lists), default=0)):
        for one in lists:
            if place < len(one) and one[place] not in but and one[place] not in taken:
                taken[one[place]] = None
                if len(taken) == count_max:
                    return list(taken)
    return list(taken)
