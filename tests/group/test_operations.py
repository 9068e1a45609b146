"""Operations: known answers, bounds, consent."""

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import SigningKey
from mesh.errors import PeerError
from mesh.group.cuts import Hole, RunHad
from mesh.group.operations import (
    NO_CONSENT,
    Add,
    Create,
    Leave,
    Operation,
    OperationKind,
    Record,
    Remove,
    Role,
    RoleChange,
    consent,
    decode_operation,
    encode_operation,
    has_consent,
    is_of_group,
)
from mesh.group.posts import NO_GROUP, GroupId, SignedPost, is_post_valid, post_id
from mesh.group.settings import SettingsChange
from mesh.ids import VerifyKey
from mesh.limits.groups import (
    HAD_HOLES_MAX,
    HAD_RUNS_MAX,
    OPERATION_PARENTS_MAX,
    OPERATION_SEEN_MAX,
    PERSONS_PER_OPERATION_MAX,
    UNDO_MAX,
)


class KnownPost(msgspec.Struct):
    """A signed operation of the known answers, in hex."""

    post: str
    signature: str
    id: str


class KnownPosts(msgspec.Struct):
    """The part of the known answers that is about operations."""

    create: KnownPost
    add: KnownPost
    set: KnownPost
    role: KnownPost
    leave: KnownPost
    remove: KnownPost
    gid: str
    maker_vk: str
    member_vk: str


VECTORS = msgspec.json.decode(
    (Path(__file__).parent.parent / "vectors" / "group-keys.json").read_bytes(), type=KnownPosts
)
NAMES = ["create", "add", "set", "role", "leave", "remove"]
GROUP = GroupId(bytes.fromhex(VECTORS.gid))
MAKER = VerifyKey(bytes.fromhex(VECTORS.maker_vk))
MEMBER = VerifyKey(bytes.fromhex(VECTORS.member_vk))
ADA = SigningKey.from_seed(bytes([1]) * 32)


def known(name: str) -> KnownPost:
    """Return an operation of the known answers by its name."""
    posts = {
        "create": VECTORS.create,
        "add": VECTORS.add,
        "set": VECTORS.set,
        "role": VECTORS.role,
        "leave": VECTORS.leave,
        "remove": VECTORS.remove,
    }
    return posts[name]


def signed_of(name: str) -> SignedPost:
    """Return a signed operation of the known answers, whoever of the two wrote it."""
    post, signature = bytes.fromhex(known(name).post), bytes.fromhex(known(name).signature)
    for author in (MAKER, MEMBER):
        signed = SignedPost(author, post, signature)
        if is_post_valid(signed, NO_GROUP if name == "create" else GROUP):
            return signed
    raise AssertionError(name)


def changed(name: str, path: list[int], value: object) -> bytes:
    """Return the bytes of a known operation with another value in one place, or places inside."""
    fields = msgspec.msgpack.decode(signed_of(name).post)
    place = fields
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return msgspec.msgpack.encode(fields)


def decoded(name: str) -> Operation:
    """Return a known operation."""
    signed = signed_of(name)
    return decode_operation(VerifyKey(signed.author), signed.post)


@pytest.mark.parametrize("name", NAMES)
def test_known_operations_are_read_and_written_alike(name: str) -> None:
    signed, operation = signed_of(name), decoded(name)
    assert operation.id.hex() == known(name).id
    assert operation.kind is OperationKind[name.upper()]
    assert is_of_group(operation, GROUP)
    again = encode_operation(
        operation.action,
        clock=operation.clock,
        seq=operation.seq,
        parents=operation.parents,
        seen=operation.seen,
    )
    assert again == signed.post


def test_known_operations_say_what_they_should() -> None:
    create, add = decoded("create").action, decoded("add").action
    assert isinstance(create, Create)
    assert (create.record.key, create.record.consent) == (MAKER, NO_CONSENT)
    assert create.settings.items() == {"name": "Choir"}
    assert isinstance(add, Add)
    assert [record.key for record in add.records] == [MEMBER]
    assert decoded("set").action == SettingsChange(pin="admins", acks="off")
    assert decoded("role").action == RoleChange(MEMBER, Role.ADMIN, None, ())
    assert decoded("leave").action == Leave((RunHad(0xA1B2C3D4, 1),))
    remove = decoded("remove").action
    assert isinstance(remove, Remove)
    [removal] = remove.removals
    assert (removal.key, removal.undo) == (MEMBER, (bytes(GROUP),))
    assert removal.had == (RunHad(0xA1B2C3D4, 1235, (Hole(7, 1), Hole(900, 20))),)


def test_a_record_is_its_members_word_for_one_group() -> None:
    add = decoded("add").action
    assert isinstance(add, Add)
    [record] = add.records
    assert has_consent(record, GROUP)
    assert not has_consent(record, NO_GROUP)
    for change in (
        {"key": MAKER},
        {"agreement_key": bytes(32)},
        {"bundle_hash": bytes(32)},
        {"entrance": bytes(16)},
        {"consent": NO_CONSENT},
    ):
        assert not has_consent(msgspec.structs.replace(record, **change), GROUP)
    asked = Record(ADA.verify_key, bytes(32), bytes(32), bytes(16), "Ada", NO_CONSENT)
    assert has_consent(consent(ADA, GROUP, asked), GROUP)


