"""Planted bugs that a programmer could have forgotten to avoid; `sim.bugs.bugs` names them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.database import Connection, Cursor
from mesh.effects import Disconnect, Effect, Emit, Reply, SendBytes
from mesh.engine.engine import Engine
from mesh.events import MessageReceived
from mesh.ids import (
    ConversationId,
    EnvelopeId,
    Instant,
    LinkId,
    Monotonic,
    PostingKey,
    RequestId,
    UnixSeconds,
)
from mesh.inputs import Asked, BytesSent, Disconnected, Input, VaultOpened
from mesh.peering.dials import Dials
from mesh.peering.targets import Target
from mesh.posting.admission import Admission, Verdict
from mesh.replication.negentropy import _Splitter
from mesh.replication.replicator import Replicator
from mesh.storage.store.rows import IndexRow
from mesh.storage.store.store import Store
from mesh.storage.vault.registers import RegisterRows, WordRow
from mesh.wire.envelope import StampedKey
from mesh.wire.frames import Frame, IWant, NegMessage, NegOpen
from sim.bugs.injection import Bug
from sim.hosts.driver_protocol import AnyEngine
from sim.patching import Patch

# --- The vault ----------------------------------------------------------------------------------


class LateCommits:
    """A vault whose transactions are committed when the next one begins, or it is tidied up."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_pending = False

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement; a commit is put off."""
        if sql == "COMMIT":
            self._is_pending = True
            return self._connection.execute("SELECT 1")
        if self._is_pending and sql.startswith(("BEGIN", "PRAGMA", "VACUUM")):
            self._is_pending = False
            self._connection.execute("COMMIT")
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        """Run one statement for many rows."""
        return self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Close it."""
        self._connection.close()


@dataclass(slots=True)
class WithLateCommits:
    """Effects leave, and what they say is not on the disk yet."""

    engine: Engine

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Hand in a vault that commits late."""
        changed = [
            VaultOpened(LateCommits(one.connection)) if isinstance(one, VaultOpened) else one
            for one in batch
        ]
        return self.engine.handle(changed, now)

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self.engine.deadline()


@dataclass(slots=True)
class TellingAgain:
    """After a start it is not known what was told before: the last message is told again."""

    engine: Engine

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Ask for what is in the vault when it opens, and tell it."""
        effects = self.engine.handle(batch, now)
        if any(isinstance(one, VaultOpened) for one in batch):
            request = RequestId(1 << 40)
            for effect in self.engine.handle([Asked(request, AskMessages(limit=8))], now):
                match effect:
                    case Reply(asked, MessagesAnswer(messages=messages)) if asked == request:
                        theirs = [one for one in messages if not one.is_mine]
                        effects += [Emit(MessageReceived(one)) for one in theirs[-1:]]
                    case Reply(asked, _) if asked == request:
                        pass
                    case _:
                        effects.append(effect)
        return effects

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self.engine.deadline()


# --- Lines --------------------------------------------------------------------------------------


@dataclass(slots=True)
class WaitingForTheSlowest:
    """One queue for all links: while any of them has more to send, nothing leaves over others."""

    engine: Engine
    unsent: dict[LinkId, int] = field(default_factory=dict)
    held: list[SendBytes | Disconnect] = field(default_factory=list)

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Let go what was held when the slowest link has caught up."""
        for one in batch:
            match one:
                case BytesSent(link, count) if link in self.unsent:
                    self.unsent[link] -= count
                case Disconnected(link):
                    self.unsent.pop(link, None)
                    self.held = [effect for effect in self.held if effect.link != link]
                case _:
                    pass
        others: list[Effect] = []
        for effect in self.engine.handle(batch, now):
            if isinstance(effect, SendBytes | Disconnect):
                self.held.append(effect)
            else:
                others.append(effect)
        while self.held and max(self.unsent.values(), default=0) <= 0:
            effect = self.held.pop(0)
            others.append(effect)
            if isinstance(effect, Disconnect):
                self.unsent.pop(effect.link, None)
            else:
                self.unsent[effect.link] = self.unsent.get(effect.link, 0) + len(effect.data)
        return others

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self.engine.deadline()


# --- Clocks and dials ---------------------------------------------------------------------------


@dataclass(slots=True)
class DeafAfterJump:
    """A deadline that was armed before the clock was set is never armed again."""

    engine: Engine
    ahead_us: int | None = None
    is_deaf: bool = False

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Look at both clocks."""
        ahead_us = now.wall - now.monotonic
        if self.ahead_us is not None and abs(ahead_us - self.ahead_us) > 1_000_000:
            self.is_deaf = True
        self.ahead_us = ahead_us
        return self.engine.handle(batch, now)

    def deadline(self) -> Monotonic | None:
        """Never, after a jump."""
        return None if self.is_deaf else self.engine.deadline()


