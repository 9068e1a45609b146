"""Files between two people: put together again, asked for, taken back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.commands.contacts import BlockContact
from mesh.commands.conversations import DeleteItems
from mesh.commands.files import (
    AddFile,
    Appearance,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    CancelFile,
    FetchFile,
    FileAnswer,
    FileBlockAnswer,
    PauseFile,
)
from mesh.commands.item_commands import ForgetItem, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import WithdrawMessage
from mesh.content.file import colours_of
from mesh.content.file_tree import leaf_of, path_of, split_blocks
from mesh.events import FileChanged, ItemChanged
from mesh.limits.files import (
    CARRIED_BYTES_MAX,
    FILE_WANTED_AFTER_SECONDS,
    FILES_EXPECTED_OF_CONVERSATION_MAX,
)
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.storage.connection import checkpoint, transaction
from mesh.wire.controls import FILE_POSTED, FILE_WANTED
from mesh.wire.file_controls import FilePosted, FileWanted
from tests.messenger.doing import DAY_S, both, item, refused, said
from tests.messenger.people import (
    copied,
    exchange,
    exchange_tokens,
)
from tests.messenger.sending_files import (
    SIZE,
    bytes_of,
    content,
    envelopes_of,
    file,
    forged,
    hand_over,
    is_block,
    items,
    keys_of,
    post,
    rows_count,
    send,
    stamped,
)
from tests.storage.plain import all_bytes, connect_plainly


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_001, SIZE, CARRIED_BYTES_MAX])
def test_a_file_arrives_whole(size: int) -> None:
    ann, bob = both()
    data = content(size)
    got = send(ann, bob, data, "the map")

    assert got.text == "the map"
    [told] = got.files
    assert (told.name, told.media_type, told.size) == ("map.png", "image/png", size)
    assert told.state == "here"
    assert told.here_count == told.blocks_count == max(1, -(-size // 65_000))
    assert bytes_of(bob, told.number) == data


def test_how_a_file_looks_comes_with_its_text() -> None:
    ann, bob = both()
    grid = b"\x33" + bytes(range(27))
    shown = Appearance("picture", width=640, height=480, hint=grid, preview=b"a preview")
    handed = ann.ask(AddFile("map.png", "image/png", content(), shown))
    voice = Appearance("voice", duration_ms=4_200, hint=bytes([0, 9, 255]))
    note = ann.ask(AddFile("note.webm", "audio/webm", content(9), voice))
    assert isinstance(handed, FileAnswer)
    assert isinstance(note, FileAnswer)
    got = said(ann, bob, WriteItem("Bob", files=(handed.number, note.number)))[1]

    [picture, sound] = got.files
    assert (picture.look, picture.width, picture.height) == ("picture", 640, 480)
    assert (picture.colours[0], picture.colours[8]) == ("#000102", "#18191a")
    assert (picture.has_preview, picture.peaks) == (True, [])
    answer = bob.ask(AskFilePreview(picture.number))
    assert isinstance(answer, FileBlockAnswer)
    assert answer.data == b"a preview"
    assert (sound.look, sound.duration_ms, sound.peaks) == ("voice", 4_200, [0, 9, 255])
    assert (sound.colours, sound.has_preview) == ([], False)
    assert refused(bob, AskFilePreview(sound.number)) == "not-found"


@pytest.mark.parametrize("hint", [b"", b"\x33", b"\x44" + bytes(27), bytes(64)])
def test_a_hint_that_is_none_has_no_colours(hint: bytes) -> None:
    assert colours_of(hint) == []


def test_blocks_that_come_before_their_text_are_found_in_the_store() -> None:
    ann, bob = both()
    handed = hand_over(ann, content())
    ann.ask(WriteItem("Bob", files=(handed.number,)))
    posted = ann.post()
    bob.receive([one for one in posted if is_block(one)])
    assert not [one for one in items(bob) if one.files]
    bob.receive([one for one in posted if not is_block(one)])

    [got] = [one for one in items(bob) if one.files]
    assert bytes_of(bob, got.files[0].number) == content()


def test_what_is_missing_shows_and_a_restart_goes_on_where_it_was() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    [told] = got.files
    assert (told.state, told.here_count, told.blocks_count) == ("fetching", 2, 4)
    assert refused(bob, AskFileBlock(told.number, 0)) == "not-whole"

    bob.restart()
    bob.take_events()
    bob.receive(list(ann.store.envelopes.values()))
    assert bytes_of(bob, told.number) == content()
    events = bob.take_events()
    changed = [one.file for one in events if isinstance(one, FileChanged)]
    shown = [one.item for one in events if isinstance(one, ItemChanged)]
    assert [one.files for one in shown] == [changed]
    assert [(one.state, one.here_count) for one in changed] == [("here", 4)]


def test_a_reader_retires_blocks_when_the_file_is_whole_and_not_before() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 3)
    bob.clock.pass_by(2 * RETIRE_DELAY_MS[1] / 1000)
    exchange_tokens(bob, ann)
    [mine] = [one for one in items(ann) if one.files]
    assert mine.state == "delivered"
    assert mine.files[0].opened_count == 0

    bob.receive(list(ann.store.envelopes.values()))
    bob.clock.pass_by(2 * RETIRE_DELAY_MS[1] / 1000)
    ann.take_events()
    exchange_tokens(bob, ann)
    assert file(ann, mine.files[0].number).opened_count == 4
    assert [one for one in ann.take_events() if isinstance(one, FileChanged)]
    assert file(bob, got.files[0].number).state == "here"


def test_each_message_has_a_key_and_tags_of_its_own() -> None:
    ann, bob = both()
    send(ann, bob, content())
    send(ann, bob, content())
    tags = [one.header.tag for one in ann.store.envelopes.values()]
    assert len(tags) == len(dict.fromkeys(tags))
    keys = ann.connection.execute("SELECT key FROM files").fetchall()
    assert len({bytes(key) for (key,) in keys if isinstance(key, bytes)}) == 2


def test_a_false_block_under_the_right_tag_is_dropped_and_the_true_one_counts() -> None:
    """An entry has all keys: a member of a group can seal, or a thief of a vault."""
    ann, bob = both()
    data = content()
    got = post(ann, bob, data, 0)
    key, posting = keys_of(ann)
    blocks = split_blocks(data)
    leaves = [leaf_of(index, block) for index, block in enumerate(blocks)]
    false = bytes(len(blocks[1]))
    for path, block in (
        (path_of(leaves, 1), false),
        (path_of(leaves, 0), blocks[0]),
        (path_of(leaves, 1), blocks[1][:-1]),
        (b"", b""),
    ):
        bob.receive([forged(key, posting, 1, path + block)])
    assert file(bob, got.files[0].number).here_count == 0
    assert sum(count for reason, count in bob.dropped().items() if "block" in reason) == 4

    bob.receive(list(ann.store.envelopes.values()))
    assert bytes_of(bob, got.files[0].number) == data


STEPS = ("block", "block", "false", "restart", "pause", "fetch", "a day passes")


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_comes_in_whatever_order_the_file_is_that_one_or_not_whole(
    data: st.DataObject,
) -> None:
    """Blocks are lost, doubled, late and false; somebody restarts, pauses, and asks again."""
    ann, bob = both()
    sent = content()
    got = post(ann, bob, sent, 0)
    number = got.files[0].number
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(STEPS)):
            case "block":
                blocks = [one for one in ann.store.envelopes.values() if is_block(one)]
                bob.receive([data.draw(st.sampled_from(blocks))])
            case "false":
                key, posting = keys_of(ann)
                bob.receive([forged(key, posting, data.draw(st.integers(0, 3)), bytes(9))])
            case "restart":
                bob.restart()
            case "pause":
                bob.ask(PauseFile(number))
            case "fetch":
                bob.ask(FetchFile(number))
            case _:
                bob.clock.pass_by(DAY_S + 1)
                bob.tend()
                for envelope in bob.post():
                    ann.receive([envelope])
                bob.receive([one for one in ann.post() if not is_block(one)])
        told = file(bob, number)
        assert (told.state == "here") == (told.here_count == 4)
    bob.ask(FetchFile(number))
    bob.receive(list(ann.store.envelopes.values()))
    assert bytes_of(bob, number) == sent


def test_what_is_missing_is_asked_for_after_a_day_and_posted_under_other_tags() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    before = list(ann.store.envelopes)
    bob.tend()
    exchange(bob, ann)
    assert [id_ for id_ in ann.store.envelopes if id_ not in bob.store.envelopes]
    bob.clock.pass_by(DAY_S + 1)
    bob.tend()
    exchange(ann, bob)

    assert bytes_of(bob, got.files[0].number) == content()
    again = [one for id_, one in ann.store.envelopes.items() if id_ not in before]
    assert len([one for one in again if is_block(one)]) == 2
    # Else the tags of one file would tell under which keys it was posted again.
    tags = [one.header.tag for one in ann.store.envelopes.values()]
    assert len(tags) == len(dict.fromkeys(tags))


def test_it_is_asked_for_three_times_and_no_more() -> None:
    ann, bob = both()
    post(ann, bob, content(), 1)
    bob.tend()
    bob.post()
    asked = 0
    for _ in range(6):
        bob.clock.pass_by(DAY_S + 1)
        bob.tend()
        asked += len(bob.post())
    assert asked == 3


def test_two_who_meet_once_in_some_weeks_get_their_files_too() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 0)
    # They part before anything is asked for, and each time it is asked for it lapses.
    for days in (1, 1, 1, 8, 8):
        bob.clock.pass_by(days * DAY_S + 1)
        for person in (ann, bob):
            person.tend()
            person.post()
    bob.clock.pass_by(8 * DAY_S)
    for person in (ann, bob):
        person.tend()
    exchange(ann, bob)
    assert bytes_of(bob, got.files[0].number) == content()


def test_who_posts_again_takes_back_what_is_live_and_posts_so_much_a_day() -> None:
    ann, bob = both()
    got = post(ann, bob, content(CARRIED_BYTES_MAX), 0)
    [mine] = [one for one in items(ann) if one.files]
    entry = bytes.fromhex(got.id)
    live = envelopes_of(ann)
    for _ in range(5):
        bob.send_control("Ann", FILE_WANTED, FileWanted(entry, 0, (1 << 15) - 1).encode())
        for envelope in bob.post():
            ann.receive([envelope])
    assert len(envelopes_of(ann)) == 15
    assert not {*live} & {*envelopes_of(ann)}
    posted = [one for one in ann.post() if is_block(one)]
    assert len(posted) == 15
    assert ann.dropped()["more blocks of files are wanted than are posted in a day"] == 1
    assert file(ann, mine.files[0].number).state == "here"


@pytest.mark.parametrize("kind", [FILE_WANTED, FILE_POSTED])
def test_words_about_files_that_are_none_of_theirs_change_nothing(kind: int) -> None:
    ann, bob = both()
    got = send(ann, bob, content())
    tags_count = len(bob.messenger.parts.tag_index)
    for entry in (bytes(32), bytes.fromhex(got.id)):
        for place in (0, 3):
            wanted = FileWanted(entry, place, 1)
            data = (
                wanted.encode() if kind == FILE_WANTED else FilePosted(wanted, b"p" * 16).encode()
            )
            ann.send_control("Bob", kind, data)
    exchange(ann, bob)
    # Bob has got the file, and it is not his own.
    assert sum(count for reason, count in bob.dropped().items() if "file" in reason) == 4
    assert len(bob.messenger.parts.tag_index) <= tags_count + 64
    assert not bob.post()


def test_a_retraction_takes_back_blocks_and_deletes_file_and_key_on_both_sides() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    [mine] = [one for one in items(ann) if one.files]
    on_their_way = envelopes_of(ann)
    assert len(on_their_way) == 4
    ann.ask(RetractItem(mine.number))

    due = ann.messenger.parts.retirements.take_due(100, ann.now)
    assert {*on_their_way} <= {one.envelope for one in due}
    assert rows_count(ann) == 0
    exchange(ann, bob)
    assert rows_count(bob) == 0
    tags = [one.header.tag for one in ann.store.envelopes.values() if is_block(one)]
    assert not [tag for tag in tags if tag in bob.messenger.parts.tag_index]
    assert item(bob, got.number).files == []
    assert refused(bob, AskFile(got.files[0].number)) == "not-found"
    bob.receive(list(ann.store.envelopes.values()))
    assert rows_count(bob) == 0


def test_nothing_of_a_deleted_file_is_left_in_vault_and_log(tmp_path: Path) -> None:
    ann, bob = both()
    path = tmp_path / "vault"
    bob.connection = copied(bob.connection, connect_plainly(path))
    bob.restart()
    data = content()
    got = post(ann, bob, data, 3)
    key, _ = keys_of(ann)
    checkpoint(bob.connection)
    held = all_bytes(path)
    # The end of a page parts a few of these.
    pieces = [data[at : at + 64] for at in range(0, 195_000, 997)]
    sought = [piece for piece in (*pieces, key) if piece in held]
    assert key in sought
    assert len(sought) > 180

    ann.ask(RetractItem(next(one.number for one in items(ann) if one.files)))
    exchange(ann, bob)
    assert item(bob, got.number).gone == "retracted"
    checkpoint(bob.connection)
    held = all_bytes(path)
    assert not [piece for piece in sought if piece in held]


def test_who_withdraws_a_text_withdraws_its_blocks() -> None:
    ann, _ = both()
    handed = hand_over(ann, content())
    mine = ann.ask(WriteItem("Bob", files=(handed.number,)))
    assert isinstance(mine, ItemAnswer)
    on_their_way = envelopes_of(ann)
    assert len(on_their_way) == 4
    ann.post()
    ann.ask(WithdrawMessage(mine.number))
    assert envelopes_of(ann) == []
    due = ann.messenger.parts.retirements.take_due(100, ann.now)
    assert {*on_their_way} <= {one.envelope for one in due}
    assert file(ann, handed.number).state == "here"
    ann.tend()
    assert not [one for one in ann.post() if is_block(one)]


def test_nothing_of_a_withdrawn_text_is_posted_again() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    [mine] = [one for one in items(ann) if one.id == got.id]
    ann.ask(WithdrawMessage(mine.number))
    assert item(ann, mine.number).state == "withdrawn"
    bob.clock.pass_by(FILE_WANTED_AFTER_SECONDS)
    bob.tend()
    ann.receive(bob.post())
    ann.tend()
    # Bob named the text inside the encryption: he has opened it.
    assert item(ann, mine.number).state == "delivered-then-withdrawn"
    assert not [one for one in ann.post() if is_block(one)]
    assert envelopes_of(ann) == []
    assert not ann.connection.execute("SELECT * FROM postings WHERE is_again").fetchall()


def test_what_was_to_be_posted_again_before_a_text_was_withdrawn_is_not() -> None:
    ann, bob = stamped()
    post(ann, bob, content(), 0)
    bob.clock.pass_by(FILE_WANTED_AFTER_SECONDS)
    bob.tend()
    bob.mint_all()
    ann.receive(bob.post())
    # So a vault has it in which a withdrawal and a question crossed.
    with transaction(ann.connection):
        ann.connection.execute(
            "UPDATE entries SET state = 'withdrawn' WHERE number IN (SELECT entry FROM files)"
        )
    for _ in range(3):
        ann.mint_all()
        ann.tend()
    assert not [one for one in ann.post() if is_block(one)]
    assert not ann.connection.execute("SELECT * FROM postings WHERE waiting").fetchall()


def test_what_disappears_takes_its_file_along() -> None:
    ann, bob = both()
    handed = hand_over(ann, content())
    said(ann, bob, WriteItem("Bob", files=(handed.number,), timer=60))
    assert rows_count(ann) > 0
    ann.tend()
    ann.clock.pass_by(61)
    ann.tend()
    assert rows_count(ann) == 0


def test_deleting_here_and_emptying_a_conversation_leave_nothing_of_files() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    bob.ask(ForgetItem(got.number))
    assert rows_count(bob) == 0
    send(ann, bob, content())
    assert rows_count(bob) > 0
    bob.ask(DeleteItems("Ann"))
    assert rows_count(bob) == 0


def test_a_paused_file_takes_nothing_and_goes_on_with_what_came_meanwhile() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    number = got.files[0].number
    bob.ask(PauseFile(number))
    bob.receive(list(ann.store.envelopes.values()))
    assert (file(bob, number).state, file(bob, number).here_count) == ("paused", 2)
    bob.ask(FetchFile(number))
    bob.receive([])
    assert bytes_of(bob, number) == content()


def test_a_cancelled_file_leaves_nothing_and_can_be_fetched_all_the_same() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 2)
    number = got.files[0].number
    bob.ask(CancelFile(number))
    assert (file(bob, number).state, file(bob, number).here_count) == ("cancelled", 0)
    bob.ask(FetchFile(number))
    bob.receive(list(ann.store.envelopes.values()))
    assert bytes_of(bob, number) == content()
    assert isinstance(bob.ask(CancelFile(number)), FileAnswer)
    assert file(bob, number).state == "here"


def test_of_many_files_so_many_are_expected_and_the_others_wait_for_a_click() -> None:
    ann, bob = both()
    for number in range(FILES_EXPECTED_OF_CONVERSATION_MAX + 1):
        post(ann, bob, content(5_000 + number), 0)
    states = bob.connection.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall()
    assert dict(states) == {"fetching": FILES_EXPECTED_OF_CONVERSATION_MAX, "paused": 1}  # type: ignore[arg-type] # rows of two columns


def test_nothing_of_somebody_who_is_blocked_is_put_together() -> None:
    ann, bob = both()
    got = post(ann, bob, content(), 1)
    bob.ask(BlockContact("Ann", is_blocked=True))
    bob.receive(list(ann.store.envelopes.values()))
    assert file(bob, got.files[0].number).here_count == 1
