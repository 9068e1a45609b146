"""A damaged vault: what can be read is saved, and nothing else is made of it."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.effects import Reply
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.errors import DamagedError, StorageError, UserError
from mesh.ids import RequestId
from mesh.inputs import Asked, VaultOpened
from mesh.node.database_files import aside_of
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.profile import Profile, close_vault
from mesh.node.vault_salvage import check_vault, salvage_vault
from sim.hosts.damaging import DAMAGES
from sim.hosts.host_factory import SIMULATED_MESH
from sim.kernel.entropy import Chance, SeededEntropy
from tests.node.killing import left_by
from tests.node.profiles import CHEAP, made_quickly, needs_rights
from tests.storage.test_damage import KEY, NOW, lived, read_all

pytestmark = pytest.mark.xdist_group("damage")

PAGE = 4096
PAGES_DRAWN = 6


def with_vault(home: Path, content: bytes) -> ProfileFolders:
    """A profile whose vault holds this, under the passphrase `horse`."""
    folders = profile_folders("anna", {"MESH_HOME": str(home)})
    made_quickly(folders)
    with Profile.held(folders, cost=CHEAP) as profile:
        profile._write_vault_key(bytearray(KEY), "horse")
    folders.vault_file.write_bytes(content)
    return folders


def flipped(content: bytes, page: int, chance: Chance) -> bytes:
    damaged = bytearray(content)
    damaged[page * PAGE + chance.below(PAGE)] ^= 1 << chance.below(8)
    return bytes(damaged)


def rows_of(path: Path) -> dict[object, list[tuple[object, ...]]]:
    return dict(read_all(path))


def ask_all(folders: ProfileFolders) -> tuple[ContactsAnswer, MessagesAnswer, Answer | UserError]:
    """A node over what was saved: who is there, what was said, and whether one can write on."""
    with Profile.held(folders) as profile:
        store, vault = profile.open_store(), profile.open_vault("horse")
        engine = Engine(
            settings=EngineSettings(parameters=SIMULATED_MESH),
            store=store,
            entropy=SeededEntropy(1, "salvage"),
            kem=PycaKem(),
            verify=is_signature_valid,
            now=NOW,
        )
        commands: list[Command] = [
            AskContacts(),
            AskMessages(limit=100),
            AskMessages(limit=100, requests=True),
        ]
        asked = [Asked(RequestId(number), one) for number, one in enumerate(commands)]
        effects = engine.handle([VaultOpened(vault), *asked], NOW)
        contacts, messages, apart = (one.answer for one in effects if isinstance(one, Reply))
        assert isinstance(contacts, ContactsAnswer)
        assert isinstance(messages, MessagesAnswer)
        assert isinstance(apart, MessagesAnswer)
        written: Answer | UserError = UserError("nobody", "Nobody is there.")
        if contacts.contacts:
            send = SendMessage(contacts.contacts[0].label, "afterwards")
            effects = engine.handle([Asked(RequestId(9), send)], NOW)
            [written] = [one.answer for one in effects if isinstance(one, Reply)]
        for _ in range(3):
            engine.handle([], NOW)
        close_vault(vault)
        store.close()
        messages = replace(messages, messages=[*messages.messages, *apart.messages])
        return contacts, messages, written


def pages() -> list[int]:
    """Every page in a search, which takes ten minutes; else some that are drawn."""
    count = len(lived().latter["vault"]) // PAGE
    if os.environ.get("HYPOTHESIS_PROFILE") == "search":
        return list(range(count))
    chance = Chance(1, "pages")
    return sorted({chance.below(count) for _ in range(PAGES_DRAWN)} | {0, 4, 42, 70})


def test_around_a_damaged_page_every_other_row_is_saved_and_the_node_runs(tmp_path: Path) -> None:
    original = dict(lived().rows["vault"])
    saved_count = 0
    told: list[str] = []
    for page in pages():
        damaged = flipped(lived().latter["vault"], page, Chance(page, "flip"))
        folders = with_vault(tmp_path / str(page), damaged)
        with Profile.held(folders) as profile:
            try:
                report = salvage_vault(profile, KEY)
            except DamagedError as error:
                told.append(str(error))
                assert folders.vault_file.read_bytes() == damaged
                continue
        if report.is_whole:
            # A page that is free: nobody misses it, and nothing was changed.
            assert folders.vault_file.read_bytes() == damaged
            continue
        saved_count += 1
        assert report.kept_as == aside_of(folders.vault_file)
        assert report.kept_as.read_bytes() == damaged
        found = rows_of(folders.vault_file)
        for table in report.tables:
            former = original[table.name]
            if table.name in ("identity", "posting_keys", "contact_keys", "sessions"):
                assert set(found[table.name]) <= set(former)
            if table.lost is not None:
                assert table.copied + table.lost == len(former), table
        texts = {row[1] for row in original["texts"]}
        kept = {row[1] for row in found["texts"]}
        assert kept <= texts
        contacts, messages, written = ask_all(folders)
        # Of an item whose words were lost nothing else is.
        assert {message.text for message in messages.messages} <= {*texts, ""}
        tables = ("entries", "texts")
        if all(table.is_whole for table in report.tables if table.name in tables):
            assert {message.text for message in messages.messages} == texts, page
        if contacts.contacts:
            assert not isinstance(written, UserError) or written.kind in ("request", "no-key")
        assert check_vault(folders, KEY).is_whole
    assert saved_count >= 3
    assert all("mesh restore FILE" in sentence for sentence in told)


@pytest.mark.parametrize("content", [b"", b"SQLite", bytes(3 * PAGE)])
def test_of_an_empty_vault_it_is_said_that_nothing_can_be_read(
    tmp_path: Path, content: bytes
) -> None:
    folders = with_vault(tmp_path, content)
    with Profile.held(folders) as profile, pytest.raises(DamagedError, match="mesh restore FILE"):
        salvage_vault(profile, KEY)
    with pytest.raises(DamagedError, match="Nothing can be read"):
        check_vault(folders, KEY)
    assert folders.vault_file.read_bytes() == content


@pytest.mark.parametrize("kind", sorted(DAMAGES))
def test_of_every_kind_of_damage_something_is_saved_or_it_is_said_that_nothing_is(
    tmp_path: Path, kind: str
) -> None:
    files = lived()
    told: dict[str, int] = {"saved": 0, "whole": 0, "nothing": 0}
    for seed in range(3):
        content = DAMAGES[kind](files.former["vault"], files.latter["vault"], Chance(seed, kind))
        folders = with_vault(tmp_path / str(seed), content)
        with Profile.held(folders) as profile:
            try:
                report = salvage_vault(profile, KEY)
            except DamagedError:
                told["nothing"] += 1
                continue
        told["whole" if report.is_whole else "saved"] += 1
        ask_all(folders)
    assert sum(told.values()) == 3, told


def test_a_check_says_what_is_lost_and_changes_nothing(tmp_path: Path) -> None:
    content = lived().latter["vault"]
    folders = with_vault(tmp_path, content)
    rows = dict(lived().rows["vault"])
    # From the end: what was written last stands there.
    for page in reversed(range(len(content) // PAGE)):
        damaged = flipped(content, page, Chance(1, "flip"))
        folders.vault_file.write_bytes(damaged)
        try:
            report = check_vault(folders, KEY)
        except DamagedError:
            # The page says which tables there are.
            continue
        lost = [table for table in report.tables if table.lost != 0]
        if len(lost) == 1 and lost[0].copied and lost[0].lost is not None:
            break
    else:
        pytest.fail("no page holds a part of one table alone")
    (told,) = lost
    assert told.lost is not None
    assert told.copied + told.lost == len(rows[told.name])
    assert told.lost > 0
    assert folders.vault_file.read_bytes() == damaged
    assert list(folders.data.glob("*.damaged*")) == []


def test_from_a_second_salvage_on_each_damaged_file_is_kept(tmp_path: Path) -> None:
    content = flipped(lived().latter["vault"], 70, Chance(1, "flip"))
    folders = with_vault(tmp_path, content)
    with Profile.held(folders) as profile:
        first = salvage_vault(profile, KEY)
        folders.vault_file.write_bytes(content)
        second = salvage_vault(profile, KEY)
    assert first.kept_as is not None
    assert second.kept_as is not None
    assert first.kept_as != second.kept_as
    assert first.kept_as.read_bytes() == second.kept_as.read_bytes() == content


@needs_rights
@pytest.mark.slow
def test_a_salvage_that_is_killed_anywhere_goes_on_when_it_is_said_again(
    tmp_path: Path,
) -> None:
    content = flipped(lived().latter["vault"], 70, Chance(1, "flip"))
    begun = with_vault(tmp_path / "home", content)

    def salvage() -> None:
        with Profile.held(begun, cost=CHEAP) as profile:
            salvage_vault(profile, KEY)

    places = left_by(begun, salvage)
    assert len(places) >= 10
    told: list[str] = []
    whole = rows_of(places[-1].vault_file)
    for folders in places:
        with Profile.held(folders, cost=CHEAP) as profile:
            if folders != places[-1]:
                try:
                    profile.require_vault()
                except StorageError as error:
                    told.append(str(error))
                salvage_vault(profile, KEY)
            profile.require_vault()
        assert rows_of(folders.vault_file) == whole
        beside = ("-wal", "-shm")
        kept_files = folders.data.glob("*.damaged*")
        [kept] = [one for one in kept_files if not one.name.endswith(beside)]
        assert kept.read_bytes() == content
        assert not list(folders.data.glob("*salvaged*"))
    assert told
    assert all("mesh vault salvage" in sentence for sentence in told)
