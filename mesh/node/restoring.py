"""A backup put back into an empty profile, or read to see whether it is whole.

Implements `docs/protocol/backup-file.md`, section "Restoring". This is the one way in: `restore`
for the command line, `restore_running` for the first screen of a page, `check` for who only looks.
Nothing has its name before the last byte of the file was read and found whole.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, assert_never

import msgspec

from mesh.commands.backup import Restored
from mesh.config import Config, parse_config
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import PycaKem
from mesh.database import Connection
from mesh.errors import PeerError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.node.backups import CONFIG_NAME, MESH_NAME, remove_copy, write_lock
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import PassphraseCost, decode_mesh
from mesh.node.membership import require_same_mesh
from mesh.node.private_files import (
    erase,
    make_private_file,
    replace_private_bytes,
    storage_error,
)
from mesh.node.profile import USUAL_COST, Profile, remove_with_key
from mesh.node.system_entropy import SystemEntropy
from mesh.storage.connection import filling, transaction
from mesh.storage.migrations import migrate, migrate_vault
from mesh.storage.store.link_state import LinkStateRows
from mesh.storage.vault.portable import put_rows, taken_up
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.wire.backup_file import ENDS_EARLY, LATER_RELEASE, NO_BACKUP, OpenedBackup
from mesh.wire.backup_records import (
    CONTENT_VERSION,
    EndRecord,
    FileRecord,
    Manifest,
    PeersRecord,
    RowsRecord,
    decode_records,
)

_INSTANCE_BITS: Final = 62
UNDELIVERED: Final = ("awaiting-key", "waiting-for-keys", "queued", "carried")

Progress = Callable[[int], None]
"""Told how many more rows were read."""

REASONS: Final = {NO_BACKUP: "no-backup", LATER_RELEASE: "later-release", ENDS_EARLY: "ends-early"}
"""What is wrong with a file, for whoever has sentences of their own; anything else is `damaged`."""


class Source(Protocol):
    """A file, or what comes of one."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; fewer only at the end."""
        ...


def restore(
    folders: ProfileFolders,
    file: Source,
    *,
    backup_passphrase: str,
    passphrase: str,
    progress: Progress | None = None,
    entropy: Entropy | None = None,
    cost: PassphraseCost = USUAL_COST,
) -> Restored:
    """Make a profile of a backup; it has a `passphrase` of its own, and its copies go on.

    UserError: `exists` if there is a profile already, `wrong-passphrase`, `bad-backup` with what
    is wrong with the file. Whatever fails leaves the profile as empty as it was.
    """
    require_empty(folders)
    with Profile.held(folders, cost=cost) as profile, _told():
        require_empty(folders)
        reading = _Reading(file, backup_passphrase, progress)

        def put_addresses() -> None:
            store = profile.open_store()
            try:
                with transaction(store):
                    for address in reading.addresses:
                        LinkStateRows(store).add_peer(address)
            finally:
                store.close()

        with _whole_or_not(folders):
            if reading.manifest.is_relay:
                reading.read_rest()
                reading.owner_key = profile.owner_key(None)
                return _put_beside(profile, reading, put_addresses)
            return _fill(profile, reading, passphrase, entropy, put_addresses)


def restore_running(
    profile: Profile,
    file: Source,
    *,
    backup_passphrase: str,
    passphrase: str,
    config: Config,
    put_addresses: Callable[[list[str]], None],
) -> Restored:
    """The same in a profile that runs and has no keys of a person yet. It is to begin anew after
    that, since its mesh and its settings may be others.

    UserError beside those of `restore`: `relay-backup`, and `other-mesh` if the node was started
    with settings of another mesh, which would keep it from starting again.
    """
    folders = profile.folders
    if profile.is_created or folders.vault_file.exists():
        raise UserError("exists", f"The profile {folders.name} has a person already.")
    with _told():
        reading = _Reading(file, backup_passphrase, None)
        if reading.manifest.is_relay:
            raise UserError(
                "relay-backup",
                "This is the backup of a relay, which is nobody's: stop this node (mesh down), and "
                "put it back in a terminal with `mesh restore FILE`.",
            )

        def check_mesh() -> None:
            mesh = reading.files.get(MESH_NAME)
            if mesh is not None:
                require_same_mesh(decode_mesh(mesh, MESH_NAME), config, folders.name)

        with _whole_or_not(folders):
            return _fill(
                profile,
                reading,
                passphrase,
                None,
                lambda: put_addresses(reading.addresses),
                check=check_mesh,
            )


