"""Items between two whole engines: written, changed, taken back, and gone by themselves."""

import pytest

from mesh.commands.conversations import ReadItems
from mesh.commands.item_commands import AskItem, AskItems, ReactToItem, RetractItem, Vote, WriteItem
from mesh.commands.items import ItemAnswer, ItemDetailsAnswer, ItemsAnswer
from mesh.commands.messages import SendMessage
from mesh.events import ItemAdded, ItemChanged, ItemGone
from mesh.inputs import VaultClosing, VaultOpened
from mesh.storage.connection import transaction
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.wire import payload
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, introduce


def two() -> Joined:
    """Two engines whose people have written to each other."""
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    for author, reader in (("ada", "cy"), ("cy", "ada")):
        table.ask(author, SendMessage(reader, "hello"))
        table.pass_time(10)
    return table


def items(table: Joined, name: str, other: str) -> list[ItemAnswer]:
    page = table.ask(name, AskItems(other))
    assert isinstance(page, ItemsAnswer)
    return page.items


def write(table: Joined, author: str, asked: WriteItem) -> ItemAnswer:
    answer = table.ask(author, asked)
    assert isinstance(answer, ItemAnswer)
    table.pass_time(10)
    return answer


def test_a_poll_is_voted_in_by_both_and_taken_back() -> None:
    table = two()
    mine = write(table, "ada", WriteItem("cy", "poll", question="when?", options=("a", "b")))
    theirs = items(table, "cy", "ada")[-1]
    assert theirs.id == mine.id
    table.ask("ada", Vote(mine.number, (0,)))
    table.ask("cy", Vote(theirs.number, (1,)))
    table.ask("cy", ReactToItem(theirs.number, ("+",)))
    table.pass_time(10)
    for name, other in (("ada", "cy"), ("cy", "ada")):
        shown = items(table, name, other)[-1]
        assert shown.poll is not None
        assert [one.count for one in shown.poll.options] == [1, 1]
        assert [one.who for one in shown.reactions] == [["cy"]]
    told = table.seats["ada"].events
    assert any(isinstance(one, ItemAdded) and one.item.id == mine.id for one in told)
    changed = [one.item for one in told if isinstance(one, ItemChanged) and one.item.poll]
    assert changed[-1] == items(table, "ada", "cy")[-1]
    table.ask("ada", RetractItem(mine.number))
    table.pass_time(900)
    assert [one.gone for one in items(table, "cy", "ada")] == ["", "", "retracted"]
    details = table.ask("ada", AskItem(mine.number))
    assert isinstance(details, ItemDetailsAnswer)
    assert details.item.retraction is not None
    assert details.item.retraction.state == "delivered"


def test_a_restart_changes_nothing_that_is_shown() -> None:
    table = two()
    write(table, "ada", WriteItem("cy", "task", title="fix the pump"))
    write(
        table, "cy", WriteItem("ada", text="which one?", reply=items(table, "cy", "ada")[-1].number)
    )
    before = items(table, "ada", "cy"), items(table, "cy", "ada")
    for name in ("ada", "cy"):
        table.restart(name)
        table.run()
    assert (items(table, "ada", "cy"), items(table, "cy", "ada")) == before


def test_what_an_earlier_release_could_not_read_is_read_after_the_upgrade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = two()
    with monkeypatch.context() as before:
        before.delitem(payload._decoders, payload.ENTRIES_VERSION)
        write(table, "ada", WriteItem("cy", text="of a later release"))
        assert [one.text for one in items(table, "cy", "ada")] == ["hello", "hello"]
        # Nothing is lost: the session goes on, and nobody is told that it was opened.
        table.pass_time(900)
        assert items(table, "ada", "cy")[-1].state == "carried"
    assert "DELETE FROM marks" in VAULT_MIGRATIONS[14][-1]
    with transaction(table.seats["cy"].vault):
        table.seats["cy"].vault.execute(VAULT_MIGRATIONS[14][-1])
    table.restart("cy")
    table.run()
    table.pass_time(10)
    assert [one.text for one in items(table, "cy", "ada")] == [
        "hello",
        "hello",
        "of a later release",
    ]


def test_what_has_a_timer_goes_at_its_time_and_not_with_the_next_chores() -> None:
    table = two()
    mine = write(table, "ada", WriteItem("cy", text="for a minute", timer=60))
    theirs = items(table, "cy", "ada")[-1]
    assert theirs.timer == 60
    assert items(table, "ada", "cy")[-1].disappears > 0
    table.pass_time(40)
    assert items(table, "ada", "cy")[-1].text == "for a minute"
    table.pass_time(25)
    assert [one.text for one in items(table, "ada", "cy")] == ["hello", "hello"]
    # Nobody has read it there.
    table.pass_time(500)
    assert items(table, "cy", "ada")[-1].text == "for a minute"
    table.ask("cy", ReadItems("ada", theirs.number))
    table.pass_time(61)
    assert [one.text for one in items(table, "cy", "ada")] == ["hello", "hello"]
    (gone,) = [one for one in table.seats["cy"].events if isinstance(one, ItemGone)]
    assert (gone.number, gone.gone) == (theirs.number, "expired")
    assert mine.id == theirs.id


def test_what_ended_while_the_vault_was_locked_is_gone_when_it_opens() -> None:
    table = two()
    # By then it is known how late it is.
    table.pass_time(3_700)
    write(table, "ada", WriteItem("cy", text="for a minute", timer=60))
    seat = table.seats["ada"]
    seat.inbox.append(VaultClosing())
    table.run()
    table.pass_time(100)
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    table.pass_time(1)
    assert [one.text for one in items(table, "ada", "cy")] == ["hello", "hello"]
