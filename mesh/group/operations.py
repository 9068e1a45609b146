"""Operations: who is in a group, and what each may, one signed step at a time.

Implements `docs/protocol/groups.md`, section "Operations". What is malformed here is malformed for
ever and everywhere: no bound depends on what else is known.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

import msgspec

from mesh.content.entry import Id, OperationId
from mesh.content.fields import InvalidContentError, Key, require_all_different, require_bytes
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey, Verify, is_signature_valid
from mesh.errors import PeerError
from mesh.group.cuts import Had, RunHad, check_had
from mesh.group.posts import VERSION, GroupId, PostKind, post_id
from mesh.group.settings import SettingsChange
from mesh.ids import VerifyKey
from mesh.limits.content import CLOCK_BITS
from mesh.limits.groups import (
    MEMBER_NAME_BYTES_MAX,
    OPERATION_BYTES_MAX,
    OPERATION_PARENTS_MAX,
    OPERATION_SEEN_MAX,
    PERSONS_PER_OPERATION_MAX,
    SEQ_BITS,
    UNDO_MAX,
)

RULES: Final = 1
"""The rules of this version: what counts, and every bound. Other rules have another number."""

NO_CONSENT: Final = bytes(SIGNATURE_BYTES)
"""Stands in the record of a *create*: its author signs the whole."""

_OPERATION: Final = int(PostKind.OPERATION)
_CONSENT: Final = b"mesh.gjoin.1"
_ENTRANCE_BYTES: Final = 16
_NONCE_BYTES: Final = 16


class OperationKind(IntEnum):
    """The kinds of operations."""

    CREATE = 0
    ADD = 1
    REMOVE = 2
    LEAVE = 3
    ROLE = 4
    SET = 5


class Role(IntEnum):
    """The roles of members; power runs strictly downwards."""

    MEMBER = 0
    ADMIN = 1
    OWNER = 2


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A member: his keys, how he is reached, and his word that he wants to be in."""

    key: Key
    """The member key (vk)."""

    agreement_key: Key
    """The X25519 identity key (IK)."""

    bundle_hash: Id
    """BLAKE2b-256 of his first bundle."""

    entrance: Annotated[bytes, msgspec.Meta(min_length=_ENTRANCE_BYTES, max_length=_ENTRANCE_BYTES)]
    """By which first contacts to him are expected (the design's *door*)."""

    name: str
    consent: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class Create(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of a group, by its first owner."""

    rules: Annotated[int, msgspec.Meta(ge=RULES, le=RULES)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=_NONCE_BYTES, max_length=_NONCE_BYTES)]
    record: Record
    settings: SettingsChange


class Removal(msgspec.Struct, frozen=True, array_like=True):
    """Somebody who is removed, with the cut."""

    key: Key
    undo: Annotated[tuple[Id, ...], msgspec.Meta(max_length=UNDO_MAX)] | None
    """His last operations that still count; None: all that the author knew."""

    had: Had
    """The entries of his that the author has."""


class RoleChange(msgspec.Struct, frozen=True, array_like=True):
    """A role for somebody, with the cut where it is lowered."""

    key: Key
    role: Role
    undo: Annotated[tuple[Id, ...], msgspec.Meta(max_length=UNDO_MAX)] | None
    had: Had


@dataclass(frozen=True, slots=True)
class Add:
    """People who come in."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """People who are removed, each with a cut of his own."""

    removals: tuple[Removal, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """The author goes, and tells which entries he wrote."""

    had: tuple[RunHad, ...]


Action = Create | Add | Remove | Leave | RoleChange | SettingsChange


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and what its id binds."""

    id: OperationId
    author: VerifyKey
    clock: int
    seq: int
    """Counts the author's operations and announcements here."""

    parents: tuple[OperationId, ...]
    seen: tuple[bytes, ...]
    action: Action

    @property
    def kind(self) -> OperationKind:
        """The kind, as it stands on the wire."""
        return _KINDS[type(self.action)]


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)]
    kind: Annotated[int, msgspec.Meta(ge=_OPERATION, le=_OPERATION)]
    clock: Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]
    seq: Annotated[int, msgspec.Meta(ge=0, lt=1 << SEQ_BITS)]
    operation: OperationKind
    parents: Annotated[tuple[Id, ...], msgspec.Meta(max_length=OPERATION_PARENTS_MAX)]
    seen: Annotated[tuple[Id, ...], msgspec.Meta(max_length=OPERATION_SEEN_MAX)]
    args: msgspec.Raw


_People = msgspec.Meta(min_length=1, max_length=PERSONS_PER_OPERATION_MAX)