def _fill(
    profile: Profile,
    reading: "_Reading",
    passphrase: str,
    entropy: Entropy | None,
    put_addresses: Callable[[], None],
    check: Callable[[], None] = lambda: None,
) -> Restored:
    """Make the vault, and what lies beside it. `check` may refuse before anything has its name."""
    drawn = SystemEntropy() if entropy is None else entropy
    answers: list[Restored] = []

    def fill(vault: Connection) -> None:
        reading.fill(vault)
        check()
        instance = int.from_bytes(drawn.draw(8), "big") >> (64 - _INSTANCE_BITS)
        taken_up(vault, instance=instance, restored=UnixSeconds(int(time.time())))
        reading.owner_key = profile.owner_key(vault)

    profile.create_filled(
        passphrase,
        fill,
        before_key=lambda: answers.append(_put_beside(profile, reading, put_addresses)),
    )
    return answers[0]


def check(file: Source, *, backup_passphrase: str, progress: Progress | None = None) -> Restored:
    """Read a backup to its end, and write nothing. UserError as `restore`."""
    with _told():
        reading = _Reading(file, backup_passphrase, progress)
        reading.read_rest()
    return reading.answer


def require_empty(folders: ProfileFolders) -> None:
    """Raise UserError `exists` unless no node was ever started in a profile."""
    if any(
        path.exists()
        for path in (
            folders.vault_key_file,
            folders.vault_file,
            folders.store_key_file,
            folders.store_file,
            folders.mesh_file,
        )
    ):
        raise UserError(
            "exists",
            f"There is a profile {folders.name} already, and a backup is put back only where none "
            "is: take another name with --profile NAME, or remove this one first with `mesh wipe` "
            "(which removes its automatic copy too: move that away if it is the backup).",
        )


class _Reading:
    """One pass through a backup: the small things are gathered while its rows pass."""

    def __init__(self, file: Source, passphrase: str, progress: Progress | None) -> None:
        opened = OpenedBackup(file.read, passphrase, PycaKem())
        self.lock = opened.lock
        self.files: dict[str, bytes] = {}
        self.addresses: list[str] = []
        self.owner_key = b""
        self._records = decode_records(opened.pieces())
        self._progress = progress
        self._rows_count = 0
        self._undelivered_count = 0
        self.manifest = _checked_manifest(next(self._records, None))
        self.answer = Restored(
            made=self.manifest.made,
            profile=self.manifest.profile,
            is_relay=self.manifest.is_relay,
        )

    def fill(self, vault: Connection) -> None:
        """Write all rows into an empty file, under their schema, and bring that to today's."""
        migrate(vault, VAULT_MIGRATIONS[: self.manifest.schema], name="vault")
        with filling(vault):
            for record in self._read():
                try:
                    with transaction(vault):
                        put_rows(vault, record)
                except AssertionError:
                    raise PeerError("its content holds rows that no vault has") from None
        migrate_vault(vault)

    def read_rest(self) -> None:
        """Read all rows, and keep none."""
        for _ in self._read():
            pass

    def _read(self) -> Iterator[RowsRecord]:
        is_whole = False
        for record in self._records:
            match record:
                case FileRecord(name, content):
                    self.files[name] = content
                case PeersRecord(addresses):
                    self.addresses = addresses
                case RowsRecord():
                    self._rows_count += len(record.rows)
                    self._count(record)
                    if self._progress is not None:
                        self._progress(len(record.rows))
                    yield record
                case EndRecord(rows_count):
                    is_whole = rows_count == self._rows_count
                case Manifest():
                    raise PeerError("its content begins twice")
                case _:
                    assert_never(record)
        if not is_whole:
            raise PeerError("its content is not whole")

    def _count(self, record: RowsRecord) -> None:
        """Add what a person wants to know of these rows."""
        rows = [dict(zip(record.columns, row, strict=False)) for row in record.rows]
        answer, replace = self.answer, msgspec.structs.replace
        match record.table:
            case "identity":
                self.answer = replace(answer, name=str(rows[0].get("name", "")) if rows else "")
            case "contacts":
                self.answer = replace(answer, contacts_count=answer.contacts_count + len(rows))
            # The table of messages is that of a backup of an earlier release.
            case "messages" | "entries":
                rows = [row for row in rows if row.get("place", 1)]
                waiting = [row for row in rows if row.get("state") in UNDELIVERED]
                self.answer = replace(
                    answer,
                    messages_count=answer.messages_count + len(rows),
                    undelivered_count=answer.undelivered_count + len(waiting),
                )
            case _:
                pass


