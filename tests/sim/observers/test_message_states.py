"""The states that an author is told are held against what is so; each lie is found."""

from collections.abc import Callable

import pytest

from mesh.commands.messages import AuthorAnswer, MessageAnswer, MessageState
from mesh.storage.connection import transaction
from sim.hosts.host import Host
from sim.invariants.invariants import L9, S3, BrokenInvariant
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.loop import Loop
from sim.observers.message_states import MessageStates
from sim.users.user import User
from tests.sim.hosts.test_databases import host
from tests.sim.talker import Scene

KEPT_US = 30 * 86_400_000_000


class Post:
    """Two hosts, a message of the first to the second, and who watches its states."""

    def __init__(self) -> None:
        self.scene = Scene([[0], [0]])
        self.scene.boot()
        self.hosts: dict[int, Host] = {0: host(), 1: host()}
        self.message_log = MessageLog()
        self.written: LoggedMessage = self.message_log.ask(0, 1, "hello", 0)
        self.time = 0
        self.bodies: list[tuple[int, bytes]] = []
        self.states = MessageStates(
            message_log=self.message_log,
            nodes=self.scene.nodes,
            hosts=self.hosts,
            now=lambda: self.time,
            has_had_body=lambda node, envelope: (node, envelope) in self.bodies,
            kept_us=KEPT_US,
            clock_error_us=0,
        )
        self.author = User(
            0, self.scene.nodes[0], Loop(), lambda command, error: None, lambda goal: None
        )

    def tell(
        self, state: MessageState, carriers: int = 0, *, number: int = 1, text: str | None = None
    ) -> None:
        message = MessageAnswer(
            number=number,
            id="",
            conversation=1,
            contact=1,
            label="you",
            author=AuthorAnswer(key="", label="me", is_mine=True),
            is_mine=True,
            text=self.written.text if text is None else text,
            sent=0,
            received=0,
            state=state,
            carriers=carriers,
        )
        self.states.told(self.author, message)

    def put_envelope(self, *, is_carried: bool) -> None:
        """Its envelope stands in our outbox, and perhaps the other has stored its body."""
        database = self.hosts[0].vault
        database.execute("PRAGMA foreign_keys = OFF")
        with transaction(database):
            database.execute("DROP TABLE outbox")
            database.execute("CREATE TABLE outbox (id BLOB, message INTEGER)")
            database.execute("INSERT INTO outbox VALUES (?, 1)", (bytes(32),))
        if is_carried:
            self.bodies.append((1, bytes(32)))

    def note_deleted(self, number: int) -> None:
        """The author's node has written that the message with this number there is deleted."""
        self.written.number_there = number
        self.written.is_retracted = True
        database = self.hosts[0].vault
        database.execute("PRAGMA foreign_keys = OFF")
        with transaction(database):
            database.execute("DROP TABLE entries")
            database.execute("CREATE TABLE entries (number INTEGER, gone TEXT)")
            database.execute("INSERT INTO entries VALUES (?, 'retracted')", (number,))


def lie(act: Callable[[], None]) -> None:
    with pytest.raises(BrokenInvariant) as caught:
        act()
    assert caught.value.invariant is L9


@pytest.mark.parametrize("state", ["delivered", "read", "delivered-then-withdrawn"])
def test_a_message_that_never_arrived_is_not_delivered(state: MessageState) -> None:
    post = Post()
    lie(lambda: post.tell(state))


def test_a_message_that_arrived_may_be_shown_as_delivered() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5)
    post.tell("delivered")
    post.tell("delivered-then-withdrawn")


def test_a_message_that_only_a_second_machine_opened_may_be_shown_as_delivered() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5, is_clone=True)
    post.tell("delivered")


def test_a_message_that_nobody_looked_at_is_not_read() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5)
    lie(lambda: post.tell("read"))
    post.written.is_read = True
    post.tell("read")


def test_of_who_lets_nobody_know_nothing_is_told_as_read() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5)
    post.written.is_read = True
    post.states.tells_reads = lambda node: node != 1
    lie(lambda: post.tell("read"))


def test_of_what_was_written_after_its_reader_fell_silent_nothing_is_told_as_read() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5)
    post.written.is_read = True
    post.message_log.choices.hush(1, 0, post.written.asked_at)
    post.tell("read")
    post.message_log.choices.hush(1, 0, post.written.asked_at - 1)
    lie(lambda: post.tell("read"))


def test_a_page_that_a_crash_took_may_have_been_read() -> None:
    post = Post()
    post.message_log.show(1, 0, post.written.text, 5)
    post.states.is_look_lost = lambda logged: logged is post.written
    post.tell("read")


def test_the_last_word_and_the_first_that_it_expired_are_kept() -> None:
    post = Post()
    for state in ("queued", "expired", "expired"):
        post.time += KEPT_US + 1
        post.tell(state)
    assert post.written.state == "expired"
    assert post.written.told_expired_at == 2 * KEPT_US + 2


def test_a_message_expires_when_it_has_outlived_its_lifetime_and_not_before() -> None:
    post = Post()
    post.time = KEPT_US // 2
    lie(lambda: post.tell("expired"))
    post.time = KEPT_US + 1
    post.tell("expired")


def test_what_nobody_has_is_carried_by_nobody() -> None:
    post = Post()
    post.put_envelope(is_carried=False)
    lie(lambda: post.tell("carried", carriers=1))


def test_what_one_node_has_is_carried_by_it_and_not_by_a_dozen() -> None:
    post = Post()
    post.put_envelope(is_carried=True)
    post.tell("carried", carriers=1)
    lie(lambda: post.tell("carried", carriers=12))


def test_what_claims_nothing_of_the_world_is_never_a_lie() -> None:
    post = Post()
    for state in ("queued", "awaiting-key", "withdrawn"):
        post.tell(state)
    assert post.states.looked_count == 3


def test_of_what_its_author_deleted_the_number_alone_says_which_it_is() -> None:
    post = Post()
    post.note_deleted(7)
    post.tell("withdrawn", number=7, text="")
    assert post.written.state == "withdrawn"


@pytest.mark.parametrize("number, is_wished", [(7, False), (8, True)])
def test_no_other_message_is_without_words(number: int, is_wished: bool) -> None:
    post = Post()
    post.note_deleted(7)
    post.written.is_retracted = is_wished
    with pytest.raises(BrokenInvariant) as caught:
        post.tell("withdrawn", number=number, text="")
    assert caught.value.invariant is S3


def test_what_is_to_be_deleted_and_is_not_yet_has_its_words() -> None:
    post = Post()
    post.written.number_there = 7
    post.written.is_retracted = True
    with pytest.raises(BrokenInvariant) as caught:
        post.tell("withdrawn", number=7, text="")
    assert caught.value.invariant is S3


def test_of_what_a_copy_deleted_its_numbers_say_nothing() -> None:
    """Its vault has gone its own way, and another message may bear the number there."""
    post = Post()
    post.note_deleted(7)
    post.author.index = 1
    assert post.author.is_clone
    post.tell("withdrawn", number=7, text="")
    assert post.states.looked_count == 0


def test_after_a_vault_was_put_back_what_stands_in_it_has_its_number() -> None:
    post = Post()
    later = post.message_log.ask(0, 1, "lost", 5)
    for message, number, confirmed_at in ((post.written, 7, 3), (later, 8, 6)):
        post.message_log.confirm(message, confirmed_at)
        message.number_there = number
    post.message_log.forget(0, 5)
    assert (post.written.number_there, later.number_there) == (7, -1)
