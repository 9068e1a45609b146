"""Joining a group by a link: a knock, and the welcome at our entrance.

Implements `docs/protocol/groups.md`, section "By a link". The knock is by the key that is ours in
that group alone. Who lets us in is seen by the group's operations; until these are here nothing of
it is believed.
"""

from collections.abc import Callable

from msgspec.structs import replace

from mesh.commands.group_links import JoinGroup
from mesh.commands.groups import GroupAnswer
from mesh.crypto.entropy import uniform_below
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.entrance import entrance_key, entrance_of
from mesh.group.inviting import decode_welcome
from mesh.group.knocking import KNOCK, WELCOME, encode_knock, encode_letter
from mesh.group.leaves import check_long_leaf
from mesh.group.member_letters import MEMBER_LETTER
from mesh.group.operations import consent
from mesh.group.posts import GroupId
from mesh.group.wraps import Trouble, Wraps
from mesh.ids import ConversationId, Instant, Tag, VerifyKey
from mesh.limits.groups import GROUP_LINK_TAGS, KNOCK_REPEATED_SECONDS
from mesh.limits.invites import INVITE_BUNDLE_POSTS_MAX
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import GroupAnswers
from mesh.messenger.groups.invitations import Invitations, checked_note
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.letters import Addressee, Letters, Received, open_letter
from mesh.messenger.groups.membership_keeper import AWAITING
from mesh.messenger.groups.standing import Standing
from mesh.messenger.names import group_name
from mesh.messenger.sessions.posting_keys import link_audience
from mesh.messenger.sessions.tag_index import OfLinkBundle, TagIndex
from mesh.ratchet.first_contact import open_bundle
from mesh.ratchet.identity import SEED_BYTES
from mesh.ratchet.tags import box_key_of, invite_bundle_key, invite_tag_key, tag_of
from mesh.storage.vault.group_links import GroupJoinRow
from mesh.storage.vault.group_people import GroupHereRow
from mesh.wire.bundle import decode_bundle
from mesh.wire.envelope import Envelope
from mesh.wire.invite import Invite, is_short_signature_valid, parse_group_link


