"""Files that are handed to the node to be sent, and items that are sent on."""

import mimetypes
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from mesh.cli.layout import size
from mesh.cli.sanitise import clean_line
from mesh.client import CARRY_FILE, Client
from mesh.commands.files import FileAnswer
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CHUNK_BYTES
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.pictures import PICTURE_BYTES_MAX
from mesh.pictures.kinds import BEGINNING_BYTES, is_picture


def hand_over(client: Client, path: Path, *, as_file: bool) -> FileAnswer:
    """Hand a file to the node. Nothing of it but bytes and name is told."""
    media_type = mimetypes.guess_type(path.name)[0] or CARRY_FILE
    # A name may hold bytes that are no text.
    name = path.name.encode(errors="replace").decode()
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            # A pipe could keep the command waiting for ever.
            raise UserError("bad-file", f"{path} is no regular file.")
        with path.open("rb") as file:
            data = file.read(BEGINNING_BYTES)
            # Of a picture a smaller one is sent.
            is_drawn = is_picture(data) and not as_file
            bytes_max = PICTURE_BYTES_MAX if is_drawn else CARRIED_BYTES_MAX
            data += file.read(bytes_max + 1 - len(data))
            if len(data) > bytes_max and is_drawn:
                raise UserError(
                    "too-large",
                    f"{path} is too large to be drawn anew: {bytes_max} bytes at most. With "
                    "--as-file it goes as it is.",
                )
            if len(data) > bytes_max:
                return hand_over_large(client, path, name, media_type, chain([data], rest(file)))
    except OSError as error:
        raise UserError("bad-file", f"Cannot read {path}: {error.strerror}.") from None
    return client.add_file(name, media_type, data, as_it_is=as_file)


def left_out_of(path: Path, file: FileAnswer) -> str:
    """Say what of a file is not sent, or that all of it is; nothing where that is plain."""
    name = clean_line(path.name)
    if file.look == "picture":
        shown = f"{file.width} x {file.height} pixels, {size(file.size)}"
        return f"{name}: a picture of {shown}. It tells neither place nor camera."
    if file.media_type.startswith(("image/", "video/")):
        return f"{name} goes as it is, with what it tells of place, time and camera."
    return ""


def hand_over_large(
    client: Client, path: Path, name: str, media_type: str, pieces: Iterable[bytes]
) -> FileAnswer:
    """Hand over a file that stays where it is; as bytes where the node takes no paths of us."""
    try:
        whole = str(path.absolute())
        whole.encode()
        return client.add_file_at(whole, name, media_type)
    except UnicodeEncodeError:
        pass
    except UserError as error:
        if error.kind != "not-allowed":
            raise
    return client.add_large_file(name, media_type, pieces)


def rest(file: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of a file."""
    while piece := file.read(API_CHUNK_BYTES):
        yield piece


def forwarded(client: Client, item: ItemAnswer, chat: str, *, says_author: bool) -> WriteItem:
    """Return what sends an item on; UserError where it is nothing that can be."""
    if item.kind != "text" or item.gone:
        raise UserError(
            "bad-content", f"The message {item.number} has no words that can be sent on."
        )
    if item.timer:
        raise UserError("not-allowed", "What disappears is not forwarded.")
    author = ""
    if says_author and item.author.is_mine:
        author = client.ask(AskIdentity(), IdentityAnswer).name
    elif says_author:
        author = item.author.label
    return WriteItem(
        chat,
        text=item.text,
        marks=tuple(item.marks),
        # Who sent it on before was not who wrote it.
        forwarded=(item.forwarded or author) if says_author else "",
        files=tuple(file.number for file in item.files),
    )
