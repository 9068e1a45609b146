"""`mesh wipe`: removes a profile for ever."""

from typing import TYPE_CHECKING, Final

import click

from mesh.cli.commands.down import stop
from mesh.cli.daemon_client import folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.errors import UserError

if TYPE_CHECKING:
    from mesh.node.key_files import WrappedKey

WIPED_IN_PART: Final = ("copy-stays", "files-stay")
"""Kinds of failures of a wipe that has destroyed the keys."""

FLASH_WORD = "A flash disk may hold former blocks of the key until it reuses them"
PROTECTED_WORD = f"{FLASH_WORD}; what they open is safe as long as nobody guesses your passphrase."
UNPROTECTED_WORD = (
    f"{FLASH_WORD}, and without a passphrase whoever reads those blocks could open what is left of "
    "the profile."
)
RELAY_WORD = f"{FLASH_WORD}; what they open is mail of others, sealed for its readers."


@click.command(
    help="""\
Remove a profile for ever: its identity, contacts, messages and the mail that it carries.

A node that runs is stopped first. Nobody can undo this. The automatic copy in the profile's folder,
weekly.backup, goes too: copy it elsewhere first if you want to restore it. The keys are destroyed
before the files are removed, so that nothing can be read even if that is interrupted; then say it
again.

With --now nothing is asked: the keys are destroyed at once, and a node that runs or hangs is
killed.

\b
Examples:
  mesh wipe
  mesh wipe --profile test --yes
  mesh wipe --now
""",
)
@click.option("--now", is_flag=True, help="Ask nothing, wait for nobody.")
@shared_options
@click.pass_obj
def wipe(choices: Choices, *, now: bool) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    if not any(folder.exists() for folder in (folders.config, folders.data, folders.state)):
        raise UserError("not-found", f"There is no profile {folders.name}.")
    # The databases' library is large, and no other command needs it here.
    from mesh.node.profile import Profile
    from mesh.node.profiles import find_wrapped_key
    from mesh.node.wiping import wipe_at_once

    # Read before it goes; whether there is a passphrase is found out after that.
    key = find_wrapped_key(folders)
    try:
        if now:
            wipe_at_once(folders, timeout_s=choices.timeout)
        else:
            terminal.confirm(
                f"Remove the profile {folders.name} for ever, with its identity, its messages and "
                "its automatic backup?"
            )
            stop(choices)
            Profile(folders).wipe()
    except UserError as error:
        if error.kind in WIPED_IN_PART and not terminal.is_json:
            terminal.say(_flash_word(key))
        raise
    if terminal.is_json:
        terminal.json(Done())
    else:
        terminal.say(f"The profile {folders.name} is gone.")
        terminal.say(_flash_word(key))


def _flash_word(key: "WrappedKey | None") -> str:
    if key is None:
        return RELAY_WORD
    return UNPROTECTED_WORD if key.opens_without() else PROTECTED_WORD
