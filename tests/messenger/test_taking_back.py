"""Words that are taken back, deleted here, or disappear: they go on both sides or here alone."""

from mesh.commands.conversations import AskConversation, ReadItems, SetTimer
from mesh.commands.item_commands import EditItem, ForgetItem, ReactToItem, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import WithdrawMessage
from mesh.content.entry import Kind
from mesh.events import ConversationChanged, ItemGone
from tests.messenger.doing import (
    DAY_S,
    both,
    conversation,
    do,
    item,
    items_of,
    refused,
    said,
)
from tests.messenger.hostile import write
from tests.messenger.people import Person, exchange, exchange_tokens

# --- Taking back, deleting here -----------------------------------------------------------------


def test_a_retraction_deletes_the_words_on_both_sides_and_says_how_far_it_came() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="a secret word"))
    do(bob, ReactToItem(theirs.number, ("+",)))
    exchange(ann, bob)
    ann.take_events(), bob.take_events()
    do(ann, EditItem(mine.number, "another secret"))
    taken_back = do(ann, RetractItem(mine.number))
    assert (taken_back.gone, taken_back.text, taken_back.reactions) == ("retracted", "", [])
    assert taken_back.retraction is not None
    assert taken_back.retraction.state == "queued"
    # Once more is the same.
    assert do(ann, RetractItem(mine.number)) == taken_back
    exchange(ann, bob)
    ann.clock.pass_by(3_600)
    exchange_tokens(bob, ann)
    told = item(ann, mine.number).retraction
    assert told is not None
    assert told.state == "delivered"
    shown = item(bob, theirs.number)
    assert (shown.gone, shown.text, shown.reactions) == ("retracted", "", [])
    assert [one.gone for one in items_of(bob, "Ann")] == ["retracted"]
    (gone,) = [event for event in bob.events if isinstance(event, ItemGone)]
    assert (gone.number, gone.gone) == (theirs.number, "retracted")
    for person in (ann, bob):
        for table, column in (("contents", "data"), ("texts", "text"), ("payloads", "payload")):
            held = person.connection.execute(f"SELECT {column} FROM {table}").fetchall()
            assert not any("secret" in repr(value) for (value,) in held)
    assert conversation(bob, AskConversation("Ann")).unread_count == 0
    assert refused(ann, EditItem(mine.number, "again")) == "gone"
    assert refused(bob, ReactToItem(theirs.number, ("+",))) == "gone"


def test_what_was_withdrawn_is_not_on_its_way_after_a_restart_either() -> None:
    ann, _ = both()
    on_its_way = ann.messenger.summary().outbox_count
    mine = do(ann, WriteItem("Bob", text="never mind"))
    ann.post()
    ann.ask(WithdrawMessage(mine.number))
    assert ann.messenger.summary().outbox_count == on_its_way
    ann.restart()
    assert ann.messenger.summary().outbox_count == on_its_way


def test_a_retraction_withdraws_what_is_still_on_its_way() -> None:
    ann, bob = both()
    mine = do(ann, WriteItem("Bob", text="never mind"))
    first = ann.post()
    do(ann, RetractItem(mine.number))
    assert item(ann, mine.number).state == "withdrawn"
    tokens = ann.connection.execute("SELECT envelope FROM retirements").fetchall()
    assert (first[0].id,) in tokens
    # Bob gets the retraction, and later, from somebody slow, the words after all.
    exchange(ann, bob)
    bob.receive(first)
    (shown,) = items_of(bob, "Ann")
    assert (shown.gone, shown.text) == ("retracted", "")
    held = bob.connection.execute("SELECT data FROM contents").fetchall()
    assert not any(b"never mind" in value for (value,) in held if isinstance(value, bytes))


def test_nobody_takes_back_the_words_of_others() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="mine"))
    assert refused(bob, RetractItem(theirs.number)) == "not-yours"
    hostile(bob, Kind.RETRACT, [], theirs)
    hostile(bob, Kind.EDIT, ["not mine"], theirs)
    exchange(ann, bob)
    shown = item(ann, mine.number)
    assert (shown.gone, shown.text, shown.edited) == ("", "mine", None)
    verdicts = "SELECT verdict FROM entries WHERE kind > 63"
    assert ann.connection.execute(verdicts).fetchall() == [("invalid",), ("invalid",)]
    # Of what is invalid no words are kept.
    kept = "SELECT count(*) FROM contents JOIN entries ON entry = number WHERE kind > 63"
    assert ann.connection.execute(kept).fetchall() == [(0,)]


def hostile(person: Person, kind: Kind, content: list[object], target: ItemAnswer) -> None:
    """Write an entry that the program would not write."""
    write(person, "Ann", kind, content, bytes.fromhex(target.id))


def test_deleting_here_is_told_to_nobody() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="between us"))
    assert do(bob, ForgetItem(theirs.number)).gone == "forgotten"
    assert items_of(bob, "Ann") == []
    assert bob.post() == []
    # What comes about it later is not kept, and brings nothing back.
    do(ann, EditItem(mine.number, "between us two"))
    exchange(ann, bob)
    assert items_of(bob, "Ann") == []
    held = bob.connection.execute("SELECT data FROM contents").fetchall()
    assert not any(b"between" in value for (value,) in held if isinstance(value, bytes))
    assert item(ann, mine.number).text == "between us two"


