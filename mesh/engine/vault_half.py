"""The vault's half of a batch: opening and closing it, what is asked, and what arrived.

The store's half is over when this begins, and committed. Here is at most one transaction. What it
made for the mesh is taken at the next batch, so nothing is on the wire before this commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.command import SAYS, Command, only_reading
from mesh.database import Connection
from mesh.effects import Effect, Emit, Reply
from mesh.engine.arrivals import Arrivals
from mesh.engine.carrier_words import CarrierWords, Holder, Word
from mesh.engine.forwarding.disk_room import no_room
from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.part import Part, having
from mesh.engine.settings import EngineSettings, Primitives
from mesh.engine.vault_checkpoints import VaultCheckpoints
from mesh.errors import UserError, relay_refusal
from mesh.events import VaultLocked, VaultUnlocked
from mesh.ids import (
    EnvelopeId,
    Instant,
    LinkId,
    Monotonic,
    Tag,
    earliest,
)
from mesh.inputs import Asked, StampMinted
from mesh.limits.engine import POSTED_PER_BATCH
from mesh.limits.retirements import RETIREMENTS_PER_BATCH
from mesh.messenger.account import Environment
from mesh.messenger.messenger import NOBODYS, Messenger, Summary
from mesh.storage.connection import savepoint, transaction
from mesh.timekeeping.clock_changes import ClockChanges
from mesh.timekeeping.mesh_time import MeshClock
from mesh.trust.distance import Distances
from mesh.wire.envelope import Envelope
from mesh.wire.frames import FLAG_BACKLOG, Frame, Held, IHave, split_entries, split_short_ids
from mesh.wire.retirement import Retirement

HolderOf = Callable[[LinkId], Holder | None]


@dataclass(frozen=True, slots=True)
class _Work:
    """The part of one batch that concerns the vault."""

    asked: Sequence[Asked]
    minted: Sequence[StampMinted]
    expected: Sequence[Envelope]
    retired: Sequence[Retirement]
    is_due: bool

    @property
    def has_come(self) -> bool:
        return bool(self.asked or self.minted or self.expected or self.retired)


class VaultHalf(Part):
    """Our person, while the vault is open, and what must be known of them while it is closed."""

    frame_types = (Held, IHave)

    def __init__(
        self,
        *,
        settings: EngineSettings,
        primitives: Primitives,
        distances: Distances,
        forwarder: Forwarder,
        clock: MeshClock,
        holder_of: HolderOf,
        parts: Sequence[Part],
        now: Instant,
    ) -> None:
        self.settings = settings
        self._primitives = primitives
        self._distances = distances
        self._forwarder = forwarder
        self._clock = clock
        self._holder_of = holder_of
        # Those that use the vault, in the order in which they hear of it; they write in the reverse
        # order.
        self._parts = tuple(parts)
        self._wanting = having(self._parts, "wants_vault")
        self._listening = having(self._parts, "told")
        self._told_answers = having(self._parts, "answered")
        self._performing = {kind: part for part in self._parts for kind in part.vault_commands}
        self.messenger: Messenger | None = None
        self.was_opened = False
        self.locked_since = now.unix_seconds
        self._connection: Connection | None = None
        self._checkpoints: VaultCheckpoints | None = None
        self._clock_changes = ClockChanges()
        self.ours = NOBODYS
        """While the vault is locked: what is ours. A node that starts locked knows nothing, unless
        it was told by the program before it."""
        # What stands on the mesh since the batch before of what ended mail of ours.
        self._retired: list[Retirement] = []
        self._arrivals = Arrivals(forwarder)
        self._words = CarrierWords()
        self._asked: list[Asked] = []
        self._minted: list[StampMinted] = []
        # When the messenger wants to be called; None: it did something since that was asked.
        self._messenger_at: tuple[Monotonic | None] | None = None

    def find_summary(self) -> Summary | None:
        """Return what `mesh status` says of our person; None while the vault is closed."""
        return self.messenger.summary() if self.messenger is not None else None

    def state(self, *, has_identity: bool) -> Literal["open", "locked", "none", "empty"]:
        """Return how the vault is, in a word of `mesh status`."""
        if self.settings.is_relay:
            return "none"
        if self.messenger is None:
            return "locked"
        return "open" if has_identity else "empty"

    def is_for_us(self, envelope_id: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
        """Say whether an envelope is to be opened here (see `IsOurs`)."""
        messenger = self.messenger
        if messenger is None:
            return tag in self.ours.tags
        # What bears a tag of ours and stands after it was tried is junk under a tag that somebody
        # saw.
        parts = messenger.parts
        if self._arrivals.is_waiting(envelope_id) or parts.sessions.tags.is_awaiting(tag):
            return True
        # Ours too, though only a newer Mesh can open it.
        if messenger.person is not None and envelope_id in messenger.person.inbox.newer:
            return True
        is_untried = is_new or self._arrivals.is_untried(envelope_id)
        return is_untried and tag in parts.tag_index

    def is_written(self, envelope_id: EnvelopeId) -> bool:
        """Say whether an envelope was written here and is on its way."""
        if self.messenger is None:
            return envelope_id in self.ours.envelopes
        return self.messenger.parts.transit.is_on_its_way(envelope_id)

    # --- Opening and closing ------------------------------------------------------------------

    def unlock(self, connection: Connection, now: Instant) -> list[Effect]:
        """Our person is back. On a disk that is full nothing is written."""
        self._connection = connection
        self._checkpoints = VaultCheckpoints(connection)
        authors_under = self._forwarder.store.posting_keys_under
        with transaction(connection):
            environment = Environment(
                parameters=self.settings.parameters,
                entropy=self._primitives.entropy,
                kem=self._primitives.kem,
                is_tag_stored=lambda tag: any(True for _ in authors_under(tag)),
                has_body=self._forwarder.buffer.apart.has_sealed_under,
                authors_under=authors_under,
                sealed_under=lambda tag: self._forwarder.buffer.apart.sealed_under([tag]),
                distances=self._distances,
                is_stored=lambda id_: bool(self._forwarder.store.stubs([id_])),
                is_disk_full=self._forwarder.buffer.room.is_full,
                retire_delay_ms=self.settings.retire_delay_ms,
                pauses=self.settings.pauses,
                cover_interval_ms=self.settings.cover_interval_ms,
            )
            self.messenger = Messenger(connection, environment, now=now)
            self._messenger_at = None
            self._clock.expiry.opened(self.messenger.newest_opened)
            transit = self.messenger.parts.transit
            # Tokens that came while the vault was closed, or just before a crash. Nothing is
            # written on a disk that is full: there they wait for the next batch that has room.
            self._retired = self._forwarder.store.retirements_of(transit.on_its_way())
            if not self._forwarder.buffer.room.is_full:
                for retirement in self._retired:
                    transit.retired(retirement.envelope, retirement.token)
                self._retired = []
            for part in self._parts:
                part.vault_opened(self.messenger, now)
            self.messenger.note_steps(now)
        self.was_opened = True
        self._arrivals.unlocked(self.messenger, now)
        return [Emit(VaultUnlocked())]

    def lock(self, now: Instant) -> list[Effect]:
        """Keep nothing by which anything could be opened or told, only what is to be kept."""
        if self.messenger is None:
            return []
        for part in self._parts:
            part.vault_closing(now)
        self.ours = self.messenger.ours()
        self._arrivals.locked()
        self._retired.clear()
        self._connection = self.messenger = self._checkpoints = None
        self.locked_since = now.unix_seconds
        # Expanded private keys of ours are kept there, between the messages that need them.
        self._primitives.kem.forget()
        return [Emit(VaultLocked())]

    # --- Before the store's half --------------------------------------------------------------

    def take_unposted(self, now: Instant) -> list[Envelope]:
        """Envelopes made here, of a step that is committed, that have waited for long enough."""
        if self.messenger is None or self._forwarder.buffer.room.is_full:
            return []
        return self.messenger.parts.transit.unposted(POSTED_PER_BATCH, now)

    def take_retirements(self, now: Instant) -> list[Retirement]:
        """Retirements of ours that have waited for long enough."""
        if self.messenger is None or self._forwarder.buffer.room.is_full:
            return []
        return self.messenger.parts.retirements.take_due(RETIREMENTS_PER_BATCH, now)

    def left(self, posted: Sequence[Envelope], retirements: Sequence[Retirement]) -> None:
        """These are in the store."""
        if self.messenger is not None and (posted or retirements):
            self.messenger.parts.transit.posted([envelope.id for envelope in posted])
            self.messenger.parts.retirements.left(retirements)

    # --- What happens -------------------------------------------------------------------------

    def ask(self, asked: Asked) -> None:
        """Our person asks something, to be answered in this batch."""
        self._asked.append(asked)

    def stamp_minted(self, minted: StampMinted) -> None:
        """Work that was asked for is done."""
        self._minted.append(minted)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A peer holds what we gave it, or announces what it has just committed."""
        given = self._forwarder.given
        if isinstance(frame, Held):
            short_ids = given.held(link, split_short_ids(frame.held))
        else:
            assert isinstance(frame, IHave)
            is_live = not frame.flags & FLAG_BACKLOG
            sets = self._forwarder.replicator.sets
            ids = [id_ for id_, _ in split_entries(frame.entries) if id_ in sets]
            short_ids = given.announced(link, ids if is_live else ())
        holder = self._holder_of(link)
        if holder is None or not short_ids or self.messenger is None:
            return
        # Most are not ours; that they are looked for costs the same.
        transit = self.messenger.parts.transit
        ours = [short_id for short_id in short_ids if transit.is_any_on_its_way((short_id,))]
        self._words.said(Word(holder, ours), self.settings.relay_delay_ms_max, now)

    def deadline(self) -> Monotonic | None:
        """Return when the vault is wanted next."""
        messenger = self.messenger
        if messenger is None or self._forwarder.buffer.room.is_full:
            return None
        parts = messenger.parts
        if self._retired:
            return Monotonic(0)
        sweep_at = self._checkpoints.deadline() if self._checkpoints is not None else None
        return earliest(
            (
                self._find_messenger_at(messenger),
                messenger.cover_deadline(),
                parts.transit.deadline(),
                parts.retirements.deadline(),
                self._arrivals.deadline(),
                self._words.deadline(),
                sweep_at,
            )
        )

    def _find_messenger_at(self, messenger: Messenger) -> Monotonic | None:
        """Return when the messenger wants to be called: that changes in its transactions alone."""
        if self._messenger_at is None:
            self._messenger_at = (messenger.deadline(),)
        return self._messenger_at[0]

    def is_other_time(self, now: Instant) -> bool:
        """Say whether the vault may be wanted before its deadline: the clock has changed."""
        if self.messenger is None:
            return False
        is_steady = self._clock.expiry.is_steady(now)
        return self._clock_changes.are_there(now, is_steady=is_steady)

    def has_come_due(self, now: Instant) -> bool:
        """Say whether frames have made something due at once; what waits for its order is asked
        about after every batch.
        """
        is_order_known = self.messenger is not None and self._arrivals.is_order_known(now)
        return is_order_known or self._words.is_due(now)

    def take_effects(self) -> Sequence[Effect]:
        """Return what our person is told of the vault."""
        if self.messenger is None:
            return ()
        told = self.messenger.take_effects()
        for part in self._listening:
            part.told(self.messenger, told)
        return told

    def counters(self) -> dict[str, int]:
        """Return what the messenger counts."""
        return dict(self.messenger.parts.dropped) if self.messenger is not None else {}

    # --- The transaction ----------------------------------------------------------------------

    def arrived(self, added: Sequence[Envelope]) -> None:
        """The store's half is committed, with these new envelopes: they are for the next batch."""
        told = self._forwarder.take_retired()
        self._arrivals.stored(self.messenger, added)
        if self.messenger is not None:
            transit = self.messenger.parts.transit
            self._retired += [one for one in told if transit.is_on_its_way(one.envelope)]

    def use(self, now: Instant) -> list[Effect]:
        """The store's half is committed: do what is asked, and what came before; the replies."""
        asked, self._asked = self._asked, []
        minted, self._minted = self._minted, []
        messenger, vault, sweep = self.messenger, self._connection, self._checkpoints
        if messenger is None or vault is None or sweep is None:
            self._words.take()
            refusal = _refusal(is_relay=self.settings.is_relay)
            return [Reply(question.request, refusal) for question in asked]
        deadline = self._find_messenger_at(messenger)
        if self._forwarder.buffer.room.is_full:
            # There is room for them in the vault once there is room for anything.
            self._minted = minted
            return self._show(asked, messenger, vault, now)
        is_steady = self._clock.expiry.is_steady(now)
        is_clock_changed = self._clock_changes.are_there(now, is_steady=is_steady)
        work = _Work(
            asked=asked,
            minted=minted,
            expected=self._arrivals.take_live(messenger, now),
            retired=self._retired,
            is_due=deadline is not None and (deadline <= now.monotonic or is_clock_changed),
        )
        self._retired = []
        replies: list[Effect] = []
        if work.has_come or work.is_due or self._is_wanted(messenger, now):
            with transaction(vault):
                replies += self._do(work, messenger, vault, now)
            sweep.committed(now)
        sweep.tend(now)
        return replies

    def _is_wanted(self, messenger: Messenger, now: Instant) -> bool:
        # The store has these, and the vault was not told; a crash posts them again.
        is_posted_due = messenger.parts.retirements.left_count >= POSTED_PER_BATCH
        cover_at = messenger.cover_deadline()
        return (
            is_posted_due
            or (cover_at is not None and cover_at <= now.monotonic)
            or self._arrivals.is_behind
            or self._words.is_due(now)
            or self._arrivals.is_order_known(now)
            or any(part.wants_vault(now) for part in self._wanting)
        )

    def _do(
        self, work: _Work, messenger: Messenger, vault: Connection, now: Instant
    ) -> list[Effect]:
        replies: list[Effect] = []
        self._messenger_at = None
        messenger.write_posted()
        for stamp in work.minted:
            messenger.parts.posting_keys.stamped(stamp)
        for question in work.asked:
            answer = self._answer(messenger, vault, question.command, now)
            for part in self._told_answers:
                part.answered(question.command, answer, now)
            replies.append(Reply(question.request, answer))
        # Commands may have made the parts anew.
        transit = messenger.parts.transit
        if self._words.is_due(now):
            # Where none of them is about ours the transaction writes all the same.
            messenger.write_read_mark()
        for word in self._words.take():
            transit.held(word.holder.key, word.short_ids, word.holder.contact)
        for retirement in work.retired:
            transit.retired(retirement.envelope, retirement.token)
        if work.is_due or work.minted:
            is_steady = self._clock.expiry.is_steady(now)
            messenger.deadline_passed(is_clock_steady=is_steady, now=now)
            self._clock_changes.seen(now, is_steady=is_steady)
        messenger.tend_cover(may_post=not self._forwarder.is_own_share_full, now=now)
        self._arrivals.open_due(messenger, work.expected, now)
        self._clock.expiry.opened(messenger.newest_opened)
        for part in reversed(self._parts):
            part.use_vault(messenger, vault, now)
        messenger.note_steps(now)
        return replies

    def _show(
        self, asked: Sequence[Asked], messenger: Messenger, vault: Connection, now: Instant
    ) -> list[Effect]:
        """Answer from what is there, without a write; all else is refused before it begins."""
        replies: list[Effect] = []
        for question in asked:
            command = only_reading(question.command)
            if command is None:
                replies.append(Reply(question.request, no_room()))
                continue
            with transaction(vault):
                replies.append(
                    Reply(question.request, self._answer(messenger, vault, command, now))
                )
        return replies

    def _answer(
        self, messenger: Messenger, vault: Connection, command: Command, now: Instant
    ) -> Answer | UserError:
        try:
            with savepoint(vault):
                if (part := self._performing.get(type(command))) is not None:
                    return part.perform(messenger, command, now)
                if isinstance(command, SAYS) and self._forwarder.is_own_share_full:
                    return _no_own_room()
                return messenger.command(command, now=now)
        except UserError as error:
            messenger.taken_back()
            return error


def _refusal(*, is_relay: bool) -> UserError:
    """Return why nothing of a person's can be answered."""
    if is_relay:
        return relay_refusal()
    return UserError("locked", "The vault is locked; unlock it first (mesh unlock).")


def _no_own_room() -> UserError:
    return UserError(
        "no-room",
        "Your own mail takes all the room that it may; wait until some of "
        "it is delivered or has expired, or raise the share or the store: mesh settings "
        "own_share_percent, mesh settings stored_bytes_max.",
        reason="own-mail",
    )
