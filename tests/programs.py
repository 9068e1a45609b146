"""Programs that some tests use and that not every machine has."""

import os
import shutil

import pytest


def where_is(program: str, *, required_as: str) -> str:
    """The path of a program; skips without it, or fails where `MESH_REQUIRE` names it so."""
    path = shutil.which(program)
    if path is not None:
        return path
    if required_as in os.environ.get("MESH_REQUIRE", "").split(","):
        pytest.fail(f"MESH_REQUIRE asks for {required_as}, but there is no {program}")
    pytest.skip(f"there is no {program} on this machine")
