"""Damaged files of real nodes: a store is filled again, of a vault what can be read is saved."""

import json
from pathlib import Path

import pytest

from mesh.commands.contacts import ContactsAnswer
from mesh.node.database_files import aside_of
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, hear
from tests.integration.row import NodeMaker, two_acquainted, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns

PAGE = 4096
WITHIN_S = 90.0


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Anna and Ben, who have written to each other."""
    anna, ben = two_acquainted(desk, make_node)
    anna.run("send", label_of_ben(anna), "hello yourself")
    wait_for_text(ben, "hello yourself")
    return anna, ben


def label_of_ben(anna: Node) -> str:
    [contact] = anna.answer(ContactsAnswer, "contacts").contacts
    return contact.label


def damage(file: Path, *, first: int, last: int | None = None) -> None:
    """Write noise over pages, from the first to the last."""
    with file.open("r+b") as opened:
        end = len(opened.read()) // PAGE if last is None else last + 1
        for page in range(first, end):
            opened.seek(page * PAGE + 64)
            opened.write(b"damage")


def exit_code(node: Node) -> int:
    """Wait until a daemon has ended by itself."""
    assert node._process is not None
    return node._process.wait(timeout=WITHIN_S)


def notices(node: Node) -> str:
    return " ".join(node.status().notices)


@pytest.mark.parametrize("how", ["pages", "cut", "emptied"])
def test_a_store_that_is_damaged_at_the_start_is_replaced_and_own_mail_posted_again(
    pair: tuple[Node, Node], how: str
) -> None:
    anna, ben = pair
    ben.stop()
    anna.run("send", label_of_ben(anna), "only in the store of Anna")
    anna.run("peer", "add", "10.9.9.9:41730")
    anna.stop()
    store = anna.folders.store_file
    match how:
        case "pages":
            # Where the table of envelopes begins; the page after the first.
            damage(store, first=1, last=1)
        case "cut":
            store.write_bytes(store.read_bytes()[: 9 * PAGE])
        case _:
            store.write_bytes(b"")
    anna.start()
    anna.wait_until_up()
    aside = aside_of(store)
    assert aside.exists()
    assert str(aside) in notices(anna)
    assert str(aside) in anna.printed(), "it is said on stderr"
    assert anna.received_texts() == ["hello"]
    if how == "pages":
        assert "10.9.9.9:41730" in anna.run("peers")
    ben.start()
    ben.wait_until_up()
    wait_for_text(ben, "only in the store of Anna", within_s=WITHIN_S)
    ben.run("send", "anna", "and back")
    wait_for_text(anna, "and back", within_s=WITHIN_S)
    assert ben.received_texts().count("only in the store of Anna") == 1


def test_a_store_that_is_damaged_while_the_node_runs_is_replaced_and_the_node_goes_on(
    pair: tuple[Node, Node],
) -> None:
    anna, ben = pair
    ben.stop()
    for number in range(30):
        anna.run("send", label_of_ben(anna), f"{number} " + "x" * 3_000)
    anna.stop()
    anna.start()
    anna.wait_until_up()
    with anna.tail("--after", "0", "--events") as tail:
        hear(tail, '"29 x')
        # What it has read is in its memory; bodies are read when somebody wants them.
        damage(anna.folders.store_file, first=1)
        ben.start()
        ben.wait_until_up()
        # All bodies are read, whoever wants them; the file itself is of no interest.
        anna.attempt("carry", "export", str(anna.home / "all.mesh"))
        eventually(
            lambda: notices(anna),
            lambda told: "The store was damaged" in told,
            within_s=WITHIN_S,
            what="the notice",
        )
        for number in range(30):
            wait_for_text(ben, f"{number} " + "x" * 3_000, within_s=WITHIN_S)
        hear(tail, "The store was damaged")
    assert len(ben.received_texts()) == 31


def test_a_damaged_vault_stops_the_node_and_what_can_be_read_is_saved(
    pair: tuple[Node, Node],
) -> None:
    anna, ben = pair
    for number in range(40):
        ben.run("send", "anna", f"{number} " + "x" * 2_000)
    wait_for_text(anna, "39 " + "x" * 2_000)
    anna.stop()
    ben.run("send", "anna", "while the vault is damaged")
    vault = anna.folders.vault_file
    damage(vault, first=vault.stat().st_size // PAGE - 24)
    anna.start()
    assert exit_code(anna) == 1
    assert "mesh vault salvage" in anna.printed()
    # Until it met the damage the node may have written elsewhere.
    damaged = vault.read_bytes()
    checked = anna.attempt("vault", "check", "--json")
    assert checked.returncode == 7
    lost = [table for table in json.loads(checked.stdout)["tables"] if table["lost"] != 0]
    assert lost
    assert vault.read_bytes() == damaged
    saved = anna.run("vault", "salvage", "--yes")
    assert "The damaged vault is kept as" in saved
    assert aside_of(vault).read_bytes() == damaged
    assert anna.attempt("vault", "check").returncode == 0
    anna.start()
    anna.wait_until_up()
    kept = anna.received_texts()
    # Of some the place is known, and the words are lost.
    assert set(kept) <= {"hello", *(f"{number} " + "x" * 2_000 for number in range(40))} | {
        "while the vault is damaged",
        "",
    }
    wait_for_links(anna, 1)
    wait_for_text(anna, "while the vault is damaged", within_s=WITHIN_S)
    anna.run("send", label_of_ben(anna), "here I am again")
    wait_for_text(ben, "here I am again", within_s=WITHIN_S)
    ben.run("send", "anna", "welcome back")
    wait_for_text(anna, "welcome back", within_s=WITHIN_S)


def test_a_vault_that_is_missing_beside_its_key_is_refused_and_none_is_made(
    pair: tuple[Node, Node],
) -> None:
    anna, _ = pair
    anna.stop()
    vault = anna.folders.vault_file
    content = vault.read_bytes()
    vault.unlink()
    anna.start()
    assert exit_code(anna) == 1
    assert "mesh restore FILE" in anna.printed()
    assert "mesh wipe" in anna.printed()
    assert not vault.exists()
    done = anna.attempt("vault", "check")
    assert done.returncode == 1
    assert "There is no vault" in done.stderr
    vault.write_bytes(content)
    anna.start()
    anna.wait_until_up()
    assert anna.received_texts() == ["hello"]
