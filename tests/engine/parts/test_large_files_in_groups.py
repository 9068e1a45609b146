"""Large files in groups: given by their author to members who are contacts, and nobody else."""

from mesh.commands.files import FileAnswer
from mesh.commands.groups import (
    AcceptGroup,
    AskMembers,
    InviteToGroup,
    MakeGroup,
    MembersAnswer,
    SetMemberRole,
)
from mesh.commands.item_commands import RetractItem, WriteItem
from mesh.commands.messages import SendMessage
from tests.engine.joined import Joined
from tests.engine.large_files import bytes_of, content, file, prepared
from tests.engine.test_engine import befriend, introduce
from tests.engine.test_items import items, write


def member(table: Joined, asker: str, name: str) -> int:
    answer = table.ask(asker, AskMembers("Crew"))
    assert isinstance(answer, MembersAnswer)
    return next(one.member for one in answer.members if one.name == name)


def crew() -> Joined:
    """Ada's group with Cy, who is her contact, and Bo, who is Cy's; all of them are linked."""
    table = Joined("ada", "bo", "cy")
    introduce(table, "ada", "bo", "cy")
    for one, other in (("ada", "cy"), ("bo", "cy")):
        befriend(table, one, other)
    for one, other in (("ada", "cy"), ("bo", "cy"), ("ada", "bo")):
        table.join(one, other)
    for one, other in (("ada", "cy"), ("bo", "cy")):
        for author, reader in ((one, other), (other, one)):
            table.ask(author, SendMessage(reader, "hello"))
            table.pass_time(10)
    for one, other in (("ada", "cy"), ("bo", "cy")):
        table.cut(one, other)
        table.join(one, other)
    table.ask("ada", MakeGroup("Crew", ("cy",)))
    table.pass_time(30)
    table.ask("cy", AcceptGroup("Crew"))
    table.pass_time(60)
    table.ask("ada", SetMemberRole("Crew", member(table, "ada", "cy"), "admin"))
    table.pass_time(60)
    table.ask("cy", InviteToGroup("Crew", ("bo",)))
    table.pass_time(30)
    table.ask("bo", AcceptGroup("Crew"))
    table.pass_time(120)
    return table


def send(table: Joined, data: bytes) -> FileAnswer:
    handed = table.ask("ada", prepared(table, data))
    assert isinstance(handed, FileAnswer)
    write(table, "ada", WriteItem("Crew", files=(handed.number,)))
    return file(table, "ada", handed.number)


def theirs(table: Joined, name: str) -> FileAnswer:
    return items(table, name, "Crew")[-1].files[0]


def test_a_large_file_goes_to_those_who_know_its_author_and_is_taken_back() -> None:
    table, data = crew(), content()
    mine = send(table, data)
    table.pass_time(30)
    got, others = theirs(table, "cy"), theirs(table, "bo")
    assert bytes_of(table, "cy", got.number) == data
    # Bo has the text, and a link to Ada, who does not know him.
    assert (others.state, others.here_count) == ("fetching", 0)
    table.pass_time(3_600)
    told = file(table, "ada", mine.number)
    assert told.devices is not None
    assert (told.devices.told, told.devices.of, told.opened_count) == (1, 2, 0)
    table.ask("ada", RetractItem(mine.item))
    table.pass_time(30)
    assert table.seats["cy"].blobs.files == {}
