"""Trust: safety numbers, verification, labels and notes."""

import pytest

from mesh.commands.contacts import (
    ContactAnswer,
    RenameContact,
    VerifyContact,
)
from mesh.commands.identity import ChangeIdentity
from mesh.commands.verification import Compare
from mesh.crypto.signing import sign
from mesh.errors import UserError
from mesh.events import (
    ContactNoted,
)
from mesh.ids import UnixSeconds
from mesh.limits.contacts import NOTES_OF_KIND_MAX
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.pending_events import PendingEvents
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys, tie_message
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from mesh.wire.bundle import sign_bundle
from tests.messenger.mallory import MALLORY_SEED, Mallory, payload
from tests.messenger.people import (
    Clock,
    Person,
    acquainted,
    details,
    exchange,
    notes,
    one_contact,
)

# --- Verification -------------------------------------------------------------------------------


def test_both_see_the_same_safety_number_and_nobody_else_does() -> None:
    clock = Clock()
    ann, bob, cem = (Person(name, clock, seed=seed) for seed, name in enumerate("ABC", 1))
    for other in (bob, cem):
        other.add(ann.invite().link)
        exchange(ann, other)
    shown = details(ann, "B").safety_number
    assert shown == details(bob, "A").safety_number
    assert shown.isdigit()
    assert len(shown) == 60
    assert shown != details(ann, "C").safety_number
    ann.restart()
    assert details(ann, "B").safety_number == shown


def test_trust_rises_by_a_persons_word_and_falls_back_to_what_it_was() -> None:
    ann, bob = acquainted(Clock())
    for person, label, before in ((ann, "Bob", "first seen"), (bob, "Ann", "known")):
        assert one_contact(person, label).trust == before
        for _ in range(2):
            answer = person.ask(VerifyContact(label))
            assert isinstance(answer, ContactAnswer)
            assert answer.trust == "verified"
        assert [note.kind for note in notes(person, label)] == ["verified"]
        person.restart()
        assert one_contact(person, label).trust == "verified"
        person.ask(VerifyContact(label, is_verified=False))
        assert one_contact(person, label).trust == before


def test_who_has_shown_no_key_cannot_be_verified() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().qr, "Ann")
    assert details(bob, "Ann").safety_number == ""
    with pytest.raises(UserError) as caught:
        bob.ask(VerifyContact("Ann"))
    assert caught.value.kind == "no-key"
    with pytest.raises(UserError) as caught:
        bob.ask(Compare("Ann"))
    assert caught.value.kind == "not-answered"
    exchange(ann, bob)
    bob.ask(VerifyContact("Ann"))
    assert one_contact(bob, "Ann").trust == "verified"


# --- Names that look alike ----------------------------------------------------------------------


def test_who_was_added_by_a_qr_code_is_called_by_the_name_that_comes() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    key = bob.add(ann.invite().qr).key
    assert [one.label for one in bob.contacts()] == [key[:8]]
    exchange(ann, bob)
    assert [(one.label, one.name) for one in bob.contacts()] == [("Ann", "Ann")]
    bob.restart()
    bob.send("Ann", "hello")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["hello"]


def test_the_name_that_comes_leaves_a_chosen_label_and_is_made_unlike_others() -> None:
    clock = Clock()
    ann, bob, other = (
        Person(name, clock, seed=seed) for seed, name in enumerate(("Ann", "Bob", "Ann"), 1)
    )
    bob.add(ann.invite().qr, "Climber")
    bob.add(other.invite().qr)
    exchange(ann, bob, other)
    assert [one.label for one in bob.contacts()] == ["Ann", "Climber"]
    late = Person("Climber", clock, seed=4)
    bob.add(late.invite().qr)
    exchange(late, bob)
    assert [one.label for one in bob.contacts()] == ["Ann", "Climber", "Climber 2"]


def test_an_expiry_is_told_with_its_time_of_day() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    link = ann.invite(lifetime_s=3_600).link
    clock.pass_by(2 * 3_600)
    with pytest.raises(
        UserError, match=r"at 2023-11-14 23:13 UTC, and here it is 2023-11-15 00:13"
    ):
        bob.add(link)


def test_two_who_look_alike_are_told_apart() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    others = [Person(name, clock, seed=seed) for seed, name in ((2, "Bob"), (3, "В\u043eb"))]
    for other in others:
        other.add(ann.invite().link)
        exchange(ann, other)
    first, second = ann.contacts()
    assert {first.label, second.label} == {"Bob", "В\u043eb 2"}
    assert (first.looks_like, second.looks_like) == ([second.label], [first.label])
    assert [note.kind for note in notes(ann, "В\u043eb 2")] == ["looks alike"]
    assert notes(ann, "Bob") == []
    noted = [event for event in ann.take_events() if isinstance(event, ContactNoted)]
    assert [(one.contact.label, one.note.kind) for one in noted] == [("В\u043eb 2", "looks alike")]
    ann.restart()
    assert ann.contacts() == [first, second]


def test_a_label_is_refused_that_looks_like_another_one() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    for seed, name in ((2, "Bob"), (3, "Cem")):
        other = Person(name, clock, seed=seed)
        other.add(ann.invite().link)
        exchange(ann, other)
    for label in ("Bob", "bob", "B0b", "Воb"):
        with pytest.raises(UserError) as caught:
            ann.ask(RenameContact("Cem", label))
        assert caught.value.kind == "exists"
        with pytest.raises(UserError):
            ann.add(Person("Dora", clock, seed=4).invite().link, label)
    # To one's own former label one may come back.
    ann.ask(RenameContact("Bob", "bob"))
    ann.ask(RenameContact("bob", "Rob"))
    ann.ask(RenameContact("Cem", "B0b"))
    # Their own names can still be mistaken.
    assert one_contact(ann, "B0b").looks_like == ["Rob"]


