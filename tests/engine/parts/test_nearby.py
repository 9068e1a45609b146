"""People nearby through whole engines: from a card to a contact whom both have verified."""

import pytest

from mesh.commands.contacts import AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.identity import CreateIdentity
from mesh.commands.messages import SendMessage
from mesh.commands.nearby import (
    AskNearby,
    CompareNearby,
    ConfirmNearby,
    NearbyAnswer,
    NearbyPersonAnswer,
    SetNearby,
)
from mesh.errors import UserError
from mesh.events import NearbyChanged
from mesh.inputs import NetworkChanged, VaultClosing, VaultOpened
from mesh.wire.frames import NearbyAsk, NearbyCard, NearbySealed
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, texts


def look(table: Joined, name: str) -> list[NearbyPersonAnswer]:
    answer = table.ask(name, AskNearby())
    assert isinstance(answer, NearbyAnswer)
    # The cards come after the answer; what is told later, a second question shows.
    answer = table.ask(name, AskNearby())
    assert isinstance(answer, NearbyAnswer)
    return answer.people


def switch(table: Joined, *names: str, is_on: bool = True) -> None:
    for name in names:
        answer = table.ask(name, SetNearby(is_on=is_on))
        assert isinstance(answer, NearbyAnswer)
        assert answer.is_on is is_on


def contacts(table: Joined, name: str) -> list[ContactAnswer]:
    answer = table.ask(name, AskContacts())
    assert isinstance(answer, ContactsAnswer)
    return answer.contacts


def pair(seed: int = 1) -> Joined:
    """Ada and Bob, with a link, identities, and both findable."""
    table = Joined("ada", "bob", seed=seed)
    introduce(table, "ada", "bob")
    switch(table, "ada", "bob")
    table.join("ada", "bob")
    return table


def only(table: Joined, name: str) -> NearbyPersonAnswer:
    (person,) = look(table, name)
    return person


def compare(table: Joined, first: str, second: str) -> None:
    table.ask(first, CompareNearby(only(table, first).id))
    assert only(table, second).state == "asked by them"
    table.ask(second, CompareNearby(only(table, second).id))


def agree(table: Joined, *names: str) -> None:
    for name in names:
        table.ask(name, ConfirmNearby(only(table, name).id, is_equal=True))


@pytest.mark.parametrize("first, second", [("ada", "bob"), ("bob", "ada")])
def test_two_who_compare_become_verified_contacts_and_write(first: str, second: str) -> None:
    table = pair()
    compare(table, first, second)
    mine, theirs = only(table, first), only(table, second)
    assert mine.state == theirs.state == "compare"
    assert (len(mine.emoji), len(mine.numbers)) == (7, 3)
    assert (mine.emoji, mine.numbers) == (theirs.emoji, theirs.numbers)
    agree(table, first)
    assert contacts(table, first) == contacts(table, second) == []
    agree(table, second)
    for name, other in ((first, second), (second, first)):
        (contact,) = contacts(table, name)
        assert (contact.label, contact.trust, contact.is_request) == (other, "verified", False)
        person = only(table, name)
        assert (person.state, person.contact) == ("matched", contact.id)
    table.ask(first, SendMessage(second, "Well met."))
    assert texts(table, second) == ["Well met."]
    table.ask(second, SendMessage(first, "And you."))
    assert texts(table, first) == ["Well met.", "And you."]


def test_each_step_is_told_as_it_happens() -> None:
    table = pair()
    compare(table, "ada", "bob")
    agree(table, "ada", "bob")
    told = [event.person for event in table.seats["ada"].events if isinstance(event, NearbyChanged)]
    states = [person.state for person in told]
    assert [
        state for state, after in zip(states, [*states[1:], ""], strict=True) if state != after
    ] == [
        "seen",
        "asked by us",
        "compare",
        "matched",
    ]
    assert told[-1].contact == contacts(table, "ada")[0].id


def test_who_compares_again_with_a_contact_has_them_verified() -> None:
    table = pair()
    befriend(table, "ada", "bob")
    assert [one.trust for one in contacts(table, "ada")] == ["first seen"]
    compare(table, "ada", "bob")
    agree(table, "ada", "bob")
    for name in ("ada", "bob"):
        (contact,) = contacts(table, name)
        assert contact.trust == "verified"
        assert only(table, name).contact == contact.id


