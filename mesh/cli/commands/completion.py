"""`mesh completion`: the script by which a shell completes our commands."""

import click
from click.shell_completion import get_completion_class

from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal

SHELLS = ("bash", "zsh", "fish")


@click.command(
    help="""\
Print the script that makes a shell complete commands, options and contacts.

\b
Examples:
  eval "$(mesh completion bash)"                  in ~/.bashrc
  eval "$(mesh completion zsh)"                   in ~/.zshrc
  mesh completion fish > ~/.config/fish/completions/mesh.fish
""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@shared_options
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    choices: Choices = ctx.obj
    terminal = Terminal(choices)
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "mesh", "_MESH_COMPLETE").source()
    if terminal.is_json:
        terminal.json({"script": script})
    else:
        terminal.result(script)
