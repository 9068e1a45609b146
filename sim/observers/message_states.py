"""The truth of what a message's author is told of it (L9).

Each state is held against what the simulator knows: the recipient's vault, the stores of all
nodes, the clock. Only the states that claim something of the world are looked at; *queued here*
claims nothing, and *withdrawn* only that its author wished it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.items import ItemAnswer
from mesh.commands.messages import MessageAnswer
from mesh.ids import EnvelopeId
from mesh.wire.envelope import LIFETIME_SECONDS, LIFETIME_WEEK
from sim.hosts.host import Host
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.invariants import L9, BrokenInvariant
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.users.user import User

CLOCK_TOLERANCE_US: Final = 2 * 3_600_000_000
"""By so much mesh time may differ from the true one without anybody's noticing."""

OPENED: Final = ("delivered", "read", "delivered-then-withdrawn")
DAY_US: Final = 86_400_000_000
SEALED_US_MIN: Final = LIFETIME_SECONDS[LIFETIME_WEEK] * 1_000_000
"""What people write lives so long at least, when it is sealed."""


@dataclass(slots=True)
class MessageStates:
    """Holds what nodes say against what is so."""

    message_log: MessageLog
    nodes: Sequence[VirtualNode]
    hosts: Mapping[int, Host]
    now: Callable[[], int]
    has_had_body: Callable[[int, EnvelopeId], bool]
    """(node, envelope) -> whether the node has ever stored its body."""

    kept_us: int
    """So long a message is sealed again before it is given up."""

    clock_error_us: int
    """How wrong the scenario makes the worst clock."""

    adversary_links: Callable[[], int] = lambda: 0
    """How many links there have been of neighbours that may say that they hold what they do not."""

    of_release: Sequence[int] = ()
    """Nodes of another release: nobody sees what they store, so they may have anything."""

    is_look_lost: Callable[[LoggedMessage], bool] = lambda logged: False
    """Says whether a crash may have taken the page on which a reader would have seen it."""

    tells_reads: Callable[[int], bool] = lambda node: True
    """Says whether somebody lets it be known what they have read."""

    looked_count: int = field(init=False, default=0)
    told_counts: dict[str, int] = field(init=False, default_factory=dict)
    """How often each state was told."""
    _carriers: dict[int, int] = field(init=False, default_factory=dict)

    def told(self, user: User, message: MessageAnswer | ItemAnswer) -> None:
        """A node says this of a message of its user, or of an item whose words are gone."""
        if isinstance(message, ItemAnswer):
            gone = self.message_log.gone_of(user.index, message.number)
            if gone is not None and not user.is_clone:
                self._told(user, gone, message)
            return
        if message.text or not self._is_deleted(user.node.index, message.number):
            logged = self.message_log.message_of(user.index, message.text)
            self._told(user, logged, message)
        elif not user.is_clone:
            logged = self.message_log.retracted_of(user.index, message.number)
            self._told(user, logged, message)

    def _told(self, user: User, logged: LoggedMessage, message: MessageAnswer | ItemAnswer) -> None:
        self.looked_count += 1
        self.told_counts[message.state] = self.told_counts.get(message.state, 0) + 1
        node = user.node.index
        if not user.is_clone:
            logged.state = message.state
            if logged.is_for_later and logged.confirmed_at is None:
                self.message_log.confirm(logged, self.now())
                logged.number_there = message.number
            if message.state == "expired" and logged.told_expired_at is None:
                logged.told_expired_at = self.now()
        if message.state in OPENED and not self._is_opened(logged):
            detail = f"the message {logged.number} is shown as {message.state} and never arrived"
            raise BrokenInvariant(L9, detail, node)
        is_seen = logged.is_read or logged.is_seen_by_clone or self.is_look_lost(logged)
        if message.state == "read" and not is_seen:
            detail = f"the message {logged.number} is shown as read and nobody looked at it"
            raise BrokenInvariant(L9, detail, node)
        is_hushed = self.message_log.choices.is_hushed(
            logged.recipient, logged.sender, logged.asked_at
        )
        is_told = self.tells_reads(logged.recipient) and not is_hushed
        if message.state == "read" and not is_told:
            detail = f"the message {logged.number} is shown as read, and its reader tells nobody"
            raise BrokenInvariant(L9, detail, node)
        if message.state == "expired":
            self._check_lifetime(logged, node)
        if message.state == "carried" and message.carriers > self._carriers.get(logged.number, 0):
            self._carriers[logged.number] = message.carriers
            self._check_carriers(logged, message, node)

    def _is_deleted(self, node: int, number: int) -> bool:
        """Say whether a node has written that its person deleted a message everywhere.

        It has no words of it then, and answers without them who takes it back as well.
        """
        query = "SELECT 1 FROM entries WHERE number = ? AND gone = 'retracted'"
        return self.hosts[node].vault.execute(query, (number,)).fetchone() is not None

    def _is_opened(self, logged: LoggedMessage) -> bool:
        if logged.delivered_at is not None or logged.is_seen_by_clone:
            return True
        if self.message_log.has_parted(logged.recipient, logged.sender):
            # It may have been opened and gone with its author before anybody was shown it.
            return True
        # It is committed, and the crash came before its event.
        query = (
            "SELECT 1 FROM entries JOIN texts ON texts.entry = entries.number "
            "WHERE text = ? AND NOT is_mine"
        )
        vault = self.hosts[logged.recipient].vault
        return vault.execute(query, (logged.text,)).fetchone() is not None

    def _check_lifetime(self, logged: LoggedMessage, node: int) -> None:
        lived_us = self.now() - logged.asked_at
        # What has disappeared is not sealed again.
        kept_us = min(self.kept_us, SEALED_US_MIN) if logged.vanishes_after_us else self.kept_us
        if lived_us + CLOCK_TOLERANCE_US + self.clock_error_us < kept_us:
            detail = (
                f"the message {logged.number} is shown as expired after {lived_us // DAY_US} days"
            )
            raise BrokenInvariant(L9, detail, node)

    def _check_carriers(
        self, logged: LoggedMessage, message: MessageAnswer | ItemAnswer, node: int
    ) -> None:
        """So many neighbours committed its body, each known by the keys that its links had."""
        query = "SELECT id FROM outbox WHERE message = ?"
        vault = self.hosts[node].vault
        rows = vault.execute(query, (message.number,)).fetchall()
        ids = [EnvelopeId(row[0]) for row in rows if isinstance(row[0], bytes)]
        days = self.now() // DAY_US + 2
        keys = self.adversary_links()
        for other in self.nodes:
            is_known = other.index not in self.of_release
            if is_known and not any(self.has_had_body(other.index, id_) for id_ in ids):
                continue
            if other.index != node:
                keys += other.incarnation * days
        if ids and message.carriers > keys:
            detail = (
                f"the message {logged.number} is shown as carried by {message.carriers}, and "
                f"{'nobody has it' if not keys else f'at most {keys} could say so'}"
            )
            raise BrokenInvariant(L9, detail, node)
