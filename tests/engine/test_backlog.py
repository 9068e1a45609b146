"""Mail that waited is shown in the order in which it was written, and what is known is said."""

from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.events import MessageReceived, MessageStateChanged
from mesh.ids import EnvelopeId
from mesh.inputs import VaultClosing, VaultOpened
from mesh.limits.engine import BACKLOG_QUIET_MS, BACKLOG_WAIT_MS_MAX
from mesh.limits.peering import WHO_INTERVAL_MS
from mesh.limits.replication import HELD_GATHERED_MS
from mesh.limits.retirements import RETIREMENTS_GATHERED_MS
from mesh.wire.frames import FLAG_BACKLOG, IHave, join_entries
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, chain, introduce

COUNT = 20
WRITTEN = [f"{number}" for number in range(COUNT)]
QUIET_S = BACKLOG_QUIET_MS / 1000


def received(table: Joined, name: str) -> list[MessageAnswer]:
    events = table.seats[name].events
    return [event.message for event in events if isinstance(event, MessageReceived)]


def cut_and_written(table: Joined) -> None:
    """Ada writes to Cy, who is cut off."""
    table.ask("cy", SendMessage("ada", "hello"))
    table.ask("ada", SendMessage("cy", "hello too"))
    table.cut("relay", "cy")
    table.seats["cy"].events.clear()
    for text in WRITTEN:
        table.ask("ada", SendMessage("cy", text))
        table.pass_time(0.1)


