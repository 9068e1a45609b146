"""Files that are sent on, and files that are sent later."""

from mesh.commands.contacts import RemoveContact
from mesh.commands.file_places import DiskPlace
from mesh.commands.files import AddLargeFile, CancelFile, FileAnswer
from mesh.commands.groups import RemoveMember
from mesh.commands.item_commands import RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduledAnswer,
    ScheduledAnswers,
    ScheduleText,
)
from mesh.content.file_tree import blocks_count
from mesh.limits.files import CARRIED_BYTES_MAX, UPLOADS_KEPT_SECONDS
from mesh.limits.search import SCHEDULED_FILES_MAX
from tests.messenger.doing import both, do, items_of, refused, said
from tests.messenger.in_groups import crew, member, settle
from tests.messenger.people import START_S, Person, exchange
from tests.messenger.sending_files import (
    bytes_of,
    content,
    file,
    hand_over,
    items,
    post,
    rows_count,
    send,
)

HOUR_S = 3_600


def last(person: Person, conversation: str) -> ItemAnswer:
    return items_of(person, conversation)[-1]


# --- Sent on --------------------------------------------------------------------------------------


def test_a_file_that_came_is_sent_on_to_a_person_and_to_a_group() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    exchange(*people)
    handed = hand_over(ann, content())
    do(ann, WriteItem("Bob", text="the map", files=(handed.number,)))
    exchange(*people)
    [came] = last(bob, "Ann").files

    for to in ("Cem", "Crew"):
        asked = WriteItem(to, text="the map", forwarded="Ann", files=(came.number,))
        do(bob, asked)
        exchange(*people)
        got = last(cem, "Bob" if to == "Cem" else to)
        assert (got.forwarded, got.files[0].name, got.files[0].state) == ("Ann", "map.png", "here")
        assert bytes_of(cem, got.files[0].number) == content()
    assert bytes_of(ann, last(ann, "Crew").files[0].number) == content()
    # Of each the key is another one, and each goes for itself.
    keys = bob.connection.execute("SELECT key FROM files").fetchall()
    assert len({key for (key,) in keys}) == 3
    do(ann, RetractItem(last(ann, "Bob").number))
    exchange(*people)
    assert bytes_of(bob, last(bob, "Crew").files[0].number) == content()
    assert file(bob, last(bob, "Crew").files[0].number).is_mine


def test_one_s_own_file_is_sent_again_and_to_oneself() -> None:
    ann, bob = both()
    send(ann, bob, content())
    [mine] = items(ann)[-1].files
    got = said(ann, bob, WriteItem("Bob", text="again", files=(mine.number,)))[1]
    assert bytes_of(bob, got.files[0].number) == content()
    note = do(ann, WriteItem("me", files=(mine.number,)))
    assert bytes_of(ann, note.files[0].number) == content()


def test_what_is_sent_on_twice_with_one_key_goes_once() -> None:
    ann, bob = both()
    send(ann, bob, content())
    [mine] = items(ann)[-1].files
    asked = WriteItem("Bob", files=(mine.number,), idempotency_key="once")
    first = do(ann, asked)
    assert do(ann, asked) == first
    do(ann, RetractItem(items(ann)[-2].number))
    assert do(ann, asked).number == first.number


def test_what_is_not_all_here_is_not_sent_on() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    assert refused(bob, WriteItem("Ann", files=(got.files[0].number,))) == "not-found"


def large(person: Person) -> FileAnswer:
    size = CARRIED_BYTES_MAX + 1
    leaves = bytes(32 * blocks_count(size))
    answer = person.ask(AddLargeFile("film", "", DiskPlace(b"/film", size, 1), leaves))
    assert isinstance(answer, FileAnswer)
    return answer


def test_a_large_file_is_sent_on_by_who_has_it_at_its_place() -> None:
    ann, bob = both()
    got = said(ann, bob, WriteItem("Bob", files=(large(ann).number,)))[1]
    [mine] = items(ann)[-1].files
    again = said(ann, bob, WriteItem("Bob", text="again", files=(mine.number,)))[0]
    assert (again.files[0].is_direct, again.files[0].here_count) == (True, 16)
    with_bytes = "UPDATE files SET state = 'here' WHERE number = ?"
    bob.connection.execute("BEGIN")
    bob.connection.execute(with_bytes, (got.files[0].number,))
    bob.connection.execute("COMMIT")
    assert refused(bob, WriteItem("Ann", files=(got.files[0].number,))) == "too-large"


# --- Sent later -----------------------------------------------------------------------------------


