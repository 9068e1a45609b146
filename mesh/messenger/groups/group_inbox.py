"""Envelopes under tags of members of groups, opened.

Implements `docs/protocol/group-keys.md`, section "Reading". All members have the keys of all
chains, and only a signature says who wrote: what is not by the owner of the chain, or does not
stand at its place, changes nothing, and of its posting key nothing more is opened that day.
"""

from collections.abc import Callable, Sequence

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.epochs import EpochId, prefix_of
from mesh.group.opening import ChainReader, OpenedPost
from mesh.group.payload import (
    ENDED,
    KNOCKS_OVER,
    LEAF,
    RECEIPT,
    GroupPayload,
    SignedEntry,
    decode_ended,
)
from mesh.group.placed_posts import (
    BundlePost,
    KeyPage,
    Knock,
    Need,
    Supply,
    gives_entries_alone,
)
from mesh.group.posts import SignedPost
from mesh.group.receipts import ToldAt
from mesh.group.wraps import Trouble
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import LIARS_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.groups.joining import Joining
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.knocks import Knocks
from mesh.messenger.groups.repair import Repair
from mesh.messenger.groups.speech import GroupSpeech
from mesh.messenger.groups.standing import Standing
from mesh.messenger.groups.supplies import Source
from mesh.messenger.sessions.tag_index import (
    OfChain,
    OfEntrance,
    OfGroupLink,
    OfHello,
    OfLinkBundle,
)
from mesh.storage.vault.group_keys import ChainRow
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope, StampedKey

GroupControlHandler = Callable[[Group, VerifyKey, bytes, Instant], None]
"""Acts on a control of a member; PeerError if it is none, or too much."""


class TooEarly(PeerError):
    """It stays in the store, and is opened when what it hangs on has come."""


