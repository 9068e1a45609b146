"""Traces of contacts: three forms are read, and what is untidy in them is made tidy."""

import gzip
import os
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.schema.topology_tables import TraceFormat
from sim.topology.contacts import US, Contact, merge, parse_trace, read_trace

BUNDLED = Path(str(files("sim") / "traces"))
ELSEWHERE = os.environ.get("MESH_REFERENCE_DATA")


def test_slots_of_one_pair_that_touch_are_one_contact_and_times_begin_at_nought() -> None:
    trace = parse_trace("120 7 3\n140 3 7 A B\n200 3 7\n140 3 11\n", trace_format="tij")
    assert trace.names == ("3", "7", "11")
    assert trace.contacts == (
        Contact(0, 40 * US, 0, 1),
        Contact(20 * US, 40 * US, 0, 2),
        Contact(80 * US, 100 * US, 0, 1),
    )
    assert trace.end == 100 * US


def test_connections_that_overlap_or_never_end_are_made_whole() -> None:
    text = """# t CONN a b
    0 C M1 1 2 10000
    5 CONN 2 1 up
    7 CONN 1 2 up
    8 CONN 1 2 down
    10 CONN 1 2 down
    11 CONN 1 2 down
    20 CONN 1 3 up
    30 CONN 4 4 up
    """
    trace = parse_trace(text, trace_format="one", is_shifted=False)
    assert trace.contacts == (Contact(5 * US, 10 * US, 0, 1), Contact(20 * US, 30 * US, 0, 2))


def test_a_scan_without_length_counts_once_it_is_lengthened() -> None:
    text = "a b 50 50\na,b,60,61\na a 0 99\n"
    assert parse_trace(text, trace_format="intervals", is_shifted=False).contacts == (
        Contact(60 * US, 61 * US, 0, 1),
    )
    padded = parse_trace(text, trace_format="intervals", pad_s=30, is_shifted=False)
    assert padded.contacts == (Contact(50 * US, 91 * US, 0, 1),)


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(0, 3), st.integers(0, 3)),
        max_size=30,
    )
)
def test_merging_changes_no_moment_at_which_two_are_together(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    spans = [
        Contact(start, start + length, min(a, b), max(a, b))
        for start, length, a, b in drawn
        if a != b
    ]
    merged = merge(spans)
    assert list(merged) == sorted(merged)
    for one, other in {(span.one, span.other) for span in spans}:
        mine = [span for span in merged if (span.one, span.other) == (one, other)]
        for earlier, later in pairwise(mine):
            assert earlier.end < later.start
        for moment in range(80):
            is_before = any(
                span.start <= moment < span.end for span in spans if span[2:] == (one, other)
            )
            assert is_before == any(span.start <= moment < span.end for span in mine)


@pytest.mark.parametrize(
    "trace_format,text",
    [
        ("tij", "20 1"),
        ("tij", "x 1 2"),
        ("tij", "nan 1 2"),
        ("one", "5 CONN 1 2 sideways"),
        ("one", "5"),
        ("intervals", "1 2 3"),
        ("intervals", "1 2 -3 4"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(trace_format: TraceFormat, text: str) -> None:
    with pytest.raises(UserError, match="Line 2 of the trace"):
        parse_trace("# first\n" + text, trace_format=trace_format)


def test_a_trace_of_another_format_is_told_with_its_file(tmp_path: Path) -> None:
    slots = tmp_path / "slots.dat"
    slots.write_text("20 1 2\n40 1 2\n")
    with pytest.raises(UserError, match=r"slots.dat: No line .* 't CONN a b up'"):
        read_trace(slots, trace_format="one")
    with pytest.raises(UserError, match=r"slots.dat: Line 1 of the trace .* 'a b start end'"):
        read_trace(slots, trace_format="intervals")


@given(
    st.text("0123 CONupdwn#,.ex-\n\0é", max_size=60), st.sampled_from(["tij", "one", "intervals"])
)
def test_whatever_is_in_a_file_is_read_or_refused(text: str, trace_format: TraceFormat) -> None:
    try:
        trace = parse_trace(text, trace_format=trace_format)
    except UserError:
        return
    assert all(contact.start < contact.end for contact in trace.contacts)


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    (tmp_path / "b.xz").write_bytes(b"no xz")
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"20 1 2\n" * 100)[:-20])
    for name in ("a.gz", "b.xz", "c.gz", "absent"):
        with pytest.raises(UserError, match="cannot be read"):
            read_trace(tmp_path / name, trace_format="tij")


@pytest.mark.parametrize(
    "name,nodes,hours",
    [("SFHH_tij.dat.xz", 403, 31.8), ("workplace_InVS15_tij.dat.xz", 217, 276)],
)
def test_the_traces_that_come_along_are_what_their_page_says(
    name: str, nodes: int, hours: float
) -> None:
    trace = read_trace(BUNDLED / name, trace_format="tij")
    assert len(trace.names) == nodes
    assert trace.end / US / 3_600 == pytest.approx(hours, rel=0.005)


@pytest.mark.skipif(ELSEWHERE is None, reason="MESH_REFERENCE_DATA names no folder")
def test_the_contacts_of_infocom05_are_counted_as_others_count_them() -> None:
    assert ELSEWHERE is not None
    folder = Path(ELSEWHERE) / "traces" / "infocom05"
    path = folder / "contacts_pad120.txt.gz"
    trace = read_trace(path, trace_format="one", is_shifted=False)
    assert len(trace.names) == 41
    assert len(trace.contacts) == 14_673
    # Lengthened here instead of there they are the same, where a scan ended before the world.
    raw = read_trace(
        folder / "contacts_pad0.txt.gz", trace_format="one", pad_s=120, is_shifted=False
    )
    both = set(raw.contacts) & set(trace.contacts)
    assert len(both) > 0.99 * len(trace.contacts)
