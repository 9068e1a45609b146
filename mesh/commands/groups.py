"""Groups: which there are, who is in them, and what each may."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.fields import Contact, Conversation, Number, PageLimit
from mesh.limits.api import NUMBER_MAX
from mesh.limits.groups import (
    ABOUT_BYTES_MAX,
    GROUP_NAME_BYTES_MAX,
    INVITE_NOTE_BYTES_MAX,
    MEMBERS_MAX,
    PERSONS_PER_OPERATION_MAX,
)

GroupState = Literal["invited", "joining", "in", "waiting-for-keys", "left", "removed", "closed"]
"""Our standing in a group; *joining*: our word is on its way; *waiting-for-keys*: there are no keys
for just those who are in, so what is written waits.
"""

RoleName = Literal["member", "admin", "owner"]
"""The role of a member; power runs strictly downwards."""

ActionName = Literal["created", "added", "removed", "left", "role", "set"]
"""The kind of an operation."""

Allowed = Literal["members", "admins"]
"""The least role that may do something."""

Switch = Literal["on", "off"]

TellsReceipts = Literal["nothing", "held", "read"]
"""The things that members learn from us: nothing, what came here, or also what was read."""

GroupName = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": GROUP_NAME_BYTES_MAX})]
"""The name of a group, a line."""

About = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": ABOUT_BYTES_MAX})]
"""The purpose of a group, in a few sentences."""

InviteNote = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": INVITE_NOTE_BYTES_MAX})]
"""Something that an invite says beside the group's name."""

Asked = Annotated[
    tuple[Contact, ...],
    msgspec.Meta(max_length=PERSONS_PER_OPERATION_MAX, extra_json_schema={"minItems": 0}),
]
"""Contacts who are asked into a group."""

Group = Conversation
"""A group, by its name or by the number of its conversation."""


Member = Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
"""A member, by his number in `MemberAnswer`."""


OperationName = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
"""The id of an operation of a group, in hexadecimal digits."""
Members = Annotated[tuple[Member, ...], msgspec.Meta(max_length=MEMBERS_MAX)]
"""Members, by their numbers."""


class GroupSettings(Answer, frozen=True, kw_only=True):
    """The settings in force: who may add people, write, pin and set the timer, and the rest.

    `history`: days of what was said before, for a newcomer. `lifetime`: class of envelopes, 0 a
    day, 1 a week, 2 a month.
    """

    add: Allowed
    write: Allowed
    pin: Allowed
    timer: Allowed
    board: Switch
    history: int
    lifetime: int
    acks: Literal["auto", "on", "off"]
    closed: bool


class GroupAnswer(Answer, frozen=True, kw_only=True):
    """A group. Until its operations are here, name and count are those that the invite told.

    `code`: 10 digits to read out: who has other ones knows other operations. `waiting_since` and
    `waiting_for`: since when there are no keys for all who are in, and whose are missing.
    """

    conversation: int
    gid: str
    name: str
    about: str
    role: RoleName | None
    """Our role; None: we are no member."""

    members_count: int
    state: GroupState
    waiting_since: int
    waiting_for: list[str]
    code: str
    inviter: str
    """The label of who asked us in; empty: nobody did."""

    note: str
    invited: list[str]
    """Contacts whose answer is awaited, by their labels."""

    settings: GroupSettings | None
    removed_by: str = ""
    """The label of who removed us, or what they call themselves; empty: nobody did."""

    lost_since: int = 0
    """When it showed last that this profile was put back, or that there is a copy of it: members
    have something of ours that is not here. In Unix seconds; 0: never.
    """
    is_known: bool
    """Contacts in the group are to recognise us."""

    tells: TellsReceipts
    """What members learn from us: nothing, what came here, or also what was read."""


class GroupsAnswer(Answer, frozen=True, kw_only=True):
    """All groups, by number."""

    groups: list[GroupAnswer]


class MemberAnswer(Answer, frozen=True, kw_only=True):
    """A member. `number` is this profile's own; `name` is what he calls himself in the group, and
    `label` what he is called here: as the contact who he is, else by that name. `mark`: the first
    digits of his key, where he could be taken for another; it names nobody. `contact`: the contact
    who he is, if that is known, else 0. `heard`: when something of him was opened last, in Unix
    seconds; 0: never. `looks_like`: labels of others that look alike.
    """

    member: int
    key: str
    name: str
    label: str
    contact: int
    role: RoleName
    added_by: str
    heard: int
    is_me: bool
    looks_like: list[str]
    mark: str = ""
    is_double: bool = False
    """He used a number twice: there are two copies of his profile, or he deceives."""

    letter_again: int = 0
    """When another letter to him may be written, in Unix seconds; 0: now, or he is a contact."""


class MembersAnswer(Answer, frozen=True, kw_only=True):
    """All members, by role and then by admission."""

    members: list[MemberAnswer]


