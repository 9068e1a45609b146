"""Retirements among engines: states that stand on tokens, and relays that let bodies go."""

from mesh.commands.contacts import SetReadReceipts
from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.ids import EnvelopeId
from mesh.inputs import VaultClosing, VaultOpened
from mesh.limits.retirements import (
    RELAY_DELAY_MS_MAX,
    RETIRE_DELAY_MS,
    RETIREMENTS_GATHERED_MS,
)
from mesh.limits.stems import STEM_PAUSE_MAX_MS
from mesh.storage.store.store import Store
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Held,
    IHave,
    IWant,
    NegOpen,
    Push,
    Retired,
    StemRetired,
    Stubs,
    join_entries,
    split_entries,
)
from mesh.wire.retirement import (
    RETIREMENT_SIZE_CLASS,
    Retirement,
    join_retirements,
    split_retirements,
)
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts

BUNDLES = 1
"""Ada's invite stands on the mesh for many readers: nobody can retire it for the others."""


def chain(retire_delay_ms: tuple[int, int] = (0, 0)) -> Joined:
    """Ada - relay - Cy, acquainted, and relays pass retirements on without delay."""
    table = Joined("ada", "relay", "cy", retire_delay_ms=retire_delay_ms, relay_delay_ms_max=0)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "relay")
    table.join("relay", "cy")
    table.run()
    return table


