"""Messages that disappear: what became of them their author is told, though the words are gone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mesh.commands.answer import Answer
from mesh.commands.item_commands import AskItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemDetailsAnswer
from mesh.commands.messages import AskMessage, MessageAnswer, MessageDetailsAnswer
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.entropy import Chance
from sim.schema.scenario import Workload
from sim.users.user import User
from sim.users.users import Told


@dataclass(frozen=True, slots=True)
class Vanishing:
    """The messages of one world that are written under a timer of their own."""

    seed: int
    workload: Workload
    message_log: MessageLog
    told: Told

    def write(
        self, user: User, key: str, logged: LoggedMessage, then: Callable[[MessageAnswer], None]
    ) -> bool:
        """Write a message that disappears, if that is drawn; `then` is told of it."""
        share = self.workload.vanish_share
        if not share or logged.is_probe:
            return False
        chance = Chance(self.seed, "vanishing", logged.number)
        if not chance.is_true(share):
            return False
        timer_s = chance.between(*self.workload.vanish_after_s)
        logged.vanishes_after_us = timer_s * 1_000_000
        command = WriteItem(
            key,
            text=logged.text,
            timer=timer_s,
            keep_for=self.workload.keep_for,
            idempotency_key=str(logged.number),
        )

        def written(item: Answer) -> None:
            assert isinstance(item, ItemAnswer)
            user.ask(AskMessage(item.number), told)

        def told(message: Answer) -> None:
            assert isinstance(message, MessageDetailsAnswer)
            then(message.message)

        user.ask(command, written)
        return True

    def look_at_the_end(self, user: User) -> None:
        """Ask what became of those that somebody wrote: a crash may have taken the word of it."""
        for logged in self.message_log.messages:
            is_theirs = logged.sender == user.index and logged.is_held and not user.is_clone
            if is_theirs and logged.vanishes_after_us:
                user.ask(AskItem(logged.number_there), partial(self._seen, user))

    def _seen(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, ItemDetailsAnswer)
        if answer.item.gone:
            self.told(user, answer.item)
