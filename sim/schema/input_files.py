"""Files that a scenario or a study names: traces, graphs, walks."""

import os
from importlib.resources import files
from pathlib import Path
from typing import Final

from mesh.errors import UserError

REFERENCE_DATA: Final = "MESH_REFERENCE_DATA"
"""A folder with traces that may not come along."""

TEXT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of a graph or of walks."""


def find_file(name: str) -> Path:
    """A file: as it is named, among those that come along, or in MESH_REFERENCE_DATA.

    Raises UserError with the places in which it was looked for.
    """
    places = [Path(name), Path(str(files("sim") / "traces")) / name]
    elsewhere = os.environ.get(REFERENCE_DATA)
    if elsewhere:
        places.append(Path(elsewhere) / "traces" / name)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    hint = "" if elsewhere else f"; {REFERENCE_DATA} may name a folder with more of them"
    raise UserError("not-found", f"There is no file {name!r}: {looked}{hint}.")


def read_text(path: Path) -> str:
    """The text of a file that is not too large."""
    try:
        if path.stat().st_size > TEXT_BYTES_MAX:
            raise UserError("too-large", f"{path} has more than {TEXT_BYTES_MAX} bytes.")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError("not-found", f"{path} cannot be read: {error}.") from None
