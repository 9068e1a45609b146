"""Our invites, and what an invite of others would do."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import (
    AddressHint,
    InviteLifetime,
    InviteText,
    InviteUses,
    NameOrEmpty,
    Number,
)


class InviteAnswer(Answer, frozen=True, kw_only=True):
    """An invite. `link` carries the whole key bundle; `qr` only its hash, for a QR code.

    `short_link` too has only the hash: with these messages wait until the bundle comes over the
    mesh. All are empty where the secret is no longer at hand (a used-up or revoked invite), and
    where only one person is to have them.
    """

    id: int
    label: str
    link: str
    qr: str
    expires: int
    uses: int
    uses_max: int
    state: Literal["open", "used up", "expired", "revoked"]
    short_link: str = ""
    addresses: list[str] = []
    """What it tells of where this computer is."""
    is_in_letter: bool = False
    """Whether it was made for a letter to a member of a group: nobody else is given its link."""
    tells_closed: bool = True
    """Whether somebody who comes by it when it is used up or revoked is told that it is closed."""


class InvitesAnswer(Answer, frozen=True, kw_only=True):
    """All invites, newest first."""

    invites: list[InviteAnswer]


class InviteContentsAnswer(Answer, frozen=True, kw_only=True):
    """The effect of an invite text, in words, before it is added."""

    name: str
    key: str
    expires: int
    address_hint: str
    is_usable: bool
    sentence: str
    addresses: list[str] = []
    """All of them; the first is `address_hint`. Once it is added the IP addresses among them are
    dialled, at ports from 1,024 on.
    """

    group: str = ""
    """Of a link into a group: how it is called, as the link says. It adds nobody as a contact."""


@dataclass(frozen=True, slots=True)
class CreateInvite:
    """Answer: InviteAnswer. `address_hint` is HOST:PORT, several with spaces between, or empty;
    `lifetime_s` at most 365 d, 30 d for more than one use.

    `with_addresses`: it tells where this computer is now, which the process puts into
    `address_hint`. Whoever has the invite reads it.
    """

    label: NameOrEmpty = ""
    uses_max: InviteUses = 1
    lifetime_s: InviteLifetime = 7 * 86_400
    address_hint: AddressHint = ""
    with_addresses: bool = False


@dataclass(frozen=True, slots=True)
class AskInvites:
    """Answer: InvitesAnswer."""


@dataclass(frozen=True, slots=True)
class RevokeInvite:
    """Close an invite, whatever its state. Answer: InviteAnswer.

    `tells_closed`: who comes by it all the same is told, and so learns that this node is alive;
    else they hear nothing, as if it were gone.
    """

    invite: Number
    tells_closed: bool = False


@dataclass(frozen=True, slots=True)
class InspectInvite:
    """Say what an invite text would do. Answer: InviteContentsAnswer."""

    link: InviteText
