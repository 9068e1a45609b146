"""Groups as nodes show them are held against what was written there, and by whom."""

import pytest
from msgspec.structs import replace

from mesh.commands.items import ItemAnswer
from mesh.commands.messages import AuthorAnswer
from sim.invariants.group_log import GroupLog, GroupText
from sim.invariants.invariants import S2, S3, S4, S6, S13, BrokenInvariant, Invariant

ANN, BOB = 0, 1
KEYS = {ANN: "aa", BOB: "bb"}
CREW = "crew"


def item(written: GroupText, *, seen_by: int = ANN, key: str = "") -> ItemAnswer:
    author = AuthorAnswer(
        key=key or KEYS[written.author], label="", is_mine=written.author == seen_by
    )
    return ItemAnswer(
        number=written.number + 1,
        conversation=3,
        id=f"{written.number:02x}",
        kind="text",
        author=author,
        sent=0,
        received=0,
        state="",
        carriers=0,
        is_late=False,
        missing_count=0,
        clock="",
        text=written.text,
    )


def written(log: GroupLog, author: int) -> GroupText:
    text = log.ask(author, CREW, "words", 0)
    log.confirm(text, item(text, seen_by=author))
    return text


def require_broken(invariant: Invariant, log: GroupLog, *items: ItemAnswer) -> None:
    with pytest.raises(BrokenInvariant) as broken:
        log.require_shown(ANN, CREW, KEYS[ANN], items, log.held(ANN))
    assert broken.value.invariant is invariant


def test_what_is_shown_as_it_was_written_breaks_nothing() -> None:
    log = GroupLog()
    own, theirs = written(log, ANN), written(log, BOB)
    log.require_shown(ANN, CREW, KEYS[ANN], [item(own), item(theirs)], log.held(ANN))


def test_what_is_shown_twice_or_was_never_written_is_found() -> None:
    log = GroupLog()
    own = written(log, ANN)
    require_broken(S2, log, item(own), item(own))
    other = GroupLog().ask(BOB, CREW, "others", 0)
    require_broken(S3, log, item(own), item(other))


def test_what_is_shown_as_anothers_is_found() -> None:
    log = GroupLog()
    own, theirs = written(log, ANN), written(log, BOB)
    require_broken(S4, log, item(own), item(theirs, key=KEYS[ANN]))
    require_broken(S4, log, item(own), item(theirs, seen_by=BOB))


def test_what_is_gone_from_its_authors_history_is_found() -> None:
    log = GroupLog()
    own = written(log, ANN)
    require_broken(S13, log)
    own.is_retracted = True
    log.require_shown(ANN, CREW, KEYS[ANN], [], log.held(ANN))


def test_what_is_written_after_its_author_was_asked_need_not_be_shown() -> None:
    log = GroupLog()
    before = written(log, ANN)
    held = log.held(ANN)
    written(log, ANN)
    log.require_shown(ANN, CREW, KEYS[ANN], [item(before)], held)
    with pytest.raises(BrokenInvariant):
        log.require_shown(ANN, CREW, KEYS[ANN], [item(before)], log.held(ANN))


def test_a_disk_that_was_put_back_and_another_key_excuse_what_is_gone() -> None:
    log = GroupLog()
    written(log, ANN)
    log.require_shown(ANN, CREW, "another key of hers", [], log.held(ANN))
    log.forget(ANN)
    log.require_shown(ANN, CREW, KEYS[ANN], [], log.held(ANN))


def test_a_text_in_the_vault_of_one_to_whom_it_was_not_sealed_is_found() -> None:
    log = GroupLog()
    own = written(log, ANN)
    log.may_read(own.entry, [BOB])
    log.require_reader(own.number, ANN, ANN, "texts")
    log.require_reader(own.number, BOB, BOB, "texts")
    with pytest.raises(BrokenInvariant) as broken:
        log.require_reader(own.number, 2, 2, "texts")
    assert broken.value.invariant is S6


def test_what_was_for_later_and_was_called_off_is_shown_to_nobody() -> None:
    log = GroupLog()
    later = log.ask(BOB, CREW, "later", 0)
    log.require_shown(ANN, CREW, KEYS[ANN], [item(later)], log.held(ANN))
    later.is_called_off = True
    require_broken(S13, log, item(later))
    # A vault that was put back may not know it any more.
    log.forget(BOB)
    log.require_shown(ANN, CREW, KEYS[ANN], [item(later)], log.held(ANN))


def test_what_disappears_need_not_be_there_any_more() -> None:
    log = GroupLog()
    own = written(log, ANN)
    require_broken(S13, log)
    own.disappears = True
    log.require_shown(ANN, CREW, KEYS[ANN], [], log.held(ANN))


def test_a_reminder_has_names_behind_it_and_may_stand_twice() -> None:
    log = GroupLog()
    asked = written(log, ANN)
    named = replace(item(asked), text=f"{asked.text} @Bob")
    require_broken(S3, log, named)
    asked.is_reminder = True
    log.require_shown(ANN, CREW, KEYS[ANN], [named, named], log.held(ANN))
    require_broken(S3, log, replace(named, text=f"{asked.text} and more"))
