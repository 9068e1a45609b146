"""Finds the route of one request without loading all commands that there are.

Each part of the table loads the commands that it names. So a command line that asks one thing
starts in a fraction of the time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from mesh.api.route import Route

if TYPE_CHECKING:
    from mesh.api.request import Request

PARTS: Final = (
    ("mesh.api.node_routes", "NODE_ROUTES"),
    ("mesh.api.door_routes", "DOOR_ROUTES"),
    ("mesh.api.people_routes", "PEOPLE_ROUTES"),
    ("mesh.api.file_routes", "FILE_ROUTES"),
    ("mesh.api.conversation_routes", "CONVERSATION_ROUTES"),
    ("mesh.api.item_routes", "ITEM_ROUTES"),
    ("mesh.api.group_routes", "GROUP_ROUTES"),
    ("mesh.api.page_routes", "PAGE_ROUTES"),
)
"""The parts of the table, those that load quickly first."""


def route_of(asks: "type[Request]") -> Route:
    """Return the route of a request; KeyError if there is none."""
    for module, name in PARTS:
        part: tuple[Route, ...] = getattr(import_module(module), name)
        for route in part:
            if route.asks is asks:
                return route
    raise KeyError(asks)
