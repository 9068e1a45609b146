"""Lists show what stands in a conversation, and what somebody just did is shown so (S25)."""

from dataclasses import replace as replace_in
from functools import partial

import pytest
from msgspec.structs import replace

from mesh.commands.command import Command
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    EditItem,
    PinItem,
    ReactToItem,
    Vote,
)
from mesh.commands.items import (
    BoardAnswer,
    CheckedAnswer,
    CheckInAnswer,
    ChoiceAnswer,
    ItemAnswer,
    ItemsAnswer,
    OptionAnswer,
    PollAnswer,
    RollUpAnswer,
    TaskAnswer,
    TaskState,
    WordAnswer,
)
from mesh.commands.search import HitAnswer, HitsAnswer
from sim.invariants.invariants import S25, BrokenInvariant
from sim.invariants.lists import (
    Listed,
    require_noted,
    require_shown,
    require_true_hits,
    require_true_links,
    require_true_lists,
    require_true_order,
)
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario
from tests.sim.invariants.test_folding import ONE, OTHER, item

TEXT = item(is_mine=True, reacted=True)


def broken(act: object, *arguments: object) -> bool:
    assert callable(act)
    try:
        act(*arguments)
    except BrokenInvariant as error:
        return error.invariant is S25
    return False


def task(state: TaskState, number: int = 2) -> ItemAnswer:
    answer = TaskAnswer(
        title="t", notes="", whom=[], until=0, state=state, by="", at=1, others=[], others_count=0
    )
    return replace(TEXT, number=number, id="dd" * 32, kind="task", reactions=[], task=answer)


def poll(*mine: int, is_closed: bool = False) -> ItemAnswer:
    options = [
        OptionAnswer(text=str(place), count=1, is_mine=place in mine, who=[]) for place in range(3)
    ]
    answer = PollAnswer(
        question="?",
        options=options,
        is_several=False,
        closes=int(is_closed),
        is_closed=is_closed,
        late_count=0,
        voters_count=1,
        of=2,
    )
    return replace(TEXT, number=3, kind="poll", poll=answer)


def word(by: str, which: int) -> WordAnswer:
    return WordAnswer(which=which, note="", place="", at=1, by=by, by_label="", is_old=False)


def check_in(*calls: WordAnswer, own: WordAnswer | None = None) -> ItemAnswer:
    people = [
        CheckedAnswer(key=ONE, label="", is_me=True, answer=None, others=[]),
        CheckedAnswer(key=OTHER, label="", is_me=False, answer=own, others=list(calls)),
    ]
    answer = CheckInAnswer(
        question="?",
        answers=[ChoiceAnswer(words="w", level=level) for level in range(3)],
        asked=[],
        until=0,
        old_after=0,
        people=people,
        of=2,
        roll_up=RollUpAnswer(help=0, silent=2, on_the_way=0, old=0, fine=0),
    )
    return replace(TEXT, number=4, kind="check-in", check_in=answer)


@pytest.mark.parametrize(
    "command, shown, other",
    [
        (EditItem(1, "hello"), TEXT, replace(TEXT, text="hullo")),
        (PinItem(1, is_on=True), replace(TEXT, is_pinned=True), TEXT),
        (ReactToItem(1, ("👍",)), TEXT, item(is_mine=True, reacted=False)),
        (Vote(3, (1,)), poll(1), poll(2)),
        (ChangeTask(2, "state", "done"), task("done"), task("open")),
        (ChangeTask(2, "title", "t"), replace(task("open"), text="t"), task("open")),
        (AnswerCheckIn(4, 2, subject=OTHER), check_in(word(ONE, 2)), check_in(own=word(OTHER, 0))),
    ],
)
def test_what_was_done_and_is_not_shown_breaks_s25(
    command: Command, shown: ItemAnswer, other: ItemAnswer
) -> None:
    assert not broken(require_shown, 0, command, shown)
    assert broken(require_shown, 0, command, other)
    assert not broken(require_shown, 0, command, replace(other, gone="retracted"))


def test_nothing_is_demanded_of_a_poll_that_is_over_or_of_a_word_beside_their_own() -> None:
    assert not broken(require_shown, 0, Vote(3, (1,)), poll(2, is_closed=True))
    told = check_in(own=word(OTHER, 0))
    assert not broken(require_shown, 0, AnswerCheckIn(4, 1, subject=OTHER), told)


def test_what_was_read_and_is_unread_breaks_s25() -> None:
    assert not broken(partial(require_noted, is_disk_full=True), 0, 1)
    assert broken(partial(require_noted, is_disk_full=False), 0, 1)


