"""Answers about groups: what is told of one, of its members, and of what was done in it."""

from typing import Final

from mesh.commands.groups import (
    ActionName,
    ChangedSetting,
    GroupAnswer,
    GroupSettings,
    GroupState,
    MemberAnswer,
    MembersAnswer,
    MembershipAnswer,
    MembershipsAnswer,
    RoleName,
)
from mesh.content.entry import OperationId
from mesh.crypto.hashing import blake2b_256
from mesh.group.graph import Graph
from mesh.group.keeping import is_keeping
from mesh.group.membership import Membership, remover
from mesh.group.operations import (
    Add,
    Create,
    Leave,
    Operation,
    OperationKind,
    Remove,
    Role,
    RoleChange,
)
from mesh.group.repeating import repeated
from mesh.group.settings import Settings, SettingsChange
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.member_letters import MEMBER_LETTER_PAUSE_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.conversations.member_names import MemberNames
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.messenger.groups.which_group import name_of, shown_besides
from mesh.messenger.looks import is_alike
from mesh.messenger.names import group_name, holds_like_key, shown_about
from mesh.storage.vault.rows import OURSELVES
from mesh.wire.payload import HLC_COUNTER_BITS

ROLE_NAMES: Final[dict[Role, RoleName]] = {
    Role.MEMBER: "member",
    Role.ADMIN: "admin",
    Role.OWNER: "owner",
}
ROLES: Final = {name: role for role, name in ROLE_NAMES.items()}
_ACTIONS: Final[dict[OperationKind, ActionName]] = {
    OperationKind.CREATE: "created",
    OperationKind.ADD: "added",
    OperationKind.REMOVE: "removed",
    OperationKind.LEAVE: "left",
    OperationKind.ROLE: "role",
    OperationKind.SET: "set",
}
_CODE_DIGITS: Final = 10


