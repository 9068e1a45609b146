"""Files in groups: posted once for all, asked for in the group, given by whoever has them."""

from collections.abc import Sequence

import pytest

from mesh.commands.conversations import ReadItems, SetTimer
from mesh.commands.file_places import DiskPlace
from mesh.commands.files import AddLargeFile, AskFileBlock, FetchFile, FileAnswer
from mesh.commands.groups import ChangeGroup, ForgetGroup, LeaveGroup, RemoveMember
from mesh.commands.item_commands import RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.content.entry import Kind
from mesh.content.file import File
from mesh.content.file_tree import blocks_count
from mesh.content.text import Text
from mesh.crypto.hashing import blake2b_128
from mesh.group.payload import FILE_POSTED, FILE_WANTED, FILE_WHOLE
from mesh.ids import ContactId
from mesh.limits.files import (
    CARRIED_BYTES_MAX,
    FILE_GATHER_SECONDS,
    FILE_SPREAD_SECONDS_MIN,
    REPOSTED_BLOCKS_PER_DAY_MAX,
)
from mesh.messenger.conversations.entries import Statement
from mesh.messenger.pauses import Pause
from mesh.ratchet.sealed_block import block_key_of
from mesh.ratchet.sealed_message import read_token_of
from mesh.storage.connection import transaction
from mesh.wire.file_controls import FilePosted, FileWanted, FileWhole
from tests.messenger.doing import DAY_S, do, items_of, refused
from tests.messenger.in_groups import crew, inside, member, settle
from tests.messenger.people import Person, exchange, one_contact
from tests.messenger.sending_files import (
    SIZE,
    bytes_of,
    content,
    envelopes_of,
    hand_over,
    is_block,
    keys_of,
    rows_count,
)

ASKED_S = DAY_S + FILE_SPREAD_SECONDS_MIN
"""After so long whoever misses something has asked for it."""


def write(author: Person, data: bytes, text: str = "") -> ItemAnswer:
    handed = hand_over(author, data)
    return do(author, WriteItem("Crew", text=text, files=(handed.number,)))


def of(person: Person, like: ItemAnswer) -> ItemAnswer:
    """The same item as somebody else has it."""
    return next(one for one in items_of(person, "Crew") if one.id == like.id)


def state_of(person: Person, like: ItemAnswer) -> tuple[str, int]:
    [told] = of(person, like).files
    return told.state, told.here_count


def lost_by(losers: Sequence[Person], people: Sequence[Person], keep: int = 0) -> None:
    """Carry all that is posted, but of the blocks only the first ones to some."""
    posted = [(person, person.post()) for person in people]
    for author, envelopes in posted:
        for person in people:
            if person is author:
                continue
            blocks = [one for one in envelopes if is_block(one)]
            person.receive([one for one in envelopes if not is_block(one)])
            person.receive(blocks[:keep] if person in losers else blocks)


def say(person: Person, kind: int, data: bytes) -> None:
    """Say something of a file in the group, and be it a lie."""
    group = inside(person)
    with transaction(person.connection):
        person.wired.groups.posting.note(group, [(kind, data)], pause=Pause.SOON, now=person.now)


def wait(seconds: int, *people: Person) -> None:
    people[0].clock.pass_by(seconds)
    for person in people:
        person.tend()
    exchange(*people)


def test_a_file_is_posted_once_and_comes_to_all() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = write(ann, content(), "the map")
    posted = ann.post()
    blocks = {one.id for one in posted if is_block(one)}
    assert len(blocks) == 4
    assert state_of(ann, said) == ("here", 4)
    bob.receive(posted)
    cem.receive(posted)
    for one in (bob, cem):
        got = of(one, said)
        assert (got.text, got.files[0].name, got.author.label) == ("the map", "map.png", "Ann")
        assert bytes_of(one, got.files[0].number) == content()
        assert got.files[0].devices is None

    # That they have it they say after a while, inside the group.
    mine = of(ann, said).files[0]
    assert mine.devices is not None
    assert (mine.devices.told, mine.devices.of) == (0, 2)
    exchange(*people)
    mine = of(ann, said).files[0]
    assert mine.devices is not None
    assert (mine.devices.told, mine.devices.of, mine.opened_count) == (2, 2, 0)
    # No reader takes from the mesh what another one may need: not even who knows all keys can.
    key, posting = keys_of(bob)
    tokens = {blake2b_128(read_token_of(block_key_of(key, posting, index))) for index in range(4)}
    assert not tokens & {one.header.read_hash for one in posted}
    assert len(envelopes_of(ann)) == 4
    for person in people:
        person.clock.pass_by(DAY_S)
        told = person.messenger.parts.retirements.take_due(1_000, person.now)
        assert not blocks & {one.envelope for one in told}


