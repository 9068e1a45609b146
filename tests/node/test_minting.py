"""Stamps are made in order and hold."""

import trio

from mesh.effects import MintStamp
from mesh.ids import PostingKey
from mesh.inputs import StampMinted
from mesh.limits.node import STAMPS_QUEUED_MAX
from mesh.node.input_queue import InputQueue
from mesh.node.minting import Minting
from mesh.posting.stamp import is_precheck_valid, proof_bits
from mesh.wire.envelope import StampedKey


async def test_stamps_are_made_in_the_order_in_which_they_were_wanted(
    nursery: trio.Nursery,
) -> None:
    input_queue = InputQueue()
    minting = Minting(input_queue)
    keys = [PostingKey(bytes([n]) * 32) for n in (1, 2)]
    for key in keys:
        minting.want(MintStamp(key, 20_000, bits=1))
    nursery.start_soon(minting.run)
    minted: list[StampMinted] = []
    with trio.fail_after(60):
        while len(minted) < 2:
            await input_queue.wait()
            minted += [each for each in input_queue.take() if isinstance(each, StampMinted)]
    assert [each.posting_key for each in minted] == keys
    for each in minted:
        assert is_precheck_valid(each.posting_key, each.day, each.stamp)
        assert each.bits == 1
        assert proof_bits(StampedKey(each.posting_key, each.day, each.stamp[:8])) >= 1


async def test_a_vault_that_is_opened_again_and_again_asks_for_its_stamps_once() -> None:
    """Each unlock asks for all that has not come yet, and a stamp takes seconds."""
    minting = Minting(InputQueue())
    for _ in range(STAMPS_QUEUED_MAX + 1):
        for n in (1, 2):
            minting.want(MintStamp(PostingKey(bytes([n]) * 32), 20_000, bits=1))
    assert minting.queued_count == 2


async def test_stamps_beyond_the_bound_wait_for_the_next_unlock() -> None:
    minting = Minting(InputQueue())
    for n in range(STAMPS_QUEUED_MAX + 9):
        minting.want(MintStamp(PostingKey(n.to_bytes(32, "big")), 20_000, bits=1))
    assert minting.queued_count == STAMPS_QUEUED_MAX
