"""The frozen first contact and tags, which a second implementation computed."""

import msgspec

from mesh.crypto.agreement import x25519_public
from mesh.crypto.hashing import blake2b_128
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.ids import UnixSeconds
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, make_bundle
from mesh.ratchet.letters import (
    Opening,
    begin_letter,
    open_bundle,
    open_letter,
    read_hash_of,
    seal_bundle,
    seal_letter,
)
from mesh.ratchet.tags import (
    TagReceiver,
    TagSender,
    box_key_of,
    chain_start,
    invite_bundle_key,
    invite_tag_key,
    tag_of,
)
from mesh.wire.bundle import decode_bundle
from mesh.wire.envelope import decode_header
from sim.kem import KyberPyKem
from tests.entropy import ListedEntropy
from tests.ratchet.people import Person, always_fresh
from tests.vectors.shapes import (
    BundleVector,
    FirstContactVector,
    IdentityVector,
    TagsVector,
    TagVector,
    frozen_bytes,
)

VECTOR = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
TAGS = msgspec.json.decode(frozen_bytes("tags.json"), type=TagsVector)


def person(identity: IdentityVector, bundle: BundleVector) -> Person:
    """Somebody of the vectors."""
    keys = IdentityKeys.from_seed(bytes.fromhex(identity.seed))
    secrets = PrekeySecrets(bytes.fromhex(bundle.prekey_private), bytes.fromhex(bundle.kem_seed))
    return Person(keys, decode_bundle(bytes.fromhex(bundle.bundle), is_signature_valid), secrets)


AUTHOR = person(VECTOR.author, VECTOR.author_bundle)
READER = person(VECTOR.reader, VECTOR.reader_bundle)


def opening() -> Opening:
    """The author's half, from the frozen draws."""
    drawn = [bytes.fromhex(VECTOR.ephemeral_private), bytes.fromhex(VECTOR.kem_coin)]
    return begin_letter(
        AUTHOR.keys, AUTHOR.bundle, READER.bundle, entropy=ListedEntropy(drawn), kem=KyberPyKem()
    )


def test_the_frozen_identities_grow_from_their_seeds_again() -> None:
    for vector in (VECTOR.author, VECTOR.reader):
        keys = IdentityKeys.from_seed(bytes.fromhex(vector.seed))
        assert keys.verify_key.hex() == vector.verify_key
        assert keys.identity_key.hex() == vector.identity_key
        assert keys.tie.hex() == vector.tie
        assert keys.signing_seed.hex() == vector.signing_seed
        assert keys.identity_private.hex() == vector.identity_private


def test_the_frozen_bundles_are_made_again() -> None:
    for someone, vector in ((AUTHOR, VECTOR.author_bundle), (READER, VECTOR.reader_bundle)):
        drawn = [bytes.fromhex(vector.prekey_private), bytes.fromhex(vector.kem_seed)]
        bundle, secrets = make_bundle(
            someone.keys,
            valid_from=UnixSeconds(vector.valid_from),
            valid_to=UnixSeconds(vector.valid_to),
            entropy=ListedEntropy(drawn),
            kem=PycaKem(),
        )
        assert bundle.encode().hex() == vector.bundle
        assert secrets == someone.secrets


def test_the_frozen_opening_is_begun_again() -> None:
    begun = opening()
    assert begun.ephemeral.hex() == VECTOR.ephemeral
    assert begun.ephemeral == x25519_public(bytes.fromhex(VECTOR.ephemeral_private))
    assert begun.ciphertext.hex() == VECTOR.ciphertext
    assert begun.box.hex() == VECTOR.box
    assert begun.root.hex() == VECTOR.root
    assert begun.tag_root.hex() == VECTOR.tag_root
    assert begun.session_id.hex() == VECTOR.session_id


def test_the_frozen_letters_are_sealed_again() -> None:
    begun = opening()
    for letter in VECTOR.letters:
        body = seal_letter(
            begun,
            letter.n,
            bytes.fromhex(letter.payload),
            box_key=bytes.fromhex(letter.box_key),
            header=bytes.fromhex(letter.header),
            size_class=letter.size_class,
            entropy=ListedEntropy([bytes.fromhex(letter.hedge)]),
        )
        assert body.hex() == letter.body
        assert read_hash_of(begun.root, letter.n).hex() == letter.read_hash


def test_the_frozen_letters_are_opened_by_both_kems() -> None:
    for kem in (PycaKem(), KyberPyKem()):
        for letter in VECTOR.letters:
            found = open_letter(
                bytes.fromhex(letter.body),
                box_key=bytes.fromhex(letter.box_key),
                header=bytes.fromhex(letter.header),
                identity=READER.keys,
                bundle=READER.bundle,
                secrets=READER.secrets,
                verify=is_signature_valid,
                kem=kem,
                is_fresh=always_fresh,
            )
            assert (found.n, found.payload.hex()) == (letter.n, letter.payload)
            assert found.author.bundle == AUTHOR.bundle
            assert found.tag_root.hex() == VECTOR.tag_root
            assert found.session_id.hex() == VECTOR.session_id
            assert found.read_token.hex() == letter.read_token
            read_hash = decode_header(bytes.fromhex(letter.header)).read_hash
            assert blake2b_128(found.read_token) == read_hash


def test_the_frozen_bundle_on_the_mesh_is_sealed_and_opened() -> None:
    vector = VECTOR.sealed_bundle
    box_key, header = bytes.fromhex(vector.box_key), bytes.fromhex(vector.header)
    body = seal_bundle(
        READER.bundle,
        box_key=box_key,
        header=header,
        size_class=1,
        entropy=ListedEntropy([bytes.fromhex(vector.nonce)]),
    )
    assert body.hex() == vector.body
    found = open_bundle(bytes.fromhex(vector.body), box_key=box_key, header=header)
    assert found.hex() == VECTOR.reader_bundle.bundle


def test_the_frozen_chains_are_sent_and_expected_again() -> None:
    for chain in TAGS.chains:
        key = chain_start(bytes.fromhex(chain.tag_root), chain.direction)
        sender, receiver = TagSender(key), TagReceiver.start(key).expecting(257)
        sent = []
        for _ in range(257):
            sender, tag, box_key = sender.next()
            sent.append((tag.hex(), box_key.hex()))
        expected = dict(receiver.expected())
        for place in chain.tags:
            assert sent[place.index] == (place.tag, place.box_key)
            assert expected[place.index].hex() == place.tag
            assert receiver.box_key(place.index).hex() == place.box_key


def test_the_frozen_tags_of_an_invite_are_made_again() -> None:
    secret = bytes.fromhex(TAGS.invite_secret)

    def made(key: bytes, index: int) -> TagVector:
        return TagVector(
            key=key.hex(),
            index=index,
            tag=tag_of(key, index).hex(),
            box_key=box_key_of(key, index).hex(),
        )

    for key, places in (
        (invite_tag_key(secret), TAGS.invite_tags),
        (invite_bundle_key(secret), TAGS.bundle_tags),
    ):
        assert [made(key, place.index) for place in places] == places
