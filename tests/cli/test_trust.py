"""The verbs of trust against a node whose other persons a test plays."""

import shlex

import msgspec
import pytest

from mesh.cli.commands.people import RequestsAnswer
from mesh.commands.contacts import ContactAnswer, NoteAnswer
from mesh.commands.group_links import AskKnocks, KnocksAnswer
from mesh.commands.groups import AskGroups, GroupsAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.member_letters import AskMemberLetters, MemberLettersAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from tests.api.small_node import Running
from tests.api.small_people import EMOJI, NOW
from tests.cli.answers import KNOCK, LETTER, group
from tests.cli.conftest import Mesh
from tests.cli.typist import ROOT, Typist


@pytest.fixture
def ben(mesh: Mesh, node: Running) -> Running:
    """Return a node that has Ben for a contact."""
    assert mesh("add", "mesh:Ben", "--label", "Ben").code == 0
    return node


@pytest.fixture
def terminal(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process of its own find this tree, and the home of the node."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def contact_of(node: Running, label: str = "Ben") -> ContactAnswer:
    return node.node.people.find(label)


def test_a_link_is_explained_before_it_is_used(mesh: Mesh, node: Running) -> None:
    ran = mesh("add", "mesh:Ben")
    assert ran.err.startswith("This adds Ben as a contact.\n")
    assert ran.code == 0
    # What it would have this node dial is said before anything is done.
    ran = mesh("add", "mesh:Dora@192.0.2.7:41730")
    assert "at 192.0.2.7:41730, as the link says" in ran.err.splitlines()[1]
    told = mesh("invite", "inspect", "mesh:Cleo")
    assert told.out.startswith("This adds Cleo as a contact.\nkey        cdcd cdcd")
    assert mesh("invite", "inspect", "mesh:Cleo", "--json").json["is_usable"] is True
    assert len(node.node.contacts) == 2


def test_a_shell_that_is_given_what_was_said_obeys_no_name(mesh: Mesh, node: Running) -> None:
    name = "O'Hara; rm -rf ~"
    hints = mesh("add", "mesh:Ben", "--label", name).err.splitlines()[-2:]
    said = [shlex.split(hint[hint.index("mesh ") :]) for hint in hints]
    assert said == [["mesh", "send", name, "Hello"], ["mesh", "compare", name]]


def test_a_link_that_is_of_no_use_is_not_used(mesh: Mesh, node: Running) -> None:
    ran = mesh("add", "mesh:expired")
    assert (ran.code, ran.err) == (1, "mesh: This invite has expired.\n")
    assert node.node.contacts == {}


def test_everything_about_a_contact_is_shown(mesh: Mesh, ben: Running) -> None:
    note = NoteAnswer(at=NOW, kind="introduced", sentence="Cleo vouched for them.\x1b[2J")
    ben.node.people.notes[1] = [note]
    ben.node.people.change("Ben", introduced_by="Cl\u202eeo", looks_like=["Веn"])
    ran = mesh("contact", "show", "Ben")
    key = contact_of(ben).key
    assert f"label      Ben [{key[:8]}]   (number 1)" in ran.out
    assert "trust      first seen, introduced by Cl<U+202E>eo" in ran.out
    assert "careful    looks like Веn" in ran.out
    assert ran.out.count("12345 12345 12345 12345") == 3
    assert "Cleo vouched for them.<U+001B>[2J" in ran.out
    assert mesh("contact", "show", "Ben", "--json").json["safety_number"] == "12345" * 12
    assert mesh("contact", "show", "Nobody").code == 5


def test_a_safety_number_is_shown_before_it_is_called_compared(mesh: Mesh, ben: Running) -> None:
    nobody = mesh("contact", "verify", "Ben")
    assert nobody.code == 1
    assert "12345 12345" in nobody.err
    assert contact_of(ben).trust == "first seen"
    assert mesh("contact", "verify", "Ben", "--yes").err == "Ben is verified.\n"
    assert contact_of(ben).trust == "verified"
    assert mesh("contact", "unverify", "Ben", "--json").json["trust"] == "known"


def test_who_is_blocked_is_listed_apart(mesh: Mesh, ben: Running) -> None:
    mesh("add", "mesh:Cleo", "--label", "Cleo")
    assert mesh("contact", "block", "Ben").err == "Ben is blocked.\n"
    listed = mesh("contacts").out
    assert listed.index("Cleo") < listed.index("Blocked:") < listed.index("Ben")
    assert mesh("contact", "unblock", "Ben").code == 0
    assert "Blocked:" not in mesh("contacts").out


def test_what_stays_sealed_after_a_block_is_said_with_the_way_to_it(
    mesh: Mesh, ben: Running
) -> None:
    unblocked = "Ben is not blocked any more. What they send from now on is opened.\n"
    nothing = mesh("contact", "unblock", "Ben").err
    assert nothing == unblocked + "Nothing came meanwhile that is still here.\n"
    ben.node.people.change("Ben", sealed_count=3)
    sealed = "3 messages; to open: mesh contact unblock 1 --show-meanwhile\n"
    assert mesh("contact", "unblock", "Ben").err == (
        unblocked
        + "What came meanwhile stays sealed: "
        + sealed
        + "Their Mesh may post it again after 7 days; what comes of that is opened.\n"
    )
    assert f"sealed     {sealed}" in mesh("contact", "show", "Ben").out
    assert "3 more sealed" in mesh("contacts").out
    opened = mesh("contact", "unblock", "Ben", "--show-meanwhile").err
    assert opened == unblocked + "What came meanwhile and is still here is opened too.\n"
    assert contact_of(ben).sealed_count == 0


def test_what_stays_sealed_of_a_request_is_said_with_the_way_to_it(
    mesh: Mesh, ben: Running
) -> None:
    ben.node.people.change("Ben", is_request=True, sealed_count=30)
    assert "30 more sealed" in mesh("requests").out
    told = "30 messages; to open: mesh contact accept 1\n"
    assert f"sealed     {told}" in mesh("contact", "show", "Ben").out
    assert mesh("contact", "unblock", "Ben").err == (
        "Ben is not blocked any more, and waits apart again: mesh requests\n"
        "What came meanwhile stays sealed: " + told
    )


def test_who_waits_apart_is_in_no_list_of_contacts(mesh: Mesh, ben: Running) -> None:
    ben.node.people.change("Ben", is_request=True)
    ben.receive("Ben", "let me in")
    assert "Nobody waits." not in mesh("requests").err
    assert "Ben" in mesh("requests").out
    listed = mesh("contacts")
    assert "Ben" not in listed.out
    assert "1 person waits apart: mesh requests" in listed.err
    read = mesh("read")
    assert ("let me in" in read.out, "waits apart" in read.err) == (False, True)
    assert "let me in" in mesh("read", "--requests").out
    assert mesh("contact", "accept", "Ben").code == 0
    assert mesh("requests").err == "Nobody waits.\n"
    nobody: dict[str, object] = {"contacts": [], "groups": [], "knocks": [], "letters": []}
    assert mesh("requests", "--json").json == nobody
    assert "let me in" in mesh("read").out


def test_whoever_looks_like_another_is_told_apart_everywhere(mesh: Mesh, ben: Running) -> None:
    mesh("add", "mesh:Other", "--label", "Веn")
    for one, other in (("Ben", "Веn"), ("Веn", "Ben")):
        ben.node.people.change(one, looks_like=[other])
        mark = f"{one} [{contact_of(ben, one).key[:8]}]"
        ben.receive(one, "Hello")
        assert mark in mesh("read").out
        assert mark in mesh("contacts").out
        assert mark in mesh("tail", "--last", "1", "--count", "1").out
        assert mark in mesh("send", one, "Hi").err
        assert mark in mesh("contact", "rename", one, one).err


def test_a_contact_is_forgotten_after_a_question(mesh: Mesh, ben: Running) -> None:
    refused = mesh("contact", "remove", "Ben", "--json")
    assert (refused.code, refused.problem) == (1, "no-answer")
    assert mesh("contact", "remove", "Ben", "--yes").code == 0
    assert ben.node.contacts == {}


def test_a_contact_goes_on_under_new_keys(mesh: Mesh, ben: Running) -> None:
    mesh("add", "mesh:Ben again", "--label", "Ben 2")
    key = contact_of(ben, "Ben 2").key
    assert mesh("contact", "replace", "Ben", "Ben 2").code == 1
    changed = mesh("contact", "replace", "Ben", "Ben 2", "--yes", "--json").json
    assert (changed["key"], changed["trust"]) == (key, "first seen")
    assert "has other keys since" in mesh("contacts").out


def test_receipts_and_new_keys_are_asked_for(mesh: Mesh, ben: Running) -> None:
    assert mesh("contact", "receipts", "Ben", "on").err == "Ben is told what you read.\n"
    assert contact_of(ben).sends_read_receipts
    mesh("contact", "receipts", "Ben", "off")
    assert not contact_of(ben).sends_read_receipts
    assert "New keys with Ben" in mesh("contact", "renew", "Ben").err


def test_a_comparison_waits_for_the_other_side_and_shows_both_forms(
    mesh: Mesh, ben: Running
) -> None:
    ben.on_subscription(lambda: ben.node.take_up("Ben"))
    ran = mesh("compare", "Ben")
    for picture, name in EMOJI:
        assert f"{picture}  {name}" in ran.out
    assert "or  1234  5678  9012" in ran.out
    assert "--yes-equal or --no" in ran.err
    assert ben.node.people.comparisons[1].state == "compare"


def test_a_verdict_ends_a_comparison(mesh: Mesh, ben: Running) -> None:
    ben.node.people.committed(contact_of(ben))
    equal = mesh("compare", "Ben", "--yes-equal")
    assert (equal.code, equal.err) == (0, "You and Ben see the same: Ben is verified.\n")
    ben.node.people.committed(contact_of(ben))
    other = mesh("compare", "Ben", "--no", "--json")
    assert (other.code, other.problem) == (1, "comparison-failed")
    assert other.json["state"] == "failed"


@pytest.mark.parametrize("answer, state, code", [("y", "matched", 0), ("n", "failed", 1)])
def test_a_person_is_asked_what_they_see_even_if_yes_was_said_before(
    terminal: None, ben: Running, answer: str, state: str, code: int
) -> None:
    ben.node.people.committed(contact_of(ben))
    person = Typist("compare", "Ben", "--yes")
    person.answer("Does Ben see the same pictures or numbers? [y/N]:", answer)
    assert person.ended() == code
    assert ben.node.people.comparisons[1].state == state


@pytest.mark.parametrize("answer, count", [("y", 1), ("n", 0)])
def test_a_person_is_asked_before_a_link_is_used(
    terminal: None, node: Running, answer: str, count: int
) -> None:
    person = Typist("add", "mesh:Ben")
    person.answer("Add them? [y/N]:", answer)
    assert person.ended() == 1 - count
    assert "This adds Ben as a contact." in person.seen
    assert len(node.node.contacts) == count


def test_a_person_sees_the_safety_number_before_they_say_yes(terminal: None, ben: Running) -> None:
    person = Typist("contact", "verify", "Ben")
    person.answer("Do they see the same number? [y/N]:", "y")
    assert person.ended() == 0
    assert person.seen.index("12345 12345") < person.seen.index("Do they see")
    assert contact_of(ben).trust == "verified"


def test_a_script_reads_what_is_to_be_compared(mesh: Mesh, ben: Running) -> None:
    ben.node.people.committed(contact_of(ben))
    told = mesh("compare", "Ben", "--json", "--yes")
    assert (told.code, told.json["state"], told.json["numbers"]) == (
        0,
        "compare",
        [1234, 5678, 9012],
    )


def test_a_comparison_that_nobody_takes_up_ends_in_time(mesh: Mesh, ben: Running) -> None:
    ran = mesh("compare", "Ben", "--timeout", "0.1", "--json")
    assert (ran.code, ran.problem) == (6, "timeout")
    assert ben.node.people.comparisons[1].state == "asked by us"


def test_contacts_are_introduced(mesh: Mesh, ben: Running) -> None:
    mesh("add", "mesh:Cleo", "--label", "Cleo")
    told = mesh("introduce", "Ben", "Cleo")
    assert (told.code, told.err) == (
        0,
        "Cleo is asked about Ben; if they accept, Ben is asked too.\n",
    )
    assert ben.node.people.introduced == [("Ben", "Cleo")]
    assert mesh("introduce", "Ben", "Nobody").code == 5


def test_introductions_are_listed_and_answered(mesh: Mesh, ben: Running) -> None:
    assert "Nobody was introduced" in mesh("introductions").err
    waiting = IntroductionAnswer(id=3, by="Ben", name="Do\u202era", key="cd" * 32, state="waiting")
    ben.node.people.introductions[3] = waiting
    assert "Do<U+202E>ra  cdcdcdcdcdcdcdcd  Ben" in mesh("introductions").out
    twin = msgspec.structs.replace(waiting, id=4, name="Веn", looks_like=["Ben"])
    ben.node.people.introductions[4] = twin
    listed = mesh("introductions").out
    assert "Веn [cdcdcdcd]" in listed
    assert "waiting; looks like Ben" in listed
    del ben.node.people.introductions[4]
    assert mesh("introductions", "accept", "3", "--json").json["state"] == "accepted"
    assert mesh("introductions", "decline", "3").err.endswith("introduced by Ben: declined.\n")
    assert mesh("introductions", "accept", "4").code == 5


def test_people_nearby_are_found_only_by_who_is_found(mesh: Mesh, node: Running) -> None:
    assert "mesh nearby on" in mesh("nearby", "list").err
    assert mesh("nearby", "on").code == 0
    node.node.people.nearby[2] = NearbyPersonAnswer(id=2, name="Cleo", state="asked by them")
    listed = mesh("nearby", "list", "--listen", "0")
    assert listed.out.split() == ["NAME", "STATE", "2", "Cleo", "asked", "by", "them"]
    twin = NearbyPersonAnswer(id=3, name="Clео", state="seen", looks_like=["Cleo"])
    node.node.people.nearby[3] = twin
    listed = mesh("nearby", "list", "--listen", "0")
    assert "3  Clео  seen; a name like Cleo, perhaps somebody else" in listed.out
    assert mesh("nearby", "off", "--json").json["is_on"] is False


def test_somebody_near_becomes_a_contact_by_comparing(mesh: Mesh, node: Running) -> None:
    person = NearbyPersonAnswer(id=2, name="Cleo", state="asked by them")
    node.node.people.nearby[2] = person
    shown = mesh("nearby", "compare", "2")
    assert "🐶  Dog" in shown.out
    node.node.people.nearby[2] = person
    assert mesh("nearby", "compare", "2", "--yes-equal").code == 0
    assert node.node.people.nearby[2].state == "matched"
    node.node.people.nearby[2] = msgspec.structs.replace(person, state="seen")
    assert mesh("nearby", "compare", "2", "--timeout", "0.1").code == 6


def test_invites_into_groups_and_who_stands_at_a_link_wait_for_a_word(
    mesh: Mesh, ben: Running
) -> None:
    invited = group(conversation=5, state="invited", inviter="Ben", note="Do come")
    ben.node.told[AskGroups] = GroupsAnswer(groups=[group(), invited, group(state="left")])
    ben.node.told[AskKnocks] = KnocksAnswer(knocks=[KNOCK])
    ben.node.told[AskMemberLetters] = MemberLettersAnswer(letters=[LETTER])
    ran = mesh("requests")
    assert "Nobody waits" not in ran.err
    knock, letter, invite = ran.out.splitlines()
    assert letter == (
        "Dora, who calls themselves Dora D., from the group Crew, “From the pier”, asks to become "
        "a contact: mesh group letters 4 --accept 7"
    )
    assert knock.startswith("Cleo (a name like Clео")
    assert knock.endswith("mesh group admit 4 2")
    assert invite == (
        "group 5  Crew  3 members  you were asked in by Ben  Do come: mesh group accept 5"
    )
    told = msgspec.json.decode(mesh("requests", "--json").out, type=RequestsAnswer)
    assert [each.conversation for each in told.groups] == [5]
    named = [(each.group.conversation, each.knock.name) for each in told.knocks]
    assert (told.contacts, named) == ([], [(4, "Cleo")])
    assert told.letters == [LETTER]
