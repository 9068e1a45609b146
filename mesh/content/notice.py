"""Notices: shown on top until their time is over."""

import msgspec

from mesh.content.fields import Moment, require_bytes
from mesh.limits.content import NOTICE_BYTES_MAX


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """Something that everybody is to see."""

    text: str
    until: Moment
    is_urgent: bool

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.text, NOTICE_BYTES_MAX, least=1)
