"""Planted bugs of what is to stay with whom it is of: blocked, taken back, or not told yet."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from mesh.commands.contacts import BlockContact, ContactAnswer
from mesh.commands.introductions import AskIntroductions, IntroductionsAnswer
from mesh.crypto.entropy import Entropy
from mesh.ids import ContactId, EnvelopeId, Instant, Tag
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_receipts import GroupReceipts, is_wished
from mesh.messenger.onboarding import introductions
from mesh.messenger.onboarding.introductions import Introductions
from mesh.messenger.onboarding.trust import TrustDecisions
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.transit import Transit
from mesh.storage.vault.outbox import RetirementRows
from mesh.storage.vault.rows import ContactRow
from mesh.wire.retirement import Retirement
from sim.bugs.injection import Bug
from sim.patching import Patch

# --- Of whom somebody blocked -------------------------------------------------------------------


def _opens_all(
    sealed: SealedMail, contact: ContactRow, tag: Tag, now: Instant, *, size: int = 0
) -> None:
    """Nobody asks whether they are blocked."""
    _CHECK_OPENS(sealed, replace(contact, is_blocked=False), tag, now, size=size)


_CHECK_OPENS: Final = SealedMail.check_opens


def _pauses_nothing(sessions: Sessions, contact: ContactId) -> None:
    """All that would be recognised still is."""


def _opens_at_once(trust: TrustDecisions, asked: BlockContact, now: Instant) -> ContactAnswer:
    """A programmer may think: who ends a block wants to see what came meanwhile."""
    opened = BlockContact(asked.contact, asked.is_blocked, opens_sealed=not asked.is_blocked)
    return _BLOCK(trust, opened, now)


_BLOCK: Final = TrustDecisions._block


def _lists_all(people: Introductions, asked: AskIntroductions, now: Instant) -> IntroductionsAnswer:
    rows = people._rows.introductions()
    return IntroductionsAnswer(introductions=[people._answer(row) for row in rows])


def _requires_nothing(row: ContactRow) -> None:
    """Anybody will do."""


# --- Taken back, and not told yet ---------------------------------------------------------------


def _withdrawn_in_words(transit: Transit, message: int, *, now: Instant) -> None:
    """The answer is right, and nothing is stopped."""
    transit.settle(message, "withdrawn")


def _told_at_once(
    retirements: Retirements,
    envelope: EnvelopeId,
    read_token: bytes,
    *,
    away_ms: int = 0,
    now: Instant,
) -> None:
    retirements._add(Retirement(envelope, read_token), away_ms, now)


def _hurried(
    retirements: Retirements,
    rows: RetirementRows,
    *,
    delay_ms: tuple[int, int],
    entropy: Entropy,
    now: Instant,
) -> None:
    """A programmer may think: what waits at a start has waited long enough."""
    _BEGIN(retirements, rows, delay_ms=delay_ms, entropy=entropy, now=now)
    waiting = retirements._waiting
    waiting[:] = [(now.monotonic, number, one) for _, number, one in waiting]


_BEGIN: Final = Retirements.__init__


def _tells_all(receipts: GroupReceipts, group: Group) -> bool:
    """Nobody asks what the person chose."""
    return is_wished(group)


DISCREET: Final[Mapping[str, Bug]] = {
    "blocked-and-heard": Bug(
        "What somebody sends who is blocked is opened and shown.",
        patches=(
            Patch(SealedMail, "check_opens", _opens_all),
            Patch(Sessions, "pause", _pauses_nothing),
        ),
    ),
    "meanwhile-opened": Bug(
        "Who ends a block is shown what came meanwhile.",
        patches=(Patch(TrustDecisions, "_block", _opens_at_once),),
    ),
    "blocked-and-introduced": Bug(
        "Somebody who is blocked is introduced to others.",
        patches=(
            Patch(Introductions, "_ask", _lists_all),
            Patch(introductions, "require_answered", _requires_nothing),
        ),
    ),
    "taken-back-and-sent": Bug(
        "What was taken back before it left leaves all the same.",
        patches=(Patch(Transit, "withdraw", _withdrawn_in_words),),
    ),
    "told-too-soon": Bug(
        "The mesh learns at once which envelope was opened.",
        patches=(Patch(Retirements, "opened", _told_at_once),),
    ),
    "told-at-start": Bug(
        "What waits to be told leaves at the next start.",
        patches=(Patch(Retirements, "__init__", _hurried),),
    ),
    "receipts-unasked": Bug(
        "A group is told what came also by who wants to tell nothing.",
        patches=(Patch(GroupReceipts, "tells", _tells_all),),
    ),
}
"""By the names that `--bug` takes."""
