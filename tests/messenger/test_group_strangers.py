"""Member keys cost nothing: what a member passes on by keys that nobody added is on his account."""

import itertools

import msgspec
import pytest

from mesh.content.entry import Entry, Kind, Scope, entry_id
from mesh.crypto.signing import SigningKey
from mesh.group import membership
from mesh.group.entrance import ENTRANCE_BYTES
from mesh.group.graph import Acts, Graph
from mesh.group.membership import STRANGERS
from mesh.group.operations import Add, Record, consent, encode_operation
from mesh.group.payload import sign_entry
from mesh.group.placed_posts import SuppliedEntry
from mesh.group.posts import sign_post
from mesh.group.solving import Solution, solve
from mesh.ids import VerifyKey
from mesh.limits.groups import VIEWS_PER_AUTHOR_PER_DAY_MAX
from mesh.messenger.conversations.history import split_parents
from mesh.messenger.groups import daily_shares, needs
from mesh.ratchet.identity import IdentityKeys
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.in_groups import crew, inside, settle
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_hostile_posts import heads_of, pass_on, set_nothing
from tests.messenger.test_group_needs import say

Patch = pytest.MonkeyPatch


def key_of(number: int) -> SigningKey:
    return SigningKey.from_seed(number.to_bytes(32, "big"))


def by_key(
    mal: Person,
    key: SigningKey,
    *ops: bytes,
    text: str = "x",
    number: int = 1,
    parents: tuple[bytes, ...] = (),
    ahead_ms: int = 0,
) -> SuppliedEntry:
    """A text by some key, for Mal to pass on."""
    entry = Entry(
        kind=0,
        clock=max(0, mal.now.mesh_ms + ahead_ms) << 16,
        run=1,
        number=number,
        parents=list(parents),
        ops=list(ops),
        target=b"",
        over=[],
        timer=0,
        content=msgspec.Raw(msgspec.msgpack.encode([text, [], [], b"", [], None])),
    )
    signed = sign_entry(key, inside(mal).gid, entry.encode())
    return SuppliedEntry(key.verify_key, signed.entry, signed.signature)


def test_words_by_keys_that_nobody_added_count_for_who_passes_them_on(monkeypatch: Patch) -> None:
    monkeypatch.setattr(daily_shares, "SAID_BYTES_PER_DAY_MAX", 100_000)
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    for number in range(1, 6):
        pass_on(mal, entries=[by_key(mal, key_of(number), bytes([9]) * 32, text="x" * 40_000)])
    settle(*people)
    waiting = "SELECT count(*) FROM entries WHERE verdict = 'waiting'"
    assert ann.connection.execute(waiting).fetchone() == (2,)


def test_what_keys_that_nobody_added_name_has_the_share_of_one(monkeypatch: Patch) -> None:
    monkeypatch.setattr(needs, "WANTED_MAX", 64)
    monkeypatch.setattr(needs, "WANTED_SHARE_MAX", 8)
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    group, named_by = inside(ann), inside(bob).me
    with transaction(ann.connection):
        ann.wired.groups.inbox._repair.needs.named(
            group, named_by, entries=[bytes([1]) * 32, bytes([2]) * 32], now=ann.now
        )
    for start in range(1, 101, 25):
        numbers = range(start, start + 25)
        pass_on(mal, entries=[by_key(mal, key_of(n), mal.entropy.draw(32)) for n in numbers])
    settle(*people)
    counts = Vault(ann.connection).group_needs.needs_counts(group.conversation)
    assert counts[named_by] == 2
    assert counts[STRANGERS] == 8


def parents_at(ann: Person, number: int) -> list[bytes]:
    return [*split_parents(Vault(ann.connection).entries.message(number).parents)]


@pytest.mark.parametrize("ops", [(), (bytes([9]) * 32,)])
def test_what_is_given_to_nobody_takes_no_place_among_parents(ops: tuple[bytes, ...]) -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    said = bytes.fromhex(say(bob, "From Bob").id)
    settle(*people)
    aheads = (200_000, 210_000, 220_000, -(10**12))
    entries = [
        by_key(mal, key_of(number), *ops, ahead_ms=ahead, parents=(said,))
        for number, ahead in enumerate(aheads, 1)
    ]
    pass_on(mal, entries=entries)
    settle(ann, mal)
    counted = "SELECT count(*) FROM entries WHERE verdict IN ('waiting', 'invalid')"
    assert ann.connection.execute(counted).fetchone() == (4,)
    assert parents_at(ann, say(ann, "From Ann").number) == [said]


