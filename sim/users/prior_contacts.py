"""Users who met before the world begins, and were contacts by then.

A first contact is an envelope of 4 KiB that every node of a mesh takes in: five hundred of them
among a thousand nodes cost minutes before anything begins. Here each pair meets in a small world of
its own: two machines with the very engines, and a wire on which nothing is lost. One gives an
invite to the other, as users do later, and they part when their nodes have nothing left to tell
each other. Posting keys are told by nodes whose clock has been steady for an hour, so both are
switched on an hour before, out of reach of each other, where nothing happens. Who has several
friends meets them in turn, and tells each which keys to vouch for.

To each meeting users bring their vault and an empty store, as who has lost a store does, and at
last they carry the vault to the machine that they have in the world: nothing of all this has to
spread there.

Each meeting draws from streams of its own, so it shifts no other one and nothing in the world. What
engines do in it is observed as in the world (S8, S14 to S18); nobody writes anything yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import AcceptRequest, AddContact
from mesh.commands.identity import AskIdentity, CreateIdentity, IdentityAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.errors import UserError
from mesh.events import ContactAdded, Event
from mesh.limits.messages import CHORES_INTERVAL_MS
from mesh.limits.trust import VOUCHES_DELAY_MS
from sim.hosts.databases import MemoryDatabase
from sim.hosts.host import Host
from sim.hosts.virtual_node import Surroundings, VirtualNode
from sim.invariants.invariants import L1, BrokenInvariant
from sim.kernel.entropy import Draws
from sim.kernel.loop import Loop
from sim.kernel.trace import Trace
from sim.network.discovery import AnnouncementRules, Discovery
from sim.network.virtual_network import VirtualNetwork
from sim.network.wires import StreamRules
from sim.users.user import User

TICK_US: Final = 1_000
LOOKED_US: Final = 1_000_000
"""How often it is looked whether two can part."""

COME_US: Final = CHORES_INTERVAL_MS * 1_000 - 30_000_000
"""So long after they were switched on two come within reach: they are contacts when their nodes
look again whom to tell their posting keys, for the first time with a clock that is steady."""

AGREED_US: Final = CHORES_INTERVAL_MS * 1_000 + 30_000_000
"""By then everything has been told: it takes seconds."""

VOUCHED_US: Final = (VOUCHES_DELAY_MS[1] + 10_000) * 1_000
"""So much longer those stay who have friends to vouch for: to join by a link again, and to tell."""

MEETING_US: Final = AGREED_US + VOUCHED_US

WIRE: Final = StreamRules(
    latency_min_us=1_000,
    latency_max_us=1_000,
    jitter_us=0,
    loss=0,
    bytes_per_second=10_000_000,
)

_IS_ALL_TOLD: Final = """
    SELECT NOT EXISTS (SELECT 1 FROM first_contacts) AND NOT EXISTS (SELECT 1 FROM payloads)
    AND NOT EXISTS (SELECT 1 FROM retirements)
    AND (SELECT count(*) FROM outbox) = (SELECT TOTAL(posts_count) FROM invites)
"""
"""Of a vault: nothing of it is on its way but the keys of invites, which nobody waits for."""

_IS_READY: Final = """
    SELECT EXISTS (SELECT 1 FROM contacts JOIN contact_keys ON contact = id
    WHERE verify_key = ? AND state = 'answered')
"""
"""Of a vault and somebody's identity: they answered and told their posting keys."""

Pair = tuple[int, int]


@dataclass(slots=True)
class PriorContacts:
    """All meetings of one world, and what users have after them."""

    seed: int
    host: Callable[[int, int], Host]
    """(whose, whom they meet) -> a new machine for one meeting."""

    trace: Trace
    """Of the world: each meeting is one record of it, with the hash of its own."""

    thinking_us: int
    begins_us: int
    """When in its first day the world begins."""

    sending: Callable[[int, bytes], None]
    parted: Callable[[int, Host], None]
    """Told of each machine after its meeting, so that it can be looked at."""

    vaults: dict[int, MemoryDatabase] = field(init=False, default_factory=dict)
    keys: dict[int, str] = field(init=False, default_factory=dict)
    """The identity of everybody who met somebody."""

    _friends: dict[int, int] = field(init=False, default_factory=dict)

    def hold(self, pairs: Sequence[Pair]) -> None:
        """Let these meet, each user one after the other; BrokenInvariant if a pair cannot agree."""
        turns = _turns(pairs)
        for turn, together in enumerate(turns):
            begins_us = self.begins_us - (len(turns) - turn) * MEETING_US
            for one, other in together:
                self._meet(one, other, begins_us)

    def _meet(self, one: int, other: int, begins_us: int) -> None:
        both = (one, other)
        hosts = {index: self._unpack(index, both) for index in both}
        meeting = _Meeting(self, hosts, begins_us)
        meeting.agree()
        if any(self._friends.get(index) for index in both):
            meeting.vouch()
        meeting.part()
        self.trace.record(0, "met", one, other, meeting.trace.hexdigest().encode())
        for user in meeting.users:
            self.parted(user.index, hosts[user.index])
            self.vaults[user.index] = hosts[user.index].take_vault()
            self.keys[user.index] = user.identity_key
            self._friends[user.index] = self._friends.get(user.index, 0) + 1

    def _unpack(self, index: int, both: Pair) -> Host:
        host = self.host(index, both[0] + both[1] - index)
        if index in self.vaults:
            host.bring_vault(self.vaults[index])
        return host


