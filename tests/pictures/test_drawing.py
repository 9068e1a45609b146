"""Pictures leave without what they tell, and whatever comes costs bounded work."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from mesh.errors import UserError
from mesh.limits.content import FILE_PREVIEW_BYTES_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.pictures import PICTURE_BYTES_MAX, PREVIEW_SIDE_MAX
from mesh.pictures import limited
from mesh.pictures.drawing import CleanPicture, Pictures, checked, command_line
from tests.pictures.samples import (
    MARK,
    encoded,
    exif,
    gif_of_many_frames,
    gradient,
    held,
    jpeg_that_declares,
    noise,
    png,
    told_gif,
    told_jpeg,
    told_png,
    told_webp,
    webp_that_declares,
    zeros,
)

LOOSE = limited.Limits(
    memory_bytes=512 << 20,
    cpu_seconds=60,
    pixels=40_000_000,
    sent_bytes=CARRIED_BYTES_MAX,
    preview_bytes=FILE_PREVIEW_BYTES_MAX,
    side=0,
)


def image_in(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixel(image: Image.Image, across: int, down: int) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((across, down))
    assert isinstance(found, tuple)
    return found


async def clean(data: bytes) -> CleanPicture:
    cleaned = await Pictures().clean(data)
    assert cleaned is not None
    return cleaned


@pytest.mark.parametrize("make", [told_jpeg, told_png, told_webp, told_gif])
async def test_a_picture_tells_nothing_but_its_pixels(make: Callable[[], bytes]) -> None:
    data = make()
    assert MARK in data
    cleaned = await clean(data)

    for part in (cleaned.data, cleaned.preview, cleaned.hint):
        assert MARK not in part
        assert b"13.4050E" not in part
    image = image_in(cleaned.data)
    assert not image.getexif()
    assert not {"icc_profile", "exif", "xmp", "comment", "photoshop", "Comment"} & {*image.info}
    assert (cleaned.width, cleaned.height) == image.size == (640, 480)
    red, _, blue = pixel(image, 320, 20)
    assert red > 230
    assert blue < 40


@pytest.mark.parametrize("make", [told_jpeg, told_png, told_webp])
async def test_what_lies_on_its_side_is_set_upright(make: Callable[[int], bytes]) -> None:
    cleaned = await clean(make(6))
    image = image_in(cleaned.data)
    assert image.size == (480, 640)
    # The top of what the camera saw is on the right of what is seen.
    red, _, blue = pixel(image, 470, 320)
    assert red > 230
    assert blue < 40
    shown = await Pictures().show(held(make(6)), side=320)
    assert shown is not None
    assert image_in(shown).size == (240, 320)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"], ids=str
)
async def test_pictures_of_every_mode_are_drawn(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    image = Image.new("I;16", (60, 40), 40_000) if mode == "I;16" else gradient().convert(mode)
    cleaned = await clean(encoded(image, kind))
    assert image_in(cleaned.data).size == image.size
    if mode == "I;16":
        assert pixel(image_in(cleaned.data), 5, 5) == (155, 155, 155)


async def test_what_is_clear_stays_clear() -> None:
    image = Image.new("RGBA", (200, 100), (0, 128, 0, 0))
    image.paste((0, 128, 0, 255), (0, 0, 100, 100))
    cleaned = await clean(encoded(image, "PNG"))
    drawn = image_in(cleaned.data)
    assert drawn.getpixel((10, 10)) == (0, 128, 0, 255)
    assert drawn.getpixel((190, 10)) == (0, 128, 0, 0)


async def test_a_false_profile_of_colours_is_passed_over() -> None:
    cleaned = await clean(encoded(gradient(), "JPEG", icc_profile=b"no profile" * 40))
    assert b"ICC" not in cleaned.data


async def test_hint_and_preview_show_the_picture_within_their_bounds() -> None:
    for image in (gradient(), noise(900, 900), gradient(4_000, 4)):
        cleaned = await clean(encoded(image, "PNG"))
        assert len(cleaned.hint) == 28
        assert cleaned.hint[0] == 0x33
        assert 0 < len(cleaned.preview) <= FILE_PREVIEW_BYTES_MAX
        assert max(image_in(cleaned.preview).size) <= PREVIEW_SIDE_MAX
    cleaned = await clean(encoded(gradient(), "PNG"))
    red, green, blue = cleaned.hint[1:4]
    assert red > 240
    assert green == blue < 20


async def test_a_photograph_that_is_too_large_to_be_carried_is_drawn_smaller() -> None:
    data = encoded(noise(3_000, 2_000), "JPEG", quality=95, exif=exif())
    assert CARRIED_BYTES_MAX < len(data) < PICTURE_BYTES_MAX
    cleaned = await clean(data)
    assert len(cleaned.data) <= CARRIED_BYTES_MAX
    assert cleaned.width / cleaned.height == pytest.approx(1.5, abs=0.01)
    assert cleaned.named("DSC 1.JPEG") == "DSC 1.JPEG"
    assert cleaned.named("DSC 1.png") == "DSC 1.jpg"
    assert cleaned.named("DSC") == "DSC.jpg"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"no picture" * 50,
        told_jpeg()[:2_000],
        told_jpeg()[:-400],
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"GIF89a",
    ],
    ids=lambda data: repr(bytes(data[:12])),
)
async def test_one_that_is_damaged_is_refused_since_it_may_tell_a_place(data: bytes) -> None:
    with pytest.raises(UserError) as caught:
        await Pictures().clean(data)
    assert caught.value.kind == "bad-picture"
    assert await Pictures().show(held(data), side=320) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a text",
        encoded(gradient(), "TIFF"),
        encoded(gradient(), "BMP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
    ids=lambda data: repr(bytes(data[:12])),
)
async def test_what_does_not_begin_as_a_picture_is_none(data: bytes) -> None:
    assert await Pictures().clean(data) is None
    assert await Pictures().show(held(data), side=320) is None


BOMBS = {
    "a png of 60,000 x 60,000": lambda: png(60_000, 60_000, zeros(1 << 20)),
    "a png that unpacks to 256 MiB": lambda: png(6_000, 6_000, zeros(256 << 20)),
    "a profile that unpacks to 128 MiB": lambda: png(
        9, 9, zeros(90), (b"iCCP", b"sRGB\0\0" + zeros(128 << 20))
    ),
    "a text that unpacks to 128 MiB": lambda: png(
        9, 9, zeros(90), (b"zTXt", b"a\0\0" + zeros(128 << 20))
    ),
    "a gif of a million frames": lambda: gif_of_many_frames(1_000_000),
    "a jpeg of 65,500 x 65,500": lambda: jpeg_that_declares(65_500, 65_500),
    "a webp of 16,383 x 16,383": lambda: webp_that_declares(16_383, 16_383),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_costs_bounded_work_and_gets_one_clear_answer(name: str) -> None:
    data = BOMBS[name]()
    before = os.times()
    pictures = Pictures()
    try:
        cleaned = await pictures.clean(data)
        assert cleaned is None or cleaned.width * cleaned.height <= 40_000_000
    except UserError as error:
        assert error.kind == "bad-picture"  # noqa: PT017 (each of the three is an answer)
    shown = await pictures.show(held(data), side=320)
    assert shown is None or max(image_in(shown).size) <= 320
    after = os.times()
    # Twice five seconds of the processor, and what it takes to start.
    assert after.children_user + after.children_system < (
        before.children_user + before.children_system + 11
    )


async def test_what_declares_too_many_pixels_is_refused_though_there_is_memory_for_it() -> None:
    data = png(7_000, 6_000, zeros(42_000_000 + 6_000))
    with pytest.raises(UserError) as caught:
        await Pictures().clean(data)
    assert caught.value.kind == "bad-picture"
    assert await Pictures().show(held(data), side=320) is None


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "PPM", "TGA"])
def test_the_process_knows_four_kinds_of_pictures(kind: str) -> None:
    with pytest.raises(UnidentifiedImageError):
        limited.opened(encoded(gradient(), kind), LOOSE, 320)


def drawing() -> psutil.Process | None:
    """The process that draws for us, if one does: whatever else has run here may be a zombie."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("limited.py" in word for word in child.cmdline()):
                return child
    return None


