"""The one door of a node: `effects = engine.handle(batch, now)`.

Everything that happens to a node is an input, all that it wants done an effect. The driver (the
trio shell, or the simulator) gathers inputs, calls `handle` in one thread, carries the effects
out in order, and calls again at `deadline()` at the latest.

Theory of operation. A batch is handled in two steps, each with at most one transaction. First
the *store*: frames are read, envelopes judged and kept, and what the vault committed in an
earlier batch enters the store. Then the *vault*: commands run, arrived envelopes are opened,
neighbours' HELD are noted. Effects leave only after both commits, HELD frames first. A crash
between the two commits repeats a read of the store and loses nothing; nothing made here is in
the store before the vault has committed the step that made it. See `docs/ARCHITECTURE.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from mesh.commands import (
    AddContact,
    AddPeer,
    Answer,
    AskNearby,
    AskPeers,
    AskStatus,
    Command,
    CompareNearby,
    ConfirmNearby,
    ContactAnswer,
    KnownKeysAnswer,
    RemovePeer,
    SendMessage,
    SetNearby,
    StatusAnswer,
)
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify, is_signature_valid
from mesh.effects import Effect, Emit, Reply
from mesh.engine.accounting import refused
from mesh.engine.addresses import KnownAddresses
from mesh.engine.carrying import Carrying
from mesh.engine.courier import Courier
from mesh.engine.economy import Economy
from mesh.engine.meeting import Meeting
from mesh.engine.neighbours import Counters, Neighbours
from mesh.engine.overlay import Overlay
from mesh.engine.sweeping import VaultSweep
from mesh.engine.vouching import VouchExchange
from mesh.errors import PeerError, UserError, relay_refusal
from mesh.events import NoticeRaised, VaultLocked, VaultUnlocked
from mesh.ids import (
    EnvelopeId,
    Instant,
    LinkId,
    LinkKey,
    Monotonic,
    RequestId,
    Tag,
    UnixSeconds,
    earliest,
)
from mesh.inputs import (
    Asked,
    BytesReceived,
    BytesSent,
    CarryAsked,
    Connected,
    Connection,
    DialFailed,
    Disconnected,
    DiskMeasured,
    Input,
    NetworkChanged,
    NetworksSeen,
    PeerGone,
    PeerSeen,
    PowerChanged,
    StampMinted,
    VaultClosing,
    VaultOpened,
    Woke,
)
from mesh.limits import (
    ARRIVALS_PER_BATCH,
    CARRIED_DAYS_MAX,
    KNOWN_IDS_MAX,
    POSTED_PER_BATCH,
    RELAY_DELAY_MS_MAX,
    RETIRE_DELAY_MS,
    RETIREMENTS_PER_BATCH,
    STORED_BYTES_DEFAULT,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.link import BeginHandshake, begin_noise
from mesh.messenger.messenger import Messenger, Ours
from mesh.peering.dialing import Dialing
from mesh.peering.exchange import PeerExchange
from mesh.posting.mesh_time import MeshClock, ToldTime
from mesh.posting.standing import Standings
from mesh.replication.spreading import Spreading
from mesh.storage.sqlcipher import savepoint, transaction
from mesh.wire.envelope import SECONDS_PER_DAY, STUB_BYTES, Envelope, decode_envelope
from mesh.wire.frames import (
    FEATURE_TIME_UNSURE,
    FEATURE_TOLD_FAR,
    FEATURE_TOLD_NEAR,
    FLAG_TIME_UNSURE,
    Close,
    Frame,
    Held,
    Hello,
    NearbyAsk,
    NearbyCard,
    NearbySealed,
    Pex,
    PexRequest,
    Push,
    Retired,
    Stubs,
    Time,
    Vouches,
    Who,
    rounded_time,
    split_short_ids,
)
from mesh.wire.invite import parse_invite
from mesh.wire.parameters import MeshParameters
from mesh.wire.retirement import Retirement


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What a driver decides once: the mesh, and how much to carry for everybody, how long.

    What was opened here is told after a delay drawn from `retire_delay_ms`; what others told is
    passed on after one of at most `relay_delay_ms_max`. A relay has no person and never will.
    What goes over one of `metered_interfaces` costs money.
    `listen_port` is where others can dial this node; 0 if they cannot.
    """

    parameters: MeshParameters
    stored_bytes_max: int = STORED_BYTES_DEFAULT
    carried_days: int = CARRIED_DAYS_MAX
    known_ids_max: int = KNOWN_IDS_MAX
    metered_interfaces: tuple[str, ...] = ()
    retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS
    relay_delay_ms_max: int = RELAY_DELAY_MS_MAX
    is_relay: bool = False
    is_told_near: bool = True
    is_public: bool = False
    listen_port: int = 0

    @property
    def features(self) -> list[int]:
        """What our Hello says of who may be told where we are: near, and on the internet."""
        near = [FEATURE_TOLD_NEAR] if self.is_told_near else []
        return [*near, FEATURE_TOLD_FAR] if self.is_public else near

    @property
    def told_port(self) -> int:
        """The port in our Hello: nobody learns it who may tell nobody."""
        return self.listen_port if self.features else 0


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
    ) -> None:
        self._settings = settings
        self._entropy = entropy
        self._kem = kem
        self._counters = Counters()
        self._economy = Economy(settings.stored_bytes_max, settings.metered_interfaces)
        self._standings = Standings()
        self._messenger: Messenger | None = None
        self._is_behind = False
        # While the vault is locked: what must not be evicted. A node started locked knows nothing.
        self._ours = Ours(frozenset(), frozenset())
        self._was_opened = False
        self._carrying = Carrying(
            connection=store,
            parameters=settings.parameters,
            stored_bytes_max=settings.stored_bytes_max,
            carried_days=settings.carried_days,
            known_ids_max=settings.known_ids_max,
            depth_of=self._standings.depth,
            sponsors_of=self._standings.granted_by,
            is_ours=self._is_protected,
            relay_delay_ms_max=settings.relay_delay_ms_max,
            entropy=entropy,
            verify=verify,
            counters=self._counters,
            now=now,
        )
        self._courier = Courier(self._carrying, settings.parameters.mesh_id)
        self._clock = MeshClock()
        self._clock.stored(self._carrying.newest_created)
        mesh_now = self._clock.mesh_now(now)
        self._dialing = Dialing(entropy)
        self._first_messages = FirstMessages(self._carrying.store.first_messages())
        exchange = PeerExchange(entropy)
        self._neighbours = Neighbours(
            parameters=settings.parameters,
            dialing=self._dialing,
            exchange=exchange,
            first_messages=self._first_messages,
            entropy=entropy,
            kem=kem,
            begin=begin,
            counters=self._counters,
            features=settings.features,
            told_port=settings.told_port,
            mesh_now=mesh_now,
            now=now,
        )
        self._overlay = Overlay(
            neighbours=self._neighbours,
            dialing=self._dialing,
            exchange=exchange,
            entropy=entropy,
        )
        self._vouches = VouchExchange(
            standings=self._standings,
            contacts_by_link=self._overlay.contacts_by_link,
            counters=self._counters,
            entropy=entropy,
        )
        self._addresses = KnownAddresses(
            connection=store, store=self._carrying.store, dialing=self._dialing, now=now
        )
        self._meeting = Meeting(entropy)
        self._vault: Connection | None = None
        self._sweep: VaultSweep | None = None
        self._locked_since = now.unix_seconds
        self._held: list[tuple[LinkKey, list[bytes]]] = []
        self._asked: list[Asked] = []
        self._minted: list[StampMinted] = []
        self._effects: list[Effect] = []
        # The links on which bodies waited when the last batch was over.
        self._unserved: list[LinkId] = []

    @property
    def spreading(self) -> Spreading:
        """The machine that decides which ids go over which link."""
        return self._carrying.spreading

    @property
    def standings(self) -> Standings:
        """How near the authors of envelopes are to our person."""
        return self._standings

    def handle(self, batch: Sequence[Input], now: Instant) -> list[Effect]:
        """Handle a batch of inputs; return what may leave, after all of it is committed.

        Raises StorageError if a disk fails; the driver then stops the node.
        """
        mesh_now = self._clock.mesh_now(now)
        self._carrying.make_room(mesh_now)
        posted = self._take_unposted()
        retirements = self._take_retirements(now)
        for event in batch:
            self._happened(event, mesh_now, now)
        self._tend(mesh_now, now)
        self._carrying.publish(posted, mesh_now, now)
        self._carrying.retirements.ours(retirements, now)
        added = self._carrying.commit(mesh_now, first_messages=self._first_messages.take_unsaved())
        self._clock.stored(self._carrying.newest_created)
        self._carrying.note_answers(now)
        if self._messenger is not None and (posted or retirements):
            self._messenger.posted([envelope.id for envelope in posted])
            self._messenger.retirements_left(retirements)
        self._use_vault(added, mesh_now, now)
        if self._sweep is not None:
            self._sweep.tend(now)
        self._flush(mesh_now, now)
        effects, self._effects = self._effects, []
        return effects

    def deadline(self) -> Monotonic | None:
        """The next instant at which `handle` wants to be called, though nothing happened."""
        messenger = self._messenger
        if messenger is not None and (self._is_behind or messenger.has_unposted):
            return Monotonic(0)
        for link in self._unserved:
            if self._neighbours.room_bytes(link) and self.spreading.has_bodies(link):
                return Monotonic(0)
        return earliest(
            (
                self._neighbours.deadline(),
                self._carrying.deadline(),
                self._clock.deadline(),
                self._courier.deadline(),
                self._meeting.deadline(),
                self._overlay.deadline(),
                self._vouches.deadline(),
                messenger.deadline() if messenger is not None else None,
                messenger.retirements_deadline() if messenger is not None else None,
                self._sweep.deadline() if self._sweep is not None else None,
            )
        )

    # --- The store's half ------------------------------------------------------------------

    def _happened(self, event: Input, mesh_now: UnixSeconds, now: Instant) -> None:
        match event:
            case BytesReceived(link, received):
                self._counters.count("bytes_received", len(received))
                frames = self._neighbours.received(link, received, now)
                self._links_changed(now)
                self._frames_came(link, frames, mesh_now, now)
            case BytesSent(link, count):
                self._neighbours.sent(link, count)
            case Connected():
                is_vouched = self._clock.is_vouched(now)
                self._neighbours.connected(event, mesh_now, now, is_time_vouched=is_vouched)
            case Disconnected(link):
                self._neighbours.disconnected(link, now)
            case DialFailed(dial, _):
                self._dialing.dial_failed(dial, now)
            case PeerSeen():
                self._neighbours.peer_seen(event, now)
            case PeerGone(instance):
                self._dialing.peer_gone(instance)
            case NetworksSeen(addresses):
                self._neighbours.networks_seen(addresses)
                self._spare_all()
            case NetworkChanged():
                self._overlay.network_changed()
                self._neighbours.network_changed(mesh_now, now)
            case Woke():
                self._neighbours.woke(now)
            case PowerChanged(is_low):
                self._economy.is_power_low = is_low
                self._spare_all()
            case DiskMeasured(free_bytes):
                self._economy.disk_measured(free_bytes, self._carrying.store.stored_bytes)
                self._carrying.set_stored_bytes_max(self._economy.stored_bytes_max)
            case StampMinted():
                self._minted.append(event)
            case VaultOpened(connection):
                self._open_vault(connection, mesh_now, now)
            case VaultClosing():
                self._close_vault(now)
            case Asked(request, command):
                if not self._answered_without_vault(request, command, mesh_now, now):
                    self._asked.append(event)
            case CarryAsked(request, carry_command):
                self._courier.asked(request, carry_command, mesh_now, now)
            case _:
                assert_never(event)
        self._links_changed(now)

    def _links_changed(self, now: Instant) -> None:
        """Tell the machines of links that became ready or ended."""
        if not self._neighbours.has_changed:
            return
        for link in self._neighbours.take_closed():
            self._clock.forget(link)
            self._meeting.link_down(link, now)
            self._overlay.link_down(link, now)
            self._vouches.link_down(link)
            self._carrying.link_down(link, now)
        for link in self._neighbours.take_opened():
            hello = self._neighbours.hello(link)
            if hello is None:
                continue
            said = _told_time(self._neighbours.said(link))
            self._clock.observe(link, _told_time(hello), said=said, now=now)
            is_dialled_by_us = self._neighbours.is_dialled_by_us(link)
            self._carrying.link_up(
                link,
                now,
                neighbour=self._neighbours.host(link),
                is_dialled_by_us=is_dialled_by_us,
                round_trip_ms=self._neighbours.round_trip_ms(link),
            )
            self._spare(link)
            self._meeting.link_up(link)
            self._overlay.link_up(link, now)
            self._vouches.link_up(link, now)
            self._addresses.remember_working()

    def _spare_all(self) -> None:
        for link in self._neighbours.ready:
            self._spare(link)

    def _spare(self, link: LinkId) -> None:
        interface = self._neighbours.interface_of(link)
        self._carrying.spare(link, self._economy.sparing(interface))

    def _frames_came(
        self, link: LinkId, frames: Sequence[Frame], mesh_now: UnixSeconds, now: Instant
    ) -> None:
        try:
            for frame in frames:
                match frame:
                    case Push():
                        self._carrying.pushed(link, frame, mesh_now, now)
                    case Stubs():
                        self._carrying.stubs_came(link, frame, mesh_now, now)
                    case Retired():
                        self._carrying.retirements.came(link, frame, now)
                    case Held(held=held):
                        key = self._neighbours.remote_key(link)
                        if key is not None:
                            self._held.append((key, split_short_ids(held)))
                    case Close():
                        # What came before it in the same bytes counts.
                        self._neighbours.told_to_close(link, frame, now)
                        return
                    case NearbyAsk() | NearbyCard() | NearbySealed():
                        self._meeting.received(link, frame, now)
                    case Time():
                        self._clock.observe_again(link, _told_time(frame), now)
                    case Who() | PexRequest() | Pex():
                        self._overlay.received(link, frame, now)
                        if isinstance(frame, Who):
                            self._vouches.who_came(link, now)
                    case Vouches():
                        self._vouches.received(link, frame, now)
                    case _:
                        self.spreading.received(link, frame, mesh_now, now)
        except PeerError as error:
            self._neighbours.fault(link, error, now)

    def _tend(self, mesh_now: UnixSeconds, now: Instant) -> None:
        self._neighbours.tend(mesh_now, now)
        self._meeting.tend(self._neighbours.link_key, now)
        self._overlay.tend(self.spreading.news_count, now)
        self._vouches.tend(mesh_now, now)
        self._courier.tend(mesh_now, now)
        is_steady = self._clock.is_steady(now)
        for link in self._carrying.tend(mesh_now=mesh_now, is_clock_steady=is_steady, now=now):
            self._neighbours.fault(link, PeerError("bad stamp"), now)
        self._links_changed(now)

    def _flush(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """Frames, then bodies where a link has room, then bytes."""
        for link, time in self._clock.take_told(now):
            flags = 0 if time.is_vouched else FLAG_TIME_UNSURE
            self._neighbours.send(link, Time(rounded_time(time.mesh_time), flags))
        for link, frame in self.spreading.take_frames(mesh_now, now):
            self._neighbours.send(link, frame)
        self._unserved = self.spreading.links_with_bodies()
        for link in self._unserved:
            room_bytes = self._neighbours.room_bytes(link)
            if room_bytes:
                for waiting in self._carrying.frames_to_send(link, room_bytes):
                    self._neighbours.send(link, waiting)
        if self._unserved:
            for link, frame in self.spreading.take_frames(mesh_now, now):
                self._neighbours.send(link, frame)
        for link, nearby_frame in self._meeting.take_frames():
            self._neighbours.send(link, nearby_frame)
        for link, overlay_frame in self._overlay.take_frames():
            self._neighbours.send(link, overlay_frame)
        for link, vouches in self._vouches.take_frames():
            self._neighbours.send(link, vouches)
        for link, held in self._carrying.answering.take(self._neighbours.has_frames, now):
            # A reader tells that it has a message before it tells that it was opened.
            self._neighbours.send(link, held, is_first=True)
        self._effects[:0] = self._neighbours.take_effects(now)
        self._effects.extend(self._courier.take_replies())
        if self._messenger is not None:
            told = self._messenger.take_effects()
            self._overlay.told(self._messenger, told)
            self._effects.extend(told)
        self._effects.extend(self._meeting.take_effects())
        self._effects.extend(Emit(NoticeRaised(words)) for words in self._clock.take_notices())

    def _is_protected(self, envelope_id: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
        messenger = self._messenger
        if messenger is None:
            return envelope_id in self._ours.envelopes or tag in self._ours.tags
        # What bears a tag of ours and stands after it was tried is junk under a tag that somebody
        # saw. If that stayed, a flood of it would show the neighbours whose tag it is.
        if messenger.is_protected(envelope_id) or messenger.is_awaiting(tag):
            return True
        return (self._is_behind or is_new) and messenger.is_expected(tag)

    # --- The vault's half ------------------------------------------------------------------

    def _open_vault(self, connection: Connection, mesh_now: UnixSeconds, now: Instant) -> None:
        self._vault = connection
        self._sweep = VaultSweep(connection)
        with transaction(connection):
            self._messenger = Messenger(
                vault=connection,
                standings=self._standings,
                is_tag_stored=self._carrying.store.has_tag,
                parameters=self._settings.parameters,
                entropy=self._entropy,
                kem=self._kem,
                retire_delay_ms=self._settings.retire_delay_ms,
                mesh_now=mesh_now,
                now=now,
            )
            # Tokens that came while the vault was closed, or just before a crash.
            on_its_way = self._messenger.on_its_way()
            for retirement in self._carrying.store.retirements_of(on_its_way):
                self._messenger.retired(retirement)
            self._meeting.vault_opened(self._messenger, now)
            self._overlay.vault_opened(self._messenger)
        self._is_behind = self._was_opened = True
        self._effects.append(Emit(VaultUnlocked()))

    def _close_vault(self, now: Instant) -> None:
        """Keep nothing by which anything could be opened or told, only what must not be evicted."""
        if self._messenger is None:
            return
        self._meeting.vault_closing(now)
        self._overlay.vault_closing()
        self._vouches.vault_closing()
        self._ours = self._messenger.ours()
        self._vault = self._messenger = self._sweep = None
        self._locked_since = now.unix_seconds
        # Expanded private keys of ours are kept there, between the messages that need them.
        self._kem.forget()
        self._effects.append(Emit(VaultLocked()))

    def _take_unposted(self) -> list[Envelope]:
        if self._messenger is None:
            return []
        return self._messenger.take_unposted(POSTED_PER_BATCH)

    def _take_retirements(self, now: Instant) -> list[Retirement]:
        if self._messenger is None:
            return []
        return self._messenger.take_retirements(RETIREMENTS_PER_BATCH, now)

    def _use_vault(
        self,
        added: Sequence[Envelope],
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        asked, self._asked = self._asked, []
        minted, self._minted = self._minted, []
        heard, self._held = self._held, []
        told = self._carrying.take_retired()
        messenger, vault = self._messenger, self._vault
        if messenger is None or vault is None:
            for question in asked:
                self._effects.append(Reply(question.request, self._closed()))
            return
        deadline = messenger.deadline()
        is_due = deadline is not None and deadline <= now.monotonic
        # Neighbours say of all mail that they hold it, and most is not ours.
        held = [one for one in heard if messenger.is_any_on_its_way(one[1])]
        expected = [one for one in added if messenger.is_expected(one.header.tag)]
        retired = [one for one in told if messenger.is_protected(one.envelope)]
        is_posted_due = messenger.posted_unwritten_count >= POSTED_PER_BATCH
        is_vouching = self._vouches.wants_vault(now)
        is_wanted = (
            is_due or is_posted_due or self._is_behind or self._meeting.has_wants or is_vouching
        )
        if not (asked or minted or held or expected or retired or is_wanted):
            return
        replies: list[Effect] = []
        with transaction(vault):
            messenger.write_posted()
            for stamp in minted:
                messenger.stamp_minted(stamp)
            for question in asked:
                answer = self._answer(messenger, vault, question.command, mesh_now, now)
                if isinstance(question.command, AddContact) and isinstance(answer, ContactAnswer):
                    hint = parse_invite(question.command.link, is_signature_valid).address_hint
                    self._addresses.try_hint(hint, now)
                replies.append(Reply(question.request, answer))
            for link_key, short_ids in held:
                messenger.held(link_key, short_ids)
            for retirement in retired:
                messenger.retired(retirement)
            if is_due or minted:
                messenger.deadline_passed(
                    mesh_now=mesh_now, is_clock_steady=self._clock.is_steady(now), now=now
                )
            self._open_arrived(messenger, expected, mesh_now, now)
            self._vouches.use_vault(messenger, mesh_now, now)
            self._meeting.use_vault(messenger, vault, mesh_now, now)
        if self._sweep is not None:
            self._sweep.committed(now)
        self._effects.extend(replies)

    def _answer(
        self,
        messenger: Messenger,
        vault: Connection,
        command: Command,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> Answer | UserError:
        try:
            with savepoint(vault):
                match command:
                    case SetNearby() | AskNearby() | CompareNearby() | ConfirmNearby():
                        return self._meeting.command(messenger, command, now)
                    case SendMessage() if self._carrying.is_own_share_full:
                        return _no_room()
                    case _:
                        return messenger.command(command, mesh_now=mesh_now, now=now)
        except UserError as error:
            return error

    def _open_arrived(
        self,
        messenger: Messenger,
        expected: Sequence[Envelope],
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """Open what came now; at first what came while the vault was closed, in order."""
        store = self._carrying.store
        mark = self._carrying.last_arrival
        if self._is_behind:
            rows = store.arrived_tags(messenger.read_mark, ARRIVALS_PER_BATCH)
            ids = [row.id for row in rows if messenger.is_expected(row.tag)]
            found = store.envelopes_bytes(ids)
            expected = [decode_envelope(found[id_]) for id_ in ids if id_ in found]
            self._is_behind = bool(rows)
            mark = rows[-1].arrival if rows else mark
        messenger.open_arrived(expected, mesh_now=mesh_now, now=now)
        while tags := messenger.take_wanted_tags():
            stored = [decode_envelope(data) for data in store.by_tags(tags)]
            if stored:
                messenger.open_arrived(stored, mesh_now=mesh_now, now=now)
        messenger.set_read_mark(mark)

    # --- What is asked of the node itself --------------------------------------------------

    def _answered_without_vault(
        self, request: RequestId, command: Command, mesh_now: UnixSeconds, now: Instant
    ) -> bool:
        """Answer what needs no vault; return whether it was that."""
        answer: Answer | UserError
        try:
            match command:
                case AskStatus():
                    answer = self._status(mesh_now, now)
                case AskPeers():
                    answer = self._addresses.peers(self._neighbours, self._labels(), now)
                case AddPeer(address):
                    answer = self._addresses.add(address, now)
                case RemovePeer(address):
                    answer = self._addresses.remove(address)
                case _:
                    return False
        except UserError as error:
            answer = error
        self._effects.append(Reply(request, answer))
        return True

    def _status(self, mesh_now: UnixSeconds, now: Instant) -> StatusAnswer:
        store = self._carrying.store
        summary = self._messenger.summary() if self._messenger is not None else None
        vault = self._vault_state(has_identity=summary is not None and summary.name != "")
        counters = self._counters.by_name | self._meeting.counters
        counters |= self._messenger.counters() if self._messenger is not None else {}
        return StatusAnswer(
            name=summary.name if summary is not None else "",
            vault=vault,
            mesh=self._settings.parameters.name,
            is_closed=self._settings.parameters.is_closed,
            links_count=len(self._neighbours.ready),
            links_by_interface=self._neighbours.count_by_interface(),
            contact_links_count=len(self._overlay.contacts_by_link()),
            envelopes_count=store.envelopes_count,
            stored_bytes=store.stored_bytes,
            headers_bytes=store.envelopes_count * STUB_BYTES,
            stored_bytes_max=self._carrying.stored_bytes_max,
            contacts_count=summary.contacts_count if summary is not None else 0,
            requests_count=summary.requests_count if summary is not None else 0,
            outbox_count=summary.outbox_count if summary is not None else 0,
            stamp=summary.stamp if summary is not None else "not needed",
            clock_offset_seconds=mesh_now - now.unix_seconds,
            notices=self._clock.notices(),
            counters=dict(sorted(counters.items())),
            locked_since=self._locked_since if vault == "locked" else 0,
            carried=self._carrying.carried(),
            refused=refused(counters),
            limits=self._economy.limits(map(self._neighbours.interface_of, self._neighbours.ready)),
            known_keys=self._known_keys(mesh_now) if self._was_opened else None,
        )

    def _known_keys(self, mesh_now: UnixSeconds) -> KnownKeysAnswer:
        counts = self._standings.counts(mesh_now // SECONDS_PER_DAY)
        return KnownKeysAnswer(
            contacts=counts.contacts, friends_of_contacts=counts.vouched, further=counts.far
        )

    def _labels(self) -> dict[LinkId, str]:
        """How our person calls those who are known at the other ends of links."""
        if self._messenger is None:
            return {}
        known = self._overlay.contacts_by_link()
        return {link: self._messenger.label(contact) for link, contact in known.items()}

    def _vault_state(self, *, has_identity: bool) -> Literal["open", "locked", "none", "empty"]:
        if self._settings.is_relay:
            return "none"
        if self._messenger is None:
            return "locked"
        return "open" if has_identity else "empty"

    def _closed(self) -> UserError:
        """Why nothing of a person's can be answered."""
        if self._settings.is_relay:
            return relay_refusal()
        return UserError("locked", "The vault is locked; unlock it first (mesh unlock).")


def _told_time(said: Hello | Time) -> ToldTime:
    """The mesh time in a frame, and whether its sender's own clock stands behind it."""
    if isinstance(said, Hello):
        is_unsure = FEATURE_TIME_UNSURE in said.features
    else:
        is_unsure = bool(said.flags & FLAG_TIME_UNSURE)
    return ToldTime(UnixSeconds(said.mesh_time), is_vouched=not is_unsure)


def _no_room() -> UserError:
    return UserError(
        "no-room",
        "Your own mail takes all the room that it may (a tenth of the store); wait until some of "
        "it is delivered or has expired, or raise stored_bytes_max in the settings.",
    )
