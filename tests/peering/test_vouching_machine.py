"""Five people who meet, block, move and sleep: what they know of each other's posting keys.

The model is the graph of who told whom. Whatever happens, nobody counts as nearer than the model
allows, and whoever was blocked counts for nothing at once; after two quiet hours in which all
friends are linked, every key has exactly the depth of the shortest way to it.
"""

from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from mesh.ids import ContactId, Instant, LinkId, Monotonic, PostingKey
from mesh.limits.posting_keys import POSTING_DAYS_TOLD
from mesh.limits.trust import VOUCH_DAYS_TOLD, VOUCHES_INTERVAL_MS
from mesh.peering.vouching import Vouching
from mesh.trust.distance import Depth, Distances, vouch_hash
from mesh.trust.vouching import vouches_for
from mesh.wire.frames import Vouches, decode_frame, encode_frame
from mesh.wire.posting_key_lists import VouchedDay, encode_vouches
from tests.entropy import SeededEntropy

PEOPLE = 5
PERSON = st.integers(0, PEOPLE - 1)
FIRST_DAY = 20_000
DAY_MS = 86_400_000


def key_of(person: int, day: int) -> PostingKey:
    return PostingKey(bytes((person + 1,)) + day.to_bytes(31))


class Node:
    """Standings and the machine of one person, as the engine and the messenger join them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.distances = Distances()
        self.machine = Vouching(SeededEntropy(number))
        # Until which day each friend has told their keys.
        self.friends: dict[int, int] = {}
        # What friends vouched for: the vault keeps it while they are blocked.
        self.kept: dict[tuple[int, int], VouchedDay] = {}
        self.is_locked = False

    def lists_for(self, contact: ContactId | None, today: int) -> list[VouchedDay]:
        among = [ContactId(one) for one in sorted(self.friends) if one != contact]
        days = range(today, today + VOUCH_DAYS_TOLD)
        return [vouches_for(self.distances, day, to=contact, among=among) for day in days]

    def vouched(self, contact: int, one: VouchedDay) -> None:
        """A friend vouched."""
        self.distances.set_vouched(ContactId(contact), one.day, vouched=one.vouched, far=one.far)

    def let_in(self, friend: int) -> None:
        """Somebody is a friend, perhaps again."""
        for (contact, _), one in self.kept.items():
            if contact == friend:
                self.vouched(friend, one)

    def told_keys(self, friend: int, today: int) -> None:
        """The friend told their keys inside the session."""
        self.friends[friend] = today + POSTING_DAYS_TOLD - 1
        for day in range(today, today + POSTING_DAYS_TOLD):
            self.distances.set_contact_keys(
                ContactId(friend), day, [vouch_hash(key_of(friend, day), day)]
            )


class VouchingMachine(RuleBasedStateMachine):
    """Everybody's machine over one set of links."""

    @initialize(friends=st.integers(0, PEOPLE - 1))
    def begin(self, friends: int) -> None:
        """Some of them know each other in a row."""
        self.now_ms = 0
        self.nodes = [Node(number) for number in range(PEOPLE)]
        # Of each link the two ends; it stands between friends or strangers alike.
        self.links: dict[LinkId, tuple[int, int]] = {}
        self.links_count = 0
        for node in self.nodes:
            node.distances.set_own(key_of(node.number, FIRST_DAY + ahead) for ahead in range(60))
        for number in range(friends):
            self.befriend(number, number + 1)

    @property
    def now(self) -> Instant:
        return Instant(Monotonic(self.now_ms * 1000), self.now_ms * 1000)

    @property
    def today(self) -> int:
        return FIRST_DAY + self.now_ms // DAY_MS

    @rule(left=PERSON, right=PERSON)
    def befriend(self, left: int, right: int) -> None:
        if left != right:
            for one, other in ((left, right), (right, left)):
                if other not in self.nodes[one].friends:
                    self.nodes[one].let_in(other)
                self.nodes[one].told_keys(other, self.today)
            self.changed()

    @rule(person=PERSON, whom=PERSON)
    def block(self, person: int, whom: int) -> None:
        """One side forgets the other, who goes on to think of them as a friend."""
        if self.nodes[person].friends.pop(whom, 0):
            self.nodes[person].distances.withdraw(ContactId(whom))
            self.changed()

    @rule(left=PERSON, right=PERSON)
    def link(self, left: int, right: int) -> None:
        if left != right:
            self.links_count += 1
            link = LinkId(self.links_count)
            self.links[link] = (left, right)
            for person in (left, right):
                self.nodes[person].machine.link_up(link, self.now)
            self.changed()

    @precondition(lambda self: self.links)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        link = data.draw(st.sampled_from(sorted(self.links)))
        for person in self.links.pop(link):
            self.nodes[person].machine.link_down(link)
        self.changed()

    @rule(person=PERSON)
    def lock_or_unlock(self, person: int) -> None:
        node = self.nodes[person]
        node.is_locked = not node.is_locked
        if node.is_locked:
            node.machine.vault_closing()
        self.changed()

    @rule(liar=PERSON, other=PERSON, first=st.integers(0, 50))
    def vouch_for_thousands(self, liar: int, other: int, first: int) -> None:
        """Somebody vouches for keys that he invented, over a link or out of the blue."""
        link = next(
            (link for link, ends in self.links.items() if ends in ((liar, other), (other, liar))),
            LinkId(0),
        )
        invented = tuple(range(first, first + 64))
        day = VouchedDay(self.today, invented, tuple(range(first, first + 800)))
        # A friend's lie stands until they tell all of it again, and the model knows no lies.
        self.deliver(other, link, Vouches(encode_vouches([day])))

    @rule(hours=st.sampled_from([0.01, 0.5, 3, 26]))
    def wait(self, hours: float) -> None:
        end = self.now_ms + int(hours * 3_600_000)
        while self.now_ms < end:
            self.now_ms = min(end, self.now_ms + 600_000)
            for node in self.nodes:
                # Keys are told early enough, whenever people are awake.
                for friend in list(node.friends):
                    if node.number in self.nodes[friend].friends and not node.is_locked:
                        node.told_keys(friend, self.today)
            self.changed()

    @precondition(lambda self: not any(node.is_locked for node in self.nodes))
    @rule()
    def settle(self) -> None:
        """All friends are linked for some hours: everybody knows exactly what they may know."""
        for left in range(PEOPLE):
            for right in range(left):
                if (left, right) not in self.links.values():
                    self.link(left, right)
        for _ in range(3):
            self.wait(2 * VOUCHES_INTERVAL_MS[1] / 3_600_000)
        for node in self.nodes:
            for author in range(PEOPLE):
                # The last day was perhaps added a minute ago.
                for day in (self.today, self.today + VOUCH_DAYS_TOLD - 2):
                    expected = self.way(node.number, author, day)
                    known = node.distances.depth(key_of(author, day), day)
                    # Who was blocked keeps, and passes on, what they had been told before.
                    is_told = known is expected or (self.is_anybody_blocked and known < expected)
                    assert is_told, (node.number, author, day)

    @invariant()
    def nobody_is_nearer_than_they_were_let(self) -> None:
        for node in self.nodes:
            counts = node.distances.counts(self.today)
            assert counts.contacts <= len(node.friends)
            assert counts.vouched <= 64 * len(node.friends)
            assert counts.far <= 1_000 * len(node.friends)
            for author in range(PEOPLE):
                depth = node.distances.depth(key_of(author, self.today), self.today)
                if author == node.number:
                    assert depth is Depth.OWN
                else:
                    assert (depth is Depth.CONTACT) <= (author in node.friends)
            # Every frame was delivered when it was made.
            assert not node.machine.is_due(self.now)

    # --- The world ----------------------------------------------------------------------------

    def way(self, reader: int, author: int, day: int) -> Depth:
        """The shortest way of words: from whom the author told, over people who are friends."""
        if reader == author:
            return Depth.OWN
        asked = {reader: None}
        for distance in range(1, Depth.STRANGER):
            if any(self.nodes[one].friends.get(author, 0) >= day for one in asked):
                return Depth(distance)
            for one in list(asked):
                for friend in self.nodes[one].friends:
                    if one in self.nodes[friend].friends:
                        asked[friend] = None
        return Depth.STRANGER

    def changed(self) -> None:
        """Everybody looks at their links and lists, and what is due is told and heard."""
        for node in self.nodes:
            by_link = {}
            for link, ends in self.links.items():
                if node.number in ends:
                    other = ends[1] if ends[0] == node.number else ends[0]
                    # Each recognises the other by a key that both have.
                    is_known = other in node.friends and not node.is_locked
                    if is_known and self.shows_itself(other, node.number):
                        by_link[link] = ContactId(other)
            node.machine.links_known(by_link)
        for node in self.nodes:
            if not node.is_locked:
                node.machine.use_lists(partial(node.lists_for, today=self.today), self.now)
            for link, frame in node.machine.take_frames(self.now):
                ends = self.links[link]
                self.deliver(ends[1] if ends[0] == node.number else ends[0], link, frame)

    @property
    def is_anybody_blocked(self) -> bool:
        """Say whether one thinks of another as a friend who does not think so."""
        return any(
            node.number not in self.nodes[friend].friends
            for node in self.nodes
            for friend in node.friends
        )

    def shows_itself(self, person: int, to: int) -> bool:
        return to in self.nodes[person].friends and not self.nodes[person].is_locked

    def deliver(self, person: int, link: LinkId, frame: Vouches) -> None:
        node = self.nodes[person]
        decoded = decode_frame(encode_frame(frame))
        assert isinstance(decoded, Vouches)
        node.machine.received(link, decoded, self.now)
        for contact, days in node.machine.take_came():
            for one in days:
                node.kept[contact, one.day] = one
                node.vouched(contact, one)


TestVouching = VouchingMachine.TestCase
TestVouching.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
