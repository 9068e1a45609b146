"""People who are out of a group by what is here, and in by what is still to come."""

from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    InviteToGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.messenger.sessions.tag_index import OfEntrance, Owner
from mesh.wire.envelope import Envelope
from tests.messenger.in_groups import (
    crew,
    epoch_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Person, exchange, exchange_tokens

DAY_S = 86_400


def crew_with_an_admin() -> list[Person]:
    """Ann, who made the group, and Yan, an admin; Bob knows both, and is asked by nobody yet."""
    people = crew("Ann", "Yan", others=("Bob",))
    ann = people[0]
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "admin"))
    settle(*people)
    return people


def is_letter(owner: Owner) -> bool:
    return isinstance(owner, OfEntrance)


def test_a_welcome_is_taken_by_who_was_removed_by_somebody_whose_word_does_not_count() -> None:
    ann, yan, bob = crew_with_an_admin()
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, yan, bob)
    bob.ask(AcceptGroup("Crew"))
    words_to_ann = bob.post()
    yan.ask(InviteToGroup("Crew", ("Bob",)))
    settle(yan, bob)
    bob.ask(AcceptGroup("Crew"))
    # To Ann he is nobody yet. Yan lets him in and throws him out, and is no admin any more.
    yan.receive(bob.post())
    settle(yan, bob)
    assert told(bob).state == "in"
    yan.ask(RemoveMember("Crew", member(yan, "Bob").member))
    settle(yan, bob)
    assert told(bob).state == "removed"
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "member"))
    ann.post()
    ann.receive(words_to_ann)
    assert names_of(ann) == ["Ann", "Yan", "Bob"]
    # What Ann's node says to him by their session is all that comes to him of it.
    settle(ann, bob)
    assert told(bob).state == "in"
    assert epoch_of(bob) == epoch_of(ann) is not None


def test_a_letter_at_the_entrance_is_read_by_who_was_removed_and_has_no_keys_any_more() -> None:
    ann, yan, bob = crew_with_an_admin()
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, yan, bob)
    bob.ask(AcceptGroup("Crew"))
    ann.receive(bob.post())
    ann.clock.pass_by(3_600)
    exchange_tokens(ann, bob)
    welcome = ann.post()
    for person in (yan, bob):
        person.receive(welcome)
    # Ann is alone from here on, and hears nothing of Bob.
    settle(yan, bob)
    assert told(bob).state == "in"
    yan.ask(RemoveMember("Crew", member(yan, "Bob").member))
    settle(yan, bob)
    assert told(bob).state == "removed"
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "member"))
    # To Ann he is in, and silent: she writes to his entrance, for the first time in vain.
    for _ in range(3):
        ann.clock.pass_by(4 * DAY_S)
        bob.tend()
        ann.post()
        ann.tend()
    assert inside(bob).epochs == []
    bob.restart()
    posted = ann.post()
    find = bob.messenger.parts.tag_index.find
    letters = [each for each in posted if (found := find(each.header.tag)) and is_letter(found[0])]
    assert len(letters) == 1
    bob.receive(letters)
    # The cleanup of what a removed one holds leaves him the keys that came just now.
    bob.tend()
    bob.receive([each for each in posted if each not in letters])
    settle(ann, bob)
    assert told(bob).state == "in"
    assert epoch_of(bob) == epoch_of(ann) is not None
    exchange(ann, yan, bob)
    settle(ann, yan, bob)
    assert names_of(ann) == names_of(yan) == ["Ann", "Yan", "Bob"]


def asked_by_who_is_removed_meanwhile() -> tuple[list[Person], list[Envelope]]:
    """Dan asked Bob in, and is removed by Yan, whom Ann made no admin any more; and Ann's word,
    which is still to come to Dan.
    """
    people = crew("Ann", "Yan", "Dan", others=("Bob",))
    ann, yan, dan, bob = people
    ann.ask(ChangeGroup("Crew", add="members"))
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "admin"))
    settle(*people)
    dan.ask(InviteToGroup("Crew", ("Bob",)))
    settle(*people)
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "member"))
    word = list(ann.post())
    yan.ask(RemoveMember("Crew", member(yan, "Dan").member))
    settle(yan, dan)
    assert told(dan).state == "removed"
    bob.ask(AcceptGroup("Crew"))
    dan.receive(bob.post())
    assert told(dan).invited == ["Bob"]
    return people, word


def test_who_accepts_is_added_by_who_asked_him_once_it_shows_that_he_may() -> None:
    people, word = asked_by_who_is_removed_meanwhile()
    ann, _, dan, bob = people
    dan.tend()
    dan.restart()
    dan.receive(word)
    settle(ann, dan, bob)
    assert told(dan).state == told(bob).state == "in"
    assert told(dan).invited == []
    assert sorted(names_of(ann)) == sorted(names_of(bob)) == ["Ann", "Bob", "Dan", "Yan"]
    assert accepts_of(dan) == 0


def test_the_word_of_who_accepts_is_kept_no_longer_than_he_is_asked() -> None:
    people, word = asked_by_who_is_removed_meanwhile()
    ann, _, dan, bob = people
    assert accepts_of(dan) == 1
    dan.clock.pass_by(31 * DAY_S)
    dan.tend()
    assert accepts_of(dan) == 0
    dan.receive(word)
    settle(ann, dan, bob)
    assert told(bob).state == "joining"


def accepts_of(person: Person) -> int:
    return len(person.connection.execute("SELECT * FROM group_accepts").fetchall())
