"""Two releases in one mesh: mail of the later one is carried by all, and read after an upgrade."""

import pytest

from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.events import NoticeRaised
from mesh.limits.retirements import RETIREMENTS_GATHERED_MS
from mesh.wire.carry_file import Record, RecordKind
from tests.engine.joined import Joined
from tests.engine.parts.test_carry import bring_records, envelope
from tests.engine.releases import LATER_VERSION, downgrade, later_release, upgrade
from tests.engine.test_engine import befriend, introduce, status, texts

WAITS = "made with a newer Mesh"


def row() -> Joined:
    """Ada - relay - Cy, who wrote to each other in the former release."""
    table = Joined("ada", "relay", "cy", retire_delay_ms=(0, 1))
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    join(table)
    table.ask("cy", SendMessage("ada", "Hello."))
    table.ask("ada", SendMessage("cy", "Hello, Cy."))
    return table


def join(table: Joined) -> None:
    """Link the three in a row."""
    table.join("ada", "relay")
    table.join("relay", "cy")


def states(table: Joined, name: str) -> list[str]:
    """The states of what somebody wrote."""
    answer = table.ask(name, AskMessages(limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    return [message.state for message in answer.messages if message.is_mine]


def versions(table: Joined, name: str) -> list[int]:
    """The versions of the envelopes that a node keeps whole, in order."""
    store = table.seats[name].store
    rows = store.execute("SELECT stub FROM envelopes JOIN bodies USING (arrival)").fetchall()
    return sorted(stub[0] for (stub,) in rows if isinstance(stub, bytes))


def test_an_island_that_upgrades_one_by_one_loses_nothing_and_doubles_nothing() -> None:
    table = row()
    said = ["Hello.", "Hello, Cy."]
    upgrade(table, "ada")
    join(table)
    table.ask("ada", SendMessage("cy", "From the later one."))
    table.ask("cy", SendMessage("ada", "From the former one."))
    assert texts(table, "ada")[-1] == "From the former one."
    # Carried by who cannot read it, kept by its reader, and told as what it is.
    assert LATER_VERSION in versions(table, "relay")
    assert "From the later one." not in texts(table, "cy")
    assert states(table, "ada")[-1] == "carried"
    assert any(WAITS in notice for notice in status(table, "cy").notices)
    told = [each for each in table.seats["cy"].events if isinstance(each, NoticeRaised)]
    assert sum(WAITS in each.sentence for each in told) == 1
    # It is not taken for junk, which makes room first.
    rows = table.seats["cy"].store.execute("SELECT id, tag, stub FROM envelopes").fetchall()
    is_ours = table.seats["cy"].engine._vault.is_for_us
    newer = [(id_, tag) for id_, tag, stub in rows if isinstance(stub, bytes) and stub[0] == 2]
    # A row holds an id as bytes.
    assert [is_ours(id_, tag, is_new=False) for id_, tag in newer] == [True]  # type: ignore[arg-type]
    # A restart without an upgrade changes nothing, and says it again.
    table.restart("cy")
    join(table)
    assert "From the later one." not in texts(table, "cy")
    assert any(WAITS in notice for notice in status(table, "cy").notices)
    upgrade(table, "cy")
    join(table)
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000 + 60)
    assert sorted(texts(table, "cy")) == sorted(
        [*said, "From the later one.", "From the former one."]
    )
    assert states(table, "ada")[-1] == "delivered"
    assert status(table, "cy").notices == []


def test_who_goes_back_to_the_former_release_reads_what_is_sent_in_it() -> None:
    table = row()
    for name in ("ada", "cy"):
        upgrade(table, name)
    join(table)
    table.ask("ada", SendMessage("cy", "Both later."))
    assert texts(table, "cy")[-1] == "Both later."
    downgrade(table, "ada")
    join(table)
    table.ask("ada", SendMessage("cy", "Back again."))
    assert texts(table, "cy")[-1] == "Back again."
    table.ask("cy", SendMessage("ada", "Too new for you."))
    assert "Too new for you." not in texts(table, "ada")
    upgrade(table, "ada")
    join(table)
    assert texts(table, "ada")[-1] == "Too new for you."
    assert len(texts(table, "ada")) == len(texts(table, "cy")) == 5


@pytest.mark.parametrize("place", [2, 30, 60, -1])
def test_an_envelope_of_a_later_version_is_checked_like_any_other(place: int) -> None:
    with later_release():
        made = envelope(1).data
    assert made[0] == LATER_VERSION
    forged = bytearray(made)
    forged[place] ^= 1
    table = Joined("ada", "ben")
    answer = bring_records(table, "ada", Record(RecordKind.ENVELOPE, bytes(forged)))
    assert (answer.envelopes_count, sum(answer.refused.values())) == (0, 1)
    answer = bring_records(table, "ada", Record(RecordKind.ENVELOPE, made))
    assert (answer.envelopes_count, answer.refused) == (1, {})
    assert versions(table, "ada") == [LATER_VERSION]
