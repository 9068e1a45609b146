"""Files: what is handed over to be sent, what came, and what is done with it."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.fields import Number
from mesh.commands.file_places import BlobPlace, DiskPlace

FileState = Literal[
    "new", "later", "here", "fetching", "paused", "cancelled", "waits", "no-room", "lost"
]
"""new: handed over, and in no message yet; later: in one that is to be sent later; here: all of it;
fetching, paused and cancelled: a file of somebody else that is not whole, or a large one of ours
that is not given; waits: a large one that a person has to ask for; no-room: one that the disk has
no room for; lost: a large one of ours that is not there any more, or not as it was handed over.
"""


FileLook = Literal["file", "picture", "voice", "video"]
"""The ways in which a file is shown."""


class FileAnswer(Answer, frozen=True, kw_only=True):
    """A file of a message. `item` is the number of that; 0: it stands in none yet.

    `name`, `media_type` and how it looks are what its author says, and may be anything. Of
    `blocks_count` blocks `here_count` are here; of a file of ours `opened_count` are known to be
    opened by its reader. `width` and `height` are pixels, 0 where it has none; `peaks` is how loud
    a voice note is, in parts of equal length, from 0 to 255; `colours` are the mean ones of a
    picture in three rows of three, as #rrggbb. `has_preview`: it is seen before it is all here.
    One that `is_direct` goes from node to node and is not carried: there they were given to them.
    `devices`: of ours in a group, on how many all of it is; None elsewhere.
    """

    number: int
    item: int
    is_mine: bool
    name: str
    media_type: str
    size: int
    state: FileState
    blocks_count: int
    here_count: int
    opened_count: int = 0
    look: FileLook = "file"
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    peaks: list[int] = []
    colours: list[str] = []
    has_preview: bool = False
    is_direct: bool = False
    devices: DevicesAnswer | None = None


class FilePlaceAnswer(Answer, frozen=True, kw_only=True):
    """The place of a large file, whose bytes the shell reads: it goes no further."""

    place: BlobPlace | DiskPlace


class FileBlockAnswer(Answer, frozen=True, kw_only=True):
    """The bytes of one block."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Appearance:
    """The way a file is shown, within the bounds of its description (`docs/protocol/files.md`)."""

    look: FileLook = "file"
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    hint: bytes = field(default=b"", repr=False)
    preview: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class AddFile:
    """Hand over a file that is to be sent. Answer: FileAnswer.

    One that stands in no message after a day is forgotten.
    """

    name: str
    media_type: str
    data: bytes = field(repr=False)
    shown: Appearance = Appearance()


@dataclass(frozen=True, slots=True)
class AddLargeFile:
    """Hand over a large file that lies there; the shell has read all of it. Answer: FileAnswer.

    `leaves`: the hashes of its blocks, one behind the other (`content/file_tree.py`).
    """

    name: str
    media_type: str
    place: BlobPlace | DiskPlace
    leaves: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskFile:
    """Answer: FileAnswer."""

    file: Number


@dataclass(frozen=True, slots=True)
class AskFileBlock:
    """Answer: FileBlockAnswer, or FilePlaceAnswer of a large file. `block`: its place from 0."""

    file: Number
    block: Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class AskFilePreview:
    """The preview of a file as its author sent it: nothing to show as it is. Answer:
    FileBlockAnswer.
    """

    file: Number


@dataclass(frozen=True, slots=True)
class FetchFile:
    """Fetch what is missing of a file that was paused, cancelled or never begun. Answer:
    FileAnswer.
    """

    file: Number


@dataclass(frozen=True, slots=True)
class PauseFile:
    """Fetch no more of a file for now; what is here stays. Answer: FileAnswer."""

    file: Number


@dataclass(frozen=True, slots=True)
class CancelFile:
    """Fetch no more of a file, and delete what is here of it; or take back what was handed over.
    Answer: FileAnswer.
    """

    file: Number
