"""Commands about groups: making, asking in, joining, changing, leaving."""

from collections.abc import Callable

import msgspec

from mesh.commands.answer import Done
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
    GroupAnswer,
    GroupsAnswer,
    InviteToGroup,
    KeepInGroup,
    LeaveGroup,
    MakeGroup,
    MembersAnswer,
    MembershipsAnswer,
    RemoveMember,
    RepeatInGroup,
    RotateGroup,
    SetMemberRole,
)
from mesh.content.fields import InvalidContentError
from mesh.crypto.signing import SigningKey
from mesh.errors import UserError
from mesh.group.cuts import KnownEntry, RunHad, had_since
from mesh.group.keeping import kept
from mesh.group.operations import (
    RULES,
    Action,
    Add,
    Create,
    Leave,
    Removal,
    Remove,
    RoleChange,
    encode_operation,
)
from mesh.group.posts import NO_GROUP, GroupId, sign_post
from mesh.group.repeating import find_operation, repeated
from mesh.group.settings import SettingsChange, SettingValue, setting_change
from mesh.group.writing import leaving, undo_since
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.refusals import require_answered
from mesh.messenger.feature import Feature, command
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import ROLES, GroupAnswers
from mesh.messenger.groups.invitations import (
    Invitations,
    checked_note,
    may_take_part,
)
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.standing import Standing
from mesh.messenger.groups.which_group import WhichGroup
from mesh.messenger.names import checked_about, checked_name
from mesh.messenger.pauses import Pause
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys
from mesh.storage.vault.group_people import GroupHereRow
from mesh.wire.payload import HLC_COUNTER_BITS

_NONCE_BYTES = 16
_SECOND_MS = 1_000
_EVER_MS = 1 << 62

KnownEntries = Callable[[ConversationId, VerifyKey], list[KnownEntry]]
"""The entries of somebody in a group that are here."""


