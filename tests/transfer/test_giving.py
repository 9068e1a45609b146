"""Giving: what is asked for and may be had, and one answer for all that may not."""

import pytest

from mesh.errors import PeerError
from mesh.ids import LinkId
from mesh.inputs import BlocksRead
from mesh.limits.direct_files import (
    FILE_ASK_BLOCKS_MAX,
    FILE_ASKS_WAITING_MAX,
    FILE_READ_AHEAD_BLOCKS,
    FILES_READ_AHEAD_BLOCKS,
)
from mesh.transfer.giving import Giving, Offer
from mesh.wire.frames import FileAsk, FileBlock, FileRefuse, encode_frame
from tests.transfer.making import HANDLE, LINK, OTHER, Made, made

UNKNOWN = b"u" * 16


def giving(file: Made, *links: LinkId) -> Giving:
    one = Giving()
    for link in links or (LINK,):
        one.link_up(link)
        one.offer(link, {HANDLE: Offer(1, len(file.data))})
    return one


def serve(one: Giving, file: Made) -> None:
    """Read what it wants read, as long as it wants something."""
    for number in one.unknown():
        one.found(number, file.source)
    one.read_ahead()
    while wanted := one.take_effects():
        for each in wanted:
            blocks = file.blocks[each.first : each.first + each.count]
            one.read(BlocksRead(each.number, tuple(blocks)))


def taken(one: Giving) -> list[FileBlock]:
    found = []
    while (block := one.take_block(LINK)) is not None:
        found.append(block)
    return found


def test_blocks_come_with_the_paths_that_prove_them() -> None:
    file = made(5)
    one = giving(file)
    one.asked(LINK, FileAsk(HANDLE, 1, 3))
    serve(one, file)
    assert taken(one) == [file.frame(index) for index in (1, 2, 3)]
    assert one.take_unnoted() == [(1, 0b1110)]
    assert one.take_refusals() == []


def test_what_is_not_offered_and_what_nobody_heard_of_have_one_answer_at_once() -> None:
    file = made(5)
    one = giving(file)
    one.link_up(OTHER)
    # Another's file, a name that means nothing, and a link that leads to nobody.
    for link, handle in ((LINK, UNKNOWN), (OTHER, HANDLE), (OTHER, UNKNOWN)):
        one.asked(link, FileAsk(handle, 0, 8))
    refusals = one.take_refusals()
    assert [link for link, _ in refusals] == [LINK, OTHER, OTHER]
    assert len({len(encode_frame(frame)) for _, frame in refusals}) == 1
    assert one.take_effects() == []
    assert one.unknown() == []
    # Not even an ask beyond the end of a file tells that it is one.
    one.asked(OTHER, FileAsk(HANDLE, 4_000_000_000, 8))
    assert one.take_refusals() == [(OTHER, FileRefuse(HANDLE))]


def test_no_more_is_read_than_fits_the_memory_of_a_link() -> None:
    file = made(64)
    one = giving(file)
    for first in range(0, 64, 8):
        one.asked(LINK, FileAsk(HANDLE, first, 8))
    one.found(1, file.source)
    one.read_ahead()
    assert sum(each.count for each in one.take_effects()) == FILE_READ_AHEAD_BLOCKS
    one.read_ahead()
    assert one.take_effects() == []


def test_two_asks_are_read_at_once_where_many_wait() -> None:
    file = made(FILE_READ_AHEAD_BLOCKS + 4 * FILE_ASK_BLOCKS_MAX)
    one = giving(file)
    for first in range(0, len(file.blocks), FILE_ASK_BLOCKS_MAX):
        one.asked(LINK, FileAsk(HANDLE, first, FILE_ASK_BLOCKS_MAX))
    serve(one, file)
    reads = []
    while one.take_block(LINK) is not None:
        one.read_ahead()
        reads.append(len(one.take_effects()))
    assert reads == [0] * (2 * FILE_ASK_BLOCKS_MAX - 1) + [2] + [0] * FILE_ASK_BLOCKS_MAX


