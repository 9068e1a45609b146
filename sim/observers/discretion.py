"""Discretion: of whom somebody blocked, what was taken back before it left, and what came when."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence

from mesh.ids import EnvelopeId
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_sealer import GroupSealer
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.sessions.opened import Opened
from mesh.messenger.sessions.sealing import Sealed
from mesh.messenger.sessions.transit import Transit
from mesh.wire.frames import Frame
from sim.hosts.host import Host
from sim.invariants.blocking import Blocking
from sim.invariants.taken_back import TakenBack
from sim.invariants.tokens import Tokens
from sim.patching import Patch, patched


class Discretion:
    """Holds the honest nodes of one world to S26, S27 and S28.

    `working`: whose engine works now. `body_came_at`: when a node first had an envelope's body.
    """

    def __init__(
        self,
        *,
        marker: str,
        now: Callable[[], int],
        working: Callable[[], int | None],
        body_came_at: Callable[[int, EnvelopeId], int | None],
        token_delay_us: int,
    ) -> None:
        self._text = re.compile(rb"(\d{7}) " + re.escape(marker.encode()))
        self._working = working
        self._body_came_at = body_came_at
        self._came: dict[tuple[int, int], int | None] = {}
        self.blocking = Blocking(now, lambda node, number: self._came.get((node, number)))
        self.taken_back = TakenBack(now)
        self.tokens = Tokens(now, working, token_delay_us)

    def forget(self, node: int) -> None:
        """A node loses what its vault had learned."""
        self.blocking.forget(node)
        self.tokens.forget(node)
        self._came = {place: at for place, at in self._came.items() if place[0] != node}

    def sent(self, frame: Frame) -> None:
        """A link encodes this frame."""
        self.taken_back.sent(frame)
        self.tokens.sent(frame)

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, what is sealed and opened is looked at, and what stays of who stops."""
        post, take, pay = Transit.post, Reception.accept, GroupSealer._payload
        crash = Host.crash

        def crashed(host: Host) -> None:
            crash(host)
            self.taken_back.stopped(host.store)

        def posted(
            transit: Transit,
            sealed: Sealed,
            message: int | None,
            contact: int | None = None,
            *given: object,
            **named: object,
        ) -> None:
            self._posted(sealed, message, contact)
            # It hands on whatever it was called with, here and below.
            post(transit, sealed, message, contact, *given, **named)  # type: ignore[arg-type]  # as it came

        def accepted(reception: Reception, *given: object, **named: object) -> None:
            opened = given[2]
            assert isinstance(opened, Opened), "what was opened is the third argument"
            self._opened(opened)
            take(reception, *given, **named)  # type: ignore[arg-type]  # as it came

        def paid(
            sealer: GroupSealer,
            group: Group,
            step: object,
            lifetime_class: int,
            what: tuple[Sequence[tuple[int, bytes]], object],
            *given: object,
        ) -> Sealed:
            self.tokens.sealing(group.conversation, what[0])
            return pay(sealer, group, step, lifetime_class, what, *given)  # type: ignore[arg-type]  # as it came

        with patched(
            Patch(Transit, "post", posted),
            Patch(Reception, "accept", accepted),
            Patch(GroupSealer, "_payload", paid),
            Patch(Host, "crash", crashed),
        ):
            yield

    def _posted(self, sealed: Sealed, message: int | None, contact: int | None) -> None:
        node = self._working()
        if node is None:
            return
        if contact is not None:
            self.blocking.sealing(node, contact)
        if message is not None:
            self.taken_back.sealed(node, message, sealed.envelope)

    def _opened(self, opened: Opened) -> None:
        node = self._working()
        if node is None:
            return
        self.tokens.opened(opened.envelope.id, opened.envelope.header)
        for found in self._text.finditer(opened.payload_bytes):
            came_at = self._body_came_at(node, opened.envelope.id)
            self._came.setdefault((node, int(found[1])), came_at)
