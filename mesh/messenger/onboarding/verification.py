"""Live comparisons with contacts, over the mesh.

Implements `docs/protocol/trust.md`, section "Live comparison", for which `ratchet/comparison.py`
is the machine. What is compared are both identities: verify key and identity key of either side.
When both persons said that they see the same, the contact is *verified*.
"""

from typing import Final

from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison
from mesh.errors import PeerError
from mesh.events import ComparisonChanged
from mesh.ids import Instant, UnixSeconds
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.contacts.refusals import not_answered, require_answered
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Chore, Feature, ReceivedControl, command
from mesh.messenger.pauses import Pause
from mesh.ratchet.comparison import Comparison, Control
from mesh.storage.vault.rows import ContactRow
from mesh.wire.controls import COMPARE_ANSWER, COMPARE_COMMIT, COMPARE_REVEAL, COMPARE_VERDICT

STEP_REPEATED_S: Final = 60
"""The same step is answered again after so long: what was said may have been lost, and whoever sits
there asks again."""


class Verification:
    """One comparison a contact; each step is a row of the transaction that made it."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        notes: Notes,
        outbox: Outbox,
    ) -> None:
        self._people = account.vault.contacts
        self._rows = account.vault.trust
        keys = account.identity.keys
        self._ours = keys.verify_key + keys.identity_key
        self._contacts = contacts
        self._notes = notes
        self._outbox = outbox
        self._pending_events = account.pending_events
        self._entropy = account.entropy

    def feature(self) -> Feature:
        """Comparing over the mesh."""
        steps = (COMPARE_COMMIT, COMPARE_ANSWER, COMPARE_REVEAL, COMPARE_VERDICT)
        return Feature(
            commands=[command(Compare, self._ask), command(ConfirmComparison, self._confirm)],
            controls=dict.fromkeys(steps, self._step_came),
            chores=[Chore(self._expire)],
        )

    def answer(self, row: ContactRow, mesh_now: UnixSeconds) -> ComparisonAnswer:
        """Return where the comparison with a contact stands."""
        found = self._find(row)
        return _answer(row, None if found is None else found.expired(mesh_now))

    def _ask(self, asked: Compare, now: Instant) -> ComparisonAnswer:
        """Our person begins, or takes up theirs."""
        row = self._contacts.contact(asked.contact)
        self._check_may_compare(row)
        before = self._comparison(row).expired(now.mesh)
        after, controls = before.ask(self._entropy, now.mesh)
        return self._go_on(row, before, after, controls, pause=Pause.AT_ONCE, now=now)

    def _confirm(self, asked: ConfirmComparison, now: Instant) -> ComparisonAnswer:
        """Our person's verdict."""
        row = self._contacts.contact(asked.contact)
        self._check_may_compare(row)
        before = self._comparison(row).expired(now.mesh)
        after, controls = before.say(is_equal=asked.is_equal)
        return self._go_on(row, before, after, controls, pause=Pause.AT_ONCE, now=now)

    def _step_came(self, control: ReceivedControl, now: Instant) -> None:
        """A step of theirs."""
        contact = control.contact
        if contact.is_request:
            raise PeerError("a comparison with somebody who waits apart")
        if contact.agreement_key is None:
            raise PeerError("a comparison before the keys are here")
        before = self._comparison(contact).expired(now.mesh)
        after, controls = before.came(control.kind, control.data, self._entropy, now.mesh)
        step = b"%d %d " % (control.kind, now.mesh // STEP_REPEATED_S) + control.data
        if controls and not self._outbox.unasked.grant(contact.id, step, now):
            raise PeerError("too many steps of comparisons")
        if after != before or controls:
            self._go_on(contact, before, after, controls, pause=Pause.SOON, now=now)

    def _expire(self, now: Instant) -> None:
        """End what began too long ago."""
        for contact in self._rows.compared():
            row = self._people.contact(contact)
            before = self._find(row)
            if before is None:
                continue
            after = before.expired(now.mesh)
            if after != before:
                self._rows.put_comparison(contact, after.encode())
                self._pending_events.tell(ComparisonChanged(_answer(row, after)))

    def _go_on(
        self,
        row: ContactRow,
        before: Comparison,
        after: Comparison,
        controls: list[Control],
        *,
        pause: Pause,
        now: Instant,
    ) -> ComparisonAnswer:
        """Keep the new value, tell the other side and the person."""
        self._rows.put_comparison(row.id, after.encode())
        if controls:
            self._outbox.send_controls(row, controls, pause=pause, now=now)
        answer = _answer(row, after)
        if after.stage != before.stage:
            self._pending_events.tell(ComparisonChanged(answer))
            self._settle(row, before, after, now.mesh)
        return answer

    def _settle(
        self, row: ContactRow, before: Comparison, after: Comparison, mesh_now: UnixSeconds
    ) -> None:
        if after.stage == "matched":
            self._contacts.set_trust(row.id, "verified")
            sentence = f"You and {row.label} compared what you see, and both said it is the same."
            self._notes.add(row.id, "verified", sentence, mesh_now)
        elif after.failure is not None:
            match after.failure:
                case "said here":
                    sentence = "You ended a comparison without a match."
                case "said there" if before.stage == "compare":
                    sentence = (
                        f"{row.label} says that what you see differs: do not trust this key until "
                        "you have met."
                    )
                case "said there":
                    sentence = f"{row.label} ended a comparison without a match."
                case _:
                    sentence = (
                        f"In a comparison {row.label} did not keep to what was promised; "
                        "somebody may stand between you."
                    )
            self._notes.add(row.id, "comparison failed", sentence, mesh_now)

    def _check_may_compare(self, row: ContactRow) -> None:
        require_answered(row)
        if row.agreement_key is None:
            raise not_answered(row)

    def _comparison(self, row: ContactRow) -> Comparison:
        assert row.agreement_key is not None
        return self._find(row) or Comparison(self._ours, row.verify_key + row.agreement_key)

    def _find(self, row: ContactRow) -> Comparison | None:
        data = self._rows.find_comparison(row.id)
        if data is None or row.agreement_key is None:
            return None
        return Comparison.decode(self._ours, row.verify_key + row.agreement_key, data)


def _answer(row: ContactRow, comparison: Comparison | None) -> ComparisonAnswer:
    if comparison is None:
        return ComparisonAnswer(contact=row.id, label=row.label, state="none")
    return ComparisonAnswer(
        contact=row.id,
        label=row.label,
        state=comparison.stage,
        emoji=comparison.emoji,
        numbers=comparison.numbers,
        failure=comparison.failure or "",
    )
