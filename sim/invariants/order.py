"""The order of a conversation: both sides have one (S5).

At the end each node is asked for each of its conversations. Where both sides have the same
messages they must show them in the same order, and nobody may show a message above one that it
answers to.
"""

from collections.abc import Mapping, Sequence

from mesh.database import Connection
from mesh.messenger.conversations.history import split_parents
from sim.invariants.invariants import S5, BrokenInvariant

Orders = Mapping[tuple[int, int], Sequence[str]]
"""(who, with whom) -> ids of messages as they are shown."""


def require_same_order(orders: Orders) -> int:
    """Hold both sides of all conversations together; return how many could be compared."""
    compared_count = 0
    for (one, other), shown in orders.items():
        theirs = orders.get((other, one))
        if one > other or theirs is None or sorted(shown) != sorted(theirs):
            continue
        compared_count += 1
        for place, (here, there) in enumerate(zip(shown, theirs, strict=True)):
            if here != there:
                detail = (
                    f"nodes {one} and {other} have the same {len(shown)} messages and show "
                    f"another one at place {place}"
                )
                raise BrokenInvariant(S5, detail, one)
    return compared_count


def require_parents_above(node: int, shown: Sequence[str], vault: Connection) -> None:
    """No message of a conversation stands above one that it names as a parent."""
    places = {message: place for place, message in enumerate(shown)}
    for id_, parents in vault.execute("SELECT id, parents FROM entries").fetchall():
        assert isinstance(id_, bytes)
        assert isinstance(parents, bytes)
        place = places.get(id_.hex())
        if place is None:
            continue
        for parent in split_parents(parents):
            if places.get(parent.hex(), -1) > place:
                detail = f"the message at place {place} stands above one that it answers to"
                raise BrokenInvariant(S5, detail, node)
