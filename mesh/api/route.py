"""One route of the local API, and the requests that the daemon answers itself.

A route asks for one request: a command of the engine, or one of the daemon's own below. Its
fields come from the path, then from the query (GET, DELETE) or from the JSON body (the others).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from mesh.api.batch import SendMessages
from mesh.api.grant import Scope
from mesh.api.large_files import AddFileAt
from mesh.api.page_requests import AskDoctor, AskProfiles, DrawQr, EstimatePassphrase, Wipe
from mesh.api.proof import AskProof
from mesh.api.service_requests import AskService, SetService
from mesh.api.share_requests import AskShare, CloseShare, OpenShare
from mesh.api.sign_in import MakeSignInCode, SignIn, SignOut
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.fields import Name, Passphrase
from mesh.commands.settings import AskSettings, ChangeSettings

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

IDEMPOTENCY_HEADER = "idempotency-key"

PERSON_HEADER = "mesh-person"
"""On a request that a person made, by a key or a pointer; whatever it holds."""


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


Request = (
    Command
    | SendMessages
    | AddFileAt
    | MakeIdentity
    | AskSettings
    | ChangeSettings
    | Unlock
    | Lock
    | ChangePassphrase
    | AskBackup
    | Stop
    | MakeSignInCode
    | SignIn
    | SignOut
    | AskProof
    | MakeToken
    | AskTokens
    | RevokeToken
    | DrawQr
    | EstimatePassphrase
    | AskDoctor
    | AskProfiles
    | Wipe
    | AskService
    | SetService
    | AskShare
    | OpenShare
    | CloseShare
)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path: what is asked, what is answered, and which problems may come.

    `has_idempotency_key`: the header `Idempotency-Key` fills the field of that name. `scope` is
    what a token must allow; where nobody thought of it, everything.
    """

    method: Method
    path: str
    summary: str
    asks: type[Request]
    reply: type[Answer]
    errors: tuple[str, ...] = ()
    has_idempotency_key: bool = False
    scope: Scope = "admin"
    clears_site: bool = False
    """Whether a browser is to forget all that it keeps of the page."""

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names in braces of the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def has_body(self) -> bool:
        """Say whether the fields that are not in the path come as JSON."""
        return self.method in ("POST", "PUT", "PATCH")


VAULT = ("locked", "no-identity", "relay")
"""Problems of everything that needs the vault."""

CONTACT = (*VAULT, "not-found", "ambiguous")
"""Problems of everything that names a contact."""

COMPARISON = (*CONTACT, "blocked", "not-answered", "request")
"""Problems of everything that is done together with a contact."""

NUMBERED = (*VAULT, "not-found")
"""Problems of everything that names something by its number."""
