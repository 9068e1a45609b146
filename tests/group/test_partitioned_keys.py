"""Groups that are cut, changed on both sides and healed, with real keys: members read each other,
and nobody who is out reads what was made by one who knew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import pytest

from mesh.content.entry import OperationId
from mesh.group import choice, making
from mesh.group.choice import KnownEpoch, chosen_epoch, next_turn
from mesh.group.epochs import EpochId, read_announcement
from mesh.group.known_epochs import known_epoch
from mesh.group.making import MadeEpoch, Recipient, Shared, draw_epoch, make_pages
from mesh.group.membership import Membership
from mesh.group.naming import named_by_announcement, parents_of_next
from mesh.group.operations import (
    NO_CONSENT,
    RULES,
    Action,
    Add,
    Create,
    Operation,
    Record,
    Removal,
    Remove,
    Role,
    RoleChange,
)
from mesh.group.paging import known_to_hold
from mesh.group.posts import SignedPost
from mesh.group.settings import SettingsChange
from mesh.group.wraps import Unwrapped, Wraps
from mesh.ids import UnixSeconds, VerifyKey
from tests.entropy import SeededEntropy
from tests.group.people import GROUP, KEM, NOW, Person, person

ENTRANCE = EpochId(b"")
"""Stands for pages that come by the entrance of one member, and need no epoch."""


class NeverSettledError(Exception):
    """Epochs were made, and some members still do not read each other."""


@dataclass(frozen=True)
class Word:
    """Somebody wrote under an epoch; `knew`: who was a member to him."""

    author: VerifyKey
    epoch: EpochId
    knew: frozenset[VerifyKey]


@dataclass(frozen=True)
class Page:
    """A page of an epoch, under another one; `knew`: who was a member to its maker."""

    signed: SignedPost
    under: EpochId
    wraps: Wraps
    reached: frozenset[VerifyKey]
    knew: frozenset[VerifyKey]


Event = Operation | Word | Page


def record_of(who: Person) -> Record:
    return Record(who.vk, bytes(32), who.bundle.digest, bytes(16), "x", NO_CONSENT)


@dataclass
class Node:
    """One person with his operations, seeds and secrets, and what he knows of others."""

    who: Person
    events: list[Event] = field(default_factory=list)
    seeds: dict[EpochId, bytes] = field(default_factory=dict)
    shared: dict[VerifyKey, Shared] = field(default_factory=dict)
    heard: dict[VerifyKey, UnixSeconds] = field(default_factory=dict)
    wrote_under: dict[VerifyKey, EpochId] = field(default_factory=dict)
    welcomed_with: dict[VerifyKey, EpochId] = field(default_factory=dict)

    @property
    def membership(self) -> Membership:
        return Membership.of(one for one in self.events if isinstance(one, Operation))

    @property
    def chosen(self) -> EpochId | None:
        """The epoch that is written under here."""
        membership = self.membership
        known = [self.known(one, membership) for one in self.pages()]
        roles = {key: member.role for key, member in membership.members.items()}
        found = chosen_epoch(known, roles)
        return None if found is None else found.id

    def pages(self) -> Iterable[Page]:
        """One page of each epoch, in the order in which they came."""
        pages = {one.signed.id: one for one in self.events if isinstance(one, Page)}
        return pages.values()

    def known(self, page: Page, membership: Membership) -> KnownEpoch:
        epoch = EpochId(page.signed.id)
        return known_epoch(
            read_announcement(page.signed, GROUP, lambda *_: True),
            membership,
            epoch=epoch,
            maker=VerifyKey(page.signed.author),
            is_held=epoch in self.seeds,
            day=0,
        )

    def take(self, event: Event, now: UnixSeconds) -> None:
        """Something came: an operation, a word, a page that may be readable only later."""
        self.events.append(event)
        if isinstance(event, Word) and event.epoch in self.seeds:
            self.wrote_under[event.author] = event.epoch
            self.heard[event.author] = now
        if isinstance(event, Page) and event.under == ENTRANCE:
            for member in event.reached:
                self.welcomed_with[member] = EpochId(event.signed.id)
        self.open_all()

    def open_all(self) -> None:
        """Open all pages that can be read now, again until nothing new comes of it."""
        found = True
        while found:
            found = any(self._open(one) for one in self.events if isinstance(one, Page))

    def _open(self, page: Page) -> bool:
        epoch = EpochId(page.signed.id)
        if epoch in self.seeds or (page.under != ENTRANCE and page.under not in self.seeds):
            return False
        seed = self.unwrapped(page)
        if seed is not None:
            self.seeds[epoch] = seed
        return seed is not None

    def unwrapped(self, page: Page) -> bytes | None:
        """The seed in a page, for who has all that this one has."""
        maker = VerifyKey(page.signed.author)
        found = self.who.reader(maker).unwrap(
            page.wraps,
            announcement=read_announcement(page.signed, GROUP, lambda *_: True),
            epoch=EpochId(page.signed.id),
            maker=maker,
            kem=KEM,
        )
        if not isinstance(found, Unwrapped):
            return None
        if found.founded is not None:
            known = self.who.secrets_in.get(maker, ())
            self.who.secrets_in[maker] = (found.founded[1], *known)
        return found.seed


class World:
    """People, some of whom are members, on one or two sides of a cut."""

    def __init__(self, seed: int, people: int = 7) -> None:
        self.chance = Random(seed)
        self.entropy = SeededEntropy(seed)
        self.now = NOW
        self.count = 0
        self.nodes = [Node(person(number)) for number in range(people)]
        self.sides = [self.nodes]
        first = self.nodes[0]
        create = Create(RULES, bytes(16), record_of(first.who), SettingsChange())
        self.post(first, self._operation(first, create, ()))
        self.change(first, Add(tuple(record_of(one.who) for one in self.nodes[1:5])))
        self.change(first, RoleChange(self.nodes[1].who.vk, Role.OWNER, None, ()))

    def post(self, node: Node, event: Event) -> None:
        """All on its side get it."""
        self.now = UnixSeconds(self.now + 1)
        side = next(side for side in self.sides if node in side)
        for one in side:
            one.take(event, self.now)

    def _operation(self, node: Node, action: Action, parents: tuple[OperationId, ...]) -> Operation:
        self.count += 1
        id_ = OperationId(self.chance.randbytes(32))
        return Operation(id_, node.who.vk, self.count, self.count, parents, (), action)

    def change(self, node: Node, action: Action) -> None:
        """An operation, and the epoch that its author makes with it."""
        parents = parents_of_next(node.membership, node.who.vk)
        self.post(node, self._operation(node, action, parents))
        if node.who.vk in node.membership.members:
            self.make(node)

    def make(self, node: Node) -> None:
        membership = node.membership
        members = frozenset(membership.members)
        known = [node.known(one, membership) for one in node.pages()]
        heads = named_by_announcement(membership)
        made = draw_epoch(
            node.who.signing,
            GROUP,
            clock=self.count,
            seq=self.count,
            heads=heads,
            turn=next_turn(known, len(membership.graph.operations(membership.view.acts))),
            members=members,
            without=(),
            entropy=self.entropy,
        )
        node.seeds[made.maker.epoch] = made.maker.seed
        for page in self._pages_of(node, made, members):
            self.post(node, page)

    def _pages_of(self, node: Node, made: MadeEpoch, members: frozenset[VerifyKey]) -> list[Page]:
        pages = []
        people = {one.who.vk: one.who for one in self.nodes}
        recipients = [
            Recipient(
                key,
                node_knows(node, key) or ENTRANCE,
                people[key].bundle,
                people[key].short,
                node.heard.get(key, UnixSeconds(0)),
                node.shared.get(key),
            )
            for key in sorted(members - {node.who.vk})
        ]
        for under in dict.fromkeys(one.under for one in recipients):
            reached = [one for one in recipients if one.under == under]
            found = make_pages(
                made,
                reached,
                operations_under=lambda _: (),
                mesh_now=self.now,
                entropy=self.entropy,
                kem=KEM,
            )
            node.shared |= found.founded
            keys = frozenset(one.member for one in reached)
            pages += [Page(made.signed, under, one.wraps, keys, members) for one in found.pages]
        # Who makes an epoch alone still announces it.
        return pages or [Page(made.signed, ENTRANCE, Wraps(), frozenset(), members)]

    def write(self, node: Node) -> bool:
        epoch = node.chosen
        members = frozenset(node.membership.members)
        if epoch is not None and node.who.vk in members:
            self.post(node, Word(node.who.vk, epoch, members))
        return epoch is not None

    def cut(self) -> None:
        shuffled = list(self.nodes)
        self.chance.shuffle(shuffled)
        place = self.chance.randint(1, len(shuffled) - 1)
        self.sides = [shuffled[:place], shuffled[place:]]

    def heal(self) -> None:
        """All get what they lack: operations in their order, and of the rest what was not lost."""
        everything: dict[int, Event] = {}
        for node in self.nodes:
            everything |= {id(event): event for event in node.events}
        self.sides = [self.nodes]
        for node in self.nodes:
            had = {id(event) for event in node.events}
            lacking = [event for event in everything.values() if id(event) not in had]
            operations = [event for event in lacking if isinstance(event, Operation)]
            for operation in sorted(operations, key=lambda one: one.clock):
                node.take(operation, self.now)
            for event in lacking:
                if not isinstance(event, Operation) and self.chance.random() < 0.6:
                    node.take(event, self.now)

    @property
    def inside(self) -> list[Node]:
        """The members, by their rank as makers."""
        makers = self.nodes[0].membership.makers
        nodes = {node.who.vk: node for node in self.nodes}
        return [nodes[key] for key in makers]

    def settle(self) -> int:
        """While a member cannot open what another writes under, or has nothing to write under, the
        first rank makes an epoch. Return how many it took.
        """
        for made in range(12):
            chosen = [node.chosen for node in self.inside]
            deaf = [node for node in self.inside if any(one not in node.seeds for one in chosen)]
            if not deaf:
                return made
            maker = self.inside[0]
            for node in deaf:
                self.complain(node, maker)
            self.make(maker)
        raise NeverSettledError

    def complain(self, node: Node, maker: Node) -> None:
        """A need: he says what he holds, and that he may share nothing with the maker. Where the
        two hold nothing in common only his entrance is left.
        """
        key = node.who.vk
        maker.shared.pop(key, None)
        common = [epoch for epoch in node.seeds if epoch in maker.seeds]
        if common:
            maker.wrote_under[key] = common[-1]
        else:
            maker.wrote_under.pop(key, None)
            maker.welcomed_with.pop(key, None)

    def act(self) -> None:
        """Somebody who is a member writes, or an owner changes who is in."""
        node = self.chance.choice(self.nodes)
        members = node.membership.members
        member = members.get(node.who.vk)
        if member is None:
            return
        roll = self.chance.random()
        if roll < 0.5 or member.role is not Role.OWNER:
            if not self.write(node):
                self.make(node)
            return
        plain = [key for key, one in members.items() if one.role is not Role.OWNER]
        outside = [one for one in self.nodes if one.who.vk not in node.membership.graph.people]
        if roll < 0.75 and outside:
            self.change(node, Add((record_of(self.chance.choice(outside).who),)))
        elif plain:
            self.change(node, Remove((Removal(self.chance.choice(plain), None, ()),)))


def node_knows(node: Node, key: VerifyKey) -> EpochId | None:
    return known_to_hold(
        wrote_under=node.wrote_under.get(key), welcomed_with=node.welcomed_with.get(key)
    )


def lived(seed: int) -> World:
    """Twice cut and healed, with changes in between."""
    world = World(seed)
    for _ in range(2):
        world.cut()
        for _ in range(world.chance.randint(3, 9)):
            world.act()
        world.heal()
        for _ in range(world.chance.randint(0, 4)):
            world.act()
    return world


@pytest.mark.parametrize("seed", range(25))
def test_after_a_heal_all_members_read_each_other(seed: int) -> None:
    """By one more epoch, or by none; two where its maker himself could not open the former."""
    world = lived(seed)
    assert world.settle() <= 2
    for node in world.inside:
        assert world.write(node)
        [epoch] = {one.wrote_under[node.who.vk] for one in world.inside}
        assert all(epoch in one.seeds for one in world.inside)


@pytest.mark.parametrize("seed", range(25))
def test_nobody_gets_the_seed_of_an_epoch_whose_maker_knew_him_out(seed: int) -> None:
    """He keeps all leaves, secrets and seeds, sees every page and tries them all."""
    world = lived(seed)
    world.settle()
    pages = [one for one in world.nodes[0].events if isinstance(one, Page)]
    tried = 0
    for node in world.nodes:
        for page in pages:
            if node.who.vk not in page.knew:
                tried += 1
                assert EpochId(page.signed.id) not in node.seeds
                assert node.unwrapped(page) is None
    assert tried


def overhears(seed: int) -> bool:
    """Say whether somebody has the seed under which one wrote to whom he was no member."""
    world = lived(seed)
    words = {id(one): one for node in world.nodes for one in node.events if isinstance(one, Word)}
    assert words
    return any(
        node.who.vk not in word.knew and word.epoch in node.seeds
        for word in words.values()
        for node in world.nodes
    )


def test_nothing_is_written_to_one_whom_its_author_knew_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not any(overhears(seed) for seed in range(25))
    # The rule taken away: any epoch that is held may be written under.
    monkeypatch.setattr(choice, "is_fit", lambda epoch, members: epoch.is_held and members)
    monkeypatch.setattr(choice, "order_of", lambda epoch, _roles: epoch.turn)
    monkeypatch.setattr(choice, "within_turns", lambda fit, _roles: fit)
    assert any(overhears(seed) for seed in range(25))


def test_pages_under_the_newest_epoch_only_leave_islands_deaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule taken away: everybody is addressed under what the maker himself used last."""

    def newest(node: Node, key: VerifyKey) -> EpochId | None:
        # The last seed is that of the epoch which is being made.
        return held(node, key) and (node.chosen or list(node.seeds)[-2])

    held = node_knows
    monkeypatch.setitem(globals(), "node_knows", newest)
    assert any(is_deaf(seed) for seed in range(25))


