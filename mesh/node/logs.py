"""Logs: readable lines for a terminal, JSON lines in files that are thrown away in time.

All logging of the process takes this road, that of libraries too. Nothing by which a person or a
node could be recognised is written: keys, ids, addresses, links of invitations and what people
wrote are cut out at the end of the road, whoever logged them. A traceback is written at the level
`debug` only; at other levels an error is one sentence.
"""

import logging
import logging.handlers
import re
import sys
import traceback
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mesh.limits.daemon import LOG_FILE_BYTES_MAX, LOG_FILES_MAX

LOG_FILE = "mesh.log"

_SECRET_FIELDS = frozenset(
    {
        "body",
        "key",
        "label",
        "link",
        "name",
        "passphrase",
        "psk",
        "secret",
        "stamp",
        "text",
        "token",
    }
)
_OUR_FIELDS = frozenset({"level", "logger", "timestamp"})
_HIDDEN = "[hidden]"
_PATTERNS = (
    # The link of an invitation, which holds a secret.
    (re.compile(r"\bmesh:\S+", re.IGNORECASE), "[invite]"),
    # Keys, ids and tags in hexadecimal: their beginning tells log lines apart.
    (re.compile(r"([0-9A-Fa-f]{6})[0-9A-Fa-f]{10,}"), r"\1…"),
    # The same, and tokens, in the letters of Base32 and Base64.
    (re.compile(r"\b[A-Za-z0-9_-]{32,}={0,2}"), _HIDDEN),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?![\w.])"), "[address]"),
    (
        re.compile(r"\[?(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?\]?(?::\d+)?"),
        "[address]",
    ),
)


def start_logging(*, level: str, folder: Path | None, console: TextIO | None) -> None:
    """Send all logging of this process to a console, to files in a folder, or to both."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handlers: list[logging.Handler] = []
    if console is not None:
        handlers.append(_console_handler(console, is_debug=number <= logging.DEBUG))
    if folder is not None:
        handlers.append(_file_handler(folder, is_debug=number <= logging.DEBUG))
    root = logging.getLogger()
    stop_logging()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(number)
    # An interface that is down would make it repeat itself, and its packets hold all names;
    # `mesh doctor` is the place for what goes wrong there.
    logging.getLogger("zeroconf").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def stop_logging() -> None:
    """Close the files and let go of the console."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
            handler.close()


def place_of(error: BaseException) -> str:
    """Return the type of an error and where it arose: its words may be what people wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def redact(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Cut out what must not be written."""
    return {field: _shown(field, value) for field, value in line.items()}


def _shown(field: str, value: object) -> object:
    if field in _OUR_FIELDS:
        return value
    return _HIDDEN if field in _SECRET_FIELDS else _redacted(value)


def _redacted(value: object) -> object:
    match value:
        case bool() | int() | float() | None:
            return value
        case bytes():
            return f"[{len(value)} bytes]"
        case _:
            return redacted(str(value))


def redacted(text: str) -> str:
    """Return a text without what looks like a key, an invitation or an address."""
    for pattern, stands_for in _PATTERNS:
        text = pattern.sub(stands_for, text)
    return text


_COMMON: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _without_traceback(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    line.pop("exc_info", None)
    return line


def _formatter(renderer: Processor, *, is_debug: bool) -> logging.Formatter:
    lines = structlog.processors.format_exc_info if is_debug else _without_traceback
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_COMMON,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lines,
            redact,
            renderer,
        ],
    )


def _console_handler(console: TextIO, *, is_debug: bool) -> logging.Handler:
    handler = logging.StreamHandler(console)
    renderer = structlog.dev.ConsoleRenderer(colors=console.isatty(), pad_event_to=0)
    handler.setFormatter(_formatter(renderer, is_debug=is_debug))
    return handler


class _LastingFileHandler(logging.handlers.RotatingFileHandler):
    """A log in files that loses lines where the disk is full, and says nothing of it."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _file_handler(folder: Path, *, is_debug: bool) -> logging.Handler:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _LastingFileHandler(
        folder / LOG_FILE,
        maxBytes=LOG_FILE_BYTES_MAX,
        backupCount=LOG_FILES_MAX - 1,
        encoding="utf-8",
    )
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(), is_debug=is_debug))
    return handler
