"""The program of a bundle: `mesh`, and whatever else of Mesh `mesh` starts."""

import os
import sys

from mesh.program import RUN, run_module

RESTORED = "LD_LIBRARY_PATH"


def give_back_environment() -> None:
    """Take away what brought our libraries here: a browser that we start has libraries of its own.

    A bundle that this one starts begins like the first.
    """
    before = os.environ.pop(f"{RESTORED}_ORIG", None)
    if before:
        os.environ[RESTORED] = before
    else:
        os.environ.pop(RESTORED, None)
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def main() -> None:
    """Run a module of ours if that is asked, or else the command line."""
    give_back_environment()
    if sys.argv[1:2] == [RUN]:
        module, sys.argv[1:] = sys.argv[2], sys.argv[3:]
        sys.exit(run_module(module))
    if os.sep in sys.argv[0]:
        # It is on no path: what a person is told to type is what they typed.
        os.environ.setdefault("MESH_COMMAND", sys.argv[0])
    from mesh.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
