"""A vault that was stolen once, and what is left of it for the thief weeks later: nothing."""

from mesh.commands.contacts import RenewSession, VerifyContact
from mesh.limits.sessions import (
    MAIL_LIVES_SECONDS,
    PREKEY_FRESH_SECONDS,
    PREKEYS_PER_CONTACT_MAX,
)
from mesh.wire.controls import BEGUN, KEYS_TAKEN
from tests.messenger.mallory import payload
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange, notes, one_contact
from tests.messenger.test_attacks import keys_of
from tests.messenger.test_theft import sessions as sessions_of
from tests.messenger.thief import Thief


def talk(ann: Person, bob: Person, days: int) -> None:
    """Each answers the other once a day."""
    for day in range(days):
        ann.clock.pass_by(DAY_S)
        for person, other in ((ann, "Bob"), (bob, "Ann")):
            person.send(other, f"{person.name} {day} {ann.clock.unix_ms}")
            exchange(ann, bob)
        for person in (ann, bob):
            person.store.expire(person.now.mesh)
            person.tend()
        exchange(ann, bob)


def robbed(clock: Clock) -> tuple[Person, Person, Thief]:
    """Ann and Bob, whose vault was copied three weeks of talking ago."""
    ann, bob = acquainted(clock)
    talk(ann, bob, 2)
    thief = Thief(bob.backup(), keys_of(ann).tie)
    talk(ann, bob, 21)
    return ann, bob, thief


def test_who_stole_a_vault_weeks_ago_does_not_write_as_a_contact() -> None:
    _, bob, thief = robbed(Clock())
    before = bob.texts("Ann")
    for forged in thief.renewals(payload("Ann speaking", name="Ann", clock=1 << 60), bob.now.mesh):
        bob.receive([forged])
    assert bob.texts("Ann") == before


def test_who_stole_a_vault_weeks_ago_recognises_nobody_on_a_link() -> None:
    ann, bob, thief = robbed(Clock())
    for person in (ann, bob):
        said, tried = person.messenger.link_keys()
        assert said
        assert not {key for _, key in [*said, *tried]} & set(thief.link_keys())


# --- New keys with somebody who is verified -------------------------------------------------------


