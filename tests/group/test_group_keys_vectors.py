"""The known answers of a group's keys: an epoch, its wraps, chains, a hello, a whole payload."""

from pathlib import Path

import msgspec
import pytest

from mesh.crypto.agreement import x25519, x25519_public
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.bodies import is_post, open_body, seal_body
from mesh.group.chains import (
    ReceivingChain,
    SendingChain,
    hello_index,
    hello_message_key,
    hello_tags,
    week_of,
)
from mesh.group.epochs import (
    EpochId,
    chain_keys,
    check_seed,
    commitment_of,
    decode_announcement,
    make_announcement,
)
from mesh.group.leaves import OwnLeaves, OwnLongLeaf, OwnShortLeaf, decode_short_leaf
from mesh.group.payload import (
    ENDED,
    LEAF,
    Ended,
    GroupPayload,
    SignedEntry,
    decode_ended,
    encode_ended,
    is_entry_valid,
    read_payload,
)
from mesh.group.posts import GroupId, SignedPost, is_post_valid
from mesh.group.wraps import (
    EpochMaker,
    Reader,
    Unwrapped,
    Wraps,
    first_hint,
    joined_wraps,
    wrap_key,
    wrap_secret,
)
from mesh.ids import UnixSeconds, VerifyKey
from mesh.ratchet.identity import PrekeySecrets
from mesh.wire.bundle import Bundle
from mesh.wire.envelope import SECONDS_PER_DAY, decode_header
from sim.hosts.kem import KyberPyKem
from tests.entropy import ListedEntropy


class KnownPost(msgspec.Struct):
    """A signed post, in hex."""

    post: str
    signature: str
    id: str


class KnownPayload(msgspec.Struct):
    """A payload of one entry, from its parts to the body of its envelope."""

    entry: str
    entry_id: str
    entry_signature: str
    leaf: str
    controls: str
    header: str
    notes_signature: str
    payload: str
    nonce_random: str
    body: str


class KnownKeys(msgspec.Struct):
    """The part of the known answers that is about keys. All byte strings are hex."""

    announcement: KnownPost
    maker_vk: str
    member_vk: str
    gid: str
    e: str
    E: str
    seed: str
    commitment: str
    eid: str
    member_spk_private: str
    member_kem_seed: str
    bundle_from: int
    kem_coin: str
    ct: str
    ss: str
    link: str
    hint: str
    first_wrap_key: str
    first_wrap_box: str
    first_hint: str
    member_x_private: str
    member_X: str
    linked_wrap_key: str
    linked_wrap_box: str
    chain_0: str
    tag_key_0: str
    chain_1: str
    message_key_0: str
    tag_0: str
    tag_64: str
    hello_key: str
    week: int
    hello_tag: str
    hello_message_key: str
    say: KnownPayload


KNOWN = msgspec.json.decode(
    (Path(__file__).parent.parent / "vectors" / "group-keys.json").read_bytes(), type=KnownKeys
)
SAY = KNOWN.say
GROUP = GroupId(bytes.fromhex(KNOWN.gid))
MAKER = VerifyKey(bytes.fromhex(KNOWN.maker_vk))
MEMBER = VerifyKey(bytes.fromhex(KNOWN.member_vk))
EPOCH = EpochId(bytes.fromhex(KNOWN.eid))
EPHEMERAL = bytes.fromhex(KNOWN.E)
SEED = bytes.fromhex(KNOWN.seed)
SECRET = bytes.fromhex(KNOWN.link)
SPK = bytes.fromhex(KNOWN.member_spk_private)
X = bytes.fromhex(KNOWN.member_x_private)
HEADER = bytes.fromhex(SAY.header)
CHAIN = chain_keys(SEED, EPOCH, MEMBER)
KEM = KyberPyKem()
MAKING = EpochMaker(GROUP, MAKER, EPOCH, EPHEMERAL, bytes.fromhex(KNOWN.e), SEED)
ANNOUNCEMENT = decode_announcement(bytes.fromhex(KNOWN.announcement.post))
LEAF_NUMBER = int.from_bytes(bytes.fromhex(SAY.leaf)[:4], "big")
LEAVES = OwnLeaves(
    short=(OwnShortLeaf(LEAF_NUMBER, X),),
    long=(
        OwnLongLeaf(
            UnixSeconds(KNOWN.bundle_from), PrekeySecrets(SPK, bytes.fromhex(KNOWN.member_kem_seed))
        ),
    ),
)


