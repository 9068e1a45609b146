"""Features: what a person can do, and what comes of it by itself.

A *feature* brings the commands, the kinds of controls (`mesh/wire/controls.py`) and the chores that
it handles. Each of these is added in one place: the feature. Features are registered in
`wiring.py`; the messenger looks up who handles what, and knows none of them by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.ids import Instant, Monotonic
from mesh.storage.vault.rows import ContactRow

CommandHandler = Callable[[Command, Instant], Answer]
"""Does what a command asks, in the vault's transaction; UserError says in words why not."""

_C = TypeVar("_C", bound=Command)


@dataclass(frozen=True, slots=True)
class ReceivedControl:
    """A control that came on the session of this id, and so by its contact, beyond doubt."""

    contact: ContactRow
    session: bytes = field(repr=False)
    kind: int
    data: bytes = field(repr=False)


ControlHandler = Callable[[ReceivedControl, Instant], None]
"""Acts on a control, in the vault's transaction, after the text of its payload was kept.

What it refuses raises PeerError and changes nothing.
"""

Task = Callable[[Instant], bool | None]
"""Done now and then, in the vault's transaction; true if there is more of it to do at once."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A task of every round of chores; some wait while the clock may have jumped."""

    task: Task
    needs_steady_clock: bool = False


@dataclass(frozen=True, slots=True)
class Feature:
    """The commands, controls and chores of one feature.

    Chores are done in the order of the features. Then, while the clock is steady, come the
    `cleanups`, in the same order: they delete what is over and cannot be had again.
    """

    commands: Sequence[tuple[type[object], CommandHandler]] = ()
    controls: Mapping[int, ControlHandler] = field(default_factory=dict)
    chores: Sequence[Chore] = ()
    cleanups: Sequence[Task] = ()
    deadline: Callable[[], Monotonic | None] | None = None
    """When its chores want to be done, where that is sooner than those of all."""


def command(
    kind: type[_C], handler: Callable[[_C, Instant], Answer]
) -> tuple[type[object], CommandHandler]:
    """An entry of `Feature.commands`: commands of this type go to this handler."""

    def handle(asked: Command, now: Instant) -> Answer:
        assert isinstance(asked, kind), "commands are looked up by their type"
        return handler(asked, now)

    return kind, handle
