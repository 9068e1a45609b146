"""The machines' protocol between two processes: what happens to an engine, and what it wants done.

Both sides name things by their class, and send fields by their names. So an older release passes
over fields that it does not know and takes its own default for those that are not sent, as it does
with the frames of a later one. What it does not know at all does not happen to it; a command that
it does not know is refused.

Each message is msgpack behind its length. The blocks of large files do not cross.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Final, TypeVar, get_args

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.effects import Effect, Emit, Reply
from mesh.engine.settings import EngineSettings
from mesh.errors import UserError
from mesh.events import Event
from mesh.ids import RequestId
from mesh.inputs import Asked, Input, VaultOpened

LENGTH_BYTES: Final = 4
"""Of the number before each message."""

Plain = Sequence["Plain"] | Mapping[str, "Plain"] | bytes | str | int | float | None

Made = TypeVar("Made")


def _by_name(union: object) -> dict[str, type]:
    return {each.__name__: each for each in get_args(union)}


_INPUTS: Final = _by_name(Input)
_COMMANDS: Final = _by_name(Command)
_EFFECTS: Final = _by_name(Effect)
_EVENTS: Final = _by_name(Event)


def send(pipe: IO[bytes], message: Plain) -> None:
    """Write one message."""
    data = msgspec.msgpack.encode(message)
    pipe.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Sequence[Plain] | None:
    """Read one message; None if the other side has ended."""
    length = pipe.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    data = pipe.read(int.from_bytes(length, "big"))
    return msgspec.msgpack.decode(data, type=list)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The beginnings of a machine of another release, told before it first starts."""

    seed: int
    settings: EngineSettings
    is_crypto_real: bool
    has_noise: bool


def machine_out(machine: Machine) -> Plain:
    """Return it as it crosses."""
    return _fields(machine)


def machine_in(crossed: Plain) -> Machine:
    """Return it with those settings that this release has."""
    return _made(crossed, Machine)


def inputs_out(batch: Iterable[Input]) -> list[Plain]:
    """Return inputs as they cross; an opened vault stays where it is and is only named."""
    crossing: list[Plain] = []
    for happened in batch:
        match happened:
            case VaultOpened():
                crossing.append(["VaultOpened", {}])
            case Asked(request, command):
                crossing.append(["Asked", request, type(command).__name__, _fields(command)])
            case _:
                crossing.append([type(happened).__name__, _fields(happened)])
    return crossing


def inputs_in(
    crossed: Iterable[list[Plain]], unlock: Callable[[], Input]
) -> tuple[list[Input], list[Reply]]:
    """Return the inputs that this release knows, and what it answers to commands that it does not
    know. `unlock` opens the vault, which stands on this side.
    """
    batch: list[Input] = []
    refused: list[Reply] = []
    for name, *parts in crossed:
        if name == "VaultOpened":
            batch.append(unlock())
        elif name == "Asked":
            request, command, fields = parts
            kind = _COMMANDS.get(str(command))
            assert isinstance(request, int)
            if kind is None:
                sentence = f"This release does not know {command!s}."
                refused.append(Reply(RequestId(request), UserError("unknown-command", sentence)))
            else:
                batch.append(Asked(RequestId(request), _made(fields, kind)))
        elif (kind := _INPUTS.get(str(name))) is not None:
            batch.append(_made(parts[0], kind))
    return batch, refused


def effects_out(effects: Iterable[Effect]) -> list[Plain]:
    """Return effects as they cross."""
    crossing: list[Plain] = []
    for effect in effects:
        match effect:
            case Emit(event):
                crossing.append(["Emit", type(event).__name__, _fields(event)])
            case Reply(request, UserError() as error):
                crossing.append(["Refused", request, error.kind, str(error), error.fields])
            case Reply(request, answer):
                crossing.append(["Reply", request, type(answer).__name__, _fields(answer)])
            case _:
                crossing.append([type(effect).__name__, _fields(effect)])
    return crossing


def effects_in(crossed: Iterable[list[Plain]]) -> list[Effect]:
    """Return the effects that an engine of another release wants carried out."""
    answers = {each.__name__: each for each in _kinds_of(Answer)}
    effects: list[Effect] = []
    for name, *parts in crossed:
        match name, parts:
            case "Emit", [str(event), fields]:
                effects.append(Emit(_made(fields, _EVENTS[event])))
            case "Refused", [int(request), str(kind), str(sentence), dict(fields)]:
                effects.append(Reply(RequestId(request), UserError(kind, sentence, **fields)))
            case "Reply", [int(request), str(answer), fields]:
                effects.append(Reply(RequestId(request), _made(fields, answers[answer])))
            case _:
                effects.append(_made(parts[0], _EFFECTS[str(name)]))
    return effects


def _fields(value: object) -> Plain:
    fields: Plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    return fields


def _made(fields: Plain, kind: type[Made]) -> Made:
    return msgspec.convert(fields, kind, builtin_types=(bytes,))


def _kinds_of(root: type[Answer]) -> Iterable[type[Answer]]:
    for each in root.__subclasses__():
        yield each
        yield from _kinds_of(each)
