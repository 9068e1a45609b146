"""Letters between members who are no contacts are held against what was written (S31)."""

import pytest
from msgspec.structs import replace

from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.storage.connection import transaction
from mesh.storage.vault.member_letters import LetterState, MemberLetterRow
from mesh.storage.vault.vault import Vault
from sim.hosts.databases import new_vault
from sim.invariants.invariants import S31
from sim.invariants.member_letters import WEEK_US, MemberLetterLog, require_erased
from tests.cli.answers import LETTER
from tests.sim.invariants.test_invariants import broken_by

ME = VerifyKey(bytes(range(32)))
OTHER = VerifyKey(bytes(32))


def written() -> MemberLetterLog:
    log = MemberLetterLog()
    log.wrote("crew", LETTER.member_key, ME.hex(), LETTER.key)
    return log


def test_a_letter_that_nobody_wrote_to_who_sees_it_breaks_s31() -> None:
    written().shown(3, "crew", ME, LETTER, 1)
    for group, me, letter in (
        ("band", ME, LETTER),
        ("crew", OTHER, LETTER),
        ("crew", None, LETTER),
        ("crew", ME, replace(LETTER, member_key="ee" * 32)),
        ("crew", ME, replace(LETTER, key="ee" * 32)),
    ):
        assert broken_by(written().shown, 3, group, me, letter, 1) is S31


def test_two_of_one_member_within_a_week_break_s31() -> None:
    log = written()
    log.shown(3, "crew", ME, LETTER, 1)
    assert broken_by(log.shown, 3, "crew", ME, LETTER, WEEK_US) is S31
    log.shown(3, "crew", ME, LETTER, 1 + WEEK_US)
    # Whose disk was put back may write again, or be shown it again.
    log.forget(3, "")
    log.shown(3, "crew", ME, LETTER, 2 + WEEK_US)
    log.forget(5, LETTER.key)
    log.shown(3, "crew", ME, LETTER, 3 + WEEK_US)


@pytest.mark.parametrize(
    "state, link, note, key, is_left",
    [
        ("waiting", "a link", "words", OTHER, False),
        ("accepted", "a link", "", OTHER, False),
        ("accepted", "", "words", OTHER, True),
        ("declined", "", "", ME, False),
        ("declined", "a link", "", ME, True),
        ("declined", "", "", OTHER, True),
    ],
)
def test_what_is_left_of_a_letter_that_was_answered_breaks_s31(
    state: LetterState, link: str, note: str, key: VerifyKey, *, is_left: bool
) -> None:
    vault = new_vault()
    vault.execute("PRAGMA foreign_keys = OFF")
    row = MemberLetterRow(
        0, ConversationId(1), ME, link, key, "", note, UnixSeconds(1), UnixSeconds(9), state
    )
    with transaction(vault):
        Vault(vault).member_letters.add(row)
    if is_left:
        assert broken_by(require_erased, {3: vault}) is S31
    else:
        require_erased({3: vault})
