"""Vaults put back many times on both sides: the last session that both have is found in a week."""

import pytest

from mesh.commands.contacts import AddContact, RenewSession
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.database import Connection
from tests.engine.joined import Joined
from tests.messenger.people import copied

NAMES = {"ada": "Bob", "bob": "Ada"}
"""The seats, and how each calls the other one."""


def texts(table: Joined, name: str) -> list[str]:
    answer = table.ask(name, AskMessages(NAMES[name], limit=200))
    assert isinstance(answer, MessagesAnswer)
    return [message.text for message in answer.messages if not message.is_mine]


def seated(vaults: dict[str, Connection], *, seed: int, now_us: int) -> Joined:
    """Two nodes with these vaults; their stores are lost, so no tag that was used tells of it."""
    table = Joined(*NAMES, seed=seed)
    table.now_us = now_us
    for name, vault in vaults.items():
        table.seats[name].vault = copied(vault)
        table.restart(name)
    table.join("ada", "bob")
    return table


def acquainted() -> Joined:
    table = Joined(*NAMES)
    for name in NAMES:
        table.ask(name, CreateIdentity(name.title()))
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    table.join("ada", "bob")
    table.ask("bob", SendMessage("Ada", "the last that both have"))
    table.ask("ada", SendMessage("Bob", "and the answer"))
    table.pass_time(5)
    return table


def put_back_both_ways(count: int) -> Joined:
    """Two who have one session in common, and each as many with vaults that are gone."""
    table = acquainted()
    common = {name: copied(table.seats[name].vault) for name in NAMES}
    kept, seed = {}, 1
    for name in NAMES:
        vaults = dict(common)
        for _ in range(count):
            seed += 1
            table = seated(vaults, seed=seed, now_us=table.now_us)
            table.ask(name, RenewSession(NAMES[name]))
            table.pass_time(600)
            vaults[name] = copied(table.seats[name].vault)
        kept[name] = vaults[name]
    return seated(kept, seed=seed + 1, now_us=table.now_us)


@pytest.mark.parametrize("count", [1, 6, 9])
def test_the_last_session_that_both_have_is_found_within_a_week(count: int) -> None:
    table = put_back_both_ways(count)
    for name, other in NAMES.items():
        table.ask(name, SendMessage(other, "into the void"))
    table.pass_time(600)
    assert "into the void" not in (*texts(table, "ada"), *texts(table, "bob"))
    # Neither writes anything more, and no mail has lapsed when they have found each other.
    for _ in range(7):
        table.pass_days(1)
        # Links do not outlive an hour in which nobody calls the engines.
        table.join("ada", "bob")
    for name, other in NAMES.items():
        table.ask(name, SendMessage(other, "found"))
    table.pass_time(5)
    assert "found" in texts(table, "ada")
    assert "found" in texts(table, "bob")


def test_who_is_only_away_is_sent_no_more_than_one_hello_by_each_session() -> None:
    table = put_back_both_ways(6)
    table.stop("bob")
    before = ways_used(table)
    for day in range(7):
        table.ask("ada", SendMessage("Bob", f"day {day}"))
        table.pass_days(1)
    assert 1 <= ways_used(table) - before <= 7


def ways_used(table: Joined) -> int:
    """Return how many tags of all sessions Ada has used to find Bob."""
    rows = table.seats["ada"].vault.execute("SELECT sum(rendezvous_count) FROM sessions")
    ((count,),) = rows.fetchall()
    assert isinstance(count, int)
    return count
