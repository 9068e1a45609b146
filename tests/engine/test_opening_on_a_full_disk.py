"""A vault opens on a full disk without a write, and what that puts off is done with room."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.inputs import DiskMeasured, VaultClosing, VaultOpened
from mesh.limits.storage import DISK_FULL_BYTES
from mesh.messenger.inbox.inbox import NEWER_MARK
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store
from mesh.storage.vault.vault import Vault
from sim.hosts.databases import MemoryDatabase
from sim.hosts.failing_disk import Disk
from sim.kernel.entropy import Chance
from sim.schema.disk_tables import FullDisks
from tests.engine.joined import Joined
from tests.engine.large_files import content, file, known, send
from tests.engine.test_engine import befriend, introduce

ROOMY: Final = 1 << 40
FULL: Final = FullDisks(between_s=(0, 1), for_s=(1, 2))


@contextmanager
def opened_when_full(table: Joined, name: str) -> Iterator[None]:
    """Open a locked vault on a full disk, on which there is room again afterwards."""
    vault = table.seats[name].vault
    assert isinstance(vault, MemoryDatabase)
    disk = Disk(Chance(1, "disk"), now=lambda: 0)
    measured(table, name, DISK_FULL_BYTES - 1)
    disk.troubles[0] = FULL
    table.seats[name].inbox.append(VaultOpened(disk.connect(vault, "vault")))
    table.run()
    yield
    disk.troubles.clear()
    measured(table, name, ROOMY)


def measured(table: Joined, name: str, free_bytes: int) -> None:
    table.seats[name].inbox.append(DiskMeasured(free_bytes))
    table.run()


def locked(table: Joined, name: str) -> None:
    table.seats[name].inbox.append(VaultClosing())
    table.run()


def test_what_was_delivered_while_it_was_locked_is_told_when_there_is_room() -> None:
    table = Joined("ada", "bob", retire_delay_ms=(60_000, 60_000), relay_delay_ms_max=0)
    introduce(table, "ada", "bob")
    table.join("ada", "bob")
    befriend(table, "ada", "bob")
    table.pass_time(300)
    table.ask("ada", SendMessage("bob", "hello"))
    locked(table, "ada")
    known_count = len(list(Store(table.seats["ada"].store).retirements()))
    table.pass_time(300)
    assert len(list(Store(table.seats["ada"].store).retirements())) > known_count
    with opened_when_full(table, "ada"):
        assert state(table) == "carried"
    assert state(table) == "delivered"


def state(table: Joined) -> str:
    """Return the state of the newest of Ada's messages."""
    answer = table.ask("ada", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    return answer.messages[-1].state


def test_a_large_file_for_which_there_was_no_room_goes_on_when_there_is() -> None:
    table, data = known(), content()
    table.seats["cy"].blobs.room_bytes = 0
    _, theirs = send(table, data)
    table.pass_time(5)
    assert file(table, "cy", theirs).state == "no-room"
    locked(table, "cy")
    table.seats["cy"].blobs.room_bytes = None
    with opened_when_full(table, "cy"):
        assert file(table, "cy", theirs).state == "no-room"
    table.pass_time(30)
    assert file(table, "cy", theirs).state == "here"


def test_that_a_large_file_went_is_noted_when_there_is_room() -> None:
    table = known()
    locked(table, "cy")
    vault = table.seats["cy"].vault
    with transaction(vault):
        vault.execute("INSERT INTO dropped_files (blob) VALUES (?)", (bytes(16),))
    with opened_when_full(table, "cy"):
        assert vault.execute("SELECT blob FROM dropped_files").fetchall() == [(bytes(16),)]
    assert vault.execute("SELECT blob FROM dropped_files").fetchall() == []


def test_what_a_newer_mesh_made_is_tried_again_at_the_first_opening_with_room() -> None:
    table = known()
    locked(table, "cy")
    vault = Vault(table.seats["cy"].vault)
    with transaction(table.seats["cy"].vault):
        vault.set_mark(NEWER_MARK, 1)
    with opened_when_full(table, "cy"):
        assert vault.mark(NEWER_MARK) == 1
    opened_again(table, "cy")
    assert vault.mark(NEWER_MARK) == 0


def test_a_clock_far_ahead_that_was_heard_is_lowered_at_the_first_opening_with_room() -> None:
    table = known()
    locked(table, "cy")
    vault, heard, ahead = table.seats["cy"].vault, "SELECT heard_clock FROM exchanges", 1 << 62
    with transaction(vault):
        vault.execute("UPDATE exchanges SET heard_clock = ?", (ahead,))
    assert (ahead,) in vault.execute(heard).fetchall()
    with opened_when_full(table, "cy"):
        assert (ahead,) in vault.execute(heard).fetchall()
    opened_again(table, "cy")
    assert (ahead,) not in vault.execute(heard).fetchall()


def opened_again(table: Joined, name: str) -> None:
    locked(table, name)
    table.seats[name].inbox.append(VaultOpened(table.seats[name].vault))
    table.run()
