"""Texts, and edits of them."""

from enum import IntEnum
from typing import Annotated

import msgspec

from mesh.content.fields import U32, InvalidContentError, Key, MaybeId, require_bytes, require_id
from mesh.content.file import File
from mesh.limits.content import FILES_MAX, FORWARDED_BYTES_MAX, MARKS_MAX, MENTIONS_MAX
from mesh.limits.messages import TEXT_BYTES_MAX


class Style(IntEnum):
    """The look of a span. A number that is not here is passed over."""

    BOLD = 0
    ITALIC = 1
    STRUCK = 2
    CODE = 3
    BLOCK = 4
    QUOTE = 5


_STYLES = frozenset(Style)


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A span of code points. One beyond the end of the text is passed over."""

    style: Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)]
    start: U32
    length: U32


class Mention(msgspec.Struct, frozen=True, array_like=True):
    """A span of code points that means a person. One of nobody here is passed over."""

    start: U32
    length: U32
    key: Key


class Edit(msgspec.Struct, frozen=True, array_like=True):
    """Other words for a text: its register *text*."""

    text: str
    marks: Annotated[list[Mark], msgspec.Meta(max_length=MARKS_MAX)] = []
    mentions: Annotated[list[Mention], msgspec.Meta(max_length=MENTIONS_MAX)] = []

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.text, TEXT_BYTES_MAX)


class Text(msgspec.Struct, frozen=True, array_like=True):
    """Words of somebody, and files with them."""

    text: str
    marks: Annotated[list[Mark], msgspec.Meta(max_length=MARKS_MAX)] = []
    mentions: Annotated[list[Mention], msgspec.Meta(max_length=MENTIONS_MAX)] = []
    reply: MaybeId = b""
    files: Annotated[list[File], msgspec.Meta(max_length=FILES_MAX)] = []
    forwarded: str | None = None
    """None: it is not forwarded; the name of its author, or nothing of him."""

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.text, TEXT_BYTES_MAX)
        if not self.text and not self.files:
            raise InvalidContentError("nothing is written")
        require_id(self.reply)
        require_bytes(self.forwarded or "", FORWARDED_BYTES_MAX)
        for file in self.files:
            file.check()

    @property
    def first(self) -> Edit:
        """The words with which its register begins."""
        return Edit(self.text, self.marks, self.mentions)


def shown_marks(words: Edit) -> list[Mark]:
    """Return the spans that this version shows: of a known style, within the text."""
    length = len(words.text)
    return [
        mark
        for mark in words.marks
        if mark.style in _STYLES and mark.length > 0 and mark.start + mark.length <= length
    ]
