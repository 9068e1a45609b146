"""Making an epoch whole: whoever is a member opens it from a page that he can read."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.crypto.entropy import Entropy
from mesh.group.bodies import content_room, post_content
from mesh.group.epochs import EpochId, decode_announcement
from mesh.group.leaves import OwnShortLeaf, sign_short_leaf
from mesh.group.making import (
    MadeEpoch,
    MadePages,
    Recipient,
    Shared,
    draw_epoch,
    is_linked,
    make_pages,
    operations_of_page,
    page_overhead,
)
from mesh.group.operations import Add, Removal, Remove, encode_operation
from mesh.group.paging import PlannedPage
from mesh.group.placed_posts import (
    KeyPage,
    PostPlace,
    decode_placed,
    encode_placed,
    make_wraps_field,
)
from mesh.group.posts import SignedPost, sign_post
from mesh.group.wraps import FIRST_BYTES, LINKED_BYTES, Trouble, Unwrapped, Wraps
from mesh.ids import UnixSeconds, VerifyKey
from tests.entropy import SeededEntropy
from tests.group.people import GROUP, HEAD, KEM, NOW, Person, person

DAY = 86_400
CLOCK = 117_964_800_000_000_000
OLD, NEW = EpochId(b"\x01" * 32), EpochId(b"\x02" * 32)
PEOPLE = [person(number) for number in range(6)]


def drawn(maker: Person, members: list[Person], *, entropy: Entropy, without: int = 0) -> MadeEpoch:
    return draw_epoch(
        maker.signing,
        GROUP,
        clock=CLOCK,
        seq=1,
        heads=[HEAD],
        turn=0,
        members=[one.vk for one in members],
        without=[one.vk for one in members[len(members) - without :]],
        entropy=entropy,
    )


def paged(
    made: MadeEpoch,
    recipients: list[Recipient],
    *,
    now: UnixSeconds = NOW,
    operations: tuple[SignedPost, ...] = (),
) -> MadePages:
    return make_pages(
        made,
        recipients,
        operations_under=lambda _: operations,
        mesh_now=now,
        entropy=SeededEntropy(5),
        kem=KEM,
    )


def opened(who: Person, made: MadeEpoch, pages: list[PlannedPage]) -> Unwrapped | Trouble:
    """Whatever somebody gets out of the pages that he can read."""
    announcement = decode_announcement(made.signed.post)
    found: Unwrapped | Trouble = Trouble.NO_WRAP
    for page in pages:
        found = who.reader(made.maker.maker).unwrap(
            page.wraps,
            announcement=announcement,
            epoch=made.maker.epoch,
            maker=made.maker.maker,
            kem=KEM,
        )
        if isinstance(found, Unwrapped):
            return found
    return found


@dataclass
class Known:
    """A member as the maker knows him, and as he is."""

    who: Person
    under: EpochId = OLD
    heard: UnixSeconds = NOW
    shared: Shared | None = None

    @property
    def recipient(self) -> Recipient:
        return Recipient(
            self.who.vk, self.under, self.who.bundle, self.who.short, self.heard, self.shared
        )


@given(
    st.lists(
        st.lists(
            st.tuples(st.booleans(), st.integers(0, 9), st.booleans()), min_size=5, max_size=5
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_member_opens_every_epoch_from_what_he_holds(
    plan: list[tuple[tuple[bool, int, bool], ...]],
) -> None:
    """One maker, five others: in each round some are heard, hold the newer epoch, or lose all."""
    maker, others = PEOPLE[0], [replace(one, secrets_in={}) for one in PEOPLE[1:]]
    known = [Known(one) for one in others]
    entropy, now = SeededEntropy(1), NOW
    for round_ in plan:
        now = UnixSeconds(now + 3 * DAY)
        for one, (is_new, days, is_lost) in zip(known, round_, strict=True):
            one.heard = max(one.heard, UnixSeconds(now - days * DAY))
            one.under = NEW if is_new else OLD
            if is_lost:
                # A disk that went back: he says so, and the maker wraps anew.
                one.who.secrets_in.clear()
                one.shared = None
        made = drawn(maker, PEOPLE, entropy=entropy)
        found = paged(made, [one.recipient for one in known], now=now)
        for one in known:
            readable = [page for page in found.pages if page.under == one.under]
            seed = opened(one.who, made, readable)
            assert isinstance(seed, Unwrapped)
            assert seed.seed == made.maker.seed
            if seed.founded is not None:
                assert found.founded[one.who.vk].secret == seed.founded[1]
                one.who.secrets_in[maker.vk] = (seed.founded[1],)
            one.shared = found.founded.get(one.who.vk, one.shared)


def test_a_secret_counts_from_when_its_member_was_heard_again() -> None:
    """A page with a first wrap may be lost: what rests on it could not be opened."""
    shared = Shared(b"s" * 32, NOW)
    assert not is_linked(shared, UnixSeconds(NOW - 1))
    assert not is_linked(shared, NOW)
    assert is_linked(shared, UnixSeconds(NOW + 1))


@pytest.mark.parametrize("heard, length", [(-1, FIRST_BYTES), (1, LINKED_BYTES)])
def test_wraps_are_first_until_then(heard: int, length: int) -> None:
    shared = Shared(b"s" * 32, NOW)
    known = Known(PEOPLE[1], heard=UnixSeconds(NOW + heard), shared=shared)
    made = drawn(PEOPLE[0], PEOPLE[:2], entropy=SeededEntropy(1))
    found = paged(made, [known.recipient])
    [page] = found.pages
    assert len(page.wraps.linked) + len(page.wraps.first) == length
    assert (PEOPLE[1].vk in found.founded) == (length == FIRST_BYTES)


def test_who_erased_the_short_leaf_that_nobody_heard_replaced_still_opens() -> None:
    """Cut off for weeks: his leaf of then is gone here, and pages go by his bundle."""
    who = replace(PEOPLE[1], secrets_in={})
    made = drawn(PEOPLE[0], PEOPLE[:2], entropy=SeededEntropy(1))
    told = Known(who, heard=UnixSeconds(NOW - 6 * DAY)).recipient
    newer = OwnShortLeaf(NOW + 99, b"\x07" * 32)
    who.leaves = replace(who.leaves, short=(newer,))
    who.short = sign_short_leaf(who.keys.signing_seed, GROUP, who.vk, newer)
    assert isinstance(opened(who, made, list(paged(made, [told]).pages)), Unwrapped)
    by_short = replace(told, heard=NOW)
    assert isinstance(opened(who, made, list(paged(made, [by_short]).pages)), Trouble)


def test_the_announcement_names_whom_it_is_without() -> None:
    made = drawn(PEOPLE[0], PEOPLE, entropy=SeededEntropy(1), without=2)
    announcement = decode_announcement(made.signed.post)
    assert announcement.count == 4
    assert announcement.without == sorted(one.vk for one in PEOPLE[4:])


def operation(action: Add | Remove) -> SignedPost:
    post = encode_operation(action, clock=CLOCK, seq=1, parents=(OperationId(HEAD),))
    return sign_post(PEOPLE[0].signing, GROUP, post)


def test_an_operation_rides_where_no_outsider_learns_of_it() -> None:
    eve, bob = PEOPLE[1].vk, PEOPLE[2].vk
    of_eve, of_both = (
        operation(Remove(tuple(Removal(key, None, ()) for key in keys)))
        for keys in ((eve,), (eve, bob))
    )
    both = [of_eve, of_both]
    cases: dict[tuple[VerifyKey, ...], list[SignedPost]] = {
        (): both,
        (eve,): both,
        (eve, bob): [of_both],
        (bob, PEOPLE[3].vk): [],
    }
    assert {outsiders: operations_of_page(both, outsiders) for outsiders in cases} == cases


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 3))
def test_a_page_with_all_around_its_wraps_fits_its_class(
    linked: int, first: int, removals: int
) -> None:
    made = drawn(PEOPLE[0], PEOPLE, entropy=SeededEntropy(1))
    operations = [operation(Remove((Removal(bytes(32), None, ()),)))] * removals
    recipients = [
        Known(PEOPLE[1], shared=Shared(b"s" * 32, UnixSeconds(NOW - 1))).recipient
    ] * linked + [Known(PEOPLE[2], under=OLD).recipient] * min(first, 3)
    found = paged(made, recipients, operations=tuple(operations))
    for page in found.pages:
        post = KeyPage(
            1,
            3,
            CLOCK,
            PostPlace(bytes(8), 1 << 19),
            made.signed,
            make_wraps_field(page.wraps),
            operations,
        )
        content = post_content(PEOPLE[0].signing, GROUP, encode_placed(post))
        assert len(content) <= content_room(page.size_class)
        assert decode_placed(encode_placed(post)) == post
        overhead = page_overhead(made.signed, operations)
        assert len(content) <= overhead + len(page.wraps.linked) + len(page.wraps.first)
    assert found.pages or not recipients
    assert all(page.wraps != Wraps() for page in found.pages)
