"""A damaged vault of somebody in groups is saved: he is out of them, and is asked in anew."""

from mesh.commands.group_links import CreateGroupLink, GroupLinkAnswer, JoinGroup
from mesh.commands.groups import (
    AcceptGroup,
    InviteToGroup,
    RemoveMember,
    SetGroupReceipts,
    SetMemberRole,
)
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.errors import UserError
from mesh.group.operations import Remove
from mesh.storage.connection import transaction
from mesh.storage.vault.groups import GroupRows
from mesh.storage.vault_saving import make_whole
from tests.messenger.in_groups import crew, inside, member, names_of, settle, told
from tests.messenger.people import Person, copied, exchange
from tests.messenger.test_group_needs import DAY_S, MINUTE_S, pass_by, say, texts_of


def save(person: Person, *lost: str, is_out_of_groups: bool = True) -> None:
    """The vault of somebody is damaged: these statements tell what is lost; the rest is saved."""
    vault = copied(person.connection)
    vault.execute("PRAGMA foreign_keys = OFF").fetchall()
    with transaction(vault):
        for statement in lost:
            vault.execute(statement)
        make_whole(vault, is_out_of_groups=is_out_of_groups)
    vault.execute("PRAGMA foreign_keys = ON").fetchall()
    assert vault.execute("PRAGMA foreign_key_check").fetchall() == []
    person.connection = vault
    person.restart()


def removal_of(person: Person) -> str:
    """A statement that loses the removal that somebody's vault holds."""
    conversation = inside(person).conversation
    (row,) = [
        row
        for row in GroupRows(person.connection).operations(conversation)
        if isinstance(row.operation.action, Remove)
    ]
    return f"DELETE FROM group_operations WHERE number = {row.number}"


def without_dan() -> tuple[Person, Person, Person, Person]:
    """Ann removed Dan, and only he has not heard of it."""
    ann, bob, cem, dan = crew("Ann", "Bob", "Cem", "Dan")
    say(bob, "Before")
    exchange(ann, bob, cem, dan)
    ann.ask(RemoveMember("Crew", member(ann, "Dan").member))
    settle(ann, bob, cem)
    say(bob, "Between")
    exchange(ann, bob, cem)
    pass_by(ann, bob, cem, seconds=MINUTE_S)
    return ann, bob, cem, dan


def refuses_to_write(person: Person) -> bool:
    try:
        person.ask(WriteItem(inside(person).conversation, text="After it"))
    except UserError:
        return True
    return False


def reads_again(*, is_out_of_groups: bool) -> bool:
    """Bob lost that Dan was removed: return whether Dan reads what Bob writes then."""
    _, bob, _, dan = without_dan()
    dan_key = bytes(inside(dan).me)
    save(bob, removal_of(bob), is_out_of_groups=is_out_of_groups)
    assert dan_key in inside(bob).members
    refuses_to_write(bob)
    pass_by(bob, dan, seconds=2 * DAY_S, step=3_600)
    return "After it" in texts_of(dan)


def test_a_lost_removal_lets_nobody_read_again() -> None:
    """If Bob went on in the group, as if nothing were lost, he would write to him."""
    assert not reads_again(is_out_of_groups=True)
    assert reads_again(is_out_of_groups=False)


def test_nothing_leaves_a_group_of_a_saved_vault() -> None:
    """Texts that were read stay, and neither keys nor words nor receipts go out of it any more."""
    ann, bob, cem, dan = without_dan()
    say(cem, "To Bob")
    save(bob, removal_of(bob))
    bob.receive(list(cem.store.envelopes.values()))
    came = len(bob.store.envelopes)
    assert told(bob).state == "left"
    assert {"Before", "Between"} <= set(texts_of(bob))
    assert refuses_to_write(bob)
    pass_by(bob, seconds=2 * DAY_S, step=3_600)
    group = inside(bob)
    assert (group.epochs, group.chosen(), group.is_in) == ([], None, False)
    # Sessions begin anew with contacts, by one envelope each; of the group nothing is posted.
    assert len(bob.store.envelopes) - came <= 3
    for one in (ann, cem, dan):
        one.receive(list(bob.store.envelopes.values()))
        assert "After it" not in texts_of(one)
    assert "To Bob" not in texts_of(bob)


