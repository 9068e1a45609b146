"""Hellos: by them a member is found again, whatever was missed, and contacts recognise him.

Implements `docs/protocol/group-keys.md`, section "Hellos".
"""

from collections.abc import Callable, Sequence

from mesh.group.chains import next_hello
from mesh.group.placed_posts import Hello, PostPlace
from mesh.group.who_tokens import who_tokens
from mesh.ids import ContactId, ConversationId, Instant, UnixSeconds
from mesh.limits.group_keys import ENTRY_HEADS_MAX
from mesh.limits.groups import HEADS_ANNOUNCED_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_sealer import GroupSealer
from mesh.messenger.groups.leaves_keeper import LeavesKeeper

LinkKeys = Callable[[], Sequence[tuple[ContactId, bytes]]]
"""The keys that are shared with contacts; nobody among them is blocked, or waits apart."""


class Hellos:
    """Says hello: at joining, and when nothing else was written for a week."""

    def __init__(
        self,
        account: Account,
        *,
        leaves: LeavesKeeper,
        sealer: GroupSealer,
        link_keys: LinkKeys,
    ) -> None:
        self._history = account.vault.history
        self._entropy = account.entropy
        self._leaves = leaves
        self._sealer = sealer
        self._link_keys = link_keys
        # When the next one is due, of which word before it: a restart draws again.
        self._due: dict[ConversationId, tuple[UnixSeconds, UnixSeconds]] = {}

    def want(self, group: Group) -> None:
        """Say hello soon: a contact came after our last one, and does not know who we are."""
        self._due[group.conversation] = group.here.said, UnixSeconds(0)

    def unread(self, group: Group) -> None:
        """Say hello soon, if what we wrote stands last: somebody could not open an epoch under
        which it may have been written, and nothing that follows tells him of it.
        """
        if any(head.is_mine for head in self._history.heads(group.conversation)):
            self.want(group)

    def due(self, group: Group) -> UnixSeconds:
        """Return when a hello is due, in mesh time."""
        said = group.here.said
        known = self._due.get(group.conversation)
        if known is None or known[0] != said:
            known = said, next_hello(said, self._entropy) if said else UnixSeconds(0)
            self._due[group.conversation] = known
        return known[1]

    def say(self, group: Group, epoch: HeldEpoch, now: Instant) -> bool:
        """Say hello under an epoch, if that can be done now."""
        membership = group.membership
        assert membership is not None
        graph = membership.graph
        heads = sorted({act.operation.id for act in graph.latest(graph.heads)})
        said = self._history.heads(group.conversation)[-ENTRY_HEADS_MAX:]
        outsiders = group.outsiders(epoch)
        tokens = None
        if group.row.tells_contacts and not outsiders:
            keys = [key for _, key in self._link_keys()]
            tokens = who_tokens(keys, group.gid, group.me, self._entropy)
        hello = Hello(
            1,
            7,
            0,
            PostPlace(bytes(8), 0),
            0,
            [bytes(each) for each in heads[:HEADS_ANNOUNCED_MAX]],
            [] if outsiders else [bytes(head.id) for head in said],
            self._leaves.short(group, now).encode(),
            tokens,
        )
        return self._sealer.hello(group, hello, epoch, now)
