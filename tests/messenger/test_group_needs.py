"""Needs in groups: what is lost is asked for, and given by whoever's turn it is."""

import pytest

from mesh.commands.groups import AcceptGroup, ChangeGroup, InviteToGroup, RemoveMember
from mesh.commands.item_commands import RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.group.placed_posts import Need, PostPlace
from mesh.limits.group_repair import NEEDS_PER_HOUR_MAX
from mesh.messenger.groups import needs
from mesh.storage.connection import transaction
from mesh.storage.vault.group_needs import GroupNeedRows
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope
from tests.messenger.doing import do, items_of
from tests.messenger.in_groups import crew, inside, member, members_of, settle, told
from tests.messenger.people import Person, exchange
from tests.messenger.test_welcomes import pass_days

Patch = pytest.MonkeyPatch
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


def say(person: Person, text: str) -> ItemAnswer:
    return do(person, WriteItem("Crew", kind="text", text=text))


def texts_of(person: Person) -> list[str]:
    return [one.text for one in said_in(person)]


def said_in(person: Person) -> list[ItemAnswer]:
    """Return what people said; what they did to the group stands beside it."""
    return [one for one in items_of(person, "Crew") if one.kind == "text"]


def give(person: Person, *others: Person) -> list[Envelope]:
    """Carry what somebody posted to some, and to nobody else."""
    posted = person.post()
    for other in others:
        other.receive(posted)
    return posted


