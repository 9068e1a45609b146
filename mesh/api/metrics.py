"""Tells Prometheus a few numbers of the node, in its text format.

None of them is about a person: not whom they know, what waits for whom, nor whether the vault is
open. Whoever reads them learns what a neighbour of the node could count too.
"""

from typing import Final, Protocol

from mesh.api.asgi import Receive, Scope, Send
from mesh.api.problems import problem_of
from mesh.api.responses import send_json, send_problem, send_wrong_method
from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError

TEXT_FORMAT: Final = b"text/plain; version=0.0.4; charset=utf-8"

GAUGES: Final = {
    "links_count": ("mesh_links", "Encrypted links to other nodes."),
    "envelopes_count": ("mesh_envelopes", "Envelopes known, with or without their bodies."),
    "stored_bytes": ("mesh_stored_bytes", "Bytes of all envelopes that are carried."),
    "stored_bytes_max": ("mesh_stored_bytes_max", "Bytes that may be carried."),
    "clock_offset_seconds": ("mesh_clock_offset_seconds", "Mesh time minus the own clock."),
}
"""Fields of the status: the name of each as a metric, and what it is."""


class StatusAsker(Protocol):
    """The node, as far as it is asked here."""

    async def ask(self, command: AskStatus) -> Answer:
        """Return the answer, or raise a `UserError`."""
        ...


class Metrics:
    """`GET /metrics`."""

    def __init__(self, asker: StatusAsker) -> None:
        self._asker = asker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await send_wrong_method(scope, send, "GET")
            return
        try:
            status = await self._asker.ask(AskStatus())
        except UserError as error:
            await send_problem(scope, send, problem_of(error))
            return
        assert isinstance(status, StatusAnswer)
        await send_json(send, text_of(status).encode(), media_type=TEXT_FORMAT)


def text_of(status: StatusAnswer) -> str:
    """Return the metrics as Prometheus reads them."""
    lines = ["# HELP mesh_up The node runs.", "# TYPE mesh_up gauge", "mesh_up 1"]
    for field, (name, words) in GAUGES.items():
        value = getattr(status, field)
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge", f"{name} {value}"]
    return "\n".join([*lines, ""])