class ChangedSetting(Answer, frozen=True, kw_only=True):
    """A setting as it is since an operation; a number is told in digits."""

    setting: str
    value: str


class MembershipAnswer(Answer, frozen=True, kw_only=True):
    """An operation. `counts`: it does, as far as is known here; else `why` it does not.

    `is_mine`: by us; `is_about_me`: we are among `whom`. `role`: the one that was given. `changes`:
    the settings that it gives; of a new group those that are not the default.
    """

    id: str
    at: int
    action: ActionName
    by: str
    is_mine: bool
    whom: list[str]
    is_about_me: bool
    role: RoleName | None
    changes: list[ChangedSetting]
    counts: bool
    why: str
    repeat: bool
    """It was ours and is void, and we may do the same again."""

    keep: bool = False
    """In the log: it is ours and cuts somebody off, and of what they wrote before they knew of it
    some came since, does not count, and would if we kept it.
    """

    is_closing: bool = False
    """A removal of who had left before: a node does that by itself, and nobody is thrown out."""

    is_keeping: bool = False
    """Another word on who was removed or lowered by the same before: what came since counts."""


class MembershipsAnswer(Answer, frozen=True, kw_only=True):
    """Operations, the newest last. `has_more`: there are older ones."""

    operations: list[MembershipAnswer]
    has_more: bool


@dataclass(frozen=True, slots=True)
class MakeGroup:
    """Make a group, and ask contacts into it. Answer: GroupAnswer."""

    name: GroupName
    contacts: Asked = ()
    about: About = ""


@dataclass(frozen=True, slots=True)
class AskGroups:
    """Answer: GroupsAnswer."""


@dataclass(frozen=True, slots=True)
class AskGroup:
    """Answer: GroupAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class AskGroupLog:
    """Ask for all operations, `before` so many of the newest. Answer: MembershipsAnswer."""

    group: Group
    before: Number = 0
    limit: PageLimit = 50


@dataclass(frozen=True, slots=True)
class AskMembers:
    """Answer: MembersAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class InviteToGroup:
    """Ask contacts in; who does not want is not told of. Answer: GroupAnswer."""

    group: Group
    contacts: Asked
    note: InviteNote = ""


@dataclass(frozen=True, slots=True)
class AcceptGroup:
    """Join a group into which we were asked. Answer: GroupAnswer.

    `is_known`: contacts in it are to recognise us.
    """

    group: Group
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class DeclineGroup:
    """Do not join; nobody is told. Answer: Done."""

    group: Group


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Remove a member. Answer: GroupAnswer.

    `undo_since`, in Unix seconds: what he did in the group since then does not count either.
    """

    group: Group
    member: Member
    undo_since: Number | None = None


@dataclass(frozen=True, slots=True)
class SetMemberRole:
    """Give a role, or lay down our own. Answer: GroupAnswer."""

    group: Group
    member: Member
    role: RoleName


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Change settings; what is None stays. Answer: GroupAnswer."""

    group: Group
    name: GroupName | None = None
    about: About | None = None
    add: Allowed | None = None
    write: Allowed | None = None
    pin: Allowed | None = None
    timer: Allowed | None = None
    board: Switch | None = None
    history: Number | None = None
    lifetime: Number | None = None
    acks: Literal["auto", "on", "off"] | None = None
    closed: bool | None = None


@dataclass(frozen=True, slots=True)
class RepeatInGroup:
    """Do again what we did in a group and what does not count. Answer: GroupAnswer.

    `operation`: the `id` of a `MembershipAnswer` of which `repeat` is true.
    """

    group: Group
    operation: OperationName


@dataclass(frozen=True, slots=True)
class KeepInGroup:
    """Keep what came since of who was removed or lowered by us. Answer: GroupAnswer.

    `operation`: the `id` of a `MembershipAnswer` of the log of which `keep` is true.
    """

    group: Group
    operation: OperationName


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Leave a group; who comes back comes as somebody new. Answer: GroupAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class RotateGroup:
    """Make new keys for all members now. Answer: GroupAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class ForgetGroup:
    """Erase all of a group here that we are no member of. Answer: Done."""

    group: Group


@dataclass(frozen=True, slots=True)
class BeKnownInGroup:
    """Let contacts in a group recognise us, or not any more: who does already goes on.

    Answer: GroupAnswer.
    """

    group: Group
    is_known: bool


@dataclass(frozen=True, slots=True)
class SetGroupReceipts:
    """Choose what the members of a group learn: nothing, what came to us, or also what we read.

    Answer: GroupAnswer.
    """

    group: Group
    tells: TellsReceipts


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Make a new group with the settings of one, and ask its members into it who are contacts.

    `without`: members who are not asked. Answer: GroupAnswer, of the new one.
    """

    group: Group
    without: Members = ()
