"""People with a messenger each, joined by hand: what one posts is carried to the other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AddContact,
    AskContact,
    AskContacts,
    ContactAnswer,
    ContactDetailsAnswer,
    ContactsAnswer,
    NoteAnswer,
)
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.crypto.kem import Kem, PycaKem
from mesh.database import Connection
from mesh.effects import Effect, Emit, MintStamp
from mesh.errors import UserError
from mesh.events import Event
from mesh.ids import Instant, LinkKey, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.inputs import StampMinted
from mesh.messenger import wiring
from mesh.messenger.account import Environment
from mesh.messenger.messenger import Messenger
from mesh.messenger.pauses import Pause, Pauses
from mesh.storage.connection import changes_count, savepoint, transaction
from mesh.storage.migrations import migrate_vault
from mesh.trust.distance import Distances
from mesh.wire.envelope import Envelope
from mesh.wire.frames import SHORT_ID_BYTES
from mesh.wire.parameters import MeshParameters
from sim.hosts.databases import new_vault
from tests.entropy import SeededEntropy

WITHOUT_STAMPS = MeshParameters(
    name="test", stamp_bits=0, key_quota=1_000_000, psk=bytes(range(32))
)
WITH_STAMPS = MeshParameters(name="test", stamp_bits=6, key_quota=512, psk=bytes(range(32)))
# What a node writes by itself leaves without a pause, but where a test is about that.
AT_ONCE = Pauses((0, 0), (0, 0))
START_S = 1_700_000_000
DAY_S = 86_400


@dataclass(slots=True)
class Clock:
    """One time for everybody."""

    unix_ms: int = START_S * 1000

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.unix_ms += int(seconds * 1000)

    @property
    def now(self) -> Instant:
        elapsed_us = (self.unix_ms - START_S * 1000) * 1000
        return Instant(Monotonic(elapsed_us), self.unix_ms * 1000)


@dataclass(slots=True)
class Store:
    """The envelopes that a node carries, without a database."""

    envelopes: dict[bytes, Envelope] = field(default_factory=dict)
    by_tag: dict[Tag, list[Envelope]] = field(default_factory=dict)

    def has_tag(self, tag: Tag) -> bool:
        """Say whether an envelope with this tag is here."""
        return tag in self.by_tag

    def authors_under(self, tag: Tag) -> list[PostingKey]:
        """The signers of the envelopes with this tag."""
        return [one.header.posting_key for one in self.by_tag.get(tag, ())]

    def of_tags(self, tags: Sequence[Tag]) -> list[Envelope]:
        """The envelopes with these tags."""
        return [one for tag in dict.fromkeys(tags) for one in self.by_tag.get(tag, ())]

    def add(self, envelope: Envelope) -> None:
        """Keep an envelope, once."""
        if envelope.id not in self.envelopes:
            self.envelopes[envelope.id] = envelope
            self.by_tag.setdefault(envelope.header.tag, []).append(envelope)

    def expire(self, mesh_now: UnixSeconds) -> None:
        """Let go of what has outlived its lifetime."""
        for id_, envelope in list(self.envelopes.items()):
            if envelope.header.lapses <= mesh_now:
                del self.envelopes[id_]
                same = self.by_tag[envelope.header.tag]
                same.remove(envelope)
                if not same:
                    del self.by_tag[envelope.header.tag]

    def copy(self) -> "Store":
        """Another store that has the same."""
        return Store(dict(self.envelopes), {tag: list(same) for tag, same in self.by_tag.items()})


@dataclass(slots=True)
class Person:
    """A messenger over a vault in memory, and a store."""

    name: str
    clock: Clock
    seed: int = 1
    parameters: MeshParameters = WITHOUT_STAMPS
    wall_error_s: int = 0
    is_clock_corrected: bool = False
    is_clock_steady: bool = True
    pauses: Pauses = AT_ONCE
    kem: Kem = field(default_factory=PycaKem)
    connection: Connection = field(init=False)
    entropy: SeededEntropy = field(init=False)
    messenger: Messenger = field(init=False)
    distances: Distances = field(init=False)
    store: Store = field(default_factory=Store)
    events: list[Event] = field(default_factory=list)
    mints: list[MintStamp] = field(default_factory=list)
    # Rows that were written through the connection as far as its messenger knows.
    written_count: int = 0

    def __post_init__(self) -> None:
        self.connection = new_vault()
        self.entropy = SeededEntropy(self.seed)
        self.restart()
        self.ask(CreateIdentity(self.name))

    @property
    def now(self) -> Instant:
        now = self.clock.now
        wall = now.wall + self.wall_error_s * 1_000_000
        mesh = now.mesh if self.is_clock_corrected else None
        # As an engine has it: by a clock of years ago nothing lapses, and nothing is dated ahead.
        is_known_wrong = self.wall_error_s < -365 * 86_400
        return Instant(now.monotonic, wall, mesh, now.expiry if is_known_wrong else None)

    def restart(self) -> None:
        """A new messenger over what the former one committed."""
        self.distances = Distances()
        with transaction(self.connection):
            environment = Environment(
                parameters=self.parameters,
                entropy=self.entropy,
                kem=self.kem,
                is_tag_stored=self.store.has_tag,
                has_body=self.store.has_tag,
                authors_under=self.store.authors_under,
                sealed_under=lambda tag: self.store.of_tags([tag]),
                is_stored=self.store.envelopes.__contains__,
                distances=self.distances,
                pauses=self.pauses,
            )
            self.messenger = Messenger(self.connection, environment, now=self.now)
        self._carry_out(self.messenger.take_effects())

    def backup(self) -> Connection:
        """A copy of the vault as it is now."""
        return copied(self.connection)

    def restore(self, backup: Connection, *, with_bodies: bool = False) -> None:
        """A new messenger over an older vault; the backup stays whole.

        The store is as new as ever. What was opened is long retired, so the bodies are gone and
        only the tags remain, unless it is `with_bodies`: then the node reads its store again.
        """
        self.connection = copied(backup)
        self.restart()
        if with_bodies:
            self.receive(list(self.store.envelopes.values()))

    def ask(self, command: Command) -> Answer:
        """One command, as the engine runs it."""
        self._look()
        try:
            with transaction(self.connection), savepoint(self.connection):
                answer = self.messenger.command(command, now=self.now)
        except UserError:
            self.messenger.taken_back()
            raise
        self._carry_out(self.messenger.take_effects())
        self.written_count = changes_count(self.connection)
        return answer

    def post(self, limit: int = 10_000) -> list[Envelope]:
        """Return what enters the own store, and so the mesh."""
        posted = self.messenger.parts.transit.unposted(limit, self.now)
        for envelope in posted:
            self.store.add(envelope)
        with transaction(self.connection):
            self.messenger.parts.transit.posted([envelope.id for envelope in posted])
            self.messenger.write_posted()
        self.written_count = changes_count(self.connection)
        return posted

    def receive(self, envelopes: Iterable[Envelope]) -> None:
        """Envelopes came over some link, in this order."""
        self._look()
        fresh = list(envelopes)
        for envelope in fresh:
            self.store.add(envelope)
        with transaction(self.connection):
            self._open(fresh)
            while wanted := self.messenger.parts.tag_index.take_wanted():
                self._open(self.store.of_tags(wanted))
        self._carry_out(self.messenger.take_effects())
        self.written_count = changes_count(self.connection)

    def tend(self) -> None:
        """Do what is due."""
        with transaction(self.connection):
            self.messenger.deadline_passed(is_clock_steady=self.is_clock_steady, now=self.now)
        self._carry_out(self.messenger.take_effects())
        self.written_count = changes_count(self.connection)

    def mint_all(self) -> None:
        """Every stamp asked for so far is made; nobody here checks stamps."""
        minted, self.mints = self.mints, []
        with transaction(self.connection):
            for mint in minted:
                stamp = bytes((7,)) * 12
                minted_stamp = StampMinted(mint.posting_key, mint.day, mint.bits, stamp)
                self.messenger.parts.posting_keys.stamped(minted_stamp)
            self.messenger.deadline_passed(is_clock_steady=self.is_clock_steady, now=self.now)
        self._carry_out(self.messenger.take_effects())
        self.written_count = changes_count(self.connection)

    def carried_by(self, peer: bytes, envelopes: Sequence[Envelope]) -> None:
        """A peer says that it holds these."""
        short_ids = [envelope.id[:SHORT_ID_BYTES] for envelope in envelopes]
        with transaction(self.connection):
            self.messenger.parts.transit.held(LinkKey(peer), short_ids)
        self._carry_out(self.messenger.take_effects())

    # --- What a person does -------------------------------------------------------------------

    def invite(self, uses_max: int = 1, lifetime_s: int = 7 * DAY_S) -> InviteAnswer:
        answer = self.ask(CreateInvite(uses_max=uses_max, lifetime_s=lifetime_s))
        assert isinstance(answer, InviteAnswer)
        return answer

    def add(self, link: str, label: str = "") -> ContactAnswer:
        answer = self.ask(AddContact(link, label))
        assert isinstance(answer, ContactAnswer)
        return answer

    def send(self, contact: str, text: str, key: str = "") -> MessageAnswer:
        answer = self.ask(SendMessage(contact, text, key))
        assert isinstance(answer, MessageAnswer)
        return answer

    @property
    def wired(self) -> wiring.Person:
        """Return what the messenger has since there is an identity."""
        assert self.messenger.person is not None
        return self.messenger.person

    def send_control(self, contact: str, kind: int, data: bytes) -> None:
        """Send a control, and be it one that the program would not send."""
        with transaction(self.connection):
            row = self.messenger.parts.contacts.contact(contact)
            controls = [(kind, data)]
            self.wired.outbox.send_controls(row, controls, pause=Pause.AT_ONCE, now=self.now)

    def contacts(self) -> list[ContactAnswer]:
        answer = self.ask(AskContacts())
        assert isinstance(answer, ContactsAnswer)
        return answer.contacts

    def messages(self, contact: str = "", **fields: int) -> list[MessageAnswer]:
        limit = fields.get("limit", 1_000)
        answer = self.ask(AskMessages(contact, after=fields.get("after"), limit=limit))
        assert isinstance(answer, MessagesAnswer)
        return answer.messages

    def texts(self, contact: str = "") -> list[str]:
        return [message.text for message in self.messages(contact)]

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken

    def dropped(self) -> dict[str, int]:
        return dict(self.messenger.parts.dropped)

    def _look(self) -> None:
        """Let nothing be known that was read before a test wrote into the vault by itself."""
        if self.written_count != changes_count(self.connection):
            self.messenger.taken_back()

    def _open(self, envelopes: Sequence[Envelope]) -> None:
        expected = [one for one in envelopes if one.header.tag in self.messenger.parts.tag_index]
        self.messenger.open_arrived(expected, now=self.now)
        self.messenger.add_opened(self.now)

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Emit(event):
                    self.events.append(event)
                case MintStamp():
                    self.mints.append(effect)
                case _:
                    raise AssertionError(f"a messenger wants {type(effect).__name__}")


def copied(connection: Connection, copy: Connection | None = None) -> Connection:
    """Another database, in memory if none is given, with the rows of a vault."""
    if copy is None:
        copy = new_vault()
    else:
        migrate_vault(copy)
    tables = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
        "AND name <> 'sqlite_schema'"
    ).fetchall()
    copy.execute("PRAGMA foreign_keys = OFF")
    with transaction(copy):
        for (table,) in tables:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            copy.execute(f"DELETE FROM {table}")
            for row in rows:
                copy.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    copy.execute("PRAGMA foreign_keys = ON")
    return copy


def exchange(*people: Person) -> None:
    """Carry everything that was posted to everybody, until nobody has more to say."""
    while True:
        posted = [(person, person.post()) for person in people]
        if not any(envelopes for _, envelopes in posted):
            return
        for author, envelopes in posted:
            for person in people:
                if person is not author:
                    person.receive(envelopes)


def exchange_tokens(*people: Person) -> None:
    """Carry the tokens that are due to everybody."""
    for person in people:
        due = person.messenger.parts.retirements.take_due(1_000_000, person.now)
        for other in people:
            with transaction(other.connection):
                for retirement in due:
                    other.messenger.parts.transit.retired(retirement.envelope, retirement.token)
            other._carry_out(other.messenger.take_effects())
        person.messenger.parts.retirements.left(due)
        with transaction(person.connection):
            person.messenger.write_posted()


def details(person: Person, contact: str) -> ContactDetailsAnswer:
    """All that is told of a contact."""
    answer = person.ask(AskContact(contact))
    assert isinstance(answer, ContactDetailsAnswer)
    return answer


def notes(person: Person, contact: str) -> list[NoteAnswer]:
    """Return what happened to a contact."""
    return details(person, contact).notes


def one_contact(person: Person, label: str) -> ContactAnswer:
    """One of a person's contacts."""
    return details(person, label).contact


def acquainted(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, who used Ann's invite."""
    ann = Person("Ann", clock, seed=1)
    bob = Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    exchange(ann, bob)
    return ann, bob
