"""Answers of a node, as the tests of what is drawn need them."""

import msgspec

from mesh.commands.contacts import ContactAnswer
from mesh.commands.group_links import KnockAnswer
from mesh.commands.groups import GroupAnswer
from mesh.commands.items import ItemAnswer
from mesh.commands.member_letters import MemberLetterAnswer
from mesh.commands.messages import AuthorAnswer, MessageAnswer

NOW = 1_800_000_000

KEY = "0123456789abcdef" * 4

ME = AuthorAnswer(key="ff" * 32, label="Anna", is_mine=True)


def contact(label: str = "Ben", *, number: int = 1, **fields: object) -> ContactAnswer:
    """Return a contact that answered."""
    made = ContactAnswer(
        id=number,
        label=label,
        name=label,
        key=KEY,
        trust="known",
        state="answered",
        messages_count=0,
        unread_count=0,
    )
    return msgspec.structs.replace(made, **fields)


def message(**fields: object) -> MessageAnswer:
    """Return a message that came from Ben."""
    made = MessageAnswer(
        number=7,
        id="00" * 32,
        conversation=1,
        contact=1,
        label="Ben",
        author=AuthorAnswer(key=KEY, label="Ben", is_mine=False),
        is_mine=False,
        text="Hello",
        sent=NOW,
        received=NOW,
        state="received",
        carriers=0,
    )
    by = {"author": ME} if fields.get("is_mine") else {}
    return msgspec.structs.replace(made, **by, **fields)


def item(**fields: object) -> ItemAnswer:
    """Return an item that came from Ben."""
    made = ItemAnswer(
        number=7,
        conversation=1,
        id="00" * 32,
        kind="text",
        author=AuthorAnswer(key=KEY, label="Ben", is_mine=False),
        sent=NOW,
        received=NOW,
        state="received",
        carriers=0,
        is_late=False,
        missing_count=0,
        clock="",
        text="Hello",
    )
    return msgspec.structs.replace(made, **fields)


def group(**fields: object) -> GroupAnswer:
    """Return a group in which we are."""
    made = GroupAnswer(
        conversation=4,
        gid="cd" * 32,
        name="Crew",
        about="",
        role="member",
        members_count=3,
        state="in",
        waiting_since=0,
        waiting_for=[],
        code="",
        inviter="",
        note="",
        invited=[],
        settings=None,
        is_known=True,
        tells="held",
    )
    return msgspec.structs.replace(made, **fields)


KNOCK = KnockAnswer(
    knock=2, name="Cleo", key=KEY, note="Me again", came=NOW, link=1, looks_like=["Clео"]
)
LETTER = MemberLetterAnswer(
    letter=7,
    group=4,
    group_name="Crew",
    member=3,
    member_name="Dora",
    member_key=KEY,
    name="Dora D.",
    key=KEY,
    note="From the pier",
    came=NOW,
    expires=NOW + 86_400,
    state="waiting",
    contact=0,
    looks_like=[],
)
