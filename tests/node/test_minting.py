"""Stamps are made in order and hold."""

import trio

from mesh.effects import MintStamp
from mesh.ids import PostingKey
from mesh.inputs import StampMinted
from mesh.node.inbox import Inbox
from mesh.node.minting import Minting
from mesh.posting.stamp import is_precheck_valid, is_proof_valid


async def test_stamps_are_made_in_the_order_in_which_they_were_wanted(
    nursery: trio.Nursery,
) -> None:
    inbox = Inbox()
    minting = Minting(inbox)
    keys = [PostingKey(bytes([n]) * 32) for n in (1, 2)]
    for key in keys:
        minting.want(MintStamp(key, 20_000, bits=1))
    nursery.start_soon(minting.run)
    minted: list[StampMinted] = []
    with trio.fail_after(60):
        while len(minted) < 2:
            await inbox.wait()
            minted += [each for each in inbox.take() if isinstance(each, StampMinted)]
    assert [each.posting_key for each in minted] == keys
    for each in minted:
        assert is_precheck_valid(each.posting_key, each.day, each.stamp)
        assert is_proof_valid(each.posting_key, each.day, 1, each.stamp)
