"""Files of users: some messages bring one, and both sides do something with it.

Its bytes begin with the text that brings it, so that a search for what leaked finds them too. Each
file has a stream of chance of its own, so that one that is not sent does not shift the others.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.fields import KeepFor
from mesh.commands.files import (
    AddFile,
    AskFileBlock,
    CancelFile,
    FetchFile,
    FileAnswer,
    FileBlockAnswer,
    PauseFile,
)
from mesh.commands.item_commands import AskItems, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import AskMessage, MessageAnswer, MessageDetailsAnswer
from mesh.limits.files import CARRIED_BLOCKS_MAX, FILE_BLOCK_BYTES
from sim.invariants.files import SentFiles
from sim.invariants.message_log import LoggedMessage
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.users.user import User

DONE_AFTER_US: Final = (500_000, 40_000_000)
RETRACTED_SHARE: Final = 0.25
STOPPED_SHARE: Final = 0.4
"""So many readers pause or cancel a file, and fetch it later."""

Written = Callable[[MessageAnswer], None]
Deed = type[PauseFile] | type[CancelFile] | type[FetchFile]


class FileDoings:
    """All files that are sent in a world; `sent` knows their bytes."""

    def __init__(self, *, seed: int, loop: Loop, share: float, sent: SentFiles) -> None:
        self._seed = seed
        self._loop = loop
        self._share = share
        self._sent = sent

    def write(
        self, user: User, reader: User, logged: LoggedMessage, keep_for: KeepFor, then: Written
    ) -> bool:
        """Perhaps send a message with a file, and say so; `then`: it is durable."""
        if not self._share or logged.is_probe:
            return False
        chance = Chance(self._seed, "file", logged.number)
        if not chance.is_true(self._share):
            return False
        head = logged.text.encode()
        blocks_count = chance.between(1, CARRIED_BLOCKS_MAX)
        size = (blocks_count - 1) * FILE_BLOCK_BYTES + chance.between(1, FILE_BLOCK_BYTES)
        rest = hashlib.shake_128(head).digest(max(0, size - len(head)))
        data = (head + rest)[:size]
        name = self._sent.add(logged.number, data)
        handed = partial(self._handed, user, reader, logged, keep_for, then, chance)
        user.ask(AddFile(name, "application/octet-stream", data), handed)
        return True

    def _handed(
        self,
        user: User,
        reader: User,
        logged: LoggedMessage,
        keep_for: KeepFor,
        then: Written,
        chance: Chance,
        answer: Answer,
    ) -> None:
        assert isinstance(answer, FileAnswer)
        key = user.contacts.get(reader.index)
        if key is None:
            return
        command = WriteItem(
            key,
            text=logged.text,
            files=(answer.number,),
            keep_for=keep_for,
            idempotency_key=str(logged.number),
        )

        def written(item: Answer) -> None:
            assert isinstance(item, ItemAnswer)
            user.ask(AskMessage(item.number), told)
            self._later(user, reader, logged, item.number, chance)

        def told(message: Answer) -> None:
            assert isinstance(message, MessageDetailsAnswer)
            then(message.message)

        user.ask(command, written)

    def _later(
        self, user: User, reader: User, logged: LoggedMessage, item: int, chance: Chance
    ) -> None:
        """The author may take it back; its reader looks at it, and again a while after."""
        if chance.is_true(RETRACTED_SHARE):
            retract = partial(self._retract, user, logged, item)
            self._loop.after(chance.between(*DONE_AFTER_US), retract)
        looked_at = chance.between(*DONE_AFTER_US)
        stops: tuple[Deed, ...] = (PauseFile, CancelFile)
        stop = chance.pick(stops) if chance.is_true(STOPPED_SHARE) else None
        self._loop.after(looked_at, partial(self._look, reader, user.index, logged, stop))
        looked_at += chance.between(*DONE_AFTER_US)
        self._loop.after(looked_at, partial(self._look, reader, user.index, logged, FetchFile))
        looked_at += chance.between(*DONE_AFTER_US)
        self._loop.after(looked_at, partial(self._look, reader, user.index, logged, None))

    def _retract(self, user: User, logged: LoggedMessage, item: int) -> None:
        # After a vault was put back the number may be another item's.
        if logged.is_held and user.node.is_up and not logged.is_retracted:
            logged.is_retracted = logged.is_withdrawn = True
            user.ask(RetractItem(item), _nothing)

    def _look(
        self,
        reader: User,
        author: int,
        logged: LoggedMessage,
        deed: Deed | None,
    ) -> None:
        """Somebody looks at the file of a message, if it is shown, and does this with it."""
        key = reader.contacts.get(author)
        if key is None or not reader.node.is_up:
            return

        def came(answer: Answer) -> None:
            assert isinstance(answer, ItemsAnswer)
            for item in answer.items:
                # An edit changes the words behind the number.
                if not item.author.is_mine and item.text[:7] == logged.text[:7]:
                    for file in item.files:
                        self._do(reader, file, deed)

        reader.ask(AskItems(key), came)

    def _do(
        self,
        reader: User,
        file: FileAnswer,
        deed: Deed | None,
    ) -> None:
        if deed is not None and file.state != "here":
            reader.ask(deed(file.number), _nothing)
        elif file.state == "here":
            for block in range(file.blocks_count):
                saved = partial(self._saved, reader, file, block)
                reader.ask(AskFileBlock(file.number, block), saved)

    def _saved(self, reader: User, file: FileAnswer, block: int, answer: Answer) -> None:
        assert isinstance(answer, FileBlockAnswer)
        self._sent.require_block(reader.node.index, file.name, block, answer.data)
        self._sent.saved_count += 1


def _nothing(_: Answer) -> None:
    """Nothing follows from the answer."""
