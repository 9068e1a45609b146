"""The coverage goals that a run reaches, seen from outside: `mesh/` knows nothing of them.

Some situations show in what the simulator counts anyhow (`sim.run.coverage`). The others show in
what one function of an engine is given or returns: while a world runs, such functions are wrapped,
and what they do stays what it was. None of them is called for each frame or each envelope.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from mesh.content.entry import Kind
from mesh.engine.forwarding.intake import Intake
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.inbox.inbound_sessions import InboundSessions
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.ratchet import double_ratchet
from mesh.ratchet.double_ratchet import Awaiting, Ratchet, Receiving
from mesh.replication.anti_entropy import AntiEntropy, Learned
from mesh.replication.retiring import Retiring
from mesh.replication.want_list import WantList, _Missing
from mesh.retention.eviction import Eviction
from mesh.timekeeping.mesh_time import MeshClock
from sim.patching import Patch, patched

Given = Sequence[object]


class _Function(Protocol):
    def __call__(self, *given: object, **named: object) -> object: ...


class Coverage:
    """The count of how often one world's run has reached each goal."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def reach(self, goal: str) -> None:
        """It is so once more."""
        self.counts[goal] = self.counts.get(goal, 0) + 1

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, what engines do is looked at."""
        before = [
            Patch(owner, name, self._looking_before(getattr(owner, name), goal, is_reached))
            for goal, owner, name, is_reached in _BEFORE
        ]
        with patched(*before):
            after = [
                Patch(owner, name, self._looking_after(getattr(owner, name), find))
                for owner, name, find in _AFTER
            ]
            with patched(*after):
                yield

    def _looking_before(
        self, function: _Function, goal: str, is_reached: Callable[[Given], bool]
    ) -> _Function:
        def looked_at(*given: object, **named: object) -> object:
            if is_reached(given):
                self.reach(goal)
            return function(*given, **named)

        return looked_at

    def _looking_after(self, function: _Function, find: Callable[[object], list[str]]) -> _Function:
        def looked_at(*given: object, **named: object) -> object:
            result = function(*given, **named)
            for goal in find(result):
                self.reach(goal)
            return result

        return looked_at


def _always(given: Given) -> bool:
    return True


def _has_others(given: Given) -> bool:
    """Somebody was asked, and somebody else could be."""
    _, _, missing, _ = given
    assert isinstance(missing, _Missing)
    return missing.owner is not None and len(missing.announcers) > 1


_BEFORE: Final[Sequence[tuple[str, object, str, Callable[[Given], bool]]]] = (
    ("session-lost", SessionRecovery, "lost", _always),
    ("retired-before-body", Retiring, "orphaned", _always),
    ("pushed-out", Intake, "_push_out", _always),
    ("deferred", Intake, "_defer", _always),
    ("want-moved-on", WantList, "_is_due", _has_others),
)
"""Reached when this is called with what it is given."""


def _of_renewal(result: object) -> list[str]:
    # Where it was none, an error was raised.
    return ["session-renewed"]


def _of_repetition(result: object) -> list[str]:
    return ["first-contact-again"] if result else []


def _of_hold(result: object) -> list[str]:
    return ["retirement-held-back"] if result else []


def _of_victims(result: object) -> list[str]:
    return ["evicted"] if result else []


def _of_notices(result: object) -> list[str]:
    return ["clock-doubted"] if result else []


def _of_step(result: object) -> list[str]:
    assert isinstance(result, tuple)
    return ["post-quantum-step"] if result[1] else []


def _of_receiving(result: object) -> list[str]:
    if isinstance(result, Awaiting):
        return ["post-quantum-awaited"]
    assert isinstance(result, Receiving)
    late = ["late-message"] if result.used is not None else []
    return [*late, "key-skipped"] if result.skipped else late


def _of_learned(result: object) -> list[str]:
    assert isinstance(result, list)
    return [
        "differed-both-ways" for one in result if isinstance(one, Learned) and one.have and one.need
    ]


def _of_entry(result: object) -> list[str]:
    assert isinstance(result, NewEntry)
    return [f"entry-{Kind(result.row.kind).name}"]


_AFTER: Final[Sequence[tuple[object, str, Callable[[object], list[str]]]]] = (
    (Entries, "compose", _of_entry),
    (InboundSessions, "open_renewal", _of_renewal),
    (InboundSessions, "_open_repetition", _of_repetition),
    (Retiring, "hold", _of_hold),
    (Eviction, "take_victims", _of_victims),
    (MeshClock, "take_notices", _of_notices),
    (double_ratchet, "_answered", _of_step),
    (Ratchet, "receive", _of_receiving),
    (AntiEntropy, "take_learned", _of_learned),
)
"""Reached by what this returns."""
