"""Large files at the door: as bytes of whoever may send, by their path over the unix socket."""

import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from mesh.api.files import FileDownload, FilePicture, FileUpload
from mesh.api.grant import Grant
from mesh.api.large_files import AddFileAt, add_file_at
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.files import AskFileBlock, FileAnswer, FilePlaceAnswer
from mesh.errors import UserError
from mesh.limits.content import FILE_BYTES_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.node.blob_store import BlobStore
from mesh.node.handing_over import Upload, hand_over_path
from mesh.node.input_queue import InputQueue
from mesh.pictures.drawing import Pictures
from tests.api.test_files import Answered, Node, request

DATA = os.urandom(CARRIED_BYTES_MAX + 300_003)


class NodeWithDisk(Node):
    """A messenger with a place for large files, as a node has."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.blobs = BlobStore(InputQueue(), folder)

    async def hand_over_path(self, path: str, name: str, media_type: str) -> Answer:
        return await hand_over_path(self, path, name, media_type)

    async def large_blocks(self, file: int, first: int, count: int) -> list[bytes]:
        answer = await self.ask(AskFileBlock(file, first))
        assert isinstance(answer, FilePlaceAnswer)
        return await self.blobs.read_blocks(answer.place, first, count)

    def begin_upload(self) -> Upload:
        return Upload(self.blobs)


async def uploaded(node: NodeWithDisk, data: bytes) -> FileAnswer:
    pieces = tuple(data[at : at + 50_000] for at in range(0, len(data), 50_000))
    answered = await request(
        FileUpload(node, Pictures(), node), pieces=pieces, query=b"name=film.mp4"
    )
    assert answered.status == 200, answered.body
    return msgspec.json.decode(answered.body, type=FileAnswer)


async def get(node: NodeWithDisk, number: int, wanted: bytes | None = None) -> Answered:
    headers = () if wanted is None else ((b"range", wanted),)
    return await request(FileDownload(node, node), path={"file": str(number)}, headers=headers)


async def test_a_large_file_goes_in_and_comes_out_whole_and_in_ranges(tmp_path: Path) -> None:
    node = NodeWithDisk(tmp_path)
    file = await uploaded(node, DATA)
    assert (file.is_direct, file.size, file.state, file.here_count) == (True, len(DATA), "new", 20)
    assert (await get(node, file.number)).body == DATA
    for first, last in ((0, 0), (64_999, 65_001), (600_000, 1_200_000), (1_270_000, 1_275_002)):
        part = await get(node, file.number, b"bytes=%d-%d" % (first, last))
        assert (part.status, part.body) == (206, DATA[first : last + 1])


async def test_a_large_file_is_read_for_no_picture_whatever_its_author_calls_it(
    tmp_path: Path,
) -> None:
    class Misled(NodeWithDisk):
        """A node to which somebody described a film as a picture."""

        async def ask(self, command: Command) -> Answer:
            answer = await super().ask(command)
            return replace(answer, look="picture") if isinstance(answer, FileAnswer) else answer

    node = Misled(tmp_path)
    file = await uploaded(node, DATA)
    node.asked.clear()
    shown = await request(FilePicture(node, Pictures()), path={"file": str(file.number)})
    assert shown.status == 404
    assert not any(isinstance(each, AskFileBlock) for each in node.asked)


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    node = NodeWithDisk(tmp_path)
    endpoint = FileUpload(node, Pictures(), node)
    # The stream says that more comes, and then the connection is gone.
    answered = await request(endpoint, pieces=(DATA, b"more"), query=b"name=")
    assert answered.status == 422, "a file without a name is refused when all of it is here"
    assert names_in(tmp_path) == []
    assert node.blobs.unfinished == {}


async def test_a_path_is_taken_of_who_reached_the_unix_socket_alone(tmp_path: Path) -> None:
    node = NodeWithDisk(tmp_path / "files")
    path = film_in(tmp_path)
    asked = AddFileAt(str(path), "film.mp4", "video/mp4")
    for grant in (Grant("admin", key="a token"), Grant("send", key="a page"), Grant("open")):
        with pytest.raises(UserError) as refused:
            await add_file_at(node, asked, grant)
        assert refused.value.kind == "not-allowed"
    file = await add_file_at(node, asked, Grant("admin", names_paths=True))
    assert isinstance(file, FileAnswer)
    assert (await get(node, file.number)).body == DATA
    # It was not copied, so it is gone when its person removes it.
    assert names_in(tmp_path) == ["film.mp4"]
    remove(path)
    with pytest.raises(UserError) as gone:
        await node.large_blocks(file.number, 0, 1)
    assert gone.value.kind == "gone"


def test_no_file_is_larger_than_what_a_description_holds() -> None:
    assert FILE_BYTES_MAX == 1 << 31


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def film_in(folder: Path) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(DATA)
    return path


def remove(path: Path) -> None:
    path.unlink()
