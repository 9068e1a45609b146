"""Reading an epoch together: what each member says is read by all, and nobody is silenced."""

import random
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group import opening
from mesh.group.bodies import open_body, post_content, seal_body
from mesh.group.chains import Place as ChainPlace
from mesh.group.chains import (
    ReceivingChain,
    SendingChain,
    hello_index,
    hello_message_key,
    week_of,
)
from mesh.group.epochs import ChainKeys, EpochId, chain_keys, prefix_of
from mesh.group.opening import ChainReader, OpenedPost
from mesh.group.payload import GroupPayload, make_payload, sign_entry
from mesh.group.placed_posts import Hello, Need, PostPlace, UnknownPost, encode_placed
from mesh.ids import PostingKey, VerifyKey
from mesh.wire.envelope import Header
from tests.entropy import SeededEntropy
from tests.group.people import GROUP, NOW, Person, person

EPOCH, OTHER_EPOCH = EpochId(b"\x11" * 32), EpochId(b"\x12" * 32)
SEED = b"\x13" * 32
CLOCK = 117_964_800_000_000_000
ADA, BOB, EVE = (person(number) for number in range(1, 4))
ENTRY = b"\x90"


def keys_of(who: VerifyKey, epoch: EpochId = EPOCH) -> ChainKeys:
    return chain_keys(SEED, epoch, who)


def header_of(place: ChainPlace) -> bytes:
    return Header(
        0, 1, NOW, place.tag, bytes(16), bytes(16), PostingKey(bytes(32)), bytes(12)
    ).encode()


@dataclass(frozen=True)
class Sealed:
    """An envelope's header and body."""

    number: int
    header: bytes
    body: bytes


def sealed_at(place: ChainPlace, content: bytes, header: bytes | None = None) -> Sealed:
    header = header_of(place) if header is None else header
    body = seal_body(
        place.message_key, content, header=header, size_class=0, entropy=SeededEntropy(1)
    )
    return Sealed(place.number, header, body)


def said_by(author: Person, place: ChainPlace) -> Sealed:
    """A payload by whoever, at a place of anybody's chain."""
    said = sign_entry(author.signing, GROUP, ENTRY)
    header = header_of(place)
    payload = make_payload(author.signing, GROUP, header=header, controls=[], entries=[said])
    return sealed_at(place, payload.encode(), header)


def need_at(author: Person, place: ChainPlace, *, epoch: EpochId = EPOCH) -> Sealed:
    where = PostPlace(prefix_of(epoch), place.number)
    need = Need(1, 5, CLOCK, where, [], [], [], [], [], b"")
    return sealed_at(place, post_content(author.signing, GROUP, encode_placed(need)))


def place_at(who: VerifyKey, number: int, epoch: EpochId = EPOCH) -> ChainPlace:
    chain = SendingChain.start(keys_of(who, epoch))
    for _ in range(number):
        chain, _ = chain.next()
    return chain.place


def reader_of(author: Person) -> ChainReader:
    return ChainReader(GROUP, EPOCH, author.vk, is_signature_valid)


def opened(
    chain: ReceivingChain, sealed: Sealed, author: Person = ADA
) -> tuple[ReceivingChain, opening.Opened]:
    return reader_of(author).open_number(
        chain, sealed.number, header=sealed.header, body=sealed.body, expiry_now=NOW
    )


@dataclass
class Member:
    """A member who writes under his chain, and reads all others'."""

    who: Person
    sending: SendingChain
    receiving: dict[VerifyKey, ReceivingChain] = field(default_factory=dict)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["says", "asks"])), max_size=12),
    st.integers(0, 1_000),
)
def test_what_is_said_in_any_order_is_read_by_all(plan: list[tuple[int, str]], seed: int) -> None:
    people = [ADA, BOB, EVE]
    members = [
        Member(
            who,
            SendingChain.start(keys_of(who.vk)),
            {one.vk: ReceivingChain.start(keys_of(one.vk)) for one in people if one is not who},
        )
        for who in people
    ]
    posted: list[tuple[Person, Sealed]] = []
    for number, what in plan:
        member = members[number]
        member.sending, place = member.sending.next()
        make = said_by if what == "says" else need_at
        posted.append((member.who, make(member.who, place)))
    random.Random(seed).shuffle(posted)
    for member in members:
        for author, sealed in posted:
            if author is member.who:
                continue
            chain = member.receiving[author.vk]
            tag = sealed.header[7:23]
            assert (sealed.number, tag) in chain.expected(64)
            member.receiving[author.vk], _ = opened(chain, sealed, author)
            with pytest.raises(PeerError, match="used up"):
                opened(member.receiving[author.vk], sealed, author)


def test_a_member_who_seals_under_anothers_chain_uses_up_nothing() -> None:
    """Attacks 11 and 12: Eve has the keys of Ada's chain, and her old entries and posts."""
    chain, place = ReceivingChain.start(keys_of(ADA.vk)), place_at(ADA.vk, 0)
    later = place_at(ADA.vk, 3)
    old_payload = _content_of(said_by(ADA, place), place)
    old_need = _content_of(need_at(ADA, place), place)
    for forged in (
        said_by(EVE, later),
        need_at(EVE, later),
        sealed_at(later, old_payload),
        sealed_at(later, old_need),
        sealed_at(later, b"\x90" + bytes(100)),
    ):
        with pytest.raises(PeerError):
            opened(chain, forged)
    # All was tried at number 3, and Ada's own word there is read.
    after, found = opened(chain, said_by(ADA, later))
    assert isinstance(found, GroupPayload)
    assert after.next == 4


