"""Whatever a person should look at is one line of `mesh tail`; the rest is none."""

import click
import msgspec
import pytest

from mesh.cli.event_lines import find_line
from mesh.cli.names import Names
from mesh.commands.contacts import NoteAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.commands.verification import ComparisonAnswer
from mesh.events import (
    ComparisonChanged,
    ContactAdded,
    ContactNoted,
    DiskChanged,
    Event,
    GroupInvited,
    GroupKnocked,
    IntroductionChanged,
    LinkOpened,
    MemberWrote,
    MessageStateChanged,
    NearbyChanged,
    NoticeRaised,
)
from tests.cli.answers import KNOCK, LETTER, NOW, contact, group, message

BEN = contact("Ben", looks_like=["Веn"])


COMPARED = ComparisonAnswer(contact=1, label="Ben", state="asked by them")
INTRODUCED = IntroductionAnswer(id=3, by="Ben", name="Cl\neo", key="cd" * 32, state="waiting")


def comparison(state: str) -> Event:
    return ComparisonChanged(msgspec.structs.replace(COMPARED, state=state))


def introduction(state: str) -> Event:
    return IntroductionChanged(msgspec.structs.replace(INTRODUCED, state=state))


def line_of(event: Event) -> str | None:
    line = find_line(event, Names([BEN]))
    return None if line is None else click.unstyle(line)


@pytest.mark.parametrize(
    "event, line",
    [
        (
            ContactNoted(
                BEN, NoteAnswer(at=NOW, kind="identity changed", sentence="New\x1b keys.\nCareful.")
            ),
            "* Ben [01234567]: New<U+001B> keys. Careful.",
        ),
        (comparison("asked by them"), "* Ben [01234567] wishes to compare: mesh compare 1"),
        (
            comparison("failed"),
            "* A comparison with Ben [01234567] ended without a match: mesh contact show 1",
        ),
        (
            introduction("waiting"),
            "* Ben [01234567] introduces Cl eo to you: mesh introductions accept 3",
        ),
        (
            IntroductionChanged(msgspec.structs.replace(INTRODUCED, looks_like=["Cleo"])),
            "* Ben [01234567] introduces Cl eo [cdcdcdcd] to you: mesh introductions accept 3",
        ),
        (
            ContactAdded(contact("Stranger", is_request=True)),
            "* Stranger asks to be let in: mesh requests",
        ),
        (ContactAdded(contact("Cleo")), "* Cleo is a contact now."),
        (
            NearbyChanged(NearbyPersonAnswer(id=4, name="Cleo", state="asked by them")),
            "* Cleo, who is near, wishes to compare: mesh nearby compare 4",
        ),
        (
            NearbyChanged(
                NearbyPersonAnswer(id=4, name="Cleo", state="asked by them", looks_like=["Clео"])
            ),
            "* Cleo (a name like Clео, perhaps somebody else), who is near, wishes to compare: "
            "mesh nearby compare 4",
        ),
        (
            MessageStateChanged(message(is_mine=True, state="delivered")),
            "* message 7 to Ben [01234567]: delivered to their device",
        ),
        (
            GroupInvited(group(state="invited", inviter="Ben")),
            "* Ben [01234567] asks you into the group Crew: mesh group accept 4",
        ),
        (
            GroupKnocked(group(), KNOCK),
            "* Cleo (a name like Clео, perhaps somebody else), at a link, “Me again”, asks to be "
            "let into the group Crew: mesh group admit 4 2",
        ),
        (
            MemberWrote(group(), LETTER),
            "* Dora, who calls themselves Dora D., from the group Crew, “From the pier”, asks to "
            "become a contact: mesh group letters 4 --accept 7",
        ),
        (DiskChanged("full", "The disk is full."), "* The disk is full."),
        (NoticeRaised("The disk\x07 is full."), "* The disk<U+0007> is full."),
    ],
)
def test_what_a_person_should_look_at_is_one_line(event: Event, line: str) -> None:
    assert line_of(event) == line


@pytest.mark.parametrize(
    "event",
    [
        LinkOpened("10.0.0.1:41730", 1),
        MessageStateChanged(message(is_mine=True, state="carried", carriers=2)),
        comparison("asked by us"),
        introduction("declined"),
        NearbyChanged(NearbyPersonAnswer(id=4, name="Cleo", state="seen")),
    ],
)
def test_what_needs_no_eye_is_not_told(event: Event) -> None:
    assert line_of(event) is None
