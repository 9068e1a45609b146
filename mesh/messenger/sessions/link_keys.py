"""The keys by which contacts and we recognise each other: inside a link, and in groups."""

from mesh.ids import ContactId
from mesh.messenger.sessions.sessions import Sessions
from mesh.storage.vault.contacts import ContactRows

PairKey = tuple[ContactId, bytes]


def link_keys(people: ContactRows, sessions: Sessions) -> tuple[list[PairKey], list[PairKey]]:
    """Those keys that contacts have for certain, and all that they may still say.

    Nobody is among them who is blocked, or waits to be accepted.
    """
    said: list[PairKey] = []
    tried: list[PairKey] = []
    for row in people.contacts():
        if row.is_blocked or row.is_request:
            continue
        for session in sessions.of_contact(row.id):
            ways = session.rendezvous_out
            if ways is not None and ways.link_key and not session.is_over:
                said.append((row.id, ways.link_key))
            tried += [
                (row.id, one.link_key)
                for one in session.rendezvous.values()
                if one.link_key and one.closed is None
            ]
    return said, tried
