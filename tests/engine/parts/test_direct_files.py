"""Large files between two whole engines: given, refused, gone on with, and taken back."""

from dataclasses import dataclass, field

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.files import CancelFile, FetchFile, FileAnswer, PauseFile
from mesh.commands.item_commands import ForgetItem, RetractItem, WriteItem
from mesh.commands.messages import SendMessage
from mesh.effects import BlobEffect, WriteBlock
from mesh.ids import ConversationId
from mesh.inputs import Input, VaultClosing, VaultOpened
from mesh.limits.direct_files import (
    FILE_ASK_BLOCKS_MAX,
    FILE_BEGUN_BYTES_MAX,
    FILE_FALSE_BLOCKS_MAX,
    FILE_WINDOW_BLOCKS,
    FILES_OFFERED_MAX,
)
from mesh.limits.files import FILE_BLOCK_BYTES, FILES_EXPECTED_OF_CONVERSATION_MAX
from mesh.storage.connection import transaction
from mesh.storage.vault.direct_files import DirectRows
from mesh.wire.frames import FileAsk, FileRefuse
from sim.hosts.blobs import Blobs
from tests.engine.large_files import bytes_of, content, file, known, prepared, send
from tests.engine.stranger import Stranger
from tests.engine.test_items import items


@dataclass(slots=True)
class Stalling(Blobs):
    """A disk that takes so many blocks and then hangs, until it is released."""

    left: int = 9
    written_count: int = 0
    held: list[WriteBlock] = field(default_factory=list)

    def perform(self, effect: BlobEffect) -> Input | None:
        if isinstance(effect, WriteBlock):
            if not self.left:
                self.held.append(effect)
                return None
            self.left -= 1
            self.written_count += 1
        # A class with slots is made anew, so that `super()` would not find it.
        return Blobs.perform(self, effect)


def test_a_large_file_goes_from_one_node_to_the_other() -> None:
    table, data = known(), content()
    mine, theirs = send(table, data)
    table.pass_time(5)
    came = file(table, "cy", theirs)
    assert (came.state, came.here_count, came.blocks_count) == ("here", 41, 41)
    assert bytes_of(table, "cy", theirs) == data
    assert file(table, "ada", mine).opened_count == 41


def test_a_large_file_waits_for_a_person_and_comes_when_it_is_asked_for() -> None:
    table, data = known(), content(FILE_BEGUN_BYTES_MAX + 1)
    _, theirs = send(table, data)
    table.pass_time(60)
    waits = file(table, "cy", theirs)
    assert (waits.state, waits.here_count) == ("waits", 0)
    assert table.seats["cy"].blobs.files == {}
    table.ask("cy", FetchFile(theirs))
    table.pass_time(5)
    assert bytes_of(table, "cy", theirs) == data


def test_it_goes_on_across_links_and_restarts_of_both_where_it_was() -> None:
    table, data = known(), content()
    disk = Stalling()
    table.seats["cy"].blobs = disk
    mine, theirs = send(table, data)
    here = 0
    for number in range(20):
        # What was on its way into memory is lost; what the disk has is noted within a second.
        table.pass_time(2)
        came = file(table, "cy", theirs)
        assert came.here_count >= here, "nothing that was noted comes again"
        here = came.here_count
        if came.state == "here":
            break
        if number % 3:
            table.restart(("ada", "cy")[number % 2])
        disk.left = 9
        table.cut("ada", "cy")
        table.join("ada", "cy")
    assert bytes_of(table, "cy", theirs) == data
    assert file(table, "ada", mine).state == "here"
    assert number > 3
    assert disk.written_count <= 41 + 20


@pytest.mark.parametrize("what", ["pause", "cancel", "block", "forget", "retract", "lock"])
def test_what_is_taken_back_or_paused_is_given_no_more(what: str) -> None:
    table, data = known(), content(FILE_BEGUN_BYTES_MAX + 1)
    # No list of proofs is due meanwhile, after which everything is looked at anew.
    table.pass_time(60)
    mine, theirs = send(table, data)
    disk = Stalling()
    table.seats["cy"].blobs = disk
    table.ask("cy", FetchFile(theirs))
    item = file(table, "ada", mine).item
    assert disk.written_count == 9
    match what:
        case "pause":
            table.ask("ada", PauseFile(mine))
        case "cancel":
            table.ask("ada", CancelFile(mine))
        case "block":
            table.ask("ada", BlockContact("cy"))
        case "forget":
            table.ask("ada", ForgetItem(item))
        case "retract":
            table.ask("ada", RetractItem(item))
        case _:
            table.seats["ada"].inbox.append(VaultClosing())
            table.run()
    # What was on its way when it happened is written down; no more comes after it.
    disk.left = 1_000
    for held in disk.held:
        written = disk.perform(held)
        assert written is not None
        table.seats["cy"].inbox.append(written)
    table.pass_time(200)
    assert disk.written_count == FILE_WINDOW_BLOCKS + FILE_ASK_BLOCKS_MAX
    if what in ("pause", "lock"):
        if what == "pause":
            table.ask("ada", FetchFile(mine))
        else:
            table.seats["ada"].inbox.append(VaultOpened(table.seats["ada"].vault))
        table.pass_time(700)
        assert bytes_of(table, "cy", theirs) == data


