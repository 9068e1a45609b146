"""The OpenAPI 3.1 document, made from the table of routes and the types in it."""

from functools import cache

import msgspec

from mesh.api.carry import BYTES_MAX_DEFAULT
from mesh.api.files import SIDES
from mesh.api.own_requests import MakeBackup, RestoreBackup
from mesh.api.parsing import field_types
from mesh.api.paths import (
    BACKUP_PATH,
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    EXPORT_PATH,
    FILE_PATH,
    FILES_PATH,
    METRICS_PATH,
    OPENAPI_PATH,
    PICTURE_PATH,
    RESTORE_PATH,
)
from mesh.api.problems import Problem, problem, status_of
from mesh.api.route import CONTACT, IDEMPOTENCY_HEADER, NUMBERED, VAULT, Route
from mesh.api.routes import ROUTES
from mesh.api.stream import StreamObject
from mesh.commands.backup import Restored
from mesh.commands.carry import ImportedAnswer
from mesh.commands.files import FileAnswer
from mesh.limits.api import NUMBER_MAX
from mesh.pictures.drawing import SHOWN_TYPE
from mesh.wire.carry_file import FILE_BYTES_MIN

Json = dict[str, object]

API_VERSION = "1.0"

TOKEN = "token"  # noqa: S105 (the name of a scheme)
BEARER: Json = {
    "type": "http",
    "scheme": "bearer",
    "description": "On loopback: of a session or a program. On the unix socket none is needed.",
}

ALWAYS = (
    *("bad-request", "no-route", "method-not-allowed", "misdirected", "forbidden", "storage"),
    *("signed-out", "not-allowed"),
)
WITH_BODY = ("too-large", "not-json", "timeout")

DESCRIPTION = """\
What programs of one person may ask of their own node: over its unix socket, and with a token on
loopback. Each operation names the scope that a token needs; a scope holds those before it in
`metrics`, `read`, `send`, `admin`.

Errors are `application/problem+json` (RFC 9457); decide by `type`, which is stable. Events come
over a WebSocket or as server-sent events at `/v1/events`. Whoever asks for a person who is there
says so by the header `Mesh-Person: 1`: an unused node locks itself, if it was set to.
"""


@cache
def document_json() -> bytes:
    """Return the document, encoded."""
    return msgspec.json.encode(document())


def document() -> Json:
    """Return the document."""
    asked = [route.asks for route in ROUTES]
    types = [
        *asked,
        *(route.reply for route in ROUTES),
        FileAnswer,
        ImportedAnswer,
        MakeBackup,
        RestoreBackup,
        Restored,
        Problem,
        StreamObject,
    ]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for route in ROUTES:
        operation = operation_of(route, schemas[route.asks.__name__])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    paths[OPENAPI_PATH] = {"get": openapi_operation()}
    paths[EVENTS_PATH] = {"get": events_operation()}
    paths[BACKUP_PATH]["post"] = backup_operation()
    paths[RESTORE_PATH] = {"post": restore_operation()}
    paths[METRICS_PATH] = {"get": metrics_operation()}
    paths[EXPORT_PATH] = {"get": conversation_operation()}
    paths[FILES_PATH] = {"post": upload_operation()}
    paths[FILE_PATH] = {"get": download_operation()}
    paths[PICTURE_PATH] = {"get": picture_operation()}
    paths[CARRY_EXPORT_PATH] = {"post": export_operation()}
    paths[CARRY_IMPORT_PATH] = {"post": import_operation()}
    paths[CARRY_SUMMARY_PATH] = {"get": summary_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mesh",
            "version": API_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://mesh"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {TOKEN: BEARER}},
    }


def operation_of(route: Route, schema: object) -> Json:
    """Describe one method of one path."""
    assert isinstance(schema, dict)
    properties: dict[str, Json] = schema["properties"]
    required: list[str] = schema.get("required", [])
    in_path = route.path_fields
    rest = [name for name in field_types(route.asks) if name not in in_path]
    parameters: list[Json] = [
        parameter("path", name, properties[name], is_required=True) for name in in_path
    ]
    if not route.has_body:
        parameters += [
            parameter("query", name, properties[name], is_required=name in required)
            for name in rest
        ]
    if route.has_idempotency_key:
        key = properties["idempotency_key"]
        parameters.append(parameter("header", IDEMPOTENCY_HEADER, key, is_required=False))
    operation: Json = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters,
        "security": [] if route.scope == "open" else [{TOKEN: [route.scope]}, {}],
        "responses": {"200": answer(route.reply.__name__), **problems(route)},
    }
    if route.has_body and rest:
        operation["requestBody"] = {
            "required": any(name in required for name in rest),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {name: properties[name] for name in rest},
                        "required": [name for name in rest if name in required],
                        "additionalProperties": False,
                    }
                }
            },
        }
    return operation


