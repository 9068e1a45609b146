"""Leaves of a group's members, ours with their private halves, and what pairs share of wraps.

Implements `docs/protocol/group-keys.md`, sections "Leaves" and "Wraps". A leaf counts with its
owner's signature only, and is tried before it is kept.
"""

from dataclasses import dataclass, field

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.leaves import (
    OwnLeaves,
    OwnLongLeaf,
    OwnShortLeaf,
    ShortLeaf,
    check_long_leaf,
    decode_short_leaf,
    is_long_leaf_due,
    is_short_leaf_due,
    next_leaf_number,
    sign_short_leaf,
)
from mesh.group.making import Shared
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import (
    LONG_LEAF_KEPT_SECONDS,
    LONG_LEAF_LARGE_SECONDS,
    SHORT_LEAF_INTERVAL_SECONDS,
    SHORT_LEAF_KEPT_SECONDS,
)
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group
from mesh.ratchet.identity import PREKEY_PRIVATE_BYTES, IdentityKeys, PrekeySecrets, make_bundle
from mesh.storage.vault.group_keys import LeafRow, OwnLeafRow, WrapSecretRow
from mesh.wire.bundle import Bundle, decode_bundle

_SHORT_PRIVATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class MemberLeaves:
    """The leaves of another member, as far as they are here."""

    bundle: Bundle | None = field(repr=False, default=None)
    short: ShortLeaf | None = field(repr=False, default=None)