@pytest.mark.parametrize("rule", ["check_place", "read_payload"])
def test_without_the_rule_her_numbers_are_used_up(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, place, later = (
        ReceivingChain.start(keys_of(ADA.vk)),
        *(place_at(ADA.vk, number) for number in (0, 3)),
    )
    forged = {
        "check_place": sealed_at(later, _content_of(need_at(ADA, place), place)),
        "read_payload": sealed_at(later, _content_of(said_by(ADA, place), place)),
    }[rule]
    with pytest.raises(PeerError):
        opened(chain, forged)
    if rule == "check_place":
        monkeypatch.setattr(opening, rule, lambda *_, **__: None)
    else:
        decoder = msgspec.msgpack.Decoder(GroupPayload)
        monkeypatch.setattr(opening, rule, lambda content, **_: decoder.decode(content))
    after, _ = opened(chain, forged)
    assert after.message_key(3) is None


def _content_of(sealed: Sealed, place: ChainPlace) -> bytes:
    return open_body(place.message_key, sealed.body, header=sealed.header)


def test_a_post_of_another_epoch_is_not_at_its_place() -> None:
    chain = ReceivingChain.start(keys_of(ADA.vk))
    with pytest.raises(PeerError, match="did not put it"):
        opened(chain, need_at(ADA, place_at(ADA.vk, 0), epoch=OTHER_EPOCH))


def test_a_kind_of_a_newer_version_uses_its_own_number_and_no_other() -> None:
    where = [prefix_of(EPOCH), 0]
    post = msgspec.msgpack.encode([1, 77, CLOCK, where, "of later"])
    content = post_content(ADA.signing, GROUP, post)
    start = ReceivingChain.start(keys_of(ADA.vk))
    chain, found = opened(start, sealed_at(place_at(ADA.vk, 0), content))
    assert isinstance(found, OpenedPost)
    assert isinstance(found.post, UnknownPost)
    assert chain.next == 1
    with pytest.raises(PeerError, match="did not put it"):
        opened(start, sealed_at(place_at(ADA.vk, 1), content))


# --- Hellos --------------------------------------------------------------------------------------

INDEX = hello_index(week_of(NOW), 0)


def hello_content(author: Person, *, index: int = INDEX, standing: int = 9) -> bytes:
    place = PostPlace(prefix_of(EPOCH), index)
    hello = Hello(1, 7, CLOCK, place, standing, [], [], author.short.encode(), None)
    return post_content(author.signing, GROUP, encode_placed(hello))


def said_hello(content: bytes, index: int = INDEX) -> tuple[ReceivingChain, Hello]:
    key = keys_of(ADA.vk).hello
    header = bytes(99)
    body = seal_body(
        hello_message_key(key, index),
        content,
        header=header,
        size_class=0,
        entropy=SeededEntropy(1),
    )
    return reader_of(ADA).open_hello(
        ReceivingChain.start(keys_of(ADA.vk)),
        index,
        hello_key=key,
        header=header,
        body=body,
        expiry_now=NOW,
    )


def test_a_hello_moves_a_chain_to_where_it_stands() -> None:
    chain, hello = said_hello(hello_content(ADA))
    assert (hello.next, chain.next, len(chain.skipped)) == (9, 9, 9)


def test_nobody_moves_anothers_chain() -> None:
    later = msgspec.msgpack.encode([1, 77, CLOCK, [prefix_of(EPOCH), INDEX]])
    for content in (
        hello_content(EVE),
        hello_content(ADA, index=INDEX + 1),
        post_content(ADA.signing, GROUP, later),
        bytes(100),
    ):
        with pytest.raises(PeerError):
            said_hello(content)


def test_a_need_does_not_stand_under_the_tag_of_a_hello() -> None:
    place = PostPlace(prefix_of(EPOCH), INDEX)
    need = Need(1, 5, CLOCK, place, [], [], [], [], [], b"")
    with pytest.raises(PeerError, match="did not put it"):
        said_hello(post_content(ADA.signing, GROUP, encode_placed(need)))


def test_a_hello_does_not_stand_at_a_number() -> None:
    place = place_at(ADA.vk, 2)
    content = hello_content(ADA, index=2)
    with pytest.raises(PeerError, match="did not put it"):
        opened(ReceivingChain.start(keys_of(ADA.vk)), sealed_at(place, content))


def test_a_hello_lets_one_be_read_who_wrote_far_beyond_the_window() -> None:
    """All that stood in the window is lost; what comes behind it is recognised again."""
    far = place_at(ADA.vk, 200)
    chain = ReceivingChain.start(keys_of(ADA.vk))
    assert 200 not in dict(chain.expected(64))
    chain, _ = said_hello(hello_content(ADA, standing=200))
    assert (200, far.tag) in chain.expected(8)
    chain, _ = opened(chain, said_by(ADA, far))
    chain, _ = opened(chain, said_by(ADA, place_at(ADA.vk, 100)))
