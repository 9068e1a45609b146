"""Sneakernet inside the engine: blocks of a carry file out of the store, and into admission.

Implements the engine's half of `docs/protocol/carry-file.md`. An export walks the store from the
newest envelope to the oldest, one block a command; nothing is remembered between two of them. An
import judges one block a command by the rules that hold for links. What needs the check of a
stamp waits for the budget that links spend too, and takes turns with them; the answer, and with it
the next block, comes when all of a block is decided.

An export holds what any peer would be given, and is the same whether the vault is open or not; only
one that a person asks for by the name of a contact holds less. What of ours is in a file is noted
in the vault, when it is open.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mesh.commands.carry import (
    AskCarried,
    AskMailFor,
    CarriedAnswer,
    CarriedBlock,
    CarriedIds,
    CarryCommand,
    ExportCarried,
    ImportCarried,
    ImportedAnswer,
    ListCarried,
    MailForAnswer,
)
from mesh.commands.command import Command
from mesh.database import Connection
from mesh.effects import Effect, Reply
from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.part import Part
from mesh.errors import PeerError, UserError
from mesh.ids import (
    EnvelopeId,
    Instant,
    MeshId,
    Monotonic,
    RequestId,
    UnixSeconds,
)
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX, CARRY_CHUNKS_PENDING_MAX, CARRY_ROWS_PER_CHUNK
from mesh.messenger.messenger import Messenger
from mesh.posting.admission import Defer, Refuse
from mesh.storage.store.rows import CarriedRow
from mesh.storage.store.store import Store
from mesh.wire.carry_file import RECORD_HEAD_BYTES, Record, RecordKind, join_records, split_records
from mesh.wire.carry_summary import Summary
from mesh.wire.envelope import (
    SIZE_BYTES,
    STUB_BYTES,
    TOKEN_BYTES,
    Envelope,
    StampedKey,
    Stub,
    decode_envelope,
    decode_stub,
)
from mesh.wire.retirement import (
    RETIREMENTS_PER_ENVELOPE_MAX,
    Retirement,
    is_token_of,
    split_tokens,
)

_CURSOR_BYTES = 4 + 32
_TOP = (UnixSeconds(2**32), EnvelopeId(b""))
_BODIES_PER_READ = 16
_ROWS_PER_READ = CARRY_BLOCK_BYTES_MAX // (SIZE_BYTES[0] + RECORD_HEAD_BYTES) + 1
"""One more than there are of the smallest envelopes in a block: it is full after one read."""


@dataclass(frozen=True, slots=True)
class _RetiredStub:
    """An envelope without its body, and the true tokens that took it."""

    stub: Stub
    retirements: tuple[Retirement, ...]


_Brought = Envelope | _RetiredStub


@dataclass(slots=True)
class _Import:
    """One block that is not wholly decided yet."""

    request: RequestId
    envelopes_count: int = 0
    retirements_count: int = 0
    known_count: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    unstamped: dict[StampedKey, list[_Brought]] = field(default_factory=dict)
    unheld: list[Retirement] = field(default_factory=list)

    @property
    def is_decided(self) -> bool:
        return not self.unstamped and not self.unheld

    def refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def answer(self) -> ImportedAnswer:
        return ImportedAnswer(
            envelopes_count=self.envelopes_count,
            retirements_count=self.retirements_count,
            known_count=self.known_count,
            refused=dict(sorted(self.refused.items())),
        )


class Carry(Part):
    """Answers what the daemon's streams of files ask. Replies wait until they are taken."""

    vault_commands = (AskMailFor,)

    def __init__(
        self,
        forwarder: Forwarder,
        mesh_id: MeshId,
        is_written: Callable[[EnvelopeId], bool],
    ) -> None:
        """`is_written`: whether an envelope was written here and is on its way."""
        self._buffer = forwarder.buffer
        self._intake = forwarder.intake
        self._retirements = forwarder.retirements
        self._store: Store = self._buffer.store
        self._mesh_id = mesh_id
        self._imports: list[_Import] = []
        self._replies: list[Reply] = []
        self._is_our_turn = True
        self._is_written = is_written
        # What of ours was written into a file, and when; the vault is told when it is open.
        self._exported: dict[EnvelopeId, UnixSeconds] = {}

    def asked(self, request: RequestId, command: CarryCommand, now: Instant) -> None:
        """Answer at once, or, for an import, when all of it is decided."""
        answer: CarriedAnswer | CarriedBlock | CarriedIds | UserError | None
        try:
            match command:
                case AskCarried():
                    # Whoever is handed a file is told what no link was there to be told.
                    self._retirements.stand_waiting(now)
                    answer = self._carried(now.mesh)
                case ExportCarried():
                    answer = self._export(command, now.mesh)
                case ListCarried(before=before):
                    answer = self._list(before)
                case ImportCarried(payload=payload):
                    self._begin_import(request, payload, now)
                    return
        except UserError as error:
            answer = error
        self._replies.append(Reply(request, answer))

    @property
    def is_importing(self) -> bool:
        """Say whether files that came by hand are being taken in."""
        return bool(self._imports)

    def tend(self, now: Instant) -> None:
        """Go on with what waits. Called before links judge what they have deferred."""
        if not self._imports:
            return
        may_check = self._intake.stamp_deadline() <= now.monotonic
        if may_check and self._intake.has_deferred:
            # The budget pays for one check: the links' turn and ours alternate.
            self._is_our_turn = not self._is_our_turn
            may_check = self._is_our_turn
        for waiting in self._imports:
            if may_check:
                self._judge_waiting(waiting, now)
            self._hold(waiting, now)
        self._settle()

    def deadline(self) -> Monotonic | None:
        """Return when `tend` may get further; what waits for room among retirements is woken by
        them.
        """
        if self._imports and any(waiting.unstamped for waiting in self._imports):
            return self._intake.stamp_deadline()
        return None

    def take_effects(self) -> Sequence[Effect]:
        """Answers, to be given after the commit."""
        replies, self._replies = self._replies, []
        return replies

    def perform(self, messenger: Messenger, command: Command, now: Instant) -> MailForAnswer:
        """Say what may go into a file for one person."""
        assert isinstance(command, AskMailFor)
        contact = messenger.parts.contacts.contact(command.contact)
        rows = self._store.rows(messenger.parts.transit.on_its_way(contact.id))
        if not rows:
            raise UserError(
                "nothing-to-carry",
                f"Nothing that you wrote to {contact.label} is on its way; mail that others "
                "carry for them bears no name, so only a file of all mail holds it.",
            )
        return MailForAnswer(
            ids=frozenset(row.id for row in rows),
            stored_bytes=sum(SIZE_BYTES[row.size_class] for row in rows),
        )

    def wants_vault(self, now: Instant) -> bool:
        """Say whether something of ours is in a file of which the vault does not know."""
        return bool(self._exported)

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Tell what of ours is in a file."""
        for id_, at in self._exported.items():
            messenger.parts.transit.exported(id_, at)
        self._exported.clear()

    # --- Out ----------------------------------------------------------------------------------

    def _carried(self, mesh_now: UnixSeconds) -> CarriedAnswer:
        return CarriedAnswer(
            mesh_id=self._mesh_id,
            mesh_time=mesh_now,
            elements_count=self._store.envelopes_count + len(self._retirements),
            stored_bytes=self._store.stored_bytes,
        )

    def _export(self, command: ExportCarried, mesh_now: UnixSeconds) -> CarriedBlock:
        room_bytes = min(CARRY_BLOCK_BYTES_MAX, command.room_bytes)
        planned: list[CarriedRow] = []
        tokens: dict[EnvelopeId, list[Retirement]] = {}
        before, is_last, is_full, looked_at = command.before, False, False, 0
        while not is_last and not is_full and looked_at < CARRY_ROWS_PER_CHUNK:
            rows = self._store.scans.newest_before(*_split_cursor(before), _ROWS_PER_READ)
            tokens |= self._tokens(rows)
            looked_at += len(rows)
            is_last = len(rows) < _ROWS_PER_READ
            for row in rows:
                is_meant = command.only is None or row.id in command.only
                is_alive = is_meant and row.lapses > mesh_now
                if is_alive and _is_lacked(row, tokens.get(row.id), command.summary):
                    record_bytes = _record_bytes(row, tokens.get(row.id))
                    if record_bytes > room_bytes:
                        # A smaller one further down would be older: newest first has no gaps.
                        is_full, is_last = True, command.room_bytes <= CARRY_BLOCK_BYTES_MAX
                        break
                    planned.append(row)
                    room_bytes -= record_bytes
                before = _join_cursor(row)
        for row in planned:
            if row.has_body and self._is_written(row.id):
                self._exported.setdefault(row.id, mesh_now)
        return CarriedBlock(
            payload=join_records(self._records(planned, tokens)),
            envelopes_count=sum(row.has_body for row in planned),
            stubs_count=sum(not row.has_body for row in planned),
            before=before,
            is_last=is_last,
        )

    def _records(
        self, planned: list[CarriedRow], tokens: dict[EnvelopeId, list[Retirement]]
    ) -> Iterator[Record]:
        for start in range(0, len(planned), _BODIES_PER_READ):
            page = planned[start : start + _BODIES_PER_READ]
            bodies = self._store.envelopes_bytes([row.id for row in page if row.has_body])
            stubs = self._store.stubs([row.id for row in page if not row.has_body])
            for row in page:
                if row.has_body:
                    yield Record(RecordKind.ENVELOPE, bodies[row.id])
                else:
                    shown = b"".join(retirement.token for retirement in tokens[row.id])
                    yield Record(RecordKind.RETIRED_STUB, stubs[row.id] + shown)

    def _list(self, before: bytes) -> CarriedIds:
        rows = self._store.scans.newest_before(*_split_cursor(before), CARRY_ROWS_PER_CHUNK)
        ids: list[bytes] = [row.id for row in rows if not row.is_missing]
        for retirements in self._tokens(rows).values():
            ids += [retirement.element for retirement in retirements]
        return CarriedIds(
            ids=ids,
            before=_join_cursor(rows[-1]) if rows else before,
            is_last=len(rows) < CARRY_ROWS_PER_CHUNK,
        )

    def _tokens(self, rows: list[CarriedRow]) -> dict[EnvelopeId, list[Retirement]]:
        """The retirements of those that have no body."""
        found: dict[EnvelopeId, list[Retirement]] = {}
        bodiless = [row.id for row in rows if not row.has_body]
        for retirement in self._store.retirements_of(bodiless):
            found.setdefault(retirement.envelope, []).append(retirement)
        return found

    # --- In -----------------------------------------------------------------------------------

    def _begin_import(self, request: RequestId, payload: bytes, now: Instant) -> None:
        self._buffer.room.require()
        if len(self._imports) >= CARRY_CHUNKS_PENDING_MAX:
            raise UserError("too-many", "Another file is being imported; wait until it is done.")
        begun = _Import(request)
        # Who waits for the check of a stamp comes first.
        may_check = not self._intake.has_deferred and not self._imports
        for brought in _brought_by(payload, begun):
            self._judge(begun, brought, may_check_stamp=may_check, now=now)
        self._hold(begun, now)
        self._imports.append(begun)
        self._settle()

    def _judge(
        self, into: _Import, brought: _Brought, *, may_check_stamp: bool, now: Instant
    ) -> bool:
        """Return whether it is decided."""
        proof = brought if isinstance(brought, Envelope) else brought.stub
        verdict = self._intake.judge_carried(proof, may_check_stamp=may_check_stamp, now=now)
        if isinstance(verdict, Defer):
            into.unstamped.setdefault(proof.header.stamped_key, []).append(brought)
            return False
        if isinstance(verdict, Refuse):
            into.refuse(verdict.reason)
        elif isinstance(brought, _RetiredStub):
            into.unheld += brought.retirements
        elif verdict is None:
            into.known_count += 1
        else:
            into.envelopes_count += 1
        return True

    def _judge_waiting(self, waiting: _Import, now: Instant) -> None:
        """As many keys as there is budget for: one, and those that others paid for meanwhile."""
        for key in list(waiting.unstamped):
            first, *rest = waiting.unstamped.pop(key)
            if not self._judge(waiting, first, may_check_stamp=True, now=now):
                waiting.unstamped[key] += rest
                return
            for brought in rest:
                self._judge(waiting, brought, may_check_stamp=True, now=now)

    def _hold(self, waiting: _Import, now: Instant) -> None:
        """Retirements are held back like those that peers tell, as far as there is room."""
        while waiting.unheld:
            is_held = self._retirements.carried(waiting.unheld[0], now)
            if is_held is False:
                return
            del waiting.unheld[0]
            if is_held:
                waiting.retirements_count += 1
            else:
                waiting.known_count += 1

    def _settle(self) -> None:
        decided = [one for one in self._imports if one.is_decided]
        self._imports = [one for one in self._imports if not one.is_decided]
        self._intake.is_carry_waiting = any(one.unstamped for one in self._imports)
        self._replies += [Reply(one.request, one.answer()) for one in decided]


def _brought_by(payload: bytes, into: _Import) -> Iterator[_Brought]:
    """Return what the records of a block hold; what is malformed is counted as refused."""
    try:
        records = split_records(payload)
    except PeerError as error:
        into.refuse(error.reason)
        return
    for kind, content in records:
        if kind not in tuple(RecordKind):
            into.refuse("unknown kind of record")
        else:
            try:
                yield _decode(RecordKind(kind), content)
            except PeerError as error:
                into.refuse(error.reason)


def _decode(kind: RecordKind, content: bytes) -> _Brought:
    if kind is RecordKind.ENVELOPE:
        return decode_envelope(content)
    stub = decode_stub(content[:STUB_BYTES])
    tokens = dict.fromkeys(split_tokens(content[STUB_BYTES:]))
    if not 1 <= len(tokens) <= RETIREMENTS_PER_ENVELOPE_MAX:
        raise PeerError("retired without a token")
    if not all(is_token_of(stub.header, token) for token in tokens):
        raise PeerError("forged retirement")
    return _RetiredStub(stub, tuple(Retirement(stub.id, token) for token in tokens))


def _is_lacked(
    row: CarriedRow, retirements: list[Retirement] | None, summary: Summary | None
) -> bool:
    """Say whether there is anything to give of an envelope that the other side does not have."""
    if row.has_body:
        return summary is None or not summary.has(row.id)
    if not retirements:
        # A body that was evicted, or never came: its stub alone is of no use to anybody there.
        return False
    return summary is None or not all(summary.has(one.element) for one in retirements)


def _record_bytes(row: CarriedRow, retirements: list[Retirement] | None) -> int:
    if row.has_body:
        return RECORD_HEAD_BYTES + SIZE_BYTES[row.size_class]
    return RECORD_HEAD_BYTES + STUB_BYTES + TOKEN_BYTES * len(retirements or ())


def _join_cursor(row: CarriedRow) -> bytes:
    return row.created.to_bytes(4, "big") + row.id


def _split_cursor(cursor: bytes) -> tuple[UnixSeconds, EnvelopeId]:
    if not cursor:
        return _TOP
    assert len(cursor) == _CURSOR_BYTES
    return UnixSeconds(int.from_bytes(cursor[:4], "big")), EnvelopeId(cursor[4:])
