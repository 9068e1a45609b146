"""Whatever frames come, a machine bears them, or says that the peer is at fault."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import LinkId
from mesh.wire.frames import (
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Root,
    RootEntry,
    join_entries,
)
from tests.replication.meshes import (
    LINK,
    NOW,
    at,
    id_of,
    make,
)

NUMBERS = st.integers(0, 60)

IDS = st.one_of(st.lists(NUMBERS.map(id_of), max_size=9).map(b"".join), st.binary(max_size=99))

ENTRIES = st.one_of(
    st.lists(
        st.tuples(NUMBERS.map(id_of), st.sampled_from([0, 0, 1, 2, 3, 4, 255])), max_size=9
    ).map(join_entries),
    st.binary(max_size=99),
)

SESSIONS = st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF))

CLASSES = st.sampled_from([0, 0, 0, 1, 2, 3, 255])

SECONDS = st.one_of(
    st.integers(NOW - 1_000, NOW + 100), st.just(NOW - 70_000), st.integers(0, 2**32 - 1)
)

NONCES = st.binary(min_size=16, max_size=16)

MESSAGES = st.one_of(
    st.just(b""),
    st.binary(max_size=60).map(lambda rest: b"\x61" + rest),
    st.lists(NUMBERS.map(id_of), max_size=9).map(
        lambda ids: b"\x61\x00\x00\x02" + bytes([len(ids)]) + b"".join(ids)
    ),
    NONCES.map(lambda value: b"\x61\x00\x00\x01" + value),
    st.just(b"\x61" + b"\x00\x00\x02" + b"\xff" * 8 + b"\x7f"),
)

FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(IHave, ENTRIES, st.integers(0, 255)),
    st.builds(IWant, IDS),
    st.builds(NoHave, ENTRIES),
    st.builds(DoNotWant, IDS),
    st.builds(Graft, IDS),
    st.just(Prune()),
    st.builds(NegOpen, SESSIONS, CLASSES, SECONDS, MESSAGES),
    st.builds(NegMessage, SESSIONS, MESSAGES),
    st.builds(NegMessage, SESSIONS, MESSAGES),
    st.builds(NegClose, SESSIONS, st.integers(0, 9), SECONDS),
    st.builds(
        Root,
        st.lists(
            st.builds(RootEntry, CLASSES, SECONDS, SECONDS, st.integers(0, 99), NONCES), max_size=4
        ),
    ),
    st.builds(Audit, SESSIONS, CLASSES, NONCES, SECONDS, SECONDS),
    st.builds(AuditResult, SESSIONS, st.integers(0, 99), st.integers(0, 2**64 - 1)),
)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 3), FRAMES, st.integers(0, 4_000)), max_size=40),
    st.booleans(),
)
def test_any_frames_are_borne_or_are_the_peers_fault(
    acts: list[tuple[int, Frame, int]], is_dialled_by_us: bool
) -> None:
    replicator = make(range(40))
    for link in (1, 2, 3):
        replicator.link_up(LinkId(link), at(0), is_dialled_by_us=is_dialled_by_us)
    ms = 0
    for link, frame, pause_ms in acts:
        ms += pause_ms
        deadline = replicator.deadline()
        if deadline is not None and deadline <= at(ms).monotonic:
            replicator.deadline_passed(at(ms))
        try:
            replicator.received(LinkId(link), frame, at(ms))
        except PeerError:
            replicator.link_down(LinkId(link), at(ms))
            replicator.link_up(LinkId(link), at(ms), is_dialled_by_us=is_dialled_by_us)
        said = len(replicator.take_frames(at(ms)))
        assert said <= 30, "a frame draws few"
        for other in (1, 2, 3):
            replicator.outgoing.take_announcement(LinkId(other))
            replicator.outgoing.take_bodies(LinkId(other), 99)
            assert not replicator.outgoing.has_more(LinkId(other))
        deadline = replicator.deadline()
        assert deadline is None or deadline > at(ms).monotonic or ms == 0
        assert replicator.take_frames(at(ms)) == [], "nothing is left unsaid"
    assert len(replicator.sets) == 40
    assert len(replicator.want_list._missing) <= 61 + 9 * len(acts)


@pytest.mark.parametrize(
    "frame",
    [
        IHave(entries=bytes(5), flags=0),
        IHave(entries=join_entries([(id_of(1), 9)]), flags=0),
        IWant(ids=bytes(31)),
        NoHave(entries=bytes(1)),
        DoNotWant(ids=bytes(1)),
        Graft(ids=bytes(33)),
        NegOpen(0, 3, NOW, b"\x61"),
        NegOpen(1, 0, NOW, b"\x61"),
        NegOpen(0, 0, NOW, b""),
        NegOpen(0, 0, NOW, b"\x61\x00"),
        Root([RootEntry(3, 0, 1, 0, bytes(16))]),
        Root([RootEntry(0, 2, 1, 0, bytes(16))]),
        Audit(0, 3, bytes(16), 0, 1),
        Audit(0, 0, bytes(16), 1, 1),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_malformed_frame_is_the_peers_fault(frame: Frame) -> None:
    """We did not dial: our sessions are odd, theirs are even."""
    replicator = make(links=[1])
    with pytest.raises(PeerError):
        replicator.received(LINK, frame, at(1))
