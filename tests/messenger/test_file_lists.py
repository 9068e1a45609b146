"""The files of one conversation: the newest first, page by page, and none of what is gone."""

from collections.abc import Sequence

from mesh.commands.command import only_reading
from mesh.commands.conversations import ReadItems
from mesh.commands.groups import SetMemberRole
from mesh.commands.item_commands import (
    AskFiles,
    EditItem,
    ForgetItem,
    HideItem,
    RetractItem,
    WriteItem,
)
from mesh.commands.items import FilesAnswer, ItemAnswer
from mesh.ids import ConversationId
from mesh.limits.api import NUMBER_MAX
from mesh.storage.vault.files import FileRows
from tests.messenger.doing import both, do, items_of, refused
from tests.messenger.in_groups import crew, member, settle
from tests.messenger.people import Person, exchange
from tests.messenger.sending_files import content, hand_over


def written(person: Person, chat: str, *names: str, timer: int | None = None) -> ItemAnswer:
    """Write a text with these files."""
    files = tuple(hand_over(person, content(9), name).number for name in names)
    return do(person, WriteItem(chat, files=files, timer=timer))


def listed(person: Person, chat: str, **fields: int) -> FilesAnswer:
    answer = person.ask(AskFiles(chat, **fields))
    assert isinstance(answer, FilesAnswer)
    return answer


def names_of(items: Sequence[ItemAnswer]) -> list[list[str]]:
    return [[file.name for file in item.files] for item in items]


def names(person: Person, chat: str) -> list[list[str]]:
    return names_of(listed(person, chat).items)


def test_the_newest_come_first_and_those_of_one_conversation_alone() -> None:
    ann, bob = both()
    written(ann, "Bob", "a.png")
    written(ann, "me", "mine.png")
    do(ann, WriteItem("Bob", text="no file"))
    last = written(ann, "Bob", "b.png", "c.png")
    hand_over(ann, content(9), "in no message.png")
    exchange(ann, bob)
    assert names(ann, "Bob") == names(bob, "Ann") == [["b.png", "c.png"], ["a.png"]]
    assert names(ann, "me") == [["mine.png"]]
    assert listed(bob, "Ann").next_before == 0
    # They are told as they are elsewhere.
    assert listed(ann, "Bob").items[0] == next(
        one for one in items_of(ann, "Bob") if one.number == last.number
    )
    assert refused(ann, AskFiles("Nobody")) == "not-found"
    assert only_reading(AskFiles("Bob")) == AskFiles("Bob")


def test_pages_hold_each_of_them_once() -> None:
    ann, _ = both()
    for number in range(7):
        written(ann, "Bob", f"{number}.png", "and another.png")
        written(ann, "me", "elsewhere.png")
    seen: list[str] = []
    before = NUMBER_MAX
    while before:
        page = listed(ann, "Bob", before=before, limit=3)
        assert len(page.items) <= 3
        seen += [item.files[0].name for item in page.items]
        before = page.next_before
    assert seen == [f"{number}.png" for number in range(7)][::-1]
    assert len(listed(ann, "Bob", limit=7).items) == 7
    assert listed(ann, "Bob", limit=7).next_before == 0
    assert listed(ann, "Bob", before=0) == FilesAnswer(items=[], next_before=0)


def test_what_is_deleted_or_has_disappeared_is_not_listed() -> None:
    ann, bob = both()
    for name in ("retracted.png", "forgotten.png", "kept.png"):
        written(ann, "Bob", name)
    written(ann, "Bob", "timed.png", timer=60)
    exchange(ann, bob)
    [timed, *_] = listed(bob, "Ann").items
    assert names_of([timed]) == [["timed.png"]]
    bob.ask(ReadItems("Ann", timed.number))
    retracted, forgotten, *_ = [one for one in items_of(ann, "Bob") if one.files]
    ann.ask(RetractItem(retracted.number))
    ann.ask(ForgetItem(forgotten.number))
    kept = listed(ann, "Bob").items[-1]
    ann.ask(EditItem(kept.number, "with other words"))
    exchange(ann, bob)
    assert names(ann, "Bob") == [["timed.png"], ["kept.png"]]
    assert names(bob, "Ann") == [["timed.png"], ["kept.png"], ["forgotten.png"]]
    for one in (ann, bob):
        one.tend()
    ann.clock.pass_by(61)
    for one in (ann, bob):
        one.tend()
    assert names(ann, "Bob") == [["kept.png"]]
    assert names(bob, "Ann") == [["kept.png"], ["forgotten.png"]]


def test_of_what_an_admin_hides_nothing_is_told_and_the_pages_go_on() -> None:
    ann, bob = people = crew("Ann", "Bob")
    written(ann, "Crew", "first.png")
    hidden = written(ann, "Crew", "hidden.png")
    exchange(*people)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    theirs = next(one for one in items_of(bob, "Crew") if one.id == hidden.id)
    bob.ask(HideItem(theirs.number))
    exchange(*people)
    for one in people:
        assert names(one, "Crew") == [["first.png"]]
        page = listed(one, "Crew", limit=1)
        assert page.items == []
        page = listed(one, "Crew", limit=1, before=page.next_before)
        assert names_of(page.items) == [["first.png"]]
        assert page.next_before == 0


def test_no_text_is_looked_at_for_them() -> None:
    ann, _ = both()
    told: list[str] = []

    class Watched:
        """The connection, which explains what it is asked."""

        def execute(self, sql: str, parameters: Sequence[object] = ()) -> object:
            plan = ann.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            told.extend(str(row[3]) for row in plan)
            return ann.connection.execute(sql, parameters)

    FileRows(Watched()).newest_entries(ConversationId(1), NUMBER_MAX, 3)  # type: ignore[arg-type]  # one method of it
    assert told == [
        "SEARCH files USING COVERING INDEX files_by_entry (entry<?)",
        "SEARCH entries USING INTEGER PRIMARY KEY (rowid=?)",
    ]
