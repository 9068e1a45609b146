"""A vault with a long history: starting, opening a conversation, searching, exporting, erasing, and
what comes into it.

The words are drawn as those of a language are: few of them often, most of them seldom. A third of
the texts stand in one conversation, the others in sixty. All times are of CPU.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from mesh.commands.conversations import AskConversations, DeleteItems
from mesh.commands.identity import CreateIdentity
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.commands.search import HitsAnswer, Search
from mesh.ids import ConversationId, MessageId, UnixSeconds, VerifyKey
from mesh.limits.search import EXPORT_ITEMS_PER_PIECE
from mesh.storage.connection import checkpoint, connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.contents import ContentRow
from mesh.storage.vault.rows import NEW_CONTACT, ContactRow, EntryRow
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope
from tests.bench.table import Row, percentile
from tests.messenger.people import START_S, Clock, Person, exchange

ARRIVALS: Final = 300
CONTACTS: Final = 61
WORDS: Final = 20_000
ROUNDS: Final = 15
PER_COMMIT: Final = 500
EAST: Final = "東京タワーへ行く"


class _Words:
    """Texts of a made-up language, whose n-th word is said 1/n as often as the first."""

    def __init__(self) -> None:
        self._drawn = random.Random(1)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = [
            "".join(self._drawn.choices(letters, k=self._drawn.randint(2, 9))) for _ in range(WORDS)
        ]
        self._weights = [1 / (rank + 1) for rank in range(WORDS)]
        self._said: list[str] = []

    def text(self, number: int) -> str:
        """Return a text of 4 to 20 words; one in fifty is in two languages."""
        if len(self._said) < 20:
            self._said = self._drawn.choices(self.words, weights=self._weights, k=10_000)
        count = self._drawn.randint(4, 20)
        taken, self._said = self._said[:count], self._said[count:]
        return " ".join([*taken, EAST] if number % 50 == 0 else taken)


def rows(scratch: Path, count: int) -> Iterator[Row]:
    """All figures, over one vault with so many texts."""
    file, words = scratch / "vault.db", _Words()
    person = Person("Ann", Clock())
    key = os.urandom(32)
    person.connection = connect(file, key)
    migrate_vault(person.connection)
    person.restart()
    person.ask(CreateIdentity("Ann"))
    writer = Person("Ben", person.clock, seed=2)
    writer.add(person.invite().link)
    exchange(person, writer)
    took = _seconds(lambda: _fill(person, words, count))
    what = f"{count:,} texts"
    yield Row("history", "a text with its words in the index", 1e6 * took / count, "µs")
    checkpoint(person.connection)
    yield Row("history", f"{what}: vault", file.stat().st_size / count, "B a text")
    (index,) = person.connection.execute(
        "SELECT sum(length(block)) FROM text_index_data"
    ).fetchone() or (0,)
    assert isinstance(index, int)
    yield Row("history", "of it the index of words", index / count, "B a text")

    def start() -> None:
        person.connection.close()
        person.connection = connect(file, key)
        migrate_vault(person.connection)
        person.restart()

    starts = [1e3 * _seconds(start) for _ in range(5)]
    yield Row("history", f"{what}: the vault opened and read", median(starts), "ms", "aim 2,000")
    yield from _reading(person)
    yield from _searching(person, words)
    yield from _arriving(person, writer, words, count)
    yield from _erasing(person, count)


def _fill(person: Person, words: _Words, count: int) -> None:
    """Put texts into the vault: every third is of the one contact who can write, and the others are
    of contacts who are nobody.
    """
    connection = person.connection
    vault, drawn = Vault(connection), random.Random(2)
    [known] = person.contacts()
    with transaction(connection):
        contacts = [
            known.id,
            *(
                vault.add_contact(
                    ContactRow(
                        id=NEW_CONTACT,
                        label=f"contact {number}",
                        name="",
                        verify_key=VerifyKey(bytes([number]) * 32),
                        agreement_key=None,
                        trust="first seen",
                        first_trust="first seen",
                        state="answered",
                        bundle=None,
                    )
                ).id
                for number in range(1, CONTACTS)
            ),
        ]
    for start in range(0, count, PER_COMMIT):
        with transaction(connection):
            for number in range(start, min(start + PER_COMMIT, count)):
                contact = contacts[0] if number % 3 == 0 else drawn.choice(contacts[1:])
                text = words.text(number)
                entry = vault.entries.insert(
                    EntryRow(
                        number=0,
                        conversation=ConversationId(contact),
                        id=MessageId(drawn.randbytes(32)),
                        is_mine=False,
                        parents=drawn.randbytes(32),
                        clock=(START_S * 1000 + number) << 16,
                        position=(START_S * 1000 + number) << 16,
                        received=UnixSeconds(START_S),
                        state="received",
                        is_read=True,
                    )
                ).number
                vault.contents.add(ContentRow(entry, 1, text.encode()))
                vault.contents.show(entry, text)


def _reading(person: Person) -> Iterator[Row]:
    longest = person.contacts()[0].id
    newest = person.ask(AskItems(longest))
    assert isinstance(newest, ItemsAnswer)
    middle = newest.items[0].number // 2 // 3 * 3 + 1
    for what, asked in (
        ("opening the longest conversation: its newest 50", AskItems(longest)),
        ("50 around the middle of it", AskItems(longest, around=middle)),
        ("the oldest 50 of it", AskItems(longest, after=0)),
    ):
        yield _figure(what, partial(person.ask, asked), "aim 20")
    yield _figure("the list of all conversations", lambda: person.ask(AskConversations()))
    pages = 0

    def walk() -> None:
        nonlocal pages
        after, has_newer = 0, True
        while has_newer:
            asked = AskItems(longest, after=after, limit=EXPORT_ITEMS_PER_PIECE)
            page = person.ask(asked)
            assert isinstance(page, ItemsAnswer)
            after, has_newer = page.items[-1].number, page.has_newer
            pages += 1

    took = _seconds(walk)
    yield Row("history", "an export: a page of it", 1e3 * took / pages, "ms", f"{pages} pages")


def _searching(person: Person, words: _Words) -> Iterator[Row]:
    said, people = words.words, person.contacts()
    longest, short = people[0].label, people[5].label
    for what, typed, chat in (
        ("a rare word", said[5_000], ""),
        ("the most common word", said[0], ""),
        ("the same in a short conversation", said[0], short),
        ("the same where nothing is said", said[0], "me"),
        ("two common words where nothing is said", f"{said[0]} {said[1]}", "me"),
        ("the beginning of a word, one letter", "a", ""),
        ("the same where nothing is said", "a", "me"),
        ("Japanese, everywhere", EAST[:2], ""),
        ("Japanese that nobody said", "東北", ""),
        ("the same in the longest conversation", "東北", longest),
    ):
        asked = Search(typed, conversation=chat)
        answer = person.ask(asked)
        assert isinstance(answer, HitsAnswer)
        note = f"{len(answer.hits)} hits, aim 50"
        yield _figure(f"search: {what}", partial(person.ask, asked), note)


def _arriving(person: Person, writer: Person, words: _Words, count: int) -> Iterator[Row]:
    """Time what comes one by one into the longest conversation: all that a messenger does with an
    envelope from a link, but for the commit.
    """
    person.clock.pass_by(count / 1_000 + 60)
    took, text = [], ""
    for number in range(ARRIVALS):
        person.clock.pass_by(1)
        text = words.text(number)
        writer.send("Ann", text)
        took += [1e3 * _opening(person, envelope) for envelope in writer.post()]
    newest = person.ask(AskItems(person.contacts()[0].id))
    assert isinstance(newest, ItemsAnswer)
    assert newest.items[-1].text == text, "what came is here, and below all else"
    told = f"aim 1, p95 {percentile(took, 0.95):.3g}"
    yield Row("history", "an arrival in it, without its commit", median(took), "ms", told)


def _opening(person: Person, envelope: Envelope) -> float:
    with transaction(person.connection):
        began = time.process_time()
        person.messenger.open_arrived([envelope], now=person.now)
        person.messenger.add_opened(person.now)
        took = time.process_time() - began
    person.messenger.take_effects()
    return took


def _erasing(person: Person, count: int) -> Iterator[Row]:
    vault = Vault(person.connection)
    gone = iter(range(2, count, 97))

    def erase() -> None:
        with transaction(person.connection):
            vault.contents.erase_one(next(gone), "forgotten")

    yield _figure("erasing one text, with its commit", erase)
    longest = person.contacts()[0].label
    took = _seconds(lambda: person.ask(DeleteItems(longest)))
    yield Row("history", f"deleting {count // 3:,} texts of a conversation", took, "s")


def _figure(what: str, do: Callable[[], object], note: str = "") -> Row:
    took = [1e3 * _seconds(do) for _ in range(ROUNDS)]
    told = ", ".join(filter(None, [note, f"highest {max(took):.3g}"]))
    return Row("history", what, median(took), "ms", told)


def _seconds(do: Callable[[], object]) -> float:
    """Return the CPU that it takes: whatever else this machine does is left out."""
    began = time.process_time()
    do()
    return time.process_time() - began
