"""Lets in by the door on loopback: pages by a code, programs by a token, an owner by a file.

Sessions outlive a restart, so that a page that was open goes on. Their tokens are kept as hashes
in a private file of the profile, which a locked node reads as well.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import trio

from mesh.api.codes import Codes, hash_of, new_secret
from mesh.api.grant import Grant, Scope
from mesh.api.proof import ProofAnswer, proof_of
from mesh.api.sign_in import SessionAnswer, SignInCodeAnswer
from mesh.api.tokens import MakeToken, SessionEntry, TokenAnswer, TokensAnswer, TokenScope
from mesh.api.wrong_tokens import WrongTokens
from mesh.errors import MeshError, UserError
from mesh.limits.door import (
    DOOR_FILE_BYTES_MAX,
    DOOR_SAVE_SECONDS,
    SECRET_CHARACTERS_MAX,
    SESSION_IDLE_SECONDS,
    SESSION_LIFE_SECONDS,
    SESSIONS_MAX,
    SIGN_IN_CODE_MS,
    TOKENS_MAX,
)
from mesh.node.clock import Clock, system_now
from mesh.node.private_files import find_private_bytes, replace_private_bytes

LOG = logging.getLogger("mesh.api")

NO_DOOR: Final = UserError("no-door", "This node has no door: the log of its start says why.")

BAD_CODE: Final = UserError(
    "bad-code", "This code was used, or is older than a minute. Get another with: mesh open"
)


class SessionRecord(msgspec.Struct, kw_only=True, tag="session"):
    """One session, in Unix seconds."""

    hash: str
    begun: int
    used: int

    @property
    def scope(self) -> Scope:
        """A page is its person, and may do everything."""
        return "admin"

    def left_seconds(self, now: int, *, is_followed: bool) -> float:
        """Return how long it may still be used; a stream that is open is a use of it."""
        lives = self.begun + SESSION_LIFE_SECONDS - now
        return lives if is_followed else min(lives, self.used + SESSION_IDLE_SECONDS - now)


class TokenRecord(msgspec.Struct, kw_only=True, tag="token"):
    """One token of a program, in Unix seconds."""

    hash: str
    number: int
    name: str
    scope: TokenScope
    created: int
    used: int = 0

    def left_seconds(self, now: int, *, is_followed: bool) -> float:
        """Return that it does not end by itself."""
        return float("inf")


Record = SessionRecord | TokenRecord


class DoorRecord(msgspec.Struct, kw_only=True):
    """The things that the door remembers from one run to the next."""

    port: int = 0
    tokens_count: int = 0
    """How many there ever were: no number is given twice."""
    holders: list[Record] = []

    @property
    def sessions(self) -> list[SessionRecord]:
        """Return the pages that are signed in."""
        return [each for each in self.holders if isinstance(each, SessionRecord)]

    @property
    def tokens(self) -> list[TokenRecord]:
        """Return the tokens of programs."""
        return [each for each in self.holders if isinstance(each, TokenRecord)]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whoever reads a private file of the profile, with the token of one run."""

    file: Path
    token: str = field(repr=False)
    record: TokenRecord


