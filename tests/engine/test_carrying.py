"""What a node carries for everybody, seen from outside the engine."""

from mesh.commands import AskMessages, MessagesAnswer, SendMessage
from tests.engine.joined import Joined
from tests.engine.test_door import befriend, introduce, status, texts


def test_mail_refused_by_a_wrong_clock_comes_when_the_clock_is_corrected() -> None:
    table = Joined("ada", "bob", "cy")
    table.sit("dan", wall_offset_us=9 * 86_400 * 1_000_000)
    introduce(table, "ada", "dan")
    befriend(table, "dan", "ada")
    table.ask("ada", SendMessage("dan", "What day is it?"))
    table.join("ada", "bob")
    table.join("ada", "cy")
    table.join("dan", "bob")
    assert status(table, "dan").counters["refused: lapsed"] > 0
    assert texts(table, "dan") == []
    table.join("dan", "cy")
    table.join("dan", "ada")
    table.pass_time(10)
    assert texts(table, "dan") == ["What day is it?"]


def test_a_neighbour_without_room_does_not_say_that_it_holds_a_message() -> None:
    table = Joined("ada", "cy")
    table.sit("full", stored_bytes_max=0)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("cy", "full")
    table.ask("cy", SendMessage("ada", "Hold this."))
    assert status(table, "full").counters["evicted"] > 0
    answer = table.ask("cy", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    assert (answer.messages[0].state, answer.messages[0].carriers) == ("queued here", 0)
