"""The door of a link into a group: its keys, its tags, and its bundle on the mesh.

Implements `docs/protocol/groups.md`, section "By a link".
"""

from typing import Final

from msgspec.structs import replace

from mesh.crypto.signing import is_signature_valid
from mesh.errors import UserError
from mesh.group.operations import NO_CONSENT, Add, Record
from mesh.group.writing import check_action, check_allowed
from mesh.ids import Instant, Tag, UnixSeconds, VerifyKey
from mesh.limits.groups import GROUP_LINK_TAGS
from mesh.messenger.groups.group import Group
from mesh.messenger.sessions.posting_keys import link_audience
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.tag_index import OfGroupLink, TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.identity import PREKEY_PRIVATE_BYTES, IdentityKeys, PrekeySecrets
from mesh.ratchet.tags import invite_tag_key, tag_of
from mesh.storage.vault.group_links import GroupLinkRow
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.envelope import (
    LIFETIME_MONTH,
    LIFETIME_SECONDS,
    LIFETIME_WEEK,
    SECONDS_PER_DAY,
)

_NOBODY: Final = Record(bytes(32), bytes(32), bytes(32), bytes(16), "?", NO_CONSENT)
"""Whether somebody may add people is asked with a record that is nobody's."""


class LinkDoor:
    """The tags of links, and their bundles on the mesh."""

    def __init__(self, *, tag_index: TagIndex, sealing: Sealing, transit: Transit) -> None:
        self._tag_index = tag_index
        self._sealing = sealing
        self._transit = transit

    def expect(self, row: GroupLinkRow) -> None:
        """Expect knocks at a link."""
        assert row.secret is not None
        self._tag_index.expect(OfGroupLink(row.number), link_tags(row.secret))

    def forget(self, secret: bytes) -> None:
        """Expect none at one any more."""
        self._tag_index.forget(tag for _, tag in link_tags(secret))

    def post_bundle(self, row: GroupLinkRow, signature: bytes, now: Instant) -> GroupLinkRow | None:
        """Post the bundle of a link; None: it stands there for long enough, or cannot be posted."""
        assert row.secret is not None
        if row.posted_until >= min(row.expires, now.mesh + 2 * SECONDS_PER_DAY):
            return None
        is_short = row.expires - now.mesh <= LIFETIME_SECONDS[LIFETIME_WEEK]
        sealed = self._sealing.seal_invite_bundle(
            link_bundle(row.bundle),
            row.secret,
            signature,
            posts_count=row.posts_count,
            lifetime_class=LIFETIME_WEEK if is_short else LIFETIME_MONTH,
            mesh_now=now.mesh,
            audience=link_audience(row.number, is_ours=True),
        )
        if sealed is None:
            return None
        self._transit.post(sealed, None, now=now)
        lapses = sealed.envelope.header.lapses
        return replace(row, posts_count=row.posts_count + 1, posted_until=lapses)


def is_closed(row: GroupLinkRow, created: UnixSeconds) -> bool:
    """Say whether a knock that was written at a time founds nothing."""
    return row.is_revoked or row.uses >= row.uses_max or created > row.expires


def needs_word(row: GroupLinkRow, came: UnixSeconds) -> bool:
    """Say whether a person is asked about who came at a time: also of a link that had expired by
    then, whatever the knock says of when it was written.
    """
    return row.needs_approval or came > row.expires


def uses_left(row: GroupLinkRow) -> int:
    """Return how many may still come by a link."""
    return max(0, row.uses_max - row.uses)


def check_may_add(group: Group, member: VerifyKey | None = None) -> None:
    """Raise UserError unless a member, or we, may add somebody to a group now."""
    assert group.membership is not None
    check_action(group.membership, member or group.me, Add((_NOBODY,)))


def may_add(group: Group, member: VerifyKey | None = None) -> bool:
    """Say whether he, or we, may."""
    try:
        check_may_add(group, member)
    except UserError:
        return False
    return True


def may_add_later(group: Group) -> bool:
    """Say whether we may add somebody to a group, now or in some minutes."""
    assert group.membership is not None
    try:
        check_allowed(group.membership, group.me, Add((_NOBODY,)))
    except UserError:
        return False
    return True


def link_tags(secret: bytes) -> list[tuple[int, Tag]]:
    """Return all (index, tag) under which knocks at a link come."""
    key = invite_tag_key(secret)
    return [(index, tag_of(key, index)) for index in range(GROUP_LINK_TAGS)]


def is_known(group: Group, member: VerifyKey) -> bool:
    """Say whether somebody was ever in a group, or cannot come into it under this key.

    Only by what counts: any member can sign an add of whom he is told, and it is kept.
    """
    if group.membership is None:
        return False
    person = group.membership.graph.person(member)
    found = person.created | person.adds | person.removals | person.leaves
    return bool(found & group.membership.view.acts)


def link_keys(row: GroupLinkRow) -> IdentityKeys:
    """Return the identity of a link."""
    assert row.seed is not None
    return IdentityKeys.from_seed(row.seed)


def link_secrets(row: GroupLinkRow) -> PrekeySecrets:
    """Return the private halves of its bundle."""
    assert row.private is not None
    return PrekeySecrets(row.private[:PREKEY_PRIVATE_BYTES], row.private[PREKEY_PRIVATE_BYTES:])


def link_bundle(data: bytes) -> Bundle:
    """Return a bundle that was checked when it came."""
    return decode_bundle(data, is_signature_valid)
