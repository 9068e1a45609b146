"""Files as blocks: every block of a file is found to be it, and nothing else is."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.content.file_tree import (
    HashTree,
    Proofs,
    block_bytes,
    blocks_count,
    check_block,
    is_carried,
    leaf_of,
    path_bytes,
    path_of,
    root_of,
    split_blocks,
)
from mesh.errors import PeerError
from mesh.limits.content import FILE_BYTES_MAX
from mesh.limits.direct_files import FILE_PATH_BYTES_MAX
from mesh.limits.files import CARRIED_BLOCKS_MAX, CARRIED_BYTES_MAX, FILE_BLOCK_BYTES

SIZES = st.integers(0, 40 * FILE_BLOCK_BYTES)


def b(message: bytes, person: bytes) -> bytes:
    """B("", message, person, 32), written out once more."""
    return hashlib.blake2b(message, person=person, digest_size=32).digest()


def leaves_of(data: bytes) -> list[bytes]:
    return [leaf_of(index, block) for index, block in enumerate(split_blocks(data))]


def test_the_root_of_three_blocks_is_what_the_page_says() -> None:
    data = bytes(range(256)) * 550
    blocks = [data[:65_000], data[65_000:130_000], data[130_000:]]
    leaves = [
        b(index.to_bytes(4, "big") + block, b"mesh/file/leaf") for index, block in enumerate(blocks)
    ]
    left = b(leaves[0] + leaves[1], b"mesh/file/node")
    top = b(left + leaves[2], b"mesh/file/node")
    root = b(len(data).to_bytes(8, "big") + top, b"mesh/file/root")

    assert root_of(len(data), leaves_of(data)) == root
    assert path_of(leaves_of(data), 0) == leaves[1] + leaves[2]
    assert path_of(leaves_of(data), 2) == left
    assert root.hex() == "47c2b7c2e8ec3bc1ff8b8b9c28422fa11777a358822f2d15b9b0df822cb066ee"


def test_an_empty_file_has_one_block() -> None:
    root = root_of(0, leaves_of(b""))
    check_block(root, 0, 0, b"", b"")
    assert root == b(bytes(8) + b(bytes(4), b"mesh/file/leaf"), b"mesh/file/root")


def test_a_carried_file_has_at_most_fifteen_blocks_and_short_paths() -> None:
    assert blocks_count(CARRIED_BYTES_MAX) == CARRIED_BLOCKS_MAX == 15
    assert is_carried(975_000)
    assert not is_carried(975_001)
    assert max(path_bytes(CARRIED_BYTES_MAX, index) for index in range(15)) == 128


@given(size=SIZES, seed=st.binary(min_size=1, max_size=8))
def test_each_block_counts_and_its_lengths_are_known_before(size: int, seed: bytes) -> None:
    data = hashlib.shake_128(seed).digest(size)
    leaves = leaves_of(data)
    root = root_of(size, leaves)
    assert b"".join(split_blocks(data)) == data
    for index, block in enumerate(split_blocks(data)):
        path = path_of(leaves, index)
        assert len(path) == path_bytes(size, index)
        assert len(block) == block_bytes(size, index)
        check_block(root, size, index, path, block)


@given(size=st.integers(1, 9 * FILE_BLOCK_BYTES), data=st.data(), what=st.sampled_from("bpirs"))
def test_nothing_else_counts(size: int, data: st.DataObject, what: str) -> None:
    """A flipped bit of block, path or root, another index, another size."""
    content = hashlib.shake_128(b"content").digest(size)
    leaves, blocks = leaves_of(content), split_blocks(content)
    index = data.draw(st.integers(0, len(blocks) - 1))
    root, path, block = root_of(size, leaves), path_of(leaves, index), blocks[index]
    other = index
    match what:
        case "b":
            block = flipped(block, data)
        case "p":
            path = flipped(path, data) if path else b"\0" * 32
        case "i":
            other = data.draw(st.integers(0, len(blocks) + 1).filter(lambda one: one != index))
        case "r":
            root = flipped(root, data)
        case _:
            size += data.draw(st.sampled_from([-1, 1, FILE_BLOCK_BYTES]))
    with pytest.raises(PeerError):
        check_block(root, size, other, path, block)


@settings(max_examples=60)
@given(count=st.integers(1, 40), data=st.data())
def test_what_one_block_has_proved_lets_no_false_one_in(count: int, data: st.DataObject) -> None:
    """Blocks in any order, true ones and such with a flipped bit, against one at a time."""
    contents = hashlib.shake_128(b"content").digest(8 * FILE_BLOCK_BYTES)
    blocks = [contents[at : at + FILE_BLOCK_BYTES] for at in range(count)]
    size = count * FILE_BLOCK_BYTES
    leaves = [leaf_of(index, block) for index, block in enumerate(blocks)]
    proofs = Proofs(root_of(size, leaves), size)
    near = st.lists(st.integers(0, count - 1), min_size=1, max_size=12)
    for index in sorted(data.draw(near)) + data.draw(near):
        path, block = path_of(leaves, index), blocks[index]
        what = data.draw(st.sampled_from(["true", "path", "block", "place"]))
        if what == "path" and path:
            with pytest.raises(PeerError):
                proofs.check(index, flipped(path, data), block)
        elif what == "block":
            with pytest.raises(PeerError):
                proofs.check(index, path, flipped(block, data))
        elif what == "place" and count > 1:
            other = (index + 1) % count
            with pytest.raises(PeerError):
                proofs.check(other, path, block)
        proofs.check(index, path, block)


def flipped(value: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(value) * 8 - 1))
    return value[: at // 8] + bytes([value[at // 8] ^ 1 << at % 8]) + value[at // 8 + 1 :]


@settings(max_examples=60)
@given(st.integers(0, 40 * FILE_BLOCK_BYTES), st.data())
def test_a_tree_gives_the_root_and_paths_of_its_leaves(size: int, data: st.DataObject) -> None:
    blocks = split_blocks(bytes(size))
    leaves = [leaf_of(index, block) for index, block in enumerate(blocks)]
    tree = HashTree(size, b"".join(leaves))
    index = data.draw(st.integers(0, len(blocks) - 1))
    assert tree.root == root_of(size, leaves)
    assert tree.path(index) == path_of(leaves, index)
    assert len(tree.path(index)) == path_bytes(size, index) <= FILE_PATH_BYTES_MAX
    assert tree.is_block(index, blocks[index])
    assert not tree.is_block(index, blocks[index] + b"!")


def test_the_longest_path_of_the_largest_file_fits_its_bound() -> None:
    count = blocks_count(FILE_BYTES_MAX)
    longest = max(path_bytes(FILE_BYTES_MAX, index) for index in (0, count // 2, count - 1))
    assert longest == FILE_PATH_BYTES_MAX
