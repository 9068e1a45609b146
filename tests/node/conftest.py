"""What the tests of the shell share."""

import os
from collections.abc import Iterator

import pytest

from tests.node.islands import Island, why_no_namespaces


@pytest.fixture
def island() -> Iterator[Island]:
    """Return a bridge to which hosts can be added, or tell why there is none."""
    reason = why_no_namespaces()
    if reason is not None:
        if "netns" in os.environ.get("MESH_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    made = Island()
    try:
        yield made
    finally:
        made.close()
