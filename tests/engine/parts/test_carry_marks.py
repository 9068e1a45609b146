"""Messages that went out by hand say so, and a file may hold what is for one person alone."""

import pytest

from mesh.commands.carry import AskMailFor, MailForAnswer
from mesh.commands.contacts import RemoveContact
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.errors import UserError
from mesh.events import MessageStateChanged
from mesh.inputs import VaultClosing, VaultOpened
from tests.engine.by_hand import exported, imported
from tests.engine.joined import START_US, Joined
from tests.engine.parts.test_carry import block, bring, envelope, held
from tests.engine.test_engine import befriend, introduce, texts

NOW = START_US // 1_000_000


def messages(table: Joined, name: str) -> list[MessageAnswer]:
    answer = table.ask(name, AskMessages(limit=100))
    assert isinstance(answer, MessagesAnswer)
    return answer.messages


def marks(table: Joined, name: str) -> dict[str, int]:
    """The moments at which messages of a node were written into a file, by their texts."""
    return {one.text: one.exported for one in messages(table, name)}


def told(table: Joined, name: str) -> list[tuple[str, str, int]]:
    """All that a person was told of messages since the last call."""
    events, table.seats[name].events[:] = list(table.seats[name].events), []
    changed = [event.message for event in events if isinstance(event, MessageStateChanged)]
    return [(one.text, one.state, one.exported) for one in changed]


def mail_for(table: Joined, name: str, contact: str) -> MailForAnswer:
    answer = table.ask(name, AskMailFor(contact))
    assert isinstance(answer, MailForAnswer)
    return answer


def bring_file(table: Joined, name: str, data: bytes) -> None:
    """Import a file, and let pass what backlog waits for its order."""
    imported(table, name, data)
    table.pass_time(10)


def acquainted() -> Joined:
    """Ada is a contact of Ben and Cy, who each know her alone; nobody is linked."""
    table = Joined("ada", "ben", "cy")
    introduce(table, "ada", "ben", "cy")
    for host in ("ben", "cy"):
        befriend(table, host, "ada")
    for number in range(3):
        bring(table, "ada", block(envelope(number)))
    return table


def test_what_is_in_a_file_says_since_when() -> None:
    table = acquainted()
    table.ask("ada", SendMessage("ben", "one"))
    table.ask("ada", SendMessage("cy", "two"))
    told(table, "ada")
    data = exported(table, "ada")
    first = table.now_us // 1_000_000 + NOW
    assert marks(table, "ada") == {"one": first, "two": first}
    assert sorted(told(table, "ada")) == [("one", "queued", first), ("two", "queued", first)]
    table.pass_time(3_600)
    table.ask("ada", SendMessage("ben", "three"))
    exported(table, "ada")
    later = table.now_us // 1_000_000 + NOW
    assert marks(table, "ada") == {"one": first, "two": first, "three": later}
    assert [one for one in told(table, "ada") if one[2]] == [("three", "queued", later)]
    # Where it has arrived, who carried it is of no interest any more.
    bring_file(table, "ben", data)
    table.ask("ben", SendMessage("ada", "it came"))
    bring_file(table, "ada", exported(table, "ben"))
    assert marks(table, "ada")["one"] == 0
    assert marks(table, "ben")["one"] == 0


def test_what_goes_out_while_the_vault_is_closed_is_noted_when_it_opens() -> None:
    table = acquainted()
    table.ask("ada", SendMessage("ben", "one"))
    table.seats["ada"].inbox.append(VaultClosing())
    table.run()
    open_, locked = exported(table, "ada"), table.now_us // 1_000_000 + NOW
    assert exported(table, "ada") == open_
    table.pass_time(7_200)
    told(table, "ada")
    table.seats["ada"].inbox.append(VaultOpened(table.seats["ada"].vault))
    table.run()
    assert marks(table, "ada") == {"one": locked}
    assert ("one", "queued", locked) in told(table, "ada")


def test_a_file_for_one_person_holds_all_that_is_theirs_and_nothing_else() -> None:
    table = acquainted()
    table.ask("ada", SendMessage("ben", "for Ben"))
    table.ask("ada", SendMessage("cy", "for Cy"))
    mail = mail_for(table, "ada", "ben")
    data = exported(table, "ada", only=mail.ids)
    # The greeting and the message, of which nothing else bears the name.
    assert len(held(data, table)) == len(mail.ids) == 2
    assert sum(map(len, held(data, table))) == mail.stored_bytes
    assert set(held(data, table)) < set(held(exported(table, "ada"), table))
    bring_file(table, "cy", data)
    assert texts(table, "cy") == []
    bring_file(table, "ben", data)
    assert texts(table, "ben") == ["for Ben"]


def test_only_what_went_into_the_file_is_marked() -> None:
    table = acquainted()
    table.ask("ada", SendMessage("ben", "for Ben"))
    table.ask("ada", SendMessage("cy", "for Cy"))
    exported(table, "ada", only=mail_for(table, "ada", "ben").ids)
    assert marks(table, "ada")["for Ben"] > 0
    assert marks(table, "ada")["for Cy"] == 0


def test_a_greeting_alone_is_theirs_too() -> None:
    table = acquainted()
    data = exported(table, "ada", only=mail_for(table, "ada", "ben").ids)
    bring_file(table, "ben", data)
    table.ask("ben", SendMessage("ada", "you came by stick"))
    assert texts(table, "ben") == ["you came by stick"]


def test_for_whom_nothing_is_on_its_way_there_is_no_file() -> None:
    table = acquainted()
    with pytest.raises(UserError, match="no contact") as unknown:
        mail_for(table, "ada", "dan")
    assert unknown.value.kind == "not-found"
    bring_file(table, "ben", exported(table, "ada"))
    table.ask("ben", SendMessage("ada", "hello"))
    bring_file(table, "ada", exported(table, "ben"))
    table.pass_days(40)
    with pytest.raises(UserError, match="Nothing that you wrote to ben") as nothing:
        mail_for(table, "ada", "ben")
    assert nothing.value.kind == "nothing-to-carry"
    table.seats["ada"].inbox.append(VaultClosing())
    table.run()
    with pytest.raises(UserError) as locked:
        mail_for(table, "ada", "cy")
    assert locked.value.kind == "locked"


def test_what_was_for_a_contact_who_is_gone_is_for_nobody() -> None:
    table = acquainted()
    ids = mail_for(table, "ada", "ben").ids
    table.ask("ada", RemoveContact("ben"))
    assert len(mail_for(table, "ada", "cy").ids & ids) == 0
    assert len(held(exported(table, "ada"), table)) == 3 + len(ids) + 1
