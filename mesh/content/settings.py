"""Pins, and the timer of a conversation."""

from typing import Annotated

import msgspec

from mesh.limits.content import TIMER_SECONDS_MAX


class Pin(msgspec.Struct, frozen=True, array_like=True):
    """Keep an object at hand for all, or no longer: the register *pin* of the object."""

    is_on: bool

    def check(self) -> None:
        """Hold nothing: its type is all."""


class Timer(msgspec.Struct, frozen=True, array_like=True):
    """Seconds after which new objects disappear; 0: never. A register of the conversation."""

    seconds: Annotated[int, msgspec.Meta(ge=0, le=TIMER_SECONDS_MAX)]

    def check(self) -> None:
        """Hold nothing: its type is all."""
