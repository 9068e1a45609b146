"""The one table of what the local API offers.

The server's routing, the OpenAPI document and the client all come from it. A route asks for one
request: a command of the engine, or one of the daemon's own below. Its fields come from the
path, then from the query (GET, DELETE) or from the JSON body (POST, PATCH).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from mesh.api.batch import SendMessages, SentMessages
from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AcceptRequest,
    AddContact,
    AskContact,
    AskContacts,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    ContactsAnswer,
    RemoveContact,
    RenameContact,
    RenewSession,
    ReplaceIdentity,
    SetReadReceipts,
    VerifyContact,
)
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
)
from mesh.commands.fields import Passphrase
from mesh.commands.identity import AskIdentity, CreateIdentity, IdentityAnswer
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)
from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InspectInvite,
    InviteAnswer,
    InviteContentsAnswer,
    InvitesAnswer,
    RevokeInvite,
)
from mesh.commands.items import AskItems, ItemsAnswer
from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.commands.nearby import (
    AskNearby,
    CompareNearby,
    ConfirmNearby,
    NearbyAnswer,
    NearbyPersonAnswer,
    SetNearby,
)
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer, RemovePeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison

Method = Literal["GET", "POST", "PATCH", "DELETE"]

IDEMPOTENCY_HEADER = "idempotency-key"


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


Request = Command | SendMessages | Unlock | Lock | ChangePassphrase | Stop


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path: what is asked, what is answered, and which problems may come.

    `has_idempotency_key`: the header `Idempotency-Key` fills the field of that name.
    """

    method: Method
    path: str
    summary: str
    asks: type[Request]
    reply: type[Answer]
    errors: tuple[str, ...] = ()
    has_idempotency_key: bool = False

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names in braces of the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def has_body(self) -> bool:
        """Say whether the fields that are not in the path come as JSON."""
        return self.method in ("POST", "PATCH")


VAULT = ("locked", "no-identity", "relay")
"""Problems of everything that needs the vault."""

CONTACT = (*VAULT, "not-found", "ambiguous")
"""Problems of everything that names a contact."""

COMPARISON = (*CONTACT, "blocked", "not-answered", "request")
"""Problems of everything that is done together with a contact."""

NUMBERED = (*VAULT, "not-found")
"""Problems of everything that names something by its number."""

