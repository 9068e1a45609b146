"""The search for texts where they must not stand: it finds them, and shows that it does."""

import pytest

from sim.hosts.databases import MemoryDatabase
from sim.invariants.group_log import GroupLog
from sim.invariants.invariants import S6, BrokenInvariant
from sim.invariants.message_log import MessageLog
from sim.invariants.secrecy import Secrecy


def message_log() -> MessageLog:
    written = MessageLog(marker="c0ffee00c0ffee00")
    written.ask(1, 2, "hello", 0)
    return written


def database(*values: object) -> MemoryDatabase:
    made = MemoryDatabase()
    made.execute("BEGIN")
    made.execute("CREATE TABLE things (value)")
    made.executemany("INSERT INTO things VALUES (?)", [(value,) for value in values])
    made.execute("COMMIT")
    return made


def test_a_text_in_what_is_sent_breaks_s6() -> None:
    secrecy = Secrecy(message_log(), GroupLog())
    secrecy.sending(1, b"nothing of note")
    with pytest.raises(BrokenInvariant) as caught:
        secrecy.sending(1, b"..." + message_log().messages[0].text.encode() + b"...")
    assert caught.value.invariant is S6


@pytest.mark.parametrize(
    "leaked", ["c0ffee00c0ffee00", b"\x00c0ffee00c0ffee00\x00", b"c0ffee00c0ffee00".hex()]
)
def test_a_text_in_a_store_breaks_s6(leaked: object) -> None:
    with pytest.raises(BrokenInvariant) as caught:
        Secrecy(message_log(), GroupLog()).search_store(1, database(1, None, "x", leaked))
    assert caught.value.invariant is S6
    assert "things" in caught.value.detail


def test_a_text_may_stand_in_the_vaults_of_both_and_of_nobody_else() -> None:
    written = message_log()
    vault = database(b"\x93" + written.messages[0].text.encode())
    secrecy = Secrecy(written, GroupLog())
    secrecy.search_vault(1, 1, vault)
    secrecy.search_vault(2, 2, vault)
    # A second machine of somebody holds what the first may hold.
    secrecy.search_vault(7, 2, vault)
    with pytest.raises(BrokenInvariant) as caught:
        secrecy.search_vault(3, 3, vault)
    assert caught.value.invariant is S6


def test_a_text_in_a_group_may_stand_where_it_was_sealed_to_and_nowhere_else() -> None:
    groups = GroupLog(marker="c0ffee00c0ffee00")
    text = groups.ask(1, "crew", "hello", 0)
    text.entry = "e1"
    groups.may_read(text.entry, [2])
    vault = database(b"\x93" + text.text.encode())
    secrecy = Secrecy(message_log(), groups)
    secrecy.search_vault(1, 1, vault)
    secrecy.search_vault(2, 2, vault)
    with pytest.raises(BrokenInvariant) as caught:
        secrecy.search_vault(3, 3, vault)
    assert caught.value.invariant is S6


def test_a_search_leaves_nothing_behind() -> None:
    store = database("harmless")
    secrecy = Secrecy(message_log(), GroupLog())
    secrecy.search_store(1, store)
    secrecy.search_store(1, store)
    assert secrecy.searches_count == 2
    assert store.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)
