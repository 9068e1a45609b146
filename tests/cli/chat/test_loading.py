"""The library that draws the chat is loaded by the chat alone: it would slow every command."""

import subprocess
import sys

LOADED = (
    "import sys; from mesh.cli.main import run; "
    "codes = [run([name, '--help']) for name in ('chat', 'read', 'send')]; "
    "sys.exit(codes != [0, 0, 0] or 'prompt_toolkit' in sys.modules)"
)


def test_no_other_command_loads_it() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=False)
    assert done.returncode == 0