def test_of_many_files_of_a_text_one_word_says_that_they_came() -> None:
    ann, bob = crew("Ann", "Bob")
    numbers = tuple(hand_over(ann, content(9, bytes((n,)))).number for n in range(5))
    said = do(ann, WriteItem("Crew", files=numbers))
    bob.receive(ann.post())
    assert [one.state for one in of(bob, said).files] == ["here"] * 5
    assert len(bob.post()) == 1


@pytest.mark.parametrize("acks, words", [("off", 0), ("on", 1), ("auto", 1)])
def test_what_one_has_is_told_as_the_group_wishes(acks: str, words: int) -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(ChangeGroup("Crew", acks=acks))  # type: ignore[arg-type]  # of the parameters above
    settle(*people)
    write(ann, content(9))
    bob.receive(ann.post())
    assert len(bob.post()) == words


def test_what_one_misses_its_author_posts_again() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = write(ann, content())
    lost_by([cem], people, keep=3)
    exchange(*people)
    assert (state_of(bob, said), state_of(cem, said)) == (("here", 4), ("fetching", 3))
    cem.restart()

    wait(ASKED_S, *people)
    # The author is near: who else has it gives him a day.
    wait(FILE_GATHER_SECONDS, bob)
    assert not [one for one in bob.post() if is_block(one)]
    ann.tend()
    posted = ann.post()
    assert len([one for one in posted if is_block(one)]) == 1
    # What was missed is missed no longer, what was posted first stays where it is.
    assert len(envelopes_of(ann)) == 4
    cem.receive(posted)
    assert bytes_of(cem, of(cem, said).files[0].number) == content()
    exchange(*people)
    devices = of(ann, said).files[0].devices
    assert devices is not None
    assert devices.told == 2


