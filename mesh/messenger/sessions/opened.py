"""A message that has opened: its two boxes, from the bytes to the payload. Nothing is written."""

from dataclasses import dataclass, field

from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.double_ratchet import Awaiting, OutOfStep, Receiving
from mesh.ratchet.sealed_message import open_header, open_payload
from mesh.wire.envelope import Envelope
from mesh.wire.payload import AnyPayload, decode_payload
from mesh.wire.ratchet_header import RatchetHeader

CLOCK_MAX = 1 << 62
"""A clock beyond is a lie (it is the year 4,199), and would leave no room for what follows."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that has opened; nothing is written yet."""

    envelope: Envelope
    header: RatchetHeader
    receiving: Receiving = field(repr=False)
    payload_bytes: bytes = field(repr=False)
    payload: AnyPayload = field(repr=False)


def opened_on(
    sessions: Sessions,
    session: Session,
    envelope: Envelope,
    *,
    nonce: bytes,
    boxes: bytes,
    header_key: bytes,
    mesh_now: UnixSeconds,
) -> Opened | None:
    """The message in the boxes; None if it waits for a post-quantum step."""
    associated = envelope.header_bytes
    header, header_box, message_box = open_header(
        boxes, header_key=header_key, associated=associated, nonce=nonce
    )
    receiving = sessions.receive(session, header, mesh_now)
    if isinstance(receiving, Awaiting):
        return None
    return opened_by(envelope, nonce, header, header_box, message_box, receiving)


def opened_by(
    envelope: Envelope,
    nonce: bytes,
    header: RatchetHeader,
    header_box: bytes,
    message_box: bytes,
    receiving: Receiving,
) -> Opened:
    """Open the second box of a message whose header has opened."""
    try:
        data = open_payload(
            receiving.message_key,
            associated=envelope.header_bytes,
            nonce=nonce,
            header_box=header_box,
            message_box=message_box,
        )
    except PeerError as error:
        if receiving.is_new_chain:
            raise OutOfStep("an answer to keys that are not here") from error
        raise
    payload = decode_payload(data)
    if payload.hlc >= CLOCK_MAX:
        raise PeerError("a clock beyond all calendars")
    return Opened(envelope, header, receiving, data, payload)
