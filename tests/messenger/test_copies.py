"""One identity on two machines: each side may agree on keys with a copy that then is gone."""

from mesh.commands.contacts import RenewSession
from mesh.events import ContactNoted, Event
from mesh.limits.sessions import (
    RENDEZVOUS_TAGS,
    RENEWAL_INTERVAL_SECONDS,
    REPEATED_RENDEZVOUS_TAGS,
    SESSIONS_PER_CONTACT_MAX,
)
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange

DAYS_MAX = 40


def who_both_wrote(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, of whom each has heard the other."""
    ann, bob = acquainted(clock)
    ann.send("Bob", "one")
    exchange(ann, bob)
    bob.send("Ann", "two")
    exchange(ann, bob)
    return ann, bob


def copy_of(person: Person, seed: int) -> Person:
    """A second machine that runs from a copy of a vault."""
    copy = Person(person.name, person.clock, seed=seed)
    copy.restore(person.backup())
    return copy


def heard(person: Person) -> list[str]:
    """Return what others wrote to them."""
    return [message.text for message in person.messages() if not message.is_mine]


def assert_they_hear_each_other(ann: Person, bob: Person) -> None:
    """Check that what one writes and what the other answers is read."""
    ann.send("Bob", "still here")
    exchange(ann, bob)
    assert heard(bob)[-1] == "still here"
    bob.send("Ann", "so I hear")
    exchange(ann, bob)
    assert heard(ann)[-1] == "so I hear"


def each_with_a_copy_of_the_other(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, who both began new keys, each with a copy of the other which then was lost."""
    ann, bob = acquainted(clock)
    ann.send("Bob", "from the only Ann")
    bob.send("Ann", "from the only Bob")
    exchange(ann, bob)
    copies = copy_of(ann, 77), copy_of(bob, 78)
    for person, name, copy in zip((ann, bob), ("Bob", "Ann"), copies[::-1], strict=True):
        person.ask(RenewSession(name))
        exchange(person, copy)
        person.send(name, "to your copy")
        exchange(person, copy)
        assert heard(copy)[-1] == "to your copy"
    clock.pass_by(RENEWAL_INTERVAL_SECONDS)
    ann.send("Bob", "into the void")
    bob.send("Ann", "into the void")
    exchange(ann, bob)
    assert "into the void" not in (*heard(ann), *heard(bob))
    return ann, bob


def test_two_who_hold_keys_of_lost_copies_hear_each_other_as_soon_as_one_asks() -> None:
    ann, bob = each_with_a_copy_of_the_other(Clock())
    ann.ask(RenewSession("Bob"))
    exchange(ann, bob)
    assert_they_hear_each_other(ann, bob)


def test_two_who_hold_keys_of_lost_copies_find_each_other_when_nobody_asks() -> None:
    clock = Clock()
    ann, bob = each_with_a_copy_of_the_other(clock)
    for day in range(DAYS_MAX):
        ann.send("Bob", f"day {day}")
        bob.send("Ann", f"day {day}")
        exchange(ann, bob)
        if f"day {day}" in heard(ann) and f"day {day}" in heard(bob):
            # The first expire after a week; three make a probe, and one of the first two is met.
            assert day <= 14
            return
        clock.pass_by(DAY_S)
        for person in (ann, bob):
            person.store.expire(person.now.mesh)
            person.tend()
    raise AssertionError("they are deaf to each other")


def talkative_copy(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, and a copy of Ann's that began new keys with Bob in many words, and was lost."""
    ann, bob = acquainted(clock)
    ann.send("Bob", "from the only Ann")
    exchange(ann, bob)
    copy = copy_of(ann, 77)
    copy.ask(RenewSession("Bob"))
    for number in range(40):
        copy.send("Bob", f"copy {number}")
    exchange(copy, bob)
    assert heard(bob)[-1] == "copy 39"
    # All of this stands on the mesh, so that Ann passes over the tags that were used.
    ann.receive([*copy.store.envelopes.values(), *bob.store.envelopes.values()])
    clock.pass_by(RENEWAL_INTERVAL_SECONDS)
    return ann, bob


def test_what_is_repeated_leaves_the_last_tags_to_those_who_begin() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "hello")
    exchange(ann, bob)
    ann.ask(RenewSession("Bob"))
    for number in range(40):
        ann.send("Bob", f"repeated {number}")
    ((used,),) = ann.connection.execute("SELECT max(rendezvous_count) FROM sessions").fetchall()
    assert used == REPEATED_RENDEZVOUS_TAGS < RENDEZVOUS_TAGS
    exchange(ann, bob)
    assert heard(bob)[-1] == "repeated 39"


def test_a_talkative_copy_does_not_take_the_last_way_to_the_other_side() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "from the only Ann")
    exchange(ann, bob)
    copy = copy_of(ann, 77)
    copy.ask(RenewSession("Bob"))
    for number in range(40):
        copy.send("Bob", f"copy {number}")
    # Bob was away, so nothing has gone past the keys that Ann has too.
    ann.receive([*copy.post(), *copy.store.envelopes.values()])
    ann.clock.pass_by(RENEWAL_INTERVAL_SECONDS)
    ann.ask(RenewSession("Bob"))
    assert_they_hear_each_other(ann, bob)


