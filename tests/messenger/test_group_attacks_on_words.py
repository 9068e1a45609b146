"""Attacks on what is said in groups and on how it is handed on: each fails, and works without its
rule. `docs/protocol/group-attacks.md` has the table of all.
"""

from contextlib import suppress

import msgspec
import pytest

from mesh.commands.conversations import ReadItems
from mesh.commands.groups import AcceptGroup, ChangeGroup, InviteToGroup, RemoveMember
from mesh.commands.item_commands import RetractItem
from mesh.content.entry import Kind, OperationId
from mesh.crypto.signing import SigningKey
from mesh.errors import PeerError
from mesh.group import repair
from mesh.group.membership import Membership
from mesh.group.operations import (
    NO_CONSENT,
    Add,
    Record,
    Removal,
    Remove,
    Role,
    consent,
    encode_operation,
)
from mesh.group.payload import FILE_WANTED, make_payload, sign_entry
from mesh.group.placed_posts import (
    KeyPage,
    PlacedPost,
    PostPlace,
    SuppliedEntry,
    Supply,
    decode_placed,
    make_wraps_field,
)
from mesh.group.posts import sign_post
from mesh.group.settings import SettingsChange
from mesh.group.view_budget import ViewBudget
from mesh.group.wraps import Wraps
from mesh.ids import MessageId
from mesh.messenger.conversations import group_entries, history
from mesh.messenger.conversations.group_rules import GroupRules, Told
from mesh.messenger.groups import needs
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.groups.supplies import Supplies
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from mesh.wire.controls import COMPARE_COMMIT, INTRODUCE_ASK, KEYS
from tests.group.scenarios import Story, add, key_of, role
from tests.messenger.doing import items_of
from tests.messenger.in_groups import (
    crew,
    inside,
    member,
    settle,
)
from tests.messenger.people import Person, exchange
from tests.messenger.sending_files import content as file_content
from tests.messenger.test_entries_in_any_order import NOW
from tests.messenger.test_group_attacks import old_entry, sealed_as
from tests.messenger.test_group_files import write as write_file
from tests.messenger.test_group_hostile_posts import heads_of, membership_of, pass_on, set_nothing
from tests.messenger.test_group_needs import (
    MINUTE_S,
    ask_for,
    give,
    pass_by,
    posted_count,
    said_in,
    say,
    texts_of,
)
from tests.messenger.test_group_standing import Told as Telling
from tests.messenger.test_group_standing import entry

Patch = pytest.MonkeyPatch


# --- Who answers a need ---------------------------------------------------------------------------


def answers_to_one_need() -> int:
    """9: Eve lacks a text, and three have it; return how many answer."""
    people = crew("Ann", "Bob", "Cem", "Eve")
    ann, *_, eve = people
    # What is counted below is what everybody posts.
    ann.ask(ChangeGroup("Crew", acks="off"))
    settle(*people)
    say(ann, "Lost")
    give(ann, *people[1:-1])
    say(ann, "Follows")
    give(ann, *people[1:])
    before = sum(map(posted_count, people))
    pass_by(*people, seconds=20 * MINUTE_S, step=20)
    assert texts_of(eve) == ["Lost", "Follows"]
    # Beside answers there is the need itself.
    return sum(map(posted_count, people)) - before - 1


def test_a_need_is_answered_once(monkeypatch: Patch) -> None:
    assert answers_to_one_need() == 1
    monkeypatch.setattr(Supplies, "supplied", lambda *_: None)
    assert answers_to_one_need() == 3


def starve_who_asks() -> bool:
    """10: Mal posts, for each need, that he has answered it; say whether Bob never gets it."""
    ann, bob, mal = crew("Ann", "Bob", "Mal")
    lost = say(ann, "Lost")
    give(ann, mal)
    ask_for(bob, lost.id)
    give(bob, ann, mal)
    (duty,) = Vault(ann.connection).group_needs.duties(inside(ann).conversation)
    supply = Supply(1, 6, 0, PostPlace(bytes(8), 0), duty.need, [], [], [], [])
    groups, group = mal.wired.groups, inside(mal)
    with transaction(mal.connection):
        groups.posting.queue(group, supply, None, mal.now)
        groups.posting.flush(group, mal.now)
    give(mal, ann, bob)
    pass_by(ann, bob, seconds=5 * MINUTE_S)
    return "Lost" not in texts_of(bob)


def test_nobody_starves_another_by_saying_that_he_answered(monkeypatch: Patch) -> None:
    assert not starve_who_asks()

    def believed(
        self: Supplies, group: Group, _epoch: object, _posts: object, supply: Supply | None = None
    ) -> None:
        for row in self._rows.duties(group.conversation):
            if supply is not None and row.need == supply.need_prefix:
                self._rows.drop_duty(row.number)

    monkeypatch.setattr(Supplies, "supplied", believed)
    assert starve_who_asks()


