"""Files over the API: in as a stream, out whole or in ranges, and nothing that a browser runs."""

import msgspec
import pytest
import trio

from mesh.api.asgi import Message, Scope
from mesh.api.files import FileDownload, FilePicture, FileUpload, range_of
from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.files import AddFile, Appearance, AskFileBlock, FileAnswer, FileLook
from mesh.errors import UserError
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.pictures import PICTURE_PROCESSES_MAX
from mesh.pictures.drawing import Pictures
from tests.messenger.people import Clock, Person
from tests.pictures.samples import MARK, encoded, gradient, png, told_jpeg, zeros

DATA = bytes(range(251)) * 600
"""Three blocks."""


class Node:
    """A messenger, asked as a node is."""

    def __init__(self) -> None:
        self.person = Person("Ann", Clock())
        self.asked: list[Command] = []

    async def ask(self, command: Command) -> Answer:
        self.asked.append(command)
        return self.person.ask(command)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        raise AssertionError(f"nothing is carried: {command}")


class Answered:
    """The answer of one request."""

    def __init__(self, told: list[Message]) -> None:
        self.status = told[0]["status"]
        self.headers = dict(told[0]["headers"])
        self.body = b"".join(message.get("body", b"") for message in told[1:])


async def request(
    endpoint: FileUpload | FileDownload | FilePicture,
    *,
    pieces: tuple[bytes, ...] = (b"",),
    query: bytes = b"",
    path: dict[str, str] | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answered:
    scope: Scope = {
        "type": "http",
        "method": endpoint.method,
        "path": "/v1/files",
        "query_string": query,
        "path_params": path or {},
        "headers": list(headers),
        "state": {},
    }
    left = list(pieces)
    told: list[Message] = []

    async def receive() -> Message:
        if not left:
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Message) -> None:
        told.append(message)

    await endpoint(scope, receive, send)
    return Answered(told)


async def handed_over(node: Node, data: bytes) -> FileAnswer:
    answered = await request(
        FileUpload(node, Pictures()),
        pieces=(data[:10], data[10:]),
        query=b"name=map.svg&media_type=image/svg",
    )
    assert answered.status == 200
    return msgspec.json.decode(answered.body, type=FileAnswer)


async def get(node: Node, number: object, wanted: bytes | None = None) -> Answered:
    headers = () if wanted is None else ((b"Range", wanted),)
    return await request(FileDownload(node), path={"file": str(number)}, headers=headers)


@pytest.mark.parametrize("size", [0, 1, 65_000, len(DATA)])
async def test_what_went_in_comes_out(size: int) -> None:
    node = Node()
    file = await handed_over(node, DATA[:size])
    assert (file.name, file.media_type, file.size) == ("map.svg", "image/svg", size)
    answered = await get(node, file.number)
    assert (answered.status, answered.body) == (200, DATA[:size])
    assert answered.headers[b"content-length"] == str(size).encode()


async def test_a_browser_is_told_to_keep_it_and_not_to_show_it() -> None:
    node = Node()
    file = await handed_over(node, b"<script>alert(1)</script>")
    headers = (await get(node, file.number)).headers
    assert headers[b"content-type"] == b"application/octet-stream"
    assert headers[b"content-disposition"] == b"attachment"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"default-src 'none'" in headers[b"content-security-policy"]


@pytest.mark.parametrize(
    "asked, first, end",
    [
        (b"bytes=0-0", 0, 1),
        (b"bytes=64999-65000", 64_999, 65_001),
        (b"bytes=65000-129999", 65_000, 130_000),
        (b"bytes=150000-", 150_000, len(DATA)),
        (b"bytes=-7", len(DATA) - 7, len(DATA)),
        (b"bytes=100-9999999999", 100, len(DATA)),
    ],
)
async def test_a_range_is_those_bytes(asked: bytes, first: int, end: int) -> None:
    node = Node()
    file = await handed_over(node, DATA)
    answered = await get(node, file.number, asked)
    assert (answered.status, answered.body) == (206, DATA[first:end])
    told = f"bytes {first}-{end - 1}/{len(DATA)}".encode()
    assert answered.headers[b"content-range"] == told
    assert answered.headers[b"content-length"] == str(end - first).encode()