def test_who_is_left_behind_by_a_copy_is_told_and_comes_back_by_a_new_invite() -> None:
    clock = Clock()
    ann, bob = talkative_copy(clock)
    clock.pass_by(60)
    ann.send("Bob", "as ever")
    bob.receive(ann.post())
    # With the copy Bob has gone on to keys of which she knows nothing: she could be a thief.
    assert heard(bob)[-1] == "copy 39"
    assert ann.contacts()[0].unreached
    assert any("new invite" in note for note in notes(ann.take_events()))
    bob.add(ann.invite().link)
    exchange(ann, bob)
    assert_they_hear_each_other(ann, bob)
    assert "as ever" in heard(bob)
    assert not ann.contacts()[0].unreached


def test_two_copies_that_both_write_make_no_more_than_one_renewal_a_day() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "from the only Ann")
    exchange(ann, bob)
    copy = copy_of(ann, 77)
    copy.ask(RenewSession("Bob"))
    exchange(copy, bob)
    bob.take_events()
    days, told = 5, 0
    for turn in range(days * 24):
        clock.pass_by(3_600)
        writer = ann if turn % 2 else copy
        writer.send("Bob", f"turn {turn}")
        exchange(ann, copy, bob)
        bob.send("Ann", f"answer {turn}")
        exchange(ann, copy, bob)
        told += len(notes(bob.take_events()))
    # Each of the two may begin one a day, and so may Bob.
    assert 0 < told <= 3 * (days + 1)


def test_mail_that_was_under_way_when_new_keys_were_begun_is_no_sign_of_a_copy() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "first")
    exchange(ann, bob)
    ann.send("Bob", "late")
    late = ann.post()
    clock.pass_by(60)
    ann.ask(RenewSession("Bob"))
    exchange(ann, bob)
    ann.send("Bob", "on new keys")
    exchange(ann, bob)
    clock.pass_by(60)
    bob.take_events()
    bob.receive(late)
    assert sorted(heard(bob)) == ["first", "late", "on new keys"]
    assert notes(bob.take_events()) == []
    # A carrier brings it again, and somebody else a copy of it: nothing is opened twice.
    bob.receive(late)
    assert notes(bob.take_events()) == []


