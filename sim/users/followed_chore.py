"""A chore that is followed: what belongs to it, and whether it had steps to go when it was struck.

Of a chore is what its function asks and plans, and what follows from the answers and plans of that.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from sim.kernel.loop import Action, Loop
from sim.schema.pair_table import ChoreKind, TimedKind
from sim.users.user import Then, User

DONE_BY: Final[Mapping[ChoreKind, str]] = {
    "invite": "CreateInvite",
    "rename": "RenameContact",
    "verify": "VerifyContact",
    "renew": "RenewSession",
    "call-oneself": "ChangeIdentity",
    "compare": "Compare",
    "introduce": "Introduce",
    "follow": "ReplaceIdentity",
    "peers": "AddPeer",
    "nearby": "SetNearby",
    "look": "AskItems",
    "note": "WriteItem",
    "set-up": "ChangeConversation",
    "read": "ReadItems",
    "write-later": "ScheduleText",
    "remind": "RemindOfCheckIn",
    "rewrite": "WriteItem",
    "withdraw": "WithdrawMessage",
    "decide": "Vote",
    "picture": "WriteItem",
    "link": "CreateGroupLink",
    "choose-receipts": "SetGroupReceipts",
    "be-known": "BeKnownInGroup",
    "copy": "CopyGroup",
    "hide": "HideItem",
    "lead": "ChangeGroup",
    "turn-down": "DeclineGroup",
    "give-up": "ForgetGroup",
    "repeat": "AskGroupLog",
}
"""The command that a chore is there for: where it is answered, and not refused, it was done.

Steps that people take later are left out where their computer is off then.
"""

TIMED_DONE_BY: Final[Mapping[TimedKind, str]] = {
    "picture-taken-back": "RetractItem",
    "large-file": "FetchFile",
    "introduce-again": "Introduce",
    "letter": "WriteToMember",
}
"""The same of those that are done at a time of their own alone."""

_ALL_DONE_BY: Final[Mapping[str, str]] = {
    str(kind): name for kind, name in (*DONE_BY.items(), *TIMED_DONE_BY.items())
}

ALSO_DONE_BY: Final[Mapping[ChoreKind | TimedKind, str]] = {"set-up": "SetTimer"}
"""What one of them does in some worlds instead."""


class FollowedChore:
    """One chore while it goes on; it is the clock by which it plans, too."""

    def __init__(
        self,
        kind: ChoreKind | TimedKind,
        loop: Loop,
        users: Sequence[User],
        reach: Callable[[str], None],
        struck_at: int,
    ) -> None:
        self._done_by = (_ALL_DONE_BY[kind], ALSO_DONE_BY.get(kind))
        self._loop = loop
        self._reach = reach
        self._struck_at = struck_at
        self._is_going_on = False
        for user in users:
            user.heard = self._heard

    @property
    def now(self) -> int:
        """Return the time of the world."""
        return self._loop.now

    def at(self, when: int, action: Action) -> None:
        """Plan a step."""
        self._loop.at(when, partial(self.do, action))

    def after(self, delay_us: int, action: Action) -> None:
        """Plan a step so long from now."""
        self.at(self.now + delay_us, action)

    def do(self, action: Action) -> None:
        """All that somebody asks or plans in this is a step of the chore."""
        before, self._is_going_on = self._is_going_on, True
        try:
            action()
        finally:
            self._is_going_on = before

    def _heard(self, command: Command, then: Then) -> Then:
        if not self._is_going_on:
            return then
        self._step()
        return partial(self._answered, type(command).__name__, then)

    def _answered(self, name: str, then: Then, answer: Answer) -> None:
        self._step()
        if name in self._done_by:
            self._reach("chore-done")
        self.do(partial(then, answer))

    def _step(self) -> None:
        if self.now >= self._struck_at:
            self._reach("struck-within-chore")
