"""Handles: another one in each link and each way, and as the page says."""

import hashlib

from mesh.transfer.handles import handle_of

KEY, LINK_HASH = bytes(range(32)), bytes(range(64))


def test_a_handle_is_what_the_page_says() -> None:
    for is_initiator, role in ((True, b"\1"), (False, b"\0")):
        said = hashlib.blake2b(
            LINK_HASH + role, key=KEY, person=b"mesh/file/ask\0\0\0", digest_size=16
        ).digest()
        assert handle_of(KEY, LINK_HASH, is_asker_initiator=is_initiator) == said


def test_handles_of_links_ways_and_files_differ() -> None:
    handles = {
        handle_of(key, link, is_asker_initiator=way)
        for key in (KEY, bytes(32))
        for link in (LINK_HASH, bytes(64))
        for way in (True, False)
    }
    assert len(handles) == 8


def test_the_known_handle_stays() -> None:
    assert handle_of(KEY, LINK_HASH, is_asker_initiator=True).hex() == KNOWN


KNOWN = "afa7809b0b85027bd9adb1ab790dfe20"
"""The vector of `docs/protocol/direct-files.md`."""