def member_bundle() -> Bundle:
    """The bundle to which the known first wrap goes."""
    kem_key = KEM.public_key(bytes.fromhex(KNOWN.member_kem_seed))
    valid_from = UnixSeconds(KNOWN.bundle_from)
    return Bundle(MEMBER, bytes(32), x25519_public(SPK), kem_key, valid_from, valid_from, bytes(64))


def test_the_announcement_is_read_written_and_named() -> None:
    post = bytes.fromhex(KNOWN.announcement.post)
    signed = SignedPost(MAKER, post, bytes.fromhex(KNOWN.announcement.signature))
    assert is_post_valid(signed, GROUP)
    assert signed.id.hex() == KNOWN.eid
    made = make_announcement(
        clock=ANNOUNCEMENT.clock,
        seq=ANNOUNCEMENT.seq,
        heads=ANNOUNCEMENT.heads,
        turn=0,
        ephemeral=EPHEMERAL,
        commitment=commitment_of(SEED, GROUP),
        count=2,
        without=[],
    )
    assert made.encode() == post
    assert len(post) == 119, "one head, count below 128"


def test_the_seed_fits_the_commitment_and_no_other_does() -> None:
    assert ANNOUNCEMENT.commitment.hex() == KNOWN.commitment
    check_seed(SEED, ANNOUNCEMENT, GROUP)
    with pytest.raises(PeerError):
        check_seed(bytes(32), ANNOUNCEMENT, GROUP)


def test_the_keys_of_the_known_wraps() -> None:
    shared, ciphertext = bytes.fromhex(KNOWN.ss), bytes.fromhex(KNOWN.ct)
    secret = wrap_secret(
        shared,
        ciphertext,
        group=GROUP,
        maker=MAKER,
        member=MEMBER,
        valid_from=UnixSeconds(KNOWN.bundle_from),
    )
    assert secret == SECRET
    assert first_hint(EPHEMERAL, MEMBER).hex() == KNOWN.first_hint
    assert x25519_public(X).hex() == KNOWN.member_X
    for private, key in ((SPK, KNOWN.first_wrap_key), (X, KNOWN.linked_wrap_key)):
        found = wrap_key(
            SECRET,
            x25519(private, EPHEMERAL),
            ephemeral=EPHEMERAL,
            leaf_key=x25519_public(private),
            epoch=EPOCH,
        )
        assert found.hex() == key


def test_the_first_wrap_is_made_again_and_opens() -> None:
    wrap, secret = MAKING.first(
        MEMBER,
        member_bundle(),
        mark=0,
        key=x25519_public(SPK),
        entropy=ListedEntropy([bytes.fromhex(KNOWN.kem_coin)]),
        kem=KEM,
    )
    assert secret == SECRET
    head = KNOWN.first_hint + "00" + KNOWN.bundle_from.to_bytes(4, "big").hex()
    assert wrap.hex() == head + KNOWN.ct + KNOWN.first_wrap_box
    assert len(wrap) == 1_149
    opened = Reader(GROUP, MEMBER, LEAVES, ()).unwrap(
        joined_wraps([], [wrap]), announcement=ANNOUNCEMENT, epoch=EPOCH, maker=MAKER, kem=KEM
    )
    assert opened == Unwrapped(SEED, (UnixSeconds(KNOWN.bundle_from), SECRET))


def test_the_linked_wrap_is_made_again_and_opens() -> None:
    mark = 1 + LEAF_NUMBER % 255
    wrap = MAKING.linked(MEMBER, SECRET, mark=mark, key=x25519_public(X))
    assert wrap.hex() == KNOWN.hint + f"{mark:02x}" + KNOWN.linked_wrap_box
    assert len(wrap) == 57
    opened = Reader(GROUP, MEMBER, LEAVES, (SECRET,)).unwrap(
        Wraps(linked=wrap), announcement=ANNOUNCEMENT, epoch=EPOCH, maker=MAKER, kem=KEM
    )
    assert opened == Unwrapped(SEED, None)


