"""Both sides of a conversation show the same of the same entries."""

import pytest
from msgspec.structs import replace

from mesh.commands.items import ItemAnswer, ReactionAnswer
from mesh.commands.messages import AuthorAnswer
from mesh.storage.connection import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.folding import View, require_same_items
from sim.invariants.invariants import S20, BrokenInvariant
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario

ONE, OTHER = "aa" * 32, "bb" * 32


ID = bytes.fromhex("cc" * 32)


def vault(key: str, *changes: bytes, about: bytes = ID) -> MemoryDatabase:
    """A vault with one object, and changes of it."""
    made = MemoryDatabase()
    with transaction(made):
        made.execute("CREATE TABLE contacts (id INTEGER, verify_key BLOB)")
        made.execute("CREATE TABLE entries (conversation INTEGER, id BLOB, target BLOB)")
        made.execute("INSERT INTO contacts VALUES (1, ?)", (bytes.fromhex(key),))
        made.execute("INSERT INTO entries VALUES (1, ?, x'')", (ID,))
        for id_ in changes:
            made.execute("INSERT INTO entries VALUES (1, ?, ?)", (id_, about))
    return made


def item(*, is_mine: bool, reacted: bool) -> ItemAnswer:
    return ItemAnswer(
        number=1,
        conversation=1,
        id="cc" * 32,
        kind="text",
        author=AuthorAnswer(key=ONE, label="", is_mine=is_mine),
        sent=1,
        received=1,
        state="received",
        carriers=0,
        is_late=False,
        missing_count=0,
        clock="",
        text="hello",
        reactions=[ReactionAnswer(emoji="👍", count=1, is_mine=reacted, who=["somebody"])],
    )


def test_the_same_entries_shown_otherwise_break_s20() -> None:
    vaults = {1: vault(OTHER, b"x"), 2: vault(ONE, b"x")}
    mine = item(is_mine=True, reacted=False)
    theirs = item(is_mine=False, reacted=True)
    assert require_same_items({(1, 2): View(OTHER, [mine]), (2, 1): View(ONE, [theirs])}, vaults)
    for changed in (
        replace(theirs, text="hullo"),
        item(is_mine=False, reacted=False),
        replace(theirs, is_pinned=True),
        replace(theirs, gone="retracted"),
    ):
        with pytest.raises(BrokenInvariant) as caught:
            require_same_items({(1, 2): View(OTHER, [mine]), (2, 1): View(ONE, [changed])}, vaults)
        assert caught.value.invariant is S20
    with pytest.raises(BrokenInvariant):
        require_same_items({(1, 2): View(OTHER, [mine]), (2, 1): View(ONE, [])}, vaults)


def test_an_item_is_compared_where_both_have_the_same_about_it() -> None:
    """Another one may be under way: it does not keep this one from being compared."""
    mine, theirs = item(is_mine=True, reacted=True), item(is_mine=False, reacted=True)
    views = {(1, 2): View(OTHER, [mine]), (2, 1): View(ONE, [theirs])}
    under_way = {1: vault(OTHER, b"x", b"y"), 2: vault(ONE, b"x")}
    assert require_same_items(views, under_way) == 0
    of_another = {1: vault(OTHER, b"x", about=b"other"), 2: vault(ONE)}
    with pytest.raises(BrokenInvariant):
        require_same_items(views, of_another)


def test_what_came_since_somebody_looked_is_not_asked_of_them() -> None:
    mine, theirs = item(is_mine=True, reacted=True), item(is_mine=False, reacted=True)
    vaults = {1: vault(OTHER, b"x"), 2: vault(ONE, b"x")}
    before, after = ({ID.hex(): frozenset(ids)} for ids in ([ID], [ID, b"x"]))
    views = {(1, 2): View(OTHER, [mine], before), (2, 1): View(ONE, [theirs], after)}
    assert require_same_items(views, vaults) == 0
    views[1, 2] = View(OTHER, [mine], after)
    with pytest.raises(BrokenInvariant):
        require_same_items(views, vaults)


@pytest.mark.world
def test_a_world_of_doings_folds_the_same_on_both_sides() -> None:
    report = run_scenario(load_scenario("doings"), Options(seed=2, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    assert report.watched["items_compared"] > 0
    assert report.watched["files_whole"] > 0
    assert report.watched["blocks_saved"] > 0
    # Polls are closed while others vote.
    assert set(report.refusals) <= {"Vote: too-late"}


@pytest.mark.world
def test_a_world_that_was_cut_shows_the_same_on_both_sides() -> None:
    scenario = replace(load_scenario("partition-heal"), nodes=12)
    report = run_scenario(scenario, Options(seed=1, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    assert report.watched["items_compared"] > 0
