"""Operations and entries that no program of ours makes: none stops a node or makes it wait."""

from collections.abc import Sequence

import msgspec
import pytest

from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    ForgetGroup,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.content.entry import OperationId
from mesh.crypto.signing import SigningKey
from mesh.errors import UserError
from mesh.group import writing
from mesh.group.membership import Membership, effective_count
from mesh.group.operations import Add, Record, consent, encode_operation
from mesh.group.payload import sign_entry
from mesh.group.placed_posts import PostPlace, SuppliedEntry, Supply
from mesh.group.posts import SignedPost, sign_post
from mesh.group.settings import SettingsChange
from mesh.ids import MessageId, VerifyKey
from mesh.limits.groups import (
    GROUP_ENTRY_BYTES_MAX,
    MEMBERS_MAX,
    OPERATION_BYTES_MAX,
    OPERATION_PARENTS_MAX,
    PERSONS_PER_OPERATION_MAX,
    VOID_OPERATIONS_PER_AUTHOR_MAX,
    WAITING_KEPT_SECONDS,
    WAITING_POSTS_PER_AUTHOR_MAX,
)
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.in_groups import (
    acquainted_all,
    crew,
    groups_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.test_group_needs import DAY_S, HOUR_S, give, pass_by, said_in, say

_FULL = 20
"""So many operations fill a group where a test says so."""


def membership_of(person: Person) -> Membership:
    membership = inside(person).membership
    assert membership is not None
    return membership


def heads_of(person: Person) -> tuple[OperationId, ...]:
    graph = membership_of(person).graph
    return tuple(dict.fromkeys(act.operation.id for act in graph.latest(graph.heads)))


def set_nothing(
    person: Person, seq: int, parents: Sequence[OperationId], *, padding: int = 0
) -> SignedPost:
    """An empty *set*, with so much behind it that is passed over."""
    post = encode_operation(SettingsChange(), clock=seq, seq=seq, parents=tuple(parents))
    if padding:
        post = msgspec.msgpack.encode([*msgspec.msgpack.decode(post), bytes(padding)])
    group = inside(person)
    return sign_post(group.signing, group.gid, post)


def pass_on(
    person: Person, posts: Sequence[SignedPost] = (), entries: Sequence[SuppliedEntry] = ()
) -> None:
    groups, group = person.wired.groups, inside(person)
    supply = Supply(1, 6, 0, PostPlace(bytes(8), 0), b"", [*posts], [*entries], [], [])
    with transaction(person.connection):
        groups.posting.queue(group, supply, None, person.now)
        groups.posting.flush(group, person.now)


def is_here(person: Person, operation: SignedPost) -> bool:
    return OperationId(operation.id) in membership_of(person).graph


@pytest.mark.parametrize("over", [0, 1])
def test_an_operation_that_nobody_could_pass_on_is_not_taken_in(over: int) -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    short = set_nothing(mal, 9, heads_of(mal))
    length = OPERATION_BYTES_MAX - len(short.post) - 3 + over
    long = set_nothing(mal, 9, heads_of(mal), padding=length)
    assert len(long.post) == OPERATION_BYTES_MAX + over
    pass_on(mal, [long])
    exchange(*people)
    assert is_here(ann, long) is (over == 0)


def test_an_entry_that_nobody_could_pass_on_is_not_taken_in() -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    say(mal, "Short")
    settle(*people)
    group, vault = inside(mal), Vault(mal.connection)
    id_ = MessageId(bytes.fromhex(said_in(mal)[0].id))
    row = vault.entries.find_by_id(group.conversation, id_)
    assert row is not None
    kept = vault.contents.find(row.number)
    assert kept is not None
    fields = msgspec.msgpack.decode(kept.data)
    for number, over in enumerate((0, 1)):
        fields[3] = 100 + number
        length = GROUP_ENTRY_BYTES_MAX - len(msgspec.msgpack.encode(fields)) - 3 + over
        entry = msgspec.msgpack.encode([*fields, bytes(length)])
        signed = sign_entry(group.signing, group.gid, entry)
        assert len(entry) == GROUP_ENTRY_BYTES_MAX + over
        pass_on(mal, entries=[SuppliedEntry(group.me, signed.entry, signed.signature)])
        exchange(*people)
        assert len(said_in(ann)) == 2


@pytest.mark.timeout(20)
def test_what_fits_no_envelope_holds_up_nothing_that_stands_behind_it() -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    group, heads = inside(mal), heads_of(mal)
    long = sign_post(group.signing, group.gid, bytes(65_000))
    short = set_nothing(mal, 9, heads)
    with transaction(mal.connection):
        mal.wired.groups.posting.supply(group, posts=[long, short], now=mal.now)
        mal.wired.groups.posting.flush(group, mal.now)
    exchange(*people)
    assert is_here(ann, short)


def waiting_count(person: Person) -> int:
    rows = Vault(person.connection).groups.waiting(inside(person).conversation)
    return sum(row.count for row in rows)


def test_a_newcomer_finds_all_that_one_person_did_in_whatever_order_it_comes() -> None:
    ann, bob = people = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ()))
    for number in range(2 * WAITING_POSTS_PER_AUTHOR_MAX):
        ann.ask(ChangeGroup("Crew", about=f"{number}" + "a" * 300))
    ann.post()
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    exchange(*people)
    bob.ask(AcceptGroup("Crew"))
    ann.receive(bob.post())
    posted = sorted(ann.post(), key=lambda each: each.header.size_class)
    largest = [each for each in posted if each.header.size_class == 3]
    assert len(largest) > 3
    bob.receive(posted[: -len(largest)])
    for each in reversed(largest):
        bob.receive([each])
        if each is largest[1]:
            assert waiting_count(bob) > WAITING_POSTS_PER_AUTHOR_MAX
    settle(*people)
    assert told(bob).state == "in"
    assert waiting_count(bob) == 0


