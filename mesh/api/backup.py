"""`POST /v1/backup`: a backup of the profile as a stream; the client writes the file. And
`POST /v1/restore`: the same put back, into a profile that is nobody's yet.

The daemon opens no file that a client names: what a page could ask for, it could overwrite. A
backup that is cut short shows it: its last chunk says that it is the last.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import msgspec

from mesh.api.asgi import Receive, Scope
from mesh.api.carry import Carrier, CarryEndpoint, Sending, next_piece
from mesh.api.own_requests import MakeBackup, RestoreBackup
from mesh.commands.answer import Answer
from mesh.commands.backup import BackupAnswer, Restored
from mesh.errors import UserError
from mesh.limits.api import API_BODY_BYTES_MAX


class Archivist(Protocol):
    """Whoever makes backups; what fails raises a `UserError`."""

    def backup(self, passphrase: bytes, *, is_new: bool) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a backup."""
        ...

    async def backup_state(self) -> BackupAnswer:
        """Return how the automatic copy is."""
        ...

    async def restore(
        self, more: Callable[[], Awaitable[bytes]], backup_passphrase: bytes, passphrase: bytes
    ) -> Restored:
        """Put a backup back, and begin anew with it. `more` returns the next bytes of it, none at
        the end.
        """
        ...


class BackupExport(CarryEndpoint):
    """The stream. One is written at a time."""

    def __init__(self, carrier: Carrier, archivist: Archivist) -> None:
        super().__init__(carrier)
        self._archivist = archivist

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        asked = await _asked(scope, receive)
        pieces = self._archivist.backup(asked.passphrase.encode(), is_new=asked.is_new)
        last = b""
        async with aclosing(pieces):
            async for piece in pieces:
                if not last:
                    await sending.begin()
                else:
                    await sending.piece(last)
                last = piece
        return last


class BackupRestore(CarryEndpoint):
    """The stream in the other direction: one line of JSON (`RestoreBackup`), then the file.

    Nothing is taken before the last byte was read: who stops earlier leaves nothing behind.
    """

    def __init__(self, carrier: Carrier, archivist: Archivist) -> None:
        super().__init__(carrier)
        self._archivist = archivist

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        sending.has_rest = True
        body = _Body(receive)
        asked = await body.asked()
        restored = await self._archivist.restore(
            body.more, asked.backup_passphrase.encode(), asked.passphrase.encode()
        )
        sending.has_rest = not body.is_over
        return restored


class _Body:
    """The body of a request, read piece by piece."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = b""
        self.is_over = False

    async def asked(self) -> RestoreBackup:
        """Return what stands in the first line."""
        line = b""
        while b"\n" not in line:
            piece = await self.more()
            if not piece:
                raise UserError("bad-request", "The first line of the body is not there.")
            line += piece
            if len(line) > API_BODY_BYTES_MAX and b"\n" not in line[:API_BODY_BYTES_MAX]:
                raise UserError("bad-request", "The first line of the body is too long.")
        line, _, self._left = line.partition(b"\n")
        try:
            return msgspec.json.decode(line, type=RestoreBackup)
        except msgspec.DecodeError as error:
            raise UserError("bad-request", f"{error}.") from None

    async def more(self) -> bytes:
        """Return the next bytes; none at the end."""
        left, self._left = self._left, b""
        while not left and not self.is_over:
            left, is_more = await next_piece(self._receive)
            self.is_over = not is_more
        return left


async def _asked(scope: Scope, receive: Receive) -> MakeBackup:
    kinds = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
    if not kinds or kinds[0].partition(b";")[0].strip().lower() != b"application/json":
        raise UserError("not-json", "Send the body as Content-Type: application/json.")
    body, is_more = b"", True
    while is_more:
        piece, is_more = await next_piece(receive)
        body += piece
        if len(body) > API_BODY_BYTES_MAX:
            raise UserError("too-large", f"A body has at most {API_BODY_BYTES_MAX} bytes.")
    try:
        return msgspec.json.decode(body, type=MakeBackup)
    except msgspec.DecodeError as error:
        raise UserError("bad-request", f"{error}.") from None