def test_where_its_author_is_silent_any_member_gives_it() -> None:
    ann, bob, cem, dan = people = crew("Ann", "Bob", "Cem", "Dan")
    said = write(ann, content())
    lost_by([dan], people)
    left = [bob, cem, dan]
    exchange(*left)
    wait(ASKED_S, *left)
    assert state_of(dan, said) == ("fetching", 0)

    givers = []
    for _ in range(FILE_SPREAD_SECONDS_MIN // 10 + FILE_GATHER_SECONDS // 10):
        bob.clock.pass_by(10)
        for person in left:
            person.tend()
            posted = person.post()
            if any(is_block(one) for one in posted):
                givers.append(person)
            for other in left:
                if other is not person:
                    other.receive(posted)
    # One is enough.
    assert len(givers) == 1
    assert bytes_of(dan, of(dan, said).files[0].number) == content()
    # The blocks are his who gave them: he takes them back with the text.
    assert len(envelopes_of(givers[0])) == 4
    do(ann, RetractItem(said.number))
    exchange(*people)
    assert all(envelopes_of(one) == [] for one in people)
    assert all(rows_count(one) == 0 for one in people)


def test_a_word_of_one_who_misses_a_file_is_that_of_all() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    write(ann, content())
    lost_by([bob, cem], people)
    exchange(bob, cem)
    asked = []
    for _ in range(ASKED_S // 600 + 1):
        bob.clock.pass_by(600)
        for person, other in ((bob, cem), (cem, bob)):
            person.tend()
            posted = person.post()
            asked += [one for one in posted if one.header.lifetime_class == 1]
            other.receive(posted)
    assert len(asked) == 1


def test_a_file_that_nobody_has_is_asked_for_three_times() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = write(ann, content())
    lost_by([bob], people)
    asked = 0
    for _ in range(6):
        bob.clock.pass_by(ASKED_S)
        bob.tend()
        asked += len([one for one in bob.post() if one.header.lifetime_class == 1])
    assert asked == 3
    # A person may have it asked for again.
    bob.ask(FetchFile(of(bob, said).files[0].number))
    bob.clock.pass_by(ASKED_S)
    bob.tend()
    assert len([one for one in bob.post() if one.header.lifetime_class == 1]) == 1


def test_who_is_out_gets_nothing() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    before = write(ann, content())
    lost_by([cem], people)
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    settle(*people)
    after = write(ann, content(9))
    exchange(*people)
    assert state_of(bob, after) == ("here", 1)
    assert not [one for one in items_of(cem, "Crew") if one.id == after.id]

    # He has the text, and its key; whatever he asks for is asked of nobody.
    [mine] = [one for one in items_of(cem, "Crew") if one.id == before.id]
    cem.clock.pass_by(ASKED_S)
    cem.tend()
    wait(2 * ASKED_S, *people)
    assert not cem.post()
    assert mine.files[0].here_count == 0
    # And what members post again stands under tags that he cannot find.
    say(bob, FILE_WANTED, FileWanted(bytes.fromhex(before.id), 0, 1).encode())
    exchange(*people)
    wait(FILE_GATHER_SECONDS, *people)
    assert len(envelopes_of(ann)) >= 1
    assert state_of(cem, before) == ("fetching", 0)


def large(person: Person) -> int:
    size = CARRIED_BYTES_MAX + 1
    leaves = bytes(32 * blocks_count(size))
    handed = person.ask(AddLargeFile("film", "", DiskPlace(b"/film", size, 1), leaves))
    assert isinstance(handed, FileAnswer)
    do(person, WriteItem("Crew", files=(handed.number,)))
    return handed.number


def number_of(person: Person, contact: str) -> ContactId:
    return ContactId(one_contact(person, contact).id)


def offered(person: Person, contact: str) -> list[int]:
    rows = person.wired.erasing.files.direct.offered(number_of(person, contact))
    return [row.number for row in rows]


def test_a_large_file_is_offered_to_members_who_are_contacts_while_they_are_members() -> None:
    ann, bob, *_ = people = crew("Ann", "Bob", "Cem")
    number = large(ann)
    exchange(*people)
    assert (offered(ann, "Bob"), offered(ann, "Cem")) == ([number], [number])
    [wanted] = bob.wired.erasing.files.direct.wanted(number_of(bob, "Ann"))
    assert wanted.name == "film"
    # Cem did not write it, whatever he says of its key.
    assert list(bob.wired.erasing.files.direct.wanted(number_of(bob, "Cem"))) == []
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    assert (offered(ann, "Bob"), offered(ann, "Cem")) == ([number], [])
    settle(*people)
    bob.ask(LeaveGroup("Crew"))
    assert list(bob.wired.erasing.files.direct.wanted(number_of(bob, "Ann"))) == []


# --- Lies -----------------------------------------------------------------------------------------


def claim_the_blocks_of_another() -> bool:
    """Mallory writes a text of his own that claims the key and the posting of Ann's file.

    Return whether Bob still gets Ann's file.
    """
    ann, bob, mallory = crew("Ann", "Bob", "Mallory")
    said = write(ann, content())
    posted = ann.post()
    texts = [one for one in posted if not is_block(one)]
    mallory.receive(texts)
    bob.receive(texts)
    row = mallory.wired.erasing.files.rows.of_entry(of(mallory, said).number)[0]
    posting = mallory.wired.erasing.files.blocks.find_posting(row.number)
    assert posting is not None
    false = File(
        root=bytes(32),
        key=row.key,
        posting=posting.posting[:16],
        size=SIZE,
        media_type="image/png",
        name="map.png",
        look=0,
        width=0,
        height=0,
        duration_ms=0,
        hint=b"",
        preview=b"",
    )
    with transaction(mallory.connection):
        conversation = mallory.wired.conversations.conversation("Crew")
        mallory.wired.conversations.groups.write(
            conversation, Statement(Kind.TEXT, Text("", files=[false])), now=mallory.now
        )
    bob.receive(mallory.post())
    bob.receive([one for one in posted if is_block(one)])
    return state_of(bob, said) == ("here", 4)


def test_nobody_claims_the_blocks_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert claim_the_blocks_of_another()


def hide_what_was_posted(liars: int) -> bool:
    """Mallory says again and again to have posted what nobody did. Return whether Bob gets it."""
    ann, bob, *others = people = crew("Ann", "Bob", *("Mallory", "Mara", "Mo", "Moe")[:liars])
    said = write(ann, content())
    posted = ann.post()
    for person in (bob, *others):
        person.receive([one for one in posted if not is_block(one)])
    for turn in range(3):
        for liar in others:
            named = FileWanted(bytes.fromhex(said.id), 0, 15)
            say(liar, FILE_POSTED, FilePosted(named, bytes([turn]) * 16).encode())
        exchange(*people)
    bob.restart()
    bob.receive([one for one in posted if is_block(one)])
    return state_of(bob, said) == ("here", 4)


def test_who_posts_nothing_hides_nothing() -> None:
    assert hide_what_was_posted(4)


def test_a_false_word_of_a_posting_holds_up_others_once() -> None:
    ann, bob, mallory, dan = people = crew("Ann", "Bob", "Mallory", "Dan")
    said = write(ann, content())
    lost_by([dan], people)
    left = [bob, mallory, dan]
    exchange(*left)
    named = FileWanted(bytes.fromhex(said.id), 0, 15)
    for turn in range(2):
        # Mallory's program does nothing but lie.
        wait(ASKED_S, bob, dan)
        exchange(*left)
        assert state_of(dan, said) == ("fetching", 0)
        say(mallory, FILE_POSTED, FilePosted(named, bytes([turn]) * 16).encode())
        exchange(*left)
        bob.clock.pass_by(FILE_GATHER_SECONDS + FILE_SPREAD_SECONDS_MIN)
        bob.tend()
        exchange(bob, dan)
    assert state_of(dan, said) == ("here", 4)


def test_a_member_has_so_many_blocks_posted_again_in_a_day() -> None:
    ann, bob = people = crew("Ann", "Bob")
    items = [write(ann, content(9, bytes((n,)))) for n in range(REPOSTED_BLOCKS_PER_DAY_MAX + 5)]
    exchange(*people)
    for one in items:
        say(bob, FILE_WANTED, FileWanted(bytes.fromhex(one.id), 0, 1).encode())
    exchange(*people)
    assert len(ann.wired.groups.keepers.groups.all) == 1
    wants = ann.connection.execute("SELECT count(*) FROM file_wants").fetchone()
    assert wants == (REPOSTED_BLOCKS_PER_DAY_MAX,)
    assert ann.dropped()["more blocks of files are wanted than are posted in a day"] == 5


def test_words_about_files_that_are_none_change_nothing() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = write(ann, content())
    exchange(*people)
    id_ = bytes.fromhex(said.id)
    for kind, data in (
        (FILE_WANTED, b"short"),
        (FILE_WANTED, FileWanted(bytes(32), 0, 1).encode()),
        (FILE_WANTED, FileWanted(id_, 9, 1).encode()),
        (FILE_WANTED, FileWanted(id_, 0, 1 << 14).encode()),
        (FILE_POSTED, FilePosted(FileWanted(bytes(32), 0, 1), bytes(16)).encode()),
        (FILE_POSTED, FilePosted(FileWanted(id_, 0, 1), bytes(16)).encode()),
        (FILE_WHOLE, b"short"),
        (FILE_WHOLE, FileWhole(bytes(32), 1).encode()),
        (FILE_WHOLE, FileWhole(id_, 0xFFFF).encode()),
    ):
        say(bob, kind, data)
    exchange(*people)
    assert state_of(ann, said) == ("here", 4)
    devices = of(ann, said).files[0].devices
    assert devices is not None
    assert (devices.told, devices.of) == (1, 1)
    assert ann.connection.execute("SELECT count(*) FROM file_wants").fetchone() == (0,)


# --- What goes ------------------------------------------------------------------------------------


def test_a_file_that_is_taken_back_goes_everywhere() -> None:
    people = crew("Ann", "Bob", "Cem")
    ann = people[0]
    said = write(ann, content())
    exchange(*people)
    do(ann, RetractItem(said.number))
    assert envelopes_of(ann) == []
    exchange(*people)
    assert [rows_count(one) for one in people] == [0, 0, 0]


def test_a_file_that_disappears_goes_with_its_text() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(SetTimer("Crew", 60))
    said = write(ann, content())
    exchange(*people)
    got = of(bob, said)
    assert got.timer == 60
    number = got.files[0].number
    bob.ask(ReadItems("Crew", until=got.number))
    for person in people:
        person.tend()
    wait(61, *people)
    for person, its in ((ann, said.files[0].number), (bob, number)):
        assert refused(person, AskFileBlock(its, 0)) == "not-found"
        assert rows_count(person) == 0


def test_a_group_that_is_forgotten_takes_its_files_along() -> None:
    ann, bob = people = crew("Ann", "Bob")
    write(ann, content())
    lost_by([bob], people, keep=1)
    bob.ask(LeaveGroup("Crew"))
    settle(*people)
    bob.ask(ForgetGroup("Crew"))
    assert rows_count(bob) == 0
