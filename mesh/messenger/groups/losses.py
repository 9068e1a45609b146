"""A vault that was put back, or of which there is a copy: it shows in groups, and is mended.

Implements `docs/protocol/groups.md`, section "A vault that went back". Numbers that were used are
not used again: what stands under them was opened long ago, and nobody would look there again.
"""

from collections.abc import Callable

from msgspec.structs import replace

from mesh.group.chains import SendingChain
from mesh.group.placed_posts import BundlePost, PostPlace
from mesh.ids import Instant, Tag
from mesh.limits.group_keys import DAY_SECONDS
from mesh.limits.group_repair import POSTED_PASSED
from mesh.messenger.account import Account
from mesh.messenger.groups.chains_keeper import place_of
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.pauses import Pause
from mesh.storage.vault.group_losses import LossRow
from mesh.storage.vault.rows import EntryRow

_NO_RUN = 0
_OF_OPERATIONS = -1
"""In the place of a run, where it is an operation that was lost: a loss that is not proved, of no
run, is kept beside it."""


class Losses:
    """The losses of this vault. `is_tag_stored`: an envelope of a tag is, or was, in the store."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        changes: Changes,
        posting: GroupPosting,
        is_tag_stored: Callable[[Tag], bool],
    ) -> None:
        self._rows = account.vault.group_losses
        self._key_rows = account.vault.group_keys
        self._conversations = account.vault.conversations
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._leaves = keepers.leaves
        self._changes = changes
        self._posting = posting
        self._is_tag_stored = is_tag_stored

    # --- What shows it ------------------------------------------------------------------------

    def look(self, group: Group, now: Instant) -> None:
        """Look whether something stands already where we would write next."""
        for epoch in group.epochs:
            own = self._key_rows.find_chain(epoch.number, group.me)
            if epoch.number <= group.barred or own is None:
                continue
            chain = SendingChain(place_of(own))
            if not chain.is_over and self._is_tag_stored(chain.place.tag):
                # All members have the key of this tag, so it may be somebody else's.
                self._lost(group, _NO_RUN, now, is_proved=False)
                return

    def own_entry(self, group: Group, row: EntryRow, now: Instant) -> None:
        """Somebody has an entry of ours that is not here, with our signature."""
        if all(row.run != each.run for each in self._rows.of(group.conversation)):
            run = self._conversations.conversation(group.conversation).run
            self._lost(group, row.run, now, is_proved=True, is_in_use=row.run == run)

    def own_operation(self, group: Group, seq: int, now: Instant) -> None:
        """Somebody has an operation of ours that was not here, with our signature. `seq`: of the
        last one.
        """
        is_in_use = seq >= group.here.posted
        self._lost(group, _OF_OPERATIONS, now, is_proved=True, is_in_use=is_in_use)

    # --- What is done -------------------------------------------------------------------------

    def _lost(
        self, group: Group, run: int, now: Instant, *, is_proved: bool, is_in_use: bool = False
    ) -> None:
        """Begin anew: under other keys, and with other numbers; at most once a day.

        Where two copies of a vault go on, each finds each day that it lacks what the other wrote.
        `is_in_use`: what was lost bears numbers that we go on with. If that is proved, it was lost
        after we began anew, and goes before what anybody in the group can have us do.
        """
        before = self._rows.of(group.conversation)
        is_told = any(each.is_proved for each in before)
        lately = [each for each in before if each.noticed + DAY_SECONDS > now.mesh]
        is_done = bool(lately)
        if is_proved and is_in_use:
            is_done = any(each.is_proved for each in lately)
        is_proved = is_proved or any(each.run == run and each.is_proved for each in before)
        newest = max((one.number for one in group.epochs), default=0)
        last_epoch = group.barred if is_done else newest
        # It tells when we began anew: else who shows us a loss all the time would put that off.
        noticed = lately[0].noticed if is_done else now.mesh
        row = LossRow(group.conversation, run, noticed, last_epoch, is_proved)
        if row not in before:
            self._rows.put(row)
        if is_proved and not is_told:
            self._pending_events.group_changed(group.conversation)
        if is_done:
            return
        group.barred = last_epoch
        self._conversations.set_run(group.conversation, _NO_RUN)
        self._groups.put(group, replace(group.here, posted=group.here.posted + POSTED_PASSED))
        bundle = self._leaves.begin_anew(group, now)
        if group.row.state == "in" and group.is_in:
            if bundle is not None:
                post = BundlePost(1, 8, 0, PostPlace(bytes(8), 0), bundle)
                self._posting.queue(group, post, None, now)
            self._changes.renew(group, now, pause=Pause.SOON)