def test_what_waits_for_what_never_was_is_bounded_and_goes() -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    group, posts = inside(mal), []
    for number in range(WAITING_POSTS_PER_AUTHOR_MAX + 50):
        key = SigningKey.from_seed(number.to_bytes(32, "big"))
        parents = (OperationId(bytes([9]) * 32),)
        post = encode_operation(SettingsChange(), clock=1, seq=0, parents=parents)
        posts.append(sign_post(key, group.gid, post))
    with transaction(mal.connection):
        mal.wired.groups.posting.supply(group, posts=posts, now=mal.now)
        mal.wired.groups.posting.flush(group, mal.now)
    exchange(*people)
    assert waiting_count(ann) == WAITING_POSTS_PER_AUTHOR_MAX
    ann.clock.pass_by(WAITING_KEPT_SECONDS)
    settle(*people)
    assert waiting_count(ann) == 0


def test_who_signed_nothing_is_no_author() -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    say(mal, "Signed")
    settle(*people)
    group, stranger = inside(mal), SigningKey.from_seed(bytes(32))
    fields = [1, 1, 7, 0, [], [], b"", [], 0, ["Not signed"]]
    entry = msgspec.msgpack.encode(fields)
    pass_on(mal, entries=[SuppliedEntry(stranger.verify_key, entry, bytes(64))])
    exchange(*people)
    authors = Vault(ann.connection).authors
    assert authors.find(inside(ann).conversation, group.me) is not None
    assert authors.find(inside(ann).conversation, VerifyKey(stranger.verify_key)) is None


def test_of_what_one_does_without_right_only_so_much_is_kept() -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    group, before, heads = inside(mal), len(membership_of(ann).graph), heads_of(mal)
    posts = [set_nothing(mal, 9 + n, heads) for n in range(VOID_OPERATIONS_PER_AUTHOR_MAX + 40)]
    for half in (posts[:200], posts[200:]):
        with transaction(mal.connection):
            mal.wired.groups.posting.supply(group, posts=half, now=mal.now)
            mal.wired.groups.posting.flush(group, mal.now)
        exchange(*people)
    assert len(membership_of(ann).graph) == before + VOID_OPERATIONS_PER_AUTHOR_MAX
    ann.ask(ChangeGroup("Crew", about="Goes on"))
    settle(*people)
    ann.restart()
    assert len(membership_of(ann).graph) == before + VOID_OPERATIONS_PER_AUTHOR_MAX + 1
    assert [told(one).about for one in people[:2]] == ["Goes on"] * 2


def test_a_full_group_is_changed_no_more_and_its_nodes_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    heads = heads_of(mal)
    pass_on(mal, [set_nothing(mal, 9 + n, heads) for n in range(20)])
    exchange(*people)
    monkeypatch.setattr(writing, "OPERATIONS_MAX", effective_count(membership_of(ann)) + 1)
    # What does not count fills nothing.
    ann.ask(ChangeGroup("Crew", about="Goes on"))
    mal.ask(LeaveGroup("Crew"))
    pass_by(*people, seconds=HOUR_S, step=300)
    assert names_of(ann) == ["Ann", "Bob"]
    say(ann, "Speaks on")
    with pytest.raises(UserError, match="make a copy"):
        ann.ask(ChangeGroup("Crew", about="Does not"))


