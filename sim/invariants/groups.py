"""Groups: who knows the same sees the same (S20, S22), and all read each other at last (L13).

What a node has in memory of a group is looked at between two batches: it must be what the
operations say that are in its vault, in whatever order they came. At the end each node is asked for
all that it shows of its groups.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mesh.commands.groups import GroupAnswer, MemberAnswer, MembershipAnswer
from mesh.commands.items import CheckedAnswer, ItemAnswer
from mesh.content.entry import Kind, OperationId
from mesh.database import Connection
from mesh.engine.engine import Engine
from mesh.group.members import View
from mesh.group.membership import Membership
from mesh.group.operations import Operation
from mesh.group.solving import solve
from mesh.ids import VerifyKey
from mesh.limits.api import PEOPLE_NAMED_MAX
from mesh.messenger.conversations.history import split_ids
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.storage.vault.groups import MEMBERSHIP_KIND
from sim.invariants.group_log import GroupText
from sim.invariants.invariants import L9, L13, S20, S22, S24, BrokenInvariant

Answer = tuple[object, ...]
LOCALLY_GONE = ("forgotten", "expired", "lost")
REORDERED_MAX = 300
"""Of a larger group operations are taken in the order in which they came."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as one node shows it."""

    group: GroupAnswer
    members: Sequence[MemberAnswer]
    log: Sequence[MembershipAnswer]
    items: Sequence[ItemAnswer]
    timer: int = 0
    """Seconds after which what is written now disappears; 0: it stays."""

    held: Sequence[str] = ()
    """The entries of its person that the node had confirmed when it was asked for `items`."""


Views = Mapping[tuple[int, str], GroupView]
"""By node and group."""


def groups_of(engine: Engine | None) -> list[Group]:
    """Return the groups of a node as it has them in memory; none of a vault that is locked."""
    messenger = None if engine is None else vars(engine)["_vault"].messenger
    if messenger is None or messenger.person is None:
        return []
    groups = messenger.person.groups.keepers.groups.all
    return [group for group in groups if isinstance(group, Group)]


@dataclass(slots=True)
class Agreement:
    """Facts of each set of operations, as the first who had it saw it (S22)."""

    looked_count: int = field(init=False, default=0)
    known_since: dict[OperationId, int] = field(init=False, default_factory=dict)
    """When an operation was seen first, in virtual microseconds."""

    _answers: dict[frozenset[OperationId], tuple[int, Answer]] = field(default_factory=dict)
    _seen: dict[tuple[int, bytes], int] = field(default_factory=dict)

    def look(self, node: int, engine: Engine | None, now: int) -> None:
        """Look at all groups of a node of which it knows more than the last time."""
        for group in groups_of(engine):
            membership = group.membership
            if membership is not None:
                self._require_known(node, group, membership)
                count = len(membership.graph)
                if self._seen.get((node, group.gid)) != count:
                    self._seen[node, group.gid] = count
                    self._look(node, membership, now)

    def _look(self, node: int, membership: Membership, now: int) -> None:
        self.looked_count += 1
        operations = list(membership.graph.operations(membership.graph.all))
        for operation in operations:
            self.known_since.setdefault(operation.id, now)
        found, other = answer_of(membership), _in_another_order(operations)
        if found != answer_of(membership.recomputed()) or found != answer_of(Membership.of(other)):
            detail = "what it has of a group in memory does not follow from its operations"
            raise BrokenInvariant(S22, detail, node)
        for acts, counting in vars(membership)["_views"].items():
            if solve(membership.graph, acts).acts != counting:
                detail = "what it keeps of a part of a group's operations does not follow from them"
                raise BrokenInvariant(S22, detail, node)
        ids = frozenset(each.id for each in operations)
        first, theirs = self._answers.setdefault(ids, (node, found))
        if theirs != found:
            detail = f"it knows the same operations of a group as node {first}, and sees others in"
            raise BrokenInvariant(S22, detail, node)

    def _require_known(self, node: int, group: Group, membership: Membership) -> None:
        seen = [group._seen(epoch, membership) for epoch in group.epochs]
        if group.known != seen:
            detail = "what it keeps of a group's epochs is not what its operations make of them"
            raise BrokenInvariant(S22, detail, node)
        chosen = group.chosen()
        if chosen is not None:
            self._require_newest(node, group, membership, chosen)

    def _require_newest(
        self, node: int, group: Group, membership: Membership, chosen: HeldEpoch
    ) -> None:
        """No other epoch of a member for just the members follows more operations that count."""
        counting = membership.view.acts
        members = frozenset(membership.members)

        def counting_before(epoch: HeldEpoch) -> int:
            acts = membership.graph.closure(epoch.heads) & counting
            return len(membership.graph.operations(acts))

        for other in group.epochs:
            if membership.graph.missing(other.heads) or other is chosen:
                continue
            if other.maker not in members:
                continue
            is_for_all = not other.announcement.without and group.recipients(other) == members
            if is_for_all and counting_before(other) > counting_before(chosen):
                detail = "it writes in a group under keys that follow fewer operations that count"
                raise BrokenInvariant(S22, detail, node)