@pytest.mark.parametrize("asked", [b"bytes=5-2", b"bytes=-", b"lines=1-2", b"bytes=0-1,5-6", b""])
async def test_of_what_is_no_range_all_bytes_are_told(asked: bytes) -> None:
    node = Node()
    file = await handed_over(node, DATA)
    answered = await get(node, file.number, asked)
    assert (answered.status, answered.body) == (200, DATA)


@pytest.mark.parametrize("asked", [b"bytes=150600-", b"bytes=200000-200001", b"bytes=-0"])
def test_a_range_beyond_the_end_is_refused(asked: bytes) -> None:
    with pytest.raises(UserError) as caught:
        range_of({"headers": [(b"range", asked)]}, len(DATA))
    assert caught.value.kind == "no-range"


@pytest.mark.parametrize("number", ["7", "x", "-1", "1" * 30])
async def test_a_file_that_is_not_there_is_not_found(number: str) -> None:
    assert (await get(Node(), number)).status == 404


async def test_too_much_is_refused_before_it_is_all_read() -> None:
    pieces = (bytes(CARRIED_BYTES_MAX), b"x", b"y" * 100)
    answered = await request(FileUpload(Node(), Pictures()), pieces=pieces, query=b"name=a")
    assert answered.status == 413


async def test_a_connection_that_ends_within_the_file_hands_over_nothing() -> None:
    node = Node()
    endpoint = FileUpload(node, Pictures())

    assert (await request(endpoint, pieces=(), query=b"name=a")).status == 400
    assert (await request(endpoint, query=b"nom=a")).status == 400
    assert (await request(endpoint, query=b"media_type=a")).status == 400
    assert (await handed_over(node, b"")).number == 1


async def uploaded(node: Node, data: bytes, query: bytes) -> FileAnswer:
    answered = await request(FileUpload(node, Pictures()), pieces=(data,), query=query)
    assert answered.status == 200, answered.body
    return msgspec.json.decode(answered.body, type=FileAnswer)


async def test_a_picture_is_cleaned_before_the_node_has_it() -> None:
    node = Node()
    file = await uploaded(node, told_jpeg(), b"name=beach.jpg&media_type=image/jpeg")
    assert (file.look, file.width, file.height) == ("picture", 640, 480)
    assert (file.name, file.media_type) == ("beach.jpg", "image/jpeg")
    assert file.has_preview
    assert len(file.colours) == 9
    assert file.colours[0].startswith("#f")
    [added] = [one for one in node.asked if isinstance(one, AddFile)]
    assert MARK not in added.data + added.shown.preview + added.shown.hint
    assert MARK not in (await get(node, file.number)).body


async def test_a_picture_that_goes_as_a_file_goes_as_it_is() -> None:
    node = Node()
    file = await uploaded(node, told_jpeg(), b"name=beach.jpg&look=file")
    assert (file.look, file.width, file.has_preview) == ("file", 0, False)
    assert (await get(node, file.number)).body == told_jpeg()


async def test_a_large_picture_may_come_in_and_a_large_file_may_not() -> None:
    large = encoded(gradient(1_000, 1_000), "PNG", compress_level=0)
    assert len(large) > CARRIED_BYTES_MAX
    node = Node()
    file = await uploaded(node, large, b"name=a.png")
    assert file.size <= CARRIED_BYTES_MAX
    answered = await request(
        FileUpload(node, Pictures()), pieces=(large,), query=b"name=a.png&look=file"
    )
    assert answered.status == 413


async def test_what_is_too_much_to_be_cleaned_is_refused_and_not_sent_as_it_is() -> None:
    node = Node()
    bomb = png(60_000, 60_000, zeros(1 << 19))
    answered = await request(FileUpload(node, Pictures()), pieces=(bomb,), query=b"name=a")
    assert answered.status == 422
    assert b"bad-picture" in answered.body
    assert not [one for one in node.asked if isinstance(one, AddFile)]


async def test_a_voice_note_brings_its_length_and_its_waveform() -> None:
    node = Node()
    query = b"name=note.webm&media_type=audio/webm&look=voice&duration_ms=4200&peaks=0,17,255"
    file = await uploaded(node, b"sound", query)
    assert (file.look, file.duration_ms, file.peaks) == ("voice", 4_200, [0, 17, 255])
    assert (file.colours, file.has_preview) == ([], False)


