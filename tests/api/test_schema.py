"""The server takes what the document of the API allows, and refuses it for its meaning only."""

from collections.abc import Mapping
from dataclasses import fields, replace
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.api.batch import SendMessages
from mesh.api.large_files import AddFileAt
from mesh.api.openapi import document
from mesh.api.own_requests import AskBackup, ChangePassphrase, Lock, MakeIdentity, Stop, Unlock
from mesh.api.page_requests import AskDoctor, AskProfiles, DrawQr, EstimatePassphrase, Wipe
from mesh.api.parsing import path_fields, request_of
from mesh.api.problems import status_of
from mesh.api.proof import AskProof
from mesh.api.request import Request
from mesh.api.route import IDEMPOTENCY_HEADER, Route
from mesh.api.routes import ROUTES
from mesh.api.service_requests import AskService, SetService
from mesh.api.share_requests import AskShare, CloseShare, OpenShare
from mesh.api.sign_in import MakeSignInCode, SignIn, SignOut
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken
from mesh.commands.messages import SendMessage
from mesh.commands.nearby import AskNearby, CompareNearby, ConfirmNearby, SetNearby
from mesh.commands.peers import AddPeer, AskPeers, RemovePeer
from mesh.commands.settings import AskSettings, ChangeSettings
from mesh.commands.status import AskStatus
from mesh.errors import UserError
from tests.messenger.people import Clock, acquainted

Json = dict[str, object]

DOCUMENT = msgspec.convert(document(), Json)
ELSEWHERE = (
    *(AskPeers, AddPeer, RemovePeer, AskStatus, AskNearby, SetNearby, CompareNearby, ConfirmNearby),
    *(Lock, Unlock, ChangePassphrase, Stop, MakeSignInCode, SignIn, SignOut),
    *(AskTokens, MakeToken, RevokeToken, MakeIdentity, AskSettings, ChangeSettings),
    *(DrawQr, EstimatePassphrase, AskDoctor, AskProfiles, Wipe),
    *(AskProof, AskService, SetService, AskBackup, AskShare, OpenShare, CloseShare),
    AddFileAt,
)
"""Requests that no messenger answers."""


def inside(schema: object, *names: str) -> Json:
    """Return an object that stands within another one."""
    for name in names:
        schema = msgspec.convert(schema, Json)[name]
    return msgspec.convert(schema, Json)


def values(schema: Json) -> st.SearchStrategy[object]:
    """Return all that a schema of ours allows."""
    match schema:
        case {"$ref": str(reference)}:
            return values(inside(DOCUMENT, *reference.removeprefix("#/").split("/")))
        case {"anyOf": list(kinds)}:
            return st.one_of([values(kind) for kind in kinds])
        case {"enum": list(choices)}:
            return st.sampled_from(choices)
        case {"type": "null"}:
            return st.none()
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return st.integers(whole(schema, "minimum"), whole(schema, "maximum"))
        case {"type": "number"}:
            return st.floats(whole(schema, "minimum"), whole(schema, "maximum"))
        case {"type": "string"}:
            return texts(schema)
        case {"type": "object", "additionalProperties": dict(each)}:
            least = whole(schema, "minProperties")
            return st.dictionaries(st.text(max_size=9), values(each), min_size=least, max_size=3)
        case {"type": "array", "items": dict(items)}:
            least = whole(schema, "minItems") if "minItems" in schema else 0
            most = whole(schema, "maxItems")
            return st.lists(values(items), min_size=least, max_size=min(3, most))
        case {"type": "object", "properties": dict(properties)}:
            return objects(properties, msgspec.convert(schema.get("required", []), list[str]))
        case _:
            raise AssertionError(f"a schema of another kind: {schema}")


def whole(schema: Json, name: str) -> int:
    return msgspec.convert(schema[name], int)


def texts(schema: Json) -> st.SearchStrategy[str]:
    least = msgspec.convert(schema.get("minLength", 0), int)
    most = msgspec.convert(schema.get("maxLength", 64), int)
    pattern = schema.get("pattern")
    if pattern is None:
        return st.text(min_size=least, max_size=min(most, 64))
    found = st.from_regex(msgspec.convert(pattern, str).replace("$", r"\Z"))
    return found.filter(lambda text: least <= len(text) <= most)


def objects(properties: Mapping[str, Json], required: list[str]) -> st.SearchStrategy[Json]:
    drawn = {name: values(schema) for name, schema in properties.items()}
    return st.fixed_dictionaries(
        {name: drawn[name] for name in required},
        optional={name: drawn[name] for name in drawn if name not in required},
    )


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@st.composite
def requests(draw: st.DrawFn, routes: list[Route]) -> tuple[Route, Request]:
    """Draw a request that the document allows, and read it as the server does."""
    route = draw(st.sampled_from(routes))
    operation = inside(DOCUMENT, "paths", route.path, route.method.lower())
    given_by: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for told in msgspec.convert(operation["parameters"], list[Json]):
        if told["required"] or draw(st.booleans()):
            value = draw(values(inside(told, "schema")))
            given_by[str(told["in"])][str(told["name"])] = as_text(value)
    body = b""
    if "requestBody" in operation:
        schema = inside(operation, "requestBody", "content", "application/json", "schema")
        body = msgspec.json.encode(draw(values(schema)))
    escaped = {name: quote(text, safe="") for name, text in given_by["path"].items()}
    request = request_of(
        route,
        path=path_fields(escaped),
        query=urlencode(given_by["query"]).encode(),
        body=body,
        idempotency_key=given_by["header"].get(IDEMPOTENCY_HEADER),
    )
    return route, request


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
@given(data=st.data())
def test_what_the_document_allows_is_read(route: Route, data: st.DataObject) -> None:
    _, request = data.draw(requests([route]))
    assert type(request) is route.asks


@given(
    drawn=requests([route for route in ROUTES if route.asks not in ELSEWHERE]),
    named=st.sampled_from([None, "Bob", 2, "me", 0]),
)
def test_what_the_document_allows_is_refused_for_what_it_means(
    drawn: tuple[Route, Request], named: str | int | None
) -> None:
    route, request = drawn
    ann, _ = acquainted(Clock())
    ann.send("Bob", "hello")
    if isinstance(request, SendMessages):
        (route,) = (each for each in ROUTES if each.asks is SendMessage)
    commands = request.commands() if isinstance(request, SendMessages) else [request]
    for drawn_command in commands:
        command = drawn_command if named is None else naming(drawn_command, named)
        kind = "none"
        try:
            ann.ask(command)  # type: ignore[arg-type]  # The daemon's own are left out above.
        except UserError as error:
            kind = error.kind
        assert kind in ("none", *route.errors)
        assert kind == "none" or status_of(kind) != 400


def naming(request: Request, named: str | int) -> Request:
    """Return the request about somebody who is there."""
    names = [one.name for one in fields(request) if one.name in ("contact", "conversation")]
    # Which of them has which field is known at run time only.
    return replace(request, **dict.fromkeys(names, named))  # type: ignore[arg-type]
