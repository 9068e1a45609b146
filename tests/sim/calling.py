"""Commands of the simulator, called in this process."""

from click.testing import CliRunner

from sim.__main__ import main


def call(code: int, *arguments: str) -> str:
    """Return what a command prints; it must end with this exit code."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout
