"""The requests of the local API that the daemon answers itself, beside those of its other rooms."""

from dataclasses import dataclass, field

import msgspec

from mesh.commands.fields import Name, Passphrase


@dataclass(frozen=True, slots=True)
class MakeIdentity:
    """First run: make this profile's keys and identity. Answer: IdentityAnswer.

    `passphrase` protects what is made; an empty one protects nothing. It may be left out where the
    vault is open already.
    """

    name: Name
    passphrase: Passphrase | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unlock:
    """Open the vault of this profile with its passphrase."""

    passphrase: Passphrase = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lock:
    """Close the vault: mail waits until it is unlocked, and mail of others is still carried."""


@dataclass(frozen=True, slots=True)
class ChangePassphrase:
    """Protect the vault by another passphrase; an empty one protects nothing."""

    passphrase: Passphrase = field(repr=False)
    new_passphrase: Passphrase = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the daemon. The answer comes before it stops."""


@dataclass(frozen=True, slots=True)
class AskBackup:
    """Ask how backups are: whether they have a passphrase, and of when the automatic copy is."""


class MakeBackup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a backup under the passphrase of backups. The first time this sets it.

    With `is_new` it becomes another one, for this and for later backups.
    """

    passphrase: Passphrase
    is_new: bool = False

    def __repr__(self) -> str:
        return "MakeBackup(…)"


class RestoreBackup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put a backup back into a profile that is nobody's yet; `passphrase` is that of the profile.

    One line of JSON, behind which the file follows.
    """

    backup_passphrase: Passphrase
    passphrase: Passphrase

    def __repr__(self) -> str:
        return "RestoreBackup(…)"
