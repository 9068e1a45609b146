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
from mesh.api.route import Request, Route

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

ROUTE_BY_REQUEST: dict[type[Request], Route] = {route.asks: route for route in ROUTES}

EVENTS_PATH = "/v1/events"
CARRY_EXPORT_PATH = "/v1/carry/export"
CARRY_IMPORT_PATH = "/v1/carry/import"
CARRY_SUMMARY_PATH = "/v1/carry/summary"
EXPORT_PATH = "/v1/conversations/{conversation}/export"
FILES_PATH = "/v1/files"
FILE_PATH = "/v1/files/{file}"
PICTURE_PATH = "/v1/files/{file}/picture"
BACKUP_PATH = "/v1/backup"
RESTORE_PATH = "/v1/restore"
METRICS_PATH = "/metrics"
OPENAPI_PATH = "/v1/openapi.json"
