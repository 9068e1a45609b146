"""The heads of requests over HTTP, for every door of ours: no longer than they may be, and cheap.

h11 takes them apart. Two of its patterns try each way to share blanks out, so that one line of
16 KiB which fits neither costs more than a second, and four times that for twice the length. Here
they are written so that blanks are taken once (`*+`). What fits is the same, but for a lone CR in
the extension of a chunk, which is refused.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import h11
from h11 import _readers
from h11._abnf import field_name, field_value

TOO_LONG: Final = 431

_readers.header_field_re = re.compile(
    rf"(?P<field_name>{field_name}):[ \t]*+(?P<field_value>{field_value})[ \t]*".encode()
)
_readers.chunk_header_re = re.compile(
    rb"(?P<chunk_size>[0-9A-Fa-f]{1,20})(?P<chunk_ext>;[^\r\n]*+)?[ \t]*+\r\n"
)


class RequestReader:
    """Takes requests from the bytes of a connection. `spoken` is what h11 knows of it."""

    def __init__(self, head_bytes_max: int) -> None:
        self._head_bytes_max = head_bytes_max
        self.spoken = h11.Connection(h11.SERVER, max_incomplete_event_size=head_bytes_max)

    async def next_request(self, receive: Callable[[int], Awaitable[bytes]]) -> h11.Request | None:
        """Return the next request, None if the client went away.

        Raises RemoteProtocolError if it is none, or its head too long. `receive` returns so many
        bytes at most.
        """
        while True:
            held = self._held_count()
            event = self.spoken.next_event()
            if event is h11.NEED_DATA:
                # One more than may be shows that it is too long.
                self.spoken.receive_data(await receive(self._head_bytes_max + 1 - held))
                continue
            if not isinstance(event, h11.Request):
                return None
            if held - self._held_count() > self._head_bytes_max:
                raise h11.RemoteProtocolError("too long a head", error_status_hint=TOO_LONG)
            return event

    def _held_count(self) -> int:
        return len(self.spoken.trailing_data[0])
