"""Mail that is here and can never be opened, until its author is told.

Implements `docs/protocol/session.md`, section "Never opened". Keys were lost, or a session is over
whose post-quantum step did not come. Their author sees that somebody has the mail and waits in
vain; told inside a session, they seal it again. An envelope never grows larger for it.
"""

from collections.abc import Sequence

import msgspec

from mesh.errors import PeerError
from mesh.ids import ContactId, EnvelopeId
from mesh.limits.messages import CONTROL_BYTES_MAX, CONTROLS_MAX
from mesh.limits.sessions import UNOPENED_TOLD_MAX
from mesh.messenger.sessions.session_tags import SessionTags
from mesh.ratchet.first_contact import first_contact_size_class
from mesh.ratchet.sealed_message import session_size_class
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.controls import UNOPENED
from mesh.wire.frames import SHORT_ID_BYTES
from mesh.wire.payload import AnyPayload


class Unopened:
    """The envelopes of which their authors are to be told. A restart forgets those without a row;
    they lapse, and are sealed again then.
    """

    def __init__(self, rows: SessionRows, tags: SessionTags) -> None:
        self._rows = rows
        self._tags = tags
        self._noted: dict[ContactId, dict[EnvelopeId, None]] = {}

    def note(self, contact: ContactId, envelope: EnvelopeId) -> None:
        """A contact sealed this to keys that are not here."""
        noted = self._noted.setdefault(contact, {})
        if len(noted) < UNOPENED_TOLD_MAX:
            noted[envelope] = None

    def added_to(self, contact: ContactId, payload: AnyPayload) -> AnyPayload:
        """The payload, with as many as there is room for in its envelope."""
        noted = self._noted.get(contact, {})
        if not (noted or self._tags.has_awaiting) or len(payload.controls) >= CONTROLS_MAX:
            return payload
        room = UNOPENED_TOLD_MAX
        while room and _size_classes(_with(payload, [bytes(32)] * room)) != _size_classes(payload):
            room //= 2
        told = list(noted)[:room]
        for envelope in told:
            del noted[envelope]
        told += self._rows.tell_awaiting(contact, room - len(told))
        return _with(payload, told) if told else payload


def short_ids_of(data: bytes) -> list[bytes]:
    """Return what a control names; PeerError if it is malformed."""
    if not data or len(data) % SHORT_ID_BYTES or len(data) > CONTROL_BYTES_MAX:
        raise PeerError("malformed ids of envelopes")
    return [data[start : start + SHORT_ID_BYTES] for start in range(0, len(data), SHORT_ID_BYTES)]


def _with(payload: AnyPayload, told: Sequence[bytes]) -> AnyPayload:
    control = (UNOPENED, b"".join(envelope[:SHORT_ID_BYTES] for envelope in told))
    return msgspec.structs.replace(payload, controls=[*payload.controls, control])


def _size_classes(payload: AnyPayload) -> tuple[int | None, ...]:
    """The classes of its envelope: on a session with a short header or a long one, or first."""
    length = len(payload.encode())
    return (
        session_size_class(length, has_long_header=False),
        session_size_class(length, has_long_header=True),
        first_contact_size_class(length),
    )