def test_nobody_is_added_unasked() -> None:
    operation = decoded("add")
    assert is_of_group(operation, GROUP)
    post = changed("add", [7, 0, 5], NO_CONSENT)
    assert not is_of_group(decode_operation(operation.author, post), GROUP)


def test_a_group_has_one_beginning() -> None:
    other = decode_operation(MAKER, changed("create", [7, 1], b"another 16 bytes"))
    assert not is_of_group(other, GROUP)
    assert is_of_group(other, GroupId(other.id))


def test_places_behind_the_known_ones_are_passed_over_and_bound_by_the_id() -> None:
    for name in NAMES:
        signed = signed_of(name)
        places = msgspec.msgpack.decode(signed.post)
        longer = msgspec.msgpack.encode([*places, "of a newer version"])
        one, other = decoded(name), decode_operation(VerifyKey(signed.author), longer)
        assert one.action == other.action
        assert other.id == bytes(post_id(VerifyKey(signed.author), longer)) != one.id


RUN = [7, 100, []]
IDS = [bytes([number]) * 32 for number in range(99)]


@pytest.mark.parametrize(
    "name, place, value",
    [
        ("set", 0, 2),
        ("set", 1, 2),
        ("set", 2, 1 << 62),
        ("set", 3, 1 << 32),
        ("set", 4, 6),
        ("set", 5, []),
        ("set", 5, IDS[: OPERATION_PARENTS_MAX + 1]),
        ("set", 5, IDS[:1] * 2),
        ("set", 5, [b"short"]),
        ("set", 6, IDS[: OPERATION_SEEN_MAX + 1]),
        ("set", 7, {"name": "x" * 65}),
        ("set", 7, {"about": "é" * 257}),
        ("set", 7, {"write": "somebody"}),
        ("set", 7, {"history": 31}),
        ("set", 7, {"lifetime": 3}),
        ("create", 3, 1),
        ("create", 5, IDS[:1]),
        ("create", 6, IDS[:1]),
        ("add", 7, []),
        ("role", 7, [MEMBER, 3, None, []]),
        ("role", 7, [MEMBER, 1, IDS[: UNDO_MAX + 1], []]),
        ("role", 7, [MEMBER, 1, None, [RUN, RUN]]),
        ("leave", 7, [[run, 1, []] for run in range(HAD_RUNS_MAX + 1)]),
        ("leave", 7, [[7, 100, [[2 * n, 1] for n in range(HAD_HOLES_MAX + 1)]]]),
        ("leave", 7, [[7, 100, [[99, 2]]]]),
        ("leave", 7, [[7, 100, [[5, 2], [6, 1]]]]),
        ("leave", 7, [[7, 100, [[5, 0]]]]),
        ("leave", 7, [[7, (1 << 32) + 1, []]]),
        ("remove", 7, []),
        ("remove", 7, [[MEMBER, None, []]] * 2),
        ("remove", 7, [[key, None, []] for key in IDS[: PERSONS_PER_OPERATION_MAX + 1]]),
    ],
)
def test_a_place_beyond_its_bound_is_malformed(name: str, place: int, value: object) -> None:
    author = decoded(name).author
    with pytest.raises(PeerError):
        decode_operation(author, changed(name, [place], value))


@pytest.mark.parametrize(
    "place, value",
    [(0, MEMBER), (4, ""), (4, "x" * 65), (5, bytes([1]) * 64)],
)
def test_the_record_of_a_beginning_is_its_authors(place: int, value: object) -> None:
    with pytest.raises(PeerError):
        decode_operation(MAKER, changed("create", [7, 2, place], value))


def test_a_beginning_of_other_rules_is_not_ours() -> None:
    with pytest.raises(PeerError):
        decode_operation(MAKER, changed("create", [7, 0], 2))


def test_a_record_stands_once_in_an_add() -> None:
    action = decoded("add").action
    assert isinstance(action, Add)
    with pytest.raises(PeerError):
        decode_operation(MAKER, changed("add", [7], action.records * 2))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_operation_or_malformed(data: bytes) -> None:
    with suppress(PeerError):
        decode_operation(MAKER, data)


@given(st.sampled_from(NAMES), st.data())
def test_a_known_operation_with_changed_bytes_is_an_operation_or_malformed(
    name: str, data: st.DataObject
) -> None:
    post = bytearray(signed_of(name).post)
    for _ in range(data.draw(st.integers(1, 4))):
        post[data.draw(st.integers(0, len(post) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PeerError):
        operation = decode_operation(MAKER, bytes(post))
        assert operation.id == bytes(post_id(MAKER, bytes(post)))


_values = st.recursive(
    st.none() | st.integers(-2, (1 << 64) - 1) | st.binary(max_size=33) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(st.sampled_from(NAMES), st.integers(0, 7), _values)
def test_a_known_operation_with_another_place_is_an_operation_or_malformed(
    name: str, place: int, value: object
) -> None:
    with suppress(PeerError):
        decode_operation(MAKER, changed(name, [place], value))
