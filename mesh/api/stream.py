"""The objects of the event stream, in the order in which a subscriber may meet them.

A stream begins with `hello`. Events are numbered from 1 in each run of the daemon; a run has an
`epoch`. A subscriber that comes back names the epoch and the last number it saw, and gets what
it missed, or `resync` when that is not remembered any more: then it asks for the state again.

Over a WebSocket a client may ask as well (`stream_commands.py`); answers stand among the events.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from mesh.api.problems import Problem
from mesh.commands.answer import Answer
from mesh.events import Event
from mesh.limits.api import API_ASK_ID_CHARACTERS_MAX, SETTING_NUMBER_MAX


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", tag_field="type"):
    """The stream stands. `seq` is the number after which it goes on."""

    epoch: str
    seq: int


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="type"):
    """One event and its number."""

    seq: int
    event: Event


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag="resync", tag_field="type"):
    """Events up to `seq` were missed and are gone: ask for the state again, then go on."""

    epoch: str
    seq: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="type"):
    """Nothing happened for a while; the daemon lives."""

    seq: int


class GoingAway(msgspec.Struct, frozen=True, kw_only=True, tag="going-away", tag_field="type"):
    """The daemon stops; the stream ends here.

    `is_back_soon`: it was locked and begins anew; who connects at once waits until it answers.
    """

    is_back_soon: bool = False


StreamObject = Hello | Happened | Resync | Heartbeat | GoingAway

AskId = (
    Annotated[int, Meta(ge=0, le=SETTING_NUMBER_MAX)]
    | Annotated[str, Meta(max_length=API_ASK_ID_CHARACTERS_MAX)]
)
"""By this a client knows an answer again; nobody compares it with others."""


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answer", tag_field="type"):
    """A command was done: what its route answers."""

    id: AskId
    answer: Answer


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="problem", tag_field="type"):
    """A command was refused, or a frame was none; `id` is null where it could not be read."""

    id: AskId | None
    problem: Problem
