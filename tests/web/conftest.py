"""Two laptops on one cable, each with a daemon and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.daemon import conftest as daemon
from tests.integration import conftest as integration
from tests.integration.making import made_with
from tests.integration.meshes import closed_config
from tests.integration.networks import Desk
from tests.integration.nodes import Node, start_all
from tests.integration.row import NodeMaker
from tests.web.chatting import begin_anew, on_cable
from tests.web.chromium import Browsers, Laptops, open_chat

desk = integration.desk
make_node = integration.make_node
row = integration.row
household = daemon.household

EXPECTED_WITHIN_MS = 60_000
"""Machines are shared: with twenty others on two cores a locked node goes on in 25 s. What is there
sooner waits for nothing.
"""


@pytest.fixture(scope="package", autouse=True)
def _patient() -> Iterator[None]:
    expect.set_options(timeout=EXPECTED_WITHIN_MS)
    yield
    expect.set_options()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver of all browsers, of which a thread can have one."""
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="package")
def cable() -> Iterator[tuple[str, str]]:
    """Two laptops on one cable, on which one test after the other has nodes of its own."""
    with Desk() as desk:
        made = desk.bridge("cable")
        yield desk.laptop(made), desk.laptop(made)


@pytest.fixture(scope="package")
def browsers(
    playwright: Playwright, cable: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browsers]:
    """Browsers, which take longer to start than most tests run; those on the cable stay."""
    with Browsers(playwright, tmp_path_factory.mktemp("browsers"), lasting=cable) as made:
        yield made


@pytest.fixture
def laptops(browsers: Browsers) -> Iterator[Laptops]:
    """Windows of browsers, which may complain of nothing."""
    with Laptops(browsers) as made:
        yield made


@pytest.fixture
def pair(cable: tuple[str, str], make_node: NodeMaker) -> tuple[Node, Node]:
    """Two nodes on one cable, running; they find each other by themselves."""
    return on_cable(cable, make_node)


@pytest.fixture
def alone(cable: tuple[str, str], make_node: NodeMaker) -> Node:
    """One running node, for what nobody else has a part in."""
    node = make_node(cable[0], "Anna")
    start_all(node)
    return node


@pytest.fixture(scope="module")
def lasting_pair(
    cable: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Node, Node]]:
    """Two nodes for all tests of a file, which tell at once what they have opened.

    A file takes it as its `pair`; whoever changes more than a conversation changes it back.
    """
    folder = tmp_path_factory.mktemp("pair")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    with made_with(folder, closed_config(folder) + at_once) as make:
        yield on_cable(cable, make)


@pytest.fixture
def chat(pair: tuple[Node, Node], laptops: Laptops) -> tuple[Page, Page]:
    """Anna and Ben, who wrote to each other and no more, each in front of the chat."""
    begin_anew(*pair)
    anna, ben = pair
    return in_front(laptops, anna, ben), in_front(laptops, ben, anna)


@pytest.fixture
def my_chat(pair: tuple[Node, Node], laptops: Laptops) -> Page:
    """The same for Anna alone, where nobody looks at what Ben sees: a page takes long to load."""
    begin_anew(*pair)
    anna, ben = pair
    return in_front(laptops, anna, ben)


@pytest.fixture
def their_chat(pair: tuple[Node, Node], laptops: Laptops) -> Page:
    """The same for Ben alone."""
    begin_anew(*pair)
    anna, ben = pair
    return in_front(laptops, ben, anna)


def in_front(laptops: Laptops, node: Node, other: Node) -> Page:
    """Open the page of a node with the chat in which there are two messages."""
    page = laptops.beside(node).page()
    open_chat(page, other.name)
    expect(page.get_by_role("article")).to_have_count(2)
    return page
