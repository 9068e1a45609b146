"""Files beside an export: what they are called there, and what links to them look like.

What others call a file is told in the page alone. On the disk it bears its number, and the ending
of a text unless that of its name is known as one of pictures, sounds, documents or archives.
"""

import re
from typing import Final
from urllib.parse import quote

from mesh.commands.files import FileAnswer

_ENDING: Final = re.compile(r"\.([A-Za-z0-9]{1,8})\Z")
_SHOWN: Final = frozenset(
    [
        *("jpg", "jpeg", "png", "gif", "webp", "avif", "heic", "heif", "bmp", "tif", "tiff"),
        *("mp3", "ogg", "oga", "opus", "m4a", "aac", "wav", "flac"),
        *("mp4", "m4v", "mov", "webm", "ogv", "mkv", "avi", "mpg", "mpeg", "3gp"),
        *("pdf", "txt", "md", "csv", "json", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"),
        *("zip", "tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "ics", "vcf"),
    ]
)
"""Endings that stay: a click shows what ends so. There is no list of all that a click may run."""


def name_beside(file: FileAnswer) -> str:
    """Return the name of a file in the folder beside an export."""
    found = _ENDING.search(file.name)
    ending = found[1].lower() if found is not None else ""
    if not ending:
        return str(file.number)
    return f"{file.number}.{ending}" if ending in _SHOWN else f"{file.number}.{ending}.txt"


def link_beside(folder: str, file: FileAnswer) -> str:
    """Return the address of a file from the page beside whose folder it lies."""
    return f"./{quote(folder, safe='')}/{quote(name_beside(file))}"