_KINDS: Final[dict[type, OperationKind]] = {
    Create: OperationKind.CREATE,
    Add: OperationKind.ADD,
    Remove: OperationKind.REMOVE,
    Leave: OperationKind.LEAVE,
    RoleChange: OperationKind.ROLE,
    SettingsChange: OperationKind.SET,
}
_encoder = msgspec.msgpack.Encoder()
_wire = msgspec.msgpack.Decoder(_Wire)
_create = msgspec.msgpack.Decoder(Create)
_records = msgspec.msgpack.Decoder(Annotated[tuple[Record, ...], _People])
_removals = msgspec.msgpack.Decoder(Annotated[tuple[Removal, ...], _People])
_had = msgspec.msgpack.Decoder(Had)
_role = msgspec.msgpack.Decoder(RoleChange)
_settings = msgspec.msgpack.Decoder(SettingsChange)


def encode_operation(
    action: Action,
    *,
    clock: int,
    seq: int,
    parents: tuple[OperationId, ...],
    seen: tuple[bytes, ...] = (),
) -> bytes:
    """Return the post of an operation."""
    match action:
        case Add(records=args) | Remove(removals=args) | Leave(had=args):
            content = _encoder.encode(args)
        case _:
            content = _encoder.encode(action)
    kind = _KINDS[type(action)]
    raw = msgspec.Raw(content)
    return _encoder.encode(_Wire(VERSION, _OPERATION, clock, seq, kind, parents, seen, raw))


def decode_operation(author: VerifyKey, post: bytes) -> Operation:
    """Return the operation in a post of this author; PeerError on anything else.

    Its signature, and the consent of whom it adds, are checked apart.
    """
    if len(post) > OPERATION_BYTES_MAX:
        raise PeerError("an operation that is too long to be passed on")
    try:
        wire = _wire.decode(post)
        operation = Operation(
            id=OperationId(post_id(author, post)),
            author=author,
            clock=wire.clock,
            seq=wire.seq,
            parents=tuple(OperationId(parent) for parent in wire.parents),
            seen=wire.seen,
            action=_decode_action(wire.operation, wire.args),
        )
        _check(operation)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        InvalidContentError,
    ) as error:
        raise PeerError("malformed operation") from error
    return operation


def _decode_action(kind: OperationKind, args: msgspec.Raw) -> Action:
    match kind:
        case OperationKind.CREATE:
            return _create.decode(args)
        case OperationKind.ADD:
            return Add(_records.decode(args))
        case OperationKind.REMOVE:
            return Remove(_removals.decode(args))
        case OperationKind.LEAVE:
            return Leave(_had.decode(args))
        case OperationKind.ROLE:
            return _role.decode(args)
        case OperationKind.SET:
            return _settings.decode(args)


def _check(operation: Operation) -> None:
    """Raise InvalidContentError where a bound is broken that no type holds."""
    action = operation.action
    if isinstance(action, Create) == bool(operation.parents):
        raise InvalidContentError("a beginning has no parents, and all else has")
    require_all_different([*operation.parents])
    match action:
        case Create():
            _check_create(operation, action)
        case Add(records=records):
            require_all_different([record.key for record in records])
            for record in records:
                _check_name(record)
        case Remove(removals=removals):
            require_all_different([removal.key for removal in removals])
            for removal in removals:
                check_had(removal.had)
        case Leave(had=had) | RoleChange(had=had):
            check_had(had)
        case SettingsChange():
            action.check()


def _check_create(operation: Operation, create: Create) -> None:
    if operation.seq or operation.seen:
        raise InvalidContentError("something is from before the beginning")
    if create.record.key != operation.author or create.record.consent != NO_CONSENT:
        raise InvalidContentError("somebody else's record")
    _check_name(create.record)
    create.settings.check()


def _check_name(record: Record) -> None:
    require_bytes(record.name, MEMBER_NAME_BYTES_MAX, least=1)


# --- Consent ------------------------------------------------------------------------------------


def consented(record: Record, group: GroupId) -> bytes:
    """Return what a member signs when he agrees to be added; his name is not in it."""
    return (
        _CONSENT + group + record.key + record.agreement_key + record.bundle_hash + record.entrance
    )


def consent(key: SigningKey, group: GroupId, record: Record) -> Record:
    """Return a record with its member's word that he wants to be in this group."""
    signature = key.sign(consented(record, group))
    return msgspec.structs.replace(record, consent=signature)


def has_consent(record: Record, group: GroupId, *, verify: Verify = is_signature_valid) -> bool:
    """Say whether the member of a record agreed to be added to this group."""
    return verify(record.key, consented(record, group), record.consent)


def is_of_group(
    operation: Operation, group: GroupId, *, verify: Verify = is_signature_valid
) -> bool:
    """Say whether an operation is no other group's beginning, and adds nobody unasked.

    The signature of its post is looked at by `mesh.group.posts.is_post_valid`.
    """
    if isinstance(operation.action, Create):
        return operation.id == bytes(group)
    if isinstance(operation.action, Add):
        return all(has_consent(each, group, verify=verify) for each in operation.action.records)
    return True
