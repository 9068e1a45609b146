"""Attacks on groups by members and former members: each fails, and works without its rule."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from mesh.commands.groups import (
    AcceptGroup,
    InviteToGroup,
    LeaveGroup,
    RemoveMember,
    RotateGroup,
    SetMemberRole,
)
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.crypto.hashing import blake2b_128
from mesh.crypto.signing import verify_key_of
from mesh.group import payload as payloads
from mesh.group.bodies import content_size_class, post_content, seal_body
from mesh.group.chains import Place, hello_index, hello_tags, week_of
from mesh.group.choice import KnownEpoch
from mesh.group.inviting import GroupWelcome, encode_step
from mesh.group.payload import SignedEntry, make_payload
from mesh.group.placed_posts import PostPlace, Supply, encode_placed
from mesh.group.posts import decode_signed_post
from mesh.ids import PostingKey, Tag, VerifyKey
from mesh.messenger.groups import epochs_keeper, group_inbox
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.messenger.groups.standing import Standing
from mesh.messenger.sessions.tag_index import OfChain, OfHello
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from mesh.wire.controls import GROUP_WELCOME
from mesh.wire.envelope import Envelope, Header, sign_envelope
from tests.messenger.doing import do, items_of
from tests.messenger.in_groups import (
    crew,
    epoch_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Person, Store, exchange

Patch = pytest.MonkeyPatch


def say(person: Person, text: str) -> ItemAnswer:
    return do(person, WriteItem("Crew", kind="text", text=text))


def texts_of(person: Person) -> list[str]:
    return [one.text for one in items_of(person, "Crew") if one.kind != "membership"]


def sealed_as(
    mallory: Person, victim: VerifyKey, content_of: Callable[[bytes], bytes], length: int
) -> Envelope:
    """Seal something under the next number of somebody else: all members have the keys."""
    epoch = inside(mallory).chosen()
    assert epoch is not None
    chain = Vault(mallory.connection).group_keys.find_chain(epoch.number, victim)
    assert chain is not None
    place = Place(chain.next, chain.chain, chain.tag_key)
    return sealed_under(mallory, place.tag, place.message_key, content_of, length)


def sealed_under(
    mallory: Person, tag: Tag, key: bytes, content_of: Callable[[bytes], bytes], length: int
) -> Envelope:
    """Seal something under a tag by a key."""
    seed = mallory.entropy.draw(32)
    size_class = content_size_class(length)
    assert size_class is not None
    header = Header(
        size_class=size_class,
        lifetime_class=1,
        created=mallory.now.mesh // 10 * 10,  # type: ignore[arg-type]  # still seconds
        tag=tag,
        read_hash=mallory.entropy.draw(16),
        withdraw_hash=blake2b_128(b"mine"),
        posting_key=PostingKey(verify_key_of(seed)),
        stamp=bytes(12),
    )
    body = seal_body(
        key,
        content_of(header.encode()),
        header=header.encode(),
        size_class=size_class,
        entropy=mallory.entropy,
    )
    return sign_envelope(header, body, seed)


def old_entry(person: Person, item: ItemAnswer) -> SignedEntry:
    """An entry that was said, with its author's signature, as every member has it."""
    row = Vault(person.connection).contents.find(
        next(one.number for one in items_of(person, "Crew") if one.id == item.id)
    )
    assert row is not None
    return SignedEntry(row.data, row.signature)


def use_up_a_number() -> bool:
    """Mallory seals old words of Ann under her next number; say whether that silences her."""
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    said = say(ann, "Old words")
    exchange(*people)
    group, entry = inside(mal), old_entry(mal, said)

    def content(header: bytes) -> bytes:
        return make_payload(
            group.signing, group.gid, header=header, controls=[], entries=[entry]
        ).encode()

    victim = inside(ann).me
    cem.receive([sealed_as(mal, victim, content, len(content(bytes(99))))])
    say(ann, "New words")
    exchange(*people)
    return "New words" not in texts_of(cem)


def test_nobody_uses_up_the_numbers_of_another_by_old_words(monkeypatch: Patch) -> None:
    assert not use_up_a_number()
    real = payloads.read_payload

    def unsigned(content: bytes, **fields: object) -> payloads.GroupPayload:
        return real(content, **(fields | {"verify": lambda *_: True}))  # type: ignore[arg-type]  # the same fields

    monkeypatch.setattr("mesh.group.opening.read_payload", unsigned)
    assert use_up_a_number()


