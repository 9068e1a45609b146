"""Pages of items as they came, of all conversations and of one, and what of them is read."""

from mesh.commands.conversations import AskConversation, ReadItems
from mesh.commands.item_commands import AskItems, AskItemsByArrival, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer
from tests.messenger.doing import both, conversation, do, items_of
from tests.messenger.in_groups import crew, settle
from tests.messenger.people import Person, exchange

NEWEST = 1_000_000


def page(person: Person, asked: AskItemsByArrival | AskItems) -> list[ItemAnswer]:
    answer = person.ask(asked)
    assert isinstance(answer, ItemsAnswer)
    return [item for item in answer.items if item.kind != "membership"]


def words(person: Person, asked: AskItemsByArrival) -> list[str]:
    return [item.text for item in page(person, asked)]


def test_what_is_said_in_groups_is_among_what_came_and_read_where_it_is_asked_for() -> None:
    ann, bob = crew("Ann", "Bob")
    ann.send("Bob", "to you")
    ann.send("Crew", "to all")
    do(ann, WriteItem("Crew", "poll", question="Tea?", options=("yes", "no")))
    settle(ann, bob)
    assert words(bob, AskItemsByArrival()) == ["to you", "to all", "Tea?"]
    assert words(bob, AskItemsByArrival(before=NEWEST, limit=1)) == ["Tea?"]
    assert words(bob, AskItemsByArrival(conversation="Crew", unread_only=True)) == [
        "to all",
        "Tea?",
    ]
    assert words(bob, AskItemsByArrival(conversation="Ann")) == ["to you"]
    asked = AskItemsByArrival(conversation="Crew", unread_only=True, mark_read=True)
    assert words(bob, asked) == ["to all", "Tea?"]
    assert words(bob, AskItemsByArrival(unread_only=True)) == ["to you"]


def test_what_is_shown_of_texts_and_tasks_is_marked_and_nothing_else() -> None:
    ann, bob = both()
    for number in range(20):
        do(ann, WriteItem("Bob", "task", title=f"task {number}"))
    for number in range(70):
        ann.send("Bob", f"text {number}")
    exchange(ann, bob)
    assert conversation(bob, AskConversation("Ann")).unread_count == 90
    shown = page(bob, AskItems("Ann", limit=50))
    until = ReadItems("Ann", shown[-1].number, tuple(item.number for item in shown))
    assert conversation(bob, until).unread_count == 40
    left = page(bob, AskItemsByArrival(conversation="Ann", unread_only=True, limit=100))
    assert {item.number for item in left}.isdisjoint(item.number for item in shown)


def test_a_message_says_who_wrote_it_also_in_a_group() -> None:
    ann, bob = crew("Ann", "Bob")
    ann.send("Crew", "to all")
    bob.send("Crew", "to you all")
    settle(ann, bob)
    answer = bob.ask(AskMessages("Crew"))
    assert isinstance(answer, MessagesAnswer)
    authors = {one.text: (one.author.label, one.author.is_mine) for one in answer.messages}
    assert authors == {"to all": ("Ann", False), "to you all": ("Bob", True)}
    assert {one.text: one.author for one in items_of(bob, "Crew")} == {
        one.text: one.author for one in answer.messages
    }
