"""Engines joined in memory by streams without delay, under a clock that the test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import Verify, is_signature_valid
from mesh.database import Connection
from mesh.effects import (
    Dial,
    Disconnect,
    DropBlobs,
    Effect,
    Emit,
    KeepBlobs,
    MintStamp,
    ReadBlocks,
    Reply,
    SendBytes,
    WriteBlock,
)
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.errors import UserError
from mesh.events import Event
from mesh.ids import Address, DialId, Instant, LinkId, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    BytesReceived,
    BytesSent,
    CarryAsked,
    Connected,
    DialFailed,
    Disconnected,
    Input,
    StampMinted,
    VaultOpened,
)
from mesh.limits.engine import BACKLOG_QUIET_MS
from mesh.limits.retention import CARRIED_DAYS_MAX, KNOWN_IDS_MAX
from mesh.limits.retirements import RELAY_DELAY_MS_MAX, RETIRE_DELAY_MS
from mesh.messenger.pauses import Pauses
from mesh.posting.stamp import mint
from mesh.wire.parameters import MeshParameters
from sim.hosts.blobs import Blobs
from sim.hosts.databases import new_store, new_vault
from tests.entropy import SeededEntropy

TEST_MESH = MeshParameters(name="test", stamp_bits=0, key_quota=1_000_000, psk=bytes(range(32)))
PORT = 41730
# What a node writes by itself leaves without a pause, but where a test is about that.
AT_ONCE = Pauses((0, 0), (0, 0))
# After the release: an earlier clock is known to be wrong, and nobody's witness.
START_US = 1_790_028_800_000_000


@dataclass(slots=True)
class Seat:
    """One engine, its databases, its clock error, and what it told."""

    name: str
    engine: Engine
    store: Connection
    vault: Connection
    settings: EngineSettings
    address: Address
    wall_offset_us: int = 0
    is_up: bool = True
    blobs: Blobs = field(default_factory=Blobs)
    inbox: list[Input] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    replies: dict[RequestId, Answer | UserError] = field(default_factory=dict)
    streams: dict[LinkId, tuple[str, LinkId]] = field(default_factory=dict)
    deadline: Monotonic | None = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.engine.deadline()

    def handle(self, now: Instant) -> list[Effect]:
        """Let the engine handle what waits; nothing else moves its deadline."""
        batch, self.inbox = self.inbox, []
        effects = self.engine.handle(batch, now)
        self.deadline = self.engine.deadline()
        return effects


def _in_memory() -> tuple[Connection, Connection]:
    return new_store(), new_vault()


class Joined:
    """A few engines at one table."""

    def __init__(
        self,
        *names: str,
        parameters: MeshParameters = TEST_MESH,
        seed: int = 1,
        retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS,
        relay_delay_ms_max: int = RELAY_DELAY_MS_MAX,
        pauses: Pauses = AT_ONCE,
        are_told_near: bool = False,
        verify: Verify = is_signature_valid,
    ) -> None:
        """Engines do not tell each other's addresses unless `are_told_near`, so that rows stay."""
        self.now_us = 0
        self.retire_delay_ms = retire_delay_ms
        self.relay_delay_ms_max = relay_delay_ms_max
        self.pauses = pauses
        self.parameters = parameters
        self.are_told_near = are_told_near
        self.verify = verify
        self.seats: dict[str, Seat] = {}
        self.on_bytes: Callable[[str, str, bytes], None] = lambda sender, receiver, data: None
        # Who measures wants them on a disk.
        self.new_databases: Callable[[], tuple[Connection, Connection]] = _in_memory
        # Ends of links that are not engines, by the link ids of the engines that they dialled.
        self.strangers: dict[LinkId, Callable[[bytes], None]] = {}
        self.strangers_count = 0
        self._seed = seed
        self._cuts: dict[frozenset[str], None] = {}
        self._next_link = 1
        self._next_request = 1
        for name in names:
            self.sit(name)

    def sit(
        self,
        name: str,
        *,
        stored_bytes_max: int = 1 << 30,
        carried_days: int = CARRIED_DAYS_MAX,
        known_ids_max: int = KNOWN_IDS_MAX,
        metered_interfaces: tuple[str, ...] = (),
        wall_offset_us: int = 0,
        is_relay: bool = False,
    ) -> Seat:
        """Put one more engine at the table; a relay never gets its vault."""
        store, vault = self.new_databases()
        settings = EngineSettings(
            parameters=self.parameters,
            stored_bytes_max=stored_bytes_max,
            carried_days=carried_days,
            known_ids_max=known_ids_max,
            metered_interfaces=metered_interfaces,
            retire_delay_ms=self.retire_delay_ms,
            relay_delay_ms_max=self.relay_delay_ms_max,
            pauses=self.pauses,
            is_relay=is_relay,
            is_told_near=self.are_told_near,
            listen_port=PORT,
        )
        number = len(self.seats) + 1
        seat = Seat(
            name=name,
            engine=self._engine(settings, store, number, wall_offset_us),
            store=store,
            vault=vault,
            settings=settings,
            address=Address(f"10.0.0.{number}", PORT),
            wall_offset_us=wall_offset_us,
        )
        self.seats[name] = seat
        if not is_relay:
            seat.inbox.append(VaultOpened(vault))
        self.run()
        return seat

    def restart(self, name: str) -> None:
        """Crash an engine between two batches and start another over the same databases."""
        seat = self.seats[name]
        for link in list(seat.streams):
            self._cut(name, link)
        self._seed += 100
        seat.engine = self._engine(seat.settings, seat.store, self._seed, seat.wall_offset_us)
        seat.deadline = seat.engine.deadline()
        seat.inbox = [] if seat.settings.is_relay else [VaultOpened(seat.vault)]
        seat.events.clear()
        seat.is_up = True

    def stop(self, name: str) -> None:
        """Switch a node off; its databases stay."""
        for link in list(self.seats[name].streams):
            self._cut(name, link)
        self.seats[name].is_up = False

    def ask(self, name: str, command: Command) -> Answer:
        """Ask a node and run until all is quiet; raises the UserError that it answers."""
        request = RequestId(self._next_request)
        self._next_request += 1
        seat = self.seats[name]
        seat.inbox.append(Asked(request, command))
        self.run()
        answer = seat.replies.pop(request)
        if isinstance(answer, UserError):
            raise answer
        return answer

    def carry(self, name: str, command: CarryCommand) -> Answer:
        """Ask for a piece of a file, and let time pass as long as it has to wait for stamps."""
        request = RequestId(self._next_request)
        self._next_request += 1
        seat = self.seats[name]
        seat.inbox.append(CarryAsked(request, command))
        self.run()
        while request not in seat.replies:
            self.pass_time(1)
        answer = seat.replies.pop(request)
        if isinstance(answer, UserError):
            raise answer
        return answer

    def join(self, left: str, right: str, *, is_awaited: bool = True) -> None:
        """Connect two nodes; the left one dialled. `is_awaited`: until a backlog is opened."""
        self._cuts.pop(frozenset((left, right)), None)
        self._connect(left, right, DialId(0))
        self.run()
        if is_awaited:
            self.pass_time(BACKLOG_QUIET_MS / 1000)

    def cut(self, left: str, right: str) -> None:
        """End all streams between two nodes, and let none arise until they are joined again."""
        self._cuts[frozenset((left, right))] = None
        for link, (other, _) in list(self.seats[left].streams.items()):
            if other == right:
                self._cut(left, link)
        self.run()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, calling each engine at its deadlines."""
        end = self.now_us + int(seconds * 1_000_000)
        while True:
            deadlines = [
                seat.deadline
                for seat in self.seats.values()
                if seat.is_up and seat.deadline is not None
            ]
            soonest = min(deadlines, default=Monotonic(end))
            if soonest > end:
                break
            self.now_us = max(self.now_us, soonest)
            self.run()
            if soonest == end:
                break
        self.now_us = end
        self.run()

    def pass_days(self, days: int) -> None:
        """Let days pass, calling each engine once an hour: a fraction of all its deadlines."""
        for _ in range(24 * days):
            self.now_us += 3_600_000_000
            self.run()

    def run(self) -> None:
        """Handle what waits until nothing does, without letting time pass."""
        for _ in range(100_000):
            is_quiet = True
            for seat in list(self.seats.values()):
                now = self.now_of(seat.name)
                is_due = seat.deadline is not None and seat.deadline <= now.monotonic
                if not seat.is_up or not (seat.inbox or is_due):
                    continue
                is_quiet = False
                for effect in seat.handle(now):
                    self._carry_out(seat, effect)
            if is_quiet:
                return
        raise AssertionError("the engines never come to rest")

    def _engine(
        self, settings: EngineSettings, store: Connection, number: int, wall_offset_us: int
    ) -> Engine:
        return Engine(
            settings=settings,
            store=store,
            entropy=SeededEntropy(self._seed * 1_000 + number),
            kem=PycaKem(),
            verify=self.verify,
            now=Instant(Monotonic(self.now_us), START_US + self.now_us + wall_offset_us),
        )

    def now_of(self, name: str) -> Instant:
        """Return the time as a node's own clock tells it."""
        seat = self.seats[name]
        return Instant(Monotonic(self.now_us), START_US + self.now_us + seat.wall_offset_us)

    def _connect(self, left: str, right: str, dial: DialId) -> None:
        ends = LinkId(self._next_link), LinkId(self._next_link + 1)
        self._next_link += 2
        near, far = self.seats[left], self.seats[right]
        near.streams[ends[0]] = (right, ends[1])
        far.streams[ends[1]] = (left, ends[0])
        near.inbox.append(Connected(ends[0], dial, far.address, near.address.host))
        far.inbox.append(Connected(ends[1], None, near.address, far.address.host))

    def _cut(self, name: str, link: LinkId) -> None:
        other, far_link = self.seats[name].streams.pop(link)
        self.seats[name].inbox.append(Disconnected(link))
        if self.seats[other].streams.pop(far_link, None) is not None:
            self.seats[other].inbox.append(Disconnected(far_link))

    def _carry_out(self, seat: Seat, effect: Effect) -> None:
        match effect:
            case SendBytes(link, data):
                seat.inbox.append(BytesSent(link, len(data)))
                if link in self.strangers:
                    self.strangers[link](data)
                elif link in seat.streams:
                    other, far_link = seat.streams[link]
                    self.on_bytes(seat.name, other, data)
                    self.seats[other].inbox.append(BytesReceived(far_link, data))
            case Disconnect(link):
                if self.strangers.pop(link, None) is not None:
                    seat.inbox.append(Disconnected(link))
                elif link in seat.streams:
                    self._cut(seat.name, link)
            case Dial(dial, address):
                for dialled in self.seats.values():
                    is_cut = frozenset((seat.name, dialled.name)) in self._cuts
                    if dialled.address == address and dialled.is_up and not is_cut:
                        self._connect(seat.name, dialled.name, dial)
                        return
                seat.inbox.append(DialFailed(dial, "nobody there"))
            case MintStamp(posting_key, day, bits):
                stamp = mint(posting_key, day, bits, bytes(8))
                seat.inbox.append(StampMinted(posting_key, day, bits, stamp))
            case ReadBlocks() | WriteBlock() | DropBlobs() | KeepBlobs():
                done = seat.blobs.perform(effect)
                if done is not None:
                    seat.inbox.append(done)
            case Emit(event):
                seat.events.append(event)
            case Reply(request, answer):
                seat.replies[request] = answer
            case _:
                pass