def _checked_manifest(record: object) -> Manifest:
    if not isinstance(record, Manifest):
        raise PeerError("its content does not begin as one")
    if record.version > CONTENT_VERSION or record.schema > len(VAULT_MIGRATIONS):
        raise PeerError(LATER_RELEASE)
    return record


def _put_beside(profile: Profile, reading: _Reading, put_addresses: Callable[[], None]) -> Restored:
    """Write what lies beside the vault; return what was read, with hints of what was left out."""
    folders, hints = profile.folders, []
    mesh = reading.files.get(MESH_NAME)
    if mesh is not None:
        decode_mesh(mesh, MESH_NAME)
        replace_private_bytes(folders.mesh_file, mesh)
    config = reading.files.get(CONFIG_NAME)
    if config is not None and folders.config_file.exists():
        hints.append(f"The settings in {folders.config_file} were there already and stay.")
    elif config is not None:
        try:
            parse_config(config.decode(errors="replace"), {}, path=CONFIG_NAME)
        except UserError as error:
            hints.append(f"The settings were not taken over: {error}")
        else:
            make_private_file(folders.config_file)
            replace_private_bytes(folders.config_file, config)
    if reading.addresses:
        put_addresses()
    write_lock(folders, reading.lock, reading.owner_key)
    return msgspec.structs.replace(reading.answer, hints=hints)


@contextlib.contextmanager
def _whole_or_not(folders: ProfileFolders) -> Iterator[None]:
    """Put back what lies beside the vault if a block fails; a former copy goes if it does not.

    That copy may be the very file which is put back.
    """
    beside = (folders.mesh_file, folders.config_file, folders.backup_key_file)
    former = {path: _read(path) for path in beside if path.is_file()}
    is_store_new = not (folders.store_key_file.exists() or folders.store_file.exists())
    try:
        yield
    except BaseException:
        for path in beside:
            # Where the disk is full this may fail too, and the first error is the one to tell.
            with contextlib.suppress(StorageError, OSError):
                if path not in former:
                    erase(path)
                elif path.read_bytes() != former[path]:
                    replace_private_bytes(path, former[path])
        if is_store_new:
            remove_with_key(folders.store_file, folders.store_key_file)
        raise
    # All is in place: a copy that cannot be removed is no failure of that, and the next takes its
    # place.
    with contextlib.suppress(StorageError):
        remove_copy(folders)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise storage_error(error, path) from error


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong with a file, as a sentence."""
    try:
        yield
    except PeerError as error:
        raise UserError(
            "bad-backup",
            f"This backup cannot be put back: {error.reason}.",
            reason=REASONS.get(error.reason, "damaged"),
        ) from None
