"""The one door of a node: `effects = engine.handle(batch, now)`.

Everything that happens to a node is an input, all that it wants done an effect. The driver (the
trio shell, or the simulator) gathers inputs, calls `handle` in one thread, carries the effects
out in order, and calls again at `deadline()` at the latest.

Theory of operation. A batch is handled in two steps, each with at most one transaction. First
the *store*: frames are read, envelopes judged and kept, and what the vault committed in an
earlier batch enters the store. Then the *vault*: commands run, arrived envelopes are opened,
peers' HELD are noted. Effects leave only after both commits, HELD frames first. A crash
between the two commits repeats a read of the store and loses nothing; nothing made here is in
the store before the vault has committed the step that made it. See `docs/ARCHITECTURE.md`.
"""

from collections.abc import Sequence
from typing import assert_never

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify
from mesh.database import Connection
from mesh.effects import Effect, Emit, Reply
from mesh.engine.carrier_words import Holder
from mesh.engine.counters import Counters
from mesh.engine.forwarding.forwarder import Authors, Forwarder
from mesh.engine.forwarding.resource_policy import DISK_WORDS, ResourcePolicy
from mesh.engine.forwarding.stemming import Stemming
from mesh.engine.forwarding.usage import known_keys, refused
from mesh.engine.links import Links
from mesh.engine.part import Part, Parts
from mesh.engine.parts.addresses import KnownAddresses
from mesh.engine.parts.carry import Carry
from mesh.engine.parts.direct_files import DirectFileExchange
from mesh.engine.parts.envelope_exchange import EnvelopeExchange
from mesh.engine.parts.nearby import NearbyPeople
from mesh.engine.parts.overlay import Overlay
from mesh.engine.parts.time_exchange import EXPIRY_CLOCK_SETTING, TimeExchange
from mesh.engine.parts.vouching import VouchExchange
from mesh.engine.quiet import QuietBatches
from mesh.engine.settings import EngineSettings, Primitives
from mesh.engine.vault_half import VaultHalf
from mesh.errors import PeerError, UserError
from mesh.events import DiskChanged
from mesh.ids import Instant, LinkId, Monotonic, earliest
from mesh.inputs import (
    Asked,
    BlobFailed,
    BlocksRead,
    BlocksWritten,
    BytesReceived,
    BytesSent,
    CarryAsked,
    Connected,
    DialFailed,
    Disconnected,
    DiskMeasured,
    Input,
    LinkInput,
    MachineInput,
    NetworkChanged,
    NetworksSeen,
    PeerGone,
    PeerSeen,
    PersonInput,
    PowerChanged,
    SettingsChanged,
    StampMinted,
    VaultClosing,
    VaultOpened,
    Woke,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.link import BeginHandshake, begin_noise
from mesh.messenger.messenger import NOBODYS, Ours
from mesh.peering.dialer import Dialer
from mesh.peering.exchange import PeerExchange
from mesh.posting.stamp import mean_seconds
from mesh.replication.replicator import Replicator
from mesh.timekeeping.expiry_clock import ExpiryClock
from mesh.timekeeping.mesh_time import MeshClock
from mesh.trust.distance import Distances
from mesh.wire.envelope import STUB_BYTES, Envelope
from mesh.wire.frames import Close, Frame
from mesh.wire.retirement import Retirement


class Engine:
    """A node. Not thread-safe: one caller at a time."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        store: Connection,
        entropy: Entropy,
        kem: Kem,
        verify: Verify,
        begin: BeginHandshake = begin_noise,
        now: Instant,
        ours: Ours = NOBODYS,
    ) -> None:
        """`ours`: what the program before this one, which was locked, has handed on."""
        primitives = Primitives(entropy, kem, verify, begin)
        self._settings = settings
        self._counters = Counters()
        self._resource_policy = ResourcePolicy(
            settings.stored_bytes_max, settings.metered_interfaces
        )
        self._distances = Distances()
        authors = Authors(
            self._distances.depth,
            self._distances.granted_by,
            is_ours=lambda id_, tag, is_new: self._vault.is_for_us(id_, tag, is_new=is_new),
        )
        self._forwarder = Forwarder(
            connection=store,
            settings=settings,
            authors=authors,
            primitives=primitives,
            counters=self._counters,
            now=now,
        )
        kept = self._forwarder.store.link_state.find_setting(EXPIRY_CLOCK_SETTING)
        self._clock = MeshClock(
            expiry=ExpiryClock(kept, newest=self._forwarder.intake.newest_created)
        )
        self._clock.stored(self._forwarder.intake.newest_created)
        now = self._clock.at(now)
        self._dialer = Dialer(entropy)
        self._first_messages = FirstMessages(self._forwarder.store.link_state.first_messages())
        self._exchange = PeerExchange(entropy)
        self._links = Links(
            settings=settings,
            primitives=primitives,
            dialer=self._dialer,
            exchange=self._exchange,
            first_messages=self._first_messages,
            counters=self._counters,
            now=now,
        )
        self._effects: list[Effect] = []
        # What was measured holds from the next batch on: what this one has taken in is written.
        self._is_disk_new = False
        self._make_parts(store, primitives, now)
        self._vault.ours = ours

    @property
    def ours(self) -> Ours:
        """Return what stays recognised since the vault was closed."""
        return self._vault.ours

    def _make_parts(self, store: Connection, primitives: Primitives, now: Instant) -> None:
        """Everything that joins the machines to links, store and vault. A new part comes here."""
        self._envelopes = EnvelopeExchange(
            forwarder=self._forwarder,
            links=self._links,
            clock=self._clock,
            resource_policy=self._resource_policy,
        )
        users = self._make_vault_users(store, primitives.entropy, now)
        self._vault: VaultHalf = VaultHalf(
            settings=self._settings,
            primitives=primitives,
            distances=self._distances,
            forwarder=self._forwarder,
            clock=self._clock,
            holder_of=self._find_holder,
            parts=users,
            now=now,
        )
        self._parts = Parts(
            TimeExchange(self._clock, self._links.streams, self._forwarder.buffer.put_setting),
            self._envelopes,
            (*users, self._vault),
        )
        self._quiet = QuietBatches(
            links=self._links,
            clock=self._clock,
            dialer=self._dialer,
            forwarder=self._forwarder,
            parts=(self._envelopes, self._carry, self._direct_files, self._vault),
        )

    def _make_vault_users(
        self, store: Connection, entropy: Entropy, now: Instant
    ) -> tuple[Part, ...]:
        """The parts for which it matters whether the vault is open."""
        streams = self._links.streams
        self._overlay = Overlay(
            streams=streams,
            dialer=self._dialer,
            exchange=self._exchange,
            news_count=self.replicator.scores.news_count,
            entropy=entropy,
        )
        self._vouches = VouchExchange(
            contacts_by_link=self._overlay.contacts_by_link,
            counters=self._counters,
            entropy=entropy,
        )
        addresses = KnownAddresses(
            connection=store,
            buffer=self._forwarder.buffer,
            dialer=self._dialer,
            streams=streams,
            labels=self._labels,
            now=now,
        )
        nearby = NearbyPeople(self._links.keys, entropy)
        self._direct_files = DirectFileExchange(
            ready=self._links.ready,
            contacts_by_link=self._overlay.contacts_by_link,
            has_mail=self.replicator.outgoing.has_more,
            is_spared=self._envelopes.is_spared,
            is_disk_full=lambda: self._forwarder.buffer.room.is_full,
        )
        self._carry = Carry(
            self._forwarder,
            self._settings.parameters.mesh_id,
            lambda id_: self._vault.is_written(id_),
        )
        return (
            nearby,
            self._overlay,
            self._vouches,
            addresses,
            self._carry,
            self._direct_files,
        )

    @property
    def replicator(self) -> Replicator:
        """The machine that decides which ids go over which link."""
        return self._forwarder.replicator

    @property
    def stemming(self) -> Stemming:
        """Return what was passed on over one link and does not spread yet."""
        return self._forwarder.stemming

    @property
    def distances(self) -> Distances:
        """Return how near the authors of envelopes are to our person."""
        return self._distances

    def handle(self, batch: Sequence[Input], now: Instant) -> list[Effect]:
        """Handle a batch of inputs; return what may leave, after all of it is committed.

        StorageError if a disk fails: what was not committed is in memory only (`lasting.py`).
        """
        now = self._clock.at(now)
        self._forwarder.buffer.is_clock_steady = self._clock.expiry.is_steady(now)
        is_quiet = self._quiet.begins(batch, now)
        posted, retirements = ((), ()) if is_quiet else self._take_what_waits(now)
        for event in batch:
            self._happened(event, now)
            self._links_changed(now)
        if is_quiet and self._quiet.is_over(now):
            return self._flush(now)
        self._links.tend(now)
        self._parts.tend(now)
        self._links_changed(now)
        self._forwarder.intake.publish(posted, now)
        self._forwarder.retirements.ours(retirements, now)
        is_frozen = self._forwarder.buffer.room.is_full
        unsaved = () if is_frozen else self._first_messages.take_unsaved()
        added = self._forwarder.commit(now.expiry, first_messages=unsaved)
        self._clock.stored(self._forwarder.intake.newest_created)
        self._forwarder.note_answers(now)
        self._vault.left(posted, retirements)
        # What came in this batch is opened in the next one, when all answers to peers have left.
        self._effects += self._vault.use(now)
        self._vault.arrived(added)
        return self._flush(now)

    def deadline(self) -> Monotonic | None:
        """The next instant at which `handle` wants to be called, though nothing happened."""
        if self._is_disk_new:
            return Monotonic(0)
        parts_at = self._parts.deadline(self._quiet.speaking)
        disk_at = self._resource_policy.deadline()
        return self._quiet.told(earliest((self._links.deadline(), parts_at, disk_at)))

    def write_failed(self, until: Monotonic) -> None:
        """Begin without writing: a disk was full a moment ago. Until then it is not tried again."""
        self._resource_policy.write_failed(until)

    def take_committed(self) -> list[Reply]:
        """After `handle` has failed: the answers that it found before, of which nothing is lost."""
        replies = [effect for effect in self._effects if isinstance(effect, Reply)]
        self._effects = []
        return replies

    # --- What happens -----------------------------------------------------------------------

    def _happened(self, event: Input, now: Instant) -> None:
        match event:
            case BytesReceived() | BytesSent() | Connected() | Disconnected() | DialFailed():
                self._link_happened(event, now)
            case BlocksRead() | BlocksWritten() | BlobFailed():
                self._direct_files.disk_answered(event)
            case StampMinted() | VaultOpened() | VaultClosing() | Asked() | CarryAsked():
                self._person_happened(event, now)
            case _:
                self._machine_happened(event, now)

    def _link_happened(self, event: LinkInput, now: Instant) -> None:
        match event:
            case BytesReceived(link, received):
                self._counters.count("bytes_received", len(received))
                frames = self._links.received(link, received, now)
                self._links_changed(now)
                self._frames_came(link, frames, now)
            case BytesSent(link, count):
                self._links.streams.sent(link, count)
            case Connected():
                is_vouched = self._clock.is_vouched(now)
                self._links.connected(event, now, is_time_vouched=is_vouched)
            case Disconnected(link):
                self._links.table.gone(link, "the connection ended", now)
            case DialFailed(dial, _):
                self._dialer.dial_failed(dial, now)
            case _:
                assert_never(event)

    def _machine_happened(self, event: MachineInput, now: Instant) -> None:
        match event:
            case PeerSeen():
                self._links.peer_seen(event, now)
            case PeerGone(instance):
                self._dialer.targets.peer_gone(instance)
            case NetworksSeen(addresses):
                self._links.networks_seen(addresses)
                self._envelopes.spare_all()
            case NetworkChanged():
                self._exchange.network_changed()
                self._links.network_changed(now)
            case Woke():
                self._links.woke(now)
            case PowerChanged(is_low):
                self._resource_policy.is_power_low = is_low
                self._envelopes.spare_all()
            case DiskMeasured(free_bytes):
                self._resource_policy.disk_measured(free_bytes, self._forwarder.store.stored_bytes)
                self._is_disk_new = True
            case SettingsChanged():
                self._change(self._settings.changed(event))
            case _:
                assert_never(event)

    def _change(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._resource_policy.change(settings.stored_bytes_max, settings.metered_interfaces)
        self._forwarder.change(settings, self._resource_policy.stored_bytes_max)
        self._vault.settings = settings
        if (messenger := self._vault.messenger) is not None:
            messenger.parts.retirements.delay_ms = settings.retire_delay_ms
            messenger.parts.transit.pauses = settings.pauses
            messenger.parts.cover.change(settings.cover_interval_ms)
        self._envelopes.spare_all()

    def _person_happened(self, event: PersonInput, now: Instant) -> None:
        match event:
            case StampMinted():
                self._vault.stamp_minted(event)
            case VaultOpened(connection):
                self._effects += self._vault.unlock(connection, now)
            case VaultClosing():
                self._effects += self._vault.lock(now)
            case Asked():
                self._asked(event, now)
            case CarryAsked(request, command):
                self._carry.asked(request, command, now)
            case _:
                assert_never(event)

    def _asked(self, asked: Asked, now: Instant) -> None:
        """Answer at once what needs no vault."""
        part = self._parts.find_answering(asked.command)
        answer: Answer | UserError
        try:
            if isinstance(asked.command, AskStatus):
                answer = self._status(now)
            elif part is not None:
                answer = part.answer(asked.command, now)
            else:
                self._vault.ask(asked)
                return
        except UserError as error:
            answer = error
        self._effects.append(Reply(asked.request, answer))

    def _links_changed(self, now: Instant) -> None:
        """Tell the parts of links that became ready or ended."""
        table = self._links.table
        if not table.has_changed:
            return
        for link in table.take_closed():
            self._parts.link_down(link, now)
        for link in table.take_opened():
            if link in self._links.ready:
                self._parts.link_up(link, now)

    def _frames_came(self, link: LinkId, frames: Sequence[Frame], now: Instant) -> None:
        try:
            for frame in frames:
                if isinstance(frame, Close):
                    # What came before it in the same bytes counts.
                    self._links.table.told_to_close(link, frame, now)
                    return
                self._quiet.heard(frame)
                self._parts.received(link, frame, now)
        except PeerError as error:
            self._links.table.fault(link, error, now)

    def _flush(self, now: Instant) -> list[Effect]:
        """Return what may leave: frames, then bytes, then what our person is told."""
        streams = self._links.streams
        self._parts.send_frames(streams.send, now, self._quiet.speaking)
        for link, held in self._forwarder.held_acks.take(streams.has_frames, now):
            # A reader tells that it has a message before it tells that it was opened.
            streams.send(link, held, is_first=True)
        self._effects[:0] = self._links.take_effects(now)
        if self._quiet.speaking is None:
            self._effects += self._parts.take_effects()
        effects, self._effects = self._effects, []
        return effects

    def _take_what_waits(self, now: Instant) -> tuple[Sequence[Envelope], Sequence[Retirement]]:
        """Before the inputs: look at the disk, make room, and take what the vault has committed."""
        self._take_up_disk(now)
        self._forwarder.make_room(now)
        return self._vault.take_unposted(now), self._vault.take_retirements(now)

    def _take_up_disk(self, now: Instant) -> None:
        self._is_disk_new = False
        policy, former = self._resource_policy, self._resource_policy.disk
        disk = policy.look_at_disk(now.monotonic)
        self._forwarder.buffer.stored_bytes_max = policy.stored_bytes_max
        self._forwarder.set_disk(disk, now)
        if disk != former:
            self._effects.append(Emit(DiskChanged(disk, DISK_WORDS[disk])))

    # --- What is asked of the node itself --------------------------------------------------

    def _status(self, now: Instant) -> StatusAnswer:
        store, streams = self._forwarder.store, self._links.streams
        summary = self._vault.find_summary()
        vault = self._vault.state(has_identity=summary is not None and summary.name != "")
        counters = self._counters.by_name | self._parts.counters()
        stamp = summary.stamp if summary is not None else "not needed"
        stamp_bits = self._settings.parameters.stamp_bits
        return StatusAnswer(
            name=summary.name if summary is not None else "",
            vault=vault,
            mesh=self._settings.parameters.name,
            is_closed=self._settings.parameters.is_closed,
            links_count=len(streams.ready),
            links_by_interface=streams.count_by_interface(),
            contact_links_count=len(self._overlay.contacts_by_link()),
            envelopes_count=store.envelopes_count,
            stored_bytes=store.stored_bytes,
            headers_bytes=store.envelopes_count * STUB_BYTES,
            stored_bytes_max=self._forwarder.buffer.stored_bytes_max,
            contacts_count=summary.contacts_count if summary is not None else 0,
            requests_count=summary.requests_count if summary is not None else 0,
            outbox_count=summary.outbox_count if summary is not None else 0,
            stamp=stamp,
            stamp_seconds=mean_seconds(stamp_bits) if stamp == "being made" else 0,
            clock_offset_seconds=now.mesh - now.unix_seconds,
            clock_differences=self._clock.differences(),
            clock_doubt=self._clock.expiry.find_doubt(now) or "",
            notices=[
                *(summary.notices if summary is not None else ()),
                *self._clock.notices(),
            ],
            is_former_machine=summary is not None and summary.is_former_machine,
            counters=dict(sorted(counters.items())),
            locked_since=self._vault.locked_since if vault == "locked" else 0,
            carried=self._forwarder.carried(),
            refused=refused(counters),
            limits=self._resource_policy.limits(map(streams.interface_of, streams.ready)),
            disk=self._resource_policy.disk,
            known_keys=known_keys(self._distances, now.mesh) if self._vault.was_opened else None,
        )

    def _find_holder(self, link: LinkId) -> Holder | None:
        """Return who says over a link that it holds something."""
        key = self._links.ready[link].link.remote_key
        return None if key is None else Holder(key, self._overlay.contact_of(link))

    def _labels(self) -> dict[LinkId, str]:
        """Return how our person calls those who are known at the other ends of links."""
        messenger = self._vault.messenger
        if messenger is None:
            return {}
        label_of = messenger.parts.contacts.find_label
        return {link: label_of(one) for link, one in self._overlay.contacts_by_link().items()}