class LeavesKeeper:
    """All leaves of all groups, in rows."""

    def __init__(self, account: Account) -> None:
        self._rows = account.vault.group_keys
        self._entropy: Entropy = account.entropy
        self._kem: Kem = account.kem

    # --- Ours ---------------------------------------------------------------------------------

    def own(self, group: Group) -> OwnLeaves:
        """Our leaves whose private halves live, the newest first."""
        rows = self._rows.own_leaves(group.conversation)
        return OwnLeaves(
            short=tuple(OwnShortLeaf(row.name, row.private) for row in rows if not row.is_long),
            long=tuple(_long_of(row) for row in rows if row.is_long),
        )

    def own_long(self, group: Group) -> list[tuple[Bundle, PrekeySecrets]]:
        """Our bundles whose private halves live, the newest first."""
        return [
            (_stored_bundle(row.public), _long_of(row).secrets)
            for row in self._rows.own_leaves(group.conversation)
            if row.is_long
        ]

    def draw_long(self, keys: IdentityKeys, now: Instant) -> tuple[Bundle, PrekeySecrets]:
        """Draw a bundle of a member key; it is still to be kept."""
        return make_bundle(
            keys,
            valid_from=now.mesh,
            valid_to=UnixSeconds(now.mesh + LONG_LEAF_LARGE_SECONDS + LONG_LEAF_KEPT_SECONDS),
            entropy=self._entropy,
            kem=self._kem,
        )

    def keep_long(self, group: Group, bundle: Bundle, secrets: PrekeySecrets, now: Instant) -> None:
        """Keep a bundle that was drawn; it succeeds the one before."""
        private = secrets.prekey_private + secrets.kem_seed
        row = OwnLeafRow(
            group.conversation, True, bundle.valid_from, bundle.encode(), private, now.mesh
        )
        erase_after = UnixSeconds(now.expiry + LONG_LEAF_KEPT_SECONDS)
        self._rows.succeed_own_leaf(row, erase_after=erase_after)

    def short(self, group: Group, now: Instant) -> ShortLeaf:
        """Our short leaf; made anew when it is a day old."""
        newest = self._newest(group, is_long=False)
        if newest is not None and not is_short_leaf_due(newest.made, now.mesh):
            return _stored_short(newest.public)
        return self._draw_short(group, now)

    def _draw_short(self, group: Group, now: Instant) -> ShortLeaf:
        newest = self._newest(group, is_long=False)
        number = next_leaf_number(None if newest is None else newest.name, now.mesh)
        own = OwnShortLeaf(number, self._entropy.draw(_SHORT_PRIVATE_BYTES))
        leaf = sign_short_leaf(group.keys.signing_seed, group.gid, group.me, own)
        row = OwnLeafRow(group.conversation, False, number, leaf.encode(), own.private, now.mesh)
        self._rows.succeed_own_leaf(
            row, erase_after=UnixSeconds(now.expiry + SHORT_LEAF_KEPT_SECONDS)
        )
        return leaf

    def begin_anew(self, group: Group, now: Instant) -> bytes | None:
        """Draw both leaves anew, and forget by what we wrap for others: this vault went back, and
        lacks what was drawn and founded since. Return the bundle, which is to be told.
        """
        self._draw_short(group, now)
        self._rows.forget_outgoing(group.conversation)
        bundle, secrets = self.draw_long(group.keys, now)
        newest = self._newest(group, is_long=True)
        if newest is not None and newest.name >= bundle.valid_from:
            return None
        self.keep_long(group, bundle, secrets, now)
        return bundle.encode()

    def short_due(self, group: Group) -> UnixSeconds:
        """Return from when on what is written may tell a new short leaf."""
        newest = self._newest(group, is_long=False)
        made = 0 if newest is None else newest.made + SHORT_LEAF_INTERVAL_SECONDS
        return UnixSeconds(made)

    def long_due(self, group: Group, now: Instant) -> bool:
        """Say whether it is time for a new bundle."""
        newest = self._newest(group, is_long=True)
        count = len(group.members)
        return newest is None or is_long_leaf_due(
            newest.made, members_count=count, mesh_now=now.mesh
        )

    def own_bundle(self, group: Group) -> bytes | None:
        """Our newest bundle."""
        newest = self._newest(group, is_long=True)
        return None if newest is None else newest.public

    def _newest(self, group: Group, *, is_long: bool) -> OwnLeafRow | None:
        rows = self._rows.own_leaves(group.conversation)
        return next((row for row in rows if row.is_long is is_long), None)

    # --- Of others ----------------------------------------------------------------------------

    def of_members(self, group: Group) -> dict[VerifyKey, MemberLeaves]:
        """The leaves of all of whom there are any."""
        return {
            row.member: MemberLeaves(
                None if row.bundle is None else _stored_bundle(row.bundle),
                None if row.short is None else _stored_short(row.short),
            )
            for row in self._rows.leaves(group.conversation)
        }

    def bundles(self, group: Group) -> dict[VerifyKey, bytes]:
        """The bundles of others, as they are passed on."""
        rows = self._rows.leaves(group.conversation)
        return {row.member: row.bundle for row in rows if row.bundle is not None}

    def take_short(self, group: Group, member: VerifyKey, data: bytes) -> None:
        """A member tells his short leaf; PeerError if it is none. An older one changes nothing."""
        leaf = decode_short_leaf(data, group=group.gid, member=member, verify=is_signature_valid)
        before = self._leaf(group, member)
        if before.short is None or _stored_short(before.short).number < leaf.number:
            self._rows.put_leaf(LeafRow(group.conversation, member, before.bundle, data))

    def take_bundle(self, group: Group, data: bytes) -> bool:
        """Somebody's bundle comes, by himself or by another; PeerError if it can not be one of a
        member. Return whether it is newer than what is here.
        """
        bundle = decode_bundle(data, is_signature_valid)
        if group.membership is None or bundle.verify_key == group.me:
            return False
        member = group.membership.members.get(bundle.verify_key)
        if member is None or member.record.agreement_key != bundle.identity_key:
            raise PeerError("a bundle of somebody who is no member")
        before = self._leaf(group, bundle.verify_key)
        newest = None if before.bundle is None else _stored_bundle(before.bundle).valid_from
        if newest is not None and newest >= bundle.valid_from:
            return False
        check_long_leaf(bundle, entropy=self._entropy, kem=self._kem)
        self._rows.put_leaf(LeafRow(group.conversation, bundle.verify_key, data, before.short))
        return True

    def forget(self, group: Group, member: VerifyKey) -> None:
        """A member is gone: nothing is wrapped for him any more."""
        self._rows.forget_leaf(group.conversation, member)

    def _leaf(self, group: Group, member: VerifyKey) -> LeafRow:
        found = self._rows.leaves(group.conversation, member)
        return found[0] if found else LeafRow(group.conversation, member, None, None)

    # --- What pairs share ---------------------------------------------------------------------

    def secrets_out(self, group: Group) -> dict[VerifyKey, Shared]:
        """By what we wrap for each member: the newest of each."""
        found: dict[VerifyKey, Shared] = {}
        for row in self._rows.wrap_secrets(group.conversation, is_out=True):
            found.setdefault(row.member, Shared(row.secret, row.founded))
        return found

    def forget_secret_for(self, group: Group, member: VerifyKey) -> None:
        """A member may lack by what we wrap for him: the next wrap founds it anew."""
        self._rows.forget_outgoing(group.conversation, member)

    def secrets_in(self, group: Group, maker: VerifyKey) -> list[bytes]:
        """By what a maker wraps for us, the newest first."""
        rows = self._rows.wrap_secrets(group.conversation, is_out=False, member=maker)
        return [row.secret for row in rows]

    def founded(
        self,
        group: Group,
        member: VerifyKey,
        secret: tuple[UnixSeconds, bytes],
        now: Instant,
        *,
        is_out: bool,
    ) -> None:
        """A first wrap founded a secret; the first of it says by which bundle."""
        row = WrapSecretRow(group.conversation, member, is_out, *secret, now.mesh)
        self._rows.put_wrap_secret(row)


def _long_of(row: OwnLeafRow) -> OwnLongLeaf:
    secrets = PrekeySecrets(row.private[:PREKEY_PRIVATE_BYTES], row.private[PREKEY_PRIVATE_BYTES:])
    return OwnLongLeaf(UnixSeconds(row.name), secrets)


def _stored_bundle(data: bytes) -> Bundle:
    """A bundle that was verified before it was stored."""
    return decode_bundle(data, lambda _key, _message, _signature: True)


def _stored_short(data: bytes) -> ShortLeaf:
    return ShortLeaf(int.from_bytes(data[:4], "big"), data[4:36], data[36:])
