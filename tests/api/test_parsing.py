"""Whatever a client sends becomes a request or a `UserError`."""

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.api.batch import Outgoing, SendMessages
from mesh.api.parsing import NUMBER_MAX, query_fields, request_of
from mesh.api.problems import Problem, problem, problem_of
from mesh.api.routes import ROUTE_BY_REQUEST, ROUTES, Route, Unlock
from mesh.commands.contacts import RenameContact
from mesh.commands.invites import CreateInvite, RevokeInvite
from mesh.commands.messages import AskMessages, SendMessage
from mesh.errors import UserError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BODIES = st.binary() | JSON.map(msgspec.json.encode)
FIELDS = st.dictionaries(
    st.sampled_from(sorted({f.name for r in ROUTES for f in dataclasses.fields(r.asks)})), JSON
).map(msgspec.json.encode)


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
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if isinstance(request, SendMessages):
            assert all(type(each) is Outgoing for each in value)
            continue
        assert not isinstance(field.type, str)
        assert isinstance(value, field.type)
        if isinstance(value, int):
            assert 0 <= value <= NUMBER_MAX
        else:
            value.encode()


@given(contact=st.text(), text=st.text(), key=st.text())
def test_a_message_is_taken_as_it_was_given(contact: str, text: str, key: str) -> None:
    body = msgspec.json.encode({"contact": contact, "text": text, "idempotency_key": key})
    route = ROUTE_BY_REQUEST[SendMessage]
    assert request_of(route, path={}, body=body) == SendMessage(contact, text, key)


def test_a_query_is_read_leniently() -> None:
    route = ROUTE_BY_REQUEST[AskMessages]
    query = b"contact=Ben+K%C3%B6nig&after=7&unread_only=true&mark_read=0"
    wanted = AskMessages("Ben König", after=7, unread_only=True)
    assert request_of(route, path={}, query=query) == wanted


def test_a_body_is_read_strictly() -> None:
    with pytest.raises(UserError, match="int"):
        request_of(ROUTE_BY_REQUEST[CreateInvite], path={}, body=b'{"uses_max": "3"}')


def test_no_body_means_that_all_fields_have_their_default() -> None:
    assert request_of(ROUTE_BY_REQUEST[CreateInvite], path={}) == CreateInvite()


def test_the_path_gives_its_fields() -> None:
    route = ROUTE_BY_REQUEST[RevokeInvite]
    assert request_of(route, path={"invite": "3"}) == RevokeInvite(3)
    with pytest.raises(UserError):
        request_of(route, path={"invite": "three"})
    route = ROUTE_BY_REQUEST[RenameContact]
    with pytest.raises(UserError, match="path"):
        request_of(route, path={"contact": "a"}, body=b'{"contact": "b", "label": "c"}')


def test_a_passphrase_is_never_in_a_repr() -> None:
    request = request_of(ROUTE_BY_REQUEST[Unlock], path={}, body=b'{"passphrase": "horse"}')
    assert request == Unlock("horse")
    assert "horse" not in repr(request)


def test_a_query_with_very_many_fields_is_refused() -> None:
    with pytest.raises(UserError):
        query_fields(b"&".join(b"a%d=1" % number for number in range(1000)))


def test_a_kind_without_a_status_is_a_bad_request() -> None:
    told = problem("bad-invite", "This is not an invite.")
    assert (told.status, told.title, told.kind) == (400, "Bad invite", "bad-invite")