def make_an_epoch_after_ones_removal() -> bool:
    """Mallory, who is removed, makes the epoch for the time after himself; say whether they write
    under it.
    """
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member))
    exchange(*people)
    group, groups = inside(mal), mal.wired.groups
    assert told(mal).state == "removed"
    with transaction(mal.connection):
        # The second has a turn above those of honest people.
        groups.keepers.epochs.make(group, mal.now)
        made = groups.keepers.epochs.make(group, mal.now)
        groups.posting.tell_epoch(group, made, mal.now)
        groups.posting.flush(group, mal.now)
    settle(*people)
    assert inside(cem).find_epoch(made.signed.id) is not None
    return made.signed.id in (epoch_of(ann), epoch_of(cem))


def test_who_is_removed_makes_no_epoch_under_which_anybody_writes(monkeypatch: Patch) -> None:
    assert not make_an_epoch_after_ones_removal()

    def trusting(epoch: KnownEpoch) -> bool:
        return epoch.members is not None

    monkeypatch.setattr("mesh.group.choice.KnownEpoch.is_consistent", property(trusting))
    # Both ask for the role of the maker, who has none.
    monkeypatch.setattr("mesh.group.choice.within_turns", lambda epochs, _roles: list(epochs))
    monkeypatch.setattr(
        "mesh.group.choice.order_of", lambda epoch, roles: (epoch.effective_count, epoch.turn)
    )
    assert make_an_epoch_after_ones_removal()


def read_on_after_leaving() -> bool:
    """Bob left and keeps his vault; say whether he reads what is said by who knows of it."""
    people = crew("Ann", "Bob", "Cem")
    _, bob, cem = people
    backup = bob.backup()
    bob.ask(LeaveGroup("Crew"))
    exchange(*people)
    say(cem, "At last")
    settle(*people)
    bob.restore(backup)
    bob.receive(cem.store.envelopes.values())
    # He may lack the operations by which it would be shown; its words are what matters.
    rows = bob.connection.execute("SELECT data FROM contents").fetchall()
    return any(isinstance(data, bytes) and b"At last" in data for (data,) in rows)


def test_nothing_is_said_under_an_epoch_that_holds_who_is_known_to_be_out(
    monkeypatch: Patch,
) -> None:
    assert not read_on_after_leaving()
    monkeypatch.setattr("mesh.group.choice.is_fit", lambda epoch, members: epoch.is_consistent)
    assert read_on_after_leaving()


def learn_of_a_newcomer() -> bool:
    """Bob was removed, and holds the epoch by which silent Cem is reached; say whether he learns
    who came after him.
    """
    people = crew("Ann", "Bob", "Cem", others=("Dan",))
    ann, bob, cem, dan = people
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(dan).state == "in"
    assert sorted(one.name for one in [member(cem, "Dan"), member(cem, "Ann")]) == ["Ann", "Dan"]
    membership = inside(bob).membership
    assert membership is not None
    return bool(membership.graph.records(inside(dan).me))


def test_who_is_removed_learns_of_no_operation_but_his_removal(monkeypatch: Patch) -> None:
    assert not learn_of_a_newcomer()
    for module in ("epochs_keeper", "group_posting"):
        monkeypatch.setattr(
            f"mesh.messenger.groups.{module}.operations_of_page",
            lambda operations, _outsiders: list(operations),
        )
    monkeypatch.setattr("mesh.messenger.groups.group_sealer.may_stand_under", lambda *_, **__: True)
    assert learn_of_a_newcomer()


def move_a_post() -> bool:
    """Mallory seals a post of Ann, as it was signed, under another number of hers; say whether that
    silences her.
    """
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    ann.ask(RotateGroup("Crew"))
    settle(*people)
    group = inside(ann)
    # She once signed it, for another place.
    post = Supply(1, 6, 0, PostPlace(bytes(8), 7), b"", [], [], [], [])
    content = post_content(group.signing, group.gid, encode_placed(post))
    cem.receive([sealed_as(mal, group.me, lambda _header: content, len(content))])
    say(ann, "New words")
    exchange(*people)
    return "New words" not in texts_of(cem)


