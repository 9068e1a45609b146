"""The bytes of large files on a virtual host: as the shell keeps them, in memory and unsealed.

`mesh/node/blob_store.py` is the real thing. A file of the person's has its time of change with it.
"""

from dataclasses import dataclass, field

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.content.file_tree import block_bytes
from mesh.effects import BlobEffect, DropBlobs, KeepBlobs, ReadBlocks, WriteBlock
from mesh.inputs import BlobFailed, BlocksRead, BlocksWritten, Input
from mesh.limits.files import FILE_BLOCK_BYTES


@dataclass(slots=True)
class Blobs:
    """The files that outlive the engines of a host. `room_bytes`: None if there always is room."""

    files: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    places: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    room_bytes: int | None = None

    def perform(self, effect: BlobEffect) -> Input | None:
        """Do what is wanted; the answer, if there is one."""
        match effect:
            case ReadBlocks():
                return BlocksRead(effect.number, self._read(effect))
            case WriteBlock(blob, index, data):
                if self.room_bytes is not None and self.room_bytes < blob.size:
                    return BlobFailed(blob.name, is_full=True)
                self.files.setdefault(blob.name, {})[index] = data
                return BlocksWritten(blob.name, (index,))
            case DropBlobs(names):
                for name in names:
                    self.files.pop(name, None)
            case KeepBlobs(names):
                self.files = {name: kept for name, kept in self.files.items() if name in names}
        return None

    def _read(self, asked: ReadBlocks) -> tuple[bytes, ...]:
        place, indices = asked.place, range(asked.first, asked.first + asked.count)
        if isinstance(place, BlobPlace):
            held = self.files.get(place.name, {})
            blocks = [held[index] for index in indices if index in held]
        else:
            blocks = list(self._of_place(place, indices))
        return tuple(blocks) if len(blocks) == asked.count else ()

    def _of_place(self, place: DiskPlace, indices: range) -> list[bytes]:
        mtime_ns, data = self.places.get(place.path, (0, b""))
        if (mtime_ns, len(data)) != (place.mtime_ns, place.size):
            return []
        starts = [(index, index * FILE_BLOCK_BYTES) for index in indices]
        return [data[at : at + block_bytes(place.size, index)] for index, at in starts]