def test_what_turns_out_invalid_gives_its_place_back() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    said = say(bob, "From Bob")
    settle(*people)
    # Mal may not hide. That shows once what it rests on is there.
    later = set_nothing(mal, 100, heads_of(mal))
    mine = inside(mal)
    hide = Entry(
        kind=int(Kind.HIDE),
        clock=mal.now.mesh_ms << 16,
        run=9,
        number=1,
        parents=[bytes.fromhex(said.id)],
        ops=[later.id],
        target=bytes.fromhex(said.id),
        over=[],
        timer=0,
        content=msgspec.Raw(msgspec.msgpack.encode([True])),
    )
    signed = sign_entry(mine.signing, mine.gid, hide.encode())
    pass_on(mal, entries=[SuppliedEntry(mine.me, signed.entry, signed.signature)])
    exchange(ann, mal)
    vault, conversation = Vault(ann.connection), inside(ann).conversation
    assert bytes.fromhex(said.id) not in [head.id for head in vault.history.heads(conversation)]
    pass_on(mal, [later])
    exchange(ann, mal)
    vault.begin()
    assert [head.id for head in vault.history.heads(conversation)] == [bytes.fromhex(said.id)]
    assert parents_at(ann, say(ann, "From Ann").number) == [bytes.fromhex(said.id)]


def heads_of_one_who_is_added(is_late: bool) -> list[str]:
    """Joe says two things, of which the second names the first, and Bob's word before that; say
    what stands last at Ann, whether his *add* comes before them or after.
    """
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    said = bytes.fromhex(say(bob, "From Bob").id)
    settle(*people)
    joe, group = IdentityKeys.from_seed(bytes([7]) * 32), inside(ann)
    key = SigningKey.from_seed(joe.signing_seed)
    record = Record(key.verify_key, joe.identity_key, bytes(32), bytes(ENTRANCE_BYTES), "Joe", b"")
    action = Add((consent(key, group.gid, record),))
    post = encode_operation(
        action, clock=ann.now.mesh_ms << 16, seq=group.here.posted + 5, parents=heads_of(ann)
    )
    add = sign_post(group.signing, group.gid, post)
    one = by_key(mal, key, add.id, number=1, parents=(said,))
    first = entry_id(Scope(group.gid), VerifyKey(key.verify_key), one.entry)
    two = by_key(mal, key, add.id, number=2, parents=(first,))
    for posts, entries in [((), (one, two)), ((add,), ())][:: 1 if is_late else -1]:
        pass_on(mal, posts, entries=entries)
        exchange(ann, mal)
    names = {said: "Bob's", bytes(first): "the first"}
    heads = Vault(ann.connection).history.heads(group.conversation)
    return [names.get(bytes(head.id), "the second") for head in heads]


def test_the_same_stands_last_whether_who_said_it_was_added_before_or_after() -> None:
    assert heads_of_one_who_is_added(is_late=False) == ["the second"]
    assert heads_of_one_who_is_added(is_late=True) == ["the second"]


def test_views_for_keys_that_nobody_added_are_solved_at_leisure(monkeypatch: Patch) -> None:
    _, mal = people = crew("Ann", "Mal")
    heads = heads_of(mal)
    operations = [set_nothing(mal, 100 + number, heads) for number in range(16)]
    pass_on(mal, operations)
    settle(*people)
    solved = []

    def counted(graph: Graph, acts: Acts) -> Solution:
        solved.append(acts)
        return solve(graph, acts)

    monkeypatch.setattr(membership, "solve", counted)
    pairs = list(itertools.combinations([each.id for each in operations], 2))
    over = VIEWS_PER_AUTHOR_PER_DAY_MAX + 20
    for start in range(0, over, 28):
        chosen = list(enumerate(pairs))[start : start + 28]
        pass_on(mal, entries=[by_key(mal, key_of(n + 1), *pair) for n, pair in chosen])
    exchange(*people)
    assert len(solved) == VIEWS_PER_AUTHOR_PER_DAY_MAX