# --- Timers -------------------------------------------------------------------------------------


def test_who_lacks_the_word_on_the_timer_takes_that_of_what_was_written_under_it() -> None:
    ann, bob = both()
    conversation(ann, SetTimer("Bob", DAY_S))
    word = ann.post()
    _, theirs = said(ann, bob, WriteItem("Bob", text="for a day"))
    assert (theirs.timer, theirs.missing_count) == (DAY_S, 1)
    assert conversation(bob, AskConversation("Ann")).timer == DAY_S
    assert do(bob, WriteItem("Ann", text="too")).timer == DAY_S
    # What came meanwhile stands, and their word before all that.
    said(ann, bob, WriteItem("Bob", text="for an hour", timer=3_600))
    assert conversation(bob, AskConversation("Ann")).timer == DAY_S
    bob.receive(word)
    assert item(bob, theirs.number).missing_count == 0
    assert conversation(bob, AskConversation("Ann")).timer == DAY_S
    conversation(bob, SetTimer("Ann", 0))
    assert do(bob, WriteItem("Ann", text="for good")).timer == 0


def test_one_item_with_a_timer_of_its_own_sets_none() -> None:
    ann, bob = both()
    _, theirs = said(ann, bob, WriteItem("Bob", text="for an hour", timer=3_600))
    assert (theirs.timer, theirs.missing_count) == (3_600, 0)
    assert conversation(bob, AskConversation("Ann")).timer == 0


def test_what_has_a_timer_disappears_after_sealing_and_after_reading() -> None:
    ann, bob = both()
    assert conversation(ann, SetTimer("Bob", DAY_S)).timer == DAY_S
    exchange(ann, bob)
    assert conversation(bob, AskConversation("Ann")).timer == DAY_S
    told = [one.conversation for one in bob.events if isinstance(one, ConversationChanged)]
    assert told[-1].timer == DAY_S
    mine, theirs = said(ann, bob, WriteItem("Bob", text="for a day"))
    do(bob, ReactToItem(theirs.number, ("+",)))
    assert mine.timer == theirs.timer == DAY_S
    ann.tend()
    bob.tend()
    end = ann.now.expiry + DAY_S
    assert item(ann, mine.number).disappears == end
    assert item(bob, theirs.number).disappears == 0
    ann.clock.pass_by(DAY_S - 100)
    ann.tend()
    assert item(ann, mine.number).text == "for a day"
    conversation(bob, ReadItems("Ann", theirs.number))
    bob.tend()
    ann.clock.pass_by(100)
    ann.tend()
    bob.tend()
    assert item(ann, mine.number).gone == "expired"
    # That the timer was set stays.
    assert [one.kind for one in items_of(ann, "Bob")] == ["timer"]
    assert [one.text for one in items_of(bob, "Ann")] == ["", "for a day"]
    bob.clock.pass_by(DAY_S)
    bob.tend()
    assert [one.kind for one in items_of(bob, "Ann")] == ["timer"]
    (gone,) = [event for event in bob.events if isinstance(event, ItemGone)]
    assert gone.gone == "expired"
    for person in (ann, bob):
        held = person.connection.execute(
            "SELECT data FROM contents UNION SELECT payload FROM payloads"
        ).fetchall()
        assert not any(b"for a day" in value for (value,) in held if isinstance(value, bytes))


def test_what_disappeared_is_not_sealed_again() -> None:
    ann, bob = both()
    mine = do(ann, WriteItem("Bob", text="for an hour", timer=3_600, keep_for="30d"))
    ann.post()
    ann.tend()
    ann.clock.pass_by(3_601)
    ann.tend()
    assert item(ann, mine.number).gone == "expired"
    ann.clock.pass_by(9 * DAY_S)
    ann.tend()
    # What goes out tells other things.
    bob.receive(ann.post())
    assert item(ann, mine.number).state == "expired"
    assert items_of(bob, "Ann") == []


def test_a_jump_of_the_clock_erases_nothing() -> None:
    ann, bob = both()
    mine = do(ann, WriteItem("Bob", text="for an hour", timer=3_600))
    ann.tend()
    # The calendar was set while the node was off: nobody knows how long that was.
    ann.restart()
    ann.is_clock_steady = False
    ann.clock.pass_by(4_000)
    ann.tend()
    assert item(ann, mine.number).text == "for an hour"
    ann.is_clock_steady = True
    ann.tend()
    assert item(ann, mine.number).gone == "expired"
    assert bob.texts() == []


def test_what_disappeared_on_its_way_is_told_as_expired_once_its_envelope_has_lapsed() -> None:
    ann, _ = both()
    mine = do(ann, WriteItem("Bob", text="for a minute", timer=60))
    ann.post()
    ann.tend()
    ann.clock.pass_by(61)
    ann.tend()
    gone = item(ann, mine.number)
    assert (gone.gone, gone.state) == ("expired", "queued")
    ann.clock.pass_by(31 * DAY_S)
    ann.tend()
    assert item(ann, mine.number).state == "expired"
