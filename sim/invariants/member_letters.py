"""Letters between members of a group who are no contacts (S31).

A letter is shown to whom it was written, as one of who wrote it. To one member a node writes once
in a week, by its own time: it is the writer whom the pause binds, and two letters may come at once.
Of what a letter said nothing is left in a vault once it was answered. That it is sealed until its
envelope lapses, and that no relay is told of an answer, are S6 and S28: an envelope of a letter
looks like any other, and stays for as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.member_letters import MemberLetterAnswer
from mesh.database import Connection
from mesh.ids import VerifyKey
from sim.invariants.invariants import S31, BrokenInvariant

WEEK_S: Final = 7 * 86_400

_ANSWERED: Final = """
    SELECT count(*) FROM member_letters
    WHERE (state = 'declined' AND (link <> '' OR key <> member)) OR
    (state IN ('accepted', 'declined') AND (name <> '' OR note <> ''))
"""


@dataclass(frozen=True, slots=True)
class _Letter:
    group: str
    author: str
    """By the member key, as `to`."""

    to: str
    identity: str
    """The identity key of who wrote."""


@dataclass(slots=True)
class MemberLetterLog:
    """All letters that members of one world wrote, and when each node did so last."""

    written_count: int = 0
    shown_count: int = 0
    _written: dict[_Letter, None] = field(default_factory=dict)
    _last: dict[tuple[int, _Letter], int] = field(default_factory=dict)

    def wrote(self, group: str, author: str, to: str, identity: str) -> None:
        """Somebody asks their node to write to a member; keys are as answers tell them."""
        self._written[_Letter(group, author, to, identity)] = None
        self.written_count += 1

    def answered(
        self, node: int, group: str, author: str, to: str, identity: str, written: int
    ) -> None:
        """A node says that it wrote to a member; `written`: in Unix seconds of its own time, which
        may have been set back.
        """
        place = node, _Letter(group, author, to, identity)
        before = self._last.get(place)
        if before is not None and 0 <= written - before < WEEK_S:
            raise BrokenInvariant(S31, "two letters to one member were written in a week", node)
        self._last[place] = written

    def forget(self, node: int) -> None:
        """A disk was put back or lost: its person may write again."""
        self._last = {place: at for place, at in self._last.items() if place[0] != node}

    def shown(
        self, node: int, group: str, me: VerifyKey | None, letter: MemberLetterAnswer
    ) -> None:
        """A node tells its person of a letter; `me`: their member key there."""
        self.shown_count += 1
        to = "" if me is None else me.hex()
        found = _Letter(group, letter.member_key, to, letter.key)
        if found not in self._written:
            who = letter.member_key[:8]
            detail = f"a letter is shown as one of the member {who}, who wrote none to who sees it"
            raise BrokenInvariant(S31, detail, node)


def require_erased(vaults: Mapping[int, Connection]) -> None:
    """Of letters that were answered nothing is left of what they said. The invite in one that was
    accepted stays until its author has proved who he is.
    """
    for node, vault in vaults.items():
        ((count,),) = vault.execute(_ANSWERED).fetchall()
        if count:
            raise BrokenInvariant(S31, "what a letter said is here, which was answered", node)
