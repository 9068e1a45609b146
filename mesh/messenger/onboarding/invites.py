"""Our invites: made, told, posted on the mesh for who scanned a QR code, and closed.

Implements `docs/protocol/first-contact.md`, section "Invite". An invite is open until it is used
up, revoked or expired. Its secret and the private halves of its bundle live 30 days longer, for
mail on its way from those who used it in time; a closed invite founds no session.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InviteAnswer,
    InvitesAnswer,
    RevokeInvite,
)
from mesh.errors import PeerError, UserError
from mesh.events import InviteChanged
from mesh.ids import ContactId, Instant, InviteId, Tag, UnixSeconds, VerifyKey
from mesh.limits.contacts import INTRODUCTION_SECONDS
from mesh.limits.invites import (
    ADDRESS_HINT_BYTES_MAX,
    INVITE_ADDRESSES_MAX,
    INVITE_BUNDLE_POSTS_MAX,
    INVITE_FOR_MANY_SECONDS_MAX,
    INVITE_KEPT_SECONDS,
    INVITE_LIFETIME_SECONDS_MAX,
    INVITE_TAGS,
    INVITE_USES_MAX,
    INVITES_MAX,
)
from mesh.limits.nearby import NEARBY_INVITE_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.names import checked_name
from mesh.messenger.onboarding.closed_answers import ClosedAnswers
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys
from mesh.messenger.sessions.prekeys import Prekeys
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.tag_index import OfInvite, TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.tags import invite_tag_key, tag_of
from mesh.storage.vault.rows import ContactRow, InviteRow
from mesh.wire.envelope import (
    LIFETIME_MONTH,
    LIFETIME_SECONDS,
    LIFETIME_WEEK,
    SECONDS_PER_DAY,
)
from mesh.wire.invite import SECRET_BYTES, Invite

InviteState = Literal["open", "used up", "expired", "revoked"]

REPOST_BEFORE_SECONDS = 2 * SECONDS_PER_DAY
"""A bundle is posted again so long before it expires: it takes time to reach everybody."""


class Invites:
    """All invites of this profile, and the `closed_answers` to who comes too late."""

    def __init__(
        self,
        account: Account,
        *,
        tag_index: TagIndex,
        prekeys: Prekeys,
        posting_keys: PostingKeys,
        sealing: Sealing,
        transit: Transit,
        closed_answers: ClosedAnswers,
    ) -> None:
        self._rows = account.vault.invites
        self._trust = account.vault.trust
        self._pending_events = account.pending_events
        self._identity = account.identity
        self._parameters = account.parameters
        self._tag_index = tag_index
        self._prekeys = prekeys
        self._posting_keys = posting_keys
        self._sealing = sealing
        self._transit = transit
        self.closed_answers = closed_answers
        self._entropy = account.entropy
        self.used_in_letter: Callable[[InviteId, ContactRow, Instant], None] = lambda *_: None
        """Told of a session that was founded by an invite in a letter to a member of a group."""

        for row in self._rows.invites_with_secret():
            self._expect(row)

    def feature(self) -> Feature:
        """Inviting people, and keeping what lets them in."""
        return Feature(
            commands=[
                command(CreateInvite, self._create),
                command(AskInvites, self._ask),
                command(RevokeInvite, self._revoke),
            ],
            chores=[Chore(self._post_again)],
            cleanups=[self._erase_old],
        )

    def _create(self, asked: CreateInvite, now: Instant) -> InviteAnswer:
        """Make an invite and post its bundle as soon as that can be done."""
        label = checked_name(asked.label, "The label") if asked.label else ""
        if not 1 <= asked.uses_max <= INVITE_USES_MAX:
            raise UserError(
                "bad-invite-terms", f"An invite can be used 1 to {INVITE_USES_MAX} times."
            )
        is_for_many = asked.uses_max > 1
        longest_s = INVITE_FOR_MANY_SECONDS_MAX if is_for_many else INVITE_LIFETIME_SECONDS_MAX
        if not 1 <= asked.lifetime_s <= longest_s:
            what = "An invite for several people" if is_for_many else "An invite"
            days = longest_s // SECONDS_PER_DAY
            raise UserError("bad-invite-terms", f"{what} lives 1 second to {days} days.")
        row = self._add(
            label,
            lifetime_s=asked.lifetime_s,
            uses_max=asked.uses_max,
            hint=_checked_hint(asked.address_hint),
            mesh_now=now.mesh,
        )
        self._post(row, now)
        answer = self._answer(row, now.mesh)
        # Only now: a refused command must leave no key in memory without its row.
        today = now.mesh // SECONDS_PER_DAY
        self._posting_keys.prepare([Audience.CONTACTS, Audience.PUBLIC], today)
        return answer

    def link_for(self, verify_key: VerifyKey, label: str, mesh_now: UnixSeconds) -> str:
        """The link of an invite that only this person can use, once, within a day.

        Our person has met them: who uses it is verified.
        """
        row = self._add(
            label,
            lifetime_s=NEARBY_INVITE_SECONDS,
            bound_to=verify_key,
            is_met=True,
            mesh_now=mesh_now,
        )
        return self._link(row)

    def create_for(
        self, guest: VerifyKey, label: str, *, vouched_by: ContactId, mesh_now: UnixSeconds
    ) -> InviteId:
        """Make an invite for somebody for whom a contact vouches, and for nobody else."""
        row = self._add(
            label,
            lifetime_s=INTRODUCTION_SECONDS,
            bound_to=guest,
            vouched_by=vouched_by,
            mesh_now=mesh_now,
        )
        return row.id

    def link_in_letter(self, label: str, lifetime_s: int, now: Instant) -> tuple[InviteId, str]:
        """Make an invite for a member of a group whose own key is not known; return its link."""
        row = self._add(label, lifetime_s=lifetime_s, is_in_letter=True, mesh_now=now.mesh)
        return row.id, self._link(row)

    def take_back(self, invite: InviteId, now: Instant) -> None:
        """Close an invite if nobody used it; who comes by it is told nothing."""
        row = self._rows.find_invite(invite)
        if row is not None and state_of(row, now.mesh) == "open":
            self._revoke(RevokeInvite(invite, tells_closed=False), now)

    def find_link(self, invite: InviteId, mesh_now: UnixSeconds) -> str | None:
        """The link of an invite, as long as it is open."""
        row = self.invite(invite)
        return self._link(row) if state_of(row, mesh_now) == "open" else None

    def _ask(self, asked: AskInvites, now: Instant) -> InvitesAnswer:
        return InvitesAnswer(invites=[self._answer(row, now.mesh) for row in self._rows.invites()])

    def _revoke(self, asked: RevokeInvite, now: Instant) -> InviteAnswer:
        """Close an invite; those who used it in time stay contacts.

        One that is used up tells from now on as our person says.
        """
        row = self._rows.find_invite(InviteId(asked.invite))
        if row is None:
            raise UserError(
                "not-found", f"There is no invite {asked.invite}; see: mesh invite list"
            )
        if not row.is_revoked or row.tells_closed != asked.tells_closed:
            self._rows.set_revoked(
                row.id,
                erase_after=_kept_until(row, now.expiry),
                tells_closed=asked.tells_closed,
            )
            if not asked.tells_closed:
                self.closed_answers.silence(row.id)
            self._tell(row.id, now.mesh)
        return self._answer(self.invite(row.id), now.mesh)

    def invite(self, invite: InviteId) -> InviteRow:
        """The invite whose tag was met."""
        row = self._rows.find_invite(invite)
        assert row is not None
        return row

    def check_guest(self, row: InviteRow, author: VerifyKey) -> None:
        """PeerError if an invite is for somebody else than who uses it."""
        if row.bound_to not in (None, author):
            raise PeerError("a first contact by an invite for somebody else")

    def use(self, row: InviteRow, now: Instant) -> None:
        """Somebody used an open invite."""
        introduction = self._trust.find_introduction_by_invite(row.id)
        if introduction is not None:
            self._trust.set_introduction(msgspec.structs.replace(introduction, state="done"))
            self._pending_events.introduction_changed(introduction.number)
        uses = row.uses + 1
        erase_after = row.erase_after if uses < row.uses_max else _kept_until(row, now.expiry)
        self._rows.set_uses(row.id, uses=uses, erase_after=erase_after)
        self._tell(row.id, now.mesh)

    def has_open(self, mesh_now: UnixSeconds) -> bool:
        """Say whether a bundle of ours may have to be posted."""
        return any(
            _is_for_anybody(row) and state_of(row, mesh_now) == "open"
            for row in self._rows.invites_with_secret()
        )

    def _post_again(self, now: Instant) -> None:
        """Post bundles that are about to expire."""
        for row in self._rows.invites_with_secret():
            if state_of(row, now.mesh) == "open":
                self._post(row, now)

    def _erase_old(self, now: Instant) -> None:
        """Erase what nobody can use any more."""
        for row in self._rows.invites_with_secret():
            if row.erase_after < now.expiry:
                self._erase(row)

    def _add(
        self,
        label: str,
        *,
        lifetime_s: int,
        uses_max: int = 1,
        hint: str = "",
        bound_to: VerifyKey | None = None,
        is_met: bool = False,
        vouched_by: ContactId | None = None,
        is_in_letter: bool = False,
        mesh_now: UnixSeconds,
    ) -> InviteRow:
        """Make the secret and the bundle, and expect the tags."""
        if len(self._rows.invites_with_secret()) >= INVITES_MAX:
            raise UserError(
                "too-many",
                f"{INVITES_MAX} invites are open or were closed within 30 days; wait a while.",
            )
        expires = UnixSeconds(mesh_now + lifetime_s)
        erase_after = UnixSeconds(expires + INVITE_KEPT_SECONDS)
        prekey = self._prekeys.make(None, valid_to=erase_after, mesh_now=mesh_now)
        row = self._rows.insert_invite(
            InviteRow(
                id=InviteId(0),
                label=label,
                secret=self._entropy.draw(SECRET_BYTES),
                prekey=prekey.id,
                hint=hint,
                created=mesh_now,
                expires=expires,
                uses_max=uses_max,
                erase_after=erase_after,
                bound_to=bound_to,
                is_met=is_met,
                vouched_by=vouched_by,
                is_in_letter=is_in_letter,
            )
        )
        self._expect(row)
        self._tell(row.id, mesh_now)
        return row

    def _post(self, row: InviteRow, now: Instant) -> None:
        """Post the bundle, unless it stands on the mesh for long enough, or its reader has it."""
        if not _is_for_anybody(row):
            return
        if row.posts_count >= INVITE_BUNDLE_POSTS_MAX:
            return
        if row.posted_until >= min(row.expires, now.mesh + REPOST_BEFORE_SECONDS):
            return
        assert row.secret is not None
        assert row.prekey is not None
        is_short = row.expires - now.mesh <= LIFETIME_SECONDS[LIFETIME_WEEK]
        sealed = self._sealing.seal_invite_bundle(
            self._prekeys.prekey(row.prekey).bundle,
            row.secret,
            self._invite_of(row).short_signature(self._identity.keys.signing_seed),
            posts_count=row.posts_count,
            lifetime_class=LIFETIME_WEEK if is_short else LIFETIME_MONTH,
            mesh_now=now.mesh,
        )
        if sealed is None:
            return
        self._transit.post(sealed, None, now=now)
        self._rows.set_posted(
            row.id, posts_count=row.posts_count + 1, posted_until=sealed.envelope.header.lapses
        )

    def _expect(self, row: InviteRow) -> None:
        assert row.secret is not None
        self._tag_index.expect(OfInvite(row.id), invite_tags(row.secret))

    def _tell(self, invite: InviteId, mesh_now: UnixSeconds) -> None:
        answer = self._answer(self.invite(invite), mesh_now)
        # Events are remembered and written on by whoever listens; a link lets people in.
        told = msgspec.structs.replace(answer, link="", qr="", short_link="")
        self._pending_events.tell(InviteChanged(told))

    def _erase(self, row: InviteRow) -> None:
        assert row.secret is not None
        assert row.prekey is not None
        self._tag_index.forget(tag for _, tag in invite_tags(row.secret))
        self._rows.erase_invite_keys(row.id)
        self._prekeys.erase(row.prekey)

    def _answer(self, row: InviteRow, mesh_now: UnixSeconds) -> InviteAnswer:
        state = state_of(row, mesh_now)
        link = qr = short_link = ""
        # Who a bound invite is for has its link, and nobody else could, or is to, use it.
        if state == "open" and row.secret is not None and _is_for_anybody(row):
            invite = self._invite_of(row)
            link = invite.link(self._identity.keys.signing_seed)
            qr, short_link = invite.qr(), invite.short_link()
        return InviteAnswer(
            id=row.id,
            label=row.label,
            link=link,
            qr=qr,
            expires=row.expires,
            uses=row.uses,
            uses_max=row.uses_max,
            state=state,
            short_link=short_link,
            is_in_letter=row.is_in_letter,
            tells_closed=row.tells_closed,
            addresses=row.hint.split(),
        )

    def _link(self, row: InviteRow) -> str:
        return self._invite_of(row).link(self._identity.keys.signing_seed)

    def _invite_of(self, row: InviteRow) -> Invite:
        assert row.secret is not None
        assert row.prekey is not None, "a secret goes with its bundle"
        bundle = self._prekeys.prekey(row.prekey).bundle
        first, *further = row.hint.split(" ")
        return Invite(
            verify_key=self._identity.keys.verify_key,
            secret=row.secret,
            expires=row.expires,
            bundle=bundle,
            bundle_hash=bundle.digest,
            psk=self._parameters.psk if self._parameters.is_closed else None,
            address_hint=first,
            further_addresses=tuple(further),
            name=self._identity.name,
        )


def state_of(row: InviteRow, mesh_now: UnixSeconds) -> InviteState:
    """Return what an invite is at a time."""
    if row.is_revoked:
        return "revoked"
    if row.uses >= row.uses_max:
        return "used up"
    return "expired" if row.expires <= mesh_now else "open"


def _is_for_anybody(row: InviteRow) -> bool:
    """Say whether an invite is given away by our person, and so stands on the mesh."""
    return row.bound_to is None and not row.is_in_letter


def invite_tags(secret: bytes) -> list[tuple[int, Tag]]:
    """All (index, tag) under which first contacts by an invite may come."""
    key = invite_tag_key(secret)
    return [(index, tag_of(key, index)) for index in range(INVITE_TAGS)]


def _kept_until(row: InviteRow, expiry_now: UnixSeconds) -> UnixSeconds:
    """Return when the keys of an invite that closes now are erased."""
    return UnixSeconds(min(row.erase_after, expiry_now + INVITE_KEPT_SECONDS))


def _checked_hint(hint: str) -> str:
    """Addresses with spaces between, each printable and with a port; empty stays empty."""
    addresses = hint.split(" ") if hint else []
    is_short = len(hint) <= ADDRESS_HINT_BYTES_MAX and len(addresses) <= INVITE_ADDRESSES_MAX
    if not (is_short and all(map(_is_place, addresses))):
        raise UserError("bad-address", "An address hint is HOST:PORT or [IPv6]:PORT.")
    return hint


def _is_place(address: str) -> bool:
    host, _, port = address.rpartition(":")
    is_whole = bool(host) and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536
    return is_whole and address.isascii() and address.isprintable()
