"""The table from frames and commands to the parts of an engine, and the order of calls."""

from typing import get_args

import pytest

from mesh.commands.command import Command
from mesh.commands.peers import AskPeers
from mesh.commands.status import AskStatus
from mesh.effects import Effect, Emit
from mesh.engine.part import Part, Parts
from mesh.errors import PeerError
from mesh.events import VaultLocked
from mesh.ids import Instant, LinkId, Monotonic
from mesh.wire.frames import Close, Frame, Hello, Pex, Ping, Pong, Prune, Who
from tests.engine.joined import Joined

NOW = Instant(Monotonic(0), 1_800_000_000_000_000)
LINK = LinkId(1)


class Noted(Part):
    """Writes down what it is called for."""

    def __init__(self, name: str, calls: list[str], *, wants: Monotonic | None = None) -> None:
        self._name = name
        self._calls = calls
        self._wants = wants

    def link_up(self, link: LinkId, now: Instant) -> None:
        self._calls.append(f"{self._name} up")

    def link_down(self, link: LinkId, now: Instant) -> None:
        self._calls.append(f"{self._name} down")

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        self._calls.append(f"{self._name} {type(frame).__name__}")

    def tend(self, now: Instant) -> None:
        self._calls.append(f"{self._name} tend")

    def deadline(self) -> Monotonic | None:
        return self._wants

    def take_effects(self) -> list[Effect]:
        self._calls.append(f"{self._name} effects")
        return [Emit(VaultLocked())]


class TakesWho(Noted):
    """Takes one type of frames."""

    frame_types = (Who,)


class TakesWhoAndPex(Noted):
    """Takes two, and a command."""

    frame_types = (Who, Pex)
    commands = (AskPeers,)


def test_every_frame_type_goes_to_a_part_or_is_the_links_own() -> None:
    taken = Joined("ada").seats["ada"].engine._parts._takers
    assert {*get_args(Frame)} == {*taken, Hello, Ping, Pong, Close}


def test_a_frame_goes_to_all_who_take_it_in_their_order_and_to_nobody_else() -> None:
    calls: list[str] = []
    parts = Parts(
        TakesWho("first", calls),
        Noted("carrier", calls),
        [TakesWhoAndPex("last", calls)],
    )
    parts.received(LINK, Who(b""), NOW)
    parts.received(LINK, Pex([]), NOW)
    assert calls == ["first Who", "last Who", "last Pex"]
    with pytest.raises(PeerError, match="out of place"):
        parts.received(LINK, Prune(), NOW)


def test_the_carrier_is_second_where_links_open_and_last_where_they_end_or_time_passes() -> None:
    calls: list[str] = []
    parts = Parts(Noted("first", calls), Noted("carrier", calls), [Noted("other", calls)])
    parts.link_up(LINK, NOW)
    parts.link_down(LINK, NOW)
    parts.tend(NOW)
    assert len(parts.take_effects()) == 3
    assert calls == [
        *("first up", "carrier up", "other up"),
        *("first down", "other down", "carrier down"),
        *("first tend", "other tend", "carrier tend"),
        *("carrier effects", "other effects", "first effects"),
    ]


def test_the_first_deadline_of_all_parts_counts() -> None:
    calls: list[str] = []
    later, sooner = Monotonic(20), Monotonic(10)
    parts = Parts(
        Noted("first", calls),
        Noted("carrier", calls, wants=later),
        [Noted("other", calls, wants=sooner)],
    )
    assert parts.deadline() == sooner


def test_a_command_without_a_part_needs_the_vault() -> None:
    part = TakesWhoAndPex("last", [])
    parts = Parts(Noted("first", []), Noted("carrier", []), [part])
    peers: Command = AskPeers()
    assert parts.find_answering(peers) is part
    assert parts.find_answering(AskStatus()) is None
