"""Crowds in one group, with the messengers of all of them: joining by one link, and a stampede.

The messengers are the real ones over vaults in memory; what one posts is carried to all others of
its side by the next step. So bytes and epochs are those of a mesh, and times are not. Beside the
bytes of joining stands the model of `tests/bench/groups.py`.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from mesh.commands.group_links import CreateGroupLink, GroupLinkAnswer, JoinGroup
from mesh.commands.groups import (
    AskGroup,
    ChangeGroup,
    GroupAnswer,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.wire.envelope import Envelope
from tests.bench import groups
from tests.bench.table import Row
from tests.messenger.in_groups import inside, members_of
from tests.messenger.people import Clock, Person

STEP_S: Final = 10
"""So long news takes: a rank's pause is three times as long."""

JOINED_WITHIN_S: Final = 3_600
CUT_S: Final = 300
SETTLED_S: Final = 900
STAMPEDE: Final = 60


class Crowd:
    """People with one clock, and what is on its way among those of one side."""

    def __init__(self, count: int) -> None:
        clock = Clock()
        self.people = [Person(f"P{n}", clock, seed=n + 1) for n in range(count)]
        self.bytes_count = 0
        """Of all that was posted, headers and bodies."""

    def step(self, *sides: Sequence[Person]) -> None:
        """Let everybody do what is due, and carry what was posted to all of its side."""
        for side in sides:
            posted = [(person, person.post()) for person in side]
            for _, envelopes in posted:
                self.bytes_count += sum(map(_bytes, envelopes))
            for person in side:
                person.receive(
                    envelope
                    for author, envelopes in posted
                    for envelope in envelopes
                    if author is not person
                )
        self.people[0].clock.pass_by(STEP_S)
        for side in sides:
            for person in side:
                person.tend()

    def pass_by(self, seconds: int, *sides: Sequence[Person]) -> None:
        """Let time pass on each of some sides, or on one of all."""
        for _ in range(seconds // STEP_S):
            self.step(*(sides or [self.people]))

    def meet(self, one: Sequence[Person], other: Sequence[Person]) -> None:
        """Carry to each side what the other one has."""
        for side, theirs in ((one, other), (other, one)):
            held = list(theirs[0].store.envelopes.values())
            for person in side:
                person.receive(held)


def joined(count: int) -> Crowd:
    """A group of so many: all but the first come by one link, all at once."""
    crowd = Crowd(count)
    maker, *others = crowd.people
    maker.ask(MakeGroup("Crew"))
    link = maker.ask(CreateGroupLink("Crew", uses_max=max(1, count - 1)))
    assert isinstance(link, GroupLinkAnswer)
    for person in others:
        person.ask(JoinGroup(link.link))
    for _ in range(JOINED_WITHIN_S // STEP_S):
        crowd.step(crowd.people)
        if all(_is_in(person, count) for person in crowd.people):
            return crowd
    raise AssertionError("not all came in")


def stampede(crowd: Crowd) -> tuple[int, int]:
    """Change a group four times on each side of a cut; return how many epochs are made after it
    has healed, and how many bytes are posted.
    """
    owner, admin, *rest = crowd.people
    owner.ask(SetMemberRole("Crew", _name_of(owner, admin), "admin"))
    crowd.pass_by(120)
    left, right = [owner, *rest[::2]], [admin, *rest[1::2]]
    owner.ask(RemoveMember("Crew", _name_of(owner, right[-1])))
    admin.ask(RemoveMember("Crew", _name_of(admin, left[-1])))
    for number in range(3):
        crowd.pass_by(CUT_S // 3, left, right)
        owner.ask(ChangeGroup("Crew", about=f"Left {number}"))
        admin.ask(_pin(number))
    crowd.pass_by(60, left, right)
    before = set(_epochs(crowd))
    crowd.bytes_count = 0
    crowd.meet(left, right)
    crowd.pass_by(SETTLED_S)
    stay = [person for person in crowd.people if person not in (left[-1], right[-1])]
    chosen = [inside(person).chosen() for person in stay]
    assert len({None if epoch is None else epoch.id for epoch in chosen}) == 1
    assert {len(members_of(person)) for person in stay} == {len(stay)}
    return len(set(_epochs(crowd)) - before), crowd.bytes_count


def removal(crowd: Crowd) -> float:
    """Remove one, and return how many seconds of CPU it takes until all of it can be posted."""
    owner = crowd.people[0]
    number = _name_of(owner, crowd.people[-1])
    began = time.process_time()
    owner.ask(RemoveMember("Crew", number))
    posted = owner.post()
    took = time.process_time() - began
    assert posted
    return took


def rows(count: int) -> Iterable[Row]:
    """All figures; `count`: members who come by one link."""
    began = time.process_time()
    crowd = joined(count)
    took = time.process_time() - began
    modelled = groups.counted(count)["join by link, a head"] * (count - 1)
    note = f"model: {modelled / 1e6:.3g}; design, for 1,000: 15"
    yield Row(f"{count} members", "come by one link", crowd.bytes_count / 1e6, "MB", note)
    yield Row(f"{count} members", "the same, CPU of all", took, "s", "each has a vault in memory")
    took = removal(crowd) * 1_000
    yield Row(f"{count} members", "a removal, posted", took, "ms", "CPU; design, for 1,000: 200")
    began = time.process_time()
    epochs_count, bytes_count = stampede(joined(STAMPEDE))
    took = time.process_time() - began
    who = f"{STAMPEDE} members"
    yield Row(who, "epochs after a heal, 8 changes", epochs_count, "", "design: 4")
    yield Row(who, "bytes after it", bytes_count / 1e6, "MB", "design: 0.5")
    yield Row(who, "the same, CPU of all", took, "s", "with the joining")


def _pin(number: int) -> ChangeGroup:
    return ChangeGroup("Crew", pin="admins" if number % 2 else "members")


def _is_in(person: Person, count: int) -> bool:
    answer = person.ask(AskGroup("Crew"))
    assert isinstance(answer, GroupAnswer)
    return answer.state == "in" and answer.members_count == count


def _name_of(person: Person, other: Person) -> int:
    key = inside(other).me.hex()
    return next(one.member for one in members_of(person) if one.key == key)


def _epochs(crowd: Crowd) -> Iterable[bytes]:
    for person in crowd.people:
        yield from (epoch.id for epoch in inside(person).epochs)


def _bytes(envelope: Envelope) -> int:
    return len(envelope.header_bytes) + len(envelope.body)