ROUTES = (
    Route(
        "GET",
        "/v1/status",
        "The node in one look; works while locked",
        AskStatus,
        StatusAnswer,
    ),
    Route(
        "GET",
        "/v1/identity",
        "Who this profile is",
        AskIdentity,
        IdentityAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/identity",
        "Make this profile's identity",
        CreateIdentity,
        IdentityAnswer,
        ("locked", "exists", "relay", "bad-name"),
    ),
    Route(
        "GET",
        "/v1/invites",
        "All invites, newest first",
        AskInvites,
        InvitesAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/invites",
        "Make an invite",
        CreateInvite,
        InviteAnswer,
        (*VAULT, "too-many", "bad-name", "bad-address", "bad-invite-terms"),
    ),
    Route(
        "POST",
        "/v1/invites/inspect",
        "Say what an invite would do, and do nothing",
        InspectInvite,
        InviteContentsAnswer,
        (*VAULT, "bad-invite"),
    ),
    Route(
        "DELETE",
        "/v1/invites/{invite}",
        "Revoke an invite",
        RevokeInvite,
        InviteAnswer,
        (*VAULT, "not-found"),
    ),
    Route(
        "GET",
        "/v1/contacts",
        "All contacts, by label",
        AskContacts,
        ContactsAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/contacts",
        "Add the author of an invite link",
        AddContact,
        ContactAnswer,
        (*VAULT, "exists", "too-many", "blocked", "bad-invite", "bad-name", "invite-expired"),
    ),
    Route(
        "PATCH",
        "/v1/contacts/{contact}",
        "Give a contact another label",
        RenameContact,
        ContactAnswer,
        (*CONTACT, "exists", "bad-name"),
    ),
    Route(
        "GET",
        "/v1/contacts/{contact}",
        "All that is told of a contact, with the comparison under way",
        AskContact,
        ContactDetailsAnswer,
        CONTACT,
    ),
    Route(
        "DELETE",
        "/v1/contacts/{contact}",
        "Forget a contact with all messages and keys",
        RemoveContact,
        Done,
        CONTACT,
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/verify",
        "Say that their safety number was compared, or take it back",
        VerifyContact,
        ContactAnswer,
        (*CONTACT, "no-key"),
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/block",
        "Open nothing of theirs and send nothing to them, or again",
        BlockContact,
        ContactAnswer,
        CONTACT,
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/accept",
        "Let somebody who waits apart become a contact",
        AcceptRequest,
        ContactAnswer,
        CONTACT,
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/replace",
        "Go on under the new keys of a contact who has a new identity",
        ReplaceIdentity,
        ContactAnswer,
        (*CONTACT, "blocked", "same-contact"),
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/renew",
        "Begin new keys with a contact who does not open what is sent",
        RenewSession,
        ContactAnswer,
        (*CONTACT, "cannot-renew"),
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/read-receipts",
        "Whether this contact is told what was read",
        SetReadReceipts,
        ContactAnswer,
        CONTACT,
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/compare",
        "Begin a live comparison, or take up theirs",
        Compare,
        ComparisonAnswer,
        COMPARISON,
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/compare/verdict",
        "Say whether both sides show the same",
        ConfirmComparison,
        ComparisonAnswer,
        (*COMPARISON, "nothing-to-compare"),
    ),
    Route(
        "POST",
        "/v1/contacts/{contact}/introduce",
        "Introduce a contact to another one",
        Introduce,
        Done,
        (*COMPARISON, "same-contact", "too-many"),
    ),
    Route(
        "GET",
        "/v1/introductions",
        "All introductions, newest first",
        AskIntroductions,
        IntroductionsAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/introductions/{introduction}",
        "Accept or decline an introduction",
        AnswerIntroduction,
        IntroductionAnswer,
        NUMBERED,
    ),
    Route(
        "GET",
        "/v1/conversations",
        "All conversations, in the order in which a list shows them",
        AskConversations,
        ConversationsAnswer,
        VAULT,
    ),
    Route(
        "GET",
        "/v1/conversations/{conversation}",
        "One conversation: its title, last item, settings and draft",
        AskConversation,
        ConversationAnswer,
        CONTACT,
    ),
    Route(
        "PATCH",
        "/v1/conversations/{conversation}",
        "Change what is kept here of a conversation: mute, pin, archive, mark, draft",
        ChangeConversation,
        ConversationAnswer,
        (*CONTACT, "too-large", "bad-text"),
    ),
    Route(
        "GET",
        "/v1/conversations/{conversation}/items",
        "A page of one conversation in its order: the newest, or before, after or around an item",
        AskItems,
        ItemsAnswer,
        CONTACT,
    ),
    Route(
        "GET",
        "/v1/messages",
        "A page of a conversation, or of all direct ones in order of arrival",
        AskMessages,
        MessagesAnswer,
        CONTACT,
    ),
    Route(
        "POST",
        "/v1/messages",
        "Send a message; answered when it is durable here",
        SendMessage,
        MessageAnswer,
        (
            *CONTACT,
            "blocked",
            "invite-expired",
            "key-reused",
            "bad-key",
            "bad-text",
            "empty",
            "no-room",
            "too-large",
            "too-many",
        ),
        has_idempotency_key=True,
    ),
    Route(
        "POST",
        "/v1/messages/batch",
        "Send many messages; each is answered by itself",
        SendMessages,
        SentMessages,
    ),
    Route(
        "POST",
        "/v1/messages/{message}/withdraw",
        "Take back a message that is on its way",
        WithdrawMessage,
        MessageAnswer,
        (*NUMBERED, "too-late"),
    ),
    Route(
        "GET",
        "/v1/nearby",
        "Ask the nodes around who is there; answered with who is known so far",
        AskNearby,
        NearbyAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/nearby",
        "Offer a card to the nodes around, or stop it",
        SetNearby,
        NearbyAnswer,
        VAULT,
    ),
    Route(
        "POST",
        "/v1/nearby/{person}/compare",
        "Begin a comparison with somebody near, or take up theirs",
        CompareNearby,
        NearbyPersonAnswer,
        (*NUMBERED, "nearby-off", "not-near"),
    ),
    Route(
        "POST",
        "/v1/nearby/{person}/verdict",
        "Say whether both sides show the same",
        ConfirmNearby,
        NearbyPersonAnswer,
        (*NUMBERED, "nearby-off", "not-near", "nothing-to-compare"),
    ),
    Route(
        "GET",
        "/v1/peers",
        "Neighbours, candidates and configured addresses",
        AskPeers,
        PeersAnswer,
    ),
    Route(
        "POST",
        "/v1/peers",
        "Remember an address to dial",
        AddPeer,
        Done,
        ("bad-address", "too-many"),
    ),
    Route(
        "DELETE",
        "/v1/peers",
        "Forget a configured address",
        RemovePeer,
        Done,
        ("bad-address", "not-found"),
    ),
    Route(
        "POST",
        "/v1/unlock",
        "Open the vault with its passphrase",
        Unlock,
        Done,
        ("wrong-passphrase", "no-identity", "relay"),
    ),
    Route(
        "POST",
        "/v1/lock",
        "Close the vault; done at once if it is closed",
        Lock,
        Done,
        ("no-passphrase", "relay"),
    ),
    Route(
        "POST",
        "/v1/passphrase",
        "Change, set or remove the passphrase of the vault",
        ChangePassphrase,
        Done,
        ("wrong-passphrase", "no-identity", "bad-passphrase", "relay"),
    ),
    Route(
        "POST",
        "/v1/stop",
        "Stop the daemon",
        Stop,
        Done,
    ),
)

ROUTE_BY_REQUEST: dict[type[Request], Route] = {route.asks: route for route in ROUTES}

EVENTS_PATH = "/v1/events"
CARRY_EXPORT_PATH = "/v1/carry/export"
CARRY_IMPORT_PATH = "/v1/carry/import"
CARRY_SUMMARY_PATH = "/v1/carry/summary"
OPENAPI_PATH = "/v1/openapi.json"
