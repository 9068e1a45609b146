"""A name: how a member of a group calls himself from now on."""

import msgspec

from mesh.content.fields import require_bytes
from mesh.limits.groups import MEMBER_NAME_BYTES_MAX


class Name(msgspec.Struct, frozen=True, array_like=True):
    """The register *name* of its author, whom nobody else can name. Which names a screen shows is
    asked where they are shown: what is a fair one hangs on tables that differ between systems.
    """

    name: str

    def check(self) -> None:
        """Hold the bound of a record's name."""
        require_bytes(self.name, MEMBER_NAME_BYTES_MAX, least=1)
