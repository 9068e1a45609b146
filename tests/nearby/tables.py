"""Machines of people nearby, joined by links that a test holds in its hands."""

from dataclasses import dataclass, field

from mesh.commands.nearby import NearbyPersonAnswer
from mesh.crypto.signing import sign, verify_key_of
from mesh.ids import ContactId, Instant, LinkId, Monotonic, VerifyKey
from mesh.messenger.looks import is_alike
from mesh.messenger.names import is_name
from mesh.nearby.gathered import NearbyFrame
from mesh.nearby.nearby import Nearby
from mesh.nearby.wants import Host, InviteCame, InviteWanted
from tests.entropy import SeededEntropy


@dataclass(slots=True)
class Seat:
    """A machine, who sits at it, and what its vault would do."""

    name: str
    number: int
    nearby: Nearby = field(init=False)
    host: Host = field(init=False)
    invites: list[tuple[VerifyKey, str]] = field(default_factory=list)
    contacts: list[VerifyKey] = field(default_factory=list)
    told: list[NearbyPersonAnswer] = field(default_factory=list)
    refuses_contacts: bool = False

    def __post_init__(self) -> None:
        seed = bytes((self.number,)) * 32
        self.nearby = Nearby(SeededEntropy(self.number), is_name)
        self.host = Host(
            self.name,
            VerifyKey(verify_key_of(seed)),
            lambda message: sign(seed, message),
            lambda name, near: [other for other in near if is_alike(name, other)],
        )

    def serve(self) -> None:
        """Answer what the machine wants, as a vault would."""
        for want in self.nearby.gathered.take_wants():
            match want:
                case InviteWanted(person, verify_key, name):
                    self.invites.append((verify_key, name))
                    self.nearby.invite_made(person, f"an invite by {self.name}", None)
                case InviteCame(person, verify_key, _):
                    if self.refuses_contacts:
                        self.nearby.declined(person)
                    else:
                        self.contacts.append(verify_key)
                        self.nearby.contact_came(person, ContactId(len(self.contacts)))
        self.told += self.nearby.take_changed()

    @property
    def person(self) -> NearbyPersonAnswer:
        """The one person near."""
        (person,) = self.nearby.answers()
        return person


class Table:
    """Seats in a row, the first being joined to all others; frames wait until `run`."""

    def __init__(self, *names: str) -> None:
        self.now = Instant(Monotonic(1_000_000), 0)
        self.seats = [Seat(name, number) for number, name in enumerate(names, 1)]
        self.sent: list[tuple[str, NearbyFrame]] = []
        self._ends: dict[tuple[int, LinkId], tuple[int, LinkId]] = {}
        self._next_link = 1

    def switch_on(self) -> None:
        for seat in self.seats:
            seat.nearby.switch_on(seat.host, self.now)

    def join(self, left: int, right: int) -> tuple[LinkId, LinkId]:
        """A link between two seats."""
        ends = LinkId(self._next_link), LinkId(self._next_link + 1)
        self._next_link += 2
        self._ends[left, ends[0]] = right, ends[1]
        self._ends[right, ends[1]] = left, ends[0]
        self.seats[left].nearby.link_up(ends[0], self.now)
        self.seats[right].nearby.link_up(ends[1], self.now)
        return ends

    def cut(self) -> None:
        """End all links; what was on its way is lost."""
        for index, link in self._ends:
            self.seats[index].nearby.gathered.take_frames()
            self.seats[index].nearby.link_down(link, self.now)
            self.seats[index].serve()
        self._ends.clear()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, without a look at any deadline."""
        self.now = Instant(Monotonic(self.now.monotonic + int(seconds * 1_000_000)), 0)

    def tend(self) -> None:
        """Do what is due."""
        for seat in self.seats:
            seat.nearby.deadline_passed(self.now)
        self.run()

    def step(self, index: int) -> int:
        """Deliver what one seat has sent; return how many frames that was."""
        seat = self.seats[index]
        seat.serve()
        frames = seat.nearby.gathered.take_frames()
        for link, frame in frames:
            self.sent.append((seat.name, frame))
            end = self._ends.get((index, link))
            if end is not None:
                other, other_link = end
                self.seats[other].nearby.received(other_link, frame, self.now)
                self.seats[other].serve()
        return len(frames)

    def run(self) -> None:
        """Deliver until nobody has more to say."""
        while sum(self.step(index) for index in range(len(self.seats))):
            pass


def pair() -> tuple[Table, Seat, Seat]:
    """Ann and Bob, who both opted in, and Ann has asked who is near."""
    table = Table("Ann", "Bob")
    table.switch_on()
    table.join(0, 1)
    ann, bob = table.seats
    ann.nearby.ask(table.now)
    table.run()
    return table, ann, bob


def comparing() -> tuple[Table, Seat, Seat]:
    """Both see what is to be compared."""
    table, ann, bob = pair()
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    bob.nearby.compare(bob.person.id, table.now)
    table.run()
    return table, ann, bob
