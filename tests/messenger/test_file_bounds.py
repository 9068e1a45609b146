"""Files that a hostile contact offers: so much is fetched by itself, and no more."""

import pytest

from mesh.commands.files import AddFile, Appearance, FetchFile, FileAnswer
from mesh.commands.item_commands import WriteItem
from mesh.limits.content import FILE_PREVIEW_BYTES_MAX, FILES_MAX
from mesh.limits.files import (
    CARRIED_BYTES_MAX,
    FILES_EXPECTED_OF_CONVERSATION_MAX,
    FILES_FETCHED_KIB_PER_DAY_MAX,
)
from mesh.ratchet.sealed_block import block_tag_of
from tests.messenger.doing import DAY_S, both
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.sending_files import (
    bytes_of,
    content,
    hand_over,
    items,
    keys_of,
    send,
)

OFFERED = 1_000


def offer(author: Person, reader: Person, count: int) -> None:
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
        author.ask(WriteItem(reader.name, files=numbers))
        reader.receive([one for one in author.post() if one.header.size_class > 1])


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