class GroupAnswers:
    """Says what is known of groups."""

    def __init__(self, account: Account, *, contacts: Contacts, leaves: LeavesKeeper) -> None:
        self._rows = account.vault.group_people
        self._people = account.vault.contacts
        self._losses = account.vault.group_losses
        self._receipts = account.vault.group_receipts
        self._authors = account.vault.authors
        self._letters = account.vault.member_letters
        self._identity = account.identity
        self._contacts = contacts
        self._leaves = leaves
        self.names = MemberNames(account.vault.member_names, account.vault.authors)

    def group(self, group: Group) -> GroupAnswer:
        """Return what is told of a group."""
        membership, here = group.membership, group.here
        settings = None if membership is None else membership.settings
        role = group.roles.get(group.me)
        state, inviter, note = _state(group, settings), here.inviter, here.note
        others = self._rows.other_invites(group.conversation, is_accepted=False)
        if (invite := shown_besides(group, others)) is not None:
            state, inviter, note = "invited", invite.contact, invite.note
        return GroupAnswer(
            conversation=group.conversation,
            gid=group.gid.hex(),
            name=name_of(group),
            about="" if settings is None else shown_about(settings.about),
            role=None if role is None else ROLE_NAMES[role],
            members_count=here.size if membership is None else len(membership.members),
            state=state,
            waiting_since=here.waiting_since if group.row.state == "in" else 0,
            waiting_for=self._waiting_for(group),
            code="" if membership is None else code_of(membership.graph),
            inviter=self._contacts.find_label(inviter),
            note=note,
            invited=[
                self._contacts.label(row.contact) for row in self._rows.invited(group.conversation)
            ],
            settings=None if settings is None else _settings(settings),
            removed_by=self.removed_by(group) if state == "removed" else "",
            lost_since=self._lost_since(group),
            is_known=group.row.tells_contacts,
            tells=self._receipts.settings(group.conversation).tells,
        )

    def members(self, group: Group, now: Instant) -> MembersAnswer:
        """Return what is told of all members."""
        doubled = self._doubled(group)
        waits = {
            key: written + MEMBER_LETTER_PAUSE_SECONDS
            for key, written in self._letters.written_in(group.conversation).items()
            if is_too_early(written, now)
        }
        return MembersAnswer(
            members=[
                self._member(group, key, is_double=key in doubled, again=waits.get(key, 0))
                for key in group.members
            ]
        )

    def log(self, group: Group, before: int, limit: int) -> MembershipsAnswer:
        """Return a page of what was done, the newest last; `before`: so many of the newest not."""
        membership = group.membership
        if membership is None:
            return MembershipsAnswer(operations=[], has_more=False)
        graph = membership.graph
        ordered = sorted(
            graph.operations(graph.all), key=lambda each: (each.clock, each.id), reverse=True
        )
        page = ordered[before : before + limit]
        return MembershipsAnswer(
            operations=[self.operation(group, each) for each in reversed(page)],
            has_more=len(ordered) > before + limit,
        )

    def find_operation(self, group: Group, id_: OperationId) -> MembershipAnswer | None:
        """Return what is told of an operation, if it is here."""
        membership = group.membership
        if membership is None or id_ not in membership.graph:
            return None
        (operation,) = membership.graph.operations(membership.graph.acts_of(id_))
        return self.operation(group, operation)

    def operation(self, group: Group, operation: Operation) -> MembershipAnswer:
        """Return what is told of an operation."""
        membership = group.membership
        assert membership is not None
        counts = membership.is_effective(operation.id)
        whom, action = _whom(operation), operation.action
        return MembershipAnswer(
            id=operation.id.hex(),
            at=(operation.clock >> HLC_COUNTER_BITS) // 1000,
            action=_ACTIONS[operation.kind],
            by=self.label(group, operation.author),
            is_mine=operation.author == group.me,
            whom=[self.label(group, key) for key in whom],
            is_about_me=group.me in whom,
            role=ROLE_NAMES[action.role] if isinstance(action, RoleChange) else None,
            changes=_changes(group, operation),
            counts=counts,
            why="" if counts else self._why(group, membership, operation),
            repeat=operation.author == group.me and repeated(membership, operation) is not None,
            is_closing=_is_closing(membership, operation),
            is_keeping=is_keeping(membership, operation),
        )

    def label(self, group: Group, key: VerifyKey) -> str:
        """Return what somebody is called: as the contact who he is, or as he calls himself."""
        if key == group.me:
            return self._identity.name
        called = self.find_contact(group, key) or self.own_name(group, key)
        return called or key.hex()[:KEY_PREFIX_DIGITS_MIN]

    def mark(self, group: Group, key: VerifyKey) -> str:
        """Return the beginning of the key of who is no contact, where a reader could take him for
        another: in the group, for a contact, or for our person; else nothing.

        It is for the eye alone, to be shown beside the name. It hangs on whom our person knows, so
        it stands in no name, and in nothing that is sent.
        """
        membership = group.membership
        if membership is None or key == group.me or self.find_contact(group, key) is not None:
            return ""
        name, begin = self.own_name(group, key), key.hex()[:KEY_PREFIX_DIGITS_MIN]
        if not name or name == begin:
            return ""
        could_be_another = (
            holds_like_key(name)
            or is_alike(name, self._identity.name)
            or bool(self._contacts.look_alikes(name, but=None))
            or self.names.is_like_another(group.conversation, membership, key)
        )
        return begin if could_be_another else ""

    def own_name(self, group: Group, key: VerifyKey) -> str:
        """Return what somebody calls himself, also if he is out; empty: nobody knows."""
        membership = group.membership
        return "" if membership is None else self.names.of(group.conversation, membership, key)

    def find_contact(self, group: Group, key: VerifyKey) -> str | None:
        """Return the label of the contact who somebody is, if that is known."""
        row = group.people.get(key)
        return None if row is None or row.contact is None else self._contacts.label(row.contact)

    def _lost_since(self, group: Group) -> int:
        rows = self._losses.of(group.conversation)
        return max((each.noticed for each in rows if each.is_proved), default=0)

    # --- Parts --------------------------------------------------------------------------------

    def _member(self, group: Group, key: VerifyKey, *, is_double: bool, again: int) -> MemberAnswer:
        """`again`: when another letter may be written to him; 0: now."""
        membership = group.membership
        assert membership is not None
        row = group.people[key]
        contact = None if row.contact is None else self._people.contact(row.contact)
        name = self.own_name(group, key)
        return MemberAnswer(
            member=row.number,
            key=key.hex(),
            name=name,
            label=self.label(group, key),
            contact=0 if contact is None else contact.id,
            role=ROLE_NAMES[membership.members[key].role],
            added_by=self._added_by(group, membership, key),
            heard=row.heard,
            is_me=key == group.me,
            looks_like=[] if key == group.me else self._contacts.look_alikes(name, but=contact),
            is_double=is_double,
            mark=self.mark(group, key),
            letter_again=again if contact is None else 0,
        )

    def _doubled(self, group: Group) -> frozenset[VerifyKey]:
        """Return of whom two operations, or two entries, bear one number."""
        if group.membership is None:
            return frozenset()
        graph = group.membership.graph
        found = [
            act.author
            for ids in group.membership.twins()
            for act in graph.of(graph.acts_of(ids[0]))
        ]
        for number in self._authors.doubled(group.conversation):
            found.append(group.me if number == OURSELVES else self._authors.author(number).key)
        return frozenset(found)

    def _added_by(self, group: Group, membership: Membership, key: VerifyKey) -> str:
        counting = membership.view.acts
        for _, act in membership.graph.records(key):
            if act & counting:
                author = next(membership.graph.of(act)).author
                return "" if author == key else self.label(group, author)
        return ""

    def removed_by(self, group: Group) -> str:
        """Return what they are called here who removed us; empty where nobody did."""
        key = None if group.membership is None else remover(group.membership, group.me)
        return "" if key is None else self.label(group, key)

    def _waiting_for(self, group: Group) -> list[str]:
        """The members of whom there is nothing to which keys could be sealed."""
        if group.row.state != "in" or not group.here.waiting_since:
            return []
        known = self._leaves.bundles(group)
        return [
            self.label(group, key) for key in group.members if key != group.me and key not in known
        ]

    def _why(self, group: Group, membership: Membership, operation: Operation) -> str:
        author = self.label(group, operation.author)
        view = membership.view
        if not view.is_in(operation.author):
            return f"{author} was no member any more, as others saw it."
        return f"{author} had no right to it any more, as others saw it."


