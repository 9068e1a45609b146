"""Ten thousand envelopes of many pairs, as everybody sees them: nothing links two of them.

All chance is drawn from seeds, the KEM's coins too, so these envelopes are the same in each run and
the bounds are not a matter of luck.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt

import pytest

from mesh.wire.envelope import Envelope
from sim.hosts.kem import KyberPyKem
from tests.entropy import SeededEntropy
from tests.messenger.people import Clock, Person, exchange

# One process runs them all, since ten thousand letters are written once.
# Ten thousand envelopes are written first, once for all of them.
pytestmark = [pytest.mark.xdist_group("unlinkability"), pytest.mark.timeout(1_200)]

PAIRS = 20
ROUNDS = 42
IN_A_ROW = 6
ENVELOPES_MIN = 10_000
SIGMAS = 5

FIELDS: dict[str, Callable[[Envelope], bytes]] = {
    "tag": lambda one: one.header.tag,
    "read hash": lambda one: one.header.read_hash,
    "withdraw hash": lambda one: one.header.withdraw_hash,
    "nonce": lambda one: one.body[:12],
    "begin of the body": lambda one: one.body[12:76],
    "end of the body": lambda one: one.body[-64:],
}


@pytest.fixture(scope="module")
def written() -> dict[tuple[str, str], list[Envelope]]:
    """All envelopes by (author, reader), in the order in which they were written.

    Of each row only the last arrives at once: windows, kept keys and new chains are in play.
    """
    clock, kem = Clock(), KyberPyKem()
    found: dict[tuple[str, str], list[Envelope]] = defaultdict(list)
    for number in range(PAIRS):
        one = Person(f"a{number}", clock, seed=2 * number, kem=kem)
        other = Person(f"b{number}", clock, seed=2 * number + 1, kem=kem)
        other.add(one.invite().link)
        exchange(one, other)
        for row in range(ROUNDS):
            clock.pass_by(600)
            for author, reader in ((one, other), (other, one)):
                for place in range(IN_A_ROW):
                    author.send(reader.name, f"{row}/{place}")
                posted = author.post()
                found[author.name, reader.name] += posted
                reader.receive(posted[-1:])
    return found


@pytest.fixture(scope="module")
def envelopes(written: dict[tuple[str, str], list[Envelope]]) -> list[Envelope]:
    """All of them."""
    found = [one for posted in written.values() for one in posted]
    assert len(found) > ENVELOPES_MIN
    assert len({one.header.size_class for one in found}) > 1, "some bear post-quantum steps"
    return found


def test_repetitions_of_a_first_contact_have_no_bytes_in_common() -> None:
    """E, the ciphertext and the box are the same in each; what seals them lets nobody see it."""
    clock = Clock()
    one, other = Person("one", clock, seed=1), Person("other", clock, seed=2)
    one.add(other.invite(uses_max=3).link)
    for number in range(200):
        one.send("other", str(number))
    posted = one.post()
    assert len(posted) == 201
    blocks = Counter(
        block
        for envelope in posted
        for value in (
            envelope.header.tag,
            envelope.header.read_hash,
            envelope.header.withdraw_hash,
            envelope.body,
            envelope.signature,
        )
        for block in blocks_of(value)
    )
    assert blocks.most_common(1)[0][1] == 1
    # The search finds what repeats: the posting key stands in each header.
    posting_keys = Counter(block for one in posted for block in blocks_of(one.header.posting_key))
    assert set(posting_keys.values()) == {201}


def blocks_of(value: bytes) -> list[bytes]:
    """All blocks of 16 bytes, at the places that they have in each envelope."""
    return [value[start : start + 16] for start in range(0, len(value) - 15, 16)]


def test_no_value_outside_the_body_comes_twice_in_any_field(envelopes: list[Envelope]) -> None:
    seen = Counter(
        value
        for one in envelopes
        for value in (
            one.header.tag,
            one.header.read_hash,
            one.header.withdraw_hash,
            one.body[:12],
            one.signature[:32],
            one.signature[32:],
            one.id,
        )
    )
    assert seen.most_common(1)[0][1] == 1
    assert len(seen) == 7 * len(envelopes)


def test_what_repeats_is_version_classes_created_and_the_posting_key_with_its_stamp(
    written: dict[tuple[str, str], list[Envelope]],
) -> None:
    authors: dict[bytes, set[tuple[str, int]]] = defaultdict(set)
    for (author, _), posted in written.items():
        for one in posted:
            header = one.header
            encoded = header.encode()
            # Nothing else stands in the header, so nothing else could repeat.
            rest = encoded[:7] + encoded[55:]
            kinds = bytes((1, header.size_class, header.lifetime_class))
            assert (
                rest
                == kinds + header.created.to_bytes(4, "big") + header.posting_key + header.stamp
            )
            authors[header.posting_key].add((author, header.day))
    # A posting key is one author's of one day.
    assert all(len(of_key) == 1 for of_key in authors.values())


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_looks_like_chance(name: str, envelopes: list[Envelope]) -> None:
    values = [FIELDS[name](one) for one in envelopes]
    assert not is_odd(values)


@pytest.mark.parametrize("name", ["tag", "read hash", "nonce"])
def test_peers_of_one_author_differ_by_chance(
    name: str, written: dict[tuple[str, str], list[Envelope]]
) -> None:
    differences = [
        bytes(a ^ b for a, b in zip(FIELDS[name](one), FIELDS[name](other), strict=True))
        for posted in written.values()
        for one, other in pairwise(posted)
    ]
    assert not is_odd(differences)


def test_the_tests_of_chance_find_what_is_odd() -> None:
    entropy = SeededEntropy(5)
    fair = [entropy.draw(16) for _ in range(ENVELOPES_MIN)]
    assert not is_odd(fair)
    counter = [number.to_bytes(4, "big") + one[4:] for number, one in enumerate(fair)]
    version = [bytes((one[0] | 0x40,)) + one[1:] for one in fair]
    biased = [bytes(byte if byte != 7 else 8 for byte in one) for one in fair]
    smooth = [bytes(byte ^ (byte >> 1 & 0x55 if byte < 40 else 0) for byte in one) for one in fair]
    for odd in (counter, version, biased, smooth):
        assert is_odd(odd)


def is_odd(values: Sequence[bytes]) -> bool:
    """Say whether values of one length are further from chance than five standard deviations.

    Monobit and runs (NIST SP 800-22, 2.1 and 2.3), chi-square of all bytes, and the ones at each
    place of a bit.
    """
    data = b"".join(values)
    bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
    count, ones = len(bits), bits.count("1")
    if abs(2 * ones - count) > SIGMAS * sqrt(count):
        return True
    share = ones / count
    runs = 1 + bits.count("01") + bits.count("10")
    expected, deviation = 2 * count * share * (1 - share), 2 * sqrt(count) * share * (1 - share)
    if abs(runs - expected) > SIGMAS * deviation:
        return True
    mean = len(data) / 256
    chi_square = sum((seen - mean) ** 2 / mean for seen in Counter(data).values())
    chi_square += (256 - len(set(data))) * mean
    if abs(chi_square - 255) > SIGMAS * sqrt(2 * 255):
        return True
    places = len(values[0]) * 8
    of_places = [bits[place::places].count("1") for place in range(places)]
    return any(abs(2 * seen - len(values)) > SIGMAS * sqrt(len(values)) for seen in of_places)