def answer_of(membership: Membership) -> Answer:
    """Return all that the operations of a group say."""
    graph, members = membership.graph, membership.members
    return (
        sorted((key, one.role, one.record) for key, one in members.items()),
        membership.makers,
        membership.settings,
        sorted(each.id for each in graph.operations(membership.view.acts)),
    )


def _in_another_order(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations in another order in which parents come first."""
    if len(operations) > REORDERED_MAX:
        return list(operations)
    rest, taken, ordered = list(operations), set[bytes](), list[Operation]()
    while rest:
        ready = [each for each in rest if all(bytes(one) in taken for one in each.parents)]
        last = ready[-1]
        rest.remove(last)
        taken.add(bytes(last.id))
        ordered.append(last)
    return ordered


# --- What is shown ------------------------------------------------------------------------------


def require_same_groups(views: Views, vaults: Mapping[int, Connection]) -> int:
    """S20 and S22: who knows the same operations shows the same group, and about what they have the
    same entries, and twins of these, of the same items. Return how many items could be compared.
    """
    answers: dict[tuple[str, str], tuple[int, Answer]] = {}
    names: dict[tuple[str, str, frozenset[bytes]], tuple[int, dict[str, str]]] = {}
    items: dict[tuple[str, str, str, frozenset[tuple[bytes, int]]], tuple[int, object]] = {}
    timers: dict[tuple[str, str, frozenset[bytes]], tuple[int, int]] = {}
    compared_count = 0
    for (node, gid), view in views.items():
        if not view.group.code:
            continue
        place = gid, view.group.code
        shown = _shown(view)
        first, theirs = answers.setdefault(place, (node, shown))
        if theirs != shown:
            detail = f"it shows another group than node {first}, which knows the same operations"
            raise BrokenInvariant(S22, f"{detail}: {shown!r} and {theirs!r}", node)
        called = {member.key: member.name for member in view.members}
        known = (*place, _changes(vaults[node], view.group.conversation, Kind.NAME))
        first, their_names = names.setdefault(known, (node, called))
        if their_names != called:
            detail = f"it has the same names of members as node {first}, and calls them otherwise"
            raise BrokenInvariant(S20, f"{detail}: {called!r} and {their_names!r}", node)
        entries = _entries_about(vaults[node], view.group.conversation)
        settings = gid, view.group.code, _changes(vaults[node], view.group.conversation, Kind.TIMER)
        first, timer = timers.setdefault(settings, (node, view.timer))
        if timer != view.timer:
            detail = (
                f"nodes {first} and {node} know the same changes of a group's timer, which is"
                f" {timer} s to one and {view.timer} s to the other"
            )
            raise BrokenInvariant(S20, detail, node)
        wordless = _wordless(vaults[node], view.group.conversation)
        for item in view.items:
            if item.gone in LOCALLY_GONE or item.id in wordless:
                continue
            seen = _seen(item)
            about = (*place, item.id, entries.get(item.id, frozenset()))
            first, their = items.setdefault(about, (node, seen))
            compared_count += first != node
            if their != seen:
                detail = (
                    f"nodes {first} and {node} have the same operations, and the same entries about"
                    f" an item, and show {their!r} and {seen!r}"
                )
                raise BrokenInvariant(S20, detail, node)
    return compared_count


def _shown(view: GroupView) -> Answer:
    group = view.group
    return (
        group.name,
        group.about,
        group.members_count,
        group.settings,
        [(member.key, member.role) for member in view.members],
        [(one.id, one.at, one.action, one.counts) for one in view.log],
    )


def _changes(vault: Connection, conversation: int, kind: Kind) -> frozenset[bytes]:
    """Return the entries of one kind, with those of them that hold no more."""
    query = "SELECT id FROM entries WHERE conversation = ? AND kind = ?"
    rows = vault.execute(query, (conversation, int(kind))).fetchall()
    return frozenset(id_ for (id_,) in rows if isinstance(id_, bytes))


def _wordless(vault: Connection, conversation: int) -> frozenset[str]:
    """Return the items about which the words of an entry are lost, as a disk rotted: nothing else
    takes them from one that is not gone.
    """
    rows = vault.execute(
        "SELECT CASE WHEN target = x'' THEN id ELSE target END FROM entries WHERE gone = '' "
        "AND conversation = ? AND kind <> ? AND number NOT IN (SELECT entry FROM contents)",
        (conversation, MEMBERSHIP_KIND),
    ).fetchall()
    return frozenset(about.hex() for (about,) in rows if isinstance(about, bytes))


def _entries_about(vault: Connection, conversation: int) -> dict[str, frozenset[tuple[bytes, int]]]:
    """Return the entries about each item, and of each whether its author used its number twice, as
    who was set back does: of who lost rights since then no such one counts.
    """
    rows = vault.execute(
        "SELECT CASE WHEN target = x'' THEN id ELSE target END, id, "
        "EXISTS (SELECT 1 FROM entries AS twin WHERE twin.conversation = entries.conversation "
        "AND twin.author = entries.author AND twin.run = entries.run AND twin.seq = entries.seq "
        "AND twin.ops <> x'' AND twin.id <> entries.id) FROM entries WHERE conversation = ?",
        (conversation,),
    ).fetchall()
    found: dict[str, set[tuple[bytes, int]]] = {}
    for about, id_, has_twin in rows:
        assert isinstance(about, bytes)
        assert isinstance(id_, bytes)
        assert isinstance(has_twin, int)
        found.setdefault(about.hex(), set()).add((id_, has_twin))
    return {about: frozenset(ids) for about, ids in found.items()}


def _seen(item: ItemAnswer) -> dict[str, object]:
    """Return what all members must see of an item; labels are each person's own."""
    seen: dict[str, object] = {
        "id": item.id,
        "kind": item.kind,
        "author": item.author.key,
        "sent": item.sent,
        "gone": item.gone,
        "text": item.text,
        "edited": None if item.edited is None else (item.edited.count, item.edited.at),
        "reactions": sorted((one.emoji, one.count) for one in item.reactions),
        "is pinned": item.is_pinned,
        "hidden": None if item.hidden is None else item.hidden.key,
        "name": None if item.renamed is None else item.renamed.name,
    }
    if item.poll is not None:
        poll = item.poll
        options = [(one.text, one.count) for one in poll.options]
        seen["poll"] = options, poll.closes, poll.late_count, poll.voters_count, poll.of
    if item.check_in is not None:
        people = item.check_in.people
        # Of more each is told those who stand worst, and oneself.
        is_whole = item.check_in.of <= PEOPLE_NAMED_MAX
        told = sorted(map(_checked, people)) if is_whole else len(people)
        seen["check-in"] = item.check_in.of, told
    if item.task is not None:
        task = item.task
        others = [(other.field, other.value, other.at) for other in task.others]
        shown = task.title, task.notes, task.state, task.at
        seen["task"] = *shown, others, task.others_count
    if item.notice is not None:
        seen["notice"] = item.notice.text, item.notice.until, item.notice.is_urgent
    return seen


def _checked(person: CheckedAnswer) -> tuple[str, list[Answer]]:
    """Return what all must see of a person of a check-in; `heard` is each one's own."""
    words = [*([person.answer] if person.answer else []), *person.others]
    return person.key, [(word.which, word.note, word.by, word.at) for word in words]


def require_true_devices(
    node: int,
    group: str,
    items: Sequence[ItemAnswer],
    vaults: Mapping[int, Connection],
    may_have_lost: Collection[int],
) -> None:
    """L9: on so many devices as a node tells of something of ours, it is, and so many read it."""
    for item in items:
        told = 0 if item.devices is None else item.devices.told or 0
        read = 0 if item.devices is None else item.devices.read or 0
        for count, is_read in ((told, False), (read, True)):
            if not count:
                continue
            have = [
                other
                for other, vault in vaults.items()
                if other != node
                and (other in may_have_lost or _may_have(vault, group, item.id, is_read=is_read))
            ]
            if count > len(have):
                how = "read on" if is_read else "on"
                detail = (
                    f"something in a group is told to be {how} {count} devices, and {len(have)}"
                )
                raise BrokenInvariant(L9, f"{detail} can have it so", node)


def _may_have(vault: Connection, group: str, entry: str, *, is_read: bool) -> bool:
    """Say whether an entry is in a vault, and read there, or was and was deleted with its group."""
    query = "SELECT 1 FROM groups WHERE id = ? AND state NOT IN ('invited', 'joining')"
    is_in = vault.execute(query, (bytes.fromhex(group),)).fetchall()
    return not is_in or _has(vault, entry, is_read=is_read)


def _has(vault: Connection, entry: str, *, is_read: bool = False) -> bool:
    query = "SELECT 1 FROM entries WHERE id = ? AND is_read >= ?"
    return bool(vault.execute(query, (bytes.fromhex(entry), is_read)).fetchall())


def require_apart(
    node: int,
    group: Group,
    items: Sequence[ItemAnswer],
    texts: Mapping[str, GroupText],
    known_since: Mapping[OperationId, int],
) -> int:
    """S24: what cannot be in any cut is marked. `texts`: by their entries; `known_since`: when an
    operation was seen first, by anybody. Return how many were looked at.

    Who removes somebody has of him what was written until then. Who is not in, and whom nobody
    removed, was added by who could not.
    """
    membership, looked_count = group.membership, 0
    assert membership is not None
    graph, counting = membership.graph, membership.view.acts
    for item in items:
        written = texts.get(item.id)
        if written is None or not written.key or item.gone:
            continue
        key = VerifyKey(bytes.fromhex(written.key))
        person = graph.person(key)
        ends = graph.operations(person.removals & counting)
        never = written.asked_at
        is_late = bool(ends) and all(
            known_since.get(end.id, never) < written.asked_at for end in ends
        )
        is_guest = key not in membership.members and not (
            (person.removals | person.leaves) & counting
        )
        looked_count += is_late or is_guest
        if (is_late or is_guest) and not item.is_apart:
            detail = f"the text {written.number} of somebody who was out counts in a group"
            raise BrokenInvariant(S24, detail, node)
    return looked_count


# --- Who reads whom -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that somebody should have, and why they have not, if that is known."""

    text: GroupText
    reader: int
    why: str


def unread(
    texts: Sequence[GroupText],
    groups_by_node: Mapping[int, Sequence[Group]],
    vaults: Mapping[int, Connection],
    *,
    is_all_due: bool = False,
) -> Iterator[Unread]:
    """Find the texts that have not come to those who are in the group, as both sides know.

    The condition: both know the same operations, the author has keys, and the reader holds the
    epoch in which the author writes. What is missing of these is `why`: it is asked for, but at a
    pace of minutes to a day, longer than a world waits. What somebody wrote before he knew that
    another is in is not demanded: by its operations it is not for that one, and not given to him.
    With `is_all_due` a world waits so long, or so little has happened, that nothing excuses; and
    who was added and said yes must have come in.
    """
    groups = {
        (node, group.gid.hex()): group
        for node, groups in groups_by_node.items()
        for group in groups
        if group.is_in or (is_all_due and group.row.state == "joining")
    }
    for text in texts:
        theirs = groups.get((text.author, text.group))
        if theirs is None or not theirs.is_in:
            continue
        for (node, gid), group in groups.items():
            if gid != text.group or node == text.author or not _are_mutual(theirs, group):
                continue
            # Of what a node refused, since it was not its person's to say, nothing is demanded.
            if not text.entry or _has(vaults[node], text.entry):
                continue
            if _is_for(group.me, text.entry, theirs, vaults[text.author]):
                yield Unread(text, node, "" if is_all_due else _why(theirs, group))


def _are_mutual(one: Group, other: Group) -> bool:
    keys: tuple[VerifyKey, VerifyKey] = (one.me, other.me)
    # Who is still on their way in knows nobody.
    return keys[1] in one.roles and (not other.is_in or keys[0] in other.roles)


def _is_for(reader: VerifyKey, entry: str, author: Group, vault: Connection) -> bool:
    """Say whether somebody is in at the operations that an entry names, as its author has it."""
    query = "SELECT ops FROM entries WHERE id = ?"
    membership = author.membership
    assert membership is not None
    for (named,) in vault.execute(query, (bytes.fromhex(entry),)).fetchall():
        assert isinstance(named, bytes)
        acts = membership.graph.closure([OperationId(one) for one in split_ids(named)])
        # Not by what the node keeps of such parts: nobody who looks on fills that.
        return View(membership.graph, solve(membership.graph, acts).acts).is_in(reader)
    return True


def _why(author: Group, reader: Group) -> str:
    if author.chosen() is None:
        return "its author waits for keys"
    ours, theirs = _operations(author), _operations(reader)
    if ours != theirs:
        return f"of operations one lacks {len(ours - theirs)}, and its author {len(theirs - ours)}"
    chosen = author.chosen()
    has = chosen is not None and reader.find_epoch(chosen.id) is not None
    return "" if has else "its reader lacks the epoch"


def _operations(group: Group) -> frozenset[OperationId]:
    membership = group.membership
    assert membership is not None
    return frozenset(each.id for each in membership.graph.operations(membership.graph.all))


def require_all_read(left: Sequence[Unread], waited_s: int) -> None:
    """L13: of what meets the condition of `unread`."""
    left = [one for one in left if not one.why]
    if left:
        first = left[0]
        detail = (
            f"{len(left)} times somebody in a group lacks what another wrote {waited_s} s after the"
            f" last fault; the first is the text {first.text.number} of node {first.text.author}"
            f" for node {first.reader}"
        )
        raise BrokenInvariant(L13, detail, first.reader)