def states(table: Joined, name: str) -> dict[str, tuple[str, int]]:
    answer = table.ask(name, AskMessages(limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    return {one.text: (one.state, one.carriers) for one in answer.messages if one.is_mine}


def test_a_healed_backlog_is_numbered_and_told_in_order_without_gaps() -> None:
    table = chain()
    cut_and_written(table)
    table.join("cy", "relay", is_awaited=False)
    table.pass_time(QUIET_S)
    told = received(table, "cy")
    assert [message.text for message in told] == WRITTEN
    assert [message.missing_count for message in told] == [0] * COUNT
    answer = table.ask("cy", AskMessages(after=1, limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    assert [message.text for message in answer.messages if not message.is_mine][1:] == WRITTEN


def test_a_backlog_that_a_relay_fetches_itself_is_told_in_order() -> None:
    table = Joined("ada", "near", "far", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    for left, right in (("ada", "near"), ("near", "far"), ("far", "cy")):
        table.join(left, right)
    table.ask("cy", SendMessage("ada", "hello"))
    table.cut("near", "far")
    for text in WRITTEN:
        table.ask("ada", SendMessage("cy", text))
    table.join("near", "far", is_awaited=False)
    table.pass_time(2 * QUIET_S)
    assert [message.text for message in received(table, "cy")] == WRITTEN
    assert all(message.missing_count == 0 for message in received(table, "cy"))


def test_what_came_while_the_vault_was_closed_is_told_in_order() -> None:
    table = chain()
    cut_and_written(table)
    cy = table.seats["cy"]
    cy.inbox.append(VaultClosing())
    table.join("cy", "relay", is_awaited=False)
    table.pass_time(QUIET_S)
    assert received(table, "cy") == []
    cy.inbox.append(VaultOpened(cy.vault))
    table.run()
    assert [message.text for message in received(table, "cy")] == WRITTEN


def test_a_crash_or_a_lock_while_a_backlog_waits_loses_nothing() -> None:
    for is_crash in (True, False):
        table = chain()
        cut_and_written(table)
        table.join("cy", "relay", is_awaited=False)
        assert received(table, "cy") == [], "it waits"
        if is_crash:
            table.restart("cy")
        else:
            cy = table.seats["cy"]
            cy.inbox += [VaultClosing(), VaultOpened(cy.vault)]
        table.pass_time(QUIET_S)
        assert [message.text for message in received(table, "cy")] == WRITTEN


def test_a_peer_that_holds_its_backlog_back_delays_the_rest_for_five_seconds() -> None:
    table = chain()
    cut_and_written(table)
    cy = table.seats["cy"]
    table.join("cy", "relay", is_awaited=False)
    link = next(iter(cy.streams))
    replicator = cy.engine.replicator
    # It announces what it does not give, again and again.
    for step in range(10 * BACKLOG_WAIT_MS_MAX // BACKLOG_QUIET_MS):
        ids = [EnvelopeId(bytes([step % 250]) * 31 + bytes([number])) for number in range(10)]
        entries = join_entries([(id_, 0) for id_ in ids])
        now = table.now_of("cy")
        replicator.received(link, IHave(entries=entries, flags=FLAG_BACKLOG), now)
        if step * BACKLOG_QUIET_MS / 10 < BACKLOG_WAIT_MS_MAX - BACKLOG_QUIET_MS:
            assert received(table, "cy") == []
        table.pass_time(QUIET_S / 10)
    assert [message.text for message in received(table, "cy")] == WRITTEN


def test_live_mail_is_told_at_once_and_held_is_said_at_once() -> None:
    table = chain()
    cut_and_written(table)
    table.join("cy", "relay", is_awaited=False)
    table.pass_time(HELD_GATHERED_MS / 1000)
    assert received(table, "cy") == [], "the backlog waits"
    rows = table.seats["relay"].store.execute("SELECT count(*) FROM bodies").fetchone()
    assert rows == table.seats["cy"].store.execute("SELECT count(*) FROM bodies").fetchone()
    table.pass_time(QUIET_S)
    table.ask("ada", SendMessage("cy", "live"))
    assert received(table, "cy")[-1].text == "live"


def test_live_mail_of_an_author_does_not_overtake_their_backlog() -> None:
    table = chain()
    cut_and_written(table)
    table.join("cy", "relay", is_awaited=False)
    table.ask("ada", SendMessage("cy", "live"))
    table.pass_time(QUIET_S)
    assert [message.text for message in received(table, "cy")] == [*WRITTEN, "live"]


def test_an_answer_proves_delivery_at_once() -> None:
    table = chain()
    table.ask("cy", SendMessage("ada", "Is the bridge open?"))
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert states(table, "cy")["Is the bridge open?"] == ("carried", 1)
    table.seats["cy"].events.clear()
    table.ask("ada", SendMessage("cy", "It is."))
    assert states(table, "cy")["Is the bridge open?"] == ("delivered", 0)
    changed = [e for e in table.seats["cy"].events if isinstance(e, MessageStateChanged)]
    assert [event.message.state for event in changed] == ["delivered"]


def test_the_node_that_a_message_is_for_is_no_carrier() -> None:
    table = Joined("ada", "relay", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "hello"))
    table.ask("ada", SendMessage("cy", "hello too"))
    table.pass_time(WHO_INTERVAL_MS[1] / 1000)
    table.ask("cy", SendMessage("ada", "Is the bridge open?"))
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert states(table, "cy")["Is the bridge open?"] == ("carried", 0)
    table.join("cy", "relay")
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert states(table, "cy")["Is the bridge open?"] == ("carried", 1)


def test_who_turns_out_to_be_the_recipient_is_counted_no_longer() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "hello"))
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert states(table, "cy")["hello"] == ("carried", 1), "nothing is known of the peer"
    table.ask("ada", SendMessage("cy", "hello too"))
    ada = table.seats["ada"]
    assert states(table, "cy")["hello"] == ("delivered", 0)
    ada.inbox.append(VaultClosing())
    table.run()
    table.cut("ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "to a closed vault"))
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert states(table, "cy")["to a closed vault"] == ("carried", 1)
    ada.inbox.append(VaultOpened(ada.vault))
    table.cut("ada", "cy")
    table.join("ada", "cy")
    assert states(table, "cy")["to a closed vault"] == ("carried", 0)