def test_asks_without_end_and_beyond_the_file_are_faults() -> None:
    file = made(5)
    one = giving(file)
    for first, count in ((5, 1), (4, 2), (4_000_000_000, 8)):
        with pytest.raises(PeerError):
            one.asked(LINK, FileAsk(HANDLE, first, count))
    for _ in range(FILE_ASKS_WAITING_MAX):
        one.asked(LINK, FileAsk(HANDLE, 0, 1))
    with pytest.raises(PeerError):
        one.asked(LINK, FileAsk(HANDLE, 0, 1))


@pytest.mark.parametrize("what", ["changed", "cut", "gone"])
def test_a_file_that_is_not_what_it_was_is_lost_and_refused(what: str) -> None:
    file = made(5)
    one = giving(file)
    one.asked(LINK, FileAsk(HANDLE, 0, 4))
    one.found(1, file.source)
    one.read_ahead()
    [wanted] = one.take_effects()
    blocks = list(file.blocks[:4])
    if what == "changed":
        blocks[2] = bytes(len(blocks[2]))
    blocks = blocks[: {"changed": 4, "cut": 3, "gone": 0}[what]]
    one.read(BlocksRead(wanted.number, tuple(blocks)))
    assert one.take_refusals() == [(LINK, FileRefuse(HANDLE))]
    assert one.take_lost() == [1]
    assert taken(one) == []


def test_what_is_offered_no_more_is_refused_in_the_middle() -> None:
    file = made(20)
    one = giving(file)
    one.asked(LINK, FileAsk(HANDLE, 0, 8))
    serve(one, file)
    one.offer(LINK, {})
    assert one.take_refusals() == [(LINK, FileRefuse(HANDLE))]
    assert taken(one) == []


def test_another_file_takes_the_place_of_the_one_before() -> None:
    file, other = made(20), made(9, b"other")
    one = giving(file)
    one.offer(LINK, {HANDLE: Offer(1, len(file.data)), UNKNOWN: Offer(2, len(other.data))})
    one.asked(LINK, FileAsk(HANDLE, 0, 8))
    one.found(1, file.source)
    one.read_ahead()
    [late] = one.take_effects()
    one.asked(LINK, FileAsk(UNKNOWN, 0, 2))
    # What was being read for the former one is passed over.
    assert one.unknown() == []
    one.read(BlocksRead(late.number, tuple(file.blocks[:8])))
    assert taken(one) == []
    assert one.unknown() == [2]
    one.found(2, other.source)
    serve(one, other)
    assert taken(one) == [other.frame(index, UNKNOWN) for index in (0, 1)]


def test_two_who_ask_for_blocks_from_the_same_one_on_lose_no_file() -> None:
    file = made(20)
    one = giving(file, LINK, OTHER)
    one.asked(OTHER, FileAsk(HANDLE, 0, 8))
    one.asked(LINK, FileAsk(HANDLE, 0, 1))
    one.found(1, file.source)
    one.read_ahead()
    # The disk answers both, and in any order.
    for each in sorted(one.take_effects(), key=lambda wanted: wanted.count, reverse=True):
        one.read(BlocksRead(each.number, tuple(file.blocks[each.first : each.first + each.count])))
    assert one.take_lost() == []
    assert one.take_refusals() == []
    assert taken(one) == [file.frame(0)]
    assert one.links_with_blocks() == [OTHER]


def test_an_answer_that_nobody_waits_for_any_more_is_passed_over() -> None:
    file, other = made(20), made(9, b"other")
    one = giving(file)
    one.offer(LINK, {HANDLE: Offer(1, len(file.data)), UNKNOWN: Offer(2, len(other.data))})
    one.asked(LINK, FileAsk(HANDLE, 0, 8))
    one.found(1, file.source)
    one.read_ahead()
    [late] = one.take_effects()
    # Another file between, and then the first one again, from the same block on.
    one.asked(LINK, FileAsk(UNKNOWN, 0, 1))
    one.asked(LINK, FileAsk(HANDLE, 0, 1))
    one.found(1, file.source)
    one.read(BlocksRead(late.number, tuple(file.blocks[:8])))
    assert taken(one) == []
    serve(one, file)
    assert one.take_lost() == []
    assert taken(one) == [file.frame(0)]


