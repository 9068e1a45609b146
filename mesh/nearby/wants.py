"""The machine's needs from who knows the vault: an identity, an invite, a contact."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.ids import VerifyKey


@dataclass(frozen=True, slots=True)
class Host:
    """The person who offers our card."""

    name: str
    verify_key: VerifyKey
    sign: Callable[[bytes], bytes] = field(repr=False)
    look_alikes: Callable[[str, list[str]], list[str]] = field(repr=False)
    """(a name, names of others who are near) -> contacts and others it could be mistaken for."""


@dataclass(frozen=True, slots=True)
class InviteWanted:
    """Make an invite that only `verify_key` can use; answered by `invite_made` or `declined`."""

    person: int
    verify_key: VerifyKey
    name: str


@dataclass(frozen=True, slots=True)
class InviteCame:
    """Add who made this invite, `verify_key`; answered by `contact_came` or `declined`."""

    person: int
    verify_key: VerifyKey
    link: str = field(repr=False)


Want = InviteWanted | InviteCame
