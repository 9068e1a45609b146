"""The process that decodes pictures. It takes bytes from its input, and writes what it drew.

It is run as a file of its own and imports nothing of Mesh, so that there is nothing in its memory
but the picture. Whatever a decoder can be made to do there, it does within limits of memory and
processor, and, once all is loaded, without a right to open any file or socket; on Linux it may ask
the system for nothing but memory, time, and to read and write what is open. `drawing.py` starts
it, bounds its time, and checks what it writes: a line of JSON, the picture, the preview.
"""

import ctypes
import errno
import io
import json
import platform
import struct
import sys
from typing import Final, NamedTuple

from PIL import Image, ImageCms

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
"""The decoders that may be used. MPO, of some cameras, is JPEG with more behind it."""

SIDE_MAX: Final = 4_096
SENT: Final = ((4_096, 90), (4_096, 80), (2_560, 85), (2_560, 75), (1_600, 75), (1_024, 60))
SENT_CLEAR: Final = ((2_560, 85), (1_600, 75), (1_024, 60))
"""The sides and qualities that are tried in turn, until a picture is small enough to be carried;
and those of one that is clear in places, which takes ten times as long.
"""

PREVIEWS: Final = ((320, 50), (320, 25), (240, 25), (160, 25), (112, 20), (64, 10))
"""The same of a preview."""

SHOWN_QUALITY: Final = 82
ORIENTATION: Final = 0x0112
"""The number of the field of EXIF that says which way is up."""

WAYS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture of each orientation is turned."""

GRID: Final = 3
"""The hint has the mean colours of so many columns and rows."""


CALLS: Final = {
    "x86_64": (
        0xC000_003E,
        # read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
        *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14),
        # rt_sigreturn writev sched_yield mremap madvise getpid exit gettimeofday sigaltstack
        *(15, 20, 24, 25, 28, 39, 60, 96, 131),
        # gettid futex restart_syscall clock_gettime exit_group getrandom rseq
        *(186, 202, 219, 228, 231, 318, 334),
    ),
    "aarch64": (
        0xC000_00B7,
        *(63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135),
        *(139, 66, 124, 216, 233, 172, 93, 169, 132),
        *(178, 98, 128, 113, 94, 278, 293),
    ),
}
"""What may be asked of Linux once all is loaded: memory, time, and what is open; not signals, nor
the memory of other processes. Each machine, and the numbers of the calls there (<linux/audit.h>,
<asm/unistd.h>).
"""


class Limits(NamedTuple):
    """The argument of this process. `side`: of what is shown; 0: the picture is to be sent."""

    memory_bytes: int
    cpu_seconds: int
    pixels: int
    sent_bytes: int
    preview_bytes: int
    side: int


class TooLargeError(Exception):
    """A picture of more pixels than are drawn."""


def main() -> None:
    """Draw what comes, within the limits."""
    limits = Limits(**json.loads(sys.argv[1]))
    Image.MAX_IMAGE_PIXELS = limits.pixels
    load_all(limits)
    give_up_rights(limits)
    data = sys.stdin.buffer.read()
    try:
        written = shown(data, limits) if limits.side else prepared(data, limits)
    except (TooLargeError, Image.DecompressionBombError, MemoryError):
        written = [b'{"failure": "too-large"}\n']
    except Exception:
        written = [b'{"failure": "unreadable"}\n']
    for piece in written:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def load_all(limits: Limits) -> None:
    """Draw one picture of each kind: Pillow loads its parts late, and later it cannot."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    small = Image.new("RGBA", (8, 8), "red")
    for kind in (*FORMATS, "MPO"):
        image = small.convert("RGB") if kind in ("JPEG", "MPO") else small
        written = io.BytesIO()
        more = [small.rotate(90).convert(image.mode)]
        is_moving = kind in ("GIF", "MPO")
        image.save(
            written, kind, exif=exif, icc_profile=profile, save_all=is_moving, append_images=more
        )
        prepared(written.getvalue(), limits)
        shown(written.getvalue(), limits._replace(side=4))


def give_up_rights(limits: Limits) -> None:
    """Bound this process, where the system can; on Windows time and pixels alone are bounded."""
    if sys.platform != "win32":
        import resource

        wanted = {
            resource.RLIMIT_AS: limits.memory_bytes,
            resource.RLIMIT_CPU: limits.cpu_seconds,
            resource.RLIMIT_CORE: 0,
            # Not a byte in a file.
            resource.RLIMIT_FSIZE: 0,
            # Neither another process nor another descriptor: no file, no socket.
            resource.RLIMIT_NPROC: 0,
            resource.RLIMIT_NOFILE: 0,
        }
        for kind, most in wanted.items():
            hard = resource.getrlimit(kind)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(kind, (bound, bound))
            except (OSError, ValueError):
                # macOS knows no bound of memory; time and pixels bound it there.
                if kind != resource.RLIMIT_AS or sys.platform != "darwin":
                    raise
    if sys.platform == "linux" and platform.machine() in CALLS:
        refuse_other_calls(*CALLS[platform.machine()])


