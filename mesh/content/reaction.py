"""Reactions: the register of a target and an author."""

from typing import Annotated

import msgspec

from mesh.content.fields import InvalidContentError, require_bytes
from mesh.limits.content import EMOJI_BYTES_MAX, EMOJI_MAX


class React(msgspec.Struct, frozen=True, array_like=True):
    """All reactions of one author to one object; none takes them back.

    What an emoji is hangs on no table that differs between systems: any short text without blanks
    and controls. The page decides how it shows.
    """

    emoji: Annotated[list[str], msgspec.Meta(max_length=EMOJI_MAX)]

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        for one in self.emoji:
            require_bytes(one, EMOJI_BYTES_MAX, least=1)
            if any(ord(letter) < 0x21 or 0x7F <= ord(letter) <= 0xA0 for letter in one):
                raise InvalidContentError("a blank or a control in a reaction")
        if len(dict.fromkeys(self.emoji)) != len(self.emoji):
            raise InvalidContentError("a reaction twice")
