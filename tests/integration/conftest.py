"""The common parts of the tests with real daemons: a desk of laptops, and three people at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.making import made_with
from tests.integration.meshes import closed_config
from tests.integration.networks import Desk
from tests.integration.nodes import start_all
from tests.integration.row import NodeMaker, Row


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Namespaces and bridges."""
    with Desk() as made:
        yield made


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[NodeMaker]:
    """Make nodes of the closed mesh; at the end none of them may have shown a traceback."""
    with made_with(tmp_path, closed_config(tmp_path)) as make:
        yield make


@pytest.fixture
def make_open_node(tmp_path: Path) -> Iterator[NodeMaker]:
    """Make nodes of the open mesh with its usual rules, stamps included."""
    with made_with(tmp_path, "") as make:
        yield make


@pytest.fixture
def row(desk: Desk, make_node: NodeMaker) -> Row:
    """Three laptops in a row, running and linked; nobody typed an address."""
    left, right = desk.bridge("left"), desk.bridge("right")
    laptops = (desk.laptop(left), desk.laptop(left, right), desk.laptop(right))
    anna, ben, cleo = (
        make_node(laptop, name)
        for laptop, name in zip(laptops, ("Anna", "Ben", "Cleo"), strict=True)
    )
    start_all(anna, ben, cleo)
    made = Row(desk, left, right, anna, ben, cleo)
    made.wait_until_linked()
    return made
