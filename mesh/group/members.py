"""Members, roles and settings, where it is known which operations count.

Implements `docs/protocol/groups.md`, section "What counts". A *view* is the set of acts that count
among some operations and their ancestors; every question about members and settings is one about
a view.
"""

from dataclasses import dataclass

from mesh.group.graph import Act, Acts, Graph
from mesh.group.operations import Record, Role
from mesh.group.settings import Settings, SettingValue, settings_of
from mesh.ids import VerifyKey


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is in."""

    record: Record
    role: Role
    order: tuple[int, bytes, bytes]
    """His place in the order of admission."""

    @property
    def key(self) -> VerifyKey:
        """The member key."""
        return VerifyKey(self.record.key)


@dataclass(frozen=True, slots=True)
class View:
    """The acts that count among some operations of a graph."""

    graph: Graph
    acts: Acts

    def is_owner(self, key: VerifyKey) -> bool:
        """Say whether ownership is somebody's: he was never robbed of it, he only lays it down."""
        person, acts = self.graph.person(key), self.acts
        if person.leaves & acts:
            return False
        steps = person.steps & acts
        if person.created & acts and not steps:
            return True
        gifts = person.gifts & acts
        return bool(gifts) and any(not steps & ~gift.ancestors for gift in self.graph.of(gifts))

    def role(self, key: VerifyKey) -> Role:
        """Return what somebody is by his last roles; of several at once the least."""
        person = self.graph.person(key)
        if (person.created | person.gifts) & self.acts and self.is_owner(key):
            return Role.OWNER
        roles = person.roles & self.acts
        if not roles:
            return Role.MEMBER
        last = self.graph.latest(roles)
        return Role(min(min(act.role or Role.MEMBER for act in last), Role.ADMIN))

    def is_in(self, key: VerifyKey) -> bool:
        """Say whether somebody is a member."""
        person, acts = self.graph.person(key), self.acts
        if (person.removals | person.leaves) & acts:
            return False
        return bool((person.created | person.adds | person.given) & acts)

    def setters(self, key: str) -> list[Act]:
        """Return the acts that last set a key, the one in force first."""
        setters = self.graph.setters.get(key, 0) & self.acts
        last = self.graph.latest(setters)
        if len(last) > 1:
            last.sort(key=self._authority, reverse=True)
        return last

    def setting(self, key: str) -> SettingValue | None:
        """Return the value of a key; None where nobody set it."""
        last = self.setters(key)
        return last[0].settings[key] if last else None

    def settings(self) -> Settings:
        """Return all settings in force."""
        values = {key: self.setting(key) for key in self.graph.setters}
        return settings_of({key: value for key, value in values.items() if value is not None})

    def member(self, key: VerifyKey) -> Member | None:
        """Return somebody who is in with the record by which he is."""
        if not self.is_in(key):
            return None
        records = self.graph.records(key)
        placed = next((each for each, act in records if act & self.acts), None)
        if placed is None:
            # His add does not count, and an owner raised him: he is in by the record of that add.
            placed = records[0][0]
        return Member(placed.record, self.role(key), placed.order)

    def members(self) -> dict[VerifyKey, Member]:
        """Return all who are in."""
        found = {key: self.member(key) for key in self.graph.people}
        return {key: member for key, member in found.items() if member is not None}

    def _authority(self, act: Act) -> tuple[Role, bytes]:
        """Return what decides between two that set a key at once."""
        if not act.ancestors:
            return Role.OWNER, act.operation.id
        view = View(self.graph, act.ancestors & self.acts)
        return view.role(act.author), act.operation.id


def makers(members: dict[VerifyKey, Member]) -> list[VerifyKey]:
    """Return who makes an epoch first when nobody else does: by role, then by admission."""
    ranked = sorted(members.values(), key=lambda member: (-member.role, member.order))
    return [member.key for member in ranked]