def message(table: Joined, name: str, text: str) -> MessageAnswer:
    answer = table.ask(name, AskMessages(limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    (found,) = [one for one in answer.messages if one.text == text]
    return found


def state(table: Joined, name: str, text: str) -> str:
    return message(table, name, text).state


def send(table: Joined, name: str, contact: str, text: str) -> int:
    """Send, and wait until peers have said that they hold it."""
    answer = table.ask(name, SendMessage(contact, text))
    assert isinstance(answer, MessageAnswer)
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    return answer.number


def bodies_count(table: Joined, name: str) -> int:
    row = table.seats[name].store.execute("SELECT count(*) FROM bodies").fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def stored_set(table: Joined, name: str) -> list[EnvelopeId]:
    """Return what two nodes that hold the same have alike."""
    return table.seats[name].engine.replicator.sets.ids()


def test_an_opened_message_is_delivered_and_leaves_a_stub_at_the_relay() -> None:
    table = chain()
    send(table, "ada", "cy", "Here?")
    assert texts(table, "cy") == ["Here?"]
    assert state(table, "ada", "Here?") == "delivered"
    assert message(table, "ada", "Here?").carriers == 0, "nobody carries it any more"
    assert status(table, "ada").outbox_count == 0
    assert bodies_count(table, "relay") == BUNDLES
    relay = status(table, "relay")
    assert relay.envelopes_count > BUNDLES
    stubs_bytes = (relay.envelopes_count - BUNDLES) * STUB_BYTES
    assert relay.stored_bytes == stubs_bytes + BUNDLES * SIZE_BYTES[1]
    assert stored_set(table, "ada") == stored_set(table, "relay") == stored_set(table, "cy")


def test_with_the_usual_delays_it_is_delivered_within_eleven_minutes_each_way() -> None:
    table = Joined("ada", "relay", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "relay")
    table.join("relay", "cy")
    send(table, "ada", "cy", "Here?")
    assert texts(table, "cy") == ["Here?"]
    table.pass_time(RETIRE_DELAY_MS[0] / 1000 - 1)
    assert state(table, "ada", "Here?") == "carried"
    table.pass_time((RETIRE_DELAY_MS[1] + 2 * RELAY_DELAY_MS_MAX) / 1000)
    assert state(table, "ada", "Here?") == "delivered"


def test_who_comes_late_learns_stubs_and_tokens_and_no_bodies() -> None:
    table = chain()
    send(table, "ada", "cy", "Here?")
    table.sit("dan")
    table.join("relay", "dan")
    assert stored_set(table, "dan") == stored_set(table, "relay")
    assert bodies_count(table, "dan") == BUNDLES
    table.sit("eve")
    table.join("dan", "eve")
    assert stored_set(table, "eve") == stored_set(table, "dan")


def test_retirements_survive_a_restart() -> None:
    table = chain()
    send(table, "ada", "cy", "Here?")
    known = stored_set(table, "relay")
    table.restart("relay")
    table.run()
    assert stored_set(table, "relay") == known
    table.sit("dan")
    table.join("relay", "dan")
    assert stored_set(table, "dan") == known


def test_a_withdrawn_message_is_not_shown_to_who_had_not_got_it() -> None:
    table = chain()
    table.cut("relay", "cy")
    number = send(table, "ada", "cy", "Never mind.")
    assert state(table, "ada", "Never mind.") == "carried"
    before = bodies_count(table, "relay")
    answer = table.ask("ada", WithdrawMessage(number))
    assert isinstance(answer, MessageAnswer)
    assert (answer.state, answer.carriers) == ("withdrawn", 0)
    assert bodies_count(table, "relay") == before - 1
    table.join("relay", "cy")
    table.pass_time(20)
    assert texts(table, "cy") == []
    assert state(table, "ada", "Never mind.") == "withdrawn"
    send(table, "ada", "cy", "But this.")
    assert texts(table, "cy") == ["But this."]


def test_a_message_withdrawn_after_it_was_opened_says_so() -> None:
    table = chain(retire_delay_ms=(60_000, 60_000))
    number = send(table, "ada", "cy", "Oops.")
    table.cut("ada", "relay")
    table.ask("ada", WithdrawMessage(number))
    assert state(table, "ada", "Oops.") == "withdrawn"
    table.pass_time(30)
    table.join("ada", "relay")
    table.pass_time(20)
    assert state(table, "ada", "Oops.") == "withdrawn", "cy has opened it and not told it yet"
    table.pass_time(20)
    assert state(table, "ada", "Oops.") == "delivered-then-withdrawn"
    assert texts(table, "cy") == ["Oops."]


def test_a_withdrawal_drops_what_waits_for_a_locked_vault() -> None:
    table = chain()
    cy = table.seats["cy"]
    cy.inbox.append(VaultClosing())
    table.run()
    number = send(table, "ada", "cy", "Never mind.")
    assert state(table, "ada", "Never mind.") == "carried"
    table.ask("ada", WithdrawMessage(number))
    cy.inbox.append(VaultOpened(cy.vault))
    table.run()
    assert texts(table, "cy") == []


def test_a_token_that_came_while_our_vault_was_locked_counts_when_it_is_opened() -> None:
    table = chain()
    send(table, "ada", "cy", "Here?")
    ada = table.seats["ada"]
    table.cut("relay", "cy")
    send(table, "ada", "cy", "And now?")
    assert state(table, "ada", "And now?") == "carried"
    ada.inbox.append(VaultClosing())
    table.run()
    table.join("relay", "cy")
    table.pass_time(20)
    ada.inbox.append(VaultOpened(ada.vault))
    table.run()
    assert state(table, "ada", "And now?") == "delivered"


def test_a_token_is_not_lost_in_a_crash_of_the_author_or_the_reader() -> None:
    table = chain()
    table.cut("relay", "cy")
    send(table, "ada", "cy", "Here?")
    table.join("relay", "cy")
    for name in ("cy", "ada"):
        table.restart(name)
    table.run()
    table.join("ada", "relay")
    table.join("relay", "cy")
    table.pass_time(20)
    assert texts(table, "cy") == ["Here?"]
    assert state(table, "ada", "Here?") == "delivered"


def test_a_retirement_by_somebody_who_is_not_the_reader_does_nothing() -> None:
    table = chain()
    table.cut("relay", "cy")
    send(table, "ada", "cy", "Here?")
    row = (
        table.seats["relay"]
        .store.execute("SELECT id FROM envelopes JOIN bodies USING (arrival)")
        .fetchone()
    )
    assert row is not None
    (id_,) = row
    assert isinstance(id_, bytes)
    before = bodies_count(table, "relay")
    known = stored_set(table, "relay")
    mallory = Stranger(table, "relay")
    mallory.send(Retired(id_ + b"no such token..."))
    assert not mallory.is_open
    assert status(table, "relay").counters["retirements_forged"] == 1
    assert bodies_count(table, "relay") == before
    assert stored_set(table, "relay") == known
    assert state(table, "ada", "Here?") == "carried"
    table.join("relay", "cy")
    assert state(table, "ada", "Here?") == "delivered"


def test_a_retirement_of_what_is_not_here_is_nobodys_fault() -> None:
    table = chain()
    known = stored_set(table, "relay")
    stranger = Stranger(table, "relay")
    stranger.send(Retired(bytes(48)), Retired(b""))
    assert stranger.is_open
    assert stored_set(table, "relay") == known


def test_a_retirement_that_came_before_its_envelope_is_kept_until_it_can_be_checked() -> None:
    table = chain()
    before = stored_set(table, "relay")
    send(table, "ada", "cy", "Here?")
    assert state(table, "ada", "Here?") == "delivered"
    (told,) = Store(table.seats["relay"].store).retirements_of(
        [one for one in stored_set(table, "relay") if one not in before]
    )
    (stub,) = Store(table.seats["relay"].store).stubs([told.envelope]).values()
    table.sit("dan")
    dan = Stranger(table, "dan")
    false = Retirement(told.envelope, b"no such token...")
    dan.send(Retired(join_retirements([false, told])))
    dan.send(IHave(join_entries([(told.envelope, 0)]), FLAG_BACKLOG))
    dan.heard.clear()
    dan.send(Stubs([(stub, b"")]))
    table.pass_time(1)
    dan.flush()
    assert dan.is_open, "whoever told the false one may be another"
    assert set(stored_set(table, "dan")) == {told.envelope, told.element}
    assert not [one for one in dan.heard if isinstance(one, NegOpen | IHave)], "it has told both"
    assert status(table, "dan").counters["retirements_void"] == 1


def test_a_reader_says_first_that_it_holds_and_then_that_it_opened() -> None:
    table = chain()
    table.cut("relay", "cy")
    send(table, "ada", "cy", "Here?")
    *_, (_, data) = Store(table.seats["relay"].store).scans.arrivals_after(0, 9)
    stranger = Stranger(table, "cy")
    stranger.heard.clear()
    stranger.send(Push(data))
    order = [
        type(frame).__name__ for frame in stranger.heard if isinstance(frame, Held | StemRetired)
    ]
    assert order == ["Held", "StemRetired"]
    (held,) = [frame for frame in stranger.heard if isinstance(frame, Held)]
    assert (len(held.held), held.refused) == (8, b"")
    # The stranger passes the retirement on to nobody: it stands when its time is over.
    table.pass_time(STEM_PAUSE_MAX_MS / 1000)
    stranger.send(Push(data))
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    stranger.flush()
    held = [frame for frame in stranger.heard if isinstance(frame, Held)][-1]
    assert (held.held, len(held.refused)) == (b"", 8), "it is not stored again"
    assert bodies_count(table, "cy") == BUNDLES


def test_what_peers_hold_of_others_mail_is_not_noted_in_the_vault() -> None:
    """It is written all the same, as it would be if it was about ours: the mark of reading is."""
    table = chain()
    vault = table.seats["relay"].vault
    before = vault.execute("SELECT name FROM marks").fetchall()
    send(table, "ada", "cy", "Here?")
    assert state(table, "ada", "Here?") == "delivered"
    assert vault.execute("SELECT count(*) FROM carriers").fetchone() == (0,)
    assert vault.execute("SELECT name FROM marks").fetchall() == before


def test_retirements_are_asked_for_and_never_pushed() -> None:
    table = chain()
    stranger = Stranger(table, "relay")
    send(table, "ada", "cy", "Here?")
    # The stranger may be the next hop of a stem, and passes nothing on.
    table.pass_time(STEM_PAUSE_MAX_MS / 1000)
    stranger.flush()
    assert not [one for one in stranger.heard if isinstance(one, Retired | Stubs)]
    elements = [
        id_
        for frame in stranger.heard
        if isinstance(frame, IHave)
        for id_, size in split_entries(frame.entries)
        if size == RETIREMENT_SIZE_CLASS
    ]
    assert elements
    stranger.send(IWant(b"".join(elements)))
    told = [
        retirement
        for frame in stranger.heard
        if isinstance(frame, Retired)
        for retirement in split_retirements(frame.entries)
    ]
    assert [retirement.element for retirement in told] == elements
    stranger.heard.clear()
    stranger.send(IWant(told[0].envelope))
    (stubs,) = [frame for frame in stranger.heard if isinstance(frame, Stubs)]
    assert [tokens for _, tokens in stubs.entries] == [told[0].token]
    again = Retirement(told[0].envelope, told[0].token)
    stranger.send(Retired(join_retirements([again])))
    assert stranger.is_open


def test_what_was_read_is_told_only_where_that_was_allowed() -> None:
    table = chain()
    send(table, "ada", "cy", "One.")
    table.ask("cy", AskMessages(mark_read=True))
    assert state(table, "ada", "One.") == "delivered"
    table.ask("cy", SetReadReceipts("ada", is_on=True))
    table.ask("cy", AskMessages(mark_read=True))
    assert state(table, "ada", "One.") == "delivered", "what was read before is not told"
    send(table, "ada", "cy", "Two.")
    assert state(table, "ada", "Two.") == "delivered"
    table.ask("cy", AskMessages(mark_read=True))
    assert state(table, "ada", "Two.") == "read"
    table.ask("cy", SetReadReceipts("ada", is_on=False))
    send(table, "ada", "cy", "Three.")
    table.ask("cy", AskMessages(mark_read=True))
    assert state(table, "ada", "Three.") == "delivered"