def pass_by(*people: Person, seconds: int, step: int = 15) -> None:
    """Let time pass, with everybody doing what is due and everything carried to all."""
    for _ in range(seconds // step):
        people[0].clock.pass_by(step)
        for person in people:
            person.tend()
        exchange(*people)


def posted_count(person: Person) -> int:
    """Count what somebody posted under the epoch in use."""
    group = inside(person)
    chosen = group.chosen()
    assert chosen is not None
    chain = Vault(person.connection).group_keys.find_chain(chosen.number, group.me)
    assert chain is not None
    return chain.next


def without_receipts(*people: Person) -> None:
    """Tell nobody what came, so that all that is posted is what is asked and given."""
    people[0].ask(ChangeGroup("Crew", acks="off"))
    settle(*people)


def ask_for(person: Person, *ids: str) -> None:
    """Post a need, be it one that the program would not post."""
    groups, group = person.wired.groups, inside(person)
    missing = [bytes.fromhex(id_) for id_ in ids]
    need = Need(1, 5, 0, PostPlace(bytes(8), 0), missing, [], [], [], [], b"")
    with transaction(person.connection):
        groups.posting.queue(group, need, None, person.now)
        groups.posting.flush(group, person.now)


def name_operations(person: Person) -> None:
    """Post what names the last operations that somebody has, and asks for nothing."""
    groups, group = person.wired.groups, inside(person)
    assert group.membership is not None
    graph = group.membership.graph
    heads = [bytes(act.operation.id) for act in graph.latest(graph.heads)]
    need = Need(1, 5, 0, PostPlace(bytes(8), 0), [], [], [], heads, [], b"")
    with transaction(person.connection):
        groups.posting.queue(group, need, None, person.now)
        groups.posting.flush(group, person.now)


def needs_of(person: Person) -> int:
    return len(Vault(person.connection).group_needs.needs(inside(person).conversation))


def test_an_operation_that_was_lost_is_asked_for_and_given() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(ChangeGroup("Crew", about="Lost on the way"))
    give(ann, bob)
    say(bob, "Rests on what Cem lacks")
    give(bob, ann, cem)
    assert texts_of(cem) == []
    cem.restart()
    pass_by(*people, seconds=4 * MINUTE_S)
    assert texts_of(cem) == ["Rests on what Cem lacks"]
    assert told(cem).about == "Lost on the way"
    assert needs_of(cem) == 0
    assert len({told(one).code for one in people}) == 1


def test_what_was_only_named_is_asked_for_soon_when_something_waits_for_it() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(ChangeGroup("Crew", about="Lost on the way"))
    give(ann, bob)
    name_operations(bob)
    give(bob, ann, cem)
    cem.tend()
    assert needs_of(cem) == 1
    say(bob, "Rests on what Cem lacks")
    give(bob, ann, cem)
    pass_by(*people, seconds=4 * MINUTE_S)
    assert texts_of(cem) == ["Rests on what Cem lacks"]


def test_who_was_away_for_more_than_a_week_asks_soon_for_what_was_said() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    say(cem, "Leaves")
    exchange(*people)
    say(ann, "Lost for Cem")
    pass_days(8, ann, bob)
    say(ann, "Names it")
    give(ann, bob, cem)
    pass_by(*people, seconds=5 * MINUTE_S)
    assert texts_of(cem) == ["Leaves", "Lost for Cem", "Names it"]


def test_words_that_were_lost_are_asked_for_and_given_by_one_who_has_them() -> None:
    ann, bob, cem, dan = people = crew("Ann", "Bob", "Cem", "Dan")
    for number in range(5):
        say(bob, f"Lost {number}")
        give(bob, ann, dan)
    bob_is_away = people[:1] + people[2:]
    say(ann, "Names them")
    give(ann, bob, cem, dan)
    assert texts_of(cem) == ["Names them"]
    pass_by(*bob_is_away, seconds=HOUR_S, step=60)
    assert texts_of(cem) == [*(f"Lost {number}" for number in range(5)), "Names them"]
    assert {item.author.label for item in said_in(cem)} == {"Ann", "Bob"}


def test_only_one_answers() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan", "Eve")
    ann, *_, eve = people
    without_receipts(*people)
    before = sum(map(posted_count, people))
    say(ann, "Lost")
    give(ann, *people[1:-1])
    say(ann, "Follows")
    give(ann, *people[1:])
    pass_by(*people, seconds=HOUR_S, step=10)
    assert texts_of(eve) == ["Lost", "Follows"]
    # Two texts, what the last of them asks, and one answer.
    assert sum(map(posted_count, people)) - before == 4


def test_what_nobody_has_is_asked_for_four_times_and_then_a_gap() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    lost = say(bob, "Lost to all")
    bob.post()
    say(bob, "Follows")
    give(bob, ann, cem)
    # Bob is gone, with the only copy.
    pass_by(ann, cem, seconds=3 * DAY_S, step=1_800)
    assert texts_of(cem) == ["Follows"]
    (row,) = Vault(cem.connection).group_needs.needs(
        inside(cem).conversation, bytes.fromhex(lost.id)
    )
    assert (row.asked, row.due) == (4, None)
    assert needs_of(cem) == 0
    exchange(*people)


def crew_and_a_newcomer() -> list[Person]:
    """Ann and Bob, who talked before Dan came."""
    people = crew("Ann", "Bob", others=("Dan",))
    ann, bob, dan = people
    say(bob, "Before Dan")
    exchange(*people)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(dan).state == "in"
    return people


def read_what_was_said_before_one_came() -> bool:
    people = crew_and_a_newcomer()
    ann, dan = people[0], people[-1]
    (said,) = said_in(ann)
    ask_for(dan, said.id)
    pass_by(*people, seconds=5 * MINUTE_S)
    return "Before Dan" in texts_of(dan)


def test_a_newcomer_is_given_nothing_that_is_from_before_him(monkeypatch: Patch) -> None:
    assert not read_what_was_said_before_one_came()
    for module in ("supplies", "group_posting"):
        monkeypatch.setattr(f"mesh.messenger.groups.{module}.may_have", lambda *_: True)
    assert read_what_was_said_before_one_came()


def read_under_an_epoch_with_a_newcomer() -> bool:
    """Bob asks for what he lost; say whether Dan, who came later, reads the answer."""
    people = crew("Ann", "Bob", others=("Dan",))
    ann, bob, dan = people
    lost = say(ann, "Lost, and before Dan")
    ann.post()
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    ask_for(bob, lost.id)
    pass_by(*people, seconds=5 * MINUTE_S)
    return "Lost, and before Dan" in texts_of(dan)


def test_what_one_lost_is_not_given_under_keys_of_who_came_later(monkeypatch: Patch) -> None:
    assert not read_under_an_epoch_with_a_newcomer()
    real = "mesh.messenger.groups.{}.may_have"
    for module in ("supplies", "group_posting"):
        monkeypatch.setattr(real.format(module), lambda *_: True)
    assert read_under_an_epoch_with_a_newcomer()


def read_what_was_taken_back() -> bool:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Taken back")
    give(ann, bob)
    ann.ask(RetractItem(said.number))
    give(ann, bob)
    ask_for(cem, said.id)
    pass_by(*people, seconds=5 * MINUTE_S)
    rows = cem.connection.execute("SELECT data FROM contents").fetchall()
    return any(isinstance(data, bytes) and b"Taken back" in data for (data,) in rows)


def test_what_was_taken_back_is_given_to_nobody() -> None:
    assert not read_what_was_taken_back()


def test_that_words_were_taken_back_comes_to_who_missed_it() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(ann, "Taken back")
    exchange(*people)
    ann.ask(RetractItem(said.number))
    give(ann, bob)
    assert texts_of(cem) == ["Taken back"]
    say(bob, "Names it")
    give(bob, ann, cem)
    # Ann is gone with it.
    pass_by(bob, cem, seconds=HOUR_S, step=60)
    assert texts_of(cem) == ["", "Names it"]


def test_who_asks_too_often_is_answered_no_more() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    without_receipts(*people)
    said = [say(ann, f"Text {number}") for number in range(NEEDS_PER_HOUR_MAX + 4)]
    exchange(*people)
    before = posted_count(ann) + posted_count(bob)
    for one in said:
        ask_for(mal, one.id)
    pass_by(*people, seconds=10 * MINUTE_S)
    assert posted_count(ann) + posted_count(bob) - before <= NEEDS_PER_HOUR_MAX


def test_who_is_out_is_answered_nothing() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    said = say(ann, "Words")
    exchange(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member))
    give(ann, bob)
    ask_for(mal, said.id)
    exchange(*people)
    vaults = [Vault(one.connection).group_needs for one in (ann, bob)]
    assert [one.duties(inside(ann).conversation) for one in vaults] == [[], []]


