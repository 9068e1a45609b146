"""The OpenAPI document is valid and leaves nothing out."""

import dataclasses

import msgspec
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from mesh.api.openapi import document, document_json
from mesh.api.own_requests import MakeIdentity
from mesh.api.paths import EVENTS_PATH, OPENAPI_PATH
from mesh.api.problems import STATUS_BY_KIND
from mesh.api.routes import ROUTES
from mesh.commands.answer import Answer
from mesh.commands.carry import AskMailFor, CarriedAnswer, CarriedBlock, CarriedIds, MailForAnswer
from mesh.commands.command import Command
from mesh.commands.files import (
    AddFile,
    AddLargeFile,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    FileBlockAnswer,
    FilePlaceAnswer,
)
from mesh.commands.identity import CreateIdentity
from tests.api.conftest import Serving


def test_the_document_is_valid_openapi() -> None:
    validate(msgspec.json.decode(document_json()), cls=OpenAPIV31SpecValidator)


def test_every_route_is_in_the_document() -> None:
    paths = document()["paths"]
    assert isinstance(paths, dict)
    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert "200" in operation["responses"]
    assert EVENTS_PATH in paths
    assert OPENAPI_PATH in paths


def test_every_command_has_a_route() -> None:
    asked = [route.asks for route in ROUTES]
    assert len(set(asked)) == len(asked)
    for command in Command.__args__:
        if command is CreateIdentity:
            # The passphrase of a first run comes with it.
            command = MakeIdentity
        # Streams ask these: that of an export with `contact`, and those of files.
        of_streams = (AskMailFor, AddFile, AddLargeFile, AskFile, AskFileBlock, AskFilePreview)
        assert command in asked or command in of_streams, command


def test_every_answer_and_event_is_described() -> None:
    components = document()["components"]
    assert isinstance(components, dict)
    for kind in Answer.__subclasses__():
        # Pieces of files are bytes, and never JSON.
        is_piece = kind in (
            *(CarriedAnswer, CarriedBlock, CarriedIds, MailForAnswer, FileBlockAnswer),
            # Where a large file lies is for the shell alone.
            FilePlaceAnswer,
        )
        if kind.__module__.startswith("mesh.commands.") and not is_piece:
            assert kind.__name__ in components["schemas"]
    assert "MessageReceived" in components["schemas"]


def test_every_kind_that_a_route_names_has_a_status_of_its_own() -> None:
    for route in ROUTES:
        for kind in route.errors:
            assert kind in STATUS_BY_KIND


def test_every_route_that_names_a_contact_says_that_the_name_may_be_wrong() -> None:
    found = [
        route
        for route in ROUTES
        if any(field.name == "contact" for field in dataclasses.fields(route.asks))
    ]
    assert len(found) > 10
    for route in found:
        assert {"not-found", "ambiguous"} <= set(route.errors), route.path


async def test_the_document_is_served(serving: Serving) -> None:
    async with serving.http() as http:
        assert (await http.get(OPENAPI_PATH)).content == document_json()
