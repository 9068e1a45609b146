"""The tables of an export, and what each of their columns says: the data dictionary.

Names follow the reports of The ONE (Keränen, Ott and Kärkkäinen, "The ONE Simulator for DTN
Protocol Evaluation", SIMUTools 2009), so that whoever knows those finds them again. The page
`docs/export.md` has this dictionary for users; a test holds the one against the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "integer", "number", "boolean"]
Cell = str | int | float | bool | None
Cells = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `like` is what The ONE calls it, with the report it is in; empty: it has none."""

    name: str
    kind: Kind
    meaning: str
    like: str = ""


RUN: Final = Column("run", "text", "The run; a row of `runs` has the same.")

RUNS: Final = (
    Column(
        "run",
        "text",
        "Names the run: a hash of scenario, settings, seed, bug, crypto, commit and older.",
    ),
    Column("scenario", "text", "The name of the scenario."),
    Column("settings", "text", "The values of it that a sweep replaced, as JSON."),
    Column("seed", "integer", "The seed.", "rngSeed of the settings"),
    Column("bug", "text", "The planted bug; empty without."),
    Column("crypto", "text", "`real` or `modelled`."),
    Column("older", "text", "The wheel of another release that ran beside it; empty without."),
    Column("commit", "text", "The commit that ran."),
    Column("verdict", "text", "`pass`, `fail` or `dead`."),
    Column("broken", "text", "The ids of the invariants that broke."),
    Column("sim_time", "number", "Virtual seconds that it took.", "sim_time of MessageStats"),
    Column("created", "integer", "Messages that were written.", "created of MessageStats"),
    Column("delivered", "integer", "Of these, those that arrived.", "delivered of MessageStats"),
    Column("delivery_prob", "number", "Their share.", "delivery_prob of MessageStats"),
    Column(
        "delivery_ratio", "number", "The share that had come when the last fault was over, of due."
    ),
    Column("latency_p99", "number", "Seconds; the largest of all phases."),
    Column("copies_per_delivery", "number", "Bodies received for each that a node took in."),
    Column("frames_sent", "integer", "Frames on all links."),
    Column("bytes_sent", "integer", "Bytes on all links."),
    Column("events", "integer", "Events of the simulation."),
    Column("cpu_seconds", "number", "Time of the processor that it took."),
)

MESSAGES: Final = (
    RUN,
    Column("id", "integer", "The number of the message in its run.", "ID of CreatedMessages"),
    Column(
        "created", "number", "Seconds when its author asked to send it.", "time of CreatedMessages"
    ),
    Column("size", "integer", "Bytes of its text.", "size of CreatedMessages"),
    Column("from_host", "integer", "The node of its author.", "fromHost of CreatedMessages"),
    Column("to_host", "integer", "The node of its reader.", "toHost of CreatedMessages"),
    Column("confirmed", "number", "Seconds when the author's node said that it is durable."),
    Column(
        "delivered",
        "number",
        "Seconds when its reader was shown it; empty: never.",
        "time of DeliveredMessages",
    ),
    Column(
        "delivery_time",
        "number",
        "Seconds from the one to the other.",
        "deliveryTime of DeliveredMessages",
    ),
    Column("expired", "number", "Seconds when its author was told that it expired."),
    Column("phase", "text", "The phase of the world in which it was written."),
    Column("state", "text", "What its author was told of it last."),
    Column("is_probe", "boolean", "It was written after the last fault to see who reaches whom."),
    Column("is_withdrawn", "boolean", "Its author took it back."),
    Column("is_read", "boolean", "Its reader looked at it."),
)

CONTACTS: Final = (
    RUN,
    Column("host_1", "integer", "The node with the lower number.", "first host of ConnectivityONE"),
    Column("host_2", "integer", "The other one.", "second host of ConnectivityONE"),
    Column("start", "number", "The second at which a link stood.", "time of CONN … up"),
    Column(
        "end",
        "number",
        "The second at which it did not; empty: it still did.",
        "time of CONN … down",
    ),
    Column("duration", "number", "Seconds between them.", "the bins of ContactTimes"),
)

TRANSFERS: Final = (
    RUN,
    Column("time", "number", "Seconds when it came.", "time of EventLog"),
    Column("envelope", "text", "The id of the envelope, in hex.", "message of EventLog"),
    Column("size", "integer", "Bytes of the envelope.", "size of CreatedMessages"),
    Column(
        "from_host", "integer", "The node that brought it; empty: not known.", "host1 of EventLog"
    ),
    Column("to_host", "integer", "The node to which it came.", "host2 of EventLog"),
    Column(
        "is_first",
        "boolean",
        "That node had not stored it before.",
        "relayed of MessageStats counts these",
    ),
)

TABLES: Final[Mapping[str, Sequence[Column]]] = {
    "runs": RUNS,
    "messages": MESSAGES,
    "contacts": CONTACTS,
    "transfers": TRANSFERS,
}
