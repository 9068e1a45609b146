"""`mesh settings`: what this node does for whom, how it is found, when it locks."""

from collections.abc import Mapping

import click

from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.layout import columns, find_bytes, size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.settings import AskSettings, ChangeSettings, SettingAnswer, SettingsAnswer
from mesh.config import Value
from mesh.errors import UserError
from mesh.node.config_file import change_settings, find_settings
from mesh.settings import require_known

RESTART = "mesh down, then mesh up"


@click.command(
    help="""\
Show all settings, one, or change one. With --reset NAME has its default again.

They stand in config.toml of the profile, which you may edit as well. What is changed here is
checked, and taken over at once wherever that can be; else it says that the node has to be started
again. The environment (MESH_ and the name in capitals) and options of `mesh up` win over the file.
What mesh a profile belongs to is no setting: there is `mesh join`. Read receipts are set for each
contact (`mesh contact receipts`) and each group (`mesh group receipts`).

\b
Examples:
  mesh settings
  mesh settings stored_bytes_max 2GiB
  mesh settings carried_days 7
  mesh settings auto_lock_minutes 10
  mesh settings carried_days --reset
  mesh settings --json | jq '.settings[] | select(.is_waiting) | .name'
""",
)
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.option("--reset", is_flag=True, help="Let NAME have its default again.")
@shared_options
@click.pass_obj
def settings(choices: Choices, name: str | None, value: str | None, *, reset: bool) -> None:
    terminal = Terminal(choices)
    if reset and (name is None or value is not None):
        raise click.UsageError("--reset takes the NAME of a setting and no VALUE.")
    if name is None:
        found = shown(choices)
        if terminal.is_json:
            terminal.json(found)
        else:
            for line in columns([row_of(one) for one in found.settings]):
                terminal.result(line)
        return
    if value is not None or reset:
        one, is_running = changed(choices, name, None if value is None else as_bytes(name, value))
        if not terminal.is_json:
            tell_change(terminal, one, is_running=is_running)
    else:
        require_known(name)
        (one,) = (each for each in shown(choices).settings if each.name == name)
        if not terminal.is_json:
            for line in lines_of(one):
                terminal.result(line)
    if terminal.is_json:
        terminal.json(one)


def shown(choices: Choices) -> SettingsAnswer:
    """Return all settings: those of the node, or, if none runs, those of its next start."""
    try:
        return client_of(choices).ask(AskSettings(), SettingsAnswer)
    except UserError as error:
        if error.kind != "not-running":
            raise
    return SettingsAnswer(settings=find_settings(folders_of(choices).config_file))


def changed(choices: Choices, name: str, value: Value) -> tuple[SettingAnswer, bool]:
    """Change one; return it, and whether a node runs that was told."""
    values: Mapping[str, Value] = {name: value}
    try:
        answer = client_of(choices).ask(ChangeSettings(dict(values)), SettingsAnswer)
    except UserError as error:
        if error.kind != "not-running":
            raise
        path = folders_of(choices).config_file
        change_settings(path, values)
        return find_settings(path, values)[0], False
    return answer.settings[0], True


def as_bytes(name: str, value: str) -> Value:
    """Return a value as it was typed; a size may be typed as people write it."""
    size_bytes = find_bytes(value) if name.endswith("_bytes_max") else None
    return value if size_bytes is None else size_bytes


def tell_change(terminal: Terminal, one: SettingAnswer, *, is_running: bool) -> None:
    """Say what holds now, and what keeps it from holding."""
    if one.source == "environment":
        terminal.warn(
            f"{one.variable} in the environment, or an option of `mesh up`, wins over the file: "
            f"{one.name} stays {worded(one.name, one.value)} as long as it is there."
        )
    elif one.is_waiting:
        terminal.say(
            f"{one.name} is {worded(one.name, one.value)} from the next start on: {RESTART}"
        )
    elif is_running:
        terminal.say(f"{one.name} is {worded(one.name, one.value)} now.")
    else:
        terminal.say(f"{one.name} is {worded(one.name, one.value)} when Mesh starts.")


def worded(name: str, value: Value) -> str:
    """Return a value as a person reads it."""
    match value:
        case None | "":
            return "not set"
        case bool():
            return "true" if value else "false"
        case int() if name.endswith("_bytes_max"):
            return f"{value} ({size(value)})"
        case float():
            return f"{value:g}"
        case _:
            return clean_line(str(value))


def row_of(one: SettingAnswer) -> tuple[str, str, str]:
    """Return a line of the list."""
    source = {"default": "", "file": "file", "environment": f"environment: {one.variable}"}
    remarks = [source[one.source], "from the next start on" if one.is_waiting else ""]
    told = ", ".join(remark for remark in remarks if remark)
    return one.name, worded(one.name, one.value), told


def lines_of(one: SettingAnswer) -> list[str]:
    """Return all that is known of one setting."""
    _, value, remark = row_of(one)
    lines = [
        f"{one.name} = {value}{f'  ({remark})' if remark else ''}",
        one.meaning,
        f"default    {worded(one.name, one.default)}",
    ]
    if one.minimum is not None and one.maximum is not None:
        lines.append(f"bounds     {one.minimum:.0f} to {one.maximum:.0f}")
    if one.choices:
        lines.append(f"choices    {', '.join(one.choices)}")
    return [*lines, f"changes    {one.takes_effect}"]
