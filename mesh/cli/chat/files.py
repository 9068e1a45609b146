"""Files in the chat: one is sent, those of a message are saved, and a message is sent on."""

from pathlib import Path

from mesh.cli.chat.history import History
from mesh.cli.chat.wishes import item_in
from mesh.cli.chat.words import Typed, find_number, number_of
from mesh.cli.handing_over import forwarded, hand_over, left_out_of
from mesh.cli.items import progress_of
from mesh.cli.sanitise import clean_line
from mesh.cli.saving import safe_name, save_new
from mesh.client import Client
from mesh.commands.item_commands import WriteItem
from mesh.errors import UserError


def file_to_send(client: Client, conversation: int, path: str) -> tuple[WriteItem, str]:
    """Hand a file to the node; return what sends it, and what of it is to be known."""
    if not path:
        raise UserError("usage", "Say which file: /file ~/map.png")
    chosen = Path(path).expanduser()
    file = hand_over(client, chosen, as_file=False)
    return WriteItem(conversation, files=(file.number,)), left_out_of(chosen, file)


def saved(client: Client, history: History, typed: Typed) -> str:
    """Save the files of a message in the folder where the chat was begun; say where they are."""
    item = item_in(history, number_of(typed))
    if not item.files:
        raise UserError("not-found", f"The message {item.number} has no files.")
    told = []
    for file in item.files:
        if file.state == "here":
            path = save_new(Path.cwd() / safe_name(file.name), client.file_bytes(file.number))
            told.append(f"{clean_line(str(path))} holds it.")
        else:
            told.append(f"{clean_line(file.name)}: {progress_of(file)}.")
    return " ".join(told)


def to_send_on(client: Client, history: History, rest: str) -> WriteItem:
    """Return what sends a message of the history on into another conversation."""
    number, chat = find_number(rest)
    if number is None or not chat:
        raise UserError("usage", "Say which message, and into which chat: /forward 41 Cleo")
    return forwarded(client, item_in(history, number), chat, says_author=False)