def test_nobody_uses_up_the_numbers_of_another_by_a_post_that_he_signed(
    monkeypatch: Patch,
) -> None:
    assert not move_a_post()
    monkeypatch.setattr("mesh.group.opening.check_place", lambda *_, **__: None)
    assert move_a_post()


def test_a_welcome_by_somebody_else_opens_nothing() -> None:
    """Mallory, a contact and a member, welcomes Cem in Ann's place: only who asked may."""
    people = crew("Ann", "Mal", others=("Cem",))
    ann, mal, cem = people
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    exchange(*people)
    cem.ask(AcceptGroup("Crew"))
    held = Vault(mal.connection).group_keys.epochs(inside(mal).conversation)[-1]
    welcome = GroupWelcome(1, inside(mal).gid, decode_signed_post(held.announcement), bytes(1_149))
    ann.receive(cem.post())
    mal.send_control("Cem", GROUP_WELCOME, encode_step(welcome))
    exchange(mal, cem)
    assert cem.dropped()["a welcome by somebody who did not ask us in"] == 1
    assert inside(cem).epochs == []
    settle(*people)
    assert told(cem).state == "in"


def junk(mallory: Person, victim: VerifyKey, count: int) -> list[Envelope]:
    """Junk under the next numbers of somebody, and under all of their hellos."""
    epoch = inside(mallory).chosen()
    assert epoch is not None
    chain = Vault(mallory.connection).group_keys.find_chain(epoch.number, victim)
    assert chain is not None
    place, made = Place(chain.next, chain.chain, chain.tag_key), list[Envelope]()
    for _ in range(count):
        made.append(sealed_under(mallory, place.tag, place.message_key, lambda _: b"junk", 4))
        place = place.next
    for _, tag in hello_tags(chain.hello_key, mallory.now.mesh):
        made.append(sealed_under(mallory, tag, bytes(32), lambda _: b"junk", 4))
    return made


def words_beyond_junk(monkeypatch: Patch, *, is_withdrawn: bool) -> list[str]:
    """Mallory puts junk under Ann's next numbers; return what Cem reads of her."""
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    say(ann, "Before")
    exchange(*people)
    envelopes = junk(mal, inside(ann).me, 70)
    for person in people:
        person.receive(envelopes)
    with monkeypatch.context() as patch:
        if is_withdrawn:
            patch.setattr(Store, "of_tags", lambda *_: [])
        say(ann, "Beyond")
    exchange(*people)
    return texts_of(cem)


@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_junk_under_the_next_numbers_of_somebody_does_not_silence_him(
    monkeypatch: Patch, *, is_withdrawn: bool
) -> None:
    assert words_beyond_junk(monkeypatch, is_withdrawn=is_withdrawn) == ["Before", "Beyond"]
    real = OwnPlaces.use_of

    def use_of(self: OwnPlaces, group: Group, epoch: HeldEpoch, place: Place) -> str:
        found = real(self, group, epoch, place)
        has_any = any(True for _ in self._authors_under(place.tag))
        return "ours" if has_any else found

    monkeypatch.setattr(OwnPlaces, "use_of", use_of)
    assert words_beyond_junk(monkeypatch, is_withdrawn=is_withdrawn) == ["Before"]


def says_hello_beyond_junk() -> bool:
    """Mallory puts junk under all of Ann's hellos of a week; say whether she says one in it."""
    people = crew("Ann", "Mal")
    ann, mal = people
    ann.clock.pass_by(8 * 86_400)
    for person in people:
        person.receive(junk(mal, inside(ann).me, 0))
    settle(*people)
    epoch = inside(ann).chosen()
    assert epoch is not None
    own = Vault(ann.connection).group_keys.find_chain(epoch.number, inside(ann).me)
    assert own is not None
    return own.opened > hello_index(week_of(ann.now.mesh), 0)


def test_junk_under_the_hellos_of_somebody_does_not_keep_him_from_saying_one(
    monkeypatch: Patch,
) -> None:
    assert says_hello_beyond_junk()

    def has_any(self: OwnPlaces, *of: tuple[int, bytes, Tag]) -> bool:
        return any(True for _ in self._authors_under(of[-1][-1]))

    monkeypatch.setattr(OwnPlaces, "is_hello_said", has_any)
    assert not says_hello_beyond_junk()


