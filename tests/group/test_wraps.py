"""Wraps: recipients open what is theirs, nobody else opens anything, and nothing odd is taken."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group import wraps as wraps_module
from mesh.group.epochs import read_announcement
from mesh.group.leaves import OwnLeaves, OwnShortLeaf, sign_short_leaf
from mesh.group.posts import GroupId
from mesh.group.wraps import (
    BOX_BYTES,
    FIRST_BYTES,
    HINT_BYTES,
    LINKED_BYTES,
    Reader,
    Trouble,
    Unwrapped,
    Wraps,
    first_hint,
    joined_wraps,
    wrap_for,
    wrap_key,
    wrap_secret,
)
from mesh.ids import UnixSeconds, VerifyKey
from tests.group.people import (
    GROUP,
    KEM,
    NOW,
    Epoch,
    Person,
    first_wrap,
    linked_wrap,
    make_epoch,
    person,
    wraps_for,
)

PEOPLE = 7
LOW_ORDER = bytes(32)


def pages_of(wraps: list[bytes]) -> Wraps:
    return joined_wraps(
        [one for one in wraps if len(one) == LINKED_BYTES],
        [one for one in wraps if len(one) == FIRST_BYTES],
    )


@given(
    st.lists(
        st.tuples(st.integers(0, PEOPLE - 1), st.sets(st.integers(0, PEOPLE - 1), min_size=1)),
        min_size=1,
        max_size=6,
    )
)
def test_exactly_the_recipients_open_an_epoch(plan: list[tuple[int, set[int]]]) -> None:
    """Members make epochs for each other in any order, with first wraps and linked ones."""
    people = [person(number) for number in range(PEOPLE)]
    for chance, (by, chosen) in enumerate(plan):
        maker = people[by]
        recipients = [people[number] for number in sorted(chosen - {by})]
        epoch = make_epoch(maker, len(recipients) + 1, chance=chance)
        page = pages_of(wraps_for(maker, epoch, recipients))
        for one in people:
            found = one.open(epoch, page)
            if one in recipients:
                assert isinstance(found, Unwrapped)
                assert found.seed == epoch.making.seed
            else:
                assert isinstance(found, Trouble)


def test_all_keys_of_who_is_left_out_open_nothing_later() -> None:
    """A removed member keeps his leaves, his secrets with everybody, and all old pages."""
    ada, bob, eve = (person(number) for number in range(3))
    before = make_epoch(ada, 3, chance=1)
    old = pages_of(wraps_for(ada, before, [bob, eve]))
    assert isinstance(eve.open(before, old), Unwrapped)
    assert isinstance(bob.open(before, old), Unwrapped)
    after = make_epoch(ada, 2, chance=2)
    page = pages_of(wraps_for(ada, after, [bob]))
    assert isinstance(bob.open(after, page), Unwrapped)
    for leaves in (eve.leaves, bob.leaves):
        # With somebody else's wrap and even under his name: the secret of the pair is missing.
        for member in (eve.vk, bob.vk):
            reader = Reader(
                GROUP, member, replace(leaves, long=eve.leaves.long), eve.secrets_in[ada.vk]
            )
            found = reader.unwrap(
                page, announcement=after.announcement, epoch=after.id, maker=ada.vk, kem=KEM
            )
            assert isinstance(found, Trouble)


def test_who_has_the_secret_but_no_leaf_opens_nothing() -> None:
    """Healing: a thief of an old vault lacks the next short leaf."""
    ada, bob = person(0), person(1)
    bob.open(first := make_epoch(ada, 2, chance=1), pages_of([first_wrap(ada, first, bob)]))
    thief = replace(bob)
    own = OwnShortLeaf(NOW + 9, b"\x09" * 32)
    bob.leaves = OwnLeaves((own, *bob.leaves.short), bob.leaves.long)
    bob.short = sign_short_leaf(bob.keys.signing_seed, GROUP, bob.vk, own)
    epoch = make_epoch(ada, 2, chance=2)
    page = pages_of([linked_wrap(ada, epoch, bob)])
    assert thief.open(epoch, page) is Trouble.DOES_NOT_OPEN
    # All but the DH is known to him: the secret, E, the public leaf and the id.
    key = wrap_key(
        ada.secrets_out[bob.vk],
        bytes(32),
        ephemeral=epoch.announcement.ephemeral,
        leaf_key=bob.short.key,
        epoch=epoch.id,
    )
    with pytest.raises(PeerError):
        aead.open_sealed(key, bytes(12), GROUP + bob.vk, page.linked[-BOX_BYTES:])
    assert isinstance(bob.open(epoch, page), Unwrapped)


def test_a_wrap_opens_by_any_leaf_with_its_mark() -> None:
    """Two short leaves may have one mark; the newest is tried first."""
    ada, bob = person(0), person(1)
    [own] = bob.leaves.short
    newer = OwnShortLeaf(own.number + 255, b"\x05" * 32)
    bob.leaves = replace(bob.leaves, short=(newer, own))
    epoch = make_epoch(ada, 2, chance=1)
    assert isinstance(
        bob.open(epoch, pages_of([first_wrap(ada, epoch, bob, by_short=True)])), Unwrapped
    )
    assert bob.leaves.private_keys(bob.short.mark) == [newer.private, own.private]


def test_a_wrap_of_one_epoch_opens_no_other() -> None:
    """Its key is bound to E, which both have, and to the id."""
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    page = pages_of([first_wrap(ada, epoch, bob)])
    other = msgspec.structs.replace(epoch.announcement, turn=1)
    found = bob.reader(ada.vk).unwrap(
        page,
        announcement=other,
        epoch=make_epoch(ada, 2, chance=2).id,
        maker=ada.vk,
        kem=KEM,
    )
    assert found is Trouble.DOES_NOT_OPEN


def test_a_secret_is_bound_to_all_that_it_is_for() -> None:
    """So that what one pair shares is of use to no other pair, direction, group or bundle."""

    def secret(
        group: GroupId = GROUP,
        maker: int = 1,
        member: int = 2,
        valid_from: int = 3,
        ciphertext: bytes = b"c",
    ) -> bytes:
        return wrap_secret(
            b"s" * 32,
            ciphertext,
            group=group,
            maker=VerifyKey(bytes([maker]) * 32),
            member=VerifyKey(bytes([member]) * 32),
            valid_from=UnixSeconds(valid_from),
        )

    found = {
        secret(),
        secret(group=GroupId(bytes(32))),
        secret(maker=2, member=1),
        secret(member=4),
        secret(valid_from=4),
        secret(ciphertext=b"d"),
    }
    assert len(found) == 6


def test_a_wrap_of_another_maker_does_not_open() -> None:
    ada, bob, eve = (person(number) for number in range(3))
    epoch = make_epoch(ada, 2, chance=1)
    page = pages_of([first_wrap(ada, epoch, bob)])
    found = bob.reader(eve.vk).unwrap(
        page, announcement=epoch.announcement, epoch=epoch.id, maker=eve.vk, kem=KEM
    )
    assert found is Trouble.DOES_NOT_OPEN


def lying_wrap(ada: Person, bob: Person, seed: bytes) -> tuple[Epoch, Wraps]:
    """An epoch whose wrap for Bob holds another seed than the announced one."""
    epoch = make_epoch(ada, 2, chance=1)
    lying = replace(epoch, making=replace(epoch.making, seed=seed))
    return epoch, pages_of([first_wrap(ada, lying, bob)])


def test_a_seed_that_was_not_announced_is_no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = person(0), person(1)
    epoch, page = lying_wrap(ada, bob, bytes(32))
    assert bob.open(epoch, page) is Trouble.DOES_NOT_OPEN
    # Without the commitment a maker could give each member another epoch, and split the group.
    monkeypatch.setattr(wraps_module, "check_seed", lambda *_: None)
    assert isinstance(bob.open(epoch, page), Unwrapped)


def test_copies_of_a_wrap_and_false_ones_before_it_cost_a_few_tries() -> None:
    """Everybody can compute the hint of a first wrap, and repeat what stands in a page."""
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    wrap = first_wrap(ada, epoch, bob)
    false = wrap[: HINT_BYTES + 5] + bytes(FIRST_BYTES - HINT_BYTES - 5)
    for wraps in ([wrap, wrap], [false, wrap], [false, false, false, wrap]):
        assert isinstance(bob.open(epoch, pages_of(wraps)), Unwrapped)
    counting = CountingKem()
    found = bob.reader(ada.vk).unwrap(
        Wraps(first=false * 50 + wrap),
        announcement=epoch.announcement,
        epoch=epoch.id,
        maker=ada.vk,
        kem=counting,
    )
    assert found is Trouble.DOES_NOT_OPEN
    assert counting.decapsulated == 4


class CountingKem:
    """The KEM of the daemon, which counts."""

    def __init__(self) -> None:
        self.decapsulated = 0

    def public_key(self, seed: bytes) -> bytes:
        return KEM.public_key(seed)

    def encapsulate(self, public: bytes, entropy: object) -> tuple[bytes, bytes]:
        raise AssertionError("nothing is sealed here")

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        self.decapsulated += 1
        return KEM.decapsulate(seed, ciphertext)

    def forget(self) -> None:
        raise AssertionError("nothing is kept here")


def test_a_lost_page_is_told_as_what_it_is() -> None:
    ada, bob = person(0), person(1)
    assert bob.open(make_epoch(ada, 2, chance=1), Wraps()) is Trouble.NO_SECRET
    epoch = make_epoch(ada, 2, chance=2)
    bob.open(epoch, pages_of([first_wrap(ada, epoch, bob)]))
    assert bob.open(make_epoch(ada, 2, chance=3), Wraps()) is Trouble.NO_WRAP


def test_an_ephemeral_key_of_low_order_opens_nothing() -> None:
    """A DH that gives zeros is refused, or anybody could compute the key of a box."""
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    low = msgspec.structs.replace(epoch.announcement, ephemeral=LOW_ORDER)
    hint = first_hint(LOW_ORDER, bob.vk)
    wrap = hint + first_wrap(ada, epoch, bob)[HINT_BYTES:]
    found = bob.reader(ada.vk).unwrap(
        Wraps(first=wrap), announcement=low, epoch=epoch.id, maker=ada.vk, kem=KEM
    )
    assert found is Trouble.DOES_NOT_OPEN


def test_nothing_is_wrapped_to_a_leaf_of_low_order() -> None:
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    with pytest.raises(PeerError):
        epoch.making.linked(bob.vk, bytes(32), mark=1, key=LOW_ORDER)


def test_a_bundle_that_is_erased_founds_nothing() -> None:
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    page = pages_of([first_wrap(ada, epoch, bob, by_short=True)])
    bob.leaves = replace(bob.leaves, long=())
    assert bob.open(epoch, page) is Trouble.NO_SECRET


@given(st.binary(max_size=3 * FIRST_BYTES), st.binary(max_size=3 * LINKED_BYTES))
def test_any_bytes_open_or_do_not(first: bytes, linked: bytes) -> None:
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    mine = first_hint(epoch.announcement.ephemeral, bob.vk)
    for wraps in (Wraps(linked, first), Wraps(mine + linked, mine + first)):
        assert isinstance(bob.open(epoch, wraps), Trouble)


@given(st.integers(0, FIRST_BYTES * 8 - 1))
def test_a_changed_bit_anywhere_opens_nothing(bit: int) -> None:
    """Of a first wrap even its hint and mark: they lead elsewhere."""
    ada, bob = person(0), person(1)
    epoch = make_epoch(ada, 2, chance=1)
    wrap = bytearray(first_wrap(ada, epoch, bob))
    wrap[bit // 8] ^= 1 << bit % 8
    assert isinstance(bob.open(epoch, Wraps(first=bytes(wrap))), Trouble)


def test_wraps_are_sorted_so_that_their_order_tells_nothing() -> None:
    ada = person(0)
    others = [person(number) for number in range(1, 6)]
    epoch = make_epoch(ada, 6, chance=1)
    wraps = wraps_for(ada, epoch, others)
    assert pages_of(wraps) == pages_of(wraps[::-1])
    assert len(pages_of(wraps).first) == 5 * FIRST_BYTES


def test_an_announcement_counts_with_the_signature_of_its_maker_only() -> None:
    ada, eve = person(0), person(2)
    signed = make_epoch(ada, 2, chance=1).signed
    assert read_announcement(signed, GROUP, is_signature_valid).count == 2
    for forged, group in (
        (msgspec.structs.replace(signed, author=eve.vk), GROUP),
        (msgspec.structs.replace(signed, signature=bytes(64)), GROUP),
        (signed, GroupId(bytes(32))),
    ):
        with pytest.raises(PeerError):
            read_announcement(forged, group, is_signature_valid)


def test_a_maker_finds_the_wrap_of_one_member_again() -> None:
    ada, others = person(0), [person(number) for number in range(1, 6)]
    before = make_epoch(ada, 3, chance=1)
    for one in others[:2]:
        first_wrap(ada, before, one)
    epoch = make_epoch(ada, 6, chance=2)
    all_of_it = pages_of(wraps_for(ada, epoch, others[:4]))
    for place, one in enumerate(others):
        found = wrap_for(
            all_of_it,
            one.vk,
            ephemeral=epoch.announcement.ephemeral,
            secret=ada.secrets_out.get(one.vk),
        )
        if place == 4:
            assert found is None
            continue
        assert found is not None
        assert len(found.linked + found.first) == (LINKED_BYTES if place < 2 else FIRST_BYTES)
        one.secrets_in[ada.vk] = (ada.secrets_out[one.vk],)
        assert isinstance(one.open(epoch, found), Unwrapped)
