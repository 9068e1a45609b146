"""A name in a group has the bytes that the pages say, and any others are judged, never raised."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import Scope, decode_entry, entry_id
from mesh.content.fields import InvalidContentError
from mesh.content.kinds import Place, content_of
from mesh.content.name import Name
from mesh.crypto.signing import SigningKey
from mesh.errors import PeerError
from mesh.group.payload import sign_entry
from mesh.group.posts import GroupId
from mesh.ids import VerifyKey
from tests.vectors import group_name

VECTOR: dict[str, str] = json.loads((Path(__file__).parent / "group-name.json").read_text())
ENTRY = bytes.fromhex(VECTOR["entry"])


def test_the_file_is_what_the_pages_say() -> None:
    assert group_name.computed() == VECTOR


def test_a_name_is_read_and_written_in_these_bytes() -> None:
    entry = decode_entry(ENTRY)
    assert content_of(entry, Place.GROUP) == Name(VECTOR["name"])
    written = msgspec.structs.replace(
        entry, content=msgspec.Raw(msgspec.msgpack.encode(Name(VECTOR["name"])))
    )
    assert written.encode() == ENTRY
    group, author = bytes.fromhex(VECTOR["group"]), VerifyKey(bytes.fromhex(VECTOR["author"]))
    assert entry_id(Scope(group), author, ENTRY).hex() == VECTOR["id"]
    key = SigningKey.from_seed(bytes.fromhex(VECTOR["seed"]))
    assert sign_entry(key, GroupId(group), ENTRY).signature.hex() == VECTOR["signature"]
    with pytest.raises(InvalidContentError, match="not allowed here"):
        content_of(entry, Place.DIRECT)


@given(st.integers(0, len(ENTRY) - 1), st.binary(min_size=1, max_size=12), st.booleans())
def test_bytes_that_were_changed_are_a_name_or_refused(at: int, put: bytes, is_cut: bool) -> None:
    changed = ENTRY[:at] + put + (b"" if is_cut else ENTRY[at + len(put) :])
    try:
        content = content_of(decode_entry(changed), Place.GROUP)
    except (PeerError, InvalidContentError, KeyError, ValueError):
        return
    if isinstance(content, Name):
        assert 1 <= len(content.name.encode()) <= 64