def _never_backing_off(dials: Dials, target: Target, now: Instant) -> None:
    target.failures_count += 1
    target.not_before = now.monotonic


# --- Spreading ----------------------------------------------------------------------------------


def _believing(spreading: Replicator, link: LinkId, frame: Frame, now: Instant) -> None:
    """The first neighbour who says that all is equal is believed."""
    if isinstance(frame, NegMessage) and len(frame.message) == 1:
        vars(spreading)["_is_content"] = True
    _RECEIVED(spreading, link, frame, now)


def _opening_nothing(spreading: Replicator, now: Instant) -> list[tuple[LinkId, Frame]]:
    """Return who is content compares with nobody."""
    frames = _TAKE_FRAMES(spreading, now)
    if "_is_content" not in vars(spreading):
        return frames
    return [(link, frame) for link, frame in frames if not isinstance(frame, NegOpen)]


_RECEIVED: Final = Replicator.received
_TAKE_FRAMES: Final = Replicator.take_frames

ASKED_AGAIN_US: Final = 2_000_000
ASKING_PAUSE_US: Final = 500_000


@dataclass(slots=True)
class _Stuck:
    """The ids that were asked for on one link, and since when."""

    asked: dict[EnvelopeId, Monotonic] = field(default_factory=dict)
    stuck: dict[EnvelopeId, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Asking:
    """One node asks again and again for ids that did not come in time."""

    links: dict[LinkId, _Stuck] = field(default_factory=dict)
    again_at: int = 0

    def asked(self, link: LinkId, want: IWant, now: Instant) -> None:
        """From now on these should come."""
        ids = [EnvelopeId(want.ids[i : i + 32]) for i in range(0, len(want.ids), 32)]
        waits = self.links.setdefault(link, _Stuck())
        waits.asked.update(dict.fromkeys(ids, now.monotonic))

    def ask_again(self, now: Instant) -> list[tuple[LinkId, Frame]]:
        """Ask once more for all that is stuck."""
        frames: list[tuple[LinkId, Frame]] = []
        if now.monotonic < self.again_at:
            return frames
        self.again_at = now.monotonic + ASKING_PAUSE_US
        for link, waits in self.links.items():
            for id_, since in list(waits.asked.items()):
                if now.monotonic - since > ASKED_AGAIN_US:
                    del waits.asked[id_]
                    waits.stuck[id_] = None
            if waits.stuck:
                frames.append((link, IWant(b"".join(list(waits.stuck)[:32]))))
        return frames


def _asking_of(spreading: Replicator) -> _Asking:
    asking = vars(spreading).setdefault("_asking_without_end", _Asking())
    assert isinstance(asking, _Asking)
    return asking


def _asking_no_more(spreading: Replicator, link: LinkId, now: Instant) -> None:
    """Forget a link: what it was asked for is asked of nobody."""
    _asking_of(spreading).links.pop(link, None)
    _LINK_DOWN(spreading, link, now)


def _settling_in_time(spreading: Replicator, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
    """Ids that come in time are settled; later nobody notices."""
    for waits in _asking_of(spreading).links.values():
        waits.asked.pop(id_, None)
    _BODY_CAME(spreading, link, id_, now)


def _asking_without_end(spreading: Replicator, now: Instant) -> list[tuple[LinkId, Frame]]:
    frames = _TAKE_FRAMES(spreading, now)
    asking = _asking_of(spreading)
    for link, frame in frames:
        if isinstance(frame, IWant):
            asking.asked(link, frame, now)
    return frames + asking.ask_again(now)


def _soon_while_stuck(spreading: Replicator) -> Monotonic | None:
    deadline, asking = _DEADLINE(spreading), _asking_of(spreading)
    if any(waits.stuck for waits in asking.links.values()):
        return Monotonic(min(asking.again_at, asking.again_at if deadline is None else deadline))
    return deadline


_LINK_DOWN: Final = Replicator.link_down
_BODY_CAME: Final = Replicator.body_came
_DEADLINE: Final = Replicator.deadline


def _never_agreeing(splitter: _Splitter, lower: int, upper: int, theirs: bytes) -> bool:
    """Fingerprints are compared wrongly: each range is divided until its ids are listed."""
    return False


def _forgetting_nothing(spreading: Replicator, ids: Iterable[EnvelopeId]) -> None:
    """Keep what has expired known for ever."""


def _without_floor(engine: Engine) -> AnyEngine:
    vars(vars(engine.replicator)["_eager_links"])["_count_min"] = 0
    return engine


# --- Posting and lifetimes ----------------------------------------------------------------------


def _lapsing_a_day_late(store: Store, mesh_now: UnixSeconds) -> list[IndexRow]:
    return _LAPSING(store, UnixSeconds(mesh_now - 86_400))


_LAPSING: Final = Store.expire


def _counting_all_as_one(admission: Admission, key: StampedKey, envelope_id: EnvelopeId) -> Verdict:
    return _COUNTING(admission, key._replace(posting_key=PostingKey(bytes(32))), envelope_id)


_COUNTING: Final[Callable[[Admission, StampedKey, EnvelopeId], Verdict]] = vars(Admission)["_count"]


# --- Folding ------------------------------------------------------------------------------------


def _last_come_first(
    registers: RegisterRows,
    conversation: ConversationId,
    target: bytes,
    field: str,
    holder: bytes = b"",
) -> list[WordRow]:
    """Of what two people set on both sides of a cut each shows what came there last."""
    words = _STANDING(registers, conversation, target, field, holder)
    return sorted(words, key=lambda word: word.entry, reverse=True)


def _last_come(
    registers: RegisterRows,
    conversation: ConversationId,
    target: bytes,
    field: str,
    holder: bytes = b"",
) -> WordRow | None:
    """The first of these, where only what is shown is asked for."""
    return next(iter(_last_come_first(registers, conversation, target, field, holder)), None)


_STANDING: Final = RegisterRows.standing


MUTANTS: Final[Mapping[str, Bug]] = {
    "commit-not-awaited": Bug(
        "Effects leave before the vault has committed what they say.", inject=WithLateCommits
    ),
    "told-after-restart": Bug(
        "What was told before a restart is not known after it.", inject=TellingAgain
    ),
    "expiry-off-by-one": Bug(
        "What has lapsed is looked for a day too late.",
        patches=(Patch(Store, "expire", _lapsing_a_day_late),),
    ),
    "no-backoff": Bug(
        "Who cannot be reached is dialled again at once.",
        patches=(Patch(Dials, "back_off", _never_backing_off),),
    ),
    "digest-trusted": Bug(
        "Once a neighbour found no difference nothing is compared with others.",
        patches=(
            Patch(Replicator, "received", _believing),
            Patch(Replicator, "take_frames", _opening_nothing),
        ),
    ),
    "deadline-lost": Bug(
        "After a jump of the clock no deadline is armed again.", inject=DeafAfterJump
    ),
    "unbounded-seen-set": Bug(
        "What lapsed stays known for ever.",
        patches=(Patch(Replicator, "forget", _forgetting_nothing),),
    ),
    "asking-without-end": Bug(
        "What a slow or one-way line did not bring in time is asked for without end.",
        patches=(
            Patch(Replicator, "link_down", _asking_no_more),
            Patch(Replicator, "body_came", _settling_in_time),
            Patch(Replicator, "take_frames", _asking_without_end),
            Patch(Replicator, "deadline", _soon_while_stuck),
        ),
    ),
    "slowest-first": Bug(
        "All links share one queue, and nothing leaves while one of them has more to send.",
        inject=WaitingForTheSlowest,
    ),
    "all-ids-listed": Bug(
        "Ranges in which two sets agree are taken to differ, until all their ids are listed.",
        patches=(Patch(_Splitter, "agrees", _never_agreeing),),
    ),
    "last-eager-pruned": Bug(
        "The last links over which mail is pushed are pruned too.", inject=_without_floor
    ),
    "quota-of-all": Bug(
        "The quota of a posting key is counted for all keys together.",
        patches=(Patch(Admission, "_count", _counting_all_as_one),),
    ),
    "last-come-shown": Bug(
        "Of the values of a register each node shows the one that came last.",
        patches=(
            Patch(RegisterRows, "standing", _last_come_first),
            Patch(RegisterRows, "find_shown", _last_come),
        ),
    ),
}
"""By the names that `--bug` takes."""
