"""The invariants: each has an id, which reports and tests name, and a sentence.

Who holds a run to them (`sim.invariants.message_log` and its neighbours) raises `BrokenInvariant`
at the step that breaks one, or at the end where a check is expensive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that every run must keep."""

    id: str
    sentence: str


S1: Final = Invariant("S1", "What is shown was signed, and came out of a box whose tag was right.")
S2: Final = Invariant("S2", "A message is shown to its recipient once.")
S3: Final = Invariant("S3", "A message arrives with exactly the bytes that were written.")
S4: Final = Invariant("S4", "Who is shown as a message's author wrote it.")
S5: Final = Invariant(
    "S5", "Both sides see the same order, and no message above one that it answers to."
)
S6: Final = Invariant(
    "S6", "What was written is in clear in no frame, in no store, and in no stranger's vault."
)
S7: Final = Invariant("S7", "A message is shown to nobody but its recipient.")
S8: Final = Invariant("S8", "No key meets a nonce twice, and no tag twice the same nonce.")
S9: Final = Invariant(
    "S9", "The keys that sealed or opened a message are gone from the vault of who did it."
)
S10: Final = Invariant(
    "S10", "What a node keeps in memory, and how often it dials, stays within bounds."
)
S11: Final = Invariant(
    "S11", "A neighbour makes others send little more than it sent itself, mail aside."
)
S12: Final = Invariant("S12", "Nothing is kept, sent or shown past its lifetime.")
S13: Final = Invariant("S13", "What a node has confirmed to its person survives every crash.")
S14: Final = Invariant("S14", "No error escapes an engine, and none asks for the impossible.")
S15: Final = Invariant("S15", "The same databases and the same inputs give the same effects.")
S16: Final = Invariant(
    "S16", "What is sent can be read, also with more at its end, and no honest node is at fault."
)
S17: Final = Invariant("S17", "An engine reads no clock, draws no chance and opens nothing.")
S18: Final = Invariant("S18", "What is sent arrives, is dropped for a cause, or is on its way.")
S19: Final = Invariant("S19", "Whom a person shut out or removed does not become a contact.")
S20: Final = Invariant(
    "S20", "Both sides that have the same entries of a conversation show the same of it."
)
S21: Final = Invariant("S21", "What peers see of a node does not depend on its vault.")
S22: Final = Invariant(
    "S22", "Who knows the same operations of a group agrees on it, and what is kept is computed."
)
S23: Final = Invariant(
    "S23", "Nothing of a group is sealed to one who is known to be out, or opened by anybody else."
)
S24: Final = Invariant(
    "S24",
    "What somebody writes in a group after his removal or its end, or who was never in, counts "
    "nowhere.",
)
S25: Final = Invariant(
    "S25", "What is shown of conversations, in lists and as counts is what was done and is there."
)
S26: Final = Invariant(
    "S26",
    "Nothing of whom a person blocked is shown, of what came meanwhile either, and nothing is "
    "sealed for them.",
)
S27: Final = Invariant(
    "S27", "What was taken back before it left its author's node is shown to nobody."
)
S28: Final = Invariant(
    "S28", "What tells that something came leaves no earlier than it may, and where it may."
)
S29: Final = Invariant(
    "S29",
    "A node that begins anew over the same databases answers its person the same, and so does a "
    "backup of what they chose.",
)
S30: Final = Invariant(
    "S30",
    "Where room is scarce, what goes is of those who have more than their share, strangers first.",
)
S31: Final = Invariant(
    "S31",
    "A letter that is shown was written by that member to who sees it; nobody writes two to one "
    "within a week; and its words go once it is answered.",
)
S32: Final = Invariant(
    "S32",
    "What rots on a disk is said before it is used, what is saved of it was there, what is lost is "
    "counted, and who lost what may have removed somebody is out of all groups.",
)
L1: Final = Invariant("L1", "Everything that was written arrives after the mesh has healed.")
L2: Final = Invariant("L2", "At rest all nodes know the same envelopes and retirements.")
L3: Final = Invariant(
    "L3", "At rest traffic falls to what keeps links alive, but for the lists of vouched keys."
)
L4: Final = Invariant("L4", "After the mesh has healed, all nodes are joined by links again.")
L5: Final = Invariant("L5", "At rest no node has anything left to send or to ask for.")
L6: Final = Invariant("L6", "At rest every node pushes to enough of its neighbours.")
L7: Final = Invariant(
    "L7", "Who is slow, hears nothing or is not heard keeps nothing from the others."
)
L8: Final = Invariant("L8", "To mend a cut costs little more than what was missing.")
L9: Final = Invariant("L9", "What a message's author is told of it is true.")
L10: Final = Invariant(
    "L10", "Who lost a disk, or had it copied, and still knows somebody can write to them again."
)
L11: Final = Invariant("L11", "What became of a message its author is told.")
L12: Final = Invariant("L12", "At rest no node lacks a body that it would keep and another has.")
L13: Final = Invariant(
    "L13", "In a group everybody reads what everybody writes after the mesh has healed."
)

E1: Final = Invariant(
    "E1", "What the scenario expects of delivery, delay, copies and marks is met."
)

INVARIANTS: Final = (
    *(
        S1,
        S2,
        S3,
        S4,
        S5,
        S6,
        S7,
        S8,
        S9,
        S10,
        S11,
        S12,
        S13,
        S14,
        S15,
        S16,
        S17,
        S18,
        S19,
        S20,
        S21,
        S22,
        S23,
        S24,
        S25,
        S26,
        S27,
        S28,
        S29,
        S30,
        S31,
        S32,
    ),
    *(L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13),
    E1,
)


class BrokenInvariant(Exception):
    """An invariant did not hold; the run ends here."""

    def __init__(self, invariant: Invariant, detail: str, node: int | None = None) -> None:
        super().__init__(f"{invariant.id}: {detail}")
        self.invariant = invariant
        self.detail = detail
        self.node = node


def require_joined(nodes: Sequence[int], links: Sequence[tuple[int, int]], waited_s: int) -> None:
    """L4: every node reaches every other over links."""
    neighbours: dict[int, list[int]] = {node: [] for node in nodes}
    for one, other in links:
        if one in neighbours and other in neighbours:
            neighbours[one].append(other)
            neighbours[other].append(one)
    parts: list[int] = []
    reached: dict[int, None] = {}
    for start in nodes:
        if start in reached:
            continue
        before = len(reached)
        reached[start] = None
        waiting = [start]
        while waiting:
            for node in neighbours[waiting.pop()]:
                if node not in reached:
                    reached[node] = None
                    waiting.append(node)
        parts.append(len(reached) - before)
    if len(parts) > 1:
        sizes = ", ".join(str(size) for size in sorted(parts, reverse=True)[:6])
        detail = (
            f"{waited_s} s after the last fault the nodes stand in {len(parts)} parts of {sizes}"
        )
        raise BrokenInvariant(L4, detail)