def test_who_was_saved_is_asked_in_anew() -> None:
    """He is removed as who he was, comes in as somebody new, and reads on; what he read before
    stands there once, with what he wrote.
    """
    ann, bob, cem, _ = without_dan()
    bob.ask(SetGroupReceipts("Crew", "nothing"))
    before = inside(bob).me
    save(bob, removal_of(bob))
    settle(ann, bob, cem)
    pass_by(ann, bob, cem, seconds=10 * MINUTE_S)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, bob, cem)
    assert told(bob).state == "left"
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob, cem)
    bob.ask(AcceptGroup("Crew"))
    settle(ann, bob, cem)
    assert told(bob).state == "in"
    assert inside(bob).me != before
    assert names_of(bob) == names_of(ann)
    assert told(bob).tells == "nothing"
    say(bob, "Back")
    say(ann, "Welcome")
    exchange(ann, bob, cem)
    pass_by(ann, bob, cem, seconds=MINUTE_S)
    for one in (ann, bob, cem):
        assert {"Back", "Welcome"} <= set(texts_of(one))
    assert texts_of(bob).count("Before") == 1


def test_an_owner_comes_in_anew_by_a_link() -> None:
    """Nobody can remove an owner, so who she was stays in the list, and she is a member besides."""
    ann, bob, cem, _ = without_dan()
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(ann, bob, cem)
    save(ann, removal_of(ann))
    settle(ann, bob, cem)
    link = bob.ask(CreateGroupLink("Crew"))
    assert isinstance(link, GroupLinkAnswer)
    ann.ask(JoinGroup(link.link))
    pass_by(ann, bob, cem, seconds=10 * MINUTE_S)
    assert told(ann).state == "in"
    assert names_of(ann).count("Ann") == 2
    say(ann, "Back")
    exchange(ann, bob, cem)
    pass_by(ann, bob, cem, seconds=MINUTE_S)
    assert "Back" in texts_of(bob)


def test_who_was_just_asked_in_may_still_come() -> None:
    """Nothing of a group was there yet when its invite was saved, so nothing of it is lost."""
    ann, bob, eve = crew("Ann", "Bob", others=("Eve",))
    ann.ask(InviteToGroup("Crew", ("Eve",)))
    settle(ann, bob, eve)
    save(eve)
    assert told(eve).state == "invited"
    settle(ann, bob, eve)
    pass_by(ann, bob, eve, seconds=10 * MINUTE_S)
    eve.ask(AcceptGroup("Crew"))
    settle(ann, bob, eve)
    assert told(eve).state == "in"


def test_words_that_were_never_sent_are_told_as_that() -> None:
    """A text that waited for keys when the vault was saved expires, and nobody had it."""
    _, bob, _, _ = without_dan()
    waiting = bob.ask(WriteItem(inside(bob).conversation, text="Unsent"))
    assert isinstance(waiting, ItemAnswer)
    unsealed = f"UPDATE entries SET state = 'waiting-for-keys' WHERE number = {waiting.number}"
    save(bob, removal_of(bob), unsealed, f"DELETE FROM outbox WHERE message = {waiting.number}")
    query = "SELECT state FROM entries WHERE number = ?"
    assert bob.connection.execute(query, (waiting.number,)).fetchall() == [("expired",)]


def test_groups_go_on_where_nothing_of_them_is_lost() -> None:
    """He lost what stands apart from groups, and writes there as ever."""
    ann, bob, cem, _ = without_dan()
    save(bob, is_out_of_groups=False)
    settle(ann, bob, cem)
    assert told(bob).state == "in"
    say(bob, "After it")
    exchange(ann, bob, cem)
    assert "After it" in texts_of(ann)
