"""Three nodes of this machine that have what screens show: Lena, whose page it is, Omar and Dana.

Lena is a newcomer whose page asks for all; the others have no passphrase.
"""

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.contacts import AddContact, AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroups,
    AskMembers,
    GroupAnswer,
    GroupsAnswer,
    MakeGroup,
    MembersAnswer,
)
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.item_commands import AskItem, AskItems, ChoiceAsked, WriteItem
from mesh.commands.items import ItemAnswer, ItemDetailsAnswer, ItemsAnswer
from mesh.commands.peers import AddPeer
from tests.daemon.processes import Household, port_of
from tests.integration.nodes import eventually

WITHIN_S = 60


class Stage:
    """Nodes to which one thing after the other happens."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self.contact = 0
        self.group = 0
        self.message = 0
        # What is opened is told at once: screens show proofs too.
        household.set({"MESH_OPENED_DELAY_SECONDS": "0", "MESH_RELAY_DELAY_SECONDS": "0"})
        self._lena = household.start("lena", passphrase=None)

    def address(self) -> str:
        """The address of Lena's page, with a code."""
        answer = self._client("lena").ask(MakeSignInCode(as_file=False), SignInCodeAnswer)
        return answer.address

    def talk(self) -> None:
        """Two others become Lena's contacts; they talk, alone and in a group with a board."""
        lena = self._client("lena")
        for name in ("omar", "dana"):
            self._household.make(name, "")
            self._household.start(name, name=name.title(), passphrase="")
            other = self._client(name)
            other.ask(AddPeer(f"127.0.0.1:{port_of(self._lena)}"), Done)
            invite = lena.ask(CreateInvite(), InviteAnswer)
            other.ask(AddContact(invite.link, "Lena"), ContactAnswer)
            _say(other, "Lena", "Is the bridge still open?")
        contacts = eventually(
            lambda: lena.ask(AskContacts(), ContactsAnswer).contacts,
            lambda found: len(found) == 2,
            within_s=WITHIN_S,
            what="two contacts",
        )
        self.contact = next(each.id for each in contacts if each.name == "Omar")
        self._make_group(lena)
        self._converse(lena)

    def _converse(self, lena: Client) -> None:
        omar = self._client("omar")
        _say(lena, "Omar", "It is, but only for people on foot. See https://example.org/bridge")
        _say(omar, "Lena", "Then I bring the *small* cart.")
        self.message = _say(lena, "Omar", "Good. We meet at six, at the end of the row.")
        eventually(
            lambda: lena.ask(AskItem(self.message), ItemDetailsAnswer).item.state,
            lambda state: state in ("delivered", "read"),
            within_s=WITHIN_S,
            what="a proof of delivery",
        )
        eventually(
            lambda: lena.ask(AskItems("Omar"), ItemsAnswer).items,
            lambda items: len(items) == 4,
            within_s=WITHIN_S,
            what="all that was said",
        )

    def _make_group(self, lena: Client) -> None:
        self.group = lena.ask(MakeGroup("Row 14", ("Omar", "Dana")), GroupAnswer).conversation
        for name in ("omar", "dana"):
            other = self._client(name)
            eventually(
                lambda other=other: other.ask(AskGroups(), GroupsAnswer).groups,  # type: ignore[misc]  # bound at once
                bool,
                within_s=WITHIN_S,
                what=f"an invite at {name}",
            )
            other.ask(AcceptGroup("Row 14"), GroupAnswer)
        eventually(
            lambda: lena.ask(AskGroup("Row 14"), GroupAnswer).members_count,
            lambda count: count == 3,
            within_s=WITHIN_S,
            what="a group of three",
        )
        _say(lena, "Row 14", "Everybody here?")
        members = lena.ask(AskMembers("Row 14"), MembersAnswer).members
        everybody = tuple(each.key for each in members)
        answers = (ChoiceAsked(words="I am safe", level=0), ChoiceAsked(words="Help", level=2))
        for kind in (
            WriteItem(
                "Row 14", kind="poll", question="When do we go?", options=("At six", "Later")
            ),
            WriteItem("Row 14", kind="task", title="Bring water", notes="Two cans"),
            WriteItem("Row 14", kind="notice", text="The gate closes at eight"),
            WriteItem(
                "Row 14",
                kind="check-in",
                question="Are you safe?",
                answers=answers,
                asked=everybody,
            ),
        ):
            lena.ask(kind, ItemAnswer)

    def fall_silent(self) -> None:
        """Lena's node ends without a word."""
        self._lena.send_signal(signal.SIGKILL)
        self._lena.wait()

    def _client(self, name: str) -> Client:
        return self._household.client(name)


def _say(client: Client, whom: str, text: str) -> int:
    return client.ask(WriteItem(whom, text=text), ItemAnswer).number


@contextlib.contextmanager
def started() -> Iterator[Stage]:
    """The nodes, in a folder of their own; what was started is ended."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        household = Household(Path(folder) / "home", patched)
        household.set({"HOME": folder, "XDG_CONFIG_HOME": f"{folder}/config"})
        try:
            yield Stage(household)
        finally:
            household.close()
