"""A month of groups, and what the database of one relay tells of them to who takes it.

`docs/protocol/groups.md` says what a relay may learn: what a key of a day posts, and its sizes. All
that joins two posts beyond that is found here: a field that stands twice, a key that serves two
audiences or two days, bytes that two bodies share. People are the real messengers, the relay's
database is the real store; it is read each day, before what lapses goes. All of it is then given
to a relay as it runs, once for each level of its log, and that is read as well.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from mesh.commands.groups import AcceptGroup, ChangeGroup, InviteToGroup, MakeGroup, RotateGroup
from mesh.commands.item_commands import ReactToItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.database import Connection
from mesh.messenger.sessions.sealing import Sealed, Sealing
from mesh.storage.connection import transaction
from mesh.storage.store.rows import joined
from mesh.storage.store.store import Store
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope, decode_envelope
from sim.hosts.databases import new_store
from sim.patching import Patch, patched
from tests.bench.relay_log import Passed
from tests.bench.relay_log import faults as log_faults_of
from tests.bench.relay_shell import LEVELS, caused_by_mail, logged
from tests.bench.table import Row
from tests.messenger.in_groups import acquainted_all, settle
from tests.messenger.people import Clock, Person

BLOCK_BYTES: Final = 8
"""Two bodies share so many bytes at one place by chance once in 2^64."""

BLOCKED_BYTES: Final = 1_024
"""So much of each body is compared: what is beyond is more of the same cipher."""

NONCE_BYTES: Final = 12
CREATED_SECONDS: Final = 10
BEGINS_S: Final = 1_800_000_000
"""In Unix seconds, later than the release: before that a node believes no clock."""

NAMES: Final = ("Ann", "Bob", "Cem", "Dan", "Eve")
GROUPS: Final = {"Crew": (0, 1, 2), "Band": (1, 3, 4)}
HOURS_AWAKE: Final = (8, 12, 17, 21)


@dataclass(slots=True)
class Relay:
    """A store that holds all mail, and which of it groups sealed: that nobody can tell by it."""

    connection: Connection = field(default_factory=new_store)
    envelopes: dict[bytes, Envelope] = field(default_factory=dict)
    """All that was ever read in it."""

    audiences: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """By envelope: whose node, and for which group of theirs."""

    hours: list[list[Envelope]] = field(default_factory=list)
    """What came in each hour."""

    def carry(self, envelopes: Iterable[Envelope]) -> None:
        """Keep what was posted."""
        posted = list(envelopes)
        if self.hours:
            self.hours[-1] += posted
        with transaction(self.connection):
            Store(self.connection).add(posted)

    def read(self) -> None:
        """Read the database."""
        rows = self.connection.execute(
            "SELECT stub, body FROM envelopes JOIN bodies USING (arrival) ORDER BY arrival"
        ).fetchall()
        for stub, body in rows:
            envelope = decode_envelope(joined(stub, body))
            self.envelopes.setdefault(envelope.id, envelope)

    def knowing(self) -> AbstractContextManager[None]:
        """While inside, it is noted what is sealed for groups."""
        seal = Sealing.seal_for_group

        def sealed(sealing: Sealing, audience: int, *given: object) -> Sealed:
            result = seal(sealing, audience, *given)  # type: ignore[arg-type]  # as it came
            self.audiences[result.envelope.id] = (id(sealing), audience)
            return result

        return patched(Patch(Sealing, "seal_for_group", sealed))

    # --- What it tells ------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Return what joins posts beyond their key of a day."""
        return [*self._fields_twice(), *self._keys(), *self._bytes_shared()]

    @property
    def of_groups(self) -> list[Envelope]:
        """Return those that groups sealed."""
        return [one for id_, one in self.envelopes.items() if id_ in self.audiences]

    def _fields_twice(self) -> Iterator[str]:
        fields: Mapping[str, Callable[[Envelope], bytes]] = {
            "tag": lambda one: one.header.tag,
            "read hash": lambda one: one.header.read_hash,
            "withdraw hash": lambda one: one.header.withdraw_hash,
            "nonce": lambda one: one.body[:NONCE_BYTES],
        }
        for name, value in fields.items():
            counts = Counter(value(one) for one in self.envelopes.values())
            if max(counts.values(), default=0) > 1:
                yield f"a {name} stands twice"
        if any(one.header.created % CREATED_SECONDS for one in self.envelopes.values()):
            yield "the second in which something was sealed is told"

    def _keys(self) -> Iterator[str]:
        days = defaultdict[bytes, set[int]](set)
        audiences = defaultdict[bytes, set[tuple[int, int] | None]](set)
        for id_, one in self.envelopes.items():
            key = one.header.posting_key
            days[key].add(one.header.created // SECONDS_PER_DAY)
            audiences[key].add(self.audiences.get(id_))
        if any(len(found) > 1 for found in days.values()):
            yield "a posting key is used on two days"
        if any(len(found) > 1 for found in audiences.values()):
            yield "a posting key serves two audiences"

    def _bytes_shared(self) -> Iterator[str]:
        seen: dict[tuple[int, bytes], bytes] = {}
        for id_, one in self.envelopes.items():
            for at in range(0, min(len(one.body), BLOCKED_BYTES), BLOCK_BYTES):
                if seen.setdefault((at, one.body[at : at + BLOCK_BYTES]), id_) != id_:
                    yield "two bodies share bytes"
                    return


def watched(days: int, seed: int = 1) -> Relay:
    """Five people, in two groups and in pairs, for so many days; return the relay."""
    relay, random, clock = Relay(), Random(seed), Clock(BEGINS_S * 1_000)
    with relay.knowing():
        people = acquainted_all(clock, *NAMES)
        _make_groups(people)
        for day in range(days):
            for hour in range(24):
                clock.pass_by(3_600)
                relay.hours.append([])
                if hour in HOURS_AWAKE:
                    _talk(people, random)
                if hour == HOURS_AWAKE[0] and day % 3 == 1:
                    _change(people, random)
                for person in people:
                    person.tend()
                _exchange(people, relay)
            relay.read()
    return relay


def log_faults(relay: Relay, level: str, folder: Path) -> tuple[int, list[str]]:
    """Return how many lines a relay logs at a level of all that came, and what they tell of it."""
    month, silent = (
        logged(hours, BEGINS_S, level, folder / name)
        for name, hours in (("month", relay.hours), ("silent", [[] for _ in relay.hours]))
    )
    passed = Passed.of(relay.envelopes.values(), tuple(GROUPS))
    return len(month), [*log_faults_of(month, passed), *caused_by_mail(month, silent)]


def rows(days: int, scratch: Path) -> Iterable[Row]:
    """All figures."""
    began = time.process_time()
    relay = watched(days)
    who, faults = f"{days} days", relay.faults()
    of_groups = relay.of_groups
    keys = {one.header.posting_key for one in of_groups}
    yield Row(who, "envelopes at a relay", len(relay.envelopes), "", "of five people")
    yield Row(who, "of them of groups", len(of_groups), "", f"by {len(keys)} posting keys")
    sizes = Counter(one.header.size_class for one in of_groups)
    for size, count in sorted(sizes.items()):
        yield Row(who, f"of groups, size class {size}", count, "", "")
    note = "; ".join(faults) or "none joins posts beyond key and day"
    yield Row(who, "faults", len(faults), "", note)
    for level in LEVELS:
        count, faults = log_faults(relay, level, scratch / level)
        note = "; ".join(faults) or "none tells of mail, and all stand there without mail too"
        yield Row(who, f"lines of its log at {level}", count, "", f"faults {len(faults)}: {note}")
    yield Row(who, "CPU", time.process_time() - began, "s", "")


def _make_groups(people: list[Person]) -> None:
    for name, places in GROUPS.items():
        maker, *others = (people[place] for place in places)
        maker.ask(MakeGroup(name, tuple(one.name for one in others)))
        settle(*people)
        for one in others:
            one.ask(AcceptGroup(name))
            settle(*people)


def _talk(people: list[Person], random: Random) -> None:
    for name, places in GROUPS.items():
        person = people[random.choice(places)]
        answer = person.ask(WriteItem(name, text="x" * random.randint(1, 400)))
        assert isinstance(answer, ItemAnswer)
        if random.random() < 0.3:
            person.ask(ReactToItem(answer.number, ("👍",)))
    one, other = random.sample(people, 2)
    one.send(other.name, "x" * random.randint(1, 400))


def _change(people: list[Person], random: Random) -> None:
    for name, places in GROUPS.items():
        maker = people[places[0]]
        draw = random.random()
        if draw < 0.4:
            maker.ask(ChangeGroup(name, about="x" * random.randint(1, 99)))
        elif draw < 0.7:
            maker.ask(RotateGroup(name))
        else:
            outside = [one.name for place, one in enumerate(people) if place not in places]
            maker.ask(InviteToGroup(name, (random.choice(outside),)))


def _exchange(people: list[Person], relay: Relay) -> None:
    while posted := [(person, person.post()) for person in people]:
        if not any(envelopes for _, envelopes in posted):
            return
        for author, envelopes in posted:
            relay.carry(envelopes)
            for person in people:
                if person is not author:
                    person.receive(envelopes)
