"""A scenario: how many nodes stand where, what they do, and what befalls them.

Scenarios are TOML files beside this module, read strictly: a word that is not known here is an
error. Units end the names. What is drawn (who, when exactly) is drawn from the seed.
"""

from importlib.resources import files
from typing import Annotated, Final, Literal

import msgspec

from mesh.errors import UserError

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
NodesCount = Annotated[int, msgspec.Meta(ge=2, le=10_000)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root of all tables of a scenario."""


class Topology(_Strict, frozen=True, kw_only=True):
    """Local networks in a ring; some nodes of each are bridges and stand on the next as well."""

    network_nodes: Annotated[int, msgspec.Meta(ge=2)] = 20
    bridges: Annotated[int, msgspec.Meta(ge=0)] = 3


class Wire(_Strict, frozen=True, kw_only=True):
    """All streams. A lost packet of a stream is a delay; a lost announcement is lost."""

    latency_ms: tuple[Positive, Positive] = (1, 8)
    jitter_ms: Seconds = 2
    loss: Share = 0.005
    bandwidth_mbit: Positive = 50
    announcement_delay_ms: Positive = 300
    announcement_loss: Share = 0.05


class Workload(_Strict, frozen=True, kw_only=True):
    """Who knows whom, and how much they write. Seconds count from the start of the world."""

    boot_within_s: Seconds = 10
    befriend_between_s: tuple[Seconds, Seconds] = (12, 30)
    contacts: Annotated[int, msgspec.Meta(ge=1)] = 3
    write_between_s: tuple[Seconds, Seconds]
    messages_per_second: Positive = 1
    text_letters: tuple[int, int] = (10, 600)
    long_text_share: Share = 0.02
    long_text_letters: tuple[int, int] = (2_000, 20_000)


class Halves(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="halves"):
    """The mesh falls in two halves and heals. Streams across are reset or stall.

    `by` "network" keeps each network whole where there is more than one; "node" draws the side
    of every node.
    """

    at_s: Seconds
    for_s: Positive
    by: Literal["network", "node"] = "network"
    reset_share: Share = 0.5


class Crashes(_Strict, frozen=True, kw_only=True, tag_field="kind", tag="crashes"):
    """Some nodes crash, each at a drawn time, and start again over what they had committed.

    A silent crash tells no neighbour; one within a batch falls between two statements of a
    database.
    """

    between_s: tuple[Seconds, Seconds]
    share: Share = 0.2
    down_s: tuple[Positive, Positive] = (2, 30)
    silent_share: Share = 0.5
    within_batch_share: Share = 0.5


Fault = Halves | Crashes


class Scenario(_Strict, frozen=True, kw_only=True):
    """One world before its seed."""

    schema: Literal[1]
    name: str
    summary: str
    nodes: NodesCount = 100
    tick_us: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    order: Literal["fifo", "shuffle"] = "shuffle"
    thinking_ms: Seconds = 4
    """How long a batch keeps a node busy: about what its two commits take on a disk."""
    begins_at_s: Seconds = 43_200
    """Seconds after midnight (UTC) at which the world begins; at midnight link keys change."""
    wall_offset_s: Seconds = 60
    """How wrong a calendar may be, either way."""
    topology: Topology = Topology()
    wire: Wire = Wire()
    workload: Workload
    faults: list[Fault] = []
    settle_s: Positive = 180

    @property
    def quiet_at_s(self) -> float:
        """When nothing is written or befalls any more: what is left must settle."""
        ends = [self.workload.write_between_s[1]]
        for fault in self.faults:
            match fault:
                case Halves(at_s=at_s, for_s=for_s):
                    ends.append(at_s + for_s)
                case Crashes(between_s=between_s, down_s=down_s):
                    ends.append(between_s[1] + down_s[1])
        return max(ends)


_FOLDER: Final = files("sim") / "scenarios"


def scenario_names() -> list[str]:
    """The scenarios that come with the simulator."""
    names = [each.name for each in _FOLDER.iterdir() if each.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml").replace("_", "-") for name in names)


def load_scenario(name: str) -> Scenario:
    """Read one by its name; UserError if there is none, or it is malformed."""
    if name not in scenario_names():
        known = ", ".join(scenario_names())
        raise UserError("not-found", f"There is no scenario {name!r}; there are: {known}.")
    text = (_FOLDER / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8")
    return parse_scenario(text)


def parse_scenario(text: str) -> Scenario:
    """Read one from TOML; UserError says what is wrong and where."""
    try:
        return msgspec.toml.decode(text, type=Scenario, strict=True)
    except msgspec.DecodeError as error:
        raise UserError("bad-scenario", f"The scenario cannot be read: {error}.") from None