def make_epochs(maker: Person, count: int, patch: Patch) -> None:
    """Make epochs that nobody needs, and keep all of them oneself."""
    groups, group = maker.wired.groups, inside(maker)
    patch.setattr(groups.keepers.epochs, "_bound", lambda _: None)
    for _ in range(count):
        with transaction(maker.connection):
            made = groups.keepers.epochs.make(group, maker.now)
            groups.posting.tell_epoch(group, made, maker.now)
            groups.posting.flush(group, maker.now)


def reads_beside_many_epochs(monkeypatch: Patch) -> list[str]:
    """Mallory makes epochs without end; return what Ann reads of what Bob wrote before."""
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    say(bob, "On its way")
    held = bob.post()
    ann.ask(RotateGroup("Crew"))
    settle(*people)
    make_epochs(mal, 9, monkeypatch)
    ann.receive(mal.post())
    ann.receive(held)
    index, rows = ann.messenger.parts.tag_index, Vault(ann.connection).group_keys
    for tag in index.all():
        found = index.find(tag)
        assert found is not None
        if isinstance(found[0], OfChain | OfHello):
            assert rows.chain(found[0].chain) is not None
    assert len(inside(ann).epochs) <= 6
    return texts_of(ann)


def test_who_makes_epochs_without_end_pushes_out_nobody_elses(monkeypatch: Patch) -> None:
    monkeypatch.setattr(epochs_keeper, "OPEN_EPOCHS_MAX", 6)
    assert reads_beside_many_epochs(monkeypatch) == ["On its way"]
    monkeypatch.setattr(epochs_keeper, "Counter", lambda _: defaultdict(int))
    assert reads_beside_many_epochs(monkeypatch) == []


def test_of_keys_that_are_erased_no_tags_are_left() -> None:
    people = crew("Ann", "Bob")
    ann = people[0]
    first = ann.messenger.parts.tag_index
    for _ in range(3):
        ann.ask(RotateGroup("Crew"))
        settle(*people)
        for person in people:
            say(person, "Under the new keys")
        settle(*people)
    before = len(first)
    ann.clock.pass_by(40 * 86_400)
    settle(*people)
    rows = Vault(ann.connection).group_keys
    kept = {chain.number for epoch in inside(ann).epochs for chain in rows.chains(epoch.number)}
    for tag in first.all():
        found = first.find(tag)
        assert found is not None
        if isinstance(found[0], OfChain | OfHello):
            assert found[0].chain in kept
    assert len(first) < before


def liars_of(person: Person) -> int:
    return len(person.wired.groups.inbox._liars)


def test_keys_that_lied_are_remembered_for_a_day_and_so_many(monkeypatch: Patch) -> None:
    monkeypatch.setattr(group_inbox, "LIARS_MAX", 5)
    ann, mal = crew("Ann", "Mal")
    ann.receive(junk(mal, inside(mal).me, 9))
    assert liars_of(ann) == 5
    ann.clock.pass_by(3 * 86_400)
    ann.receive(junk(mal, inside(mal).me, 2)[:2])
    assert liars_of(ann) == 2


def is_kept_after_a_void_removal() -> bool:
    """Mal removes Bob as an admin, and it turns out that he was none; say whether Cem keeps
    the keys by which he reads Bob.
    """
    ann, mal, bob, cem = people = crew("Ann", "Mal", "Bob", "Cem")
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
    settle(*people)
    before = inside(cem).chosen()
    assert before is not None
    mal.ask(RemoveMember("Crew", member(mal, "Bob").member))
    cem.receive(mal.post())
    ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "member"))
    exchange(*people)
    assert "Bob" in names_of(cem)
    rows = Vault(cem.connection).group_keys
    chains = [rows.find_chain(epoch.number, inside(bob).me) for epoch in inside(cem).epochs]
    newest = [chain for chain in chains if chain is not None and chain.epoch >= before.number]
    assert newest
    return all(chain.erase_after is None for chain in newest)


def test_a_removal_that_is_void_costs_nobody_his_words(monkeypatch: Patch) -> None:
    assert is_kept_after_a_void_removal()
    monkeypatch.setattr(Standing, "_keep", lambda *_: None)
    assert not is_kept_after_a_void_removal()
