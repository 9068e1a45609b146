"""A part of the engine, and the parts that an engine has: whom a frame or a command goes to.

A part joins a machine or two to the links, the store or the vault. It declares which frames and
which commands it takes; nothing else has to know of it but the list that the engine makes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.database import Connection
from mesh.effects import Effect
from mesh.errors import PeerError, UserError
from mesh.ids import Instant, LinkId, Monotonic, earliest
from mesh.messenger.messenger import Messenger
from mesh.wire.frames import Frame


class Part:
    """A part of the engine; it overrides what concerns it."""

    frame_types: ClassVar[tuple[type[Frame], ...]] = ()
    commands: ClassVar[tuple[type[Command], ...]] = ()
    """What it answers while the vault is closed, too."""
    vault_commands: ClassVar[tuple[type[Command], ...]] = ()
    """What it carries out in a transaction of the vault."""

    # --- Links and time -----------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link that was ready ended."""

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame of its types came; PeerError if no correct node could have sent it."""

    def tend(self, now: Instant) -> None:
        """Do whatever is due. Called in every batch."""

    def deadline(self) -> Monotonic | None:
        """Return when the next batch is wanted at the latest, though nothing happened."""
        return None

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, Frame]]:
        """After both commits: frames to send, in order."""
        return ()

    def take_effects(self) -> Sequence[Effect]:
        """After both commits: what else may leave, in order."""
        return ()

    # --- Our person ---------------------------------------------------------------------------

    def answer(self, command: Command, now: Instant) -> Answer:
        """Answer one of `commands`; UserError says in words why not."""
        raise AssertionError(type(command))

    def perform(self, messenger: Messenger, command: Command, now: Instant) -> Answer:
        """Carry out one of `vault_commands`; UserError says in words why not."""
        raise AssertionError(type(command))

    def answered(self, command: Command, answer: Answer | UserError, now: Instant) -> None:
        """A command that needs the vault, of whatever part, has led to this."""

    def vault_opened(self, messenger: Messenger, now: Instant) -> None:
        """Our person is back; in a transaction of the vault."""

    def vault_closing(self, now: Instant) -> None:
        """Forget what is our person's."""

    def wants_vault(self, now: Instant) -> bool:
        """Say whether `use_vault` has something to do."""
        return False

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Read and write in the transaction of this batch."""

    def told(self, messenger: Messenger, effects: Sequence[Effect]) -> None:
        """This is what our person is told of the vault."""

    def counters(self) -> Mapping[str, int]:
        """Metrics that it counts itself, by name."""
        return {}


def having(parts: Sequence[Part], name: str) -> tuple[Part, ...]:
    """Those of some parts that have something of their own to do where `name` is called."""
    nothing = getattr(Part, name)
    return tuple(part for part in parts if getattr(type(part), name) is not nothing)


class Parts:
    """The parts of an engine, called in an order that never changes: the same seed, the same trace.

    `carrier` is the one that carries envelopes. Of two machines that have something to say over a
    new link it is the first; of two that have lost one, or for which time has passed, the last.
    What is told to our person comes in the reverse order of that.
    """

    def __init__(self, first: Part, carrier: Part, others: Sequence[Part]) -> None:
        opening, closing = (first, carrier, *others), (first, *others, carrier)
        self._opening: Final = opening
        self._closing: Final = closing
        # Most say nothing to most of what is asked after every batch: those are not asked.
        self._tending: Final = having(closing, "tend")
        self._waking: Final = having(opening, "deadline")
        self._speaking: Final = having(opening, "take_frames")
        self._acting: Final = having(closing[::-1], "take_effects")
        self._deadlines: dict[Part, Monotonic | None] = {}
        takers: dict[type[Frame], tuple[Part, ...]] = {}
        held_acks: dict[type[Command], Part] = {}
        for part in self._opening:
            for frame_type in part.frame_types:
                takers[frame_type] = (*takers.get(frame_type, ()), part)
            for command_type in part.commands:
                assert command_type not in held_acks, "a command has one answer"
                held_acks[command_type] = part
        self._takers = takers
        self._held_acks = held_acks

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        for part in self._opening:
            part.link_up(link, now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link that was ready ended."""
        for part in self._closing:
            part.link_down(link, now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame goes to those who take it; PeerError if nobody does, or if it is wrong."""
        takers = self._takers.get(type(frame))
        if takers is None:
            raise PeerError("a frame out of place")
        for part in takers:
            part.received(link, frame, now)

    def find_answering(self, command: Command) -> Part | None:
        """Return who answers a command without the vault; None if the vault is needed."""
        return self._held_acks.get(type(command))

    def tend(self, now: Instant) -> None:
        """Whatever is due."""
        for part in self._tending:
            part.tend(now)

    def deadline(self, only: Sequence[Part] | None = None) -> Monotonic | None:
        """Return when the first of them wants to be called; only these want it at another time than
        they said the last time.
        """
        for part in self._waking if only is None else only:
            self._deadlines[part] = part.deadline()
        return earliest(self._deadlines.values())

    def send_frames(
        self,
        send: Callable[[LinkId, Frame], None],
        now: Instant,
        only: Sequence[Part] | None = None,
    ) -> None:
        """Everything that they say over links; only these have something to say."""
        for part in self._speaking if only is None else only:
            for link, frame in part.take_frames(now):
                send(link, frame)

    def take_effects(self) -> list[Effect]:
        """Everything else that they want done."""
        return [effect for part in self._acting for effect in part.take_effects()]

    def counters(self) -> dict[str, int]:
        """All that they count themselves."""
        return {name: n for part in self._opening for name, n in part.counters().items()}
