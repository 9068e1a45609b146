"""A real daemon answers, at the door for browsers, what the document of the API says.

Requests are drawn from the document by Hypothesis, and damaged in the ways of a client that errs.
"""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from mesh.api.endpoint import find_endpoint
from tests.api.test_schema import DOCUMENT, Json, as_text, inside, values
from tests.daemon.processes import Household

PASSPHRASE: Final = "four words for the tests"
ANSWERS_WITHIN_S: Final = 30
EXAMPLES: Final = settings().max_examples // 6
"""Four in CI, where a daemon is asked 300 times; `HYPOTHESIS_PROFILE=search` asks 20,000 times."""

BYTES_READ: Final = 1_000_000

OPERATIONS: Final = [
    (method.upper(), path)
    for path, methods in inside(DOCUMENT, "paths").items()
    for method in msgspec.convert(methods, Json)
    # It ends what answers, so it comes last by itself.
    if path != "/v1/stop"
]
DAMAGES: Final = ("none", "field", "type", "bytes", "list", "number", "key")


@dataclass(frozen=True)
class Drawn:
    """A request as it is sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None


@st.composite
def requests(draw: st.DrawFn, method: str, path: str) -> Drawn:
    """Draw a request that the document allows, or one that is damaged in one place."""
    operation = inside(DOCUMENT, "paths", path, method.lower())
    damage = draw(st.sampled_from(DAMAGES))
    by_place: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for told in msgspec.convert(operation.get("parameters", []), list[Json]):
        if told["required"] or draw(st.booleans()):
            text = as_text(draw(values(inside(told, "schema"))))
            by_place[str(told["in"])][str(told["name"])] = text
    headers, body = dict(by_place["header"]), None
    match operation.get("requestBody"):
        case {"content": {"application/json": {"schema": dict(schema)}}}:
            drawn = draw(values(schema))
            if damage == "field":
                drawn = {**msgspec.convert(drawn, Json), "unheard_of": 1}
            headers["Content-Type"] = "text/plain" if damage == "type" else "application/json"
            body = msgspec.json.encode(drawn)
            other = {"bytes": b"\xff{", "list": b"[1]", "number": b"1e999"}
            body = other.get(damage, body)
        case {"content": dict()}:
            headers["Content-Type"] = "application/octet-stream"
            body = draw(st.binary(max_size=200))
        case _ if damage == "field":
            by_place["query"]["unheard_of"] = "1"
        case _:
            pass
    if damage == "key":
        headers["Idempotency-Key"] = "k" * 500
    for name, text in by_place["path"].items():
        path = path.replace(f"{{{name}}}", quote(text, safe=""))
    query = urlencode(by_place["query"])
    headers = {
        name: text for name, text in headers.items() if text.isascii() and text.isprintable()
    }
    return Drawn(method, f"{path}?{query}" if query else path, headers, body)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Port and token of a daemon that finds no program of the system, and no other home."""
    with pytest.MonkeyPatch.context() as patched:
        home = tmp_path_factory.mktemp("documented")
        household = Household(home / "mesh", patched)
        nothing = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "PATH": str(home)}
        household.make("anna", PASSPHRASE)
        household.set(nothing)
        household.start("anna", name="Anna", passphrase=PASSPHRASE)
        endpoint = find_endpoint(household.folders("anna").endpoint_file)
        assert endpoint is not None
        yield endpoint.port, household.folders("anna").token_file.read_text()
        assert "Traceback" not in household.log("anna"), household.log("anna")
        household.close()


def answer_to(port: int, token: str, drawn: Drawn) -> tuple[int, str, bytes]:
    """Status, media type and beginning of an answer; none within the time is a hang."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERS_WITHIN_S)
    try:
        headers = {**drawn.headers, "Authorization": f"Bearer {token}", "Connection": "close"}
        connection.request(drawn.method, drawn.target, drawn.body, headers)
        response = connection.getresponse()
        media_type = response.headers.get_content_type()
        content = b"" if media_type == "text/event-stream" else response.read(BYTES_READ)
        return response.status, media_type, content
    finally:
        connection.close()


def unlock(port: int, token: str) -> None:
    """Open the vault again, if a request has locked it."""
    body = json.dumps({"passphrase": PASSPHRASE}).encode()
    drawn = Drawn("POST", "/v1/unlock", {"Content-Type": "application/json"}, body)
    assert answer_to(port, token, drawn)[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("method, path", OPERATIONS, ids=" ".join)
def test_what_is_answered_is_documented(door: tuple[int, str], method: str, path: str) -> None:
    port, token = door
    responses = inside(DOCUMENT, "paths", path, method.lower(), "responses")

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(requests(method, path))
    def ask(drawn: Drawn) -> None:
        status, media_type, content = answer_to(port, token, drawn)
        said = f"{drawn}: {status} {content[:300]!r}"
        assert status < 500, said
        assert str(status) in responses, said
        kinds = inside(responses, str(status), "content")
        assert media_type in kinds, said
        if media_type.endswith("json"):
            schema = {**inside(kinds, media_type, "schema"), "components": DOCUMENT["components"]}
            OAS31Validator(schema).validate(json.loads(content))

    ask()
    if path == "/v1/lock":
        unlock(port, token)
