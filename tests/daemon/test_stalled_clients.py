"""A daemon stops within five seconds, whatever its clients do not do."""

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from mesh.api.endpoint import find_endpoint
from mesh.api.tokens import MakeToken, TokenAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.daemon.processes import Household, stop

STOPS_WITHIN_S = 5.0
OF_EACH = 8
TEXT = "x" * 50_000

HEAD = "Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
SOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
JSON = "Content-Type: application/json\r\n"
STALLED = {
    "a connection without a word": "",
    "half a head": "GET /v1/status HTTP/1.1\r\nHo",
    "half a body": "POST /v1/messages HTTP/1.1\r\n"
    + HEAD
    + JSON
    + 'Content-Length: 99\r\n\r\n{{"co',
    "an answer that is not read": "GET /v1/messages?limit=1000 HTTP/1.1\r\n" + HEAD + "\r\n",
    "a stream that is not read": "GET /v1/events HTTP/1.1\r\n" + HEAD + "\r\n",
    "a socket that is not read": "GET /v1/events HTTP/1.1\r\n" + HEAD + SOCKET + "\r\n",
    "answered, and kept": "GET /v1/status HTTP/1.1\r\n" + HEAD + "\r\n",
    "the beginning of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@contextlib.contextmanager
def stalled(port: int, words: bytes) -> Iterator[socket.socket]:
    """A client that sends this and then does nothing; it takes little at a time."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(words)
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["service", "Ctrl-C"])
def test_a_daemon_stops_while_all_kinds_of_clients_stall(
    household: Household, number: signal.Signals
) -> None:
    household.make("anna", "")
    process = household.start("anna", name="Anna")
    client = household.client("anna")
    for _ in range(20):
        client.ask(SendMessage(contact="me", text=TEXT), MessageAnswer)
    token = client.ask(MakeToken(name="stalls", scope="send"), TokenAnswer).token
    endpoint = find_endpoint(household.folders("anna").endpoint_file)
    assert endpoint is not None
    with contextlib.ExitStack() as opened:
        for words in STALLED.values():
            sent = words.format(port=endpoint.port, token=token).encode()
            for _ in range(OF_EACH):
                opened.enter_context(stalled(endpoint.port, sent))
        # What is told from now on meets streams that nobody reads, until nothing more fits.
        for _ in range(40):
            client.ask(SendMessage(contact="me", text=TEXT), MessageAnswer)
        begun = time.monotonic()
        code = stop(process, number)
        took = time.monotonic() - begun
    assert code == 0, household.log("anna")
    assert took < STOPS_WITHIN_S
    sys.stdout.write(f"stopped within {took:.2f} s\n")
    assert "Traceback" not in household.log("anna")
