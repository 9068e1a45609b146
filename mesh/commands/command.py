"""Every command that a person or a program may give to a node."""

from dataclasses import replace
from typing import Final

from mesh.commands.carry import AskMailFor
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
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    AskRoom,
    ChangeConversation,
    DeleteItems,
    ReadItems,
    SetTimer,
)
from mesh.commands.files import (
    AddFile,
    AddLargeFile,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    CancelFile,
    FetchFile,
    PauseFile,
)
from mesh.commands.group_links import (
    AnswerKnock,
    AskGroupLinks,
    AskKnocks,
    CreateGroupLink,
    JoinGroup,
    RevokeGroupLink,
)
from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroupLog,
    AskGroups,
    AskMembers,
    BeKnownInGroup,
    ChangeGroup,
    CopyGroup,
    DeclineGroup,
    ForgetGroup,
    InviteToGroup,
    KeepInGroup,
    LeaveGroup,
    MakeGroup,
    RemoveMember,
    RepeatInGroup,
    RotateGroup,
    SetGroupReceipts,
    SetMemberRole,
)
from mesh.commands.identity import AskIdentity, ChangeIdentity, CreateIdentity, TakeOver
from mesh.commands.introductions import AnswerIntroduction, AskIntroductions, Introduce
from mesh.commands.invites import AskInvites, CreateInvite, InspectInvite, RevokeInvite
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    AskFiles,
    AskItem,
    AskItemPeople,
    AskItems,
    AskItemsByArrival,
    AskPins,
    AskVersions,
    ChangeTask,
    ClosePoll,
    EditItem,
    ForgetItem,
    HideItem,
    PinItem,
    ReactToItem,
    RemindOfCheckIn,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.member_letters import AnswerMemberLetter, AskMemberLetters, WriteToMember
from mesh.commands.messages import AskMessage, AskMessages, SendMessage, WithdrawMessage
from mesh.commands.nearby import AskNearby, CompareNearby, ConfirmNearby, SetNearby
from mesh.commands.peers import AddPeer, AskPeers, RemovePeer
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduleText,
)
from mesh.commands.search import Search
from mesh.commands.status import AskStatus
from mesh.commands.verification import Compare, ConfirmComparison

Command = (
    CreateIdentity
    | AskIdentity
    | TakeOver
    | ChangeIdentity
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
    | AskMessage
    | AskConversations
    | AskConversation
    | ChangeConversation
    | AskRoom
    | DeleteItems
    | AskItems
    | AskItemsByArrival
    | AskItem
    | AskItemPeople
    | AskVersions
    | AskPins
    | AskBoard
    | AskFiles
    | WriteItem
    | EditItem
    | RetractItem
    | ForgetItem
    | HideItem
    | ReactToItem
    | PinItem
    | Vote
    | ClosePoll
    | AnswerCheckIn
    | RemindOfCheckIn
    | ChangeTask
    | SetTimer
    | AddFile
    | AddLargeFile
    | AskFile
    | AskFileBlock
    | AskFilePreview
    | FetchFile
    | PauseFile
    | CancelFile
    | ReadItems
    | Search
    | ScheduleText
    | AskScheduled
    | ChangeScheduled
    | CancelScheduled
    | MakeGroup
    | AskGroups
    | AskGroup
    | AskGroupLog
    | AskMembers
    | InviteToGroup
    | AcceptGroup
    | DeclineGroup
    | RemoveMember
    | SetMemberRole
    | ChangeGroup
    | RepeatInGroup
    | KeepInGroup
    | LeaveGroup
    | RotateGroup
    | ForgetGroup
    | BeKnownInGroup
    | SetGroupReceipts
    | CopyGroup
    | CreateGroupLink
    | AskGroupLinks
    | RevokeGroupLink
    | JoinGroup
    | AskKnocks
    | AnswerKnock
    | WriteToMember
    | AskMemberLetters
    | AnswerMemberLetter
    | AskPeers
    | AddPeer
    | RemovePeer
    | AskMailFor
)

READS: Final = (
    AskIdentity,
    AskStatus,
    AskInvites,
    AskContacts,
    AskContact,
    AskIntroductions,
    InspectInvite,
    AskNearby,
    AskMessages,
    AskMessage,
    AskConversations,
    AskConversation,
    AskRoom,
    AskItems,
    AskItemsByArrival,
    AskItem,
    AskItemPeople,
    AskVersions,
    AskPins,
    AskBoard,
    AskFiles,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    Search,
    AskScheduled,
    AskGroups,
    AskGroup,
    AskGroupLog,
    AskGroupLinks,
    AskKnocks,
    AskMemberLetters,
    AskMembers,
    AskPeers,
    AskMailFor,
)
"""The commands that change nothing; what is read of messages may be marked as such."""

SAYS: Final = (
    SendMessage,
    WriteItem,
    EditItem,
    RetractItem,
    ReactToItem,
    HideItem,
    PinItem,
    Vote,
    ClosePoll,
    AnswerCheckIn,
    ChangeTask,
    SetTimer,
)
"""The commands by which something is said in a conversation, to whoever is in it."""


def only_reading(command: Command) -> Command | None:
    """Return a command as it is on a disk that is full; None if it is all about a change."""
    if isinstance(command, AskMessages | AskItemsByArrival):
        return replace(command, mark_read=False)
    if isinstance(command, ReadItems):
        return AskConversation(command.conversation)
    return command if isinstance(command, READS) else None