def operation_id(route: Route) -> str:
    """Return the name by which generated clients call it: that of the request."""
    name = route.asks.__name__
    return name[0].lower() + name[1:]


def parameter(place: str, name: str, schema: Json, *, is_required: bool) -> Json:
    """Describe one parameter. It is a text, and what is none is left out."""
    schema = {key: value for key, value in schema.items() if value is not None}
    match schema.get("anyOf"):
        case [dict(only), {"type": "null"}]:
            schema = only
        case _:
            pass
    return {"in": place, "name": name, "required": is_required, "schema": schema}


def answer(name: str) -> Json:
    """Describe a good answer."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": "Done", "content": {"application/json": {"schema": schema}}}


def problems(route: Route) -> Json:
    """Describe the problems of a route, by status; each names its kinds."""
    kinds = (*route.errors, *ALWAYS, *(WITH_BODY if route.has_body else ()))
    by_status: dict[int, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(status_of(kind), []).append(kind)
    return {str(status): problem_answer(by_status[status]) for status in sorted(by_status)}


def problem_answer(kinds: list[str]) -> Json:
    """Describe a problem that may have any of these kinds."""
    return {
        "description": " or ".join(problem(kind, "").title for kind in kinds),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def openapi_operation() -> Json:
    """Describe this document's own route."""
    schema = {"type": "object"}
    return {
        "operationId": "askOpenapi",
        "summary": "This document",
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": schema}}}
        },
    }


def events_operation() -> Json:
    """Describe the stream of events, by its second carrier."""
    whole = {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}
    objects = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in StreamObject.__args__]
    return {
        "operationId": "followEvents",
        "summary": "Events as they happen; over a WebSocket also commands",
        "parameters": [
            parameter("query", "after", whole, is_required=False),
            parameter("query", "epoch", {"type": "string"}, is_required=False),
        ],
        "responses": {
            "200": {
                "description": "One object of the stream in each `data:` line",
                "content": {"text/event-stream": {"schema": {"oneOf": objects}}},
            },
            "400": problem_answer(["bad-request"]),
            "429": problem_answer(["too-many"]),
            "503": problem_answer(["stopping"]),
        },
    }


def metrics_operation() -> Json:
    """Describe what Prometheus reads."""
    return {
        "operationId": "askMetrics",
        "summary": "A few numbers of the node, none of them about a person, for Prometheus",
        "security": [{TOKEN: ["metrics"]}, {}],
        "responses": {
            "200": {
                "description": "The text format",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    }


CARRY_FILE: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def backup_operation() -> Json:
    """Describe the writing of a backup."""
    schema = {"$ref": f"#/components/schemas/{MakeBackup.__name__}"}
    return {
        "operationId": "makeBackup",
        "summary": "A backup of the profile, sealed under the passphrase of backups",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {
                "description": "A backup; whole only with its last chunk",
                "content": CARRY_FILE,
            },
            **carry_problems(
                "wrong-passphrase",
                "bad-passphrase",
                "no-passphrase",
                "locked",
                "busy",
                "too-large",
                "not-json",
                "timeout",
                "storage",
            ),
        },
    }


def restore_operation() -> Json:
    """Describe the putting back of a backup."""
    return {
        "operationId": "restoreBackup",
        "summary": "Put a backup back into a profile that is nobody's yet",
        "description": (
            "The body is one line of JSON (`RestoreBackup`), then the bytes of the file. Nothing "
            "is taken before the last of them was read; then the node begins anew."
        ),
        "requestBody": {"required": True, "content": CARRY_FILE},
        "responses": {
            "200": answer(Restored.__name__),
            **carry_problems(
                "wrong-passphrase",
                "no-passphrase",
                "exists",
                "other-mesh",
                "relay",
                "bad-backup",
                "bad-passphrase",
                "relay-backup",
                "busy",
                "no-memory",
                "timeout",
                "storage",
                "no-room",
            ),
        },
    }


def conversation_operation() -> Json:
    """Describe the export of a conversation."""
    text: Json = {"type": "string"}
    return {
        "operationId": "exportConversation",
        "summary": "A conversation as a file: JSON for programs, or a page of HTML for people",
        "parameters": [
            parameter("path", "conversation", text, is_required=True),
            parameter(
                "query", "as", {"type": "string", "enum": ["json", "html"]}, is_required=False
            ),
            # Beside the page, where its reader puts the files that it then links to.
            parameter("query", "folder", text, is_required=False),
        ],
        "responses": {
            "200": {
                "description": "The file; whole only with its end",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/html": {"schema": text},
                },
            },
            **carry_problems(*CONTACT),
        },
    }