def test_what_is_deleted_or_cancelled_takes_its_sealed_file_along() -> None:
    table, data = known(), content()
    mine, theirs = send(table, data)
    table.pass_time(5)
    assert len(table.seats["cy"].blobs.files) == 1
    table.ask("ada", RetractItem(file(table, "ada", mine).item))
    table.pass_time(900)
    assert table.seats["cy"].blobs.files == {}
    _, second = send(table, content(FILE_BEGUN_BYTES_MAX + 1))
    table.seats["cy"].blobs = disk = Stalling()
    table.ask("cy", FetchFile(second))
    assert len(disk.files) == 1
    table.ask("cy", CancelFile(second))
    assert disk.files == {}
    disk.left = 1_000
    table.ask("cy", FetchFile(second))
    table.pass_time(90)
    assert file(table, "cy", second).state == "here"
    del theirs


def test_what_a_crash_left_of_files_that_went_is_deleted_when_the_vault_opens() -> None:
    table = known()
    _, theirs = send(table, content())
    table.pass_time(5)
    blobs = table.seats["cy"].blobs
    blobs.files[b"left over"] = {0: b"no key opens it"}
    table.restart("cy")
    table.run()
    assert b"left over" not in blobs.files
    assert bytes_of(table, "cy", theirs) == content()


def test_a_disk_without_room_is_said_and_it_goes_on_when_there_is_some() -> None:
    table, data = known(), content()
    blobs = table.seats["cy"].blobs
    blobs.room_bytes = 1_000_000
    _, theirs = send(table, data)
    table.pass_time(5)
    assert file(table, "cy", theirs).state == "no-room"
    blobs.room_bytes = None
    table.ask("cy", FetchFile(theirs))
    table.pass_time(60)
    assert bytes_of(table, "cy", theirs) == data


def test_a_thousand_files_that_are_offered_cost_bounded_work() -> None:
    table = known()
    disk = Stalling(left=0)
    table.seats["cy"].blobs = disk
    handed = prepared(table, content(FILE_BLOCK_BYTES * 16))
    numbers: list[int] = []
    for _ in range(0, 1_000, 8):
        answers = [table.ask("ada", handed) for _ in range(8)]
        eight = tuple(one.number for one in answers if isinstance(one, FileAnswer))
        numbers += eight
        table.ask("ada", WriteItem("cy", files=eight))
    table.pass_time(10)
    offered = DirectRows(table.seats["ada"].vault).offered([ConversationId(2)])
    assert [one.number for one in offered] == numbers[: -FILES_OFFERED_MAX - 1 : -1]
    states = table.seats["cy"].vault.execute("SELECT state, count(*) FROM files GROUP BY state")
    most = FILES_EXPECTED_OF_CONVERSATION_MAX
    assert states.fetchall() == [("fetching", most), ("paused", 1_000 - most)]
    # Of one after the other a window is asked for; the disk of who was offered them is bare.
    assert disk.files == {}


def test_a_stranger_who_asks_hears_the_same_whatever_is_here() -> None:
    table = known()
    mine, _ = send(table, content(FILE_BEGUN_BYTES_MAX + 1))
    stranger = Stranger(table, "ada")
    del mine
    heard = []
    for handle in (bytes(16), b"x" * 16):
        stranger.heard.clear()
        stranger.send(FileAsk(handle, 0, 8))
        heard.append([frame for frame in stranger.heard if isinstance(frame, FileRefuse)])
    assert heard == [[FileRefuse(bytes(16))], [FileRefuse(b"x" * 16)]]


def test_a_contact_who_gives_false_blocks_loses_the_link_and_then_the_file_is_paused() -> None:
    table, data = known(), content(FILE_BEGUN_BYTES_MAX + 1)
    _, theirs = send(table, data)
    # Ada believes in other bytes now: her node proves them by a tree that has another root.
    false = content(len(data), b"false")
    other = prepared(table, false)
    vault = table.seats["ada"].vault
    with transaction(vault):
        vault.execute("UPDATE direct_leaves SET leaves = ?", (other.leaves,))
    disk = table.seats["cy"].blobs
    table.ask("cy", FetchFile(theirs))
    for _ in range(FILE_FALSE_BLOCKS_MAX - 1):
        assert not table.seats["cy"].streams, "a false block ends the link"
        assert file(table, "cy", theirs).state == "fetching"
        table.join("ada", "cy")
    table.pass_time(5)
    assert file(table, "cy", theirs).state == "paused"
    assert disk.files == {}
    table.join("ada", "cy")
    table.pass_time(60)
    assert table.seats["cy"].streams, "nothing more is asked for, and mail goes on"
    table.ask("ada", SendMessage("cy", "sorry"))
    table.pass_time(10)
    assert any(one.text == "sorry" for one in items(table, "cy", "ada"))