@dataclass(slots=True)
class Access:
    """All who may come in, in one profile. Its methods are called in the event loop."""

    path: Path
    clock: Clock = system_now
    record: DoorRecord = field(init=False)

    _codes: Codes = field(init=False)
    _wrong: WrongTokens = field(init=False)
    _grants: dict[str, Grant] = field(default_factory=dict)
    _saving: trio.Lock = field(default_factory=trio.Lock)
    _saved: int = 0
    _port: int = 0
    _owner: Owner | None = None

    def __post_init__(self) -> None:
        self.record = _read(self.path)
        self._codes = Codes(self.path.parent, self.clock)
        self._wrong = WrongTokens(self.clock)

    async def listens_at(self, port: int) -> None:
        """Begin at a port, and remember it. Where it is another one than before, all sessions end.

        Whoever took the former port may have been told the token of a page that was open.
        """
        self._port = port
        self._codes.clear()
        if port == self.record.port:
            return
        self.record.port = port
        self._end(self.record.sessions)
        await self._note()

    async def admit_owner(self, file: Path, token: str = "") -> None:
        """Let in whoever can read this file, which is written now and goes with `close`.

        `token`: the one that the program before this one has handed on.
        """
        token = token or new_secret()
        record = TokenRecord(
            hash=hash_of(token), number=0, name="", scope="admin", created=self._now()
        )
        await trio.to_thread.run_sync(replace_private_bytes, file, token.encode())
        self._owner = Owner(file, token, record)

    def prove(self, challenge: str) -> ProofAnswer:
        """Prove to the owner that this is the door of the profile, at its own port."""
        if self._owner is None:
            raise NO_DOOR
        return ProofAnswer(proof=proof_of(self._owner.token, self._port, challenge))

    def new_code(self, *, as_file: bool) -> SignInCodeAnswer:
        """Return a code, and the file that leads a browser to the page with it."""
        if not self._port:
            raise NO_DOOR
        page = f"http://127.0.0.1:{self._port}/"
        secret, file = self._codes.make(page, as_file=as_file)
        return SignInCodeAnswer(
            address=f"{page}#code={secret}",
            code=secret,
            valid_seconds=SIGN_IN_CODE_MS // 1_000,
            file="" if file is None else str(file),
        )

    async def sign_in(self, code: str) -> SessionAnswer:
        """Use a code up and begin a session."""
        if not self._codes.use(code):
            await self._wrong.slow()
            raise BAD_CODE
        token, now = new_secret(), self._now()
        while len(sessions := self.record.sessions) >= SESSIONS_MAX:
            self._end([min(sessions, key=lambda session: session.used)])
        self.record.holders.append(SessionRecord(hash=hash_of(token), begun=now, used=now))
        await self._note()
        return SessionAnswer(token=token, idle_seconds=SESSION_IDLE_SECONDS)

    async def sign_out(self, grant: Grant, *, everywhere: bool) -> None:
        """End the session of a page, or those of all, with what is still being told by them."""
        self._end([each for each in self.record.sessions if everywhere or each.hash == grant.key])
        await self._save()

    async def make_token(self, asked: MakeToken) -> TokenAnswer:
        """Make a token for a program; it is told here and never again."""
        tokens = self.record.tokens
        if any(each.name == asked.name for each in tokens):
            raise UserError(
                "exists",
                f"There is a token {asked.name}; revoke it first.",
                label=asked.name,
            )
        if len(tokens) >= TOKENS_MAX:
            raise UserError("too-many", f"There are {TOKENS_MAX} tokens: revoke some of them.")
        secret = new_secret()
        self.record.tokens_count += 1
        made = TokenRecord(
            hash=hash_of(secret),
            number=self.record.tokens_count,
            name=asked.name,
            scope=asked.scope,
            created=self._now(),
        )
        self.record.holders.append(made)
        try:
            await self._save()
        except MeshError:
            self._end([made])
            raise
        return told(made, secret)

    async def revoke_token(self, number: int) -> None:
        """End a token, with what is being told by it; on the disk before it is answered."""
        found = [each for each in self.record.tokens if each.number == number]
        if not found:
            raise UserError("not-found", f"There is no token {number}.")
        self._end(found)
        await self._save()

    def tokens(self, grant: Grant) -> TokensAnswer:
        """Return all that is let in; `grant` is that of who asks."""
        self._end([each for each in self.record.sessions if self._left_seconds(each) <= 0])
        return TokensAnswer(
            tokens=[told(each) for each in self.record.tokens],
            sessions=[
                SessionEntry(begun=each.begun, used=each.used, is_this=each.hash == grant.key)
                for each in self.record.sessions
            ],
        )

    async def find(self, token: str) -> Grant | None:
        """Return what a token allows; None if there is none like it, or it has ended."""
        holder = self._holder(hash_of(token)) if len(token) <= SECRET_CHARACTERS_MAX else None
        if holder is not None and self._left_seconds(holder) <= 0:
            self._end([holder])
            return None
        if holder is None:
            await self._wrong.slow()
            return None
        holder.used = self._now()
        grant = self._grant(holder)
        if holder.used - self._saved >= DOOR_SAVE_SECONDS:
            await self._note()
        return grant

    @property
    def has_page_open(self) -> bool:
        """Say whether a page that is signed in follows what happens."""
        return any(self._grant(session).streams for session in self.record.sessions)

    @contextlib.contextmanager
    def following(self, grant: Grant) -> Iterator[None]:
        """Let a stream run for as long as its token is valid."""
        holder = self._holder(grant.key)
        left = 0.0 if holder is None else holder.left_seconds(self._now(), is_followed=True)
        stream = trio.CancelScope(deadline=trio.current_time() + left)
        grant.streams.add(stream)
        try:
            with stream:
                yield
        finally:
            grant.streams.discard(stream)
            if holder is not None:
                holder.used = self._now()

    def hand_on(self) -> str:
        """Return the owner's token for the next program; its file stays. Empty: there is none."""
        owner, self._owner = self._owner, None
        return "" if owner is None else owner.token

    def close(self) -> None:
        """Void all codes and the owner's token, and leave no file of them behind."""
        self._codes.clear()
        if self._owner is not None:
            self._owner.file.unlink(missing_ok=True)
            self._owner = None

    def _holder(self, key: str) -> Record | None:
        owners = [] if self._owner is None else [self._owner.record]
        holders = (*owners, *self.record.holders)
        return next((each for each in holders if each.hash == key), None)

    def _grant(self, holder: Record) -> Grant:
        return self._grants.setdefault(holder.hash, Grant(holder.scope, holder.hash))

    def _left_seconds(self, holder: Record) -> float:
        grant = self._grants.get(holder.hash)
        is_followed = grant is not None and bool(grant.streams)
        return holder.left_seconds(self._now(), is_followed=is_followed)

    def _end(self, ended: Sequence[Record]) -> None:
        for each in ended:
            self.record.holders.remove(each)
            grant = self._grants.pop(each.hash, None)
            if grant is not None:
                grant.end()

    async def _save(self) -> None:
        """Write down who may come in."""
        # Who revokes the token of its own stream is cut here: it stays revoked after a restart.
        with trio.CancelScope(shield=True):
            async with self._saving:
                content = msgspec.json.encode(self.record)
                await trio.to_thread.run_sync(replace_private_bytes, self.path, content)
                self._saved = self._now()

    async def _note(self) -> None:
        """The same, where a disk that refuses costs a page its session at the next start only."""
        self._saved = self._now()
        try:
            await self._save()
        except MeshError as error:
            LOG.warning("the sessions of pages were not written down: %s", error)

    def _now(self) -> int:
        return self.clock().wall // 1_000_000


def told(token: TokenRecord, secret: str = "") -> TokenAnswer:
    """Return a token as it is told."""
    return TokenAnswer(
        number=token.number,
        name=token.name,
        scope=token.scope,
        created=token.created,
        used=token.used,
        token=secret,
    )


def _read(path: Path) -> DoorRecord:
    """Return what was remembered; whatever is damaged is forgotten, and pages sign in again."""
    try:
        content = find_private_bytes(path, bytes_max=DOOR_FILE_BYTES_MAX)
        return DoorRecord() if content is None else msgspec.json.decode(content, type=DoorRecord)
    except (MeshError, ValueError) as error:
        LOG.warning("the tokens and sessions were not read, and end: %s", error)
        return DoorRecord()
