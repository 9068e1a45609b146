"""Whatever a client sends becomes a request or a `UserError`."""

import dataclasses
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.api.batch import SendMessages
from mesh.api.finding_routes import route_of
from mesh.api.own_requests import Unlock
from mesh.api.parsing import query_fields, request_of
from mesh.api.problems import Problem, problem, problem_of
from mesh.api.route import Route
from mesh.api.routes import ROUTES
from mesh.commands.contacts import RenameContact
from mesh.commands.invites import CreateInvite, RevokeInvite
from mesh.commands.messages import AskMessages, SendMessage
from mesh.errors import UserError
from mesh.limits.api import NUMBER_MAX

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BODIES = st.binary() | JSON.map(msgspec.json.encode)
FIELDS = st.dictionaries(
    st.sampled_from(sorted({f.name for r in ROUTES for f in dataclasses.fields(r.asks)})), JSON
).map(msgspec.json.encode)

NAMING = ("contact", "conversation", "by", "to")
"""Fields that name a contact or a conversation."""


def names_of(route: Route) -> list[str]:
    return [field.name for field in dataclasses.fields(route.asks) if field.name in NAMING]


@given(
    route=st.sampled_from(ROUTES),
    body=BODIES | FIELDS,
    query=st.binary() | st.sampled_from([b"after=1", b"contact=a&limit=2", b"a=%zz", b"a=b=c"]),
    path=st.text(),
)
def test_whatever_comes_is_a_request_or_a_user_error(
    route: Route, body: bytes, query: bytes, path: str
) -> None:
    try:
        request = request_of(
            route, path=dict.fromkeys(route.path_fields, path), query=query, body=body
        )
    except UserError as error:
        told = msgspec.json.decode(msgspec.json.encode(problem_of(error)), type=Problem)
        assert told.kind == "bad-request"
        return
    assert type(request) is route.asks
    # Once more by the types alone: the parser let nothing through that they do not allow.
    assert msgspec.convert(msgspec.to_builtins(request), route.asks) == request


@given(contact=st.text() | st.integers(0, NUMBER_MAX), text=st.text(), key=st.text())
def test_a_message_is_taken_as_it_was_given(contact: str | int, text: str, key: str) -> None:
    body = msgspec.json.encode({"contact": contact, "text": text, "idempotency_key": key})
    route = route_of(SendMessage)
    assert request_of(route, path={}, body=body) == SendMessage(contact, text, key)


def test_a_query_is_read_leniently() -> None:
    route = route_of(AskMessages)
    query = b"contact=Ben+K%C3%B6nig&after=7&unread_only=true&mark_read=0"
    wanted = AskMessages("Ben König", after=7, unread_only=True)
    assert request_of(route, path={}, query=query) == wanted


@pytest.mark.parametrize(
    "query, told",
    [
        (b"limit=0", "`limit`: Expected `int` >= 1"),
        (b"limit=1001", "`limit`: Expected `int` <= 1000"),
        (b"after=-1", "`after`: Expected `int` >= 0"),
        (b"before=9223372036854775808", "`before`: Expected `int` <= 9223372036854775807"),
        (b"before=null", "`before` is a text here: leave it out"),
    ],
)
def test_what_is_beyond_a_bound_is_named_with_the_bound(query: bytes, told: str) -> None:
    with pytest.raises(UserError, match=told):
        request_of(route_of(AskMessages), path={}, query=query)


@pytest.mark.parametrize("route", [route for route in ROUTES if names_of(route)])
def test_every_route_that_takes_a_contact_takes_their_number(route: Route) -> None:
    _, schemas = msgspec.json.schema_components([route.asks])
    properties = schemas[route.asks.__name__]["properties"]
    for name in names_of(route):
        kinds = [each["type"] for each in properties[name]["anyOf"]]
        assert kinds == ["string", "integer"], (route.path, name)
    path = dict.fromkeys(route.path_fields, "7")
    given = {name: 7 for name in names_of(route) if name not in path}
    rest = {
        "label": "B",
        "is_equal": True,
        "is_on": True,
        "text": "hello",
        "seconds": 60,
        "until": 5,
        "q": "hello",
        "at": 7,
    }
    given |= {name: rest[name] for name in properties if name in rest}
    if route.has_body:
        request = request_of(route, path=path, body=msgspec.json.encode(given))
    else:
        request = request_of(route, path=path, query=urlencode(given).encode())
    assert {str(getattr(request, name)) for name in names_of(route)} == {"7"}


def test_a_batch_takes_numbers_of_contacts() -> None:
    body = b'{"messages": [{"contact": 7, "text": "hello"}]}'
    request = request_of(route_of(SendMessages), path={}, body=body)
    assert isinstance(request, SendMessages)
    assert request.commands() == [SendMessage(7, "hello")]


def test_a_whole_number_may_bear_a_point() -> None:
    body = b'{"messages": [{"contact": 7.0, "text": "hello"}]}'
    request = request_of(route_of(SendMessages), path={}, body=body)
    assert isinstance(request, SendMessages)
    assert request.commands() == [SendMessage(7, "hello")]
    with pytest.raises(UserError, match="float"):
        request_of(route_of(CreateInvite), path={}, body=b'{"uses_max": 1.5}')


def test_a_body_is_read_strictly() -> None:
    with pytest.raises(UserError, match="int"):
        request_of(route_of(CreateInvite), path={}, body=b'{"uses_max": "3"}')


def test_no_body_means_that_all_fields_have_their_default() -> None:
    assert request_of(route_of(CreateInvite), path={}) == CreateInvite()


def test_the_path_gives_its_fields() -> None:
    route = route_of(RevokeInvite)
    assert request_of(route, path={"invite": "3"}) == RevokeInvite(3)
    with pytest.raises(UserError):
        request_of(route, path={"invite": "three"})
    route = route_of(RenameContact)
    with pytest.raises(UserError, match="path"):
        request_of(route, path={"contact": "a"}, body=b'{"contact": "b", "label": "c"}')


def test_a_passphrase_is_never_in_a_repr() -> None:
    request = request_of(route_of(Unlock), path={}, body=b'{"passphrase": "horse"}')
    assert request == Unlock("horse")
    assert "horse" not in repr(request)


def test_a_query_with_very_many_fields_is_refused() -> None:
    with pytest.raises(UserError):
        query_fields(b"&".join(b"a%d=1" % number for number in range(1000)))


def test_a_kind_without_a_status_was_written_rightly_and_cannot_be_done() -> None:
    told = problem("bad-thing", "This is no thing.")
    assert (told.status, told.title, told.kind) == (422, "Bad thing", "bad-thing")
