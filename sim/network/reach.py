"""The reach of nodes: over common networks, by radio, and through what lies between.

Three things keep a packet from a node that stands on the same network: the two are out of reach of
each other, the wire between them is clogged, or a cut blocks it.
"""

from collections.abc import Mapping, Sequence

from sim.network.cuts import Cut, Sides


class Reach:
    """The layout of one world as it is now. `members[n]` lists who stands on network n."""

    def __init__(
        self,
        networks: Mapping[int, Sequence[int]],
        near: Mapping[int, Mapping[int, None]] | None,
    ) -> None:
        self._networks = {node: tuple(each) for node, each in networks.items()}
        self._near = {node: dict(others) for node, others in (near or {}).items()}
        self._clogs: dict[tuple[int, int], int] = {}
        self._cuts: dict[int, Cut] = {}
        self._cuts_count = 0
        self.members: dict[int, list[int]] = {}
        for node, each in self._networks.items():
            for network in each:
                self.members.setdefault(network, []).append(node)

    def networks_of(self, node: int) -> tuple[int, ...]:
        """The networks on which a node stands."""
        return self._networks[node]

    def others(self, node: int) -> list[int]:
        """Everybody who is within reach of a node, cuts aside, each once and in order."""
        found: dict[int, None] = {}
        for network in self._networks[node]:
            found.update(dict.fromkeys(self.members[network]))
        found.pop(node, None)
        return [other for other in found if self._is_near(node, other)]

    def passes(self, sender: int, receiver: int) -> bool:
        """Say whether a packet of one node reaches another that stands on its network."""
        if not self._is_near(sender, receiver) or (sender, receiver) in self._clogs:
            return False
        return not any(cut.blocks(sender, receiver) for cut in self._cuts.values())

    @property
    def is_cut(self) -> bool:
        """Say whether any cut lies there, or a wire is clogged."""
        return bool(self._cuts or self._clogs)

    def sides(self) -> list[int] | None:
        """On which side of all cuts together each node stands; None where no cut has sides."""
        cuts = [cut for cut in self._cuts.values() if isinstance(cut, Sides)]
        if not cuts:
            return None
        names: dict[tuple[int, ...], int] = {}
        where = [tuple(cut.sides.get(node, -1) for cut in cuts) for node in self._networks]
        return [names.setdefault(each, len(names)) for each in where]

    # --- What changes -------------------------------------------------------------------------

    def put(self, cut: Cut) -> int:
        """A cut lies there from now on, under this number."""
        number = self._cuts_count
        self._cuts_count += 1
        self._cuts[number] = cut
        return number

    def take(self, number: int) -> Cut | None:
        """A cut is there no more; None if it had been taken before."""
        return self._cuts.pop(number, None)

    def take_all(self) -> None:
        """No cut is there any more."""
        self._cuts.clear()

    def meet(self, one: int, other: int) -> None:
        """Two come within reach of each other."""
        if one in self._near and other in self._near:
            self._near[one][other] = self._near[other][one] = None

    def part(self, one: int, other: int) -> None:
        """Two go out of reach of each other."""
        if one in self._near and other in self._near:
            self._near[one].pop(other, None)
            self._near[other].pop(one, None)

    def gather(self) -> None:
        """From now on everybody reaches all on their networks."""
        self._near.clear()

    def move(self, node: int, networks: Sequence[int]) -> list[int]:
        """A node stands on other networks; returns those that it left."""
        left = [network for network in self._networks[node] if network not in networks]
        for network in left:
            self.members[network].remove(node)
        for network in networks:
            if network not in self._networks[node]:
                self.members.setdefault(network, []).append(node)
        self._networks[node] = tuple(networks)
        return left

    def clog(self, sender: int, receiver: int) -> None:
        """Nothing of one node reaches another."""
        self._clogs[sender, receiver] = self._clogs.get((sender, receiver), 0) + 1

    def unclog(self, sender: int, receiver: int) -> None:
        """One clog less."""
        self._clogs[sender, receiver] -= 1
        if not self._clogs[sender, receiver]:
            del self._clogs[sender, receiver]

    def _is_near(self, one: int, other: int) -> bool:
        near = self._near
        return not near or one not in near or other not in near or other in near[one]
