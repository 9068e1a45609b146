"""Our own name: whoever we write to is told it with each payload, so a new one needs no mail."""

from mesh.commands.identity import AskIdentity, ChangeIdentity, IdentityAnswer
from mesh.events import IdentityChanged
from mesh.ids import Instant
from mesh.messenger.account import Account
from mesh.messenger.feature import Feature, command
from mesh.messenger.identity import identity_answer
from mesh.messenger.names import checked_name
from mesh.storage.vault.vault import NAME_CHOSEN_MARK


class OwnName:
    """The name of this profile."""

    def __init__(self, account: Account) -> None:
        self._vault = account.vault
        self._identity = account.identity
        self._pending_events = account.pending_events

    def feature(self) -> Feature:
        """Say who we are, and be called otherwise."""
        return Feature(
            commands=[
                command(AskIdentity, lambda *_: identity_answer(self._identity)),
                command(ChangeIdentity, self._change),
            ]
        )

    def _change(self, asked: ChangeIdentity, now: Instant) -> IdentityAnswer:
        name = checked_name(asked.name, "The name")
        # What somebody called himself before groups were told it was meant for contacts.
        if not self._identity.is_name_chosen:
            self._vault.set_mark(NAME_CHOSEN_MARK, 1)
            self._identity.is_name_chosen = True
        if name != self._identity.name:
            self._vault.set_identity_name(name)
            self._identity.name = name
            self._pending_events.tell(IdentityChanged(identity_answer(self._identity)))
        return identity_answer(self._identity)
