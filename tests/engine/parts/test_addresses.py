"""Addresses as people write them."""

import pytest

from mesh.engine.parts.addresses import parse_address
from mesh.errors import UserError


@pytest.mark.parametrize(
    "text", ["", "host", "host:0", "host:99999", "a b:1", "::1:80", ":80", "[fe80::1%x]:1"]
)
def test_a_bad_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("text", ["10.0.0.1:41730", "[fe80::1%3]:41730", "box.local:80"])
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(parse_address(text)) == text
