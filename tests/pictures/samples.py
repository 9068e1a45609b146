"""Pictures as cameras, programs and attackers make them."""

import functools
import io
import os
import struct
import zlib
from collections.abc import Awaitable, Callable

from PIL import Image, ImageCms, PngImagePlugin

MARK = b"52.5200N 13.4050E"
"""What no picture that leaves may tell."""


def gradient(width: int = 640, height: int = 480) -> Image.Image:
    """A picture whose left is dark, whose right is light, and whose top is red."""
    grey = Image.linear_gradient("L").rotate(90).resize((width, height))
    image = Image.merge("RGB", (grey, grey, grey))
    image.paste((255, 0, 0), (0, 0, width, height // 3))
    return image


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.frombytes(mode, (width, height), os.urandom(width * height * len(mode)))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """Camera, place, time and a thumbnail that a camera would write."""
    told = Image.Exif()
    told[0x010F] = told[0x9286] = MARK.decode()
    told[0x0112] = orientation
    told.get_ifd(0x8825)[1] = "N"
    told.get_ifd(0x8825)[29] = MARK.decode()
    return told


@functools.cache
def profile() -> bytes:
    """The profile of the screen. Made once, since it tells the second in which it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def told_jpeg(orientation: int = 1) -> bytes:
    """A JPEG that tells all that one can: EXIF, XMP, IPTC, comment, profile, and bytes behind."""
    plain = encoded(
        gradient(),
        "JPEG",
        exif=exif(orientation),
        comment=MARK,
        xmp=b"<x:xmpmeta>" + MARK + b"</x:xmpmeta>",
        icc_profile=profile() + MARK,
    )
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(MARK)) + MARK
    segment = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    return plain[:2] + segment + plain[2:] + MARK


def told_png(orientation: int = 1) -> bytes:
    """A PNG with texts of all three kinds, EXIF, a time, and bytes behind."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", MARK.decode())
    texts.add_itxt("XML:com.adobe.xmp", MARK.decode())
    texts.add(b"tIME", MARK[:7])
    told = {"exif": exif(orientation), "icc_profile": b"no profile " + MARK}
    return encoded(gradient(), "PNG", pnginfo=texts, **told) + MARK


def told_webp(orientation: int = 1) -> bytes:
    return encoded(gradient(), "WEBP", exif=exif(orientation), xmp=MARK, icc_profile=profile())


def told_gif() -> bytes:
    frames = [gradient(), gradient().rotate(180)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=MARK)


def png(width: int, height: int, pixels: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of 8 bits of grey that declares this and holds that."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *more]
    parts += [(b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def zeros(count: int) -> bytes:
    """So many zeros, packed."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    packed = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*packed, packer.compress(bytes(count & (1 << 20) - 1)), packer.flush()])


def gif_of_many_frames(count: int) -> bytes:
    frame = b"\x21\xf9\x04\x00\x00\x00\x00\x00,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + frame * count + b";"


def jpeg_that_declares(width: int, height: int) -> bytes:
    plain = encoded(gradient(64, 64), "JPEG")
    at = plain.index(b"\xff\xc0") + 5
    return plain[:at] + struct.pack(">HH", height, width) + plain[at + 4 :]


def webp_that_declares(width: int, height: int) -> bytes:
    plain = encoded(gradient(64, 64), "WEBP", exif=b"Exif\0\0")
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return plain[:24] + sizes + plain[30:]


def held(data: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return what reads a picture that is in memory already."""

    async def read() -> bytes:
        return data

    return read
