"""Says how this Mesh starts programs of its own: by the interpreter, or as a bundle by itself.

A bundle is a frozen program: `sys.executable` is Mesh and no Python, and knows no `-m`. It takes
`RUN` and the name of one of our modules instead, and calls the `main` of that.
"""

import sys
from importlib import import_module
from typing import Final

RUN: Final = "--run-module"
MODULES: Final = (
    "mesh.cli.main",
    "mesh.daemon.__main__",
    "mesh.node.strength",
    "mesh.pictures.limited",
)
"""All that may be started so."""


def is_bundle() -> bool:
    """Say whether this process is a bundle."""
    return bool(getattr(sys, "frozen", False))


def command_of(module: str) -> list[str]:
    """Return the beginning of the command that runs one of `MODULES`; its arguments follow.

    The folder that the process stands in adds no module to it.
    """
    assert module in MODULES
    if is_bundle():
        return [sys.executable, RUN, module]
    return [sys.executable, "-P", "-m", module]


def run_module(module: str) -> int:
    """Be one of `MODULES`, in a bundle; its arguments are those of this process."""
    if module not in MODULES:
        sys.stderr.write(f"{module} is no program of this bundle.\n")
        return 2
    code = import_module(module).main()
    return code if isinstance(code, int) else 0
