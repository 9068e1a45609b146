"""The chores of groups: epochs by rank, hellos, leaves, and erasing.

Implements `docs/protocol/group-keys.md`, sections "Who makes one", "Hellos" and "What is kept how
long". Nobody is asked: each waits its turn, and a fit epoch that comes meanwhile ends the waiting.
"""

from mesh.group.closing import (
    OpenAccount,
    closed_by,
    closers,
    closing,
    correction,
    open_accounts,
)
from mesh.group.cuts import had_since
from mesh.group.makers import Cause, InUse, Situation, next_due, pause_of, rank_among_heard
from mesh.group.naming import joiner
from mesh.group.operations import Remove, RoleChange
from mesh.group.placed_posts import BundlePost, PostPlace
from mesh.group.settings import SettingsChange
from mesh.group.writing import may_do
from mesh.ids import ConversationId, Instant, Monotonic, UnixSeconds, VerifyKey
from mesh.limits.groups import CLOSING_AFTER_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_commands import KnownEntries
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.hellos import Hellos
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.repair import Repair
from mesh.messenger.groups.standing import Standing
from mesh.messenger.pauses import Pause

_EVER_MS = 1 << 62
_CLOSING_AFTER_MS = CLOSING_AFTER_SECONDS * 1_000


class Upkeep:
    """The chores of groups."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        hellos: Hellos,
        changes: Changes,
        standing: Standing,
        repair: Repair,
        known_entries: KnownEntries,
    ) -> None:
        self._key_rows = account.vault.group_keys
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._chains = keepers.chains
        self._leaves = keepers.leaves
        self._posting = posting
        self._hellos = hellos
        self._changes = changes
        self._standing = standing
        self._repair = repair
        self._known_entries = known_entries
        self._deadline: Monotonic | None = None
        # Since when there are leaves of those whom an epoch is without, and accounts are open.
        self._leaves_came: dict[int, UnixSeconds] = {}
        self._open_since: dict[tuple[ConversationId, VerifyKey], UnixSeconds] = {}

    def feature(self) -> Feature:
        """Return what is done by itself."""
        return Feature(
            chores=[Chore(self._tend)],
            cleanups=[self._erase],
            deadline=self._next,
        )

    def _next(self) -> Monotonic | None:
        is_due = self._standing.is_changed and bool(self._groups.all)
        return Monotonic(0) if is_due else self._deadline

    def _tend(self, now: Instant) -> None:
        self._standing.is_changed = False
        self._chains.follow_week(self._groups.all, now)
        dues: list[UnixSeconds] = []
        for group in self._groups.all:
            if group.row.state == "joining":
                # A former Mesh may have left it so though a removal of ours counts.
                self._standing.settle(group, now)
            if group.row.state == "in" and group.is_in:
                dues += self._tend_group(group, now)
        self._posting.flush_all(now)
        self._deadline = None
        if dues:
            wait_s = max(min(dues) - now.mesh, 1)
            self._deadline = now.after(wait_s * 1_000)

    def _tend_group(self, group: Group, now: Instant) -> list[UnixSeconds]:
        """Do what is due in a group; return when something else is."""
        membership = group.membership
        assert membership is not None
        if joiner(membership) == group.me and may_do(membership, group.me, SettingsChange()):
            self._changes.do(group, SettingsChange(), now, pause=Pause.SOON)
        dues = self._close_accounts(group, now)
        self._correct(group, now)
        rank = self._rank(group, group.members, now)
        due = next_due(self._situation(group, now), rank)
        # Who lost all keys waits for nobody's: others go on under what he cannot open.
        is_made = group.has_lost_keys or (due is not None and due.at <= now.mesh)
        if is_made:
            self._changes.renew(group, now, pause=Pause.SOON)
        elif due is not None:
            dues.append(due.at)
        dues += self._repair.tend(group, rank, now)
        if is_made and due is not None and due.cause is Cause.CANNOT_OPEN:
            self._repair.hands.made_anew(group, now)
        owed = self._changes.brief_owed(group, now)
        dues += [] if owed is None else [owed]
        chosen = group.chosen()
        if chosen is not None and len(group.members) > 1:
            self._tell_bundle(group, chosen, now)
            hello = self._hellos.due(group)
            if hello > now.mesh:
                dues.append(hello)
            else:
                self._hellos.say(group, chosen, now)
        return dues

    def _situation(self, group: Group, now: Instant) -> Situation:
        chosen = group.chosen()
        since = group.here.waiting_since or now.mesh
        if chosen is None:
            return Situation(None, since)
        in_use = InUse(
            made=chosen.came,
            is_written_in=max(group.here.wrote, group.here.spoken) >= chosen.came,
            leaves_came=self._since_leaves_came(group, chosen, now),
            complaints=self._repair.hands.complaints(group),
        )
        return Situation(in_use, since, self._repair.hands.served(group))

    def _since_leaves_came(
        self, group: Group, epoch: HeldEpoch, now: Instant
    ) -> UnixSeconds | None:
        known = self._leaves.bundles(group)
        if not any(VerifyKey(key) in known for key in epoch.announcement.without):
            return None
        return self._leaves_came.setdefault(epoch.number, now.mesh)

    def _rank(self, group: Group, order: list[VerifyKey], now: Instant) -> int:
        heard = {key: row.heard for key, row in group.people.items()}
        return rank_among_heard(group.me, order, heard, now.mesh)

    def _close_accounts(self, group: Group, now: Instant) -> list[UnixSeconds]:
        """Close the accounts of who left or stepped down, when it is our turn."""
        membership = group.membership
        assert membership is not None
        dues = []
        for account in open_accounts(membership):
            order = closers(membership, account)
            if group.me not in order:
                continue
            place = group.conversation, account.key
            since = self._open_since.setdefault(place, now.mesh)
            due = UnixSeconds(since + pause_of(self._rank(group, order, now)))
            if due > now.mesh:
                dues.append(due)
            elif may_do(membership, group.me, action := self._closing(group, account)):
                self._changes.do(group, action, now, pause=Pause.SOON)
                break
        return dues

    def _correct(self, group: Group, now: Instant) -> None:
        """Take back, a week later, what a leaver told of himself and what never came."""
        membership = group.membership
        assert membership is not None
        for key in closed_by(membership, group.me, before_ms=now.mesh_ms - _CLOSING_AFTER_MS):
            here = had_since(self._known_entries(group.conversation, key), _EVER_MS)
            action = correction(membership, group.me, key, here)
            if action is not None and may_do(membership, group.me, action):
                self._changes.do(group, action, now, pause=Pause.SOON)
                return

    def _closing(self, group: Group, account: OpenAccount) -> Remove | RoleChange:
        here = had_since(self._known_entries(group.conversation, account.key), _EVER_MS)
        return closing(account, self._groups.had(group, account.key, here))

    def _tell_bundle(self, group: Group, epoch: HeldEpoch, now: Instant) -> None:
        if self._leaves.long_due(group, now):
            bundle, secrets = self._leaves.draw_long(group.keys, now)
            self._leaves.keep_long(group, bundle, secrets, now)
            post = BundlePost(1, 8, 0, PostPlace(bytes(8), 0), bundle.encode())
            self._posting.queue(group, post, None, now)

    # --- Erasing ------------------------------------------------------------------------------

    def _erase(self, now: Instant) -> None:
        """Erase what is over; only while the clock is steady."""
        self._chains.erase_due(now.expiry)
        self._groups.give_up_waiting(now)
        for group in self._groups.all:
            self._epochs.give_up_seeds(group, now)
            if group.row.state in ("left", "removed"):
                for epoch in list(group.epochs):
                    # By one that came later it may turn out that we are in.
                    since = max(group.here.since, epoch.came)
                    if since + CLOSING_AFTER_SECONDS <= now.expiry:
                        self._epochs.erase(group, epoch)
                continue
            self._erase_epochs(group)

    def _erase_epochs(self, group: Group) -> None:
        """Our own chain stays as long as any of the epoch does, or it is in use."""
        chosen = group.chosen()
        for epoch in list(group.epochs):
            others = [row for row in self._key_rows.chains(epoch.number) if row.member != group.me]
            is_waiting = epoch.seed is not None
            if epoch is not chosen and not others and not is_waiting and len(group.members) > 1:
                self._epochs.erase(group, epoch)
