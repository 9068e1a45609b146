"""Coming into a group by a contact: invite, word of acceptance, welcome.

Implements `docs/protocol/groups.md`, section "Coming in". All three are controls of a session, so
each is by that contact. The inviter's node adds who accepts (`acceptances.py`); the newcomer checks
all from the group's id on.
"""

from msgspec.structs import replace

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.entrance import ENTRANCE_BYTES, entrance_of
from mesh.group.inviting import (
    VERSION,
    GroupAccept,
    GroupInvite,
    GroupWelcome,
    decode_invite,
    decode_welcome,
    encode_step,
)
from mesh.group.operations import NO_CONSENT, Add, Record, consent
from mesh.group.posts import GroupId
from mesh.group.wraps import Trouble, Wraps
from mesh.group.writing import check_action
from mesh.ids import ContactId, Instant, UnixSeconds, VerifyKey
from mesh.limits.groups import (
    GROUPS_MAX,
    INVITE_NOTE_BYTES_MAX,
    INVITED_KEPT_SECONDS,
    INVITES_OF_CONTACT_MAX,
    MEMBERS_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.refusals import require_answered
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, ReceivedControl
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.epochs_keeper import Made
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.membership_keeper import AWAITING
from mesh.messenger.groups.standing import Standing
from mesh.messenger.groups.which_group import name_of, shown_besides
from mesh.messenger.names import is_fair_name
from mesh.messenger.pauses import Pause
from mesh.messenger.pending_events import GroupNews
from mesh.messenger.sessions.payloads import Keeping
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys
from mesh.storage.vault.group_people import (
    GroupHereRow,
    GroupMemberRow,
    InvitedRow,
    OtherInviteRow,
)
from mesh.storage.vault.groups import GroupRow
from mesh.storage.vault.rows import ContactRow
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.controls import GROUP_ACCEPT, GROUP_INVITE, GROUP_WELCOME


class Invitations:
    """Invites into groups, ours and theirs."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        changes: Changes,
        standing: Standing,
        outbox: Outbox,
    ) -> None:
        self._rows = account.vault.group_people
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._identity = account.identity
        self._entropy = account.entropy
        self._kem = account.kem
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._changes = changes
        self._standing = standing
        self._outbox = outbox

    def feature(self) -> Feature:
        """Return what contacts say of groups."""
        return Feature(
            controls={
                GROUP_INVITE: self._invited,
                GROUP_WELCOME: self._welcomed,
            },
            cleanups=[self._forget_old],
        )

    # --- What our person does -----------------------------------------------------------------

    def check_may_invite(self, group: Group, contact: ContactRow) -> None:
        """UserError if a contact cannot be asked in."""
        require_answered(contact)
        if any(row.contact == contact.id and key in group.members for key, row in _people(group)):
            raise UserError("exists", f"{contact.label} is in this group already.")
        asked = len(self._rows.invited(group.conversation))
        if len(group.members) + asked >= MEMBERS_MAX:
            raise UserError("too-many", f"A group has at most {MEMBERS_MAX} members.")
        membership = group.membership
        assert membership is not None
        # Whether they may be added is asked with a record that is nobody's.
        nobody = Record(bytes(32), bytes(32), bytes(32), bytes(ENTRANCE_BYTES), "?", NO_CONSENT)
        check_action(membership, group.me, Add((nobody,)))

    def invite(self, group: Group, contact: ContactRow, note: str, now: Instant) -> None:
        """Ask a contact in; again: the invite is told again."""
        assert group.membership is not None
        invite = GroupInvite(
            VERSION,
            group.gid,
            name_of(group),
            group.me,
            len(group.members),
            checked_note(note),
        )
        self._rows.put_invited(InvitedRow(group.conversation, contact.id, now.expiry))
        self._send(contact, GROUP_INVITE, encode_step(invite), Pause.AT_ONCE, now)
        self._pending_events.group_changed(group.conversation)

    def stop_asking(self, group: Group, contact: ContactId) -> None:
        """Tell an invite of ours no more: whoever answered it, and is removed later, would be asked
        in anew by it.
        """

        def is_ours(kind: int, data: bytes) -> bool:
            return kind == GROUP_INVITE and decode_invite(data).gid == group.gid

        self._outbox.drop_controls(contact, is_ours)

    def take_back(self, group: Group, contact: ContactId) -> None:
        """Ask somebody in no more: an answer that comes yet is nothing to us."""
        self._rows.remove_invited(group.conversation, contact)
        self.stop_asking(group, contact)

    def add_again(self, group: Group, action: Add, now: Instant) -> None:
        """Add people once more, since it did not count that we added them: their word still holds,
        under the same keys.
        """
        made = self._changes.do(group, action, now)
        assert made is not None
        for record in action.records:
            key = VerifyKey(record.key)
            contact = self._groups.person(group, key).contact
            if contact is not None and key in made.welcomes:
                self.welcome(self._people.contact(contact), group, made, key, Pause.AT_ONCE, now)

    def asked_besides(self, group: Group) -> OtherInviteRow | None:
        """The open invite into a group that is shown, if it is another one than the first."""
        return shown_besides(group, self._rows.other_invites(group.conversation, is_accepted=False))

    def take_up(self, group: Group, invite: OtherInviteRow, now: Instant) -> Group:
        """Go by another invite than the one before: it is about to be accepted.

        Who waits to be added stays who he is, since whom he answered before may have added him. Who
        was in the group comes back as somebody new.
        """
        before = group.here
        if group.row.state in ("invited", "joining"):
            self._rows.drop_other_invite(invite)
            if before.inviter is not None and before.inviter != invite.contact:
                self._rows.put_other_invite(_accepted_of(before, before.inviter, now))
        else:
            seed = self._entropy.draw(SEED_BYTES)
            here = GroupHereRow(conversation=group.conversation)
            others = self._rows.other_invites(group.conversation, is_accepted=False)
            group = self.begin(group.gid, here, seed, now, is_new=False)
            for other in others:
                if other != invite:
                    self._rows.put_other_invite(other)
        self._go_by(group, invite)
        return group

    def accept(self, group: Group, inviter: ContactRow, now: Instant) -> None:
        """Join: our record goes to who asked us."""
        bundle = self.own_bundle(group, now).encode()
        record = self.record(group.keys, group.row.seed, bundle)
        accept = GroupAccept(VERSION, group.gid, consent(group.signing, group.gid, record), bundle)
        self._groups.set_state(group, "joining", now)
        self._send(inviter, GROUP_ACCEPT, encode_step(accept), Pause.AT_ONCE, now)
        self._pending_events.group_changed(group.conversation)

    def own_bundle(self, group: Group, now: Instant) -> Bundle:
        """Our newest bundle in a group; drawn if there is none."""
        found = self._leaves.own_bundle(group)
        if found is not None:
            return decode_bundle(found, is_signature_valid)
        bundle, secrets = self._leaves.draw_long(group.keys, now)
        self._leaves.keep_long(group, bundle, secrets, now)
        return bundle

    def record(self, keys: IdentityKeys, seed: bytes, bundle: bytes) -> Record:
        """Our record, without the word that we want to be added.

        The entrance follows from the seed: whoever has one of them from a backup has both.
        """
        return Record(
            keys.verify_key,
            keys.identity_key,
            blake2b_256(bundle),
            entrance_of(seed),
            self._identity.name,
            NO_CONSENT,
        )

    def begin(
        self,
        gid: GroupId,
        here: GroupHereRow,
        seed: bytes,
        now: Instant,
        *,
        is_new: bool = True,
    ) -> Group:
        """Add a group in which we are not yet; or one in which we were, to be somebody new."""
        row = GroupRow(here.conversation, gid, seed, "invited", UnixSeconds(0), True)
        begin = self._groups.add if is_new else self._groups.begin_anew
        return begin(row, replace(here, since=now.expiry))

    def check_room(self) -> None:
        """UserError if there are too many groups."""
        if len(self._groups.all) >= GROUPS_MAX:
            raise UserError("too-many", f"There are {GROUPS_MAX} groups already; forget some.")

    # --- What contacts say --------------------------------------------------------------------

    def _invited(self, control: ReceivedControl, now: Instant) -> None:
        """A contact asks us into a group."""
        contact = control.contact
        if contact.is_request:
            raise PeerError("an invite into a group by somebody who waits apart")
        invite = decode_invite(control.data)
        if not is_fair_name(invite.name) or (invite.note and not _is_shown(invite.note)):
            raise PeerError("an invite into a group with a name that no screen shows")
        group = self._groups.find_by_id(invite.gid)
        if group is not None and group.row.state == "in":
            raise PeerError("an invite into a group in which we are")
        if group is not None:
            self._asked_again(group, _open_of(group, invite, contact, now))
            return
        self._check_may_ask(contact)
        if len(self._groups.all) >= GROUPS_MAX:
            raise PeerError("too many groups")
        conversation = self._conversations.add_group()
        here = GroupHereRow(
            conversation=conversation,
            name=invite.name,
            inviter=contact.id,
            inviter_key=invite.inviter,
            size=invite.size,
            note=invite.note,
        )
        seed = self._entropy.draw(SEED_BYTES)
        group = self.begin(GroupId(invite.gid), here, seed, now)
        self.knows(group, VerifyKey(invite.inviter), contact)
        self._pending_events.group_changed(conversation, GroupNews("invited"))

    def _check_may_ask(self, contact: ContactRow) -> None:
        open_ = [one for one in self._groups.all if one.row.state == "invited"]
        asked = sum(one.here.inviter == contact.id for one in open_)
        asked += len(self._rows.other_invites_of(contact.id))
        if asked >= INVITES_OF_CONTACT_MAX:
            raise PeerError("too many invites into groups")

    def _asked_again(self, group: Group, invite: OtherInviteRow) -> None:
        """Into a group into which we were asked, in which we wait to be added, or were: until our
        person accepts nothing of it changes. Whoever asks may not be in it, so he takes the place
        of nobody's invite but his own.
        """
        is_open = group.row.state == "invited" and group.here.inviter is not None
        if is_open and group.here.inviter == invite.contact:
            self._go_by(group, invite)
        else:
            asked = self._rows.other_invites_of(invite.contact)
            if all(row.conversation != group.conversation for row in asked):
                self._check_may_ask(self._people.contact(invite.contact))
            self._rows.put_other_invite(invite)
            if is_open:
                # It is shown once the first is answered.
                return
        self._pending_events.group_changed(group.conversation, GroupNews("invited"))

    def _go_by(self, group: Group, invite: OtherInviteRow) -> None:
        """Let an invite be the one by which we know a group."""
        told = replace(
            group.here,
            name=invite.name,
            inviter=invite.contact,
            inviter_key=invite.inviter_key,
            size=invite.size,
            note=invite.note,
            since=invite.came,
        )
        self._groups.put(group, told)
        self.knows(group, VerifyKey(invite.inviter_key), self._people.contact(invite.contact))

    def _welcomed(self, control: ReceivedControl, now: Instant) -> None:
        """We were added by the contact who asked us in: this is the first epoch that we can read.

        Its operations come under it; until they are here the seed waits.
        """
        welcome = decode_welcome(control.data)
        group = self._groups.find_by_id(welcome.gid)
        if group is None or group.row.state not in AWAITING:
            raise PeerError("a welcome into a group that we did not want to join")
        keys = self._answered(group, control.contact)
        if not keys:
            raise PeerError("a welcome by somebody who did not ask us in")
        if welcome.announcement.author not in keys:
            raise PeerError("a welcome with the epoch of somebody else")
        opened = self._epochs.unwrap(group, welcome.announcement, Wraps(first=welcome.wrap), now)
        if isinstance(opened, Trouble):
            raise PeerError("a welcome that does not open")
        self._standing.settle(group, now)

    def _answered(self, group: Group, contact: ContactRow) -> list[bytes]:
        """Return by which member keys a contact asked us in, and we accepted."""
        others = self._rows.other_invites(group.conversation, is_accepted=True)
        found = [row.inviter_key for row in others if row.contact == contact.id]
        return [*found, group.here.inviter_key] if group.here.inviter == contact.id else found

    # --- Below --------------------------------------------------------------------------------

    def _forget_old(self, now: Instant) -> None:
        """Forget invites that nobody answered."""
        for group in self._groups.all:
            for other in self._rows.other_invites(group.conversation, is_accepted=False):
                if other.came + INVITED_KEPT_SECONDS <= now.expiry:
                    self._rows.drop_other_invite(other)
                    self._pending_events.group_changed(group.conversation)
            if group.row.state == "invited":
                is_old = group.here.since + INVITED_KEPT_SECONDS <= now.expiry
                if is_old and self.asked_besides(group) is None:
                    self.decline(group, now)
                continue
            for row in self._rows.invited(group.conversation):
                if row.invited + INVITED_KEPT_SECONDS <= now.expiry:
                    self._rows.remove_invited(row.conversation, row.contact)
                    self._pending_events.group_changed(group.conversation)

    def decline(self, group: Group, now: Instant) -> None:
        """Forget that we were asked in, and a group of which nothing else is here; of one in which
        we were, what was said there stays. Nobody is told.

        Who waits to be added, and does not want to be asked by others too, goes on waiting. Whom
        more than one asked is shown the next invite.
        """
        others = self._rows.other_invites(group.conversation, is_accepted=False)
        if group.row.state == "invited" and (shown := shown_besides(group, others)) is not None:
            self._rows.drop_other_invite(shown)
            others.remove(shown)
        if others and group.row.state == "invited":
            self._rows.drop_other_invite(others[0])
            self._go_by(group, others[0])
            self._pending_events.group_changed(group.conversation)
        elif others:
            for other in others:
                self._rows.drop_other_invite(other)
            self._pending_events.group_changed(group.conversation)
        elif group.membership is None:
            self._groups.erase(group)
        else:
            self._groups.set_state(group, "left", now)
            self._pending_events.group_changed(group.conversation)

    def welcome(
        self,
        contact: ContactRow,
        group: Group,
        made: Made,
        key: VerifyKey,
        pause: Pause,
        now: Instant,
    ) -> None:
        """Give a newcomer the first keys by which he reads."""
        welcome = GroupWelcome(VERSION, group.gid, made.signed, made.welcomes[key])
        self._send(contact, GROUP_WELCOME, encode_step(welcome), pause, now)

    def knows(self, group: Group, member: VerifyKey, contact: ContactRow) -> None:
        """Keep which contact somebody in a group is."""
        row = self._groups.person(group, member)
        self._groups.put_person(group, replace(row, contact=contact.id))

    def _send(
        self, contact: ContactRow, kind: int, data: bytes, pause: Pause, now: Instant
    ) -> None:
        keeping = Keeping(UnixSeconds(now.expiry + INVITED_KEPT_SECONDS))
        self._outbox.send_controls(contact, [(kind, data)], keeping=keeping, pause=pause, now=now)


def may_take_part(row: ContactRow) -> bool:
    """Say whether a contact can be asked into a group."""
    return not row.is_blocked and not row.is_request and row.state == "answered"


def checked_note(note: str) -> str:
    """Return what an invite says beside the name; UserError if it is too long."""
    if len(note.encode("utf-8", "surrogatepass")) > INVITE_NOTE_BYTES_MAX:
        raise UserError(
            "too-large", f"The note of an invite has at most {INVITE_NOTE_BYTES_MAX} bytes."
        )
    if note and not _is_shown(note):
        raise UserError("bad-text", "The note holds control characters; leave them out.")
    return note


def _open_of(
    group: Group, invite: GroupInvite, contact: ContactRow, now: Instant
) -> OtherInviteRow:
    """Return an invite that came."""
    return OtherInviteRow(
        conversation=group.conversation,
        contact=contact.id,
        inviter_key=invite.inviter,
        name=invite.name,
        size=invite.size,
        note=invite.note,
        came=now.expiry,
    )


def _accepted_of(here: GroupHereRow, inviter: ContactId, now: Instant) -> OtherInviteRow:
    """Return an invite that we accepted, before we accept another one."""
    return OtherInviteRow(
        conversation=here.conversation,
        contact=inviter,
        inviter_key=here.inviter_key,
        name=here.name,
        size=here.size,
        note=here.note,
        came=now.expiry,
        is_accepted=True,
    )


def _people(group: Group) -> list[tuple[VerifyKey, GroupMemberRow]]:
    return list(group.people.items())


def _is_shown(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)
