"""News of keys for a contact, which the next payload tells beside the words of its person."""

from mesh.ids import ContactId, UnixSeconds
from mesh.messenger.sessions.prekeys import Prekeys, stored_bundle
from mesh.messenger.sessions.sessions import Sessions
from mesh.storage.vault.exchanges import ExchangeRows
from mesh.storage.vault.rows import ContactRow
from mesh.wire.controls import KEYS, KEYS_TAKEN, OVER


class News:
    """The controls that wait for the next payload to each contact.

    A restart forgets them: that sessions are over comes up again with what comes next on one, and
    prekeys of before then live a while longer.
    """

    def __init__(self, exchanges: ExchangeRows, *, sessions: Sessions, prekeys: Prekeys) -> None:
        self._exchanges = exchanges
        self._sessions = sessions
        self._prekeys = prekeys
        self._over: dict[ContactId, None] = {}
        self._taken: dict[ContactId, None] = {}

    def tell_over(self, contact: ContactId) -> None:
        """Let the next payload say which sessions get no answers any more."""
        self._over[contact] = None

    def tell_taken(self, contact: ContactId) -> None:
        """Let the next payload say which prekeys of theirs are the newest here."""
        self._taken[contact] = None

    def take(
        self, contact: ContactRow, mesh_now: UnixSeconds, *, with_keys: bool
    ) -> list[tuple[int, bytes]]:
        """Return what the payload says that is written now; `with_keys`: there is room for them."""
        told = self._keys(contact, mesh_now) if with_keys else []
        if contact.id in self._over:
            del self._over[contact.id]
            over = [one.id for one in self._sessions.of_contact(contact.id) if one.is_over]
            told += [(OVER, b"".join(over))] if over else []
        if contact.id in self._taken and contact.bundle is not None:
            del self._taken[contact.id]
            valid_from = stored_bundle(contact.bundle).valid_from
            told.append((KEYS_TAKEN, valid_from.to_bytes(4, "big")))
        return told

    def _keys(self, contact: ContactRow, mesh_now: UnixSeconds) -> list[tuple[int, bytes]]:
        """Our newest prekeys, if a contact who has a session with us has older ones."""
        if self._sessions.find_known(contact.id) is None:
            return []
        newest = self._prekeys.newest(contact.id, mesh_now)
        if newest.id == self._exchanges.exchange(contact.id).keys_told:
            return []
        self._exchanges.set_keys_told(contact.id, newest.id)
        return [(KEYS, newest.bundle.prekeys)]
