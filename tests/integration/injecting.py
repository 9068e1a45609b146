"""A neighbour on a node's own machine that hands over envelopes, as a test wants them.

It comes over loopback, so that nothing of it passes the cables. What the node sends back is read
and thrown away.
"""

import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mesh.wire.envelope import Envelope
from mesh.wire.frames import Prune, Push
from mesh.wire.parameters import MeshParameters
from tests.integration.meshes import CLOSED
from tests.integration.nodes import Node
from tests.integration.strangers import Insider, dial

_ENVELOPES_AT_ONCE = 64


class Injector:
    """A link to one node. It is nobody's relay: it asks to have nothing pushed."""

    def __init__(self, insider: Insider) -> None:
        self._insider = insider

    def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Push envelopes, and read what there is to read meanwhile."""
        for start in range(0, len(envelopes), _ENVELOPES_AT_ONCE):
            for envelope in envelopes[start : start + _ENVELOPES_AT_ONCE]:
                self._insider.link.send(Push(envelope=envelope.data))
            # Whoever brings new mail is pushed new mail again, unless it says this each time.
            self._insider.link.send(Prune())
            self._insider.flush()
            self.read()

    def read(self) -> None:
        """Take what has come."""
        while select.select([self._insider.stream], [], [], 0)[0]:
            self._insider.read()


@contextmanager
def injector(node: Node, parameters: MeshParameters = CLOSED) -> Iterator[Injector]:
    """A link to a node over its loopback."""
    with dial(node.namespace, ("127.0.0.1", node.listening_port()), within_s=60) as stream:
        insider = Insider(stream, parameters)
        insider.open()
        yield Injector(insider)