GIVEN_UP = """
import os, socket, sys
from mesh.pictures import limited
limits = limited.Limits(512 << 20, 2, 1, 1, 1, 0)
limited.load_all(limited.Limits(512 << 20, 9, 10_000, 975_000, 3_000, 0))
limited.give_up_rights(limits)
"""
LIMITS_ALONE = GIVEN_UP.replace(
    "limited.give_up_rights", "limited.refuse_other_calls = lambda *_: None\nlimited.give_up_rights"
)


@pytest.mark.skipif(sys.platform == "win32", reason="it bounds time and pixels there")
@pytest.mark.parametrize(
    "deed, end",
    [
        ("open('/etc/hostname')", "OSError"),
        ("socket.socket()", "OSError"),
        ("os.pipe()", "OSError"),
        ("bytearray(600 << 20)", "MemoryError"),
        ("while True: pass", "-24 or -9"),
        ("print('nothing of it', file=sys.stderr)", "nothing of it"),
    ],
)
def test_the_process_may_do_nothing_but_draw(deed: str, end: str) -> None:
    done = subprocess.run(
        # Where nothing but limits is to be had.
        [sys.executable, "-c", f"{LIMITS_ALONE}\n{deed}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if end == "-24 or -9":
        assert done.returncode in (-24, -9)
    else:
        assert end in done.stderr


READ_OTHERS = """
import ctypes
other = ctypes.create_string_buffer(16)
class Piece(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
piece = Piece(ctypes.addressof(other), 1)
errno = ctypes.get_errno
library = ctypes.CDLL(None, use_errno=True)
library.process_vm_readv(os.getppid(), ctypes.byref(piece), 1, ctypes.byref(piece), 1, 0)
print(os.strerror(errno()), file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no filter of calls")
@pytest.mark.parametrize(
    "deed",
    [
        "os.kill(os.getppid(), 0)",
        "os.fork()",
        "os.stat('/etc/hostname')",
        "os.sched_setaffinity(os.getppid(), [0])",
        READ_OTHERS,
    ],
    ids=["signal", "fork", "look", "processor", "memory"],
)
def test_the_process_reaches_no_other_process_and_no_name(deed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{GIVEN_UP}\n{deed}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Operation not permitted" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
async def test_the_process_has_no_variables_and_no_descriptors_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESH_SECRET", "a secret")
    data = encoded(noise(2_400, 2_000, "RGBA"), "PNG", compress_level=0)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    seen: list[tuple[list[str], dict[str, str]]] = []

    async def look() -> None:
        while not seen:
            child = drawing()
            if child is not None:
                seen.append((os.listdir(f"/proc/{child.pid}/fd"), child.environ()))
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await Pictures().show(held(data), side=1_600)
        nursery.cancel_scope.cancel()
    os.close(reading)
    os.close(writing)
    assert seen
    descriptors, variables = seen[0]
    # A file that it loads may be open just then.
    assert str(writing) not in descriptors
    assert len(descriptors) <= 5
    assert "MESH_SECRET" not in variables


def test_the_command_tells_all_limits() -> None:
    told = json.loads(command_line(320)[-1])
    assert limited.Limits(**told).side == 320


async def test_who_is_cancelled_leaves_no_process_and_waits_for_none() -> None:
    data = encoded(noise(2_400, 2_000, "RGBA"), "PNG", compress_level=0)

    async def wait_until_it_draws() -> psutil.Process:
        while True:
            child = drawing()
            # It has all bytes, and goes on for five seconds of the processor.
            if child is not None and child.cpu_times().user > 1:
                return child
            await trio.sleep(0.02)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Pictures().clean, data)
        drawn = await wait_until_it_draws()
        nursery.cancel_scope.cancel()
        began = trio.current_time()
    assert trio.current_time() < began + 1
    # Not even a zombie is left of it.
    assert not psutil.pid_exists(drawn.pid)


PICTURE = encoded(gradient(8, 8), "WEBP")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{}",
        b"[]\n",
        b'{"failure": "other"}\n',
        b'{"picture_bytes": 5}\n12345',
        b'{"picture_bytes": 999999999999}\n',
        b'{"picture_bytes": %d}\n%bmore' % (len(PICTURE), PICTURE),
        b'{"picture_bytes": %d, "media_type": "image/svg+xml"}\n%b' % (len(PICTURE), PICTURE),
        b'{"picture_bytes": %d, "media_type": "image/png"}\n%b' % (len(PICTURE), PICTURE),
        b'{"picture_bytes": %d, "width": 0}\n%b' % (len(PICTURE), PICTURE),
        b'{"picture_bytes": %d, "hint": "no"}\n%b' % (len(PICTURE), PICTURE),
        b'{"picture_bytes": %d, "hint": "%b"}\n%b' % (len(PICTURE), b"00" * 65, PICTURE),
    ],
)
def test_what_the_process_may_not_write_is_refused(written: bytes) -> None:
    with pytest.raises(UserError) as caught:
        checked(written)
    assert caught.value.kind == "bad-picture"


def test_what_it_writes_is_taken() -> None:
    written = b'{"picture_bytes": %d}\n%b' % (len(PICTURE), PICTURE)
    assert checked(written)[1] == PICTURE


@given(st.binary(max_size=300))
def test_whatever_it_writes_nothing_but_a_refusal_comes_of_it(written: bytes) -> None:
    try:
        told, picture, preview = checked(written)
    except UserError:
        return
    assert (picture, preview) == (b"", b"") or told.picture_bytes
