"""Turns what a client sent into the request of a route, once, at the edge.

All that comes in is untrusted: whatever it holds, the only thing raised here is a `UserError`.
"""

import dataclasses
from collections.abc import Mapping
from types import GenericAlias, UnionType
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from mesh.api.routes import Request, Route
from mesh.errors import UserError

NUMBER_MAX = 2**63 - 1
"""What a column of the database holds; a larger number can name nothing."""

FIELDS_MAX = 32

# msgspec raises the last two, which are no DecodeError, on bad UTF-8 and on deep nesting.
DECODING_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def request_of(
    route: Route,
    *,
    path: Mapping[str, str],
    query: bytes = b"",
    body: bytes = b"",
    idempotency_key: str | None = None,
) -> Request:
    """Return the request, or raise a `UserError` that says what is wrong with it."""
    given = body_fields(body) if route.has_body else {}
    texts = {**query_fields(query), **path}
    if idempotency_key is not None:
        texts["idempotency_key"] = idempotency_key
    if route.has_body and query:
        raise UserError("bad-request", "This route takes a JSON body and no query.")
    for name in given:
        if name in path:
            raise UserError("bad-request", f"`{name}` is given by the path.")
    known = field_types(route.asks)
    for name in (*given, *texts):
        if name not in known:
            raise UserError("bad-request", f"There is no field `{name[:64]}` here.")
    return checked(route.asks, given, texts)


def checked(asks: type[Request], given: dict[str, object], texts: dict[str, str]) -> Request:
    """Convert JSON values strictly and texts leniently, and look at every number."""
    types = field_types(asks)
    values = dict(given)
    try:
        for name, text in texts.items():
            values[name] = msgspec.convert(text, types[name], strict=False)
        request = msgspec.convert(values, asks)
    except msgspec.ValidationError as error:
        raise UserError("bad-request", f"{error}.") from None
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if isinstance(value, int) and not 0 <= value <= NUMBER_MAX:
            raise UserError("bad-request", f"`{field.name}` must be between 0 and 2^63 - 1.")
    return request


def body_fields(body: bytes) -> dict[str, object]:
    """Return the members of a JSON object; an empty body is one without members."""
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except DECODING_ERRORS as error:
        raise UserError("bad-request", f"The body is not a JSON object: {reason(error)}.") from None


def query_fields(query: bytes) -> dict[str, str]:
    """Return the names and values of a query, each name at most once."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:  # UnicodeDecodeError among them.
        raise UserError("bad-request", "The query is not name=value&name=value.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UserError("bad-request", "A name stands in the query twice.")
    return fields


def path_fields(escaped: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a path, each of which was matched as it was sent."""
    try:
        return {
            name: unquote_to_bytes(text.encode("latin-1")).decode()
            for name, text in escaped.items()
        }
    except UnicodeDecodeError:
        raise UserError("bad-request", "The path is not UTF-8.") from None


def reason(error: Exception) -> str:
    """Say why decoding failed, in words that fit into a sentence."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)


def field_types(asks: type[Request]) -> dict[str, type | GenericAlias | UnionType]:
    """Return the type of each field of a request: plain, one that may be left out, or a list."""
    return {
        field.name: field.type
        for field in dataclasses.fields(asks)
        if isinstance(field.type, type | GenericAlias | UnionType)
    }
