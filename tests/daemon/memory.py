"""Looks for bytes in the memory of another process, as a thief of the running machine would."""

import re
import sys
from pathlib import Path

import pytest

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")


def require_memory(pid: int) -> None:
    """Skip where the memory of a process cannot be read."""
    if sys.platform != "linux":
        pytest.skip("only Linux shows the memory of a process")
    try:
        Path(f"/proc/{pid}/mem").open("rb").close()
    except PermissionError:
        pytest.skip("this user may not read the memory of a process")


def found_in_memory(pid: int, wanted: dict[str, bytes]) -> set[str]:
    """Return the names of those that stand anywhere in what a process can write."""
    found = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            region = _REGION.match(line)
            if region is None:
                continue
            start, end = (int(bound, 16) for bound in region.groups())
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                # Such as what a device has mapped.
                continue
            found |= {name for name, value in wanted.items() if value in content}
    return found