class Joining:
    """Groups that our person joins by links of others."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        invitations: Invitations,
        letters: Letters,
        standing: Standing,
        answers: GroupAnswers,
        tag_index: TagIndex,
    ) -> None:
        self._rows = account.vault.group_links
        self._conversations = account.vault.conversations
        self._pending_events = account.pending_events
        self._parameters = account.parameters
        self._entropy = account.entropy
        self._kem = account.kem
        self._groups = keepers.groups
        self._leaves = keepers.leaves
        self._epochs = keepers.epochs
        self._invitations = invitations
        self._letters = letters
        self._standing = standing
        self._answers = answers
        self._tag_index = tag_index
        self.member_wrote: Callable[[Group, Received, Instant], None] = _pass_over
        """Told of a letter at our entrance that is no welcome; PeerError if it is not taken."""

        for row in self._rows.joins():
            group = self._groups.find(row.conversation)
            if group is not None:
                self._expect(group, row)

    def feature(self) -> Feature:
        """Joining by a link."""
        return Feature(commands=[command(JoinGroup, self._join)], chores=[Chore(self._tend)])

    # --- What our person does -----------------------------------------------------------------

    def _join(self, asked: JoinGroup, now: Instant) -> GroupAnswer:
        link = parse_group_link(asked.link, is_signature_valid)
        self._check(link, now)
        note = checked_note(asked.note)
        group = self._groups.find_by_id(link.gid)
        if group is not None and group.row.state == "in":
            raise UserError("exists", "You are in this group already.")
        if group is None:
            self._invitations.check_room()
        group = self._begun(group, link, now)
        self._groups.tell_contacts(group, is_known=asked.is_known)
        row = GroupJoinRow(
            conversation=group.conversation,
            verify_key=link.verify_key,
            secret=link.secret,
            bundle=None if link.bundle is None else link.bundle.encode(),
            bundle_hash=link.bundle_hash,
            text_hash=link.text_hash,
            expires=link.expires,
            note=note,
            tags_start=uniform_below(self._entropy, GROUP_LINK_TAGS),
        )
        self._rows.put_join(row)
        self._groups.set_state(group, "joining", now)
        self._expect(group, row)
        self._knock(group, row, now)
        self._pending_events.group_changed(group.conversation)
        return self._answers.group(group)

    def _check(self, link: Invite, now: Instant) -> None:
        our_psk = self._parameters.psk if self._parameters.is_closed else None
        if link.psk != our_psk:
            raise UserError(
                "bad-invite", "This link is for another mesh than this profile belongs to."
            )
        if link.expires <= min(now.mesh, now.expiry):
            raise UserError("invite-expired", "This link has expired; ask for a new one.")
        if link.bundle is not None:
            try:
                check_long_leaf(link.bundle, entropy=self._entropy, kem=self._kem)
            except PeerError as error:
                raise UserError("bad-invite", "The keys in this link are not valid.") from error

    def _begun(self, group: Group | None, link: Invite, now: Instant) -> Group:
        """Return the group with a key of ours by which we are in it nowhere."""
        name = group_name(link.name, link.gid)
        if group is not None and group.row.state in ("invited", "joining"):
            return group
        seed = self._entropy.draw(SEED_BYTES)
        is_new = group is None
        conversation = self._conversations.add_group() if group is None else group.conversation
        here = GroupHereRow(conversation=conversation, name=name)
        return self._invitations.begin(GroupId(link.gid), here, seed, now, is_new=is_new)

    # --- Knocking -----------------------------------------------------------------------------

    def _knock(self, group: Group, row: GroupJoinRow, now: Instant) -> None:
        """Ask to be let in, as soon as that can be done."""
        if row.bundle is None:
            return
        own = self._invitations.own_bundle(group, now)
        record = self._invitations.record(group.keys, group.row.seed, own.encode())
        knock = encode_knock(group.gid, consent(group.signing, group.gid, record), row.note)
        index = (row.tags_start + row.sent_count) % GROUP_LINK_TAGS
        to = Addressee(
            decode_bundle(row.bundle, is_signature_valid), invite_tag_key(row.secret), index
        )
        content = encode_letter(KNOCK, knock)
        audience = link_audience(group.conversation, is_ours=False)
        if self._letters.post(group.keys, own, to, content, audience=audience, now=now):
            sent = replace(row, sent_count=row.sent_count + 1, sent=now.mesh)
            self._rows.put_join(sent)

    def _tend(self, now: Instant) -> None:
        """Knock again where nobody answered, and let go of the links of groups in which we are."""
        for row in self._rows.joins():
            group = self._groups.find(row.conversation)
            if group is None or group.row.state != "joining":
                self._rows.drop_join(row.conversation)
            elif now.mesh < row.expires and (
                not row.sent or now.mesh - row.sent >= KNOCK_REPEATED_SECONDS
            ):
                self._knock(group, row, now)

    def bundle_came(
        self, conversation: ConversationId, index: int, envelope: Envelope, now: Instant
    ) -> None:
        """The bundle of a link of which we had the hash only; PeerError if it is another."""
        row, group = self._rows.find_join(conversation), self._groups.find(conversation)
        if row is None or group is None or row.bundle is not None:
            raise PeerError("the bundle of a link that is not awaited")
        data, signature = open_bundle(
            envelope.body,
            box_key=box_key_of(invite_bundle_key(row.secret), index),
            header=envelope.header_bytes,
        )
        bundle = decode_bundle(data, is_signature_valid)
        if bundle.digest != row.bundle_hash or bundle.verify_key != row.verify_key:
            raise PeerError("another bundle than the link promised")
        if row.text_hash is not None and not is_short_signature_valid(
            row.verify_key, row.text_hash, signature, is_signature_valid
        ):
            raise PeerError("a link that was changed on its way, or a bundle beside it")
        check_long_leaf(bundle, entropy=self._entropy, kem=self._kem)
        row = replace(row, bundle=data)
        self._rows.put_join(row)
        self._tag_index.forget(tag for _, tag in _bundle_tags(row.secret))
        self._knock(group, row, now)

    # --- Welcomed -----------------------------------------------------------------------------

    def letter_came(
        self, conversation: ConversationId, index: int, envelope: Envelope, now: Instant
    ) -> None:
        """A letter at our entrance; PeerError if it is neither a welcome that we await nor what a
        member writes.
        """
        group = self._groups.find(conversation)
        if group is None or group.row.state not in AWAITING:
            raise PeerError("a letter at an entrance at which nothing is awaited")
        received = open_letter(
            envelope,
            entrance_key(entrance_of(group.row.seed)),
            index,
            identity=group.keys,
            bundles=self._leaves.own_long(group),
            kem=self._kem,
        )
        if received.letter.kind == MEMBER_LETTER:
            self.member_wrote(group, received, now)
            return
        if received.letter.kind != WELCOME:
            raise PeerError("a letter of a kind that is not known")
        welcome = decode_welcome(received.letter.data)
        if welcome.gid != group.gid:
            raise PeerError("a welcome into another group")
        if VerifyKey(welcome.announcement.author) != received.author:
            raise PeerError("a welcome with the epoch of somebody else")
        if group.row.state != "joining" and received.author not in group.members:
            raise PeerError("a welcome by somebody who is no member")
        opened = self._epochs.unwrap(group, welcome.announcement, Wraps(first=welcome.wrap), now)
        if isinstance(opened, Trouble):
            raise PeerError("a welcome that does not open")
        if opened is not None and group.row.state == "in":
            # Who welcomes somebody who is in has lost all keys, and by what others wrapped them.
            group.welcomed_with.add(opened.id)
            self._leaves.forget_secret_for(group, received.author)
        self._standing.settle(group, now)

    def _expect(self, group: Group, row: GroupJoinRow) -> None:
        if row.bundle is None:
            tags = _bundle_tags(row.secret)
            self._tag_index.expect(OfLinkBundle(group.conversation), tags, is_wanted=True)


def _pass_over(_group: Group, _received: Received, _now: Instant) -> None:
    raise PeerError("a letter of a kind that is not known")


def _bundle_tags(secret: bytes) -> list[tuple[int, Tag]]:
    key = invite_bundle_key(secret)
    return [(index, tag_of(key, index)) for index in range(INVITE_BUNDLE_POSTS_MAX)]
