"""Links into a group, and who stands at them."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.fields import InviteText, Number
from mesh.commands.groups import Group, InviteNote
from mesh.limits.groups import GROUP_LINK_LIFETIME_SECONDS_MAX, MEMBERS_MAX

LinkUses = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MEMBERS_MAX})]
"""So many may come by a link."""

LinkLifetime = Annotated[
    int,
    msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": GROUP_LINK_LIFETIME_SECONDS_MAX}),
]
"""The seconds that a link lives."""


class GroupLinkAnswer(Answer, frozen=True, kw_only=True):
    """A link of ours into a group. `link` carries all keys, `qr` and `short_link` a hash of them,
    so that they come over the mesh; all are empty where it is not open.

    *ended*: we may add nobody any more.
    """

    number: int
    link: str
    qr: str
    short_link: str
    created: int
    expires: int
    uses: int
    uses_max: int
    needs_approval: bool
    state: Literal["open", "used up", "expired", "revoked", "ended"]


class GroupLinksAnswer(Answer, frozen=True, kw_only=True):
    """Our links into a group, the newest first."""

    links: list[GroupLinkAnswer]


class KnockAnswer(Answer, frozen=True, kw_only=True):
    """Somebody who stands at a link into a group, by the name that they give themselves.

    `link`: by which of ours; 0: at one of another member. `looks_like`: labels of contacts that
    look alike.
    """

    knock: int
    name: str
    key: str
    note: str
    came: int
    link: int
    looks_like: list[str]


class KnocksAnswer(Answer, frozen=True, kw_only=True):
    """Those who wait to be admitted or refused, as they came."""

    knocks: list[KnockAnswer]


@dataclass(frozen=True, slots=True)
class CreateGroupLink:
    """Make a link into a group. Answer: GroupLinkAnswer.

    `needs_approval`: somebody who may add people admits each; else who has it is let in. It lives
    at most 30 days.
    """

    group: Group
    uses_max: LinkUses = MEMBERS_MAX
    lifetime_s: LinkLifetime = 7 * 86_400
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class AskGroupLinks:
    """Answer: GroupLinksAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class RevokeGroupLink:
    """Close a link; who came by it stays. Answer: GroupLinkAnswer."""

    group: Group
    link: Number


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Ask to be let into a group by a link. Answer: GroupAnswer, with state `joining`.

    `is_known`: contacts in it are to recognise us.
    """

    link: InviteText
    note: InviteNote = ""
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class AskKnocks:
    """Answer: KnocksAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class AnswerKnock:
    """Admit or refuse somebody at a link; who is refused is told nothing. Answer: KnocksAnswer."""

    group: Group
    knock: Number
    is_admitted: bool
