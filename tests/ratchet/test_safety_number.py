"""The safety number: the reference algorithm's own value, and what it depends on."""

from mesh.ratchet.identity import IdentityKeys
from mesh.ratchet.safety_number import half_of, identity_half, joined

# Keys, ids and value of the reference implementation's own test.
ALICE = bytes.fromhex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868")
BOB = bytes.fromhex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b")
REFERENCE = "300354477692869396892869876765458257569162576843440918079131"


def test_the_reference_value_comes_out() -> None:
    alice, bob = half_of(ALICE, b"+14152222222"), half_of(BOB, b"+14153333333")
    assert joined(alice, bob) == joined(bob, alice) == REFERENCE


def test_ours_takes_both_identity_keys_and_the_verify_key_as_the_id() -> None:
    ann = IdentityKeys.from_seed(bytes(32))
    half = identity_half(ann.verify_key, ann.identity_key)
    assert half == half_of(ann.verify_key + ann.identity_key, ann.verify_key)
    other = IdentityKeys.from_seed(bytes(31) + b"\x01")
    assert identity_half(ann.verify_key, other.identity_key) != half
    assert identity_half(other.verify_key, ann.identity_key) != half


def test_the_known_answer_of_the_protocol_page_comes_out() -> None:
    one, other = (IdentityKeys.from_seed(bytes((byte,)) * 32) for byte in (0, 1))
    halves = [identity_half(keys.verify_key, keys.identity_key) for keys in (one, other)]
    assert joined(*halves) == "977295215791427019928279604687988775030032278150010859526546"
