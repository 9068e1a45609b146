"""Taking back: an author's own words for good, another's by an admin until he thinks better."""

import msgspec


class Retract(msgspec.Struct, frozen=True, array_like=True):
    """The author asks honest software to delete what he wrote, and every change about it."""

    def check(self) -> None:
        """Hold nothing: it has no content."""


class Hide(msgspec.Struct, frozen=True, array_like=True):
    """An admin hides an object, or shows it again: the register *hidden* of the object."""

    is_on: bool

    def check(self) -> None:
        """Hold nothing: its type is all."""
