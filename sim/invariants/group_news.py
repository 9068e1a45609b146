"""Events that befall somebody in a group are told to them, and shown to them as they are (S25)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.contacts import ContactAnswer
from mesh.commands.groups import GroupAnswer, MemberAnswer
from sim.invariants.invariants import S25, BrokenInvariant

OUT: Final = ("left", "removed")
IN: Final = ("in", "waiting-for-keys", "closed")


@dataclass(slots=True)
class GroupNews:
    """The groups in which people saw themselves, until they are told that they are out."""

    _seen_in: dict[tuple[int, str], int] = field(default_factory=dict)
    """By node and group: in which life of the node."""

    def told_out(self, node: int, group: str) -> None:
        """A node tells its user that they are in a group no longer."""
        self._seen_in.pop((node, group), None)

    def seen(self, node: int, life: int, groups: Iterable[GroupAnswer]) -> None:
        """Somebody sees their groups, in this life of their node."""
        for group in groups:
            if group.state in IN:
                self._seen_in[node, group.gid] = life

    def require_told(self, node: int, life: int, groups: Iterable[GroupAnswer]) -> None:
        """Whoever is out of a group was told; in another life of the node a crash may have taken
        the word.
        """
        for group in groups:
            if group.state in OUT and self._seen_in.get((node, group.gid)) == life:
                detail = f"somebody is out of the group {group.name!r}, and was not told"
                raise BrokenInvariant(S25, detail, node)


def require_declined(node: int, before: GroupAnswer, groups: Sequence[GroupAnswer]) -> None:
    """Somebody has declined an invite: it stands open no longer. That of another one may."""
    for group in groups:
        is_same = (group.gid, group.inviter) == (before.gid, before.inviter)
        if is_same and group.state == "invited":
            detail = f"an invite into the group {group.name!r} was declined, and stands open"
            raise BrokenInvariant(S25, detail, node)


def require_labels(
    node: int, members: Sequence[MemberAnswer], contacts: Sequence[ContactAnswer]
) -> None:
    """A member who is known as a contact is called as that contact is."""
    labels = {contact.id: contact.label for contact in contacts}
    for member in members:
        label = labels.get(member.contact, member.label)
        if not member.is_me and member.label != label:
            detail = f"the contact {label!r} is called {member.label!r} in a group"
            raise BrokenInvariant(S25, detail, node)