class GroupInbox:
    """Opens what members write."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        speech: GroupSpeech,
        standing: Standing,
        repair: Repair,
        knocks: Knocks,
        joining: Joining,
        receipts: GroupReceipts,
    ) -> None:
        self._key_rows = account.vault.group_keys
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._chains = keepers.chains
        self._leaves = keepers.leaves
        self._shares = keepers.shares
        self._speech = speech
        self._standing = standing
        self._repair = repair
        self._receipts = receipts
        self.controls: dict[int, GroupControlHandler] = {
            KNOCKS_OVER: knocks.over,
        }
        """Who acts on controls that are not of keys, by their kind."""

        self._knocks = knocks
        self._joining = joining
        # Keys by which somebody sealed under another's chain: a day's, and gone with the run. The
        # first goes where they are too many.
        self._liars: dict[StampedKey, None] = {}
        self._liars_day = -1

    def take(self, owner: OfChain | OfHello, index: int, envelope: Envelope, now: Instant) -> None:
        """Open what stands under a tag; PeerError leaves everything as it was."""
        row = self._chains.find(owner.chain)
        held = None if row is None else self._epochs.find(row.epoch)
        if row is None or held is None:
            self._chains.forget_tags([envelope.header.tag])
            raise PeerError("something of a group under keys that are erased")
        if envelope.header.stamped_key in self._liars:
            raise PeerError("another one by a key that sealed under the chain of somebody else")
        group, epoch = held
        try:
            if isinstance(owner, OfHello):
                self._open_hello(group, epoch, row, index, envelope, now)
            else:
                self._open_number(group, epoch, row, index, envelope, now)
        except TooEarly:
            raise
        except PeerError:
            self._note_liar(envelope, now)
            raise
        self._standing.settle(group, now)

    def _note_liar(self, envelope: Envelope, now: Instant) -> None:
        day = now.mesh // SECONDS_PER_DAY
        if day != self._liars_day:
            # A key is of one day, and what it seals may be under way until the end of the next.
            self._liars = {key: None for key in self._liars if key.day >= day - 1}
            self._liars_day = day
        self._liars[envelope.header.stamped_key] = None
        if len(self._liars) > LIARS_MAX:
            del self._liars[next(iter(self._liars))]

    def take_letter(
        self,
        owner: OfGroupLink | OfLinkBundle | OfEntrance,
        index: int,
        envelope: Envelope,
        now: Instant,
    ) -> None:
        """Open what is for one of us, and under no chain; PeerError leaves everything as it was."""
        match owner:
            case OfGroupLink(link):
                self._knocks.knocked(link, index, envelope, now)
            case OfLinkBundle(conversation):
                self._joining.bundle_came(conversation, index, envelope, now)
            case OfEntrance(conversation):
                self._joining.letter_came(conversation, index, envelope, now)

    def _open_number(
        self,
        group: Group,
        epoch: HeldEpoch,
        row: ChainRow,
        number: int,
        envelope: Envelope,
        now: Instant,
    ) -> None:
        before = self._chains.receiving(row)
        after, opened = _reader(group, epoch, row).open_number(
            before,
            number,
            header=envelope.header_bytes,
            body=envelope.body,
            expiry_now=now.expiry,
        )
        if group.membership is None and (isinstance(opened, GroupPayload) or _is_said(opened)):
            raise TooEarly("something said in a group of which the beginning is not here")
        if isinstance(opened, GroupPayload):
            self._check_share(group, row.member, opened, envelope, now)
        self._chains.moved(row, before, after, now)
        self._heard(group, epoch, row.member, envelope, now, is_answer=_is_answer(opened))
        if isinstance(opened, GroupPayload):
            # A clock that is ahead shuts out nothing that is told later.
            told = UnixSeconds(min(envelope.header.created, now.mesh))
            at = ToldAt(prefix_of(EpochId(epoch.id)), number, told)
            self._act_on_controls(group, row.member, opened, at, now)
            self._hear_entries(group, row.member, opened.entries, now)
        else:
            self._take_post(group, epoch, row.member, opened, now)

    def _check_share(
        self,
        group: Group,
        member: VerifyKey,
        payload: GroupPayload,
        envelope: Envelope,
        now: Instant,
    ) -> None:
        """TooEarly if a member said so much in this day that the rest waits."""
        size = sum(len(signed.entry) for signed in payload.entries)
        if size and not self._shares.has_room(group.conversation, member, size, now):
            self._shares.wait(group.conversation, member, envelope.header.tag, now)
            raise TooEarly("something of a member who said too much in a day")

    def _open_hello(
        self,
        group: Group,
        epoch: HeldEpoch,
        row: ChainRow,
        index: int,
        envelope: Envelope,
        now: Instant,
    ) -> None:
        before = self._chains.receiving(row)
        after, hello = _reader(group, epoch, row).open_hello(
            before,
            index,
            hello_key=row.hello_key,
            header=envelope.header_bytes,
            body=envelope.body,
            expiry_now=now.expiry,
        )
        self._chains.moved(row, before, after, now)
        self._chains.forget_tags([envelope.header.tag])
        self._heard(group, epoch, row.member, envelope, now)
        if row.member in group.members:
            self._leaves.take_short(group, row.member, hello.leaf)
            self._standing.recognise(group, row.member, hello.tokens)
            self._repair.needs.named(
                group,
                row.member,
                operations=hello.operation_heads,
                entries=hello.entry_heads,
                now=now,
            )
            self._standing.is_changed = True

    # --- What it says -------------------------------------------------------------------------

    def _heard(
        self,
        group: Group,
        epoch: HeldEpoch,
        member: VerifyKey,
        envelope: Envelope,
        now: Instant,
        *,
        is_answer: bool = False,
    ) -> None:
        """A member was heard. `is_answer`: to who holds this epoch, whichever he writes under."""
        at = UnixSeconds(min(envelope.header.created, now.mesh))
        before = self._groups.person(group, member).heard
        is_apart = is_answer and epoch is not group.chosen()
        self._groups.heard(group, member, None if is_apart else epoch, at)
        hands = self._repair.hands
        if member in group.members:
            is_behind = not is_apart and hands.heard(group, epoch, member, at, before, now)
            self._repair.needs.heard(group, member, before, now)
            self._receipts.heard(group, member, before, now)
        else:
            is_behind = hands.heard_out(group, member, now)
        if is_behind:
            self._standing.is_changed = True
        self._standing.heard_under(group, epoch, member, now)

    def _act_on_controls(
        self, group: Group, member: VerifyKey, payload: GroupPayload, at: ToldAt, now: Instant
    ) -> None:
        """Act on the controls of a member; those of who is none are passed over."""
        if member not in group.members:
            return
        for kind, data in payload.controls:
            try:
                if kind == LEAF:
                    self._leaves.take_short(group, member, data)
                elif kind == ENDED:
                    self._end_chains(group, member, data, now)
                elif kind == RECEIPT:
                    self._receipts.take(group, member, data, at)
                elif (handler := self.controls.get(kind)) is not None:
                    handler(group, member, data, now)
            except PeerError as error:
                self._speech.dropped[error.reason] += 1

    def _end_chains(self, group: Group, member: VerifyKey, data: bytes, now: Instant) -> None:
        for ended in decode_ended(data):
            epoch = group.find_epoch(ended.epoch_prefix)
            row = None if epoch is None else self._key_rows.find_chain(epoch.number, member)
            if row is not None:
                before = self._chains.receiving(row)
                after = before.ended_at(ended.next)
                self._chains.moved(row, before, after, now, was_opened=False)

    def _hear_entries(
        self,
        group: Group,
        author: VerifyKey,
        entries: Sequence[SignedEntry],
        now: Instant,
    ) -> None:
        for signed in entries:
            self._hear(group, author, signed, now)

    def _hear(
        self,
        group: Group,
        author: VerifyKey,
        signed: SignedEntry,
        now: Instant,
        source: Source | None = None,
    ) -> None:
        passed_on_by = None if source is None else source.member
        row = self._speech.said(group, author, signed, now, passed_on_by=passed_on_by)
        if row is None or group.row.state != "in":
            return
        if self._repair.supplies.came(group, row, source, now):
            self._standing.is_changed = True

    def _take_post(
        self, group: Group, epoch: HeldEpoch, author: VerifyKey, opened: OpenedPost, now: Instant
    ) -> None:
        post = opened.post
        match post:
            case KeyPage():
                self._take_posts(group, post.operations, now)
                self._repair.supplies.supplied(group, epoch, post.operations)
                self._repair.hands.told(group, post.operations)
                if post.announcement is not None:
                    self._open_epoch(group, post, post.announcement, now)
            case Supply():
                self._take_supply(group, epoch, Source(author, opened.id), post, now)
            case BundlePost():
                if VerifyKey(post.bundle[:32]) == author:
                    self._take_bundle(group, post.bundle)
            case Need():
                self._standing.is_changed = True
                self._take_need(group, author, post, opened.id, now)
            case Knock():
                self._take_knock(group, author, post, now)
            case _:
                # What is asked for is answered elsewhere; a newer kind is passed over.
                return

    def _open_epoch(
        self, group: Group, page: KeyPage, announcement: SignedPost, now: Instant
    ) -> None:
        self._standing.is_changed = True
        try:
            opened = self._epochs.unwrap(group, announcement, page.wraps, now)
        except PeerError as error:
            self._speech.dropped[error.reason] += 1
            return
        if isinstance(opened, Trouble):
            self._repair.needs.does_not_open(group, announcement, opened, now)

    def _take_need(
        self, group: Group, author: VerifyKey, need: Need, need_id: bytes, now: Instant
    ) -> None:
        try:
            self._repair.asked(group, author, need, need_id, now)
        except PeerError as error:
            self._speech.dropped[error.reason] += 1

    def _take_supply(
        self, group: Group, epoch: HeldEpoch, source: Source, supply: Supply, now: Instant
    ) -> None:
        """Take what a member passes on: all of it stands by the signatures of its authors."""
        self._take_posts(group, supply.posts, now)
        if source.member not in group.members:
            return
        self._repair.supplies.supplied(group, epoch, supply.posts, supply)
        for bundle in supply.bundles:
            self._take_bundle(group, bundle)
        self._groups.take_had(group, epoch, source.member, supply.had, now)
        for each in supply.entries:
            signed = SignedEntry(each.entry, each.signature)
            self._hear(group, VerifyKey(each.author), signed, now, source)

    def _take_knock(self, group: Group, author: VerifyKey, knock: Knock, now: Instant) -> None:
        if author not in group.members:
            return
        try:
            self._knocks.told(group, author, knock, now)
        except PeerError as error:
            self._speech.dropped[error.reason] += 1

    def _take_bundle(self, group: Group, bundle: bytes) -> None:
        try:
            self._leaves.take_bundle(group, bundle)
        except PeerError as error:
            self._speech.dropped[error.reason] += 1

    def _take_posts(self, group: Group, posts: Sequence[SignedPost], now: Instant) -> None:
        taken = self._groups.take(group, posts, now)
        self._standing.took(group, taken, now)
        if group.membership is None:
            return
        graph = group.membership.graph
        came = [act for id_ in taken.operations for act in graph.of(graph.acts_of(id_))]
        if own := [act.operation.seq for act in came if act.author == group.me]:
            self._repair.losses.own_operation(group, max(own), now)


def _is_answer(opened: GroupPayload | OpenedPost) -> bool:
    return (
        not isinstance(opened, GroupPayload)
        and isinstance(opened.post, Supply)
        and gives_entries_alone(opened.post)
    )


def _is_said(opened: OpenedPost) -> bool:
    return isinstance(opened.post, Supply) and bool(opened.post.entries or opened.post.had)


def _reader(group: Group, epoch: HeldEpoch, row: ChainRow) -> ChainReader:
    return ChainReader(group.gid, EpochId(epoch.id), row.member, is_signature_valid)
