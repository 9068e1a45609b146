"""Changes of a group that are made here: an operation, the epoch that it asks for, and the word.

Implements `docs/protocol/groups.md`. All of it is one transaction: nothing is announced that is not
stored. Whether a person may is asked before anything is written.
"""

from collections.abc import Sequence

from mesh.errors import PeerError, UserError
from mesh.group.operations import Action, Add, Record, Remove
from mesh.group.posts import PostId, SignedPost
from mesh.group.writing import check_action, room_left
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import SUPPLIED_BUNDLES
from mesh.limits.groups import MEMBERS_MAX, PERSONS_PER_OPERATION_MAX, RIDING_RECORDS_MAX
from mesh.messenger.groups.briefings import Briefings
from mesh.messenger.groups.epochs_keeper import Made
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.letters import Letters
from mesh.messenger.groups.membership_keeper import Taken
from mesh.messenger.groups.standing import Standing
from mesh.messenger.names import member_name
from mesh.messenger.pauses import Pause


class Changes:
    """Does what members do to their group."""

    def __init__(
        self,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        standing: Standing,
        briefings: Briefings,
        letters: Letters,
    ) -> None:
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._posting = posting
        self._standing = standing
        self._briefings = briefings
        self._letters = letters

    def do(
        self,
        group: Group,
        action: Action,
        now: Instant,
        *,
        pause: Pause = Pause.AT_ONCE,
    ) -> Made | None:
        """Do something; UserError if it would not count.

        Who is in or out is for other keys, which are made with it; while more are in than an epoch
        can be for, None is.
        """
        membership = group.membership
        assert membership is not None
        check_action(membership, group.me, action, called=member_name)
        signed = self._groups.sign(group, action, now)
        taken = self._groups.take(group, [signed], now)
        newcomers: list[VerifyKey] = []
        if isinstance(action, Add):
            newcomers = [VerifyKey(record.key) for record in action.records]
        made = None
        if isinstance(action, Add | Remove) and len(group.members) <= MEMBERS_MAX:
            made = self.make_epoch(group, [signed], now, newcomers=newcomers)
            if isinstance(action, Remove):
                removed = [VerifyKey(each.key) for each in action.removals]
                held = {
                    epoch.number: epoch
                    for key in removed
                    if (epoch := self._epochs.held_by(group, key)) is not None
                }
                self._posting.tell_removed(group, made, signed, list(held.values()), now)
        else:
            self._posting.tell(group, [signed], now)
        self._standing.took(group, taken, now, pause=pause)
        return made

    def add_all(
        self,
        group: Group,
        records: Sequence[Record],
        now: Instant,
        *,
        bundles: Sequence[bytes],
        pause: Pause = Pause.AT_ONCE,
    ) -> tuple[Made, int]:
        """Add people with one epoch for all, the first for whom there is room, as many as can be;
        return it, and how many these are.
        UserError if nobody can be added.

        What adds many rides in no page: it is supplied under the new epoch to who comes, and by
        that to all others.
        """
        signed: list[SignedPost] = []
        taken: list[Taken] = []
        added: list[VerifyKey] = []
        assert group.membership is not None
        # Where there is no room, it is said of the first.
        records = records[: max(1, room_left(group.membership))]
        for at in range(0, len(records), PERSONS_PER_OPERATION_MAX):
            action = Add(tuple(records[at : at + PERSONS_PER_OPERATION_MAX]))
            assert group.membership is not None
            try:
                check_action(group.membership, group.me, action, called=member_name)
            except UserError:
                if not added:
                    raise
                break
            signed.append(self._groups.sign(group, action, now))
            taken.append(self._groups.take(group, signed[-1:], now))
            added += [VerifyKey(record.key) for record in action.records]
        for bundle in bundles[: len(added)]:
            self._take_bundle(group, bundle)
        riding = signed if len(added) <= RIDING_RECORDS_MAX else []
        made = self.make_epoch(group, riding, now, newcomers=added)
        for each in taken:
            self._standing.took(group, each, now, pause=pause)
        return made, len(added)

    def make_epoch(
        self,
        group: Group,
        operations: Sequence[SignedPost],
        now: Instant,
        *,
        newcomers: Sequence[VerifyKey] = (),
    ) -> Made:
        """Make an epoch and let it be told. `operations`: those that it is for.

        Whom no epoch reaches since all were lost here is welcomed with it as newcomers are, and
        gets a letter; `newcomers` get theirs by who adds them.
        """
        lost = self._lost(group, newcomers) if group.has_lost_keys else []
        all_new = [*newcomers, *lost]
        made = self._epochs.make(group, now, operations=operations, newcomers=all_new)
        self._posting.tell_epoch(group, made, now)
        if newcomers:
            self._welcome(group, newcomers, now)
        elif lost:
            self._supply(group, [], now)
        elif left := _not_ridden(made, operations):
            self._posting.supply(group, posts=left, now=now)
        if lost:
            wraps = {member: made.welcomes[member] for member in lost}
            self._letters.welcome(group, made.signed, wraps, now)
        return made

    def _lost(self, group: Group, newcomers: Sequence[VerifyKey]) -> list[VerifyKey]:
        """The other members to whom an epoch can be given, who was heard last before."""
        bundles = self._leaves.bundles(group)
        others = (key for key in group.members if key != group.me and key not in newcomers)
        return sorted(
            (key for key in others if key in bundles),
            key=lambda key: -self._groups.person(group, key).heard,
        )

    def brief_owed(self, group: Group, now: Instant) -> UnixSeconds | None:
        """Tell newcomers what they are owed; return when that is due, if it is not yet."""
        return self._briefings.tell_owed(group, now)

    def renew(self, group: Group, now: Instant, *, pause: Pause = Pause.AT_ONCE) -> None:
        """Make an epoch though nothing changed, if one can be for so many."""
        if len(group.members) <= MEMBERS_MAX:
            self.make_epoch(group, [], now)
        self._standing.settle(group, now, pause=pause)

    def _welcome(self, group: Group, newcomers: Sequence[VerifyKey], now: Instant) -> None:
        """Tell newcomers all operations and the bundles of the most senior, and these to all."""
        seniors = [key for key in group.members if key not in newcomers][:SUPPLIED_BUNDLES]
        self._supply(group, [*newcomers, *seniors], now)
        self._briefings.tell(group, now)

    def _supply(self, group: Group, bundles_of: Sequence[VerifyKey], now: Instant) -> None:
        """Tell all operations, our bundle, and those of others."""
        known = self._leaves.bundles(group)
        own = self._leaves.own_bundle(group)
        given = [known[key] for key in bundles_of if key in known]
        if own is not None:
            given.insert(0, own)
        self._posting.supply(group, posts=self._groups.signed(group), bundles=given, now=now)

    def _take_bundle(self, group: Group, bundle: bytes) -> None:
        try:
            self._leaves.take_bundle(group, bundle)
        except PeerError as error:
            raise AssertionError("it was looked at before its member was added") from error


def _not_ridden(made: Made, operations: Sequence[SignedPost]) -> list[SignedPost]:
    """Return the operations that not everybody finds in a page."""
    everywhere: set[PostId] = {each.id for each in operations}
    for page in made.pages:
        everywhere &= {each.id for each in made.operations[page.under]}
    if not made.pages:
        everywhere = set()
    return [each for each in operations if each.id not in everywhere]