def use_up_a_number_by_an_operation() -> bool:
    """12: Mal seals an operation that Ann signed long ago under her next number."""
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    signed = ann.wired.groups.keepers.groups.signed(inside(ann))[1]
    content = signed.post + signed.signature
    cem.receive([sealed_as(mal, inside(ann).me, lambda _header: content, len(content))])
    say(ann, "New words")
    exchange(*people)
    return "New words" not in texts_of(cem)


def test_nobody_uses_up_the_numbers_of_another_by_his_operations(monkeypatch: Patch) -> None:
    assert not use_up_a_number_by_an_operation()

    def anything(post: bytes) -> PlacedPost:
        with suppress(PeerError):
            return decode_placed(post)
        return KeyPage(1, 3, 0, PostPlace(bytes(8), 0), None, make_wraps_field(Wraps()), [])

    monkeypatch.setattr("mesh.group.opening.decode_placed", anything)
    monkeypatch.setattr("mesh.group.opening.check_place", lambda *_, **__: None)
    assert use_up_a_number_by_an_operation()


# --- What some have and others not ----------------------------------------------------------------


def words_by(person: Person, text: str, **places: object) -> SuppliedEntry:
    """Words that somebody signs, at other places than his program would put them."""
    group, vault = inside(person), Vault(person.connection)
    id_ = MessageId(bytes.fromhex(said_in(person)[0].id))
    row = vault.entries.find_by_id(group.conversation, id_)
    assert row is not None
    kept = vault.contents.find(row.number)
    assert kept is not None
    fields = msgspec.msgpack.decode(kept.data)
    for name, value in places.items():
        fields[("kind", "clock", "run", "number", "parents").index(name)] = value
    fields[-1] = [text, *fields[-1][1:]]
    signed = sign_entry(group.signing, group.gid, msgspec.msgpack.encode(fields))
    return SuppliedEntry(group.me, signed.entry, signed.signature)


def keep_a_twin_from_some() -> bool:
    """14: Mal signs two texts with one number, and only Bob gets both; say whether Ann and Bob do
    not see the same of it after a while.
    """
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    say(mal, "First")
    settle(*people)
    pass_on(mal, entries=[words_by(mal, "One", number=7)])
    give(mal, ann, bob)
    pass_on(mal, entries=[words_by(mal, "Other", number=7)])
    give(mal, bob)
    pass_by(ann, bob, seconds=3 * MINUTE_S)
    return member(ann, "Mal").is_double is not member(bob, "Mal").is_double


def test_who_has_two_words_with_one_number_gives_both_to_all(monkeypatch: Patch) -> None:
    assert not keep_a_twin_from_some()
    monkeypatch.setattr(Supplies, "_give_unasked", lambda *_: False)
    assert keep_a_twin_from_some()


def keep_words_that_were_taken_back() -> bool:
    """23: Mal hands what Ann took back to Dan, who came later; say whether Dan keeps it."""
    people = crew("Ann", "Mal", others=("Dan",))
    ann, mal, dan = people
    said = say(ann, "Taken back")
    give(ann, mal)
    words = old_entry(mal, said)
    ann.ask(RetractItem(said.number))
    settle(*people)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    pass_on(mal, entries=[SuppliedEntry(inside(ann).me, words.entry, words.signature)])
    give(mal, ann, dan)
    assert "Taken back" in texts_of(dan)
    pass_by(ann, dan, seconds=3 * MINUTE_S)
    return "Taken back" in texts_of(dan)


def test_what_was_taken_back_is_taken_back_from_who_is_given_it(monkeypatch: Patch) -> None:
    assert not keep_words_that_were_taken_back()
    monkeypatch.setattr(Supplies, "_give_unasked", lambda *_: False)
    assert keep_words_that_were_taken_back()


# --- Clocks and waiting ---------------------------------------------------------------------------


def move_everybodys_clock() -> bool:
    """15: Mal's clock is of another century; say whether what Ann writes next is of it too."""
    ann, _, mal = crew("Ann", "Bob", "Mal")
    say(mal, "Now")
    century = ann.now.mesh_ms + 100 * 365 * 86_400_000 << 16
    post = encode_operation(SettingsChange(), clock=century, seq=9, parents=tuple(heads_of(mal)))
    group = inside(mal)
    pass_on(
        mal,
        [sign_post(group.signing, group.gid, post)],
        [words_by(mal, "Of another century", number=9, clock=century)],
    )
    give(mal, ann)
    assert "Of another century" in texts_of(ann)
    row = Vault(ann.connection).entries.message(say(ann, "Now").number)
    return row.clock > century


