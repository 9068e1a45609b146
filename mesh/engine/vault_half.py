"""The vault's half of a batch: opening and closing it, what is asked, and what arrived.

The store's half is over when this begins, and committed. Here is at most one transaction. What it
made for the mesh is taken at the next batch, so nothing is on the wire before this commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.messages import SendMessage
from mesh.effects import Effect, Emit, Reply
from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.link_streams import Streams
from mesh.engine.part import Part
from mesh.engine.settings import EngineSettings, Primitives
from mesh.engine.vault_checkpoints import VaultCheckpoints
from mesh.errors import UserError, relay_refusal
from mesh.events import VaultLocked, VaultUnlocked
from mesh.ids import (
    EnvelopeId,
    Instant,
    LinkId,
    LinkKey,
    Monotonic,
    Tag,
    earliest,
)
from mesh.inputs import Asked, Connection, StampMinted
from mesh.limits.engine import ARRIVALS_PER_BATCH, POSTED_PER_BATCH
from mesh.limits.retirements import RETIREMENTS_PER_BATCH
from mesh.messenger.account import Environment
from mesh.messenger.messenger import Messenger, Ours, Summary
from mesh.storage.connection import savepoint, transaction
from mesh.timekeeping.mesh_time import MeshClock
from mesh.trust.distance import Distances
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import Frame, Held, split_short_ids
from mesh.wire.retirement import Retirement


@dataclass(frozen=True, slots=True)
class _Work:
    """The part of one batch that concerns the vault."""

    asked: Sequence[Asked]
    minted: Sequence[StampMinted]
    held: Sequence[tuple[LinkKey, Sequence[bytes]]]
    expected: Sequence[Envelope]
    retired: Sequence[Retirement]
    is_due: bool

    @property
    def has_come(self) -> bool:
        return bool(self.asked or self.minted or self.held or self.expected or self.retired)


class VaultHalf(Part):
    """Our person, while the vault is open, and what must be known of them while it is closed."""

    frame_types = (Held,)

    def __init__(
        self,
        *,
        settings: EngineSettings,
        primitives: Primitives,
        distances: Distances,
        forwarder: Forwarder,
        clock: MeshClock,
        streams: Streams,
        parts: Sequence[Part],
        now: Instant,
    ) -> None:
        self._settings = settings
        self._primitives = primitives
        self._distances = distances
        self._forwarder = forwarder
        self._clock = clock
        self._streams = streams
        # Those that use the vault, in the order in which they hear of it; they write in the reverse
        # order.
        self._parts = tuple(parts)
        self.messenger: Messenger | None = None
        self.was_opened = False
        self.locked_since = now.unix_seconds
        self._connection: Connection | None = None
        self._checkpoints: VaultCheckpoints | None = None
        self._is_behind = False
        # While the vault is locked: what must not be evicted. A node started locked knows nothing.
        self._ours = Ours(frozenset(), frozenset())
        self._held: list[tuple[LinkKey, list[bytes]]] = []
        self._asked: list[Asked] = []
        self._minted: list[StampMinted] = []

    def find_summary(self) -> Summary | None:
        """Return what `mesh status` says of our person; None while the vault is closed."""
        return self.messenger.summary() if self.messenger is not None else None

    def state(self, *, has_identity: bool) -> Literal["open", "locked", "none", "empty"]:
        """Return how the vault is, in a word of `mesh status`."""
        if self._settings.is_relay:
            return "none"
        if self.messenger is None:
            return "locked"
        return "open" if has_identity else "empty"

    def is_protected(self, envelope_id: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
        """Say whether an envelope is ours and must stay (see `Protection`)."""
        messenger = self.messenger
        if messenger is None:
            return envelope_id in self._ours.envelopes or tag in self._ours.tags
        # What bears a tag of ours and stands after it was tried is junk under a tag that somebody
        # saw. If that stayed, a flood of it would show the peers whose tag it is.
        parts = messenger.parts
        if parts.transit.is_on_its_way(envelope_id) or parts.sessions.tags.is_awaiting(tag):
            return True
        return (self._is_behind or is_new) and tag in parts.tag_index

    # --- Opening and closing ------------------------------------------------------------------

    def unlock(self, connection: Connection, now: Instant) -> list[Effect]:
        """Our person is back."""
        self._connection = connection
        self._checkpoints = VaultCheckpoints(connection)
        with transaction(connection):
            environment = Environment(
                parameters=self._settings.parameters,
                entropy=self._primitives.entropy,
                kem=self._primitives.kem,
                is_tag_stored=self._forwarder.store.has_tag,
                has_body=self._forwarder.store.scans.has_body_of,
                distances=self._distances,
                retire_delay_ms=self._settings.retire_delay_ms,
            )
            self.messenger = Messenger(connection, environment, now=now)
            transit = self.messenger.parts.transit
            # Tokens that came while the vault was closed, or just before a crash.
            for retirement in self._forwarder.store.retirements_of(transit.on_its_way()):
                transit.retired(retirement.envelope, retirement.token)
            for part in self._parts:
                part.vault_opened(self.messenger, now)
        self._is_behind = self.was_opened = True
        return [Emit(VaultUnlocked())]

    def lock(self, now: Instant) -> list[Effect]:
        """Keep nothing by which anything could be opened or told, only what must not be evicted."""
        if self.messenger is None:
            return []
        for part in self._parts:
            part.vault_closing(now)
        self._ours = self.messenger.ours()
        self._connection = self.messenger = self._checkpoints = None
        self.locked_since = now.unix_seconds
        # Expanded private keys of ours are kept there, between the messages that need them.
        self._primitives.kem.forget()
        return [Emit(VaultLocked())]

    # --- Before the store's half --------------------------------------------------------------

    def take_unposted(self) -> list[Envelope]:
        """Envelopes made here, of a step that is committed."""
        if self.messenger is None:
            return []
        return self.messenger.parts.transit.unposted(POSTED_PER_BATCH)

    def take_retirements(self, now: Instant) -> list[Retirement]:
        """Retirements of ours that have waited for long enough."""
        if self.messenger is None:
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
        """A peer holds what we gave it."""
        assert isinstance(frame, Held)
        key = self._streams.ready[link].link.remote_key
        if key is not None:
            self._held.append((key, split_short_ids(frame.held)))

    def deadline(self) -> Monotonic | None:
        """Return when the vault is wanted next."""
        messenger = self.messenger
        if messenger is None:
            return None
        parts = messenger.parts
        if self._is_behind or parts.transit.has_unposted:
            return Monotonic(0)
        sweep_at = self._checkpoints.deadline() if self._checkpoints is not None else None
        return earliest((messenger.deadline(), parts.retirements.deadline(), sweep_at))

    def take_effects(self) -> Sequence[Effect]:
        """Return what our person is told of the vault."""
        if self.messenger is None:
            return ()
        told = self.messenger.take_effects()
        for part in self._parts:
            part.told(self.messenger, told)
        return told

    def counters(self) -> dict[str, int]:
        """Return what the messenger counts."""
        return dict(self.messenger.parts.dropped) if self.messenger is not None else {}

    # --- The transaction ----------------------------------------------------------------------

    def use(self, added: Sequence[Envelope], now: Instant) -> list[Effect]:
        """The store's half is committed, with these new envelopes; return the replies."""
        asked, self._asked = self._asked, []
        minted, self._minted = self._minted, []
        heard, self._held = self._held, []
        told = self._forwarder.take_retired()
        messenger, vault, sweep = self.messenger, self._connection, self._checkpoints
        if messenger is None or vault is None or sweep is None:
            return [Reply(question.request, self._refusal()) for question in asked]
        parts, deadline = messenger.parts, messenger.deadline()
        work = _Work(
            asked=asked,
            minted=minted,
            # Peers say of all mail that they hold it, and most is not ours.
            held=[one for one in heard if parts.transit.is_any_on_its_way(one[1])],
            expected=[one for one in added if one.header.tag in parts.tag_index],
            retired=[one for one in told if parts.transit.is_on_its_way(one.envelope)],
            is_due=deadline is not None and deadline <= now.monotonic,
        )
        replies: list[Effect] = []
        if work.has_come or work.is_due or self._is_wanted(messenger, now):
            with transaction(vault):
                replies += self._do(work, messenger, vault, now)
            sweep.committed(now)
        sweep.tend(now)
        return replies

    def _is_wanted(self, messenger: Messenger, now: Instant) -> bool:
        is_posted_due = messenger.posted_unwritten_count >= POSTED_PER_BATCH
        return (
            is_posted_due or self._is_behind or any(part.wants_vault(now) for part in self._parts)
        )

    def _do(
        self, work: _Work, messenger: Messenger, vault: Connection, now: Instant
    ) -> list[Effect]:
        replies: list[Effect] = []
        messenger.write_posted()
        for stamp in work.minted:
            messenger.parts.posting_keys.stamped(stamp)
        for question in work.asked:
            answer = self._answer(messenger, vault, question.command, now)
            for part in self._parts:
                part.answered(question.command, answer, now)
            replies.append(Reply(question.request, answer))
        # Commands may have made the parts anew.
        transit = messenger.parts.transit
        for link_key, short_ids in work.held:
            transit.held(link_key, short_ids)
        for retirement in work.retired:
            transit.retired(retirement.envelope, retirement.token)
        if work.is_due or work.minted:
            messenger.deadline_passed(is_clock_steady=self._clock.is_steady(now), now=now)
        self._open_arrived(messenger, work.expected, now)
        for part in reversed(self._parts):
            part.use_vault(messenger, vault, now)
        return replies

    def _answer(
        self, messenger: Messenger, vault: Connection, command: Command, now: Instant
    ) -> Answer | UserError:
        try:
            with savepoint(vault):
                for part in self._parts:
                    if isinstance(command, part.vault_commands):
                        return part.perform(messenger, command, now)
                if isinstance(command, SendMessage) and self._forwarder.is_own_share_full:
                    return _no_room()
                return messenger.command(command, now=now)
        except UserError as error:
            return error

    def _open_arrived(
        self, messenger: Messenger, expected: Sequence[Envelope], now: Instant
    ) -> None:
        """Open what came now; at first what came while the vault was closed, in order."""
        store = self._forwarder.store
        mark = self._forwarder.buffer.last_arrival
        if self._is_behind:
            rows = store.scans.arrived_tags(messenger.read_mark, ARRIVALS_PER_BATCH)
            ids = [row.id for row in rows if row.tag in messenger.parts.tag_index]
            found = store.envelopes_bytes(ids)
            expected = [decode_envelope(found[id_]) for id_ in ids if id_ in found]
            self._is_behind = bool(rows)
            mark = rows[-1].arrival if rows else mark
        messenger.open_arrived(expected, now=now)
        while tags := messenger.parts.tag_index.take_wanted():
            stored = [decode_envelope(data) for data in store.scans.by_tags(tags)]
            if stored:
                messenger.open_arrived(stored, now=now)
        messenger.set_read_mark(mark)

    def _refusal(self) -> UserError:
        """Say why nothing of a person's can be answered."""
        if self._settings.is_relay:
            return relay_refusal()
        return UserError("locked", "The vault is locked; unlock it first (mesh unlock).")


def _no_room() -> UserError:
    return UserError(
        "no-room",
        "Your own mail takes all the room that it may (a tenth of the store); wait until some of "
        "it is delivered or has expired, or raise stored_bytes_max in the settings.",
    )
