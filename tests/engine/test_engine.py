"""Engines joined in memory: from an invite on one to a message on the other, through strangers."""

import pytest

from mesh.commands.contacts import AddContact, AskContacts, ContactsAnswer
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer, RemovePeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.events import LinkClosed, LinkOpened, MessageReceived, VaultUnlocked
from mesh.ids import Address, Instant, LinkId, Monotonic
from mesh.inputs import BytesReceived, Connected, VaultClosing, VaultOpened
from mesh.limits.retirements import RETIREMENTS_GATHERED_MS
from mesh.wire.parameters import MeshParameters
from tests.engine.joined import START_US, TEST_MESH, Joined


def befriend(table: Joined, inviter: str, guest: str) -> None:
    """The guest adds the inviter's link."""
    invite = table.ask(inviter, CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask(guest, AddContact(invite.link))


def introduce(table: Joined, *names: str) -> None:
    for name in names:
        table.ask(name, CreateIdentity(name))


def texts(table: Joined, name: str, contact: str = "") -> list[str]:
    answer = table.ask(name, AskMessages(contact=contact, limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    return [message.text for message in answer.messages]


def status(table: Joined, name: str) -> StatusAnswer:
    answer = table.ask(name, AskStatus())
    assert isinstance(answer, StatusAnswer)
    return answer


def chain(parameters: MeshParameters = TEST_MESH) -> Joined:
    """Ada - relay - Cy, with Ada's invite added by Cy."""
    table = Joined("ada", "relay", "cy", parameters=parameters)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "relay")
    table.join("relay", "cy")
    return table


def test_a_first_message_and_its_answer_go_through_a_stranger() -> None:
    table = chain()
    table.ask("cy", SendMessage("ada", "Is the bridge open?"))
    assert texts(table, "ada") == ["Is the bridge open?"]
    table.ask("ada", SendMessage("cy", "It is."))
    assert texts(table, "cy") == ["Is the bridge open?", "It is."]
    received = [e for e in table.seats["ada"].events if isinstance(e, MessageReceived)]
    assert [event.message.text for event in received] == ["Is the bridge open?"]


def test_a_message_is_carried_only_when_a_peer_has_said_so() -> None:
    table = Joined("ada", "relay", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    sent = table.ask("cy", SendMessage("ada", "Alone."))
    assert isinstance(sent, MessageAnswer)
    assert (sent.state, sent.carriers) == ("queued", 0)
    table.join("cy", "relay")
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    answer = table.ask("cy", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    assert (answer.messages[0].state, answer.messages[0].carriers) == ("carried", 1)


def test_mail_waits_with_a_stranger_while_its_reader_is_off_and_its_writer_goes() -> None:
    table = chain()
    table.ask("cy", SendMessage("ada", "Hello."))
    table.stop("cy")
    table.ask("ada", SendMessage("cy", "While you were away."))
    table.stop("ada")
    table.restart("cy")
    table.join("cy", "relay")
    assert texts(table, "cy") == ["Hello.", "While you were away."]


def test_after_a_cut_both_sides_have_everything_once() -> None:
    table = chain()
    table.ask("cy", SendMessage("ada", "0"))
    table.cut("relay", "cy")
    for number in range(1, 8):
        table.ask("ada", SendMessage("cy", f"a{number}"))
        table.ask("cy", SendMessage("ada", f"c{number}"))
    assert len(texts(table, "ada")) == 8
    table.join("cy", "relay")
    assert len(texts(table, "ada")) == 15
    assert texts(table, "ada", "cy") == texts(table, "cy", "ada"), "one order on both sides"


def test_a_relay_holds_no_plaintext_no_name_and_no_identity_key() -> None:
    table = Joined("Adalbertine", "relay", "Cyprianus")
    introduce(table, "Adalbertine", "Cyprianus")
    befriend(table, "Adalbertine", "Cyprianus")
    wire: list[bytes] = []
    table.on_bytes = lambda sender, receiver, data: wire.append(data)
    table.join("Adalbertine", "relay")
    table.join("relay", "Cyprianus")
    table.ask("Cyprianus", SendMessage("Adalbertine", "planted-marker"))
    assert texts(table, "Adalbertine") == ["planted-marker"]
    contacts = table.ask("Cyprianus", AskContacts())
    assert isinstance(contacts, ContactsAnswer)
    secrets = [
        b"planted-marker",
        b"Adalbertine",
        b"Cyprianus",
        bytes.fromhex(contacts.contacts[0].key),
    ]
    rows = repr(
        [
            table.seats["relay"].store.execute(f"SELECT * FROM {name}").fetchall()
            for (name,) in table.seats["relay"]
            .store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetchall()
        ]
    )
    for secret in secrets:
        assert repr(secret)[2:-1] not in rows
        assert not any(secret in data for data in wire)
    mine = table.seats["Cyprianus"].vault.execute("SELECT text FROM texts").fetchall()
    assert "planted-marker" in repr(mine), "the search finds what is there"


@pytest.mark.parametrize("who", ["ada", "relay", "cy"])
def test_a_crash_between_two_batches_loses_nothing_that_was_told_stored(who: str) -> None:
    table = chain()
    for number in range(5):
        table.ask("cy", SendMessage("ada", f"c{number}", idempotency_key=f"key {number}"))
        table.restart(who)
        table.run()
        table.join("ada", "relay")
        table.join("relay", "cy")
        table.ask("cy", SendMessage("ada", f"c{number}", idempotency_key=f"key {number}"))
    assert texts(table, "ada") == [f"c{number}" for number in range(5)]
    assert texts(table, "cy") == texts(table, "ada")


def test_mail_that_came_while_the_vault_was_locked_is_opened_at_unlock() -> None:
    table = chain()
    table.ask("cy", SendMessage("ada", "one"))
    seat = table.seats["ada"]
    seat.inbox.append(VaultClosing())
    table.run()
    table.ask("cy", SendMessage("ada", "two"))
    with pytest.raises(UserError, match="locked"):
        table.ask("ada", AskMessages())
    assert status(table, "ada").vault == "locked"
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    assert texts(table, "ada") == ["one", "two"]


def test_two_links_between_the_same_two_nodes_become_one() -> None:
    table = Joined("ada", "bob")
    table.join("ada", "bob")
    table.join("bob", "ada")
    assert status(table, "ada").links_count == 1
    assert status(table, "bob").links_count == 1
    table.join("ada", "bob")
    assert status(table, "ada").links_count == 1


def test_a_node_that_dials_itself_drops_the_link() -> None:
    table = Joined("ada")
    table.join("ada", "ada")
    assert status(table, "ada").links_count == 0
    assert table.seats["ada"].streams == {}


def test_an_outsider_of_a_closed_mesh_gets_silence_and_is_counted() -> None:
    table = Joined("ada")
    seat = table.seats["ada"]
    spoken: list[bytes] = []
    table.on_bytes = lambda sender, receiver, data: spoken.append(data)
    seat.streams[LinkId(900)] = ("ada", LinkId(901))
    seat.inbox += [
        Connected(LinkId(900), None, Address("10.0.0.66", 1)),
        BytesReceived(LinkId(900), bytes([4, 224]) + bytes(1248)),
    ]
    table.run()
    assert spoken == []
    assert status(table, "ada").counters["links_faulted"] == 1


def test_over_its_quota_a_node_drops_strangers_mail_first_and_never_its_own() -> None:
    table = Joined("ada", "cy")
    table.sit("box", stored_bytes_max=64 * 1024)
    introduce(table, "ada", "cy", "box")
    befriend(table, "ada", "cy")
    befriend(table, "ada", "box")
    table.join("ada", "box")
    table.ask("box", SendMessage("ada", "mine"))
    table.join("cy", "box")
    for number in range(40):
        table.ask("cy", SendMessage("ada", f"flood {number}"))
    box = status(table, "box")
    assert box.stored_bytes <= 64 * 1024
    assert box.counters["evicted"] > 0
    assert "mine" in texts(table, "box")
    assert len(texts(table, "ada", "cy")) == 40


def test_links_open_and_close_with_an_event_each() -> None:
    table = Joined("ada", "bob")
    table.join("ada", "bob")
    table.cut("ada", "bob")
    kinds = [type(event) for event in table.seats["ada"].events]
    assert kinds == [VaultUnlocked, LinkOpened, LinkClosed]


def test_a_configured_peer_is_dialled_now_and_after_a_restart() -> None:
    table = Joined("ada", "bob")
    table.ask("ada", AddPeer(str(table.seats["bob"].address)))
    table.run()
    assert status(table, "ada").links_count == 1
    table.restart("ada")
    table.pass_time(1)
    peers = table.ask("ada", AskPeers())
    assert isinstance(peers, PeersAnswer)
    assert [(peer.state, peer.is_configured) for peer in peers.peers] == [("linked", True)]
    table.ask("ada", RemovePeer(str(table.seats["bob"].address)))
    with pytest.raises(UserError, match="not a configured peer"):
        table.ask("ada", RemovePeer(str(table.seats["bob"].address)))


def test_an_idle_link_lives_on_and_a_clock_ten_years_off_does_not_matter() -> None:
    table = Joined("ada")
    table.sit("bob", wall_offset_us=-10 * 365 * 86_400 * 1_000_000)
    introduce(table, "ada", "bob")
    befriend(table, "ada", "bob")
    table.join("ada", "bob")
    table.pass_time(600)
    assert status(table, "ada").links_count == 1
    table.ask("bob", SendMessage("ada", "from the past"))
    table.ask("ada", SendMessage("bob", "from today"))
    assert texts(table, "ada") == ["from the past", "from today"]
    assert texts(table, "bob") == ["from the past", "from today"]


def test_at_midnight_link_keys_change_and_links_come_back() -> None:
    table = Joined("ada", "bob")
    table.ask("ada", AddPeer(str(table.seats["bob"].address)))
    table.run()
    table.pass_time(86_400 + 60)
    assert status(table, "ada").links_count == 1
    assert status(table, "ada").counters["links_opened"] == 2


def test_an_engine_names_a_deadline_only_when_it_wants_something() -> None:
    table = Joined("ada")
    deadline = table.seats["ada"].engine.deadline()
    assert deadline is not None
    assert deadline > 0
    assert table.seats["ada"].engine.handle([], Instant(Monotonic(1), START_US)) == []


def test_the_bytes_of_a_message_stay_in_the_vault_until_somebody_else_holds_it() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.ask("cy", SendMessage("ada", "once"))
    vault = table.seats["cy"].vault
    kept = "SELECT COUNT(*) FROM outbox WHERE message IS NOT NULL AND data IS NOT NULL"
    assert vault.execute(kept).fetchone() == (1,)
    assert (table.seats["cy"].engine.deadline() or 0) > 0, "nothing is due"
    table.restart("cy")
    table.join("ada", "cy")
    assert texts(table, "ada") == ["once"]
    assert vault.execute(kept).fetchone() == (0,)


def test_the_address_in_an_invite_is_dialled_when_it_is_added() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    hint = str(table.seats["ada"].address)
    invite = table.ask("ada", CreateInvite(address_hint=hint))
    assert isinstance(invite, InviteAnswer)
    table.ask("cy", AddContact(invite.link))
    table.run()
    assert status(table, "cy").links_count == 1
