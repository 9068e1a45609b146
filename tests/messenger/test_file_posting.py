"""Files that are handed over and posted: under which keys, when, and what is refused."""

from mesh.commands.files import (
    AddFile,
)
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.limits.files import (
    CARRIED_BYTES_MAX,
    UPLOADS_MAX,
)
from mesh.messenger.sessions.posting_keys import Audience
from mesh.storage.connection import transaction
from tests.messenger.doing import DAY_S, both, refused, said
from tests.messenger.people import (
    exchange,
)
from tests.messenger.sending_files import (
    bytes_of,
    content,
    hand_over,
    is_block,
    items,
    rows_count,
    stamped,
)


def test_what_was_handed_over_in_vain_is_forgotten_after_a_day() -> None:
    ann, _ = both()
    handed = hand_over(ann, content())
    assert handed.state == "new"
    ann.clock.pass_by(DAY_S - 10)
    ann.tend()
    assert bytes_of(ann, handed.number) == content()
    ann.clock.pass_by(20)
    ann.tend()
    assert rows_count(ann) == 0


def test_what_cannot_be_sent_is_refused_in_words() -> None:
    ann, bob = both()
    assert refused(ann, AddFile("a", "", bytes(CARRIED_BYTES_MAX + 1))) == "too-large"
    assert refused(ann, AddFile("", "", b"")) == "bad-content"
    assert refused(ann, AddFile("a" * 256, "", b"")) == "bad-content"
    assert refused(ann, WriteItem("Bob", files=(7,))) == "not-found"
    handed = hand_over(ann, b"x")
    number = handed.number
    assert refused(ann, WriteItem("Bob", files=(number, number))) == "bad-content"
    assert refused(ann, WriteItem("Bob", kind="notice", text="n", files=(number,))) == "bad-content"
    assert refused(ann, WriteItem("Bob")) == "empty"
    got = said(ann, bob, WriteItem("Bob", files=(number,), timer=60))[1]
    # What disappears goes no further.
    assert refused(ann, WriteItem("Bob", files=(number,))) == "not-allowed"
    assert refused(bob, WriteItem("Ann", files=(got.files[0].number,))) == "not-allowed"
    for _ in range(UPLOADS_MAX):
        hand_over(ann, b"")
    assert refused(ann, AddFile("a", "", b"")) == "too-many"


def test_a_repeated_send_is_one_message_with_its_files() -> None:
    ann, bob = both()
    handed = hand_over(ann, content())
    asked = WriteItem("Bob", files=(handed.number,), idempotency_key="once")
    first, again = ann.ask(asked), ann.ask(asked)
    assert first == again
    exchange(ann, bob)
    assert len([one for one in items(bob) if one.files]) == 1
    other = hand_over(ann, content())
    asked = WriteItem("Bob", text="t", files=(other.number,), idempotency_key="once")
    assert refused(ann, asked) == "key-reused"


def test_a_file_for_oneself_is_kept_and_posted_to_nobody() -> None:
    ann, _ = both()
    handed = hand_over(ann, content())
    kept = ann.ask(WriteItem("me", files=(handed.number,)))
    assert isinstance(kept, ItemAnswer)
    assert bytes_of(ann, kept.files[0].number) == content()
    assert ann.post() == []


def test_blocks_wait_for_a_stamp_of_nine_bits_and_one_key_signs_fifteen() -> None:
    ann, _ = stamped()
    handed = [hand_over(ann, content(CARRIED_BYTES_MAX, bytes([one]))) for one in range(2)]
    for one in handed:
        ann.ask(WriteItem("Bob", files=(one.number,)))
    assert {one.header.size_class for one in ann.post()} == {0}
    assert [mint.bits for mint in ann.mints] == [9]
    for _ in range(2):
        ann.mint_all()
        ann.clock.pass_by(61)
        ann.tend()
    blocks = [one for one in ann.post() if is_block(one)]
    assert len(blocks) == 30
    signers = [one.header.posting_key for one in blocks]
    assert sorted(signers.count(key) for key in dict.fromkeys(signers)) == [15, 15]
    told = [
        signer.public
        for _, signer in ann.messenger.parts.posting_keys.to_tell(ann.now.mesh // DAY_S)
    ]
    assert not {*told} & {*signers}
    assert Audience.FILES not in {
        signer.audience
        for _, signer in ann.messenger.parts.posting_keys.to_tell(ann.now.mesh // DAY_S)
    }


def test_no_two_files_are_signed_by_one_key() -> None:
    """A reader of one would learn that there is another, and how large it is."""
    ann, _ = stamped()
    for number in range(2):
        ann.ask(WriteItem("Bob", files=(hand_over(ann, content(seed=bytes([number]))).number,)))
        ann.mint_all()
    signers = [one.header.posting_key for one in ann.post() if is_block(one)]
    assert [signers.count(key) for key in dict.fromkeys(signers)] == [4, 4]


def test_what_a_crash_left_unsealed_is_posted_after_it() -> None:
    ann, _ = stamped()
    handed = hand_over(ann, content())
    ann.ask(WriteItem("Bob", files=(handed.number,)))
    ann.post()
    ann.restart()
    ann.mint_all()
    ann.tend()
    assert len([one for one in ann.post() if is_block(one)]) == 4
    with transaction(ann.connection):
        assert ann.connection.execute("SELECT sum(waiting) FROM postings").fetchone() == (0,)