ITEMS = ItemsAnswer(items=[TEXT, task("open")], has_older=False, has_newer=False)
LISTED = Listed(
    before=ITEMS,
    conversation=ConversationAnswer(
        number=1,
        kind="direct",
        title="",
        contact=1,
        last_item=task("open"),
        unread_count=1,
        is_marked_unread=False,
        muted_until=0,
        is_pinned=False,
        is_archived=False,
        draft="",
        is_request=False,
        is_blocked=False,
    ),
    board=BoardAnswer(items=[task("open")]),
    pins=BoardAnswer(items=[]),
    unread=replace(ITEMS, items=[TEXT]),
    after=ITEMS,
)


def test_lists_that_say_what_is_there_break_nothing() -> None:
    assert require_true_lists(0, LISTED)


@pytest.mark.parametrize(
    "changed",
    [
        replace_in(LISTED, conversation=replace(LISTED.conversation, last_item=TEXT)),
        replace_in(LISTED, conversation=replace(LISTED.conversation, unread_count=0)),
        replace_in(LISTED, board=BoardAnswer(items=[])),
        replace_in(LISTED, pins=BoardAnswer(items=[TEXT])),
    ],
)
def test_a_list_that_says_something_else_breaks_s25(changed: Listed) -> None:
    assert broken(require_true_lists, 0, changed)
    # Something came meanwhile: nothing can be held against it.
    assert not require_true_lists(0, replace_in(changed, after=replace(ITEMS, items=[TEXT])))


def test_the_time_of_what_nobody_read_that_runs_breaks_s25() -> None:
    unread = replace(ITEMS, items=[replace(TEXT, timer=9)])
    assert not broken(require_true_lists, 0, replace_in(LISTED, unread=unread))
    unread = replace(ITEMS, items=[replace(TEXT, timer=9, disappears=99)])
    assert broken(require_true_lists, 0, replace_in(LISTED, unread=unread))


@pytest.mark.parametrize(
    "voters_count, is_several, is_broken",
    [(3, False, False), (2, False, True), (4, False, True), (1, True, False), (4, True, True)],
)
def test_voters_of_a_poll_that_chose_nothing_break_s25(
    voters_count: int, is_several: bool, is_broken: bool
) -> None:
    asked = poll(1).poll
    assert asked is not None
    counted = replace(asked, voters_count=voters_count, is_several=is_several)
    item = replace(poll(1), poll=counted, number=1, id=TEXT.id)
    items = replace(ITEMS, items=[item, task("open")])
    board = BoardAnswer(items=[item, task("open")])
    listed = replace_in(LISTED, before=items, after=items, board=board)
    assert broken(require_true_lists, 0, listed) is is_broken


def chat(number: int, last: int, **set_: bool) -> ConversationAnswer:
    return replace(LISTED.conversation, number=number, last_item=replace(TEXT, number=last), **set_)


def test_conversations_in_another_order_break_s25() -> None:
    pinned, newer, older = chat(1, 1, is_pinned=True), chat(2, 5), chat(3, 4)
    archived = chat(4, 9, is_archived=True, is_pinned=True)
    assert not broken(require_true_order, 0, [pinned, newer, older, archived])
    for order in (
        [newer, pinned, older, archived],
        [pinned, older, newer, archived],
        [archived, pinned, newer, older],
    ):
        assert broken(require_true_order, 0, order)


@pytest.mark.parametrize(
    "found, is_broken",
    [
        (TEXT, False),
        (replace(TEXT, text="Hello all"), False),
        (replace(TEXT, text="something else"), True),
        (replace(TEXT, gone="retracted"), True),
        (replace(TEXT, conversation=2), True),
    ],
)
def test_a_hit_that_shows_no_such_words_or_is_of_who_is_apart_breaks_s25(
    found: ItemAnswer, is_broken: bool
) -> None:
    hits = HitsAnswer(hits=[HitAnswer(item=found, spans=[])], has_more=False)
    assert broken(require_true_hits, 0, "hello", hits, [2]) is is_broken


def test_a_done_task_on_the_board_breaks_s25() -> None:
    items = replace(ITEMS, items=[TEXT, task("done")])
    assert broken(require_true_lists, 0, replace_in(LISTED, before=items, after=items))


def test_more_links_of_contacts_than_links_break_s25() -> None:
    require_true_links(0, links_count=1, contacts_count=1)
    with pytest.raises(BrokenInvariant) as caught:
        require_true_links(0, links_count=0, contacts_count=1)
    assert caught.value.invariant is S25


@pytest.mark.world
def test_in_a_world_lists_are_held_against_items() -> None:
    scenario = load_scenario("desk")
    workload = replace(scenario.workload, write_between_s=(5, 12))
    ran = run_scenario(replace(scenario, workload=workload), Options(1, is_crypto_real=False))
    assert ran.report.verdict == "pass", ran.report.broken
    assert ran.world.mail_workload.list_looks.looked_count == 2
