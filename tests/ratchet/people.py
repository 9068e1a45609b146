"""Two people and what they need to write to each other, for tests of letters."""

from dataclasses import dataclass

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem, PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.posting.stamp import NO_STAMP
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, make_bundle
from mesh.ratchet.letters import OpenedLetter, Opening, begin_letter, open_letter, seal_letter
from mesh.wire.bundle import Bundle
from mesh.wire.envelope import Header
from tests.entropy import SeededEntropy

FROM = UnixSeconds(1_800_000_000)
TO = UnixSeconds(FROM + 30 * 86_400)
BOX_KEY = bytes(range(32))


@dataclass(frozen=True)
class Person:
    """An identity with one bundle."""

    keys: IdentityKeys
    bundle: Bundle
    secrets: PrekeySecrets


def person(number: int, *, kem: Kem | None = None) -> Person:
    """The person of a number; always the same."""
    entropy = SeededEntropy(number)
    keys = IdentityKeys.from_seed(entropy.draw(32))
    bundle, secrets = make_bundle(
        keys, valid_from=FROM, valid_to=TO, entropy=entropy, kem=kem or PycaKem()
    )
    return Person(keys, bundle, secrets)


def header_of(size_class: int, *, tag: bytes = b"t" * 16) -> bytes:
    """Some header of a size class."""
    return Header(
        size_class=size_class,
        lifetime_class=1,
        created=FROM,
        tag=Tag(tag),
        read_hash=b"r" * 16,
        withdraw_hash=b"w" * 16,
        posting_key=PostingKey(b"p" * 32),
        stamp=NO_STAMP,
    ).encode()


def begun(author: Person, reader: Person, *, entropy: Entropy | None = None) -> Opening:
    """What the author draws to write to the reader."""
    return begin_letter(
        author.keys,
        author.bundle,
        reader.bundle,
        entropy=entropy or SeededEntropy(99),
        kem=PycaKem(),
    )


def sealed(
    opening: Opening,
    payload: bytes,
    *,
    n: int = 0,
    size_class: int = 1,
    header: bytes | None = None,
    box_key: bytes = BOX_KEY,
    entropy: Entropy | None = None,
) -> bytes:
    """The body of a letter."""
    return seal_letter(
        opening,
        n,
        payload,
        box_key=box_key,
        header=header or header_of(size_class),
        size_class=size_class,
        entropy=entropy or SeededEntropy(98),
    )


def always_fresh(_ephemeral: bytes, _n: int) -> bool:
    """Nothing was opened before."""
    return True


def opened(
    body: bytes,
    reader: Person,
    *,
    size_class: int = 1,
    header: bytes | None = None,
    box_key: bytes = BOX_KEY,
    kem: Kem | None = None,
) -> OpenedLetter:
    """What the reader finds in a body."""
    return open_letter(
        body,
        box_key=box_key,
        header=header or header_of(size_class),
        identity=reader.keys,
        bundle=reader.bundle,
        secrets=reader.secrets,
        verify=is_signature_valid,
        kem=kem or PycaKem(),
        is_fresh=always_fresh,
    )