@pytest.mark.parametrize(
    "query",
    [
        b"look=voice&peaks=256",
        b"look=voice&peaks=1,,2",
        b"look=voice&peaks=-1",
        b"look=voice&peaks=" + b",".join([b"1"] * 65),
        b"look=voice&duration_ms=4294967296",
        b"look=picture",
        b"peaks=1",
        b"look=file&duration_ms=1",
    ],
)
async def test_what_no_file_can_look_like_is_refused(query: bytes) -> None:
    endpoint = FileUpload(Node(), Pictures())
    assert (await request(endpoint, query=b"name=a&" + query)).status == 400


async def picture(endpoint: FilePicture, number: int, query: bytes = b"") -> Answered:
    return await request(endpoint, path={"file": str(number)}, query=query)


def came(node: Node, data: bytes, preview: bytes = b"", look: FileLook = "picture") -> int:
    """Return the number of a file as some contact may describe it."""
    shown = Appearance(look, width=1 << 31, preview=preview)
    answer = node.person.ask(AddFile("a.jpg", "image/jpeg", data, shown))
    assert isinstance(answer, FileAnswer)
    return answer.number


async def test_a_picture_is_shown_as_it_was_drawn_here() -> None:
    node = Node()
    endpoint = FilePicture(node, Pictures())
    data = told_jpeg(6)
    number = came(node, data)
    answered = await picture(endpoint, number)
    assert answered.status == 200
    assert answered.headers[b"content-type"] == b"image/webp"
    assert answered.headers[b"x-content-type-options"] == b"nosniff"
    assert answered.body[:4] + answered.body[8:12] == b"RIFFWEBP"
    assert MARK not in answered.body
    large = await picture(endpoint, number, b"side=1600")
    assert len(large.body) > len(answered.body)


@pytest.mark.parametrize("query", [b"side=1", b"side=", b"side=999999", b"size=320", b"side=0320"])
async def test_a_picture_has_one_of_two_sizes(query: bytes) -> None:
    node = Node()
    answered = await picture(FilePicture(node, Pictures()), came(node, told_jpeg()), query)
    assert answered.status == 400


async def test_what_cannot_be_drawn_is_not_found_and_is_tried_once() -> None:
    node = Node()
    endpoint = FilePicture(node, Pictures())
    bomb = png(60_000, 60_000, zeros(1 << 19))
    for preview in (b"", bomb[:3_000], b"<svg onload=alert(1)>"):
        number = came(node, bomb, preview)
        assert (await picture(endpoint, number)).status == 404
        node.asked.clear()
        assert (await picture(endpoint, number)).status == 404
        # Its bytes are not asked for again.
        assert len(node.asked) == 1


async def test_the_preview_is_shown_where_the_picture_cannot_be() -> None:
    node = Node()
    preview = encoded(gradient(32, 24), "WEBP")
    answered = await picture(FilePicture(node, Pictures()), came(node, b"none", preview))
    assert answered.status == 200
    assert answered.body != preview


async def test_of_what_is_no_picture_none_is_shown() -> None:
    node = Node()
    endpoint = FilePicture(node, Pictures())
    looks: tuple[FileLook, ...] = ("file", "voice", "video")
    for look in looks:
        assert (await picture(endpoint, came(node, told_jpeg(), look=look))).status == 404
    assert (await picture(endpoint, 99)).status == 404


async def test_a_picture_is_read_when_its_turn_to_be_drawn_has_come() -> None:
    class Slow(Node):
        """Each block takes a while, in which all who may read begin to."""

        reading = most = 0

        async def ask(self, command: Command) -> Answer:
            if isinstance(command, AskFileBlock):
                self.reading += 1
                self.most = max(self.most, self.reading)
                await trio.sleep(0.05)
                self.reading -= 1
            return await super().ask(command)

    node = Slow()
    endpoint = FilePicture(node, Pictures())
    numbers = [came(node, told_jpeg(turn)) for turn in range(1, 9)]
    async with trio.open_nursery() as nursery:
        for number in numbers:
            nursery.start_soon(picture, endpoint, number)
    assert node.most == PICTURE_PROCESSES_MAX