def schedule(
    person: Person, files: tuple[int, ...], to: str = "Bob", text: str = ""
) -> ScheduledAnswer:
    answer = person.ask(ScheduleText(to, START_S + HOUR_S, text, files=files))
    assert isinstance(answer, ScheduledAnswer)
    return answer


def waiting(person: Person) -> list[ScheduledAnswer]:
    answer = person.ask(AskScheduled())
    assert isinstance(answer, ScheduledAnswers)
    return answer.scheduled


def test_a_file_waits_with_its_text_however_long_and_goes_with_it() -> None:
    ann, bob = both()
    told = schedule(ann, (hand_over(ann, content()).number,))
    assert [(one.name, one.state) for one in told.files] == [("map.png", "later")]
    assert bytes_of(ann, told.files[0].number) == content()
    ann.ask(ChangeScheduled(told.number, at=START_S + UPLOADS_KEPT_SECONDS + HOUR_S))
    ann.clock.pass_by(UPLOADS_KEPT_SECONDS + 60)
    ann.tend()
    ann.restart()
    assert waiting(ann)[0].files[0].state == "later"
    assert refused(ann, WriteItem("Bob", files=(told.files[0].number,))) == "not-found"
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    exchange(ann, bob)
    assert waiting(ann) == []
    [got] = last(bob, "Ann").files
    assert bytes_of(bob, got.number) == content()


def test_a_file_waits_for_a_group_too_and_what_came_waits_as_a_copy() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    exchange(*people)
    do(ann, WriteItem("Bob", files=(hand_over(ann, content()).number,)))
    exchange(*people)
    [came] = last(bob, "Ann").files
    told = schedule(bob, (came.number,), "Crew", "look")
    assert told.files[0].number != came.number
    do(ann, RetractItem(last(ann, "Bob").number))
    exchange(*people)
    ann.clock.pass_by(HOUR_S)
    bob.tend()
    exchange(*people)
    assert bytes_of(cem, last(cem, "Crew").files[0].number) == content()


def test_the_files_of_a_text_that_is_cancelled_can_go_with_another_one() -> None:
    ann, bob = both()
    told = schedule(ann, (hand_over(ann, content()).number,))
    ann.clock.pass_by(HOUR_S - 60)
    answer = ann.ask(CancelScheduled(told.number))
    assert isinstance(answer, ScheduledAnswer)
    number = answer.files[0].number
    assert file(ann, number).state == "new"
    got = said(ann, bob, WriteItem("Bob", files=(number,)))[1]
    assert bytes_of(bob, got.files[0].number) == content()

    other = schedule(ann, (hand_over(ann, content(9)).number,))
    ann.ask(CancelScheduled(other.number))
    ann.ask(CancelFile(other.files[0].number))
    assert refused(ann, CancelFile(other.files[0].number)) == "not-found"


def test_what_cannot_be_sent_later_is_refused_when_it_is_asked() -> None:
    ann, _ = both()
    number = hand_over(ann, content()).number
    assert refused(ann, ScheduleText("Bob", START_S + 60, "", files=(7,))) == "not-found"
    assert refused(ann, ScheduleText("Bob", START_S + 60, "")) == "empty"
    twice = ScheduleText("Bob", START_S + 60, "", files=(number, number))
    assert refused(ann, twice) == "bad-content"
    told = schedule(ann, (number,))
    assert refused(ann, ScheduleText("Bob", START_S + 60, "", files=(number,))) == "not-found"
    ann.ask(ChangeScheduled(told.number, text=""))
    for _ in range(SCHEDULED_FILES_MAX - 1):
        schedule(ann, (hand_over(ann, b"").number,))
    full = ScheduleText("Bob", START_S + 60, "", files=(hand_over(ann, b"").number,))
    assert refused(ann, full) == "too-many"


def test_a_text_that_cannot_be_sent_keeps_its_files() -> None:
    ann, bob, *_ = people = crew("Ann", "Bob", "Cem")
    schedule(bob, (hand_over(bob, content()).number,), "Crew")
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    ann.clock.pass_by(HOUR_S)
    bob.tend()
    [failed] = waiting(bob)
    assert failed.failure
    assert [one.state for one in failed.files] == ["later"]


def test_files_of_a_conversation_that_goes_go_with_it() -> None:
    ann, bob = both()
    schedule(ann, (hand_over(ann, content()).number,))
    send(ann, bob, content())
    said(ann, bob, WriteItem("Bob", files=(large(ann).number,)))
    ann.ask(RemoveContact("Bob"))
    ann.clock.pass_by(1)
    ann.tend()
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert rows_count(ann) == 0
