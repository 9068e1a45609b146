"""`mesh react` and `mesh pin`: what is said about a message without words."""

import click

from mesh.cli.changing import ItemNumber, change, checked_emoji
from mesh.cli.commands.chat_settings import change_chat
from mesh.cli.completing import complete_chat
from mesh.cli.options import Choices, shared_options
from mesh.commands.conversations import ChangeConversation
from mesh.commands.item_commands import PinItem, ReactToItem
from mesh.limits.content import EMOJI_MAX


@click.command(
    help="""\
React to a message with up to 3 emoji; they take the place of yours before.

NUMBER is what mesh read shows behind the #.

\b
Examples:
  mesh react 1041 👍
  mesh react 1041 🎉 ❤️
  mesh react 1041 --none
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("emoji", nargs=-1)
@click.option("--none", "is_none", is_flag=True, help="Take your reactions back.")
@shared_options
@click.pass_obj
def react(choices: Choices, number: int, emoji: tuple[str, ...], *, is_none: bool) -> None:
    if is_none == bool(emoji):
        raise click.UsageError("Say one to three emoji, or --none to take yours back.")
    if len(emoji) > EMOJI_MAX:
        raise click.UsageError(f"At most {EMOJI_MAX} emoji go on one message.")
    change(choices, ReactToItem(number, checked_emoji(emoji)))


@click.command(
    help="""\
Pin a message: it stays at hand for both, until one of you takes the pin off.

NUMBER is what mesh read shows behind the #. mesh board shows what is pinned. With --chat a whole
conversation is pinned instead: it stands first in mesh chats, here alone.

\b
Examples:
  mesh pin 1041
  mesh pin 1041 --off
  mesh pin --chat Ben
"""
)
@click.argument("number", type=ItemNumber, required=False)
@click.option("--chat", metavar="CHAT", help="Pin this conversation.", shell_complete=complete_chat)
@click.option("--off", is_flag=True, help="Take the pin off.")
@shared_options
@click.pass_obj
def pin(choices: Choices, number: int | None, chat: str | None, *, off: bool) -> None:
    if (number is None) == (chat is None):
        raise click.UsageError("Say the number of a message, or --chat CHAT.")
    if number is not None:
        change(choices, PinItem(number, is_on=not off))
    elif chat is not None:
        how = "is not pinned any more" if off else "is pinned"
        change_chat(choices, ChangeConversation(chat, is_pinned=not off), how)
