"""`mesh bugreport`: shown, and saved only by a word of the person."""

import stat
from pathlib import Path

from mesh.commands.groups import AskGroups, AskMembers, GroupsAnswer, MemberAnswer, MembersAnswer
from mesh.node.logs import LOG_FILE
from tests.api.small_node import Running
from tests.cli.answers import group
from tests.cli.conftest import Mesh, befriend


def test_a_report_is_shown_and_is_saved_only_by_a_yes(
    mesh: Mesh, node: Running, tmp_path: Path
) -> None:
    befriend(mesh, "Benedict")
    node.node.told[AskGroups] = GroupsAnswer(groups=[])
    file = tmp_path / "report.txt"
    asked = mesh("bugreport", "--out", str(file))
    assert asked.code == 1
    assert "contacts_count: " in asked.out
    assert not file.exists()
    done = mesh("bugreport", "--out", str(file), "--yes")
    assert done.code == 0, done.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "ok    clock: " in text
    # What was shown is what was saved, but for the time between.
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        line.split(":")[0] for line in text.splitlines()
    ]
    assert "names of contacts" not in text
    for word in ("Anna", "Benedict", str(tmp_path)):
        assert word not in text


def test_names_of_groups_and_of_who_is_in_them_are_cut_out(mesh: Mesh, node: Running) -> None:
    crew = group(conversation=1, name="Marker crew")
    stranger = MemberAnswer(
        member=2,
        key="",
        name="Zoltan",
        label="Zoltan",
        contact=0,
        role="member",
        added_by="",
        heard=0,
        is_me=False,
        looks_like=[],
        is_double=False,
    )
    node.node.told[AskGroups] = GroupsAnswer(groups=[crew])
    node.node.told[AskMembers] = MembersAnswer(members=[stranger])
    logs = node.folders.state / "logs"
    logs.mkdir(parents=True)
    (logs / LOG_FILE).write_text('{"event": "Zoltan of Marker crew fails"}\n')
    told = mesh("bugreport").out
    assert "[name] of [name] fails" in told
    assert "names of contacts" not in told


def test_a_report_in_json_names_its_file(mesh: Mesh, tmp_path: Path) -> None:
    told = mesh("bugreport", "--json").json
    assert told["file"] == ""
    assert "the node does not answer" in str(told["report"])
