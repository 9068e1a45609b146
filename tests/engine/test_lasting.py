"""An engine ends with a disk that is full, another goes on, and what was told is what is stored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from mesh.commands.answer import Answer
from mesh.commands.contacts import AskContacts
from mesh.commands.identity import CreateIdentity, IdentityAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.effects import Dial, Disconnect, Effect, Emit, Reply
from mesh.engine.engine import Engine
from mesh.engine.lasting import LastingEngine
from mesh.engine.settings import EngineSettings
from mesh.errors import DamagedError, DiskFullError, UserError
from mesh.events import DiskChanged, NoticeRaised
from mesh.ids import Address, Instant, LinkId, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    Connected,
    Disconnected,
    DiskMeasured,
    Input,
    VaultOpened,
)
from mesh.limits.storage import DISK_FULL_BYTES, DISK_RETRY_MS, DISK_SCARCE_BYTES
from sim.hosts.databases import new_store, new_vault
from sim.hosts.failing_disk import Disk
from sim.hosts.host_factory import SIMULATED_MESH
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance, SeededEntropy
from sim.schema.disk_tables import FullDisks

FULL = FullDisks(between_s=(0, 1), for_s=(1, 2))
ADDRESS = Address("10.0.0.2", 41730)
ONESELF = "me"


@dataclass
class Laptop:
    """One node over a disk that can be full, driven by hand."""

    disk: Disk = field(default_factory=lambda: Disk(Chance(1, "disk"), now=lambda: 0))
    now_us: int = 0
    made: list[Engine] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.store, self.vault = new_store(), new_vault()
        self.entropy = SeededEntropy(1, "lasting")
        self.seen_store = self.disk.connect(self.store, "store")
        self.lasting = LastingEngine(self._make, now=self.now)
        self.handle(VaultOpened(self.disk.connect(self.vault, "vault")))
        assert isinstance(self.ask(CreateIdentity("Ada")), IdentityAnswer)

    def _make(self, now: Instant) -> Engine:
        self.made.append(
            Engine(
                settings=EngineSettings(parameters=SIMULATED_MESH),
                store=self.seen_store,
                entropy=self.entropy,
                kem=PycaKem(),
                verify=is_signature_valid,
                now=now,
            )
        )
        return self.made[-1]

    @property
    def now(self) -> Instant:
        return Instant(Monotonic(self.now_us), EPOCH_US + 43_300_000_000 + self.now_us)

    def handle(self, *batch: Input) -> list[Effect]:
        return self.lasting.handle(batch, self.now)

    def pass_ms(self, ms: int) -> list[Effect]:
        self.now_us += ms * 1_000
        return self.handle()

    def asked(self, *commands: object) -> list[Asked]:
        found = []
        for command in commands:
            self.requests += 1
            # The union of commands is not seen through a list of types.
            found.append(Asked(RequestId(self.requests), command))  # type: ignore[arg-type]
        return found

    def ask(self, command: object) -> Answer | UserError:
        [answer] = answers(self.handle(*self.asked(command)))
        return answer

    def status(self) -> StatusAnswer:
        answer = self.ask(AskStatus())
        assert isinstance(answer, StatusAnswer)
        return answer

    def texts(self) -> list[str]:
        answer = self.ask(AskMessages(contact=ONESELF))
        assert isinstance(answer, MessagesAnswer), answer
        return [message.text for message in answer.messages]

    @contextmanager
    def full(self) -> Iterator[None]:
        self.disk.troubles[0] = FULL
        yield
        del self.disk.troubles[0]


def answers(effects: Sequence[Effect]) -> list[Answer | UserError]:
    return [effect.answer for effect in effects if isinstance(effect, Reply)]


def kind_of(answer: Answer | UserError) -> str:
    assert isinstance(answer, UserError), answer
    return answer.kind


def test_a_send_without_room_is_refused_and_nothing_of_it_is_there() -> None:
    laptop = Laptop()
    assert isinstance(laptop.ask(SendMessage(ONESELF, "before")), MessageAnswer)
    with laptop.full():
        assert kind_of(laptop.ask(SendMessage(ONESELF, "without room"))) == "no-room"
        assert len(laptop.made) == 2, "the engine that failed was given up"
        assert laptop.texts() == ["before"]
        assert laptop.status().disk == "full"
        assert kind_of(laptop.ask(SendMessage(ONESELF, "nor this"))) == "no-room"
        assert len(laptop.made) == 2, "nothing more was tried"
    assert kind_of(laptop.ask(SendMessage(ONESELF, "too early"))) == "no-room"
    laptop.pass_ms(DISK_RETRY_MS)
    assert isinstance(laptop.ask(SendMessage(ONESELF, "after")), MessageAnswer)
    assert laptop.texts() == ["before", "after"]
    assert laptop.status().disk == "room"


def test_every_question_of_a_failed_batch_has_one_answer() -> None:
    laptop = Laptop()
    with laptop.full():
        asked = laptop.asked(
            AskStatus(),
            SendMessage(ONESELF, "without room"),
            AskMessages(contact=ONESELF, mark_read=True),
            AddPeer(str(ADDRESS)),
            AskContacts(),
            AskPeers(),
        )
        effects = laptop.handle(*asked)
    replies = {effect.request: effect.answer for effect in effects if isinstance(effect, Reply)}
    assert len([one for one in effects if isinstance(one, Reply)]) == len(asked)
    kinds = [type(replies[one.request]).__name__ for one in asked]
    assert kinds == [
        "StatusAnswer",
        "UserError",
        "MessagesAnswer",
        "UserError",
        "ContactsAnswer",
        "PeersAnswer",
    ]


def test_while_a_disk_is_full_no_statement_is_tried_that_writes() -> None:
    laptop = Laptop()
    laptop.handle(DiskMeasured(DISK_FULL_BYTES - 1))
    with laptop.full():
        for _ in range(300):
            laptop.pass_ms(1_000)
        assert laptop.texts() == []
        assert kind_of(laptop.ask(AddPeer(str(ADDRESS)))) == "no-room"
    assert len(laptop.made) == 1
    deadline = laptop.lasting.deadline()
    assert deadline is None or deadline > laptop.now_us, "it does not ask to be called for nothing"


def test_thresholds_are_told_once_and_left_only_with_some_room_more() -> None:
    laptop = Laptop()
    told: list[str] = []
    for free_bytes in (
        DISK_SCARCE_BYTES,
        DISK_SCARCE_BYTES - 1,
        DISK_FULL_BYTES,
        DISK_FULL_BYTES - 1,
        DISK_FULL_BYTES,
        DISK_FULL_BYTES * 3 // 2,
        DISK_SCARCE_BYTES,
        DISK_SCARCE_BYTES * 3 // 2,
    ):
        laptop.handle(DiskMeasured(free_bytes))
        effects = laptop.pass_ms(1)
        told += [
            effect.event.disk
            for effect in effects
            if isinstance(effect, Emit) and isinstance(effect.event, DiskChanged)
        ]
    assert told == ["scarce", "full", "scarce", "room"]


def test_a_write_that_fails_again_and_again_is_tried_less_and_less_often() -> None:
    laptop = Laptop()
    pauses: list[int] = []
    with laptop.full():
        for _ in range(4):
            begun = laptop.now_us
            count = len(laptop.made)
            while len(laptop.made) == count:
                laptop.ask(SendMessage(ONESELF, "again"))
                laptop.pass_ms(1_000)
            pauses.append((laptop.now_us - begun) // 1_000)
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3], pauses
    assert pauses[3] >= 4 * DISK_RETRY_MS


def test_links_and_dials_of_an_engine_that_is_given_up_end() -> None:
    laptop = Laptop()
    effects = laptop.handle(*laptop.asked(AddPeer(str(ADDRESS))))
    [first] = [one for one in effects if isinstance(one, Dial)]
    laptop.handle(Connected(LinkId(7), None, Address("10.0.0.9", 1)))
    with laptop.full():
        effects = laptop.handle(*laptop.asked(SendMessage(ONESELF, "without room")))
    assert [one.link for one in effects if isinstance(one, Disconnect)] == [7]
    dials = [one for one in effects if isinstance(one, Dial)]
    for _ in range(100):
        dials += [one for one in laptop.pass_ms(100) if isinstance(one, Dial)]
    assert dials, "the next engine dials anew"
    assert first.dial not in [one.dial for one in dials]
    effects = laptop.handle(Connected(LinkId(8), first.dial, ADDRESS))
    assert effects == [Disconnect(LinkId(8), "dialled before")]
    assert laptop.handle(Disconnected(LinkId(7)), Disconnected(LinkId(8))) == []
    laptop.handle(Connected(LinkId(9), dials[-1].dial, ADDRESS))
    peers = laptop.ask(AskPeers())
    assert isinstance(peers, PeersAnswer)
    assert [peer.state for peer in peers.peers] == ["connecting"]


def test_answers_that_were_committed_before_a_store_failed_are_given_once() -> None:
    """The vault has the message when the store turns out to be damaged: it is not written twice."""
    laptop = Laptop()
    repaired: list[str] = []

    def repair(error: DamagedError) -> str:
        repaired.append(error.path)
        return "The store was damaged."

    laptop.lasting._repair = repair

    def fail(now: Instant) -> NoReturn:
        raise DamagedError("The database is damaged.", "store.db")

    # The disk is what fails here, at the one place where all is committed.
    laptop.made[0]._flush = fail  # type: ignore[method-assign]  # a disk that fails
    effects = laptop.handle(*laptop.asked(SendMessage(ONESELF, "once")))
    assert [type(one).__name__ for one in answers(effects)] == ["MessageAnswer"]
    assert Emit(NoticeRaised("The store was damaged.")) in effects
    assert repaired == ["store.db"]
    assert laptop.texts() == ["once"]


def test_what_is_damaged_and_no_store_ends_the_node() -> None:
    laptop = Laptop()

    def fail(now: Instant) -> NoReturn:
        raise DamagedError("The database is damaged.", "vault.db")

    # As above.
    laptop.made[0]._flush = fail  # type: ignore[method-assign]  # a disk that fails
    with pytest.raises(DamagedError):
        laptop.handle()


def test_a_disk_without_room_for_the_next_engine_ends_the_node() -> None:
    laptop = Laptop()

    def fail(now: Instant) -> Engine:
        raise DiskFullError("The disk is full.")

    laptop.lasting._make = fail
    with laptop.full(), pytest.raises(DiskFullError):
        laptop.ask(SendMessage(ONESELF, "without room"))
