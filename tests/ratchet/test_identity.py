"""Identities and bundles: the frozen ones, and where their bytes come from."""

import msgspec

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.ids import UnixSeconds
from mesh.ratchet.identity import IdentityKeys, make_bundle, tie_message
from mesh.wire.bundle import decode_bundle
from tests.entropy import ListedEntropy
from tests.vectors.shapes import FirstContactVector, frozen_bytes

VECTOR = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
PEOPLE = [VECTOR.author, VECTOR.reader]


def test_the_frozen_identities_grow_from_their_seeds() -> None:
    for person in PEOPLE:
        keys = IdentityKeys.from_seed(bytes.fromhex(person.seed))
        assert keys.signing_seed.hex() == person.signing_seed
        assert keys.verify_key.hex() == person.verify_key
        assert keys.identity_private.hex() == person.identity_private
        assert keys.identity_key.hex() == person.identity_key
        assert keys.tie.hex() == person.tie


def test_the_tie_binds_both_keys_of_one_person_only() -> None:
    author, reader = (IdentityKeys.from_seed(bytes.fromhex(one.seed)) for one in PEOPLE)
    tied = tie_message(author.identity_key)
    assert is_signature_valid(author.verify_key, tied, author.tie)
    assert not is_signature_valid(reader.verify_key, tied, author.tie)
    assert not is_signature_valid(author.verify_key, tie_message(reader.identity_key), author.tie)


def test_a_bundle_is_made_of_given_chance_alone() -> None:
    frozen = VECTOR.reader_bundle
    draws = [bytes.fromhex(frozen.prekey_private), bytes.fromhex(frozen.kem_seed)]
    entropy = ListedEntropy(draws)
    bundle, secrets = make_bundle(
        IdentityKeys.from_seed(bytes.fromhex(VECTOR.reader.seed)),
        valid_from=UnixSeconds(frozen.valid_from),
        valid_to=UnixSeconds(frozen.valid_to),
        entropy=entropy,
        kem=PycaKem(),
    )
    assert entropy.is_used_up
    assert bundle.encode().hex() == frozen.bundle
    assert [secrets.prekey_private, secrets.kem_seed] == draws
    assert decode_bundle(bundle.encode(), is_signature_valid) == bundle


def test_no_private_key_shows_in_a_repr() -> None:
    keys = IdentityKeys.from_seed(bytes.fromhex(VECTOR.author.seed))
    assert repr(keys.signing_seed) not in repr(keys)
    assert repr(keys.identity_private) not in repr(keys)
