"""Nodes of other versions in one world: real engines whose links speak as an older or a later one.

A later version has no release yet, and an older one need not be at hand. What they differ in on a
link is known all the same, since the protocol says how they may (`docs/protocol/link.md`): a later
one names more versions and features in its Hello, appends fields to frames that are known, and
sends frames that are not; an older one names one version and leaves away what was appended since:
here the features and the port of a Hello. Everything else is the engine's, so such nodes carry
mail, and users write on them. Whole engines of another release run in `sim.releases`.

It is done where links encode their frames, by whose engine is at work; what is added depends on
nothing but the frame, so that a double says the same.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from mesh.link import link as link_module
from mesh.link.link import Link
from mesh.wire.frames import Frame, Hello, IHave, Push
from sim.kernel.entropy import Chance
from sim.patching import Patch, patched

Version = Literal["older", "later", "released"]
"""The last one is of another release, whose engine is in its own process."""

LATER_VERSION: Final = 3
LATER_FEATURE: Final = 900
LATER_FRAME: Final = msgspec.msgpack.encode([0x6F, b"of a later version", [1, None]])
LATER_FIELD: Final = msgspec.msgpack.encode([b"appended", {"by": "a later version"}])
_FIXARRAY_MAX: Final = 0x9F
_HELLO_FIELDS_AT_FIRST: Final = 5
"""Of a Hello without its port: its type, versions, features, mesh time, nonce."""

_FULL_BYTES: Final = 60_000
"""To what is longer nothing is appended: it must stay within the longest frame."""


def drawn_versions(
    seed: int, nodes: int, *, older: float, later: float, released: float = 0
) -> dict[int, Version]:
    """Return which nodes are of another version."""
    order = list(range(nodes))
    Chance(seed, "versions").shuffle(order)
    older_count, later_count = round(older * nodes), round(later * nodes)
    drawn: dict[int, Version] = dict.fromkeys(order[:older_count], "older")
    for node in order[older_count : older_count + later_count]:
        drawn[node] = "later"
    for node in order[older_count + later_count :][: round(released * nodes)]:
        drawn[node] = "released"
    return drawn


class Versions:
    """The versions of one world. `working`: whose engine works now, a double's too."""

    def __init__(self, of: Mapping[int, Version], working: Callable[[], int | None]) -> None:
        self._of = of
        self.of_release = [node for node, version in of.items() if version == "released"]
        """Nodes that run another release."""

        self._working = working
        self.later_frames_count = 0
        """Frames that were sent and that no other version knows."""

    @contextlib.contextmanager
    def speaking(self) -> Iterator[None]:
        """While inside, links speak as their nodes' versions do."""
        if not self._of:
            yield
            return
        encode: Callable[[Frame], bytes] = vars(link_module)["encode_frame"]
        send = Link.send

        def encoded(frame: Frame) -> bytes:
            return self._encoded(frame, encode)

        def sent(link: Link, frame: Frame, *, is_first: bool = False) -> None:
            send(link, frame, is_first=is_first)
            if isinstance(frame, Push | IHave) and self._version == "later":
                link._outgoing.append(LATER_FRAME)
                self.later_frames_count += 1

        with patched(Patch(link_module, "encode_frame", encoded), Patch(Link, "send", sent)):
            yield

    @property
    def _version(self) -> Version | None:
        node = self._working()
        return None if node is None else self._of.get(node)

    def _encoded(self, frame: Frame, encode: Callable[[Frame], bytes]) -> bytes:
        match self._version:
            case None | "released":
                return encode(frame)
            case "older":
                return _as_older(encode(frame)) if isinstance(frame, Hello) else encode(frame)
            case "later":
                return _as_later(encode(_with_more(frame)))


def _as_older(hello: bytes) -> bytes:
    fields = msgspec.msgpack.decode(hello)
    fields[1], fields[2] = [1], []
    return msgspec.msgpack.encode(fields[:_HELLO_FIELDS_AT_FIRST])


def _with_more(frame: Frame) -> Frame:
    if not isinstance(frame, Hello):
        return frame
    return msgspec.structs.replace(
        frame,
        versions=[*frame.versions, LATER_VERSION],
        features=[*frame.features, LATER_FEATURE],
    )


def _as_later(data: bytes) -> bytes:
    """A frame with one field more behind those that are known."""
    if data[0] >= _FIXARRAY_MAX or len(data) > _FULL_BYTES:
        return data
    return bytes((data[0] + 1,)) + data[1:] + LATER_FIELD