def refuse_other_calls(machine: int, *allowed: int) -> None:
    """Let Linux answer all other calls with EPERM, from now on and for good.

    By a filter of system calls (seccomp(2), SECCOMP_MODE_FILTER). A kernel that was made without
    has the limits alone.
    """
    load, is_equal, answer = 0x20, 0x15, 0x06
    count = len(allowed)
    program = [
        # The machine whose numbers these are: 32-bit calls have others.
        (load, 0, 0, 4),
        (is_equal, 0, count + 1, machine),
        (load, 0, 0, 0),
        *((is_equal, count - index, 0, call) for index, call in enumerate(allowed)),
        (answer, 0, 0, 0x0005_0000 | errno.EPERM),
        (answer, 0, 0, 0x7FFF_0000),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    # struct sock_fprog
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    library = ctypes.CDLL(None)
    # <sys/prctl.h>
    set_no_new_privileges, set_filter, by_filter = 38, 22, 2
    library.prctl(set_no_new_privileges, 1, 0, 0, 0)
    library.prctl(set_filter, by_filter, head, 0, 0)


def prepared(data: bytes, limits: Limits) -> list[bytes]:
    """Return a picture without what it tells beside its pixels, with a hint and a preview."""
    image, kind = opened(data, limits, SIDE_MAX)
    media_type, picture = encoded(image, kind, limits.sent_bytes)
    small = io.BytesIO()
    for side, quality in PREVIEWS:
        small = io.BytesIO()
        fitted(image, side).save(small, "WEBP", quality=quality, method=4)
        if small.tell() <= limits.preview_bytes:
            break
    preview = small.getvalue() if small.tell() <= limits.preview_bytes else b""
    with Image.open(io.BytesIO(picture), formats=FORMATS) as sent:
        width, height = sent.size
    told = {
        "media_type": media_type,
        "width": width,
        "height": height,
        "hint": hint_of(image).hex(),
        "picture_bytes": len(picture),
        "preview_bytes": len(preview),
    }
    return [json.dumps(told).encode() + b"\n", picture, preview]


def shown(data: bytes, limits: Limits) -> list[bytes]:
    """Return a picture as it is shown: WebP, of at most so many pixels a side."""
    image, _ = opened(data, limits, limits.side)
    written = io.BytesIO()
    fitted(image, limits.side).save(written, "WEBP", quality=SHOWN_QUALITY, method=2)
    picture = written.getvalue()
    told = {"media_type": "image/webp", "picture_bytes": len(picture)}
    return [json.dumps(told).encode() + b"\n", picture]


def opened(data: bytes, limits: Limits, side: int) -> tuple[Image.Image, str]:
    """Return the first picture of a file upright, in sRGB, at most `side` large; and its kind."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    kind = image.format or ""
    if image.width * image.height > limits.pixels:
        raise TooLargeError
    # A decoder of JPEG can leave out what would be thrown away.
    image.draft("RGB" if image.mode in ("RGB", "YCbCr") else None, (side, side))
    image.load()
    profile = image.info.get("icc_profile")
    fits = fitted(plain(image), side)
    turned = upright(fits, image.getexif().get(ORIENTATION, 1))
    drawn = in_srgb(turned, profile) if isinstance(profile, bytes) else turned
    drawn = drawn.convert("RGBA" if "A" in drawn.mode else "RGB")
    drawn.info = {}
    return drawn, "JPEG" if kind == "MPO" else kind


def plain(image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits a channel and without a palette."""
    if image.mode.startswith(("I", "F")):
        # 16 bits of grey.
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if image.mode in ("RGBA", "RGB", "CMYK", "L") and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def fitted(image: Image.Image, side: int) -> Image.Image:
    """Return a picture that is at most so large."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if scale == 1.0:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def upright(image: Image.Image, orientation: object) -> Image.Image:
    """Return a picture as it was taken, by what EXIF says of it."""
    way = WAYS.get(orientation) if isinstance(orientation, int) else None
    return image if way is None else image.transpose(way)


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture in the colours that every screen knows; one of a false profile as it is."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        turned = ImageCms.profileToProfile(
            image, own, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if turned is None else turned


def encoded(image: Image.Image, kind: str, bytes_max: int) -> tuple[str, bytes]:
    """Return a picture and its media type; exact where that is small enough and was so before."""
    written = io.BytesIO()
    if kind in ("PNG", "GIF"):
        image.save(written, "PNG")
        if written.tell() <= bytes_max:
            return "image/png", written.getvalue()
    is_clear = image.mode == "RGBA"
    form, media_type = ("WEBP", "image/webp") if is_clear else ("JPEG", "image/jpeg")
    for side, quality in SENT_CLEAR if is_clear else SENT:
        written = io.BytesIO()
        fitted(image, side).save(written, form, quality=quality, method=1)
        if written.tell() <= bytes_max:
            return media_type, written.getvalue()
    raise TooLargeError


def hint_of(image: Image.Image) -> bytes:
    """Return 28 bytes: columns and rows, 4 bits each, then their mean colours, row by row."""
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    means = ground.resize((GRID, GRID), Image.Resampling.BOX)
    return bytes([GRID << 4 | GRID]) + means.tobytes()


if __name__ == "__main__":
    main()
