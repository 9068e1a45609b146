"""A listener who sees the lengths and times of all links learns from none who knows whom."""

from itertools import pairwise

from mesh.inputs import VaultClosing
from mesh.limits.trust import VOUCHES_DELAY_MS, VOUCHES_INTERVAL_MS
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, introduce

NAMES = ("ann", "bob", "cem")
Heard = dict[tuple[str, str], list[tuple[int, int]]]
"""Of each direction of each link: when how many bytes went together."""


def listened(table: Joined) -> Heard:
    """Note from now on what a listener sees."""
    heard: Heard = {}
    table.on_bytes = lambda sender, receiver, data: heard.setdefault((sender, receiver), []).append(
        (table.now_us, len(data))
    )
    return heard


def linked() -> Joined:
    """Three nodes with a link between each two; Ann and Bob know each other, and nobody Cem."""
    table = Joined(*NAMES)
    introduce(table, *NAMES)
    table.join("ann", "bob")
    befriend(table, "ann", "bob")
    table.pass_time(3_600)
    for name in NAMES:
        table.restart(name)
    return table


def join_all(table: Joined) -> None:
    for left, right in (("ann", "bob"), ("bob", "cem"), ("cem", "ann")):
        table.join(left, right)


def large(heard: Heard, pair: tuple[str, str]) -> list[tuple[int, int]]:
    """Everything but pings and roots of sets."""
    return [(at, length) for at, length in heard.get(pair, []) if length > 400]


def test_links_between_contacts_carry_the_same_lengths_as_any_other() -> None:
    table = linked()
    join_all(table)
    table.pass_time(1)
    heard = listened(table)
    table.pass_time(6 * 3_600)
    pairs = [(one, other) for one in NAMES for other in NAMES if one != other]
    lengths = {pair: sorted(dict.fromkeys(n for _, n in large(heard, pair))) for pair in pairs}
    assert len({tuple(of_pair) for of_pair in lengths.values()}) == 1, lengths
    least, most = VOUCHES_INTERVAL_MS
    for pair in pairs:
        lists = [at for at, length in large(heard, pair) if length > 4_000]
        assert 6 * 3_600_000 // most <= len(lists) <= 6 * 3_600_000 // least + 1
        first_ms = lists[0] // 1_000 - heard_from_ms(heard)
        assert first_ms <= VOUCHES_DELAY_MS[1]


def heard_from_ms(heard: Heard) -> int:
    return min(at for times in heard.values() for at, _ in times) // 1_000


def test_becoming_contacts_sends_nothing_more_over_the_link_between_them() -> None:
    table = Joined(*NAMES)
    introduce(table, *NAMES)
    join_all(table)
    table.pass_time(3_000)
    befriend(table, "bob", "ann")
    heard = listened(table)
    table.pass_time(1_200)
    for pair in [("ann", "bob"), ("bob", "ann"), ("ann", "cem"), ("cem", "bob")]:
        lists = [at for at, length in large(heard, pair) if 512 < length < 600]
        pauses = [later - earlier for earlier, later in pairwise(lists)]
        assert 1 <= len(lists) <= 4
        assert all(pause >= 360_000_000 for pause in pauses), pair


def test_a_locked_node_says_as_much_as_an_open_one() -> None:
    seen: list[list[tuple[int, int]]] = []
    for is_locked in (False, True):
        table = Joined("ann", "cem")
        introduce(table, "ann")
        if is_locked:
            table.seats["ann"].inbox.append(VaultClosing())
            table.run()
        heard = listened(table)
        table.join("ann", "cem")
        table.pass_time(3_600)
        seen.append(heard["ann", "cem"])
    assert seen[0] == seen[1]
