"""The contacts of traces that others recorded: who met whom, and when.

Three forms of text, plain or compressed with gzip or xz, told apart by the scenario:

- `tij`, as SocioPatterns publishes: `t i j` and perhaps labels, sorted or not. Each line says that
  two were seen together in the slot of `slot_s` seconds that ends at `t`.
- `one`, the connection events of The ONE simulator: `t CONN a b up` and `down`. Lines about
  anything but connections are passed over.
- `intervals`: `a b start end`, parted by spaces or commas.

Raw traces are untidy: contacts of no length (a scan is a point), contacts that overlap, an `up`
without a `down`, users who meet themselves. So contacts are lengthened by `pad_s`, those of one
pair are merged where they touch, an open one ends with the trace, and what has no length or only
one side is left out.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, assert_never

from mesh.errors import UserError
from sim.schema.topology_tables import TraceFormat

TRACE_BYTES_MAX: Final = 256 * 1024 * 1024
"""Of text, unpacked: ten times the largest of the traces that are published."""

US: Final = 1_000_000


class Contact(NamedTuple):
    """Two nodes within reach of each other, in microseconds; `one` is the smaller number."""

    start: int
    end: int
    one: int
    other: int


@dataclass(frozen=True, slots=True)
class ContactTrace:
    """All contacts in order of their start; `names[i]` is what the trace calls node i."""

    contacts: tuple[Contact, ...]
    names: tuple[str, ...]

    @property
    def end(self) -> int:
        """Return when the last contact ends."""
        return max((contact.end for contact in self.contacts), default=0)


class _Met(NamedTuple):
    """One record, in seconds."""

    start: float
    end: float
    one: str
    other: str


def read_trace(
    path: Path,
    *,
    trace_format: TraceFormat,
    pad_s: float = 0,
    slot_s: float = 20,
    is_shifted: bool = True,
) -> ContactTrace:
    """Read a file; UserError names the line that cannot be read.

    `is_shifted` puts the first contact at the beginning of time.
    """
    text = _text(path)
    try:
        return parse_trace(
            text, trace_format=trace_format, pad_s=pad_s, slot_s=slot_s, is_shifted=is_shifted
        )
    except UserError as error:
        raise UserError(error.kind, f"{path}: {error}") from None


def parse_trace(
    text: str,
    *,
    trace_format: TraceFormat,
    pad_s: float = 0,
    slot_s: float = 20,
    is_shifted: bool = True,
) -> ContactTrace:
    """Read the text of a trace."""
    lines = _fields(text)
    match trace_format:
        case "tij":
            met = list(_slots(lines, slot_s))
        case "one":
            met = list(_connections(lines))
        case "intervals":
            met = list(_intervals(lines))
        case _:
            assert_never(trace_format)
    names = _in_order({name: None for each in met for name in (each.one, each.other)})
    numbers = {name: number for number, name in enumerate(names)}
    first = min((each.start for each in met), default=0) if is_shifted else 0
    spans: list[Contact] = []
    for each in met:
        one, other = sorted((numbers[each.one], numbers[each.other]))
        start, end = round((each.start - first) * US), round((each.end - first + pad_s) * US)
        if one != other and end > start:
            spans.append(Contact(start, end, one, other))
    return ContactTrace(merge(spans), tuple(names))


def merge(spans: Iterable[Contact]) -> tuple[Contact, ...]:
    """The same contacts in order, those of one pair that touch or overlap made one."""
    by_pair: dict[tuple[int, int], list[Contact]] = {}
    for contact in sorted(spans):
        known = by_pair.setdefault((contact.one, contact.other), [])
        if known and contact.start <= known[-1].end:
            known[-1] = known[-1]._replace(end=max(known[-1].end, contact.end))
        else:
            known.append(contact)
    return tuple(sorted(contact for known in by_pair.values() for contact in known))


def _slots(lines: Iterator[tuple[int, Sequence[str]]], slot_s: float) -> Iterator[_Met]:
    for number, fields in lines:
        if len(fields) < 3:
            raise _unreadable(number, "t i j")
        end = _seconds(number, fields[0])
        yield _Met(end - slot_s, end, fields[1], fields[2])


def _intervals(lines: Iterator[tuple[int, Sequence[str]]]) -> Iterator[_Met]:
    for number, fields in lines:
        if len(fields) < 4:
            raise _unreadable(number, "a b start end")
        start, end = _seconds(number, fields[2]), _seconds(number, fields[3])
        yield _Met(start, max(start, end), fields[0], fields[1])


def _connections(lines: Iterator[tuple[int, Sequence[str]]]) -> Iterator[_Met]:
    """An `up` within an `up` waits for as many `down`s: that is how overlaps are written."""
    events: list[tuple[float, int, str, str, bool]] = []
    for number, fields in lines:
        if len(fields) < 2:
            raise _unreadable(number, "t CONN a b up")
        when = _seconds(number, fields[0])
        if fields[1].upper() == "CONN":
            if len(fields) < 5 or fields[4].lower() not in ("up", "down"):
                raise _unreadable(number, "t CONN a b up")
            one, other = sorted(fields[2:4])
            events.append((when, number, one, other, fields[4].lower() == "up"))
    if not events:
        raise UserError("bad-trace", "No line of the trace is of the form 't CONN a b up'.")
    events.sort()
    open_ones: dict[tuple[str, str], list[float]] = {}
    for when, _, one, other, is_up in events:
        starts = open_ones.setdefault((one, other), [])
        if is_up:
            starts.append(when)
        elif starts:
            start = starts.pop()
            if not starts:
                yield _Met(start, when, one, other)
    last = events[-1][0]
    for (one, other), starts in open_ones.items():
        if starts:
            yield _Met(starts[0], last, one, other)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as packed, _unpacked(path, packed) as file:
            content = file.read(TRACE_BYTES_MAX + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise UserError("bad-trace", f"The trace {path} cannot be read: {error}.") from None
    if len(content) > TRACE_BYTES_MAX:
        raise UserError("bad-trace", f"The trace {path} has more than {TRACE_BYTES_MAX} bytes.")
    return content.decode("utf-8", "replace")


def _unpacked(path: Path, packed: BinaryIO) -> BinaryIO | gzip.GzipFile | lzma.LZMAFile:
    match path.suffix:
        case ".gz":
            return gzip.GzipFile(fileobj=packed)
        case ".xz":
            return lzma.LZMAFile(packed)
        case _:
            return packed


def _fields(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.replace(",", " ").split()
        if fields and not fields[0].startswith("#"):
            yield number, fields


def _seconds(number: int, word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = float("nan")
    # Not a number, and beyond all traces: seconds since 1970 have ten digits.
    if not 0 <= seconds < 1e11:
        raise UserError("bad-trace", f"Line {number} of the trace: {word[:40]!r} is no time.")
    return seconds


def _unreadable(number: int, form: str) -> UserError:
    return UserError("bad-trace", f"Line {number} of the trace is not of the form {form!r}.")


def _in_order(names: Iterable[str]) -> list[str]:
    """Numbers by size, other names by their messages, numbers first."""
    return sorted(names, key=lambda name: (not name.isdecimal(), len(name), name))
