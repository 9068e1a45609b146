"""Twenty real daemons on three bridges, joined by two laptops that stand on two of them.

All but three are relays. Their stores are all but full of old mail, so that what comes has to push
something out: that it is nothing between contacts, whatever a flood brings, is tried here. Where
junk alone must yield is tried in `tests/engine/test_eviction.py` and
`tests/sim/lab/models/test_flooding.py`.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mesh.commands.contacts import ContactsAnswer
from mesh.ids import UnixSeconds
from tests.integration.authors import written
from tests.integration.holding import fill, known_ids
from tests.integration.injecting import injector
from tests.integration.making import made_with
from tests.integration.meshes import closed_config
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually
from tests.integration.row import NodeMaker, wait_for_text
from tests.integration.strangers import now
from tests.integration.traces import resident_bytes

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(600)]

ON_EACH_BRIDGE = 6
STARTED_AT_ONCE = 4
WITHIN_S = 120.0
STORE_BYTES = 16 * 1024 * 1024
OLD_MAIL = 15_800
JUNK = 1_000
MEMORY_GROWTH_BYTES_MAX = 24 * 1024 * 1024


@dataclass
class Town:
    """Anna, Ben and Cleo live on a bridge each; `joining` are the laptops on two bridges."""

    desk: Desk
    bridges: tuple[str, str, str]
    anna: Node
    ben: Node
    cleo: Node
    joining: tuple[Node, Node]
    relays: list[Node]

    @property
    def all(self) -> list[Node]:
        """The twenty."""
        return [self.anna, self.ben, self.cleo, *self.joining, *self.relays]

    def wait_until_equal(self) -> None:
        """Wait until all know the same envelopes."""
        eventually(
            lambda: [node.status().envelopes_count for node in self.all],
            lambda counts: len(set(counts)) == 1,
            within_s=WITHIN_S,
            what="as many envelopes everywhere",
        )
        # One that waited for its few seconds may spread meanwhile.
        eventually(
            lambda: [known_ids(node) for node in self.all],
            lambda known: all(ids == known[0] for ids in known),
            within_s=WITHIN_S,
            what="the same envelopes everywhere",
        )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Twenty daemons, running, each with a neighbour; the three people know one another."""
    folder = tmp_path_factory.mktemp("town")
    config = closed_config(folder) + f"stored_bytes_max = {STORE_BYTES}\n"
    with Desk() as desk, made_with(folder, config) as make_node:
        town = laid_out(desk, make_node)
        lay_in_old_mail(town.all)
        start_in_groups(town)
        befriend(town.anna, town.ben, inviter_label="anna")
        befriend(town.anna, town.cleo, inviter_label="anna")
        for guest in (town.ben, town.cleo):
            guest.run("send", "anna", f"hello from {guest.name}")
            wait_for_text(town.anna, f"hello from {guest.name}", within_s=WITHIN_S)
        yield town


def laid_out(desk: Desk, make_node: NodeMaker) -> Town:
    """The laptops and their cables; nothing runs yet."""
    left, middle, right = (desk.bridge(name) for name in ("left", "middle", "right"))
    anna, ben, cleo = (
        make_node(desk.laptop(bridge), name)
        for bridge, name in ((left, "Anna"), (middle, "Ben"), (right, "Cleo"))
    )
    joining = (
        make_node(desk.laptop(left, middle), "Dora"),
        make_node(desk.laptop(middle, right), "Emil"),
    )
    relays = [
        make_node(desk.laptop(bridge), f"{bridge} {number}")
        for bridge in (left, middle, right)
        for number in range(1, ON_EACH_BRIDGE)
    ]
    return Town(desk, (left, middle, right), anna, ben, cleo, joining, relays)


def lay_in_old_mail(nodes: list[Node]) -> None:
    """The same for all, so written once: a day old, by strangers."""
    first, *others = nodes
    fill(first, written(OLD_MAIL, [UnixSeconds(now().unix_seconds - 86_400)]))
    for node in others:
        node.folders.data.mkdir(parents=True, mode=0o700, exist_ok=True)
        for path in (first.folders.store_file, first.folders.store_key_file):
            shutil.copy(path, node.folders.data / path.name)