def is_too_early(written: UnixSeconds, now: Instant) -> bool:
    """Say whether no other letter may be written yet to a member, after the one before."""
    return 0 <= now.mesh - written < MEMBER_LETTER_PAUSE_SECONDS


def code_of(graph: Graph) -> str:
    """Return 10 digits that are the same for all who know the same operations."""
    heads = sorted({act.operation.id for act in graph.latest(graph.heads)})
    number = int.from_bytes(blake2b_256(*map(bytes, heads)), "big")
    return f"{number % 10**_CODE_DIGITS:0{_CODE_DIGITS}}"


def _state(group: Group, settings: Settings | None) -> GroupState:
    if group.row.state != "in":
        return group.row.state
    if settings is not None and settings.closed == "yes":
        return "closed"
    return "waiting-for-keys" if group.here.waiting_since else "in"


def _settings(settings: Settings) -> GroupSettings:
    return GroupSettings(
        add=settings.add,
        write=settings.write,
        pin=settings.pin,
        timer=settings.timer,
        board=settings.board,
        history=settings.history,
        lifetime=settings.lifetime,
        acks=settings.acks,
        closed=settings.closed == "yes",
    )


def _is_closing(membership: Membership, operation: Operation) -> bool:
    """Say whether a removal only notes that somebody left, whom its author knew to be out."""
    if not isinstance(operation.action, Remove):
        return False
    graph = membership.graph
    before = graph.closure(operation.parents)
    return all(graph.person(key).leaves & before for key in _whom(operation))


def _changes(group: Group, operation: Operation) -> list[ChangedSetting]:
    match operation.action:
        case Create(settings=change) | (SettingsChange() as change):
            return [
                ChangedSetting(setting=key, value=_shown(group, key, str(value)))
                for key, value in change.items().items()
            ]
        case _:
            return []


def _shown(group: Group, setting: str, value: str) -> str:
    match setting:
        case "name":
            return group_name(value, group.gid)
        case "about":
            return shown_about(value)
        case _:
            return value


def _whom(operation: Operation) -> list[VerifyKey]:
    match operation.action:
        case Add(records=records):
            return [VerifyKey(record.key) for record in records]
        case Remove(removals=removals):
            return [VerifyKey(each.key) for each in removals]
        case RoleChange(key=key):
            return [VerifyKey(key)]
        case Leave():
            return [operation.author]
        case _:
            return []
