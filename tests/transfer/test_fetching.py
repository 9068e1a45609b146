"""Fetching: asked for within a window, checked block by block, gone on with over links."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import LinkId
from mesh.limits.direct_files import (
    FILE_ASK_AGAIN_MS,
    FILE_ASK_BLOCKS_MAX,
    FILE_FALSE_BLOCKS_MAX,
    FILE_SILENCE_MS,
    FILE_WINDOW_BLOCKS,
)
from mesh.transfer.fetching import Fetching
from mesh.wire.frames import FileAsk, FileBlock, FileRefuse
from tests.transfer.making import HANDLE, LINK, OTHER, Made, at, made

MAY = {LINK: None}


def fetching(file: Made, *, blocks: int = 0) -> Fetching:
    one = Fetching()
    one.link_up(LINK)
    one.want(LINK, [file.wanted(blocks=blocks)])
    return one


def asked(one: Fetching, ms: int = 0, *links: LinkId) -> list[int]:
    """Return the blocks that it asks for now."""
    one.ask(at(ms), may_ask=dict.fromkeys(links or (LINK,)))
    found: list[int] = []
    for _, frame in one.take_frames():
        assert 1 <= frame.count <= FILE_ASK_BLOCKS_MAX
        found += range(frame.first, frame.first + frame.count)
    return found


def write(one: Fetching, name: bytes = b"n" * 16) -> None:
    one.written(name, [each.index for each in one.take_effects()])


def test_no_more_is_asked_for_than_fits_the_window_until_the_disk_has_it() -> None:
    file = made(2 * FILE_WINDOW_BLOCKS)
    one = fetching(file)
    first = asked(one)
    assert first == list(range(FILE_WINDOW_BLOCKS))
    for index in first[:16]:
        one.came(LINK, file.frame(index), at(1))
    assert asked(one, 1) == [], "what came is in memory as long as it is not written"
    write(one)
    assert asked(one, 1) == list(range(FILE_WINDOW_BLOCKS, FILE_WINDOW_BLOCKS + 16))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_is_whole_whatever_is_here_and_in_which_order_it_comes(data: st.DataObject) -> None:
    file = made(30)
    here = data.draw(st.integers(0, (1 << 30) - 2))
    one = fetching(file, blocks=here)
    seen = here
    while not one.has_whole:
        order = data.draw(st.permutations(asked(one)))
        for index in order:
            assert not seen >> index & 1, "nothing is asked for twice"
            seen |= 1 << index
            one.came(LINK, file.frame(index), at(1))
        write(one)
    [(number, known)] = one.take_unnoted()
    assert (number, known.blocks) == (1, (1 << 30) - 1)
    assert asked(one, 2) == []


@pytest.mark.parametrize("what", ["block", "path", "place", "length"])
def test_a_false_block_is_a_fault_and_never_written(what: str) -> None:
    file = made(12)
    one = fetching(file)
    asked(one)
    true = file.frame(3)
    false = {
        "block": FileBlock(HANDLE, 3, true.path, bytes(len(true.block))),
        "path": FileBlock(HANDLE, 3, bytes(len(true.path)), true.block),
        "place": FileBlock(HANDLE, 4, true.path, true.block),
        "length": FileBlock(HANDLE, 3, true.path, true.block[:-1]),
    }[what]
    with pytest.raises(PeerError):
        one.came(LINK, false, at(1))
    assert one.take_effects() == []
    one.came(LINK, true, at(1))
    assert [each.index for each in one.take_effects()] == [3]


def test_after_a_few_false_blocks_a_file_is_given_up() -> None:
    file = made(12)
    one = fetching(file)
    for _ in range(FILE_FALSE_BLOCKS_MAX):
        assert one.take_given_up() == []
        asked(one)
        with pytest.raises(PeerError):
            one.came(LINK, FileBlock(HANDLE, 3, b"", b"false"), at(1))
        one.link_down(LINK)
        one.link_up(LINK)
        one.want(LINK, [file.wanted()])
    assert one.take_given_up() == [1]


def test_what_nobody_asked_for_is_a_fault() -> None:
    file = made(300)
    one = fetching(file)
    for frame in (file.frame(0), file.frame(0, b"x" * 16)):
        with pytest.raises(PeerError):
            one.came(LINK, frame, at(0))
    asked(one)
    with pytest.raises(PeerError):
        one.came(LINK, file.frame(299), at(0))
    one.came(LINK, file.frame(0), at(0))
    with pytest.raises(PeerError):
        one.came(LINK, file.frame(0), at(0))


def test_what_was_on_its_way_when_a_person_paused_is_passed_over_and_no_more() -> None:
    file = made(20)
    one = fetching(file)
    assert len(asked(one)) == 20
    one.want(LINK, [])
    for index in range(20):
        one.came(LINK, file.frame(index), at(1))
    assert one.take_effects() == []
    with pytest.raises(PeerError):
        one.came(LINK, file.frame(0), at(1))


def test_who_refuses_is_asked_again_later_and_later() -> None:
    file = made(20)
    one = fetching(file)
    now, pause = 0, FILE_ASK_AGAIN_MS[0]
    for _ in range(10):
        assert asked(one, now)
        one.refused(LINK, FileRefuse(HANDLE), at(now))
        assert asked(one, now + pause - 1) == []
        assert one.deadline() == at(now + pause).monotonic
        now, pause = now + pause, min(FILE_ASK_AGAIN_MS[1], 2 * pause)
    assert pause == FILE_ASK_AGAIN_MS[1]


def test_who_is_silent_is_waited_for_half_a_minute() -> None:
    file = made(20)
    one = fetching(file)
    asked(one)
    assert one.deadline() == at(FILE_SILENCE_MS).monotonic
    assert asked(one, FILE_SILENCE_MS) == []
    assert asked(one, FILE_SILENCE_MS + FILE_ASK_AGAIN_MS[0]) == list(range(20))


def test_it_goes_on_over_another_link_where_it_was() -> None:
    file = made(20)
    one = fetching(file)
    one.link_up(OTHER)
    other = b"o" * 16
    one.want(OTHER, [file.wanted(handle=other)])
    asked(one, 0, LINK, OTHER)
    for index in range(10):
        one.came(LINK, file.frame(index), at(1))
    write(one)
    one.link_down(LINK)
    one.ask(at(2), may_ask={OTHER: None})
    frames = one.take_frames()
    assert frames[0] == (OTHER, FileAsk(other, 10, 8))
    assert one.take_unnoted()[0][1].blocks == (1 << 10) - 1


def test_one_file_goes_over_a_link_at_a_time_and_over_one_link() -> None:
    file, second = made(20), made(20, b"second")
    one = Fetching()
    for link in (LINK, OTHER):
        one.link_up(link)
        one.want(link, [file.wanted(), second.wanted(2, handle=b"2" * 16, name=b"m" * 16)])
    one.ask(at(0), may_ask={LINK: None, OTHER: None})
    assert {(link, frame.handle) for link, frame in one.take_frames()} == {
        (LINK, HANDLE),
        (OTHER, b"2" * 16),
    }


def test_a_file_that_was_cancelled_and_is_wanted_again_begins_anew() -> None:
    file = made(20)
    one = fetching(file)
    asked(one)
    one.came(LINK, file.frame(0), at(1))
    write(one)
    one.want(LINK, [file.wanted(name=b"m" * 16)])
    assert asked(one, 2) == list(range(20))
    # What is heard of the former sealed file is noted under its name, and so for nothing.
    assert [(known.name, known.blocks) for _, known in one.take_unnoted()] == [(b"n" * 16, 1)]


def test_a_disk_that_fails_ends_it() -> None:
    file = made(20)
    one = fetching(file)
    asked(one)
    assert one.failed(b"n" * 16) == 1
    assert one.failed(b"n" * 16) is None