class GroupCommands:
    """The commands about groups."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        changes: Changes,
        invitations: Invitations,
        standing: Standing,
        contacts: Contacts,
        answers: GroupAnswers,
        known_entries: KnownEntries,
    ) -> None:
        self._conversations = account.vault.conversations
        self._operations = account.vault.groups
        self._people = account.vault.contacts
        self._entropy = account.entropy
        self._identity = account.identity
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._which = WhichGroup(keepers.groups, answers.removed_by)
        self._leaves = keepers.leaves
        self._changes = changes
        self._invitations = invitations
        self._standing = standing
        self._contacts = contacts
        self._answers = answers
        self._known_entries = known_entries

    def feature(self) -> Feature:
        """Everything that a person does with a group, but to speak in it."""
        return Feature(
            commands=[
                command(MakeGroup, self._make),
                command(AskGroups, self._ask_all),
                command(AskGroup, self._ask),
                command(AskGroupLog, self._ask_log),
                command(AskMembers, self._ask_members),
                command(InviteToGroup, self._invite),
                command(AcceptGroup, self._accept),
                command(DeclineGroup, self._decline),
                command(RemoveMember, self._remove),
                command(SetMemberRole, self._set_role),
                command(ChangeGroup, self._change),
                command(RepeatInGroup, self._repeat),
                command(KeepInGroup, self._keep),
                command(LeaveGroup, self._leave),
                command(RotateGroup, self._rotate),
                command(ForgetGroup, self._forget),
                command(BeKnownInGroup, self._be_known),
                command(CopyGroup, self._copy),
            ]
        )

    # --- Asking -------------------------------------------------------------------------------

    def _ask_all(self, asked: AskGroups, now: Instant) -> GroupsAnswer:
        return GroupsAnswer(groups=[self._answers.group(one) for one in self._groups.all])

    def _ask(self, asked: AskGroup, now: Instant) -> GroupAnswer:
        return self._answers.group(self._which.group(asked.group))

    def _ask_log(self, asked: AskGroupLog, now: Instant) -> MembershipsAnswer:
        group = self._which.group(asked.group)
        told = self._answers.log(group, asked.before, asked.limit)
        if not group.is_in:
            return told
        operations = [
            msgspec.structs.replace(one, keep=one.is_mine and self._kept(group, one.id) is not None)
            for one in told.operations
        ]
        return msgspec.structs.replace(told, operations=operations)

    def _ask_members(self, asked: AskMembers, now: Instant) -> MembersAnswer:
        return self._answers.members(self._which.group(asked.group), now)

    # --- Coming in ----------------------------------------------------------------------------

    def _make(self, asked: MakeGroup, now: Instant) -> GroupAnswer:
        """Begin a group, with ourselves as its owner."""
        self._invitations.check_room()
        contacts = [self._contacts.contact(named) for named in asked.contacts]
        for contact in contacts:
            require_answered(contact)
        name = checked_name(asked.name, "The name of the group")
        about = checked_about(asked.about)
        settings = _checked({"name": name, "about": about} if about else {"name": name})
        group = self._begin(settings, now)
        for contact in contacts:
            self._invitations.invite(group, contact, "", now)
        return self._answers.group(group)

    def _begin(self, settings: SettingsChange, now: Instant) -> Group:
        seed = self._entropy.draw(SEED_BYTES)
        keys = IdentityKeys.from_seed(seed)
        bundle, secrets = self._leaves.draw_long(keys, now)
        record = self._invitations.record(keys, seed, bundle.encode())
        create = Create(RULES, self._entropy.draw(_NONCE_BYTES), record, settings)
        post = encode_operation(create, clock=now.mesh_ms << HLC_COUNTER_BITS, seq=0, parents=())
        signed = sign_post(SigningKey.from_seed(keys.signing_seed), NO_GROUP, post)
        conversation = self._conversations.add_group()
        name = str(settings.items()["name"])
        here = GroupHereRow(conversation=conversation, name=name, posted=1)
        group = self._invitations.begin(GroupId(signed.id), here, seed, now)
        self._leaves.keep_long(group, bundle, secrets, now)
        self._groups.set_state(group, "in", now)
        taken = self._groups.take(group, [signed], now)
        self._changes.make_epoch(group, [], now)
        self._standing.took(group, taken, now, pause=Pause.AT_ONCE)
        return group

    def _invite(self, asked: InviteToGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        contacts = [self._contacts.contact(named) for named in asked.contacts]
        checked_note(asked.note)
        for contact in contacts:
            self._invitations.check_may_invite(group, contact)
        for contact in contacts:
            self._invitations.invite(group, contact, asked.note, now)
        return self._answers.group(group)

    def _accept(self, asked: AcceptGroup, now: Instant) -> GroupAnswer:
        group = self._which.any_group(asked.group)
        invite = self._invitations.asked_besides(group)
        if invite is None and group.row.state not in ("invited", "joining"):
            raise UserError("decided", "You were in this group already.")
        asked_by = group.here.inviter if invite is None else invite.contact
        if asked_by is None:
            raise UserError("gone", "Who asked you into this group is no contact any more.")
        inviter = self._people.contact(asked_by)
        require_answered(inviter)
        if invite is not None:
            group = self._invitations.take_up(group, invite, now)
        self._groups.tell_contacts(group, is_known=asked.is_known)
        self._invitations.accept(group, inviter, now)
        return self._answers.group(group)

    def _decline(self, asked: DeclineGroup, now: Instant) -> Done:
        group = self._which.any_group(asked.group)
        is_open = self._invitations.asked_besides(group) is not None
        if not is_open and group.row.state not in ("invited", "joining"):
            raise UserError("decided", "You were in this group already; leave it.")
        self._invitations.decline(group, now)
        return Done()

    # --- Changing -----------------------------------------------------------------------------

    def _remove(self, asked: RemoveMember, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        key = self._which.member(group, asked.member)
        membership = group.membership
        assert membership is not None
        entries = self._known_entries(group.conversation, key)
        since_ms = _EVER_MS
        undo = None
        if asked.undo_since is not None:
            since_ms = asked.undo_since * _SECOND_MS
            received = {
                row.id: row.received * _SECOND_MS
                for row in self._operations.operations(group.conversation)
            }
            undo = undo_since(membership, key, since_ms, received)
        had = had_since(entries, since_ms) if undo is not None else self._had(group, key)
        removal = Removal(key, undo, had)
        self._changes.do(group, Remove((removal,)), now)
        if (contact := self._groups.person(group, key).contact) is not None:
            # Who came in by another way could come back by an invite that is open still.
            self._invitations.take_back(group, contact)
        return self._answers.group(group)

    def _set_role(self, asked: SetMemberRole, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        key = self._which.member(group, asked.member)
        role = ROLES[asked.role]
        is_lowered = role < group.roles[key]
        had = self._had(group, key) if is_lowered else ()
        self._changes.do(group, RoleChange(key, role, None, had), now)
        return self._answers.group(group)

    def _change(self, asked: ChangeGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        values: dict[str, SettingValue] = {}
        for name in (*_WORDS, "closed"):
            value = getattr(asked, name)
            if value is not None:
                values[name] = ("yes" if value else "no") if name == "closed" else value
        if asked.name is not None:
            values["name"] = checked_name(asked.name, "The name of the group")
        if asked.about is not None:
            values["about"] = checked_about(asked.about)
        if values:
            self._changes.do(group, _checked(values), now)
        return self._answers.group(group)

    def _repeat(self, asked: RepeatInGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        membership = group.membership
        assert membership is not None
        operation = find_operation(membership, asked.operation)
        if operation is None or operation.author != group.me:
            raise UserError("not-found", "You did nothing of that name in this group.")
        action = repeated(membership, operation)
        if action is None:
            raise UserError(
                "decided", "There is nothing to repeat: it counts, changes nothing, or you may not."
            )
        match action:
            case Add():
                self._invitations.add_again(group, action, now)
            case Remove(removals=removals):
                again = tuple(
                    Removal(each.key, each.undo, self._had(group, VerifyKey(each.key)))
                    for each in removals
                )
                self._changes.do(group, Remove(again), now)
            case RoleChange(key=key, role=role) if role < group.roles[VerifyKey(key)]:
                had = self._had(group, VerifyKey(key))
                self._changes.do(group, RoleChange(key, role, action.undo, had), now)
            case _:
                self._changes.do(group, action, now)
        return self._answers.group(group)

    def _keep(self, asked: KeepInGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        action = self._kept(group, asked.operation)
        if action is None:
            raise UserError(
                "decided",
                "There is nothing to keep: nobody is cut off by that, or nothing came since.",
            )
        self._changes.do(group, action, now)
        return self._answers.group(group)

    def _kept(self, group: Group, name: str) -> Action | None:
        """Return what keeps all that came since of those whom an operation of ours cuts off."""
        membership = group.membership
        assert membership is not None
        operation = find_operation(membership, name)
        if operation is None or operation.author != group.me:
            return None
        return kept(membership, operation, lambda key: self._had(group, key))

    def _leave(self, asked: LeaveGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        membership = group.membership
        assert membership is not None
        for action in leaving(membership, group.me, Leave(self._had(group, group.me))):
            self._changes.do(group, action, now)
        return self._answers.group(group)

    def _rotate(self, asked: RotateGroup, now: Instant) -> GroupAnswer:
        group = self._which.member_of(asked.group)
        self._changes.renew(group, now)
        return self._answers.group(group)

    def _forget(self, asked: ForgetGroup, now: Instant) -> Done:
        group = self._which.any_group(asked.group)
        if group.is_in:
            number = group.conversation
            raise UserError("forbidden", f"You are in this group, {number}: leave it first.")
        self._groups.erase(group)
        self._answers.names.drop(group.conversation)
        return Done()

    def _be_known(self, asked: BeKnownInGroup, now: Instant) -> GroupAnswer:
        group = self._which.group(asked.group)
        self._groups.tell_contacts(group, is_known=asked.is_known)
        if asked.is_known:
            self._standing.say_hello(group)
        return self._answers.group(group)

    def _copy(self, asked: CopyGroup, now: Instant) -> GroupAnswer:
        """Begin anew with those who want it: against an owner who cannot be removed."""
        group = self._which.group(asked.group)
        membership = group.membership
        if membership is None:
            raise UserError("forbidden", "Nothing of this group is here that could be copied.")
        self._invitations.check_room()
        left_out = [self._which.member(group, number) for number in asked.without]
        values: dict[str, SettingValue] = msgspec.structs.asdict(membership.settings)
        copy = self._begin(_checked(values | {"closed": "no"}), now)
        for key in group.members:
            row = group.people[key]
            contact = None if row.contact is None else self._people.contact(row.contact)
            if key in left_out or contact is None or not may_take_part(contact):
                continue
            self._invitations.invite(copy, contact, "", now)
        return self._answers.group(copy)

    def _had(self, group: Group, key: VerifyKey) -> tuple[RunHad, ...]:
        entries = self._known_entries(group.conversation, key)
        return self._groups.had(group, key, had_since(entries, _EVER_MS))


_WORDS = ("name", "about", "add", "write", "pin", "timer", "board", "history", "lifetime", "acks")


def _checked(values: dict[str, SettingValue]) -> SettingsChange:
    try:
        return setting_change(values)
    except InvalidContentError as error:
        raise UserError("bad-content", f"That cannot be set: {error}.") from error
