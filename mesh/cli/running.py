"""Finds the nodes of this computer that run, and names them where another one does not."""

from mesh.api.doors import door_of
from mesh.cli.options import Choices
from mesh.client import NOT_RUNNING, Client
from mesh.errors import UserError
from mesh.node.folders import DEFAULT_PROFILE, ProfileFolders


def start_command(profile: str) -> str:
    """Return the command that starts a profile."""
    return command_for(profile, "up")


def command_for(profile: str, words: str) -> str:
    """Return what a person types to say something to a profile."""
    return f"mesh {words}" + ("" if profile == DEFAULT_PROFILE else f" --profile {profile}")


def running_profiles() -> list[ProfileFolders]:
    """Return the profiles whose nodes run."""
    # Read only where somebody has to be told: most commands reach their node.
    from mesh.node.profiles import all_profiles

    return [folders for folders in all_profiles() if Client(door_of(folders)).is_running()]


def others_word(profile: str) -> str:
    """Name the profiles that do run, with a space before; empty if none does."""
    names = [folders.name for folders in running_profiles() if folders.name != profile]
    if not names:
        return ""
    how = f"--profile {names[0]}" if len(names) == 1 else "--profile NAME"
    return f" Running now: {', '.join(names)} (say {how})."


def told_in_full(error: BaseException, choices: Choices) -> BaseException:
    """Return an error as a person is told it: where nothing runs, with what runs instead."""
    if not isinstance(error, UserError) or str(error) != NOT_RUNNING:
        return error
    profile = choices.profile or DEFAULT_PROFILE
    where = "" if profile == DEFAULT_PROFILE else f" in the profile {profile}"
    others = others_word(profile)
    end = "." if others else ""
    sentence = f"Mesh is not running{where}. Start it with: {start_command(profile)}{end}{others}"
    return UserError(error.kind, sentence)
