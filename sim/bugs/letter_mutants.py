"""Planted bugs of letters that members of a group write to those who are no contacts of theirs."""

from collections.abc import Mapping
from dataclasses import replace as replace_in
from typing import Final

from msgspec.structs import replace

from mesh.ids import Instant
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.letters import Received
from mesh.messenger.member_letters import MemberLetters
from mesh.storage.vault.member_letters import MemberLetterRow
from sim.bugs.injection import Bug
from sim.patching import Patch


def _of_another(letters: MemberLetters, group: Group, received: Received, now: Instant) -> None:
    """A programmer may think: the last who came in is who writes."""
    others = [key for key in group.members if key not in (group.me, received.author)]
    author = others[-1] if others else received.author
    _CAME(letters, group, replace_in(received, author=author), now)


_CAME: Final = MemberLetters.came


def _declined_and_kept(letters: MemberLetters, group: Group, row: MemberLetterRow) -> None:
    """A programmer may think: a state says it all."""
    vars(letters)["_rows"].put(replace(row, state="declined"))


LETTER_MUTANTS: Final[Mapping[str, Bug]] = {
    "letter-of-another": Bug(
        "A letter to a member is taken for one of another member than who wrote it.",
        patches=(Patch(MemberLetters, "came", _of_another),),
    ),
    "declined-and-kept": Bug(
        "What a letter said stays in the vault when it was declined.",
        patches=(Patch(MemberLetters, "_decline", _declined_and_kept),),
    ),
}