class _Meeting:
    """Two users with their machines."""

    def __init__(self, around: PriorContacts, hosts: dict[int, Host], begins_us: int) -> None:
        self.loop = Loop(tick_us=TICK_US)
        self.trace = Trace()
        self._hosts = hosts
        self._network = VirtualNetwork(
            loop=self.loop,
            rules=WIRE,
            networks=dict.fromkeys(hosts, (0,)),
            near={index: {} for index in hosts},
            seed=around.seed,
        )
        self._discovery = Discovery(
            loop=self.loop,
            network=self._network,
            rules=AnnouncementRules(delay_max_us=0, loss=0),
            draws=Draws(around.seed, "meeting", *hosts),
        )
        surroundings = Surroundings(
            loop=self.loop,
            network=self._network,
            discovery=self._discovery,
            trace=self.trace,
            thinking_us=around.thinking_us,
            emitted=self._emitted,
            sending=around.sending,
        )
        self.users = [
            User(
                index,
                VirtualNode(index, host, surroundings, wall_offset_us=begins_us),
                self.loop,
                _refused,
                _passed_over,
            )
            for index, host in hosts.items()
        ]
        for user in self.users:
            is_known = user.index in around.keys
            first = AskIdentity() if is_known else CreateIdentity(f"person {user.index}")
            user.node.boot()
            user.ask(first, partial(self._named, user))

    def agree(self) -> None:
        """Run until both have what they need to write to each other, and nothing is on its way."""
        inviter, guest = self.users
        self.loop.run_until(COME_US)
        self._network.meet(inviter.index, guest.index)
        self._discovery.met(inviter.index, guest.index)
        inviter.ask(CreateInvite(), self._invited)
        while not (self._is_ready(inviter, guest) and self._is_ready(guest, inviter)):
            if self.loop.now >= AGREED_US:
                detail = (
                    f"nodes {inviter.index} and {guest.index} met and could not become contacts"
                )
                raise BrokenInvariant(L1, detail)
            self.loop.run_until(self.loop.now + LOOKED_US)

    def vouch(self) -> None:
        """Tell each other whose keys to vouch for, over a link that proves whose it is."""
        for user in self.users:
            user.node.crash(is_silent=False)
            user.node.boot()
        self.loop.run_until(self.loop.now + VOUCHED_US)

    def part(self) -> None:
        """Switch both machines off; S18 holds of what they sent."""
        for user in self.users:
            user.node.crash(is_silent=False)
        self._network.require_conservation()

    def _is_ready(self, user: User, other: User) -> bool:
        vault = self._hosts[user.index].vault
        (is_all_told,) = vault.execute(_IS_ALL_TOLD).fetchall()
        (is_ready,) = vault.execute(_IS_READY, (bytes.fromhex(other.identity_key),)).fetchall()
        return bool(is_all_told[0] and is_ready[0])

    # --- What they do ---------------------------------------------------------------------------

    def _named(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, IdentityAnswer)
        user.identity_key = answer.key

    def _invited(self, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        self.users[1].ask(AddContact(answer.link), _nothing)

    def _emitted(self, node: int, event: Event) -> None:
        if isinstance(event, ContactAdded) and event.contact.is_request:
            inviter = next(user for user in self.users if user.index == node)
            inviter.ask(AcceptRequest(event.contact.key), _nothing)


def _turns(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs in an order in which nobody meets two at a time."""
    turns: list[list[Pair]] = []
    free_from: dict[int, int] = {}
    for one, other in pairs:
        turn = max(free_from.get(one, 0), free_from.get(other, 0))
        if turn == len(turns):
            turns.append([])
        turns[turn].append((one, other))
        free_from[one] = free_from[other] = turn + 1
    return turns


def _nothing(_: Answer) -> None:
    """Nothing follows from the answer."""


def _refused(command: Command, error: UserError) -> None:
    raise AssertionError(f"{type(command).__name__} was refused at a meeting: {error}")


def _passed_over(mark: str) -> None:
    """Pass over marks of a meeting: what a run reaches, it reaches in its world."""