def start_in_groups(town: Town) -> None:
    """A few at a time: twenty at once would each take twenty times as long."""
    people = (town.anna, town.ben, town.cleo)
    for first in range(0, len(town.all), STARTED_AT_ONCE):
        group = town.all[first : first + STARTED_AT_ONCE]
        for node in group:
            node.start(*(() if node in people else ("--relay",)))
        for node in group:
            node.wait_until_up()


def test_mail_from_one_end_of_twenty_arrives_at_the_other_and_all_know_the_same(
    town: Town,
) -> None:
    assert len(town.all) == 20
    cleo = label_of(town.anna, town.cleo)
    town.anna.run("send", cleo, "across three bridges")
    wait_for_text(town.cleo, "across three bridges", within_s=WITHIN_S)
    town.wait_until_equal()


def test_what_both_sides_of_a_cut_wrote_is_everywhere_when_it_heals(town: Town) -> None:
    """And before that a laptop that is carried across brings what one side wrote."""
    _, middle, right = town.bridges
    town.desk.cut(town.joining[1].namespace, right)
    town.anna.run("send", label_of(town.anna, town.cleo), "written during the cut")
    town.cleo.run("send", "anna", "written on the island")
    courier = next(node for node in town.relays if node.name.startswith(middle))
    before = courier.status().envelopes_count
    eventually(
        lambda: (courier.status().envelopes_count, town.anna.status().envelopes_count),
        lambda counts: counts[0] == counts[1] and counts[0] >= before,
        within_s=WITHIN_S,
        what="the courier has what is on its side",
    )
    town.desk.move(courier.namespace, middle, right)
    wait_for_text(town.cleo, "written during the cut", within_s=WITHIN_S)
    assert "written on the island" not in town.anna.received_texts()
    town.desk.heal(town.joining[1].namespace, right)
    wait_for_text(town.anna, "written on the island", within_s=WITHIN_S)
    town.desk.move(courier.namespace, right, middle)
    town.wait_until_equal()


def test_a_flood_pushes_out_nothing_that_a_contact_waits_for(town: Town) -> None:
    """Cleo is away while Anna writes and a neighbour of Ben's floods the full stores."""
    memory = {node.name: resident_bytes(node.pid) for node in town.all}
    cleo = label_of(town.anna, town.cleo)
    before = town.ben.status().envelopes_count
    town.cleo.sleep()
    town.anna.run("send", cleo, "before the flood")
    eventually(
        lambda: town.ben.status().envelopes_count,
        lambda count: count > before,
        within_s=WITHIN_S,
        what="Ben has it",
    )
    awake = [node for node in town.all if node is not town.cleo]

    def least_known() -> int:
        flooder.read()
        return min(node.status().envelopes_count for node in awake)

    with injector(town.ben) as flooder:
        flooder.hand_over(written(JUNK, [now().unix_seconds], per_key=10))
        eventually(
            least_known,
            lambda count: count > before + JUNK,
            within_s=WITHIN_S,
            what="the flood is known everywhere",
        )
    town.anna.run("send", cleo, "after the flood")
    assert min(node.status().counters.get("evicted", 0) for node in awake) > 0
    town.cleo.wake()
    wait_for_text(town.cleo, "before the flood", within_s=WITHIN_S)
    wait_for_text(town.cleo, "after the flood", within_s=WITHIN_S)
    town.wait_until_equal()
    for node in town.all:
        assert resident_bytes(node.pid) - memory[node.name] < MEMORY_GROWTH_BYTES_MAX
        assert node.status().stored_bytes <= STORE_BYTES


def label_of(node: Node, other: Node) -> str:
    """Return what a node calls another one's person."""
    contacts = node.answer(ContactsAnswer, "contacts").contacts
    return next(contact.label for contact in contacts if contact.name == other.name)
