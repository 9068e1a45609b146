"""`mesh chats`: the conversations with what is new in each."""

from msgspec.structs import replace

from mesh.cli.commands.chats import preview, row
from mesh.cli.names import Names
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.groups import MembershipAnswer
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import AuthorAnswer
from tests.api.small_node import Running
from tests.cli.answers import NOW, contact, group
from tests.cli.conftest import Mesh

ITEM = ItemAnswer(
    number=7,
    conversation=1,
    id="00" * 32,
    kind="text",
    author=AuthorAnswer(key="ab" * 32, label="Ben", is_mine=False),
    sent=NOW,
    received=NOW,
    state="received",
    carriers=0,
    is_late=False,
    missing_count=0,
    clock="",
    text="The bridge is open again, and the road behind it is as well",
)
CHAT = ConversationAnswer(
    number=1,
    kind="direct",
    title="Ben",
    contact=1,
    last_item=ITEM,
    unread_count=2,
    is_marked_unread=False,
    muted_until=0,
    is_pinned=False,
    is_archived=False,
    draft="",
    is_request=False,
    is_blocked=False,
)


def test_chats_lists_conversations_with_what_is_unread(mesh: Mesh, node: Running) -> None:
    mesh("add", "mesh:Ben")
    mesh("add", "mesh:Carl")
    node.receive("Ben", "hello")
    lines = mesh("chats").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["1", "Ben"], ["2", "Carl"]]
    assert lines[1].split()[2] == "1"
    unread = mesh("chats", "--unread", "--json").out
    assert '"title":"Ben"' in unread.replace(": ", ":")
    assert "Carl" not in unread


def test_who_waits_apart_is_only_counted(mesh: Mesh, node: Running) -> None:
    mesh("add", "mesh:Stranger")
    node.node.people.change("Stranger", is_request=True)
    ran = mesh("chats")
    assert "Stranger" not in ran.out
    assert "1 person waits apart" in ran.err


def test_a_row_shows_the_beginning_of_the_last_item_and_what_was_chosen() -> None:
    names = Names([contact("Ben", number=1)])
    cells = row(CHAT, names)
    assert cells[:4] == ("1", "Ben", "2", "")
    assert cells[5] == "The bridge is open again, and the road …"
    chosen = {"is_pinned": True, "muted_until": 2**40, "is_archived": True}
    told = row(replace(CHAT, **chosen), names)
    assert told[3] == "pinned, muted, archived"
    calling = replace(CHAT, help_count=1, is_pinned=True)
    assert row(calling, names)[3] == "1 needs help, pinned"
    assert row(replace(CHAT, help_count=2), names)[3] == "2 need help"
    assert row(replace(CHAT, comparison="asked by them"), names)[3] == "asks to compare"
    assert row(replace(CHAT, comparison="matched"), names)[3] == ""
    marked = {"is_marked_unread": True, "unread_count": 0}
    assert row(replace(CHAT, **marked), names)[2] == "•"


def test_a_draft_and_the_state_of_the_own_last_message_are_shown() -> None:
    mine = {
        "author": AuthorAnswer(key="cd" * 32, label="Ada", is_mine=True),
        "state": "carried",
        "carriers": 2,
        "text": "Here",
    }
    item = replace(ITEM, **mine)
    assert preview(item, "Ben", draft="") == "me: Here  [carried by 2 neighbours]"
    assert preview(item, "Ben", draft="On my\nway") == "draft: On my way"
    later = replace(item, state="heard-by-a-later-release")
    assert preview(later, "Ben", draft="").endswith("[heard-by-a-later-release]")


def test_what_is_gone_or_more_than_a_text_is_said_so() -> None:
    gone = replace(ITEM, gone="retracted", text="")
    assert preview(gone, "Ben", draft="") == "(deleted by Ben)"
    poll = replace(ITEM, kind="poll", text="Where?")
    assert preview(poll, "Ben", draft="") == "poll: Where?"
    mine = replace(gone, author=AuthorAnswer(key="cd" * 32, label="Ada", is_mine=True))
    assert preview(mine, "Ben", draft="") == "me: (deleted by me)"


def test_a_group_says_that_it_is_one_and_how_one_is_in_it() -> None:
    names = Names([contact("Ben", number=1, looks_like=["Ben 2"])])
    chat = replace(CHAT, number=4, kind="group", title="Ben", contact=0, last_item=None)
    assert row(chat, names, group())[3] == "group"
    assert row(replace(chat, is_pinned=True), names, group(state="left"))[3] == (
        "group, you left, pinned"
    )
    asked = row(chat, names, group(state="invited", inviter="Ben"))
    assert (asked[3], asked[5]) == ("group", "asked in by Ben [01234567]: mesh group accept 4")


def test_what_we_did_to_a_group_ourselves_is_under_way_to_nobody() -> None:
    made = MembershipAnswer(
        id="ef" * 32,
        at=NOW,
        action="created",
        by="Ada",
        is_mine=True,
        whom=[],
        is_about_me=False,
        role=None,
        changes=[],
        counts=True,
        why="",
        repeat=False,
    )
    own = AuthorAnswer(key="cd" * 32, label="Ada", is_mine=True)
    item = replace(ITEM, kind="membership", author=own, membership=made)
    assert preview(item, "Crew", draft="") == "you made the group"
