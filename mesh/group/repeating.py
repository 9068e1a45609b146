"""Doing again what does not count: by its author, with what is known now.

Implements `docs/protocol/groups.md`, section "Repeating". An admin who was removed on one side of a
cut did things on the other that are void. Once he may again, one press does them anew.
"""

from mesh.content.entry import OperationId
from mesh.group.membership import Membership
from mesh.group.operations import Action, Add, Operation, Remove, RoleChange
from mesh.group.settings import SettingsChange, setting_change
from mesh.group.writing import may_do
from mesh.ids import VerifyKey


def find_operation(membership: Membership, name: str) -> Operation | None:
    """Return the operation of an id in hexadecimal digits, if it is here."""
    try:
        id_ = OperationId(bytes.fromhex(name))
    except ValueError:
        return None
    if id_ not in membership.graph:
        return None
    (operation,) = membership.graph.operations(membership.graph.acts_of(id_))
    return operation


def repeated(membership: Membership, operation: Operation) -> Action | None:
    """Return what of an operation does not count and would still change something, as an action
    that its author may do now; None where there is nothing, or he may not.
    """
    own = membership.graph.acts_of(operation.id)
    if not own & ~membership.view.acts:
        return None
    action = _left(membership, operation.action)
    if action is None or not may_do(membership, operation.author, action):
        return None
    return action


def _left(membership: Membership, action: Action) -> Action | None:
    members = membership.members
    match action:
        case Add(records=records):
            absent = tuple(each for each in records if VerifyKey(each.key) not in members)
            return Add(absent) if absent else None
        case Remove(removals=removals):
            present = tuple(each for each in removals if VerifyKey(each.key) in members)
            return Remove(present) if present else None
        case RoleChange(key=key, role=role):
            member = members.get(VerifyKey(key))
            return None if member is None or member.role is role else action
        case SettingsChange():
            settings = membership.settings
            values = {
                key: value
                for key, value in action.items().items()
                if getattr(settings, key) != value
            }
            return setting_change(values) if values else None
        case _:
            # Nobody makes a group twice, and who left is not there to leave again.
            return None