def test_nobody_chooses_a_name_that_means_somebody_else_to_a_command() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    exchange(ann, bob)
    friend = one_contact(ann, "Bob")
    for seed, name in ((3, str(friend.id)), (4, friend.key[:8].upper()), (5, friend.key[:20])):
        other = Person(name, clock, seed=seed)
        other.add(ann.invite().link)
        exchange(ann, other)
        assert ann.send(name, "for Bob alone").contact == friend.id
        assert one_contact(ann, f"{name} 2").name == name
    stranger = one_contact(ann, f"{friend.id} 2")
    for label in ("12", friend.key[:8]):
        with pytest.raises(UserError, match="number or the key"):
            ann.ask(RenameContact(stranger.label, label))
    # One's own key says who one is.
    ann.ask(RenameContact(stranger.label, stranger.key[:8]))
    assert one_contact(ann, stranger.key[:8]).id == stranger.id


def test_a_name_is_found_however_a_keyboard_composes_its_letters() -> None:
    clock = Clock()
    ann, other = Person("Ann", clock, seed=1), Person("Jose\u0301", clock, seed=2)
    other.add(ann.invite().link)
    exchange(ann, other)
    for named in ("Jose\u0301", "Jos\u00e9"):
        assert one_contact(ann, "Jos\u00e9").id == ann.send(named, "Hello").contact


@pytest.mark.parametrize("name", ["me", "Me", "m\u0435"])
def test_nobody_has_the_label_by_which_screens_call_oneself(name: str) -> None:
    clock = Clock()
    ann, other = Person("Ann", clock, seed=1), Person(name, clock, seed=2)
    other.add(ann.invite().link)
    exchange(ann, other)
    assert one_contact(ann, f"{name} 2").name == name
    with pytest.raises(UserError) as caught:
        ann.ask(RenameContact(f"{name} 2", name))
    assert caught.value.kind == "exists"


def test_a_contact_who_takes_another_ones_name_is_noted_once() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    invite = ann.invite()
    mallory = Mallory(invite.link)
    ann.receive([mallory.first_contact(payload("hi", name="B\u03bfb"), index=1)])
    assert [note.kind for note in notes(ann, "B\u03bfb 2")] == ["looks alike"]
    assert one_contact(ann, "Bob").looks_like == ["B\u03bfb 2"]
    assert bob.name == "Bob"


# --- Identities that change ---------------------------------------------------------------------


def test_a_known_key_with_another_identity_key_is_refused_and_noted_once() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    invite = ann.invite(uses_max=5)
    mallory = Mallory(invite.link)
    ann.receive([mallory.first_contact(payload("first"), index=1)])
    other = IdentityKeys.from_seed(bytes(SEED_BYTES))
    genuine = IdentityKeys.from_seed(MALLORY_SEED)
    mixed = IdentityKeys(
        verify_key=genuine.verify_key,
        identity_key=other.identity_key,
        tie=sign(genuine.signing_seed, tie_message(other.identity_key)),
        signing_seed=genuine.signing_seed,
        identity_private=other.identity_private,
    )
    mallory.keys = mixed
    mallory.bundle = sign_bundle(
        mixed.signing_seed,
        verify_key=mixed.verify_key,
        identity_key=mixed.identity_key,
        prekey=mallory.bundle.prekey,
        kem_key=mallory.bundle.kem_key,
        valid_from=mallory.bundle.valid_from,
        valid_to=mallory.bundle.valid_to,
    )
    before = one_contact(ann, "Mallory")
    ann.receive([mallory.first_contact(payload("other"), index=index) for index in (2, 3)])
    assert ann.dropped() == {"a known key with another identity key": 2}
    assert one_contact(ann, "Mallory") == before
    assert [note.kind for note in notes(ann, "Mallory")] == ["identity changed"]


# --- Notes --------------------------------------------------------------------------------------


def test_of_many_notes_of_a_kind_the_newest_are_kept() -> None:
    ann, _ = acquainted(Clock())
    kept = Notes(Vault(ann.connection).trust, PendingEvents())
    contact = Vault(ann.connection).contacts.contacts()[0].id
    with transaction(ann.connection):
        for number in range(NOTES_OF_KIND_MAX + 5):
            kept.add(contact, "introduced", f"{number}", UnixSeconds(number))
    found = notes(ann, "Bob")
    assert [note.sentence for note in found] == [str(n) for n in range(24, 4, -1)]


def test_who_changes_his_name_again_and_again_takes_no_other_note_away() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    kept = Notes(Vault(ann.connection).trust, PendingEvents())
    contact = Vault(ann.connection).contacts.contacts()[0].id
    with transaction(ann.connection):
        kept.add(contact, "identity changed", "the keys", ann.now.mesh)
    ann.take_events()
    for number in range(3 * NOTES_OF_KIND_MAX):
        bob.ask(ChangeIdentity(f"Robert {number}"))
        bob.send("Ann", "it is me")
        exchange(bob, ann)
        clock.pass_by(3_600)
    found = notes(ann, "Bob")
    assert found[-1].kind == "identity changed"
    assert [note.kind for note in found[:-1]] == ["renamed"] * NOTES_OF_KIND_MAX
    # He did so each hour of two and a half days.
    told = [one.note for one in ann.take_events() if isinstance(one, ContactNoted)]
    assert [one.kind for one in told] == ["renamed"] * 3
    assert "Robert 24 now" in told[1].sentence
    assert one_contact(ann, "Bob").name == f"Robert {3 * NOTES_OF_KIND_MAX - 1}"
