"""Every command that a person or a program may give to a node."""

from mesh.commands.contacts import (
    AcceptRequest,
    AddContact,
    AskContact,
    AskContacts,
    BlockContact,
    RemoveContact,
    RenameContact,
    RenewSession,
    ReplaceIdentity,
    SetReadReceipts,
    VerifyContact,
)
from mesh.commands.conversations import AskConversation, AskConversations, ChangeConversation
from mesh.commands.identity import AskIdentity, CreateIdentity
from mesh.commands.introductions import AnswerIntroduction, AskIntroductions, Introduce
from mesh.commands.invites import AskInvites, CreateInvite, InspectInvite, RevokeInvite
from mesh.commands.items import AskItems
from mesh.commands.messages import AskMessages, SendMessage, WithdrawMessage
from mesh.commands.nearby import AskNearby, CompareNearby, ConfirmNearby, SetNearby
from mesh.commands.peers import AddPeer, AskPeers, RemovePeer
from mesh.commands.status import AskStatus
from mesh.commands.verification import Compare, ConfirmComparison

Command = (
    CreateIdentity
    | AskIdentity
    | AskStatus
    | CreateInvite
    | AskInvites
    | RevokeInvite
    | AddContact
    | AskContacts
    | RenameContact
    | AskContact
    | VerifyContact
    | BlockContact
    | AcceptRequest
    | RemoveContact
    | ReplaceIdentity
    | RenewSession
    | SetReadReceipts
    | Compare
    | ConfirmComparison
    | Introduce
    | AskIntroductions
    | AnswerIntroduction
    | InspectInvite
    | WithdrawMessage
    | SetNearby
    | AskNearby
    | CompareNearby
    | ConfirmNearby
    | SendMessage
    | AskMessages
    | AskConversations
    | AskConversation
    | ChangeConversation
    | AskItems
    | AskPeers
    | AddPeer
    | RemovePeer
)
