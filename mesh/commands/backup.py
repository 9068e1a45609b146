"""The state of backups, as the daemon tells it."""

from mesh.commands.answer import Answer


class BackupAnswer(Answer, frozen=True, kw_only=True):
    """The state of backups: their passphrase, and the automatic copy."""

    has_passphrase: bool
    is_weekly: bool
    """Whether the setting `weekly_copy` is on."""
    copy_file: str = ""
    """Where the automatic copy lies; empty if there is none."""
    copied: int = 0
    """When it was made, in Unix seconds; 0: there is none."""
    copy_bytes: int = 0
    failure: str = ""
    """Why the last copy that was due could not be made, in a sentence."""
    vault_bytes: int = 0
    """About how large a backup will be."""


class Restored(Answer, frozen=True, kw_only=True):
    """A backup that was put back, or that was read to its end."""

    made: int
    """When the backup was made, in Unix seconds."""
    profile: str
    """The profile that it was made of."""
    name: str = ""
    is_relay: bool = False
    contacts_count: int = 0
    messages_count: int = 0
    undelivered_count: int = 0
    """Messages of one's own that are sealed anew."""
    hints: list[str] = []
    """What was left out, in sentences."""
