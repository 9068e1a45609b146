"""The frozen vectors are what the reference makes today."""

import pytest

from tests.vectors.make_vectors import made
from tests.vectors.shapes import frozen_bytes

MADE = made()


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_reference_makes_the_frozen_vectors(name: str) -> None:
    assert MADE[name] == frozen_bytes(name)