def test_the_chain_steps_as_known() -> None:
    assert (CHAIN.chain.hex(), CHAIN.tag.hex()) == (KNOWN.chain_0, KNOWN.tag_key_0)
    sending = SendingChain.start(CHAIN)
    assert sending.place.message_key.hex() == KNOWN.message_key_0
    assert sending.place.tag.hex() == KNOWN.tag_0
    sending, _ = sending.next()
    assert sending.place.chain.hex() == KNOWN.chain_1
    while sending.place.number < 64:
        sending, _ = sending.next()
    assert sending.place.tag.hex() == KNOWN.tag_64
    expected = dict(ReceivingChain.start(CHAIN).expected(65))
    assert expected[0].hex() == KNOWN.tag_0
    assert expected[64].hex() == KNOWN.tag_64


def test_the_hello_stands_under_the_known_tag() -> None:
    assert CHAIN.hello.hex() == KNOWN.hello_key
    now = UnixSeconds(KNOWN.bundle_from)
    assert week_of(now) == KNOWN.week
    index = hello_index(KNOWN.week, 0)
    assert dict(hello_tags(CHAIN.hello, now))[index].hex() == KNOWN.hello_tag
    next_week = UnixSeconds(now + 7 * SECONDS_PER_DAY)
    assert dict(hello_tags(CHAIN.hello, next_week))[index].hex() == KNOWN.hello_tag
    assert index not in dict(hello_tags(CHAIN.hello, UnixSeconds(next_week + 7 * SECONDS_PER_DAY)))
    assert hello_message_key(CHAIN.hello, index).hex() == KNOWN.hello_message_key


def test_the_payload_is_read_and_written_alike() -> None:
    content = bytes.fromhex(SAY.payload)
    payload = read_payload(
        content, header=HEADER, group=GROUP, author=MEMBER, verify=is_signature_valid
    )
    assert payload.encode() == content
    assert not is_post(content)
    [ended, leaf] = payload.controls
    [entry] = payload.entries
    assert (ended[0], leaf[0]) == (ENDED, LEAF)
    assert encode_ended(decode_ended(ended[1])) == ended[1]
    assert decode_ended(ended[1]) == [Ended(bytes([13]) * 8, 70)]
    short = decode_short_leaf(leaf[1], group=GROUP, member=MEMBER, verify=is_signature_valid)
    assert (short.key.hex(), short.encode().hex()) == (KNOWN.member_X, SAY.leaf)
    assert entry == SignedEntry(bytes.fromhex(SAY.entry), bytes.fromhex(SAY.entry_signature))
    assert is_entry_valid(entry, group=GROUP, author=MEMBER, verify=is_signature_valid)
    assert not is_entry_valid(entry, group=GROUP, author=MAKER, verify=is_signature_valid)
    rewritten = GroupPayload(
        2,
        msgspec.Raw(bytes.fromhex(SAY.controls)),
        bytes.fromhex(SAY.notes_signature),
        payload.entries,
    )
    assert rewritten.encode() == content


def test_the_body_is_sealed_again_and_opens() -> None:
    assert decode_header(HEADER).tag.hex() == KNOWN.tag_0
    key = bytes.fromhex(KNOWN.message_key_0)
    body = seal_body(
        key,
        bytes.fromhex(SAY.payload),
        header=HEADER,
        size_class=0,
        entropy=ListedEntropy([bytes.fromhex(SAY.nonce_random)]),
    )
    assert body.hex() == SAY.body
    assert open_body(key, body, header=HEADER).hex() == SAY.payload


def test_the_kem_of_the_known_wrap() -> None:
    shared = KEM.decapsulate(bytes.fromhex(KNOWN.member_kem_seed), bytes.fromhex(KNOWN.ct))
    assert shared.hex() == KNOWN.ss