def upload_operation() -> Json:
    """Describe the handing over of a file."""
    text: Json = {"type": "string"}
    duration: Json = {"type": "integer", "minimum": 0, "exclusiveMaximum": 1 << 32}
    return {
        "operationId": "addFile",
        "summary": "Hand over a file that is to be sent; `files` of an item names it by its number",
        "parameters": [
            parameter("query", "name", text, is_required=True),
            parameter("query", "media_type", text, is_required=False),
            parameter("query", "look", {"enum": ["", "file", "voice"]}, is_required=False),
            parameter("query", "duration_ms", duration, is_required=False),
            parameter("query", "peaks", text, is_required=False),
        ],
        "requestBody": {"required": True, "content": CARRY_FILE},
        "responses": {
            "200": answer(FileAnswer.__name__),
            **carry_problems("too-large", "timeout", "no-room", "bad-picture", *VAULT),
        },
    }


def download_operation() -> Json:
    """Describe the bytes of a file."""
    number: Json = {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}
    return {
        "operationId": "fileBytes",
        "summary": "The bytes of a file that is all here, or one range of them",
        "parameters": [
            parameter("path", "file", number, is_required=True),
            parameter("header", "range", {"type": "string"}, is_required=False),
        ],
        "responses": {
            "200": {"description": "All bytes", "content": CARRY_FILE},
            "206": {"description": "The bytes that were asked for", "content": CARRY_FILE},
            **carry_problems("not-whole", "no-range", *NUMBERED),
        },
    }


def picture_operation() -> Json:
    """Describe a picture as it may be shown."""
    number: Json = {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}
    image: Json = {SHOWN_TYPE.decode(): {"schema": {"type": "string", "format": "binary"}}}
    return {
        "operationId": "filePicture",
        "summary": "A picture drawn anew, of the whole file, or of its preview meanwhile",
        "parameters": [
            parameter("path", "file", number, is_required=True),
            parameter("query", "side", {"enum": list(SIDES)}, is_required=False),
        ],
        "responses": {
            "200": {"description": "The picture", "content": image},
            **carry_problems(*NUMBERED),
        },
    }


def export_operation() -> Json:
    """Describe the writing of a carry file."""
    return {
        "operationId": "exportCarried",
        "summary": "What this node carries, newest first; with a summary, what that lacks",
        "parameters": [
            parameter(
                "query",
                "bytes_max",
                {"type": "integer", "minimum": FILE_BYTES_MIN, "maximum": BYTES_MAX_DEFAULT},
                is_required=False,
            ),
            parameter(
                "query",
                "contact",
                {"type": "string", "description": "Only what was written here for this contact."},
                is_required=False,
            ),
        ],
        "requestBody": {"required": False, "content": CARRY_FILE},
        "responses": {
            "200": {
                "description": "A carry file; whole only with its end mark",
                "content": CARRY_FILE,
            },
            **carry_problems(
                *("bad-carry-file", "too-large", "timeout", "nothing-to-carry"), *CONTACT
            ),
        },
    }


def import_operation() -> Json:
    """Describe the reading of a carry file."""
    return {
        "operationId": "importCarried",
        "summary": "Judge and keep what a carry file holds; what is known costs a look",
        "requestBody": {"required": True, "content": CARRY_FILE},
        "responses": {
            "200": answer(ImportedAnswer.__name__),
            **carry_problems("bad-carry-file", "timeout"),
        },
    }


def summary_operation() -> Json:
    """Describe the writing of a summary."""
    return {
        "operationId": "summariseCarried",
        "summary": "A summary of what this node has, for an export elsewhere",
        "responses": {
            "200": {"description": "A summary", "content": CARRY_FILE},
            **carry_problems(),
        },
    }


def carry_problems(*kinds: str) -> Json:
    """Describe the problems of a stream of a file."""
    by_status: dict[int, list[str]] = {}
    for kind in ("bad-request", "too-many", "stopping", *kinds):
        by_status.setdefault(status_of(kind), []).append(kind)
    return {str(status): problem_answer(by_status[status]) for status in sorted(by_status)}
