"""Files that a hostile contact offers: so much is fetched by itself, and no more."""

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.file_places import DiskPlace
from mesh.commands.files import AddFile, AddLargeFile, Appearance, FetchFile, FileAnswer
from mesh.commands.item_commands import WriteItem
from mesh.limits.content import FILE_PREVIEW_BYTES_MAX, FILES_MAX
from mesh.limits.files import (
    CARRIED_BYTES_MAX,
    FILE_GIVEN_UP_SECONDS,
    FILE_WANTED_AFTER_SECONDS,
    FILE_WANTED_MAX,
    FILES_EXPECTED_OF_AUTHOR_MAX,
    FILES_EXPECTED_OF_CONVERSATION_MAX,
    FILES_FETCHED_KIB_PER_DAY_MAX,
)
from mesh.ratchet.sealed_block import block_tag_of
from tests.messenger.doing import DAY_S, both, items_of
from tests.messenger.in_groups import crew
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.sending_files import (
    bytes_of,
    content,
    file,
    hand_over,
    is_block,
    items,
    keys_of,
    post,
    send,
)

OFFERED = 1_000


def offer(author: Person, reader: Person, count: int, to: str = "") -> None:
    """Offer so many files with the largest previews, of which no block ever comes."""
    preview = bytes(FILE_PREVIEW_BYTES_MAX)
    while count:
        few = min(count, FILES_MAX)
        count -= few
        handed = [
            author.ask(AddFile("a", "b", b"c", Appearance("picture", preview=preview)))
            for _ in range(few)
        ]
        numbers = tuple(one.number for one in handed if isinstance(one, FileAnswer))
        author.ask(WriteItem(to or reader.name, files=numbers))
        reader.receive([one for one in author.post() if one.header.size_class > 1])


def offer_large(author: Person, to: str, count: int) -> None:
    """Write texts full of large files, which come over a link with their author alone."""
    asked = AddLargeFile("film", "", DiskPlace(b"/film", CARRIED_BYTES_MAX + 1, 1), bytes(32 * 16))
    for _ in range(0, count, FILES_MAX):
        handed = [author.ask(asked) for _ in range(FILES_MAX)]
        numbers = tuple(one.number for one in handed if isinstance(one, FileAnswer))
        author.ask(WriteItem(to, files=numbers))


def states(person: Person) -> dict[str, int]:
    rows = person.connection.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall()
    return {str(state): int(str(count)) for state, count in rows}


@pytest.mark.slow
def test_a_thousand_files_that_are_offered_cost_a_row_each_and_few_tags() -> None:
    ann, bob = both()
    before = len(bob.messenger.parts.tag_index)
    offer(ann, bob, OFFERED)
    expected = FILES_EXPECTED_OF_CONVERSATION_MAX
    assert states(bob) == {"fetching": expected, "paused": OFFERED - expected}
    assert len(bob.messenger.parts.tag_index) <= before + expected + 64


def test_so_much_of_an_author_is_fetched_in_a_day_and_the_rest_waits_for_a_click() -> None:
    ann, bob = both()
    data = content(CARRIED_BYTES_MAX)
    fitting = FILES_FETCHED_KIB_PER_DAY_MAX * 1024 // CARRIED_BYTES_MAX
    for _ in range(fitting):
        assert send(ann, bob, data).files[0].state == "here"
    [late] = send(ann, bob, data).files
    assert (late.state, late.here_count) == ("paused", 0)
    # What is small is still fetched, as far as there is room.
    assert send(ann, bob, content(9)).files[0].state == "here"

    bob.ask(FetchFile(late.number))
    bob.receive([])
    assert bytes_of(bob, late.number) == data
    bob.clock.pass_by(DAY_S)
    assert send(ann, bob, data).files[0].state == "here"


