"""Letters between members who are no contacts are held against what was written (S31)."""

import pytest
from msgspec.structs import replace

from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.storage.connection import transaction
from mesh.storage.vault.member_letters import LetterState, MemberLetterRow
from mesh.storage.vault.vault import Vault
from sim.hosts.databases import new_vault
from sim.invariants.invariants import S31
from sim.invariants.member_letters import WEEK_S, MemberLetterLog, require_erased
from tests.cli.answers import KEY, LETTER, NOW
from tests.sim.invariants.test_invariants import broken_by

ME = VerifyKey(bytes(range(32)))
OTHER = VerifyKey(bytes(32))


def written() -> MemberLetterLog:
    log = MemberLetterLog()
    log.wrote("crew", LETTER.member_key, ME.hex(), LETTER.key)
    return log


def test_a_letter_that_nobody_wrote_to_who_sees_it_breaks_s31() -> None:
    written().shown(3, "crew", ME, LETTER)
    for group, me, letter in (
        ("band", ME, LETTER),
        ("crew", OTHER, LETTER),
        ("crew", None, LETTER),
        ("crew", ME, replace(LETTER, member_key="ee" * 32)),
        ("crew", ME, replace(LETTER, key="ee" * 32)),
    ):
        assert broken_by(written().shown, 3, group, me, letter) is S31


def test_two_to_one_member_within_a_week_break_s31() -> None:
    log, who = written(), ("crew", ME.hex(), OTHER.hex(), KEY)
    log.answered(3, *who, NOW)
    assert broken_by(log.answered, 3, *who, NOW) is S31
    assert broken_by(log.answered, 3, *who, NOW + WEEK_S - 1) is S31
    log.answered(3, *who, NOW + WEEK_S)
    # To another, by another machine, or by a clock that was set back one may.
    log.answered(3, "crew", ME.hex(), ME.hex(), KEY, NOW + WEEK_S)
    log.answered(5, *who, NOW + WEEK_S)
    log.answered(3, *who, NOW)
    # Whose disk was put back may write again.
    log.forget(3)
    log.answered(3, *who, NOW)
    assert broken_by(log.answered, 5, *who, NOW + WEEK_S) is S31


def test_two_letters_that_come_at_once_blame_nobody() -> None:
    log = written()
    log.shown(3, "crew", ME, LETTER)
    log.shown(3, "crew", ME, LETTER)


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
