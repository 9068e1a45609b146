"""The frozen vectors are what the reference makes today."""

import pytest

from tests.vectors.make_vectors import FILES, made
from tests.vectors.shapes import frozen_bytes


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_reference_makes_the_frozen_vectors(name: str) -> None:
    assert made(name) == frozen_bytes(name)