def of_two(*links: LinkId) -> tuple[Giving, dict[int, Made]]:
    """Two files that are offered over each of some links, by their numbers."""
    files = {1: made(64), 2: made(64, b"other")}
    one = Giving()
    for link in links:
        one.link_up(link)
        one.offer(
            link, {HANDLE: Offer(1, len(files[1].data)), UNKNOWN: Offer(2, len(files[2].data))}
        )
    return one, files


def in_turn(one: Giving, files: dict[int, Made], link: LinkId) -> tuple[int, int]:
    """Ask for the files in turn while nothing is read: blocks to be read, sources looked up."""
    blocks = sources = 0
    for handle in [HANDLE, UNKNOWN] * 20:
        one.asked(link, FileAsk(handle, 0, 8))
        for number in one.unknown():
            one.found(number, files[number].source)
            sources += 1
        one.read_ahead()
        blocks += sum(each.count for each in one.take_effects())
    return blocks, sources


def test_who_asks_for_two_files_in_turn_gets_no_more_read_than_fits_the_memory_of_a_link() -> None:
    one, files = of_two(LINK)
    blocks, sources = in_turn(one, files, LINK)
    assert blocks <= FILE_READ_AHEAD_BLOCKS
    assert sources == 1


def test_nor_does_who_links_anew_for_each() -> None:
    one, files = of_two()
    blocks = 0
    for link in range(1, 41):
        one.link_up(LinkId(link))
        one.offer(LinkId(link), {HANDLE: Offer(1, len(files[1].data))})
        one.asked(LinkId(link), FileAsk(HANDLE, 0, 8))
        one.found(1, files[1].source)
        one.read_ahead()
        blocks += sum(each.count for each in one.take_effects())
        one.link_down(LinkId(link))
    assert blocks == FILES_READ_AHEAD_BLOCKS


def test_the_last_two_files_of_a_link_are_looked_up_once() -> None:
    one, files = of_two(LINK)
    found = []
    for handle in [HANDLE, UNKNOWN] * 4:
        one.asked(LINK, FileAsk(handle, 0, 1))
        found += one.unknown()
        serve(one, files[1 if handle == HANDLE else 2])
        assert [frame.handle for frame in taken(one)] == [handle]
    assert found == [1, 2]
    # What is offered no more is not kept either.
    offers = {HANDLE: Offer(1, len(files[1].data)), UNKNOWN: Offer(2, len(files[2].data))}
    one.offer(LINK, {UNKNOWN: offers[UNKNOWN]})
    one.offer(LINK, offers)
    one.asked(LINK, FileAsk(HANDLE, 0, 1))
    assert one.unknown() == [1]


def test_who_goes_to_another_file_while_the_disk_is_slow_gets_all_of_it() -> None:
    one, files = of_two(LINK)
    for first in range(0, 24, 8):
        one.asked(LINK, FileAsk(HANDLE, first, 8))
    one.found(1, files[1].source)
    one.read_ahead()
    late = one.take_effects()
    assert sum(each.count for each in late) == FILE_READ_AHEAD_BLOCKS
    for first in range(0, 64, 8):
        one.asked(LINK, FileAsk(UNKNOWN, first, 8))
    serve(one, files[2])
    assert one.take_effects() == []
    for each in late:
        blocks = files[1].blocks[each.first : each.first + each.count]
        one.read(BlocksRead(each.number, tuple(blocks)))
    came: list[FileBlock] = []
    for _ in range(8):
        serve(one, files[2])
        came += taken(one)
    assert came == [files[2].frame(index, UNKNOWN) for index in range(64)]
    assert one.take_refusals() == []
