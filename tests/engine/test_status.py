"""The figures of `mesh status` add up."""

from mesh.commands.contacts import AcceptRequest, AddContact, BlockContact, ContactAnswer
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.wire.envelope import STUB_BYTES
from tests.engine.joined import Joined
from tests.engine.test_engine import status


def test_who_waits_apart_is_no_contact_until_let_in() -> None:
    table = Joined("ada", "bob", "cleo")
    for name in ("ada", "bob", "cleo"):
        table.ask(name, CreateIdentity(name.title()))
    invite = table.ask("ada", CreateInvite(uses_max=5))
    assert isinstance(invite, InviteAnswer)
    for guest in ("bob", "cleo"):
        table.join("ada", guest)
        table.ask(guest, AddContact(invite.link))
        table.ask(guest, SendMessage("Ada", "may I?"))
    told = status(table, "ada")
    assert (told.contacts_count, told.requests_count) == (0, 2)
    table.ask("ada", AcceptRequest("Bob"))
    told = status(table, "ada")
    assert (told.contacts_count, told.requests_count) == (1, 1)
    for blocked in ("Bob", "Cleo"):
        table.ask("ada", BlockContact(blocked))
    told = status(table, "ada")
    assert (told.contacts_count, told.requests_count) == (0, 0)


def test_what_came_during_a_block_lies_sealed_in_the_store() -> None:
    table = Joined("ada", "bob")
    for name in ("ada", "bob"):
        table.ask(name, CreateIdentity(name.title()))
    table.join("ada", "bob")
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    table.ask("ada", BlockContact("Bob"))
    for text in ("one", "two"):
        table.ask("bob", SendMessage("Ada", text))
    answer = table.ask("ada", BlockContact("Bob", is_blocked=False))
    assert isinstance(answer, ContactAnswer)
    assert (answer.sealed_count, answer.messages_count) == (2, 0)
    table.ask("ada", BlockContact("Bob", is_blocked=False, opens_sealed=True))
    page = table.ask("ada", AskMessages())
    assert isinstance(page, MessagesAnswer)
    assert [one.text for one in page.messages] == ["one", "two"]


def test_bodies_of_all_groups_and_headers_are_all_that_is_stored() -> None:
    """Also when a body is gone and its header stays, as after a message was read."""
    table = Joined("ada", "relay", "bob")
    for name in ("ada", "bob"):
        table.ask(name, CreateIdentity(name.title()))
    table.join("ada", "relay")
    table.join("relay", "bob")
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    table.ask("bob", SendMessage("Ada", "hello"))
    counts: set[bool] = set()
    for _ in range(2):
        for name in ("ada", "relay", "bob"):
            told = status(table, name)
            assert told.envelopes_count > 0
            assert told.headers_bytes == told.envelopes_count * STUB_BYTES
            bodies_bytes = sum(one.bytes for one in told.carried)
            assert told.stored_bytes == told.headers_bytes + bodies_bytes
            counts.add(sum(one.envelopes_count for one in told.carried) < told.envelopes_count)
        table.pass_time(2 * RETIRE_DELAY_MS[1] / 1_000)
    assert counts == {False, True}
