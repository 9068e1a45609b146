"""Posts and words for groups wait here until they are sealed.

Implements `docs/protocol/groups.md`, section "What leaves". What is to be posted is a row until it
is sealed; only then it gets its place, so that what waits for a posting key, or for the keys of the
group, is never sealed under an epoch that was in use once. What was said, and what only members may
read, goes under the epoch in use; pages go under that which their readers hold.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from mesh.commands.messages import MessageState
from mesh.content.entry import decode_entry
from mesh.group.epochs import EpochId
from mesh.group.making import operations_of_page
from mesh.group.payload import SignedEntry
from mesh.group.placed_posts import (
    KeyPage,
    Need,
    PlacedPost,
    PostPlace,
    SuppliedEntry,
    SuppliedHad,
    Supply,
    decode_placed,
    encode_placed,
    make_wraps_field,
)
from mesh.group.posts import SignedPost
from mesh.group.repair import may_have
from mesh.group.wraps import Wraps
from mesh.ids import Instant
from mesh.limits.group_keys import (
    PAGE_POSTS_MAX,
    SUPPLY_BUNDLES_MAX,
    SUPPLY_ENTRIES_MAX,
    SUPPLY_HAD_MAX,
    SUPPLY_POSTS_MAX,
)
from mesh.limits.groups import POST_BYTES_MAX
from mesh.limits.messages import CONTROLS_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.epochs_keeper import Made
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_sealer import GroupSealer, Notes, holds_post
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.pauses import Pause
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.group_people import UnsealedRow
from mesh.wire.envelope import LIFETIME_MONTH, LIFETIME_WEEK

_Each = TypeVar("_Each")
_NO_PLACE = PostPlace(bytes(8), 0)
_VERSION: Final = 1
_POST_ROOM_BYTES = POST_BYTES_MAX - 400
"""What a page or supply carries: all that it takes beside that is less than 400 bytes."""


_encoder = msgspec.msgpack.Encoder()


class GroupPosting:
    """Queues what is for groups until it can be sealed."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        sealer: GroupSealer,
    ) -> None:
        self._rows = account.vault.group_people
        self._messages = account.vault.entries
        self._pending_events: PendingEvents = account.pending_events
        self._groups = keepers.groups
        self._chains = keepers.chains
        self._sealer = sealer

    # --- What is to be posted -----------------------------------------------------------------

    def say(
        self,
        group: Group,
        signed: SignedEntry,
        entry: int,
        *,
        lifetime_class: int,
        now: Instant,
    ) -> None:
        """Post what our person says, under the epoch in use, as soon as there is one."""
        self._queue(group, None, _encoder.encode(signed), lifetime_class, now, entry=entry)
        self._groups.put(group, replace(group.here, wrote=now.mesh))

    def tell_epoch(self, group: Group, made: Made, now: Instant) -> None:
        """Post the pages of an epoch that was made here.

        An operation rides where only members can read, and those whom it removes.
        """
        for page in made.pages:
            told = made.operations[page.under]
            self._page(group, page.under, made.signed, page.wraps, told, now)

    def tell(self, group: Group, operations: Sequence[SignedPost], now: Instant) -> None:
        """Post operations without an epoch: under the one in use, as long as there is one. Else
        under the last of those whose readers may all learn them: by what somebody who is out made
        last, nobody would hear that we leave.
        """
        fair = (
            each
            for each in reversed(group.epochs)
            if len(operations_of_page(operations, group.outsiders(each))) == len(operations)
        )
        epoch = group.chosen() or next(fair, group.epochs[-1] if group.epochs else None)
        told: list[SignedPost] = []
        if epoch is not None:
            told = operations_of_page(operations, group.outsiders(epoch))
            if told:
                self._page(group, epoch.id, None, Wraps(), told, now)
        if left := [each for each in operations if each not in told]:
            self.supply(group, posts=left, now=now)

    def tell_under(
        self,
        group: Group,
        epoch: HeldEpoch,
        operations: Sequence[SignedPost],
        now: Instant,
    ) -> list[SignedPost]:
        """Post operations under an epoch, those that all of its readers may learn; return those
        that they may not.
        """
        told = operations_of_page(operations, group.outsiders(epoch))
        left = list(told)
        while left:
            room = _POST_ROOM_BYTES
            taken, _ = _taken(left, PAGE_POSTS_MAX, room, lambda each: len(each.encode()))
            self._page(group, epoch.id, None, Wraps(), taken, now)
        return [each for each in operations if each not in told]

    def tell_removed(
        self,
        group: Group,
        made: Made,
        operation: SignedPost,
        held: Collection[HeldEpoch],
        now: Instant,
    ) -> None:
        """Tell a removal to those whom it removes, under the epochs that they are known to hold, if
        no page of the new epoch does; and to nobody else who is out.
        """
        told = [page.under for page in made.pages if operation in made.operations[page.under]]
        for epoch in held:
            if epoch.id not in told:
                self.tell_under(group, epoch, [operation], now)

    def supply(
        self,
        group: Group,
        *,
        posts: Sequence[SignedPost] = (),
        bundles: Sequence[bytes] = (),
        entries: Sequence[SuppliedEntry] = (),
        had: Sequence[SuppliedHad] = (),
        need: bytes = b"",
        under: EpochId | None = None,
        now: Instant,
    ) -> None:
        """Post what members lack. `need`: by which it was asked for; `under`: an epoch of before,
        for entries that not all may read who hold the one in use.
        """
        left, others, said, had_left = list(posts), list(bundles), list(entries), list(had)
        while left or others or said or had_left:
            room = _POST_ROOM_BYTES
            taken, room = _taken(left, SUPPLY_POSTS_MAX, room, lambda each: len(each.encode()))
            given, room = _taken(others, SUPPLY_BUNDLES_MAX, room, lambda each: len(each) + 8)
            told, room = _taken(said, SUPPLY_ENTRIES_MAX, room, lambda one: len(one.entry) + 128)
            counted, room = _taken(had_left, SUPPLY_HAD_MAX, room, _bytes_of_had)
            post = Supply(_VERSION, 6, 0, _NO_PLACE, need, taken, told, counted, given)
            self._queue(group, under, encode_placed(post), LIFETIME_MONTH, now)

    def note(
        self,
        group: Group,
        controls: Sequence[tuple[int, bytes]],
        *,
        pause: Pause,
        lifetime_class: int = LIFETIME_WEEK,
        now: Instant,
    ) -> None:
        """Post controls by themselves, under the epoch in use."""
        for at in range(0, len(controls), CONTROLS_MAX):
            notes = Notes(2, list(controls[at : at + CONTROLS_MAX]), pause is Pause.SOON)
            self._queue(group, None, _encoder.encode(notes), lifetime_class, now)
        self.flush(group, now)

    def queue(self, group: Group, post: PlacedPost, epoch: EpochId | None, now: Instant) -> None:
        """Post something; None: under the epoch in use."""
        self._queue(group, epoch, encode_placed(post), LIFETIME_MONTH, now)

    def _page(
        self,
        group: Group,
        under: EpochId,
        announcement: SignedPost | None,
        wraps: Wraps,
        operations: Sequence[SignedPost],
        now: Instant,
    ) -> None:
        page = KeyPage(
            _VERSION,
            3,
            0,
            _NO_PLACE,
            announcement,
            make_wraps_field(wraps),
            list(operations)[:PAGE_POSTS_MAX],
        )
        self.queue(group, page, under, now)

    def _queue(
        self,
        group: Group,
        epoch: EpochId | None,
        data: bytes,
        lifetime_class: int,
        now: Instant,
        *,
        entry: int | None = None,
    ) -> None:
        row = UnsealedRow(0, group.conversation, epoch, data, lifetime_class, entry, now.mesh)
        self._rows.add_unsealed(row)

    # --- Sealing ------------------------------------------------------------------------------

    def flush(self, group: Group, now: Instant, *, pause: Pause = Pause.AT_ONCE) -> None:
        """Seal what can be sealed now, in its order; what cannot waits, and says why."""
        rows = self._rows.unsealed(group.conversation)
        if not rows:
            return
        chosen = group.chosen()
        has_signer = self._sealer.can_seal(group, now)
        for row in rows:
            epoch = chosen if row.epoch is None else group.find_epoch(row.epoch)
            if row.epoch is not None and epoch is None:
                # It was erased: nobody reads it any more.
                self._rows.drop_unsealed(row.number)
                continue
            own = None if epoch is None else self._chains.own(epoch, group.me)
            if epoch is None or own is None or not has_signer:
                if row.entry is not None:
                    is_ready = epoch is not None
                    self._set_state(row.entry, "queued" if is_ready else "waiting-for-keys")
                continue
            fitting = self._fitting(group, epoch, row, now)
            if fitting is None:
                self._rows.drop_unsealed(row.number)
                continue
            self._sealer.seal(group, epoch, fitting, now, pause)
            has_signer = self._sealer.can_seal(group, now)

    def give_up(self, group: Group) -> None:
        """We are out: what was to go under the epoch in use never leaves."""
        for row in self._rows.unsealed(group.conversation):
            if row.epoch is None:
                self._rows.drop_unsealed(row.number)
                if row.entry is not None:
                    self._set_state(row.entry, "expired")

    def flush_all(self, now: Instant) -> None:
        """Seal what waited, in all groups."""
        for conversation in self._rows.conversations_unsealed():
            group = self._groups.find(conversation)
            if group is not None:
                self.flush(group, now, pause=Pause.SOON)

    def _fitting(
        self, group: Group, epoch: HeldEpoch, row: UnsealedRow, now: Instant
    ) -> UnsealedRow | None:
        """Return a post without what some of its readers may not learn any more: somebody may have
        gone or come while it waited. Operations the others learn under the next epoch. None: of
        entries under an epoch of before nothing is left.
        """
        if not holds_post(row):
            return row
        post = decode_placed(row.data)
        match post:
            case KeyPage():
                told = operations_of_page(post.operations, group.outsiders(epoch))
                if left := [each for each in post.operations if each not in told]:
                    self.supply(group, posts=left, now=now)
                    row = replace(row, data=encode_placed(replace(post, operations=told)))
            case Need() if post.entry_heads and group.outsiders(epoch):
                row = replace(row, data=encode_placed(replace(post, entry_heads=[])))
            case Supply() if post.need_prefix and post.entries:
                given = self._given(group, epoch, post)
                if not given and row.epoch is not None:
                    return None
                row = replace(row, data=encode_placed(replace(post, entries=given)))
            case _:
                pass
        return row

    def _given(self, group: Group, epoch: HeldEpoch, supply: Supply) -> list[SuppliedEntry]:
        """Return the entries of a supply that all may read who hold an epoch."""
        membership = group.membership
        assert membership is not None
        is_fit = epoch is group.chosen()
        if not is_fit and (group.outsiders(epoch) or epoch.number <= group.barred):
            return []
        readers = group.readers(epoch)
        return [
            each
            for each, entry in [(one, decode_entry(one.entry)) for one in supply.entries]
            if may_have(membership, entry.kind, entry.ops, readers)
        ]

    def _set_state(self, entry: int, state: MessageState) -> None:
        if self._messages.message(entry).state != state:
            self._messages.set_state(entry, state)
            self._pending_events.message_changed(entry)


def _taken(
    left: list[_Each], count: int, room: int, bytes_of: Callable[[_Each], int]
) -> tuple[list[_Each], int]:
    """Take from the beginning what fits one post; return it, and the room that it leaves. What
    would fit none goes: nothing as long is taken in, and what stood behind it would wait for ever.
    """
    taken: list[_Each] = []
    while left and len(taken) < count:
        size = bytes_of(left[0])
        if _POST_ROOM_BYTES >= size > room:
            break
        first = left.pop(0)
        if size <= room:
            room -= size
            taken.append(first)
    return taken, room


def _bytes_of_had(had: SuppliedHad) -> int:
    return len(_encoder.encode(had))
