"""The one table of what the local API offers.

The server's routing, the OpenAPI document and the client all come from it.
"""

from mesh.api.conversation_routes import CONVERSATION_ROUTES
from mesh.api.door_routes import DOOR_ROUTES
from mesh.api.file_routes import FILE_ROUTES
from mesh.api.group_routes import GROUP_ROUTES
from mesh.api.item_routes import ITEM_ROUTES
from mesh.api.node_routes import NODE_ROUTES
from mesh.api.page_routes import PAGE_ROUTES
from mesh.api.people_routes import PEOPLE_ROUTES

ROUTES = (
    *PEOPLE_ROUTES,
    *CONVERSATION_ROUTES,
    *ITEM_ROUTES,
    *GROUP_ROUTES,
    *FILE_ROUTES,
    *NODE_ROUTES,
    *DOOR_ROUTES,
    *PAGE_ROUTES,
)