def ended_by_each_other(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob after two openings of hers that came in the other order, and one of a copy.

    She ended the older one when he answered the newer, and he ended the newer one when the
    older came; then a copy of hers began another one with him, and was lost.
    """
    ann, bob = acquainted(clock)
    ann.send("Bob", "from the only Ann")
    exchange(ann, bob)
    copy = copy_of(ann, 77)
    copy.ask(RenewSession("Bob"))
    for number in range(3):
        copy.send("Bob", f"copy {number}")
    of_copy = copy.post()
    ann.ask(RenewSession("Bob"))
    older = ann.post()
    clock.pass_by(60)
    # Tags that stand on the mesh already were used by a copy, and so were the keys that follow.
    ann.receive(of_copy)
    ann.send("Bob", "again")
    newer = ann.post()
    bob.receive(newer)
    bob.receive(older)
    bob.receive(of_copy)
    ann.receive(bob.post())
    unended = ann.connection.execute("SELECT id FROM sessions WHERE NOT is_over").fetchall()
    assert unended == []
    return ann, bob


def test_who_has_no_keys_left_in_use_sends_what_waits_as_soon_as_she_asks_for_new_ones() -> None:
    ann, bob = ended_by_each_other(Clock())
    ann.send("Bob", "does anybody hear me?")
    exchange(ann, bob)
    assert "does anybody hear me?" not in heard(bob)
    ann.ask(RenewSession("Bob"))
    exchange(ann, bob)
    assert heard(bob)[-1] == "does anybody hear me?"
    bob.send("Ann", "I do")
    exchange(ann, bob)
    assert heard(ann)[-1] == "I do"


def test_who_has_no_keys_left_in_use_begins_new_ones_unasked_a_day_later() -> None:
    clock = Clock()
    ann, bob = ended_by_each_other(clock)
    ann.send("Bob", "does anybody hear me?")
    exchange(ann, bob)
    clock.pass_by(RENEWAL_INTERVAL_SECONDS)
    ann.take_events()
    ann.tend()
    exchange(ann, bob)
    assert heard(bob)[-1] == "does anybody hear me?"
    assert any("no keys were left in use" in note for note in notes(ann.take_events()))


def test_who_asks_again_is_heard_though_a_copy_took_the_answer() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "from the only Ann")
    exchange(ann, bob)
    ann.ask(RenewSession("Bob"))
    ann.send("Bob", "asked")
    copy = copy_of(ann, 77)
    bob.receive(ann.post())
    exchange(copy, bob)
    # Bob asks too, and it is the copy that hears of it.
    bob.ask(RenewSession("Ann"))
    exchange(copy, bob)
    copy.send("Bob", "from the copy")
    exchange(copy, bob)
    assert heard(bob)[-1] == "from the copy"
    ann.ask(RenewSession("Bob"))
    assert_they_hear_each_other(ann, bob)


def test_who_asks_many_times_in_vain_keeps_the_ways_that_both_sides_have() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "first")
    exchange(ann, bob)
    for _ in range(RENDEZVOUS_TAGS):
        ann.ask(RenewSession("Bob"))
        clock.pass_by(DAY_S)
    exchange(ann, bob)
    assert_they_hear_each_other(ann, bob)


def test_who_comes_back_by_a_new_invite_is_let_in_though_a_thief_made_sessions() -> None:
    clock = Clock()
    ann, bob = who_both_wrote(clock)
    backup = ann.backup()
    thief = copy_of(ann, 77)
    for _ in range(SESSIONS_PER_CONTACT_MAX):
        thief.ask(RenewSession("Bob"))
        exchange(thief, bob)
        clock.pass_by(3_600)
    sessions = bob.connection.execute("SELECT count(*) FROM sessions").fetchall()
    assert sessions == [(SESSIONS_PER_CONTACT_MAX,)]
    bob.take_events()
    back = Person("Ann", clock, seed=78)
    back.restore(backup)
    back.add(bob.invite().link)
    back.send("Bob", "back by a new invite")
    exchange(back, bob)
    assert heard(bob)[-1] == "back by a new invite"
    assert notes(bob.take_events())
    assert_they_hear_each_other(back, bob)
    sessions = bob.connection.execute("SELECT count(*) FROM sessions").fetchall()
    assert sessions == [(SESSIONS_PER_CONTACT_MAX,)]


def notes(events: list[Event]) -> list[str]:
    """Return what people were told beside their messages."""
    return [event.note.sentence for event in events if isinstance(event, ContactNoted)]