def test_a_relay_and_a_node_that_is_locked_or_not_opted_in_answer_alike() -> None:
    table = Joined("relay", "shy", "locked", "open")
    introduce(table, "shy", "locked", "open")
    switch(table, "locked", "open")
    table.seats["locked"].inbox.append(VaultClosing())
    table.run()
    strangers = {name: Stranger(table, name, number=n) for n, name in enumerate(table.seats, 1)}
    heard = {}
    for name, stranger in strangers.items():
        before = len(stranger.heard)
        stranger.send(NearbyAsk(), NearbyCard("Eve", bytes(32)))
        stranger.send(NearbySealed(bytes(32), bytes(32), bytes(99)))
        heard[name] = [type(frame) for frame in stranger.heard[before:]]
        assert stranger.is_open
    assert heard == {"relay": [], "shy": [], "locked": [], "open": [NearbyCard]}


def test_who_is_off_asks_nobody() -> None:
    table = pair()
    switch(table, "ada", is_on=False)
    stranger = Stranger(table, "ada")
    answer = table.ask("ada", AskNearby())
    assert answer == NearbyAnswer(is_on=False, people=[])
    assert not any(isinstance(frame, NearbyAsk) for frame in stranger.heard)
    with pytest.raises(UserError, match="switched off"):
        table.ask("ada", CompareNearby(1))


def test_a_profile_without_an_identity_cannot_be_found() -> None:
    table = Joined("ada")
    with pytest.raises(UserError, match="no identity"):
        table.ask("ada", SetNearby(is_on=True))
    table.ask("ada", CreateIdentity("ada"))
    switch(table, "ada")


def test_that_it_is_on_survives_a_restart_and_a_lock() -> None:
    table = pair()
    table.restart("bob")
    table.run()
    table.join("ada", "bob")
    assert [person.name for person in look(table, "ada")] == ["bob"]
    seat = table.seats["bob"]
    seat.inbox.append(VaultClosing())
    table.run()
    with pytest.raises(UserError, match="locked"):
        table.ask("bob", AskNearby())
    table.pass_time(61)
    card = Stranger(table, "bob")
    card.send(NearbyAsk())
    assert not any(isinstance(frame, NearbyCard) for frame in card.heard)
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    card.send(NearbyAsk())
    assert any(isinstance(frame, NearbyCard) for frame in card.heard)


def test_locking_ends_a_comparison_on_the_other_side_too() -> None:
    table = pair()
    compare(table, "ada", "bob")
    table.seats["bob"].inbox.append(VaultClosing())
    table.run()
    assert only(table, "ada").state == "failed"


def test_a_link_that_ends_in_the_middle_fails_it_and_it_begins_anew_over_the_next() -> None:
    table = pair()
    compare(table, "ada", "bob")
    table.cut("ada", "bob")
    assert [person.state for person in look(table, "ada")] == ["failed"]
    table.join("ada", "bob")
    compare(table, "ada", "bob")
    agree(table, "ada", "bob")
    assert [one.trust for one in contacts(table, "ada")] == ["verified"]


def test_on_another_network_the_card_bears_another_key() -> None:
    table = pair()
    keys = []
    for _ in range(2):
        stranger = Stranger(table, "ada")
        stranger.send(NearbyAsk())
        stranger.send(NearbyAsk())
        found = [frame.key for frame in stranger.heard if isinstance(frame, NearbyCard)]
        assert found[0] == found[1]
        keys.append(found[0])
        table.seats["ada"].inbox.append(NetworkChanged())
        table.run()
    assert keys[0] != keys[1]


def test_a_hostile_card_ends_its_link_only_when_no_node_could_have_sent_it() -> None:
    table = pair()
    stranger = Stranger(table, "ada")
    look(table, "ada")
    stranger.send(NearbyCard("E\u202eve", bytes(range(32))))
    assert stranger.link_id in table.strangers
    assert [person.name for person in look(table, "ada")] == ["bob"]
    table.pass_time(61)
    look(table, "ada")
    stranger.send(NearbyCard("Eve", bytes(32)))
    assert not stranger.is_open
    assert [person.name for person in look(table, "ada")] == ["bob"]


def test_a_man_in_the_middle_is_seen_by_both() -> None:
    for seed in range(1, 6):
        # Ada's link and Bob's end at two nodes of one attacker, each with the other's name.
        table = Joined("ada", "bob", "to ada", "to bob", seed=seed)
        introduce(table, "ada", "bob")
        table.ask("to ada", CreateIdentity("bob"))
        table.ask("to bob", CreateIdentity("ada"))
        switch(table, *table.seats)
        table.join("ada", "to ada")
        table.join("bob", "to bob")
        compare(table, "ada", "to ada")
        compare(table, "to bob", "bob")
        ada, bob = only(table, "ada"), only(table, "bob")
        assert (ada.name, bob.name) == ("bob", "ada")
        assert ada.state == bob.state == "compare"
        assert ada.emoji != bob.emoji
        assert ada.numbers != bob.numbers
