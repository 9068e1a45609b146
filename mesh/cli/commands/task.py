"""`mesh task`: what is to be done, and by whom."""

from typing import Literal

import click

from mesh.cli.changing import ItemNumber, change, keys_of
from mesh.cli.completing import complete_chat, complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime, moment_in
from mesh.cli.options import Choices, shared_options
from mesh.commands.item_commands import ChangeTask, WriteItem
from mesh.commands.items import TaskState


@click.group(
    help="""\
Add and change tasks of a conversation; mesh board lists those that are not done.

\b
Examples:
  mesh task add Ben "Buy water" --for Ben --until 2d
  mesh task start 1041
  mesh task done 1041
"""
)
def task() -> None:
    pass


@task.command(
    "add",
    help="""\
Add a task to a conversation.

\b
Examples:
  mesh task add Ben "Buy water"
  mesh task add Ben "Buy water" --notes "Six boxes" --for me --for Ben --until 2d
""",
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("title")
@click.option("--notes", default="", help="What else is to be known.")
@click.option(
    "--for",
    "whom",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_contact,
    help='Whose task it is; may be said again, also "me".',
)
@click.option("--until", type=Lifetime(), metavar="TIME", help="By when: 2d.")
@shared_options
@click.pass_obj
def add(
    choices: Choices, chat: str, title: str, notes: str, whom: tuple[str, ...], until: int | None
) -> None:
    keys = keys_of(client_of(choices), whom)
    command = WriteItem(chat, "task", title=title, notes=notes, whom=keys, until=moment_in(until))
    change(choices, command)


def stating(name: str, state: TaskState, told: str) -> None:
    """Add the command that brings a task into a state."""

    @task.command(name, help=f"{told}\n\n\b\nExamples:\n  mesh task {name} 1041\n")
    @click.argument("number", type=ItemNumber)
    @shared_options
    @click.pass_obj
    def stated(choices: Choices, number: int) -> None:
        change(choices, ChangeTask(number, "state", state))


stating("start", "doing", "Say that a task is being done.")
stating("done", "done", "Say that a task is done.")
stating("reopen", "open", "Say that a task is to be done again.")


@task.command(
    "change",
    help="""\
Change what a task says. What is not named stays; --for and --until may be emptied with none.

\b
Examples:
  mesh task change 1041 --title "Buy eight boxes of water"
  mesh task change 1041 --for Ben --until 3d
  mesh task change 1041 --until none
""",
)
@click.argument("number", type=ItemNumber)
@click.option("--title", help="Other words for what is to be done.")
@click.option("--notes", help="What else is to be known.")
@click.option("--for", "whom", multiple=True, metavar="NAME", shell_complete=complete_contact)
@click.option("--until", metavar="TIME", help="By when: 2d; or none.")
@shared_options
@click.pass_obj
def change_task(
    choices: Choices,
    number: int,
    title: str | None,
    notes: str | None,
    whom: tuple[str, ...],
    until: str | None,
) -> None:
    fields: list[tuple[Literal["title", "notes", "for", "until"], str | int | tuple[str, ...]]] = []
    if title is not None:
        fields.append(("title", title))
    if notes is not None:
        fields.append(("notes", notes))
    if whom:
        named = () if whom == ("none",) else whom
        fields.append(("for", keys_of(client_of(choices), named)))
    if until is not None:
        seconds = None if until == "none" else Lifetime()(until)
        fields.append(("until", moment_in(seconds)))
    if not fields:
        raise click.UsageError("Say what is to change: --title, --notes, --for or --until.")
    for field, value in fields:
        change(choices, ChangeTask(number, field, value))
