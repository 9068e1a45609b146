"""Letters of groups: knocks at links; at entrances welcomes, and what a member writes to another.

Implements `docs/protocol/groups.md`, sections "By a link" and "Writing to a member". A letter
proves its author by a member key, or by the key that a link has for itself; it founds no session,
and nobody answers by one. A knock brings the bundle of who knocks; else the author is known by his
key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mesh.crypto.entropy import uniform_below
from mesh.crypto.kem import Kem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.entrance import entrance_key
from mesh.group.inviting import VERSION, GroupWelcome, encode_step
from mesh.group.knocking import WELCOME, Letter, decode_letter, encode_letter
from mesh.group.member_letters import MEMBER_LETTER
from mesh.group.posts import SignedPost
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.limits.group_keys import ENTRANCE_TAGS
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.posting_keys import Audience, group_audience
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.first_contact import (
    SHORT_OPENING_BYTES,
    Opening,
    Roots,
    begin_first_contact,
    begin_short_opening,
    open_opening,
    open_short_opening,
)
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets
from mesh.ratchet.letter import (
    KIND_LETTER,
    KIND_SHORT_LETTER,
    letter_size_class,
    open_letter_box,
    open_letter_outside,
    seal_letter,
)
from mesh.ratchet.tags import box_key_of, tag_of
from mesh.storage.vault.group_links import LetterRow
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.envelope import LIFETIME_MONTH, Envelope


@dataclass(frozen=True, slots=True)
class Addressee:
    """To whom a letter goes: a bundle, and the tag key and index under which it is expected."""

    bundle: Bundle
    key: bytes = field(repr=False)
    index: int


@dataclass(frozen=True, slots=True)
class Received:
    """A letter that was opened."""

    author: VerifyKey
    bundle: Bundle | None
    """The author's, unless the letter is a short one."""

    letter: Letter = field(repr=False)


class Letters:
    """Posts letters of ours; what waits for a posting key is a row."""

    def __init__(
        self, account: Account, *, leaves: LeavesKeeper, sealing: Sealing, transit: Transit
    ) -> None:
        self._rows = account.vault.group_links
        self._leaves = leaves
        self._entropy = account.entropy
        self._kem = account.kem
        self._sealing = sealing
        self._transit = transit

    def post(
        self,
        author: IdentityKeys,
        own_bundle: Bundle | None,
        to: Addressee,
        content: bytes,
        *,
        audience: int,
        now: Instant,
    ) -> bool:
        """Post a letter, if a posting key of that audience is ready: a short one without a bundle
        of ours. PeerError if the keys to which it would be sealed are bad.
        """
        if not self._sealing.has_signer(now.mesh, audience):
            return False
        opening = self._opening(author, own_bundle, to.bundle)
        kind = KIND_SHORT_LETTER if own_bundle is None else KIND_LETTER
        size_class = letter_size_class(len(content), kind)
        assert size_class is not None, "what letters say is bounded"

        def body_of(header: bytes) -> bytes:
            return seal_letter(
                opening,
                content,
                box_key=box_key_of(to.key, to.index),
                header=header,
                size_class=size_class,
                entropy=self._entropy,
            )

        classes = size_class, LIFETIME_MONTH
        tag = tag_of(to.key, to.index)
        sealed = self._sealing.seal_for_group(audience, tag, classes, body_of, now.mesh)
        self._transit.post(sealed, None, pause=Pause.SOON, now=now)
        return True

    def _opening(self, author: IdentityKeys, own_bundle: Bundle | None, theirs: Bundle) -> Opening:
        entropy, kem = self._entropy, self._kem
        if own_bundle is None:
            return begin_short_opening(author, theirs, entropy=entropy, kem=kem)
        return begin_first_contact(author, own_bundle, theirs, entropy=entropy, kem=kem)

    # --- To entrances -------------------------------------------------------------------------

    def queue(
        self, group: Group, entrance: bytes, bundle: bytes, kind: int, data: bytes, now: Instant
    ) -> None:
        """Write to somebody at his entrance, as a member of a group, as soon as can be."""
        self._rows.add_letter(LetterRow(0, group.conversation, entrance, bundle, kind, data))
        self.flush(group, now)

    def welcome(
        self,
        group: Group,
        announcement: SignedPost,
        wraps: Mapping[VerifyKey, bytes],
        now: Instant,
    ) -> None:
        """Give members the keys of an epoch at their entrances: those whom no page reaches, and of
        whom we have bundles. `wraps`: the first wrap for each.
        """
        assert group.membership is not None
        bundles = self._leaves.bundles(group)
        for member, wrap in wraps.items():
            data = encode_step(GroupWelcome(VERSION, group.gid, announcement, wrap))
            entrance = group.membership.members[member].record.entrance
            bundle = bundles[member]
            row = LetterRow(0, group.conversation, entrance, bundle, WELCOME, data)
            self._rows.add_letter(row)
        self.flush(group, now)

    def waiting(self) -> list[ConversationId]:
        """Groups in which a letter waits."""
        return self._rows.conversations_with_letters()

    def flush(self, group: Group, now: Instant) -> None:
        """Post what can be posted now. What we wrote to a member goes unposted where one of both is
        out of the group.
        """
        entrances = frozenset[bytes]()
        if group.is_in and group.membership is not None:
            members = group.membership.members.values()
            entrances = frozenset(one.record.entrance for one in members)
        for row in self._rows.letters(group.conversation):
            if row.kind == MEMBER_LETTER and row.entrance not in entrances:
                self._rows.drop_letter(row.number)
                continue
            audience = group_audience(group.conversation)
            if row.kind == MEMBER_LETTER:
                # All members see at whose entrance it stands, and must not learn who wrote.
                audience = Audience.LETTERS
            if not self._sealing.has_signer(now.mesh, audience):
                # Each change asks for all that wait: nothing of them is opened in vain.
                continue
            to = Addressee(
                decode_bundle(row.bundle, is_signature_valid),
                entrance_key(row.entrance),
                uniform_below(self._entropy, ENTRANCE_TAGS),
            )
            content = encode_letter(row.kind, row.data)
            if self.post(group.keys, None, to, content, audience=audience, now=now):
                self._rows.drop_letter(row.number)


def open_letter(
    envelope: Envelope,
    key: bytes,
    index: int,
    *,
    identity: IdentityKeys,
    bundles: Iterable[tuple[Bundle, PrekeySecrets]],
    kem: Kem,
) -> Received:
    """Open a letter to one of our bundles; PeerError if it is to none, or not whole."""
    header = envelope.header_bytes
    opening, box = open_letter_outside(envelope.body, box_key=box_key_of(key, index), header=header)
    for ours, secrets in bundles:
        try:
            author, bundle, roots = _opened(opening, identity, ours, secrets, kem)
        except PeerError:
            continue
        content = open_letter_box(box, roots, header=header)
        return Received(author, bundle, decode_letter(content))
    raise PeerError("a letter to none of our bundles")


def _opened(
    opening: bytes, identity: IdentityKeys, ours: Bundle, secrets: PrekeySecrets, kem: Kem
) -> tuple[VerifyKey, Bundle | None, Roots]:
    verify = is_signature_valid
    if len(opening) == SHORT_OPENING_BYTES:
        key, roots = open_short_opening(
            opening, identity=identity, bundle=ours, secrets=secrets, verify=verify, kem=kem
        )
        return key, None, roots
    author, roots = open_opening(
        opening, identity=identity, bundle=ours, secrets=secrets, verify=verify, kem=kem
    )
    return author.verify_key, author.bundle, roots
