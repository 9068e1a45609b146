"""Tasks: each field is a register of its own."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Final

import msgspec

from mesh.content.fields import (
    InvalidContentError,
    Key,
    Moment,
    require_all_different,
    require_bytes,
)
from mesh.limits.content import TASK_FOR_MAX, TASK_NOTES_BYTES_MAX, TASK_TITLE_BYTES_MAX

_For = Annotated[list[Key], msgspec.Meta(max_length=TASK_FOR_MAX)]


class State(IntEnum):
    """The progress of a task."""

    OPEN = 0
    BEING_DONE = 1
    DONE = 2


class Field(IntEnum):
    """The parts of a task that may change."""

    STATE = 0
    TITLE = 1
    NOTES = 2
    FOR = 3
    UNTIL = 4


TaskValue = State | str | list[bytes] | int
"""A value of a field, of that field's type."""


class Task(msgspec.Struct, frozen=True, array_like=True):
    """Something to do. Its own fields are the first values of its registers."""

    title: str
    notes: str = ""
    whom: _For = []
    until: Moment = 0

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        for field, value in self.first.items():
            _check(field, value)

    @property
    def first(self) -> Mapping[Field, TaskValue]:
        """The values with which its registers begin."""
        return {
            Field.STATE: State.OPEN,
            Field.TITLE: self.title,
            Field.NOTES: self.notes,
            Field.FOR: list(self.whom),
            Field.UNTIL: self.until,
        }


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Another value of one field."""

    field: Field
    value: msgspec.Raw

    def check(self) -> None:
        """Raise InvalidContentError unless the value fits its field."""
        self.read()

    def read(self) -> TaskValue:
        """Return the value; InvalidContentError unless it fits its field."""
        try:
            value: TaskValue = _decoders[self.field].decode(self.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidContentError("no value of this field") from error
        _check(self.field, value)
        return value


_decoders: Final[Mapping[Field, msgspec.msgpack.Decoder[TaskValue]]] = {
    Field.STATE: msgspec.msgpack.Decoder(State),
    Field.TITLE: msgspec.msgpack.Decoder(str),
    Field.NOTES: msgspec.msgpack.Decoder(str),
    Field.FOR: msgspec.msgpack.Decoder(_For),
    Field.UNTIL: msgspec.msgpack.Decoder(Moment),
}


def _check(field: Field, value: TaskValue) -> None:
    match field:
        case Field.TITLE:
            require_bytes(str(value), TASK_TITLE_BYTES_MAX, least=1)
        case Field.NOTES:
            require_bytes(str(value), TASK_NOTES_BYTES_MAX)
        case Field.FOR if isinstance(value, list):
            require_all_different(value)
        case _:
            pass