def test_a_clock_of_another_century_moves_nobodys(monkeypatch: Patch) -> None:
    assert not move_everybodys_clock()
    monkeypatch.setattr(history, "CLOCK_AHEAD_MS_MAX", 1 << 50)
    assert move_everybodys_clock()


def make_solve_without_end() -> bool:
    """18: each of 80 entries of one names another set of operations, to be solved anew."""
    story = Story("A", "M")
    start = story.tell("O", role("A", Role.ADMIN))
    sides = [story.tell("A", add(f"x{number}"), start) for number in range(14)]
    telling = Telling(story)
    pairs = [(one, other) for place, one in enumerate(sides) for other in sides[:place]]
    for number, pair in enumerate(pairs[:80]):
        telling.says("M", entry(Kind.TEXT, [*pair], number=number, clock=NOW + number))
    replica = telling.replica("O", [*story.operations[1:], *telling.said])
    return len(replica.items()) == 80


def test_views_of_one_author_are_solved_at_leisure(monkeypatch: Patch) -> None:
    assert not make_solve_without_end()
    monkeypatch.setattr(ViewBudget, "take", lambda *_: True)
    assert make_solve_without_end()


def fill_a_vault_with_what_is_void() -> bool:
    """19: Mal, a plain member, signs 300 settings."""
    ann, _, mal = crew("Ann", "Bob", "Mal")
    before, heads = len(membership_of(ann).graph), heads_of(mal)
    pass_on(mal, [set_nothing(mal, 9 + number, heads) for number in range(150)])
    pass_on(mal, [set_nothing(mal, 159 + number, heads) for number in range(150)])
    give(mal, ann)
    return len(membership_of(ann).graph) == before + 300


def test_of_what_is_void_only_so_much_is_kept(monkeypatch: Patch) -> None:
    assert not fill_a_vault_with_what_is_void()
    monkeypatch.setattr(Membership, "surplus", lambda *_: [])
    assert fill_a_vault_with_what_is_void()


def waits_unseen(seconds: int) -> bool:
    """28: a text rests on an operation that was lost; say whether it is not shown after a while."""
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(ChangeGroup("Crew", about="Lost on the way"))
    give(ann, bob)
    say(bob, "Rests on it")
    give(bob, ann, cem)
    pass_by(*people, seconds=seconds)
    return "Rests on it" not in texts_of(cem)


def test_what_a_text_rests_on_is_asked_for_at_once(monkeypatch: Patch) -> None:
    assert not waits_unseen(4 * MINUTE_S)
    real = repair.asked_after
    monkeypatch.setattr(
        needs,
        "asked_after",
        lambda rank, entropy, **_: real(rank, entropy, is_waited_for=False),
    )
    assert waits_unseen(4 * MINUTE_S)


def show_what_rests_on_nothing() -> bool:
    """37: M names operations that never were, in 300 texts."""
    story = Story("B", "M")
    telling = Telling(story)
    for number in range(300):
        ghost = OperationId(number.to_bytes(32))
        telling.says("B", entry(Kind.TEXT, [ghost], number=number))
    replica = telling.replica("O", [*story.operations[1:], *telling.said])
    return bool(replica.items())


def test_what_names_ghosts_waits_as_rows(monkeypatch: Patch) -> None:
    assert not show_what_rests_on_nothing()
    monkeypatch.setattr(GroupRules, "waits_for", lambda *_: None)
    monkeypatch.setattr(GroupRules, "standing", lambda *_, **__: "counts")
    assert show_what_rests_on_nothing()


def slip_in_among_what_was_read() -> bool:
    """38: what was written now claims to be of last year."""
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    for number in range(3):
        say(ann, f"Said {number}")
        settle(*people)
    ann.ask(ReadItems("Crew", said_in(ann)[-1].number))
    say(mal, "Now")
    settle(ann, mal)
    year = ann.now.mesh_ms - 365 * 86_400_000 << 16
    pass_on(mal, entries=[words_by(mal, "Of last year", number=9, clock=year, parents=[])])
    give(mal, ann)
    item = next(one for one in said_in(ann) if one.text == "Of last year")
    return not item.is_late


def test_what_claims_to_be_of_before_is_told_to_be_late(monkeypatch: Patch) -> None:
    assert not slip_in_among_what_was_read()
    monkeypatch.setattr(history.History, "_read_position", lambda *_: 0)
    assert slip_in_among_what_was_read()


# --- Controls, and how far it came ----------------------------------------------------------------