def verified(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, who have talked, and whom Bob has verified."""
    ann, bob = acquainted(clock)
    talk(ann, bob, 2)
    bob.ask(VerifyContact("Ann", is_verified=True))
    clock.pass_by(60)
    return ann, bob


def note_kinds(person: Person, label: str) -> list[str]:
    return [note.kind for note in notes(person, label)]


def test_new_keys_of_somebody_verified_are_told_until_the_keys_of_before_confirm_them() -> None:
    ann, bob = verified(Clock())
    ann.ask(RenewSession("Bob"))
    *renewal, word = ann.post()
    bob.receive(renewal)
    assert one_contact(bob, "Ann").trust == "verified"
    assert one_contact(bob, "Ann").unconfirmed == bob.now.mesh
    assert note_kinds(bob, "Ann")[0] == "keys unconfirmed"
    # On the session of before Ann says which one she has begun.
    bob.receive([word])
    assert one_contact(bob, "Ann").unconfirmed == 0
    assert note_kinds(bob, "Ann")[0] == "verified"


def test_a_confirmation_that_comes_first_counts() -> None:
    ann, bob = verified(Clock())
    ann.ask(RenewSession("Bob"))
    bob.receive(reversed(ann.post()))
    assert one_contact(bob, "Ann").unconfirmed == 0
    assert "keys unconfirmed" not in note_kinds(bob, "Ann")


def test_new_keys_do_not_confirm_themselves_nor_each_other() -> None:
    ann, bob = verified(Clock())
    ann.ask(RenewSession("Bob"))
    *renewal, _ = ann.post()
    bob.receive(renewal)
    exchange(ann, bob)
    since = one_contact(bob, "Ann").unconfirmed
    (begun,) = [one.id for one in sessions_of(bob) if one.created == since]
    former = min(sessions_of(bob), key=lambda one: one.created)
    for named in (begun, former.id):
        ann.send_control("Bob", BEGUN, named)
        exchange(ann, bob)
        assert one_contact(bob, "Ann").unconfirmed == since
    # Our person can.
    bob.ask(VerifyContact("Ann", is_verified=True))
    assert one_contact(bob, "Ann").unconfirmed == 0


def test_who_comes_by_a_new_invite_with_a_known_key_goes_on_and_is_doubted() -> None:
    ann, bob = verified(Clock())
    before = bob.texts("Ann")
    ann.clock.pass_by(60)
    ann.add(bob.invite().link)
    exchange(ann, bob)
    assert [contact.label for contact in bob.contacts()] == ["Ann"]
    assert bob.texts("Ann") == before
    assert one_contact(bob, "Ann").unconfirmed
    ann.send("Bob", "by the new keys")
    exchange(ann, bob)
    assert bob.texts("Ann") == [*before, "by the new keys"]


def test_who_takes_a_new_invite_of_somebody_verified_is_warned_too() -> None:
    ann, bob = verified(Clock())
    ann.clock.pass_by(60)
    bob.add(ann.invite().link)
    assert one_contact(bob, "Ann").unconfirmed
    exchange(ann, bob)
    assert one_contact(bob, "Ann").state == "answered"


def test_new_keys_of_somebody_who_is_not_verified_are_noted_as_before() -> None:
    ann, bob = acquainted(Clock())
    ann.clock.pass_by(60)
    ann.ask(RenewSession("Bob"))
    exchange(ann, bob)
    assert one_contact(bob, "Ann").unconfirmed == 0
    assert note_kinds(bob, "Ann")[0] == "session renewed"


# --- Superseded prekeys ---------------------------------------------------------------------------


def privates(person: Person) -> list[bool]:
    """Of each bundle for a contact, oldest first, whether its private halves are here."""
    rows = person.connection.execute(
        "SELECT private <> x'' FROM prekeys WHERE contact IS NOT NULL ORDER BY id"
    ).fetchall()
    return [bool(one) for (one,) in rows]


def test_superseded_prekeys_go_when_the_other_side_has_the_newer_ones() -> None:
    ann, bob = acquainted(Clock())
    ann.clock.pass_by(PREKEY_FRESH_SECONDS)
    bob.send("Ann", "I am there")
    exchange(ann, bob)
    ann.send("Bob", "with new prekeys")
    bob.receive(ann.post())
    assert privates(ann) == [True, True]
    bob.send("Ann", "they are here")
    ann.receive(bob.post())
    assert privates(ann) == [False, True]
    # What came to them is remembered as long as a repetition may be on its way.
    ann.clock.pass_by(MAIL_LIVES_SECONDS + 1)
    ann.tend()
    assert privates(ann) == [True]


def test_prekeys_are_kept_for_who_is_heard_and_has_no_others() -> None:
    ann, bob = acquainted(Clock())
    ann.clock.pass_by(PREKEY_FRESH_SECONDS)
    bob.send("Ann", "I am there")
    exchange(ann, bob)
    ann.send("Bob", "lost, with new prekeys")
    ann.post()
    bob.send("Ann", "I have the former ones")
    ann.receive(bob.post())
    ann.clock.pass_by(2 * MAIL_LIVES_SECONDS)
    ann.tend()
    assert privates(ann) == [True, True]
    # Bob begins new keys, and can seal to the former ones only.
    bob.ask(RenewSession("Ann"))
    bob.send("Ann", "sealed to what I have")
    exchange(ann, bob)
    assert ann.texts("Bob")[-1] == "sealed to what I have"
    assert ann.dropped() == {}


def test_of_who_is_heard_and_never_says_that_he_has_the_newer_ones_the_newest_few_are_kept() -> (
    None
):
    ann, bob = acquainted(Clock())
    for _ in range(3 + PREKEYS_PER_CONTACT_MAX):
        ann.clock.pass_by(MAIL_LIVES_SECONDS + 1)
        bob.send("Ann", "I am there")
        ann.receive(bob.post())
        ann.send("Bob", "lost, with new prekeys")
        ann.post()
        ann.tend()
    # One has too many after it, and what was sealed to it last may be on its way.
    assert privates(ann) == [True] * (1 + PREKEYS_PER_CONTACT_MAX)
    ann.clock.pass_by(MAIL_LIVES_SECONDS + 1)
    ann.tend()
    assert privates(ann) == [True] * PREKEYS_PER_CONTACT_MAX


def test_of_who_is_away_the_prekeys_that_they_have_are_kept() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "gone for long")
    exchange(ann, bob)
    for _ in range(60):
        ann.clock.pass_by(DAY_S)
        ann.send("Bob", "away")
        ann.tend()
    assert privates(ann)[0]
    assert len(privates(ann)) <= 2


def test_a_word_about_prekeys_that_were_never_made_erases_nothing() -> None:
    ann, bob = acquainted(Clock())
    for data in (bytes(4), b"\xff" * 4, b"", bytes(5)):
        bob.send_control("Ann", KEYS_TAKEN, data)
        exchange(ann, bob)
    assert privates(ann) == [True]
    assert ann.dropped() == {"malformed word of prekeys that were taken": 2}


# --- Before the first answer ----------------------------------------------------------------------


def invite_privates(person: Person) -> list[bool]:
    """Of each bundle of an invite, whether its private halves are here."""
    rows = person.connection.execute(
        "SELECT private <> x'' FROM prekeys WHERE contact IS NULL ORDER BY id"
    ).fetchall()
    return [bool(one) for (one,) in rows]


def test_the_private_halves_of_an_invite_for_one_go_with_the_first_answer() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    link = ann.invite().link
    bob.add(link)
    bob.send("Ann", "a repetition that comes late")
    first, late = bob.post()
    ann.receive([first])
    bob.receive(ann.post())
    assert invite_privates(ann) == [True]
    bob.send("Ann", "answered")
    ann.receive(bob.post())
    assert invite_privates(ann) == [False]
    ann.receive([late])
    assert ann.texts("Bob") == ["a repetition that comes late", "answered"]
    # Somebody else who has the link opens nothing here any more, and is told nothing.
    eve = Person("Eve", clock, seed=3)
    eve.add(link)
    ann.receive(eve.post())
    assert ann.dropped() == {"a first contact to a bundle that is gone": 1}
    assert [contact.label for contact in ann.contacts()] == ["Bob"]


def test_the_private_halves_of_an_invite_for_many_stay() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=2).link)
    exchange(ann, bob)
    bob.send("Ann", "answered")
    exchange(ann, bob)
    assert invite_privates(ann) == [True]
