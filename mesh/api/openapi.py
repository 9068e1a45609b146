"""The OpenAPI 3.1 document, made from the table of routes and the types in it."""

from functools import cache

import msgspec

from mesh.api.carry import BYTES_MAX_DEFAULT
from mesh.api.parsing import field_types
from mesh.api.problems import Problem, problem, status_of
from mesh.api.routes import (
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    IDEMPOTENCY_HEADER,
    OPENAPI_PATH,
    ROUTES,
    Route,
)
from mesh.api.stream import StreamObject
from mesh.commands.carry import ImportedAnswer
from mesh.wire.carry_file import FILE_BYTES_MIN

Json = dict[str, object]

API_VERSION = "1.0"

ALWAYS = ("bad-request", "no-route", "method-not-allowed", "misdirected", "forbidden", "storage")
WITH_BODY = ("too-large", "not-json", "timeout")

DESCRIPTION = """\
What programs of one person may ask of their own node, over its unix socket.

Errors are `application/problem+json` (RFC 9457); decide by `type`, which is stable. Events come
over a WebSocket or as server-sent events at `/v1/events`.
"""


@cache
def document_json() -> bytes:
    """Return the document, encoded."""
    return msgspec.json.encode(document())


def document() -> Json:
    """Return the document."""
    asked = [route.asks for route in ROUTES]
    types = [*asked, *(route.reply for route in ROUTES), ImportedAnswer, Problem, StreamObject]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for route in ROUTES:
        operation = operation_of(route, schemas[route.asks.__name__])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    paths[OPENAPI_PATH] = {"get": openapi_operation()}
    paths[EVENTS_PATH] = {"get": events_operation()}
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
        "components": {"schemas": schemas},
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
    whole = {"type": "integer", "minimum": 0}
    objects = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in StreamObject.__args__]
    return {
        "operationId": "followEvents",
        "summary": "Events as they happen; with `Upgrade: websocket` as WebSocket messages",
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


CARRY_FILE: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


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
            )
        ],
        "requestBody": {"required": False, "content": CARRY_FILE},
        "responses": {
            "200": {
                "description": "A carry file; whole only with its end mark",
                "content": CARRY_FILE,
            },
            **carry_problems("bad-carry-file", "too-large", "timeout"),
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