def name_ghosts(person: Person, *others: Person, count: int) -> None:
    """Name last operations that never were."""
    groups, group = person.wired.groups, inside(person)
    for _ in range(count):
        heads = [person.entropy.draw(32)]
        need = Need(1, 5, 0, PostPlace(bytes(8), 0), [], [], [], heads, [], b"")
        with transaction(person.connection):
            groups.posting.queue(group, need, None, person.now)
            groups.posting.flush(group, person.now)
    give(person, *others)


def wanted_of(person: Person) -> dict[str, int]:
    """Count what is missing, by the name of who named it."""
    rows, group = Vault(person.connection).group_needs, inside(person)
    names = {one.key: one.name for one in members_of(person)}
    counts = rows.needs_counts(group.conversation)
    return {names[key.hex()]: count for key, count in counts.items()}


def is_repaired_beside_ghosts() -> bool:
    """Mal names what never was until the list is full; say whether Bob gets what he lacks."""
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    name_ghosts(mal, bob, count=10)
    ann.ask(ChangeGroup("Crew", about="Lost on the way"))
    give(ann)
    say(ann, "Rests on what Bob lacks")
    give(ann, bob, mal)
    pass_by(*people[:2], seconds=10 * MINUTE_S, step=30)
    return texts_of(bob) == ["Rests on what Bob lacks"]


def test_who_names_what_never_was_keeps_nobody_from_asking(monkeypatch: Patch) -> None:
    monkeypatch.setattr(needs, "WANTED_MAX", 8)
    monkeypatch.setattr(needs, "WANTED_SHARE_MAX", 4)
    assert is_repaired_beside_ghosts()
    monkeypatch.setattr(needs, "WANTED_SHARE_MAX", 99)
    monkeypatch.setattr(GroupNeedRows, "drop_oldest", lambda *_, **__: False)
    assert not is_repaired_beside_ghosts()


def test_gaps_of_who_named_the_most_make_room(monkeypatch: Patch) -> None:
    monkeypatch.setattr(needs, "WANTED_MAX", 8)
    monkeypatch.setattr(needs, "WANTED_SHARE_MAX", 6)
    ann, bob, mal = crew("Ann", "Bob", "Mal")
    name_ghosts(mal, ann, count=7)
    assert wanted_of(ann) == {"Mal": 6}
    name_ghosts(bob, ann, count=4)
    assert wanted_of(ann) == {"Mal": 4, "Bob": 4}
    # His own gaps make room for what he names next.
    with transaction(ann.connection):
        ann.connection.execute("UPDATE group_needs SET due = NULL")
    rows, group = Vault(ann.connection).group_needs, inside(ann)
    name_ghosts(mal, ann, count=2)
    assert wanted_of(ann) == {"Mal": 4, "Bob": 4}
    assert len(rows.needs(group.conversation)) == 2
