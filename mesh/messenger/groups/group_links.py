"""Links of ours into groups: made, told, posted for who scanned a QR code, and closed.

Implements `docs/protocol/groups.md`, section "By a link". A link has an identity of its own, so it
says nothing of who made it, and two links of one person have nothing in common.
"""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from mesh.commands.group_links import (
    AskGroupLinks,
    CreateGroupLink,
    GroupLinkAnswer,
    GroupLinksAnswer,
    RevokeGroupLink,
)
from mesh.errors import UserError
from mesh.ids import Instant, UnixSeconds
from mesh.limits.groups import GROUP_LINK_LIFETIME_SECONDS_MAX, GROUP_LINKS_MAX, MEMBERS_MAX
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.link_door import (
    LinkDoor,
    check_may_add,
    link_bundle,
    link_keys,
    may_add,
)
from mesh.messenger.groups.which_group import WhichGroup, name_of
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys, make_bundle
from mesh.storage.vault.group_links import GroupLinkRow
from mesh.wire.envelope import LIFETIME_SECONDS, LIFETIME_WEEK, SECONDS_PER_DAY
from mesh.wire.invite import SECRET_BYTES, Invite

LinkState = Literal["open", "used up", "expired", "revoked", "ended"]


class GroupLinks:
    """All links of ours."""

    def __init__(self, account: Account, *, keepers: Keepers, door: LinkDoor) -> None:
        self._rows = account.vault.group_links
        self._entropy = account.entropy
        self._kem = account.kem
        self._parameters = account.parameters
        self._groups = keepers.groups
        self._which = WhichGroup(keepers.groups)
        self._door = door
        self.closed: Callable[[Group, GroupLinkRow, Instant], None] = lambda *_: None
        """Told of a link that admits nobody any more."""

        for row in self._rows.with_secret():
            door.expect(row)

    def feature(self) -> Feature:
        """Links into groups."""
        return Feature(
            commands=[
                command(CreateGroupLink, self._create),
                command(AskGroupLinks, self._ask),
                command(RevokeGroupLink, self._revoke),
            ],
            chores=[Chore(self._post_again)],
            cleanups=[self._erase_old],
        )

    # --- Links --------------------------------------------------------------------------------

    def _create(self, asked: CreateGroupLink, now: Instant) -> GroupLinkAnswer:
        group = self._which.member_of(asked.group)
        check_may_add(group)
        if not 1 <= asked.uses_max <= MEMBERS_MAX:
            raise UserError("bad-invite-terms", f"A link is used 1 to {MEMBERS_MAX} times.")
        if not 1 <= asked.lifetime_s <= GROUP_LINK_LIFETIME_SECONDS_MAX:
            days = GROUP_LINK_LIFETIME_SECONDS_MAX // SECONDS_PER_DAY
            raise UserError("bad-invite-terms", f"A link lives 1 second to {days} days.")
        known = self._rows.of(group.conversation)
        if sum(self._state(group, row, now) == "open" for row in known) >= GROUP_LINKS_MAX:
            raise UserError("too-many", f"A group has at most {GROUP_LINKS_MAX} open links of one.")
        seed = self._entropy.draw(SEED_BYTES)
        expires = UnixSeconds(now.mesh + asked.lifetime_s)
        bundle, secrets = make_bundle(
            IdentityKeys.from_seed(seed),
            valid_from=now.mesh,
            valid_to=expires,
            entropy=self._entropy,
            kem=self._kem,
        )
        row = self._rows.add(
            GroupLinkRow(
                number=0,
                conversation=group.conversation,
                secret=self._entropy.draw(SECRET_BYTES),
                seed=seed,
                bundle=bundle.encode(),
                private=secrets.prekey_private + secrets.kem_seed,
                created=now.mesh,
                expires=expires,
                uses_max=asked.uses_max,
                uses=0,
                needs_approval=asked.needs_approval,
            )
        )
        self._door.expect(row)
        self._post(group, row, now)
        return self._answer(group, row, now)

    def _ask(self, asked: AskGroupLinks, now: Instant) -> GroupLinksAnswer:
        group = self._which.group(asked.group)
        rows = self._rows.of(group.conversation)
        return GroupLinksAnswer(links=[self._answer(group, row, now) for row in rows])

    def _revoke(self, asked: RevokeGroupLink, now: Instant) -> GroupLinkAnswer:
        """Close a link: its keys go at once, and so does who knocked by it and was not let in."""
        group = self._which.group(asked.group)
        row = self._rows.find(asked.link)
        if row is None or row.conversation != group.conversation:
            raise UserError("not-found", f"This group has no link {asked.link} of yours.")
        row = self._close(replace(row, is_revoked=True))
        self.closed(group, row, now)
        return self._answer(group, row, now)

    def _close(self, row: GroupLinkRow) -> GroupLinkRow:
        if row.secret is not None:
            self._door.forget(row.secret)
        row = replace(row, secret=None, seed=None, private=None)
        self._rows.put(row)
        return row

    def _state(self, group: Group, row: GroupLinkRow, now: Instant) -> LinkState:
        if row.is_revoked:
            return "revoked"
        if row.uses >= row.uses_max:
            return "used up"
        if row.expires <= now.mesh or row.secret is None:
            return "expired"
        return "open" if may_add(group) else "ended"

    def _answer(self, group: Group, row: GroupLinkRow, now: Instant) -> GroupLinkAnswer:
        state = self._state(group, row, now)
        link = qr = short_link = ""
        if state == "open":
            invite, seed = self._invite_of(group, row), link_keys(row).signing_seed
            link, qr, short_link = invite.link(seed), invite.qr(), invite.short_link()
        return GroupLinkAnswer(
            number=row.number,
            link=link,
            qr=qr,
            short_link=short_link,
            created=row.created,
            expires=row.expires,
            uses=row.uses,
            uses_max=row.uses_max,
            needs_approval=row.needs_approval,
            state=state,
        )

    def _invite_of(self, group: Group, row: GroupLinkRow) -> Invite:
        assert row.secret is not None
        bundle = link_bundle(row.bundle)
        return Invite(
            verify_key=bundle.verify_key,
            secret=row.secret,
            expires=row.expires,
            bundle=bundle,
            bundle_hash=bundle.digest,
            psk=self._parameters.psk if self._parameters.is_closed else None,
            name=name_of(group),
            gid=group.gid,
            needs_approval=row.needs_approval,
        )

    def _post(self, group: Group, row: GroupLinkRow, now: Instant) -> None:
        """Post the bundle for who has the QR code or the short link."""
        signature = self._invite_of(group, row).short_signature(link_keys(row).signing_seed)
        posted = self._door.post_bundle(row, signature, now)
        if posted is not None:
            self._rows.put(posted)

    # --- Put off ------------------------------------------------------------------------------

    def _post_again(self, now: Instant) -> None:
        """Post bundles that are about to expire."""
        for row in self._rows.with_secret():
            group = self._groups.find(row.conversation)
            if group is not None and self._state(group, row, now) == "open":
                self._post(group, row, now)

    def _erase_old(self, now: Instant) -> None:
        """Erase the keys of links that nobody can use any more."""
        for row in self._rows.with_secret():
            if row.expires + LIFETIME_SECONDS[LIFETIME_WEEK] <= now.expiry:
                self._close(row)
