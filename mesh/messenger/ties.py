"""The ties to contacts, put together: from keys to what is sealed with them, and invites."""

from dataclasses import dataclass

from mesh.messenger.account import Account, Environment
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.files import Files
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.onboarding.closed_answers import ClosedAnswers
from mesh.messenger.onboarding.invites import Invites
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.machines import Machines
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.onboarding.unanswered import Unanswered
from mesh.messenger.parts import Parts
from mesh.messenger.sessions.contact_bundles import ContactBundles
from mesh.messenger.sessions.payload_maker import PayloadMaker
from mesh.messenger.sessions.prekeys import Prekeys
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.session_setup import SessionSetup


@dataclass(frozen=True, slots=True)
class Ties:
    """The ties to contacts, on which the features stand."""

    prekeys: Prekeys
    sealing: Sealing
    bundles: ContactBundles
    erasing: Erasing
    entries: Entries
    outbox: Outbox
    invites: Invites
    invites_accepted: InvitesAccepted
    session_recovery: SessionRecovery
    machines: Machines


def tie(account: Account, environment: Environment, parts: Parts) -> Ties:
    """From keys to what is sealed with them, and to invites, ours and theirs."""
    contacts, sessions = parts.contacts, parts.sessions
    is_tag_stored = environment.is_tag_stored
    prekeys = Prekeys(
        account.vault.prekeys,
        account.vault.exchanges,
        account.identity,
        entropy=account.entropy,
        kem=account.kem,
    )
    session_setup = SessionSetup(
        account,
        sessions=sessions,
        prekeys=prekeys,
        tag_index=parts.tag_index,
        is_tag_stored=is_tag_stored,
        has_own_under=lambda tag: any(
            parts.posting_keys.is_own(author) for author in environment.authors_under(tag)
        ),
    )
    sealing = Sealing(
        account,
        contacts=contacts,
        key_doubts=parts.key_doubts,
        sessions=sessions,
        session_setup=session_setup,
        posting_keys=parts.posting_keys,
        is_tag_stored=is_tag_stored,
        posted=parts.cover.posted,
    )
    tag_index, transit = parts.tag_index, parts.transit
    files = Files(account, tag_index=tag_index, transit=transit, retirements=parts.retirements)
    erasing = Erasing(account, transit, files)
    entries = Entries(account, history=parts.history, erasing=erasing)
    outbox = Outbox(
        account,
        sealing=sealing,
        maker=PayloadMaker(
            account,
            sessions=sessions,
            prekeys=prekeys,
            posting_key_sharing=parts.posting_key_sharing,
        ),
        history=parts.history,
        entries=entries,
        transit=parts.transit,
        lapsing=parts.lapsing,
    )
    invites = Invites(
        account,
        tag_index=parts.tag_index,
        prekeys=prekeys,
        posting_keys=parts.posting_keys,
        sealing=sealing,
        transit=parts.transit,
        closed_answers=ClosedAnswers(
            account,
            sealing=sealing,
            transit=parts.transit,
            delay_ms=environment.retire_delay_ms,
        ),
    )
    invites_accepted = InvitesAccepted(
        account,
        contacts=contacts,
        sessions=sessions,
        session_setup=session_setup,
        tag_index=parts.tag_index,
        outbox=outbox,
        unanswered=Unanswered(
            account,
            notes=parts.notes,
            session_setup=session_setup,
            sealed_mail=sessions.sealed_mail,
            retirements=parts.retirements,
            lapsing=parts.lapsing,
            outbox=outbox,
        ),
        key_doubts=parts.key_doubts,
    )
    session_recovery = SessionRecovery(
        account,
        contacts=contacts,
        sessions=sessions,
        session_setup=session_setup,
        invites_accepted=invites_accepted,
        outbox=outbox,
        key_doubts=parts.key_doubts,
    )
    bundles = ContactBundles(account, parts.notes, tell_taken=outbox.news.tell_taken)
    machines = Machines(
        account,
        tag_index=parts.tag_index,
        sealing=sealing,
        session_setup=session_setup,
        outbox=outbox,
        transit=parts.transit,
        sessions=sessions,
        key_doubts=parts.key_doubts,
    )
    return Ties(
        prekeys,
        sealing,
        bundles,
        erasing,
        entries,
        outbox,
        invites,
        invites_accepted,
        session_recovery,
        machines,
    )
