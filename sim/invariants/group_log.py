"""The log of groups: every text that users wrote in one, and who may read it.

As in the message log each text is unique and holds the run's marker, so it is found wherever it
stands. Who may read a text is learned where it is sealed: those who were members then, as far as
its author's node knew.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mesh.commands.items import ItemAnswer
from sim.invariants.invariants import S2, S3, S4, S6, S13, BrokenInvariant

TEXT: re.Pattern[str] = re.compile(r"(\d{7})g ")


@dataclass(slots=True)
class GroupText:
    """A text in a group. Times are virtual microseconds; `entry`: its id, once that is known."""

    number: int
    author: int
    group: str
    text: str
    asked_at: int
    is_probe: bool
    edits: list[str] = field(default_factory=list)
    entry: str = ""
    key: str = ""
    """The key of the author in the group."""

    is_held: bool = False
    """Whether it must stand in what its author's node shows."""

    is_retracted: bool = False
    disappears: bool = False
    """Whether it has a short timer of its own: nobody has to have it for long."""

    is_called_off: bool = False
    """Whether it was for later, and its author called it off: nobody is shown it."""

    is_reminder: bool = False
    """Whether the node puts names behind it; and it may be written twice, where its author's node
    crashed before it answered."""

    def is_shown_as(self, text: str) -> bool:
        """Say whether this is what its author wrote."""
        is_named = self.is_reminder and text.startswith(f"{self.text} @")
        return is_named or text in (self.text, *self.edits)

    def edited(self) -> str:
        """Return other words that its author is about to give it."""
        self.edits.append(f"{self.text} {len(self.edits)}")
        return self.edits[-1]


@dataclass(slots=True)
class GroupLog:
    """All texts of all groups of one world."""

    marker: str = "marker"
    texts: list[GroupText] = field(default_factory=list)
    _readers: dict[str, dict[int, None]] = field(default_factory=dict)

    def ask(
        self, author: int, group: str, filler: str, now: int, *, is_probe: bool = False
    ) -> GroupText:
        """Somebody is about to write: returns the text, which nobody else writes."""
        number = len(self.texts)
        text = f"{number:07d}g {self.marker} {filler}"
        written = GroupText(number, author, group, text, now, is_probe)
        self.texts.append(written)
        return written

    def confirm(self, written: GroupText, item: ItemAnswer) -> None:
        """Its author's node has it."""
        written.entry, written.key, written.is_held = item.id, item.author.key, True

    def may_read(self, entry: str, readers: Sequence[int]) -> None:
        """An entry, or something about it, was sealed to these nodes."""
        self._readers.setdefault(entry, {}).update(dict.fromkeys(readers))

    def forget(self, node: int) -> None:
        """A node lost what its vault had: its person's texts may be gone."""
        for written in self.texts:
            if written.author == node:
                written.is_held = written.is_called_off = False

    def held(self, node: int) -> list[str]:
        """Return which entries of its person a node has confirmed until now."""
        return [
            written.entry for written in self.texts if written.author == node and written.is_held
        ]

    def text_of(self, node: int, text: str) -> GroupText:
        """The text with these words; somebody must have written it."""
        found = TEXT.match(text)
        number = int(found[1]) if found else -1
        written = self.texts[number] if 0 <= number < len(self.texts) else None
        if written is None or not written.is_shown_as(text):
            raise BrokenInvariant(S3, f"nobody wrote what a group shows: {text[:40]!r}", node)
        return written

    def require_reader(self, number: int, node: int, owner: int, table: str) -> None:
        """S6: a text stands in a vault; its owner wrote it, or it was sealed to them."""
        written = self.texts[number]
        readers = self._readers.get(written.entry, {})
        if owner != written.author and written.entry and owner not in readers:
            detail = (
                f"the text {number} of node {written.author} in a group was never sealed to node "
                f"{owner}, and stands in the table {table} of its vault"
            )
            raise BrokenInvariant(S6, detail, node)

    def require_shown(
        self,
        node: int,
        group: str,
        me: str | None,
        items: Sequence[ItemAnswer],
        held: Sequence[str],
    ) -> None:
        """Hold what a node shows of a group against what was written: S2, S3, S4, S13. `me`: the
        key of its person there; None of who is out. `held`: what the node had confirmed when it
        was asked.
        """
        shown: dict[int, None] = {}
        for item in items:
            if item.kind != "text" or item.gone:
                continue
            written = self.text_of(node, item.text)
            if written.number in shown and not written.is_reminder:
                detail = f"the text {written.number} of a group is shown twice"
                raise BrokenInvariant(S2, detail, node)
            shown[written.number] = None
            if written.is_called_off:
                detail = f"the text {written.number} of a group is shown, and was called off"
                raise BrokenInvariant(S13, detail, node)
            is_theirs = (written.group, written.key or item.author.key) == (group, item.author.key)
            # Who came back wrote under another key before.
            is_mine = written.author == node and me in (None, item.author.key)
            if not is_theirs or (me is not None and item.author.is_mine != is_mine):
                detail = f"the text {written.number} of node {written.author} is shown as another's"
                raise BrokenInvariant(S4, detail, node)
        ids = {item.id for item in items}
        for written in self.texts:
            # Who is out, or is back, may have deleted the group meanwhile.
            is_held = written.is_held and written.entry in held
            is_due = is_held and (written.group, written.key) == (group, me)
            may_go = written.is_retracted or written.disappears
            if is_due and not may_go and written.entry not in ids:
                detail = f"the text {written.number} in a group is no longer in its history"
                raise BrokenInvariant(S13, detail, node)