def filled_by_an_admin(monkeypatch: pytest.MonkeyPatch) -> list[Person]:
    """Mal, an admin in Ann's group, signs so many operations that no more may be made."""
    people = crew("Ann", "Bob", "Mal")
    ann, _, mal = people
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
    settle(*people)
    monkeypatch.setattr(writing, "OPERATIONS_MAX", _FULL)
    posts: list[SignedPost] = []
    heads = heads_of(mal)
    for number in range(_FULL):
        posts.append(set_nothing(mal, 100 + number, heads))
        heads = (OperationId(posts[-1].id),)
    pass_on(mal, posts)
    settle(*people)
    assert effective_count(membership_of(ann)) > _FULL
    raised = SetMemberRole("Crew", member(ann, "Bob").member, "admin")
    for deed in (ChangeGroup("Crew", about="More"), raised):
        with pytest.raises(UserError, match="make a copy"):
            ann.ask(deed)
    return people


def test_an_admin_who_fills_a_group_is_lowered_and_removed_and_what_he_did_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, bob, _ = people = filled_by_an_admin(monkeypatch)
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "member"))
    settle(*people)
    assert member(bob, "Mal").role == "member"
    with pytest.raises(UserError, match="make a copy"):
        ann.ask(ChangeGroup("Crew", about="More"))
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member, undo_since=1))
    settle(*people)
    assert names_of(ann) == names_of(bob) == ["Ann", "Bob"]
    ann.ask(ChangeGroup("Crew", about="There is room"))
    settle(*people)
    assert told(bob).about == "There is room"


def test_who_is_in_a_group_that_an_admin_filled_can_leave_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, bob, _ = people = filled_by_an_admin(monkeypatch)
    # The last owner first makes another one, who is Mal since he is the only admin.
    ann.ask(LeaveGroup("Crew"))
    settle(*people)
    assert told(ann).state == "left"
    assert [(name, member(bob, name).role) for name in names_of(bob)] == [
        ("Mal", "owner"),
        ("Bob", "member"),
    ]
    bob.ask(LeaveGroup("Crew"))
    assert told(bob).state == "left"
    ann.ask(ForgetGroup("Crew"))
    assert groups_of(ann) == []


def test_who_makes_more_sides_than_one_can_name_stops_nobody_who_lets_others_in() -> None:
    people = crew("Ann", "Ada", "Mal", others=("Bob",))
    ann, ada, mal, bob = people
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
    settle(*people)
    # Mallory knows nothing of that Ada is raised.
    first = set_nothing(mal, 50, heads_of(mal))
    sides = [
        set_nothing(mal, 51 + n, [OperationId(first.id)]) for n in range(OPERATION_PARENTS_MAX + 1)
    ]
    ann.ask(SetMemberRole("Crew", member(ann, "Ada").member, "admin"))
    give(ann, ada, mal, bob)
    settle(ann, ada, bob)
    ada.ask(InviteToGroup("Crew", ("Bob",)))
    exchange(*people)
    bob.ask(AcceptGroup("Crew"))
    accepted = bob.post()
    pass_on(mal, [first, *sides])
    give(mal, ada)
    membership = membership_of(ada)
    assert len(membership.graph.latest(membership.view.acts)) > OPERATION_PARENTS_MAX
    ada.receive(accepted)
    assert "Bob" in names_of(ada)
    settle(*people)
    assert told(bob).state == "in"


def test_a_group_with_more_members_than_keys_are_made_for_goes_on_when_they_are_out() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
    settle(*people)
    group, parents = inside(mal), heads_of(mal)
    keys = [SigningKey.from_seed(n.to_bytes(32, "big")) for n in range(1, MEMBERS_MAX + 50)]
    for seq, at in enumerate(range(0, len(keys), PERSONS_PER_OPERATION_MAX), 50):
        records = [
            consent(
                key, group.gid, Record(key.verify_key, bytes(32), bytes(32), bytes(16), "x", b"")
            )
            for key in keys[at : at + PERSONS_PER_OPERATION_MAX]
        ]
        post = encode_operation(Add(tuple(records)), clock=seq, seq=seq, parents=parents)
        pass_on(mal, [sign_post(group.signing, group.gid, post)])
    give(mal, ann, bob)
    assert len(inside(ann).members) == MEMBERS_MAX + 52
    pass_by(ann, bob, seconds=2 * HOUR_S, step=600)
    for person in (ann, bob):
        person.restart()
    since = ann.now.mesh - DAY_S
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member, undo_since=since))
    assert names_of(ann) == ["Ann", "Bob"]
    pass_by(ann, bob, seconds=HOUR_S, step=300)
    say(ann, "Goes on")
    settle(ann, bob)
    assert [one.text for one in said_in(bob)] == ["Goes on"]


def test_it_is_known_who_reads_an_epoch_that_was_just_let_go() -> None:
    ann, *_ = people = crew("Ann", "Bob", "Mal")
    group = inside(ann)
    epoch = group.chosen()
    assert epoch is not None
    assert len(group.recipients(epoch)) == len(people)
    with transaction(ann.connection):
        ann.wired.groups.keepers.epochs.erase(group, epoch)
    assert group.find_epoch(epoch.id) is None
    assert len(group.recipients(epoch)) == len(people)
