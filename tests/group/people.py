"""Members of a group with their keys, and the epochs that they make for each other."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mesh.crypto.agreement import x25519_public
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey
from mesh.group.epochs import (
    Announcement,
    EpochId,
    commitment_of,
    decode_announcement,
    make_announcement,
)
from mesh.group.leaves import (
    LONG_LEAF_MARK,
    OwnLeaves,
    OwnLongLeaf,
    OwnShortLeaf,
    ShortLeaf,
    sign_short_leaf,
)
from mesh.group.posts import GroupId, SignedPost, sign_post
from mesh.group.wraps import EpochMaker, Reader, Trouble, Unwrapped, Wraps
from mesh.ids import UnixSeconds, VerifyKey
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.wire.bundle import Bundle
from tests.entropy import SeededEntropy

GROUP = GroupId(bytes([7]) * 32)
HEAD = bytes([8]) * 32
NOW = UnixSeconds(1_800_000_000)
KEM = PycaKem()


@dataclass
class Person:
    """A member: his keys, what he shares with whom, and what he has drawn."""

    keys: IdentityKeys
    bundle: Bundle
    leaves: OwnLeaves
    short: ShortLeaf
    secrets_out: dict[VerifyKey, bytes] = field(default_factory=dict)
    secrets_in: dict[VerifyKey, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def vk(self) -> VerifyKey:
        return self.keys.verify_key

    @property
    def signing(self) -> SigningKey:
        return SigningKey.from_seed(self.keys.signing_seed)

    def reader(self, maker: VerifyKey) -> Reader:
        return Reader(GROUP, self.vk, self.leaves, self.secrets_in.get(maker, ()))

    def open(self, epoch: "Epoch", wraps: Wraps) -> Unwrapped | Trouble:
        """Open one page; a secret that it founds is kept."""
        found = self.reader(epoch.maker).unwrap(
            wraps,
            announcement=epoch.announcement,
            epoch=epoch.id,
            maker=epoch.maker,
            kem=KEM,
        )
        if isinstance(found, Unwrapped) and found.founded is not None:
            known = self.secrets_in.get(epoch.maker, ())
            self.secrets_in[epoch.maker] = (found.founded[1], *known)
        return found


@dataclass(frozen=True)
class Epoch:
    """An epoch that somebody has made."""

    maker: VerifyKey
    signed: SignedPost
    announcement: Announcement
    making: EpochMaker

    @property
    def id(self) -> EpochId:
        return self.making.epoch


def person(number: int) -> Person:
    """A member whose keys grow from a number."""
    entropy = SeededEntropy(number)
    keys = IdentityKeys.from_seed(entropy.draw(32))
    bundle, secrets = make_bundle(
        keys, valid_from=NOW, valid_to=UnixSeconds(NOW + 90 * 86_400), entropy=entropy, kem=KEM
    )
    own = OwnShortLeaf(NOW + number, entropy.draw(32))
    leaves = OwnLeaves((own,), (OwnLongLeaf(bundle.valid_from, secrets),))
    return Person(
        keys, bundle, leaves, sign_short_leaf(keys.signing_seed, GROUP, keys.verify_key, own)
    )


def make_epoch(maker: Person, count: int, *, chance: int) -> Epoch:
    """Draw an epoch for so many recipients."""
    entropy = SeededEntropy(chance)
    private, seed = entropy.draw(32), entropy.draw(32)
    post = make_announcement(
        clock=chance,
        seq=0,
        heads=[HEAD],
        turn=0,
        ephemeral=x25519_public(private),
        commitment=commitment_of(seed, GROUP),
        count=count,
        without=[],
    ).encode()
    signed = sign_post(maker.signing, GROUP, post)
    announcement = decode_announcement(post)
    making = EpochMaker(GROUP, maker.vk, EpochId(signed.id), announcement.ephemeral, private, seed)
    return Epoch(maker.vk, signed, announcement, making)


def first_wrap(maker: Person, epoch: Epoch, to: Person, *, by_short: bool = False) -> bytes:
    """A wrap that founds a secret, which the maker keeps."""
    wrap, secret = epoch.making.first(
        to.vk,
        to.bundle,
        mark=to.short.mark if by_short else LONG_LEAF_MARK,
        key=to.short.key if by_short else to.bundle.prekey,
        entropy=SeededEntropy(0),
        kem=KEM,
    )
    maker.secrets_out[to.vk] = secret
    return wrap


def linked_wrap(maker: Person, epoch: Epoch, to: Person, *, by_short: bool = True) -> bytes:
    """A wrap by the secret that the maker keeps."""
    return epoch.making.linked(
        to.vk,
        maker.secrets_out[to.vk],
        mark=to.short.mark if by_short else LONG_LEAF_MARK,
        key=to.short.key if by_short else to.bundle.prekey,
    )


def wraps_for(maker: Person, epoch: Epoch, recipients: Iterable[Person]) -> list[bytes]:
    """One wrap for each: linked where a secret is shared, else first."""
    return [
        linked_wrap(maker, epoch, to)
        if to.vk in maker.secrets_out
        else first_wrap(maker, epoch, to)
        for to in recipients
    ]
