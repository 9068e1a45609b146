"""Chores that have no turn among those of everyday life, and are done at a time of their own."""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.commands.files import (
    AddFile,
    AddLargeFile,
    AskFileBlock,
    CancelFile,
    FetchFile,
    FileAnswer,
    FilePlaceAnswer,
)
from mesh.commands.introductions import Introduce
from mesh.commands.item_commands import AskItems, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.content.file_tree import leaf_of, split_blocks
from mesh.limits.files import CARRIED_BYTES_MAX, FILE_BLOCK_BYTES
from sim.invariants.files import require_fetched_again
from sim.kernel.entropy import Chance
from sim.users.chores import Chore, Home, a_friend, nothing
from sim.users.contact_chores import answer_introductions
from sim.users.letter_chore import letter
from sim.users.user import User

TAKEN_BACK_AFTER_US: Final = 4_000_000
CANCELLED_AFTER_US: Final = 1_000_000
FETCHED_AFTER_US: Final = 3_000_000
SAVED_AFTER_US: Final = 20_000_000
DECLINED_AFTER_US: Final = 3_000_000
AGAIN_AFTER_US: Final = 6_000_000


def picture_taken_back(home: Home, user: User, chance: Chance) -> None:
    """Send a picture, and take it back when it has come."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    logged = home.message_log.ask(user.index, other.index, "taken back", home.loop.now)
    head = logged.text.encode()
    data = head + hashlib.shake_128(head).digest(FILE_BLOCK_BYTES)
    name = home.sent_files.add(logged.number, data)

    def handed(answer: Answer) -> None:
        assert isinstance(answer, FileAnswer)
        number = f"taken back {logged.number}"
        command = WriteItem(key, text=logged.text, files=(answer.number,), idempotency_key=number)
        user.ask(command, written)

    def written(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        home.confirmed(logged, answer)
        home.loop.after(TAKEN_BACK_AFTER_US, partial(gone, answer.number))

    def gone(number: int) -> None:
        if user.node.is_up:
            logged.is_retracted = logged.is_withdrawn = True
            user.ask(RetractItem(number), nothing)

    user.ask(AddFile(name, "image/png", data), handed)


def large_file(home: Home, user: User, chance: Chance) -> None:
    """Send a large file; its reader cancels it, fetches it after all, and saves it."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    logged = home.message_log.ask(user.index, other.index, "large", home.loop.now)
    head = logged.text.encode()
    data = head + hashlib.shake_128(head).digest(CARRIED_BYTES_MAX)
    name = home.sent_files.add(logged.number, data)
    place = DiskPlace(name.encode(), len(data), logged.number)
    user.node.host.blobs.places[place.path] = place.mtime_ns, data
    leaves = b"".join(leaf_of(index, block) for index, block in enumerate(split_blocks(data)))

    def handed(answer: Answer) -> None:
        assert isinstance(answer, FileAnswer)
        number = f"large {logged.number}"
        command = WriteItem(key, text=logged.text, files=(answer.number,), idempotency_key=number)
        user.ask(command, partial(home.confirmed, logged))
        for after_us, deed in (
            (CANCELLED_AFTER_US, cancel),
            (FETCHED_AFTER_US, fetch),
            (SAVED_AFTER_US, save),
        ):
            home.loop.after(after_us, partial(_with_file, other, user.identity_key, name, deed))

    def cancel(file: FileAnswer) -> None:
        other.ask(CancelFile(file.number), nothing)

    def fetch(file: FileAnswer) -> None:
        other.ask(FetchFile(file.number), partial(require_fetched_again, other.node.index))

    def save(file: FileAnswer) -> None:
        if file.state == "here":
            other.ask(AskFileBlock(file.number, 0), saved)

    def saved(answer: Answer) -> None:
        assert isinstance(answer, FilePlaceAnswer)
        assert isinstance(answer.place, BlobPlace)
        blocks = other.node.host.blobs.files.get(answer.place.name, {})
        home.sent_files.require_whole(other.node.index, name, blocks)

    user.ask(AddLargeFile(name, "", place, leaves), handed)


def introduce_again(home: Home, user: User, chance: Chance) -> None:
    """Introduce two contacts who do not know each other; they decline, and are introduced again."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations(user.contacts, 2)
        if other not in home.users.everybody[one].contacts
    ]
    if not pairs:
        return
    one, other = chance.pick(pairs)
    command = Introduce(user.contacts[one], user.contacts[other])
    user.ask(command, nothing)
    home.loop.after(AGAIN_AFTER_US, partial(_if_up, user, command))
    for guest in (home.users.everybody[one], home.users.everybody[other]):
        for after_us in (DECLINED_AFTER_US, AGAIN_AFTER_US + DECLINED_AFTER_US):
            home.loop.after(after_us, partial(answer_introductions, home, guest, is_accepted=False))


def _if_up(user: User, command: Introduce) -> None:
    if user.node.is_up:
        user.ask(command, nothing)


def _with_file(user: User, key: str, name: str, deed: Callable[[FileAnswer], None]) -> None:
    """Do something with a file that a contact has sent, if it has come."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        for file in (file for item in answer.items for file in item.files):
            if file.name == name:
                deed(file)

    if user.node.is_up:
        user.ask(AskItems(key), seen)


TIMED_CHORES: Final[Mapping[str, Chore]] = {
    "picture-taken-back": picture_taken_back,
    "large-file": large_file,
    "introduce-again": introduce_again,
    "letter": letter,
}
"""By name, as `sim.schema.pair_table.TimedKind` has them."""
