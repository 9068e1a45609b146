"""Turns what a client sent into the request of a route, once, at the edge.

All that comes in is untrusted: whatever it holds, the only thing raised here is a `UserError`.
"""

from collections.abc import Mapping
from typing import get_type_hints
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from mesh.api.request import Request
from mesh.api.route import Route
from mesh.api.routes import ROUTES
from mesh.errors import UserError

FIELDS_MAX = 32

FIELD_TYPES: dict[type[Request], dict[str, object]] = {
    route.asks: get_type_hints(route.asks, include_extras=True) for route in ROUTES
}

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
    """Convert JSON values strictly and texts leniently; bounds are those of the types."""
    types = field_types(asks)
    values = dict(given)
    for name, text in texts.items():
        try:
            values[name] = msgspec.convert(text, types[name], strict=False)
        except msgspec.ValidationError as error:
            raise UserError("bad-request", f"`{name}`: {error}.") from None
        if values[name] is None:
            raise UserError("bad-request", f"`{name}` is a text here: leave it out to say nothing.")
    try:
        return msgspec.convert(values, asks)
    except msgspec.ValidationError as error:
        raise UserError("bad-request", f"{error}.") from None


def body_fields(body: bytes) -> dict[str, object]:
    """Return the members of a JSON object; an empty body is one without members."""
    if not body.strip():
        return {}
    try:
        return {
            name: whole_numbers_in(value)
            for name, value in msgspec.json.decode(body, type=dict[str, object]).items()
        }
    except DECODING_ERRORS as error:
        raise UserError("bad-request", f"The body is not a JSON object: {reason(error)}.") from None


def whole_numbers_in(value: object) -> object:
    """Return a value in which whole numbers are integers, as JSON Schema has it: 7.0 is 7."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole_numbers_in(each) for each in value]
        case dict():
            return {name: whole_numbers_in(each) for name, each in value.items()}
        case _:
            return value


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


def field_types(asks: type[Request]) -> dict[str, object]:
    """Return the type of each field of a request, with its bounds."""
    return FIELD_TYPES[asks]
