"""The screen of `mesh chat`: title, history, a line to type in, and what to know.

It takes the other screen of the terminal, so that every part is drawn anew in its place, and what
was deleted, has disappeared or was locked away stands in nobody's scroll-back.
"""

import threading
import time
from typing import Final

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.key_processor import KeyProcessor
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu

from mesh.cli.chat.completing import WordCompleter
from mesh.cli.chat.pane import HistoryPane
from mesh.cli.chat.room import Clients, Here, Looked, Older, Room
from mesh.cli.chat.wishes import Edit
from mesh.cli.layout import lasting, plural

LOOKS_S: Final = 60
"""So long after a key was pressed somebody is taken to look at what comes: it is marked as read."""

PRESSED_TOLD_S: Final = 5
"""Between two times that the node is told that somebody is there; it counts in minutes."""

LINE_ROWS_MAX: Final = 6

MENU_ROWS_MAX: Final = 8

PROMPT: Final = "> "
FURTHER: Final = "  "

ESCAPE_S: Final = 0.1
"""So long it is waited whether a key that is sent as Escape and something goes on."""


class Screen:
    """One conversation on the screen, until its person leaves."""

    def __init__(self, clients: Clients, chat: str) -> None:
        """Ask for what is shown; UserError where the node cannot tell."""
        self._room = Room(clients, chat, self._changed)
        self._draft = self._room.conversation.draft
        self._line = Buffer(
            completer=WordCompleter(self._room),
            complete_while_typing=True,
            document=Document(self._draft),
        )
        self._pane = HistoryPane(self._room, lambda: self._room.ask_for(Older()))
        self._pressed = self._told_pressed = time.monotonic()
        self._application: Application[None] = Application(
            layout=Layout(self._parts(), focused_element=self._line),
            key_bindings=self._keys(),
            full_screen=True,
            mouse_support=False,
            before_render=self._before_drawing,
            after_render=self._after_drawing,
        )
        self._application.key_processor.before_key_press += self._press
        self._application.ttimeoutlen = ESCAPE_S
        self._application.timeoutlen = ESCAPE_S

    def show(self) -> None:
        """Stay until the person leaves; KeyboardInterrupt if that was by Ctrl-C.

        What stands in the line then is kept as a draft.
        """
        for endless in (self._room.listen, self._room.work):
            threading.Thread(target=endless, daemon=True).start()
        try:
            self._application.run()
        finally:
            draft = self._kept()
            if draft != self._draft:
                self._room.save_draft(draft)

    def _kept(self) -> str:
        """Return what of the line is a draft: no command, and no words of a message that is there.

        What begins with two slashes is no command.
        """
        text = self._line.text
        is_command = text.startswith("/") and not text.startswith("//")
        return "" if is_command or isinstance(self._room.aim, Edit) else text

    def _press(self, _: KeyProcessor) -> None:
        self._pressed = time.monotonic()
        if self._pressed - self._told_pressed > PRESSED_TOLD_S:
            self._told_pressed = self._pressed
            self._room.ask_for(Here())

    def _changed(self) -> None:
        self._application.invalidate()

    def _before_drawing(self, _: Application[None]) -> None:
        text = self._room.put_back
        if text is not None:
            self._room.put_back = None
            whole = "\n".join(filter(None, (text, self._line.text)))
            self._line.document = Document(whole)

    def _after_drawing(self, _: Application[None]) -> None:
        is_looked_at = time.monotonic() - self._pressed < LOOKS_S
        if is_looked_at and self._pane.is_at_end and self._room.has_unread:
            self._room.ask_for(Looked())

    def _parts(self) -> FloatContainer:
        typed_in = Window(
            BufferControl(self._line),
            get_line_prefix=lambda row, wrap: PROMPT if row == wrap == 0 else FURTHER,
            height=Dimension(min=1, max=LINE_ROWS_MAX),
            dont_extend_height=True,
            wrap_lines=True,
        )
        told = Window(
            FormattedTextControl(self._told),
            style="ansiyellow",
            dont_extend_height=True,
            wrap_lines=True,
        )
        rows = [
            Window(FormattedTextControl(self._title), height=1, style="reverse"),
            Window(self._pane),
            ConditionalContainer(told, Condition(lambda: bool(self._told()))),
            typed_in,
        ]
        menu = CompletionsMenu(max_height=MENU_ROWS_MAX, scroll_offset=1)
        return FloatContainer(HSplit(rows), [Float(menu, xcursor=True, ycursor=True)])

    def _title(self) -> str:
        """Say with whom one talks; nothing of the vault while it is locked."""
        if self._room.is_locked:
            return " Locked"
        links = plural(self._room.links_count, "link") if self._room.links_count else "no links"
        seconds = self._room.conversation.timer
        timer = f"disappears after {lasting(seconds)}" if seconds else ""
        parts = (self._room.name, self._room.trust, links, timer, "/help")
        return " " + " · ".join(filter(None, parts))

    def _told(self) -> str:
        """Say what the person should know just now, in a line; empty if nothing."""
        if self._room.is_away:
            return "Mesh is not running; this goes on as soon as it does."
        if self._room.is_locked:
            return "The vault is locked. Open it with: mesh unlock"
        aim = f"{self._room.aim.told()}; Escape gives it up" if self._room.aim else ""
        return "\n".join(filter(None, (self._room.note, aim)))

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        is_back = Condition(lambda: not self._pane.is_at_end)
        keys.add("enter")(self._enter)
        keys.add("escape", "enter")(lambda event: self._line.insert_text("\n"))
        keys.add("escape")(self._give_up)
        keys.add("pageup")(lambda event: self._pane.scroll(-1))
        keys.add("pagedown")(lambda event: self._pane.scroll(1))
        keys.add("end", filter=is_back)(lambda event: self._pane.follow_end())
        keys.add("c-c")(lambda event: self._application.exit(exception=KeyboardInterrupt))
        is_empty = Condition(lambda: not self._line.text)
        keys.add("c-d", filter=is_empty)(lambda event: self._application.exit())
        return keys

    def _enter(self, event: KeyPressEvent) -> None:
        """Take the chosen completion, or do what the line says."""
        menu = self._line.complete_state
        if menu is not None and menu.current_completion is not None:
            self._line.apply_completion(menu.current_completion)
            return
        text = self._line.text
        self._line.reset()
        self._close_sheet()
        if text.strip() == "/quit":
            self._application.exit()
        elif text.strip():
            self._room.ask_for(text)

    def _give_up(self, event: KeyPressEvent) -> None:
        self._line.cancel_completion()
        if isinstance(self._room.aim, Edit) or self._line.text.startswith("/"):
            # The words of a message that stays as it is are no draft, and no command is one.
            self._line.reset()
        self._room.aim = None
        self._close_sheet()

    def _close_sheet(self) -> None:
        self._room.sheet, self._room.note = (), ""
        self._pane.follow_end()
