"""Identities: two keys of one seed, tied together; bundles that they sign."""

from mesh.crypto.agreement import x25519, x25519_public
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.ratchet.identity import IdentityKeys, make_bundle, tie_message
from mesh.wire.bundle import decode_bundle
from tests.entropy import SeededEntropy
from tests.ratchet.people import FROM, TO, person

SEED = bytes(range(32))


def test_a_seed_always_gives_the_same_identity() -> None:
    assert IdentityKeys.from_seed(SEED) == IdentityKeys.from_seed(SEED)
    assert IdentityKeys.from_seed(SEED) != IdentityKeys.from_seed(bytes(32))


def test_the_secrets_of_an_identity_differ_from_its_seed_and_each_other() -> None:
    keys = IdentityKeys.from_seed(SEED)
    assert len({SEED, keys.signing_seed, keys.identity_private}) == 3


def test_the_tie_is_a_signature_of_the_verify_key_over_the_identity_key() -> None:
    keys = IdentityKeys.from_seed(SEED)
    assert is_signature_valid(keys.verify_key, b"mesh.id.1" + keys.identity_key, keys.tie)
    assert not is_signature_valid(keys.verify_key, tie_message(bytes(32)), keys.tie)


def test_no_secret_stands_in_the_words_for_an_identity_or_its_prekeys() -> None:
    someone = person(1)
    words = repr(someone.keys) + repr(someone.secrets)
    for secret in (
        someone.keys.signing_seed,
        someone.keys.identity_private,
        someone.secrets.prekey_private,
        someone.secrets.kem_seed,
    ):
        assert repr(secret)[2:-1] not in words
        assert secret.hex() not in words


def test_a_made_bundle_is_valid_and_its_secrets_fit_it() -> None:
    keys, kem = IdentityKeys.from_seed(SEED), PycaKem()
    bundle, secrets = make_bundle(
        keys, valid_from=FROM, valid_to=TO, entropy=SeededEntropy(1), kem=kem
    )
    assert decode_bundle(bundle.encode(), is_signature_valid) == bundle
    assert (bundle.valid_from, bundle.valid_to) == (FROM, TO)
    other = bytes(range(1, 33))
    assert x25519(secrets.prekey_private, x25519_public(other)) == x25519(other, bundle.prekey)
    ciphertext, shared = kem.encapsulate(bundle.kem_key, SeededEntropy(2))
    assert kem.decapsulate(secrets.kem_seed, ciphertext) == shared


def test_each_bundle_of_an_identity_has_prekeys_of_its_own() -> None:
    keys, entropy = IdentityKeys.from_seed(SEED), SeededEntropy(1)
    made = [
        make_bundle(keys, valid_from=FROM, valid_to=TO, entropy=entropy, kem=PycaKem())[0]
        for _ in range(3)
    ]
    assert len({one.prekey for one in made}) == len({one.kem_key for one in made}) == 3
