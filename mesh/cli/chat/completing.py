"""Completes what begins with a slash: commands, and the numbers that follow them."""

from collections.abc import Iterator
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from mesh.cli.chat.room import Room
from mesh.cli.chat.words import WORDS
from mesh.cli.sanitise import clean_line

EMOJI: Final = ("👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "✅")
"""The first that a person is offered; any other can be typed or pasted."""

NUMBERS_SHOWN: Final = 20
PREVIEW_LETTERS: Final = 40


class WordCompleter(Completer):
    """Knows the commands, and of the history the newest messages."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield what may stand where the cursor is."""
        line = document.text_before_cursor
        if not line.startswith("/") or line.startswith("//"):
            return
        name, gap, rest = line[1:].partition(" ")
        if not gap:
            for word in WORDS:
                if word.name.startswith(name.lower()):
                    end = " " if word.usage else ""
                    yield Completion(
                        f"/{word.name}{end}",
                        start_position=-len(line),
                        display=f"/{word.name} {word.usage}".strip(),
                        display_meta=word.told,
                    )
            return
        wanted = next((word for word in WORDS if word.name == name.lower()), None)
        if wanted is None:
            return
        if wanted.usage.startswith(("N", "[N]")) and " " not in rest:
            yield from self._numbers(rest)
        elif wanted.name == "react" and rest.endswith(" "):
            yield from map(Completion, EMOJI)

    def _numbers(self, begun: str) -> Iterator[Completion]:
        """Yield the numbers of messages that begin so, the newest first."""
        digits = begun.removeprefix("#")
        count = 0
        for item in reversed(self._room.history.items):
            if str(item.number).startswith(digits) and count < NUMBERS_SHOWN:
                count += 1
                yield Completion(
                    str(item.number),
                    start_position=-len(begun),
                    display_meta=clean_line(item.text)[:PREVIEW_LETTERS],
                )
