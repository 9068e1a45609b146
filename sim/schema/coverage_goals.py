"""Coverage goals: situations that a search should reach sometimes, or it shows nothing of them.

A search in which nobody ever opened a late message says nothing about keys that were skipped,
however many seeds it had. So each run counts how often it reached each goal, sweeps sum them up,
and what no run has reached is named.
"""

from collections.abc import Mapping
from typing import Final, get_args

from mesh.commands.command import Command
from mesh.content.entry import Kind
from mesh.events import Event
from mesh.wire.frames import Frame

SITUATIONS: Final[Mapping[str, str]] = {
    # Crashes and disks.
    "crash-within-store": "The power failed within a transaction of the store.",
    "crash-within-vault": "The power failed after the store had committed, within the vault's.",
    "crash-before-effects": "The power failed between the commits and what they let out.",
    "crash-without-a-word": "A node crashed and no neighbour was told.",
    "caught-up": "A message was committed and its event lost; its person found it afterwards.",
    "disk-stop": "A node stopped since its disk failed.",
    "commit-unknown": "A commit failed and was there all the same after the next start.",
    "store-behind": "Commits of the store were lost, and none of the vault.",
    "vault-behind": "Commits of the vault were lost, and none of the store.",
    "rolled-back": "A disk was put back to an older snapshot.",
    "disk-lost": "A person lost both databases and began anew.",
    "second-machine": "An identity ran twice.",
    "tag-twice": "A tag was used twice, by a vault that was put back or ran twice.",
    # Sessions.
    "session-lost": "A node noticed that one of both sides had lost a session.",
    "session-renewed": "A session in place of a lost one was founded.",
    "first-contact-again": "A first contact came of which a repetition had been opened.",
    "first-contacts-crossed": "Two used each other's invites before either knew of the other.",
    "key-skipped": "A message came before one that was written earlier.",
    "late-message": "A message was opened with a key that had been kept for it.",
    "post-quantum-step": "A post-quantum step was taken.",
    "post-quantum-awaited": "A message waited for the step that an earlier one carries.",
    "invite-taken-back": "Somebody came by an invite that had been taken back.",
    "removed-and-unaware": "A message was written to somebody who had removed its author.",
    "asked-while-locked": "A person asked for what a locked vault cannot answer.",
    "message-expired": "A message was told as expired.",
    "withdrawn-too-late": "A message was taken back and had been delivered.",
    # Chores.
    "chore-done": "What a chore is there for was answered, and not refused.",
    "struck-within-chore": "A fault fell in the middle of a chore that had steps to go.",
    # Spreading.
    "author-away": "A message arrived while its author's node was off: others carried it.",
    "want-moved-on": "What was asked of one neighbour did not come, and others were asked.",
    "differed-both-ways": "Two stores were compared, and each had what the other lacked.",
    "body-twice": "A body came that was here already.",
    "retired-before-body": "A retirement came before the envelope that it is for.",
    "retirement-held-back": "A retirement was held back before it was passed on.",
    "retirement-forged": "A retirement came whose token is none.",
    "pushed-out": "A lower id of a full posting key took another one's place.",
    "evicted": "A body went since there was no room for all.",
    "refused": "An envelope was refused.",
    "deferred": "An envelope waited for a budget to check its stamp.",
    "lapsed": "An envelope outlived its lifetime and went.",
    # Links.
    "dialled-at-once": "Two nodes dialled each other, and one of the two links was given up.",
    "link-swapped": "A link gave way to another one.",
    "neighbour-silent": "A link ended since its neighbour fell silent.",
    "handshake-starved": "A handshake did not come to an end in time.",
    "stream-reset": "A cut reset a stream.",
    "stream-stalled": "A cut let a stream stall.",
    "queue-overflow": "A queue overflowed, and what was dropped was sent again.",
    "announcement-late": "An announcement came after a later one.",
    "bits-flipped": "Bits of a stream flipped.",
    "stream-truncated": "A stream ended within a chunk.",
    "clock-doubted": "A node told its person that a clock is wrong.",
}
"""By name: the situation in a sentence."""

FRAMES: Final[Mapping[str, str]] = {
    f"frame-{kind.__name__}": f"A {kind.__name__} was sent." for kind in get_args(Frame)
}
"""Each kind of frame."""

COMMANDS: Final[Mapping[str, str]] = {
    f"command-{kind.__name__}": f"{kind.__name__} was answered, and not refused."
    for kind in get_args(Command)
}
"""Each command of an engine that a user may give."""

EVENTS: Final[Mapping[str, str]] = {
    f"event-{kind.__name__}": f"{kind.__name__} was told." for kind in get_args(Event)
}
"""Each event of an engine."""

ENTRIES: Final[Mapping[str, str]] = {
    f"entry-{kind.name}": f"An entry of the kind {kind.name} was written." for kind in Kind
}
"""Each kind of entry of a conversation."""

COVERAGE_GOALS: Final[Mapping[str, str]] = {
    **SITUATIONS,
    **FRAMES,
    **COMMANDS,
    **EVENTS,
    **ENTRIES,
}


def never_reached(sums: Mapping[str, int]) -> list[str]:
    """The goals that nothing has reached, in their order."""
    return [name for name in COVERAGE_GOALS if not sums.get(name)]
