"""Answers to those who come by an invite of ours that is closed, and were not let in.

Implements `docs/protocol/first-contact.md`, section "A closed invite". An answer waits as long as
all that the node tells by itself, and is a row until it has lapsed: so the same person is told once
in that time, and whoever asks again and again does not learn when this node is awake.
"""

from mesh.crypto.entropy import uniform_below
from mesh.ids import Instant, InviteId, Monotonic, VerifyKey, earliest
from mesh.limits.invites import CLOSED_ANSWERS_MAX
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.closed_invite import closed_key_of
from mesh.storage.vault.rows import ClosedAnswerRow, InviteRow


class ClosedAnswers:
    """The answers that wait for their time, and who got one."""

    def __init__(
        self,
        account: Account,
        *,
        sealing: Sealing,
        transit: Transit,
        delay_ms: tuple[int, int],
    ) -> None:
        self._rows = account.vault.closed_answers
        self._entropy = account.entropy
        self._sealing = sealing
        self._transit = transit
        self._delay_ms = delay_ms
        self._deadline: Monotonic | None = None

    def feature(self) -> Feature:
        """Answering when it is due."""
        return Feature(
            chores=[Chore(self._seal_due)],
            cleanups=[self._forget],
            # One that waits for a stamp is due when that comes.
            deadline=lambda: self._deadline,
        )

    def refused(
        self, invite: InviteRow, author: VerifyKey, tag_root: bytes, *, now: Instant
    ) -> None:
        """Somebody was not let in: tell them after a while, if this invite tells anybody."""
        if not invite.tells_closed or self._rows.has(invite.id, author):
            return
        if self._rows.count(invite.id) >= CLOSED_ANSWERS_MAX:
            return
        shortest_ms, longest_ms = self._delay_ms
        pause_ms = shortest_ms + uniform_below(self._entropy, longest_ms - shortest_ms + 1)
        self._rows.add(
            ClosedAnswerRow(
                invite=invite.id,
                author=author,
                key=closed_key_of(tag_root),
                due_ms=now.mesh_ms + pause_ms,
            )
        )
        self._deadline = earliest((self._deadline, now.after(pause_ms)))

    def silence(self, invite: InviteId) -> None:
        """Tell nobody any more that this invite is closed."""
        self._rows.silence(invite)

    def _seal_due(self, now: Instant) -> None:
        pauses = []
        for row in self._rows.waiting():
            assert row.key is not None
            pause_ms = row.due_ms - now.mesh_ms
            # A clock that was set meanwhile holds nothing back for years.
            if 0 < pause_ms <= self._delay_ms[1]:
                pauses.append(pause_ms)
                continue
            sealed = self._sealing.seal_closed(row.key, now.mesh)
            if sealed is not None:
                self._transit.post(sealed, None, now=now)
                self._rows.set_sealed(row, lapses=sealed.envelope.header.lapses)
        self._deadline = now.after(min(pauses)) if pauses else None

    def _forget(self, now: Instant) -> None:
        self._rows.forget_lapsed(now.expiry)