def is_deaf(seed: int) -> bool:
    """Say whether two members go on not reading each other, whatever epochs are made."""
    try:
        lived(seed).settle()
    except NeverSettledError:
        return True
    return False


def test_linked_wraps_to_who_was_not_heard_since_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule taken away: a page with a first wrap that was lost takes all later ones with it."""
    ada, bob = Node(person(0)), Node(person(1))
    founded = Shared(b"s" * 32, NOW)
    recipient = Recipient(
        bob.who.vk, ENTRANCE, bob.who.bundle, bob.who.short, UnixSeconds(NOW - 1), founded
    )

    def opened() -> bytes | None:
        made = draw_epoch(
            ada.who.signing,
            GROUP,
            clock=0,
            seq=0,
            heads=[bytes(32)],
            turn=0,
            members=[ada.who.vk, bob.who.vk],
            without=(),
            entropy=SeededEntropy(1),
        )
        found = make_pages(
            made,
            [recipient],
            operations_under=lambda _: (),
            mesh_now=NOW,
            entropy=SeededEntropy(2),
            kem=KEM,
        )
        nobody = frozenset[VerifyKey]()
        return bob.unwrapped(Page(made.signed, ENTRANCE, found.pages[0].wraps, nobody, nobody))

    assert opened() is not None
    monkeypatch.setattr(making, "is_linked", lambda *_: True)
    bob.who.secrets_in.clear()
    assert opened() is None
