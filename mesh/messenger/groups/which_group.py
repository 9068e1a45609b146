"""Finds the group, and the member of it, that a command means."""

from collections.abc import Callable, Sequence

from mesh.errors import UserError
from mesh.ids import ConversationId, VerifyKey
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.membership_keeper import MembershipKeeper
from mesh.messenger.names import group_name
from mesh.messenger.titles import Titled, find_number, groups_called, one_group
from mesh.storage.vault.group_people import OtherInviteRow


class WhichGroup:
    """Finds groups by number or name, and members by number."""

    def __init__(
        self, groups: MembershipKeeper, remover: Callable[[Group], str] = lambda _: ""
    ) -> None:
        self._groups = groups
        self._remover = remover

    def group(self, named: str | int) -> Group:
        """The group of a number or a name; UserError if there is none, or more than one.

        As everywhere, a name means those first in which we are.
        """
        return self._group(named, is_held_first=True)

    def any_group(self, named: str | int) -> Group:
        """The same, where a group may be meant in which we are not: each that is called so may."""
        return self._group(named, is_held_first=False)

    def _group(self, named: str | int, *, is_held_first: bool) -> Group:
        number = find_number(named)
        if number is None:
            called = groups_called(named, map(_titled, self._groups.all))
            chosen = one_group(called, is_held_first=is_held_first)
            number = None if chosen is None else chosen.number
        group = None if number is None else self._groups.find(ConversationId(number))
        if group is None:
            raise UserError("not-found", f"There is no group {named!r}.")
        return group

    def member_of(self, named: str | int) -> Group:
        """A group in which we are; UserError if it is none."""
        group = self.group(named)
        if group.row.state == "invited":
            raise UserError("forbidden", "You were asked into this group; accept first.")
        if group.row.state == "joining":
            raise UserError("forbidden", "You will be in this group when your word has arrived.")
        if group.row.state == "removed":
            by = self._remover(group)
            raise UserError(
                "gone", "You were removed from this group" + (f" by {by}." if by else ".")
            )
        if not group.is_in:
            raise UserError("gone", "You are not in this group any more.")
        return group

    def member(self, group: Group, number: int) -> VerifyKey:
        """The member of a number; UserError if there is none."""
        for key, row in group.people.items():
            if row.number == number and key in group.members:
                return key
        raise UserError("not-found", f"There is no member {number} in this group.")


def name_of(group: Group) -> str:
    """Return what a group is called, by its settings or as an invite said; no unfair name."""
    membership = group.membership
    called = group.here.name if membership is None else membership.settings.name
    return group_name(called, group.gid)


def shown_besides(group: Group, others: Sequence[OtherInviteRow]) -> OtherInviteRow | None:
    """Return which of the other invites into a group is shown, by which one would come in. Before
    one is accepted it is the first that came, so that nobody's takes the place of another's.
    """
    if not others or (group.row.state == "invited" and group.here.inviter is not None):
        return None
    return others[0] if group.row.state == "invited" else others[-1]


def _titled(group: Group) -> Titled:
    return Titled.of(group.conversation, name_of(group), group.row.state)