def controls_acted_on(patch: Patch, *, by_any: bool = False) -> list[int]:
    """27: Mal says keys, a comparison and an introduction in a group; return what Ann acts on."""
    ann, mal = crew("Ann", "Mal")
    group, acted = inside(mal), list[int]()
    table = ann.wired.groups.inbox.controls
    for kind in range(256) if by_any else list(table):
        patch.setitem(table, kind, lambda *_, kind=kind: acted.append(kind))
    controls = [(kind, bytes(40)) for kind in (KEYS, COMPARE_COMMIT, INTRODUCE_ASK, FILE_WANTED)]

    def content(header: bytes) -> bytes:
        made = make_payload(group.signing, group.gid, header=header, controls=controls, entries=[])
        return made.encode()

    ann.receive([sealed_as(mal, group.me, content, len(content(bytes(99))))])
    return acted


def test_in_a_group_what_is_between_two_is_passed_over(monkeypatch: Patch) -> None:
    assert controls_acted_on(monkeypatch) == [FILE_WANTED]
    assert controls_acted_on(monkeypatch, by_any=True) == [
        KEYS,
        COMPARE_COMMIT,
        INTRODUCE_ASK,
        FILE_WANTED,
    ]


def words_of_a_file(*, is_bounded: bool = True) -> int:
    """29: somebody sends a file to 34 members; return how often one of them says that he has it."""
    ann, bob = people = crew("Ann", "Bob")
    group, records = inside(ann), []
    for number in range(1, 33):
        key = SigningKey.from_seed(number.to_bytes(32, "big"))
        bare = Record(key.verify_key, bytes(32), bytes(32), bytes(16), "x", NO_CONSENT)
        records.append(consent(key, group.gid, bare))
    post = encode_operation(Add(tuple(records)), clock=1, seq=99, parents=heads_of(ann))
    pass_on(ann, [sign_post(group.signing, group.gid, post)])
    if not is_bounded:
        ann.ask(ChangeGroup("Crew", acks="on"))
    pass_by(*people, seconds=2 * MINUTE_S)
    assert len(inside(bob).members) == 34
    before = posted_count(bob)
    write_file(ann, file_content(9))
    exchange(*people)
    return posted_count(bob) - before


def test_in_a_large_group_nobody_tells_what_he_has_by_himself() -> None:
    assert words_of_a_file() == 0
    assert words_of_a_file(is_bounded=False) == 1


def count_who_is_out() -> int | None:
    """30: Mal names what Ann wrote, and is removed; return on how many devices it is told to be."""
    ann, _, mal = people = crew("Ann", "Bob", "Mal")
    said = say(ann, "Words")
    settle(*people)
    say(mal, "Names it")
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member))
    settle(*people)
    item = next(one for one in items_of(ann, "Crew") if one.id == said.id)
    assert item.devices is not None
    return item.devices.told


def test_devices_of_who_is_out_are_counted_no_more(monkeypatch: Patch) -> None:
    assert count_who_is_out() == 0
    monkeypatch.setattr(
        GroupReceipts,
        "told",
        lambda self, row, _members: Told(told=len(self._named_rows.told(row.number))),
    )
    assert count_who_is_out() == 1


def told_of_what_relays_dropped() -> int | None:
    """43: relays drop all that Ann posts; return on how many devices she is told it is."""
    ann, *_ = crew("Ann", "Bob", "Cem")
    said = say(ann, "Dropped")
    ann.post()
    item = next(one for one in items_of(ann, "Crew") if one.id == said.id)
    assert item.devices is not None
    return item.devices.told


def test_what_was_dropped_is_told_to_be_nowhere(monkeypatch: Patch) -> None:
    assert not told_of_what_relays_dropped()
    monkeypatch.setattr(GroupReceipts, "told", lambda _self, _row, members: Told(told=len(members)))
    assert told_of_what_relays_dropped() == 2


def erased_by_a_hide_of_who_was_no_admin(days: int) -> bool:
    """46: an admin hides words, and it turns out after some days that he was none."""
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    telling = Telling(story)
    text = telling.says("M", entry(Kind.TEXT, [known], number=1))
    telling.says("A", entry(Kind.HIDE, [known], target=text, number=1))
    replica = telling.replica("O", [*story.operations[1:], *telling.said])
    for seconds in (0, days * 86_400):
        replica.person.clock.pass_by(seconds)
        with transaction(replica.connection):
            replica.groups._erase_hidden(replica.person.now)
    story.tell("O", Remove((Removal(key_of("A"), (known,), ()),)), known)
    replica.take(story.operations[-1:])
    return replica.items()[0]["text"] == ""


def test_what_was_hidden_for_a_week_stays_gone(monkeypatch: Patch) -> None:
    assert erased_by_a_hide_of_who_was_no_admin(days=8)
    assert not erased_by_a_hide_of_who_was_no_admin(days=6)
    monkeypatch.setattr(group_entries, "HIDDEN_KEPT_SECONDS", 0)
    assert erased_by_a_hide_of_who_was_no_admin(days=6)
