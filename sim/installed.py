"""Additions of installed packages to the simulator: workloads, faults and routers, by their names.

A package names each in its metadata, as an entry point of one of three groups (the table `GROUPS`),
and the simulator looks it up when a scenario or a command asks for it. `docs/studies.md` says what
each has to be.
"""

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from mesh.errors import UserError

Kind = Literal["workload", "fault", "router"]

GROUPS: Final[Mapping[Kind, str]] = {
    "workload": "meshsim.workloads",
    "fault": "meshsim.faults",
    "router": "meshsim.routers",
}

CODE_BYTES: Final = 4
"""Enough to tell the states of one file from another: nobody gains by making two alike."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that an installed package gives under a name."""

    kind: Kind
    name: str
    package: str
    """The package, its version, and a name of the code of the module that it is in."""

    value: object

    def call(self, *arguments: object) -> object:
        """Call it."""
        assert callable(self.value)
        return self.value(*arguments)

    def __str__(self) -> str:
        """Say it in a sentence's middle."""
        return f"{self.kind} {self.name!r} of {self.package}"


def installed_names(kind: Kind) -> list[str]:
    """Return what installed packages give of a kind."""
    return sorted(dict.fromkeys(point.name for point in entry_points(group=GROUPS[kind])))


def packages_giving(kind: Kind, name: str) -> list[str]:
    """Return all packages that give something under a name, as `Found.package` names them."""
    return [_package(point) for point in entry_points(group=GROUPS[kind], name=name)]


def find_installed(kind: Kind, name: str) -> Found:
    """Load what a package gives under a name; UserError if none does, or several, or it fails."""
    points = list(entry_points(group=GROUPS[kind], name=name))
    if not points:
        known = installed_names(kind)
        near = difflib.get_close_matches(name, known, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        there = f"there are: {', '.join(known)}" if known else "there is none at all"
        raise UserError(
            "not-installed", f"No installed package gives a {kind} {name!r}{meant}; {there}."
        )
    packages = [_package(point) for point in points]
    if len(points) > 1:
        raise UserError(
            "given-twice",
            f"The {kind} {name!r} is given {len(points)} times: by {' and by '.join(packages)}. "
            "Keep one.",
        )
    try:
        value: object = points[0].load()
    except Exception as error:
        raise UserError(
            "not-loaded",
            f"The {kind} {name!r} of {packages[0]} cannot be loaded: {words_of(error)}.",
        ) from error
    if not callable(value):
        raise UserError(
            "not-loaded",
            f"The {kind} {name!r} of {packages[0]} is nothing that can be called: {value!r}.",
        )
    return Found(kind, name, packages[0], value)


def installed_packages() -> list[str]:
    """Return the names of all packages that give something."""
    return sorted({point.dist.name for point in _points() if point.dist is not None})


def installed_code() -> list[str]:
    """Return the modules from which packages give something, and a name of the code of each."""
    named = {module: code_of(module) for module in map(_module_of, _points())}
    return [f"{module} {code}" for module, code in sorted(named.items()) if code]


@cache
def code_of(module: str) -> str:
    """Return a name of what stands in a module's file; nothing where it has none.

    It is what a process saw first: the module is loaded once, also if its file changes then. The
    module itself is not run for it.
    """
    try:
        top, *below = module.split(".")
        spec = find_spec(top)
        for name in below:
            if spec is None:
                return ""
            inside = spec.submodule_search_locations
            spec = PathFinder.find_spec(f"{spec.name}.{name}", inside or [])
        if spec is None or spec.origin is None or not spec.has_location:
            return ""
        data = Path(spec.origin).read_bytes()
    except (ImportError, OSError, ValueError):
        # What cannot be found cannot be loaded either, and that is said then.
        return ""
    return hashlib.blake2b(data, digest_size=CODE_BYTES, person=b"sim/code").hexdigest()


def words_of(error: Exception) -> str:
    """Return an error that others' code made, as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")


def _points() -> list[EntryPoint]:
    return [point for group in GROUPS.values() for point in entry_points(group=group)]


def _module_of(point: EntryPoint) -> str:
    try:
        return point.module
    except (AttributeError, ValueError):
        # It says no place; loading it tells.
        return ""


def _package(point: EntryPoint) -> str:
    if point.dist is None:
        return "a package without a name"
    code = code_of(_module_of(point))
    return f"{point.dist.name} {point.dist.version}{f'+{code}' if code else ''}"
