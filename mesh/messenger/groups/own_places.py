"""Places of our own chains that are used already: a later state of this vault wrote there.

Implements `docs/protocol/groups.md`, section "A vault that went back". All members have the keys of
our places, so only what opens with our signature shows that one is used: else anybody could move us
beyond what readers expect.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.chains import Place, ReceivingChain
from mesh.group.epochs import EpochId
from mesh.group.opening import ChainReader
from mesh.ids import PostingKey, Tag
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.wire.envelope import Envelope


class OwnPlaces:
    """Looks at our tags. `sealed_under`: the envelopes of one whose bodies are here;
    `authors_under`: who signed those that are known, one for each.
    """

    def __init__(
        self,
        *,
        sealed_under: Callable[[Tag], Sequence[Envelope]],
        authors_under: Callable[[Tag], Iterable[PostingKey]],
    ) -> None:
        self._sealed_under = sealed_under
        self._authors_under = authors_under

    def use_of(
        self, group: Group, epoch: HeldEpoch, place: Place
    ) -> Literal["none", "ours", "unknown"]:
        """Say whether we wrote at a number; unknown: the body that would show it is gone."""
        sealed = self._sealed_under(place.tag)
        chain, reader = ReceivingChain(place), _reader(group, epoch)
        for envelope in sealed:
            try:
                reader.open_number(
                    chain,
                    place.number,
                    header=envelope.header_bytes,
                    body=envelope.body,
                    expiry_now=envelope.header.created,
                )
            except PeerError:
                continue
            return "ours"
        is_more_known = sum(1 for _ in self._authors_under(place.tag)) > len(sealed)
        return "unknown" if is_more_known else "none"

    def is_hello_said(
        self, group: Group, epoch: HeldEpoch, place: Place, hello: tuple[int, bytes, Tag]
    ) -> bool:
        """Say whether we said a hello; `hello`: its index, the key of all, its tag."""
        index, hello_key, tag = hello
        for envelope in self._sealed_under(tag):
            try:
                _reader(group, epoch).open_hello(
                    ReceivingChain(place),
                    index,
                    hello_key=hello_key,
                    header=envelope.header_bytes,
                    body=envelope.body,
                    expiry_now=envelope.header.created,
                )
            except PeerError:
                continue
            return True
        return False


def _reader(group: Group, epoch: HeldEpoch) -> ChainReader:
    return ChainReader(group.gid, EpochId(epoch.id), group.me, is_signature_valid)
