"""The refusals of what cannot be done with a contact as they stand."""

from mesh.errors import UserError
from mesh.storage.vault.rows import ContactRow


def require_answered(row: ContactRow) -> None:
    """Raise UserError (`blocked`, `request`, `not-answered`) unless they and we know each other."""
    require_unblocked(row)
    if row.is_request:
        raise UserError(
            "request", f"{row.label} waits for your word; accept them first.", name=row.label
        )
    if row.state != "answered":
        raise not_answered(row)


def require_unblocked(row: ContactRow) -> None:
    """Raise UserError `blocked` if nothing of theirs is opened."""
    if row.is_blocked:
        raise UserError("blocked", f"{row.label} is blocked; unblock them first.", name=row.label)


def not_answered(row: ContactRow) -> UserError:
    """Return what is said of somebody of whom nothing has come yet."""
    sentence = f"{row.label} has not answered yet; wait until they have."
    return UserError("not-answered", sentence, name=row.label)
