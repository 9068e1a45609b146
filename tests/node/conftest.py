"""What the tests of the shell share."""

from collections.abc import Iterator

import pytest

from tests.node.islands import Island


@pytest.fixture
def island() -> Iterator[Island]:
    """Return a bridge to which hosts can be added; its tests bear the mark `netns`."""
    made = Island()
    try:
        yield made
    finally:
        made.close()