def test_what_never_comes_is_paused_after_a_month_and_holds_no_place() -> None:
    ann, bob = both()
    offer(ann, bob, FILES_EXPECTED_OF_CONVERSATION_MAX)
    offer(ann, bob, FILES_MAX)
    before = {"fetching": FILES_EXPECTED_OF_CONVERSATION_MAX, "paused": FILES_MAX}
    assert states(bob) == before
    for _ in range(FILE_WANTED_MAX):
        bob.clock.pass_by(FILE_WANTED_AFTER_SECONDS)
        bob.tend()
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS - 1)
    bob.tend()
    assert states(bob) == before
    bob.clock.pass_by(1)
    bob.tend()
    assert states(bob) == {"paused": FILES_EXPECTED_OF_CONVERSATION_MAX + FILES_MAX}
    assert send(ann, bob, content(9)).files[0].state == "here"


def test_a_file_of_which_a_block_came_is_waited_for_anew() -> None:
    ann, bob = both()
    number = post(ann, bob, content(), 0).files[0].number
    blocks = [one for one in ann.store.envelopes.values() if is_block(one)]
    for _ in range(FILE_WANTED_MAX):
        bob.clock.pass_by(FILE_WANTED_AFTER_SECONDS)
        bob.tend()
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS - 1)
    bob.receive(blocks[:1])
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS - 1)
    bob.tend()
    assert (file(bob, number).state, file(bob, number).here_count) == ("fetching", 1)
    bob.clock.pass_by(1)
    bob.tend()
    assert (file(bob, number).state, file(bob, number).here_count) == ("paused", 1)


def test_of_who_was_blocked_nothing_is_expected_after_a_month() -> None:
    ann, bob = both()
    number = post(ann, bob, content(), 1).files[0].number
    bob.ask(BlockContact("Ann", is_blocked=True))
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS)
    bob.tend()
    assert file(bob, number).state == "paused"


def test_large_files_and_carried_ones_take_no_place_of_each_other() -> None:
    ann, bob = both()
    offer_large(ann, "Bob", FILES_EXPECTED_OF_CONVERSATION_MAX)
    exchange(ann, bob)
    assert states(bob) == {"fetching": FILES_EXPECTED_OF_CONVERSATION_MAX}
    assert send(ann, bob, content(9)).files[0].state == "here"
    offer(ann, bob, FILES_EXPECTED_OF_CONVERSATION_MAX)
    assert states(bob)["fetching"] == 2 * FILES_EXPECTED_OF_CONVERSATION_MAX
    offer_large(ann, "Bob", FILES_MAX)
    exchange(ann, bob)
    assert states(bob)["paused"] == FILES_MAX


@pytest.mark.parametrize("are_large", [False, True])
def test_one_member_shuts_no_group_for_the_files_of_others(*, are_large: bool) -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    if are_large:
        offer_large(ann, "Crew", FILES_EXPECTED_OF_CONVERSATION_MAX)
        exchange(*people)
    else:
        offer(ann, bob, FILES_EXPECTED_OF_CONVERSATION_MAX, "Crew")
    left = FILES_EXPECTED_OF_CONVERSATION_MAX - FILES_EXPECTED_OF_AUTHOR_MAX
    assert states(bob) == {"fetching": FILES_EXPECTED_OF_AUTHOR_MAX, "paused": left}
    if are_large:
        offer_large(cem, "Crew", FILES_MAX)
    else:
        cem.ask(WriteItem("Crew", files=(hand_over(cem, content(9)).number,)))
    mine = items_of(cem, "Crew")[-1]
    exchange(cem, bob)
    [theirs] = [one for one in items_of(bob, "Crew") if one.id == mine.id]
    came = [one.state for one in theirs.files]
    assert came == (["fetching"] * FILES_MAX if are_large else ["here"])


def test_of_who_waits_as_a_request_nothing_is_fetched() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=5).link)
    bob.send("Ann", "may I?")
    exchange(ann, bob)
    handed = hand_over(bob, content())
    bob.ask(WriteItem("Ann", files=(handed.number,)))
    exchange(ann, bob)
    [got] = [one for one in items(ann) if one.files]
    assert (got.files[0].state, got.files[0].here_count) == ("paused", 0)
    key, posting = keys_of(bob)
    assert block_tag_of(key, posting, 0) not in ann.messenger.parts.tag_index

    ann.send("Bob", "you may")
    ann.ask(FetchFile(got.files[0].number))
    ann.receive([])
    assert bytes_of(ann, got.files[0].number) == content()
