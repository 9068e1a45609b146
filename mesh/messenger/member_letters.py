"""Letters between members of a group who are no contacts: written, shown, accepted or declined.

Implements `docs/protocol/groups.md`, section "Writing to a member". Who writes puts an invite of
his, for one use, into a letter at the other's entrance. What came of it is seen by nobody else: who
accepts uses the invite as any, and who declines does nothing.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from mesh.commands.contacts import AddContact
from mesh.commands.member_letters import (
    AnswerMemberLetter,
    AskMemberLetters,
    LetterWrittenAnswer,
    MemberLetterAnswer,
    MemberLettersAnswer,
    WriteToMember,
)
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.events import ContactAdded, MemberWrote
from mesh.group.member_letters import (
    MEMBER_LETTER,
    decode_member_letter,
    decode_member_word,
    encode_member_letter,
    encode_member_word,
    is_proved,
)
from mesh.ids import ContactId, ConversationId, Instant, InviteId, UnixSeconds, VerifyKey
from mesh.limits.group_keys import DAY_SECONDS
from mesh.limits.member_letters import (
    MEMBER_LETTER_HEARD_SECONDS,
    MEMBER_LETTER_PAUSE_SECONDS,
    MEMBER_LETTER_SECONDS,
    MEMBER_LETTERS_DECLINED_MAX,
    MEMBER_LETTERS_EARLY_MAX,
    MEMBER_LETTERS_KEPT_MAX,
    MEMBER_LETTERS_OPEN_MAX,
    MEMBER_LETTERS_PER_DAY_MAX,
    MEMBER_LETTERS_WAITING_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, ReceivedControl, command
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import is_too_early
from mesh.messenger.groups.groups import Groups
from mesh.messenger.groups.invitations import checked_note
from mesh.messenger.groups.letters import Received
from mesh.messenger.groups.link_door import is_known
from mesh.messenger.groups.which_group import WhichGroup, name_of
from mesh.messenger.names import is_fair_name
from mesh.messenger.onboarding.invites import Invites, state_of
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.unanswered import moment_words
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.payloads import Keeping
from mesh.storage.vault.member_letters import LetterWrittenRow, MemberLetterRow
from mesh.storage.vault.rows import ContactRow
from mesh.wire.controls import GROUP_MEMBER
from mesh.wire.invite import Invite, parse_invite


class MemberLetters:
    """Letters of ours to members, and theirs to us."""

    def __init__(
        self,
        account: Account,
        *,
        groups: Groups,
        contacts: Contacts,
        notes: Notes,
        invites: Invites,
        invites_accepted: InvitesAccepted,
        outbox: Outbox,
    ) -> None:
        self._rows = account.vault.member_letters
        self._invite_rows = account.vault.invites
        self._people = account.vault.contacts
        self._identity = account.identity
        self._parameters = account.parameters
        self._pending_events = account.pending_events
        self._groups = groups.keepers.groups
        self._leaves = groups.keepers.leaves
        self._which = WhichGroup(groups.keepers.groups)
        self._answers = groups.answers
        self._letters = groups.letters
        self._contacts = contacts
        self._notes = notes
        self._invites = invites
        self._invites_accepted = invites_accepted
        self._outbox = outbox
        groups.joining.member_wrote = self.came
        groups.standing.members_changed = self._members_changed
        invites.used_in_letter = self._used

    def feature(self) -> Feature:
        """Writing to members, and answering them."""
        return Feature(
            commands=[
                command(WriteToMember, self._write),
                command(AskMemberLetters, self._ask),
                command(AnswerMemberLetter, self._answer),
            ],
            controls={GROUP_MEMBER: self._named},
            cleanups=[self._forget_old],
        )

    # --- Ours ---------------------------------------------------------------------------------

    def _write(self, asked: WriteToMember, now: Instant) -> LetterWrittenAnswer:
        group = self._which.member_of(asked.group)
        member = self._which.member(group, asked.member)
        note = checked_note(asked.note)
        bundle = self._bundle_to_write_to(group, member, now)
        name = self._answers.label(group, member)
        before = self._rows.find_written(group.conversation, member)
        invite, link = self._invites.link_in_letter(name, MEMBER_LETTER_SECONDS, now)
        if before is not None:
            self._invites.take_back(before.invite, now)
        row = LetterWrittenRow(group.conversation, member, invite, now.mesh)
        self._rows.put_written(row)
        came = self._rows.find(group.conversation, member)
        if came is not None and came.state == "declined":
            # Our person wants to hear of him after all.
            self._rows.drop(came.number)
        assert group.membership is not None
        entrance = group.membership.members[member].record.entrance
        data = encode_member_letter(group.gid, link, note)
        self._letters.queue(group, entrance, bundle, MEMBER_LETTER, data, now)
        self._pending_events.group_changed(group.conversation)
        return LetterWrittenAnswer(
            group=group.conversation,
            member=asked.member,
            member_name=name,
            written=now.mesh,
            again=now.mesh + MEMBER_LETTER_PAUSE_SECONDS,
        )

    def _bundle_to_write_to(self, group: Group, member: VerifyKey, now: Instant) -> bytes:
        """Return the keys to which a letter to a member is sealed; UserError if there is none to
        him now.
        """
        name = self._answers.label(group, member)
        if member == group.me:
            raise UserError("same-contact", "That is you.")
        contact = self._groups.person(group, member).contact
        if contact is not None:
            raise UserError("exists", f"{name} is a contact of yours: write to them there.")
        written = self._rows.written()
        for row in written:
            is_to_him = (row.conversation, row.member) == (group.conversation, member)
            if is_to_him and is_too_early(row.written, now):
                again = moment_words(UnixSeconds(row.written + MEMBER_LETTER_PAUSE_SECONDS))
                raise UserError(
                    "exists", f"You wrote to {name} already. You can write again from {again} on."
                )
        self._check_count(written, self._rows.find_written(group.conversation, member), now)
        bundle = self._leaves.bundles(group).get(member)
        if bundle is None:
            raise UserError(
                "not-answered", f"The keys of {name} have not come yet; wait a while.", name=name
            )
        return bundle

    def _check_count(
        self, written: Sequence[LetterWrittenRow], before: LetterWrittenRow | None, now: Instant
    ) -> None:
        """UserError if no other letter may be written now, which takes back one `before` it."""
        today = sum(0 <= now.mesh - row.written < DAY_SECONDS for row in written)
        if today >= MEMBER_LETTERS_PER_DAY_MAX:
            raise UserError(
                "too-many",
                f"You wrote {MEMBER_LETTERS_PER_DAY_MAX} letters to members in a day; wait a day.",
            )
        kept = [row for row in self._invite_rows.invites_with_secret() if row.is_in_letter]
        former = None if before is None else before.invite
        is_open = [state_of(row, now.mesh) == "open" and row.id != former for row in kept]
        if sum(is_open) >= MEMBER_LETTERS_OPEN_MAX:
            raise UserError(
                "too-many",
                f"{MEMBER_LETTERS_OPEN_MAX} letters to members are open; wait for an answer, or "
                "take the invite of one back.",
            )
        if len(kept) >= MEMBER_LETTERS_KEPT_MAX:
            raise UserError(
                "too-many",
                f"{MEMBER_LETTERS_KEPT_MAX} invites in letters are open or were closed within 30 "
                "days; wait a while.",
            )

    # --- Theirs -------------------------------------------------------------------------------

    def came(self, group: Group, received: Received, now: Instant) -> None:
        """A letter at our entrance; PeerError, and nothing of it is kept or told, if it is by
        nobody who may write to us.
        """
        member = received.author
        if group.row.state == "removed":
            raise PeerError("a letter of a member of a group in which we are not")
        if member == group.me:
            raise PeerError("a letter of our own")
        is_member = member in group.members
        if not is_member and is_known(group, member):
            raise PeerError("a letter by somebody who is a member no more")
        person = group.people.get(member)
        if person is not None and person.contact is not None:
            raise PeerError("a letter by a member who is a contact")
        letter = decode_member_letter(received.letter.data)
        if letter.gid != group.gid:
            raise PeerError("a letter of a member of another group")
        if not all(one.isprintable() or one == "\n" for one in letter.note):
            raise PeerError("a letter whose words no screen shows")
        invite = _parsed(letter.link)
        if invite.verify_key == self._identity.keys.verify_key:
            raise PeerError("a letter with an invite of our own")
        if invite.psk != (self._parameters.psk if self._parameters.is_closed else None):
            raise PeerError("a letter with an invite of another mesh")
        if invite.expires <= now.mesh:
            raise PeerError("a letter with an invite that has expired")
        if self._is_blocked(group, member, invite.verify_key):
            raise PeerError("a letter by somebody who is blocked")
        row = self._kept(group, member, is_member=is_member, now=now)
        if row is not None and row.expires >= invite.expires:
            raise PeerError("a letter before the one that is here")
        new = MemberLetterRow(
            number=0,
            conversation=group.conversation,
            member=member,
            link=letter.link,
            key=invite.verify_key,
            name=invite.signed_name if is_fair_name(invite.signed_name) else "",
            note=letter.note,
            came=now.mesh,
            expires=invite.expires,
            state="waiting" if is_member else "early",
        )
        if row is not None:
            # An answer to what was shown before must not be one to another invite.
            self._rows.drop(row.number)
        new = self._rows.add(new)
        if is_member:
            self._tell(group, new)

    def _tell(self, group: Group, row: MemberLetterRow) -> None:
        told = self._answer_of(group, row)
        self._pending_events.tell(MemberWrote(self._answers.group(group), told))
        self._pending_events.group_changed(group.conversation)

    def _members_changed(self, group: Group, now: Instant) -> None:
        """Others are in a group, or we are not: some may have written before the word came that
        they are, and what we wrote to who is out has no reason any more.
        """
        for written in self._rows.written():
            is_here = written.conversation == group.conversation
            if is_here and self._group_with(group.conversation, written.member) is None:
                self._invites.take_back(written.invite, now)
        rows = self._rows.came(group.conversation)
        for row in rows:
            if row.state != "early" or not is_known(group, row.member):
                continue
            waiting = self._rows.came(group.conversation)
            if row.member in group.members and self._has_room(group, waiting):
                here = replace(row, state="waiting")
                self._rows.put(here)
                if here in self._waiting(group, now):
                    self._tell(group, here)
            else:
                self._rows.drop(row.number)

    def _kept(
        self, group: Group, member: VerifyKey, *, is_member: bool, now: Instant
    ) -> MemberLetterRow | None:
        """Return the letter of a member that another one replaces; PeerError if none is taken."""
        rows = self._rows.came(group.conversation)
        for row in rows:
            if row.member != member:
                continue
            if row.state == "declined":
                raise PeerError("a letter by a member of whom our person wants none")
            if row.state == "accepted":
                raise PeerError("a letter by a member whom our person accepted")
            if now.mesh < row.came + MEMBER_LETTER_HEARD_SECONDS:
                raise PeerError("another letter by a member in a day")
            return row
        early = [row for row in rows if row.state == "early"]
        if not is_member and len(early) >= MEMBER_LETTERS_EARLY_MAX:
            self._rows.drop(early[0].number)
        if is_member and not self._has_room(group, rows):
            raise PeerError("too many letters of members wait for a word")
        return None

    def _has_room(self, group: Group, rows: Sequence[MemberLetterRow]) -> bool:
        """Say whether one more letter may wait: of who is a member no more the first one goes."""
        waiting = [row for row in rows if row.state == "waiting"]
        if len(waiting) < MEMBER_LETTERS_WAITING_MAX:
            return True
        former = [row for row in waiting if row.member not in group.members]
        if former:
            self._rows.drop(former[0].number)
        return bool(former)

    def _is_blocked(self, group: Group, member: VerifyKey, key: VerifyKey) -> bool:
        """Say whether a member, or who made the invite in his letter, is a contact whom our person
        blocked.
        """
        person = group.people.get(member)
        known = None if person is None else person.contact
        contacts = [self._people.find_contact_by_key(key)]
        if known is not None:
            contacts.append(self._people.contact(known))
        return any(contact is not None and contact.is_blocked for contact in contacts)

    def _waiting(self, group: Group, now: Instant) -> list[MemberLetterRow]:
        """Letters about which our person has something to say, and can."""
        if not group.is_in:
            return []
        return [
            row
            for row in self._rows.came(group.conversation)
            if row.state == "waiting"
            and now.mesh < _waits_until(row)
            and row.member in group.members
            and not self._is_blocked(group, row.member, row.key)
        ]

    def _ask(self, asked: AskMemberLetters, now: Instant) -> MemberLettersAnswer:
        group = self._which.group(asked.group)
        return MemberLettersAnswer(
            letters=[self._answer_of(group, row) for row in self._waiting(group, now)]
        )

    def _answer_of(self, group: Group, row: MemberLetterRow) -> MemberLetterAnswer:
        known = self._people.find_contact_by_key(row.key)
        shown = [name for name in (row.name, self._answers.own_name(group, row.member)) if name]
        alike = [label for name in shown for label in self._contacts.look_alikes(name, but=known)]
        return MemberLetterAnswer(
            letter=row.number,
            group=group.conversation,
            group_name=name_of(group),
            member=self._groups.person(group, row.member).number,
            member_name=self._answers.label(group, row.member),
            member_key=row.member.hex(),
            mark=self._answers.mark(group, row.member),
            name=row.name,
            key=row.key.hex(),
            note=row.note,
            came=row.came,
            expires=_waits_until(row),
            state="accepted" if row.state == "accepted" else "waiting",
            contact=row.contact or 0,
            looks_like=list(dict.fromkeys(alike)),
            known_contact=0 if known is None else known.id,
        )

    def _answer(self, asked: AnswerMemberLetter, now: Instant) -> MemberLettersAnswer:
        """Accept or decline a letter. Nobody is told of a refusal."""
        group = self._which.member_of(asked.group)
        found = [row for row in self._waiting(group, now) if row.number == asked.letter]
        if not found:
            raise UserError("not-found", f"No letter {asked.letter} waits in this group.")
        (row,) = found
        if asked.is_accepted:
            self._accept(group, row, now)
        else:
            self._decline(group, row)
        self._pending_events.group_changed(group.conversation)
        return self._ask(AskMemberLetters(asked.group), now)

    def _decline(self, group: Group, row: MemberLetterRow) -> None:
        before = [one for one in self._rows.came(group.conversation) if one.state == "declined"]
        if len(before) >= MEMBER_LETTERS_DECLINED_MAX:
            self._rows.drop(before[0].number)
        # Nothing of who made the invite is kept: so it is not forgotten with a contact of that key.
        own = row.member
        self._rows.put(replace(row, state="declined", link="", key=own, name="", note=""))

    def _accept(self, group: Group, row: MemberLetterRow, now: Instant) -> None:
        """Use the invite, as our person would who had its link, but that it vouches for no key."""
        known = self._people.find_contact_by_key(row.key)
        try:
            added = self._invites_accepted.add(AddContact(row.link), now=now, is_in_letter=True)
        except UserError as error:
            if known is None or error.kind != "exists":
                raise
            # A session with them is in use: no member puts an end to it by a letter.
            added = known.id
        if known is None:
            self._pending_events.tell(ContactAdded(self._contacts.answer(added)))
        else:
            self._contacts.accept_request(known)
        self._rows.put(replace(row, state="accepted", contact=added, name="", note=""))

    # --- Who is who ---------------------------------------------------------------------------

    def _used(self, invite: InviteId, contact: ContactRow, now: Instant) -> None:
        """Somebody came by the invite in a letter of ours: prove on his session who wrote it.

        He waits for that with saying who he is: the invite in a letter may be one that its author
        had of somebody else, who is to learn nothing of the group. To whom our person did not
        accept nothing is said.
        """
        if contact.is_request:
            return
        for written in self._rows.written():
            group = self._groups.find(written.conversation)
            if written.invite == invite and group is not None and group.is_in:
                secret = self._invites.invite(invite).secret
                assert secret is not None, "somebody came by it just now"
                self._tell_who_we_are(group, contact, secret, now)

    def _tell_who_we_are(
        self, group: Group, contact: ContactRow, secret: bytes, now: Instant
    ) -> None:
        word = encode_member_word(group.gid, group.me, secret)
        keeping = Keeping(UnixSeconds(now.expiry + MEMBER_LETTER_SECONDS))
        controls = [(GROUP_MEMBER, word)]
        self._outbox.send_controls(contact, controls, keeping=keeping, pause=Pause.SOON, now=now)

    def _named(self, control: ReceivedControl, now: Instant) -> None:
        """A contact proves which member he is: one whose letter we accepted, or to whom we wrote.

        His session proves the contact, and the secret of the invite the member: nobody else has it
        but who wrote the letter and who opened it.
        """
        word, contact = decode_member_word(control.data), control.contact
        for came in self._rows.accepted_of(contact.id):
            group = self._group_with(came.conversation, came.member)
            secret = _parsed(came.link).secret
            if group is not None and is_proved(word, group.gid, came.member, secret):
                self._recognise(group, came.member, contact.id, now)
                self._rows.put(replace(came, link=""))
                self._tell_who_we_are(group, contact, secret, now)
                return
        secrets = {row.id: row.secret for row in self._invite_rows.invites_with_secret()}
        for written in self._rows.written():
            group = self._group_with(written.conversation, written.member)
            ours = secrets.get(written.invite)
            if group is None or ours is None:
                continue
            if is_proved(word, group.gid, written.member, ours):
                self._recognise(group, written.member, contact.id, now)
                return
        raise PeerError("somebody says that he is a member, and proves it of none")

    def _group_with(self, conversation: ConversationId, member: VerifyKey) -> Group | None:
        """Return a group in which we are now, and somebody is."""
        group = self._groups.find(conversation)
        is_there = group is not None and group.is_in and member in group.members
        return group if is_there else None

    def _recognise(self, group: Group, member: VerifyKey, contact: ContactId, now: Instant) -> None:
        """Keep which contact a member is, unless that is known."""
        person = self._groups.person(group, member)
        if person.contact is not None:
            return
        name = self._answers.own_name(group, member)
        sentence = f"They are {name} of the group {name_of(group)}."
        self._notes.add_once(contact, "introduced", sentence, now.mesh)
        self._groups.put_person(group, replace(person, contact=contact))
        came = self._rows.find(group.conversation, member)
        if came is not None and came.state == "waiting":
            # Both wrote at the same time.
            self._rows.put(
                replace(came, state="accepted", contact=contact, link="", name="", note="")
            )
        self._pending_events.group_changed(group.conversation)

    def _forget_old(self, now: Instant) -> None:
        """Forget letters that nobody answered as long as the invite in them lived, and the invite
        of those that were accepted when no word can be under way that is proved by it.
        """
        self._rows.drop_waiting_before(UnixSeconds(now.expiry - MEMBER_LETTER_SECONDS))
        self._rows.end_accepted_before(UnixSeconds(now.expiry - 2 * MEMBER_LETTER_SECONDS))


def _waits_until(row: MemberLetterRow) -> UnixSeconds:
    """Return until when a letter can be answered."""
    return UnixSeconds(min(row.came + MEMBER_LETTER_SECONDS, row.expires))


def _parsed(link: str) -> Invite:
    """The invite in a letter, whole and with its bundle; PeerError if it is none."""
    try:
        invite = parse_invite(link, is_signature_valid)
    except UserError as error:
        raise PeerError("a letter without a valid invite") from error
    if invite.bundle is None or not invite.is_signed:
        raise PeerError("a letter without keys")
    return invite
