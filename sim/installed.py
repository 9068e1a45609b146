"""Additions of installed packages to the simulator: workloads, faults and routers, by their names.

A package names each in its metadata, as an entry point of one of three groups (the table `GROUPS`),
and the simulator looks it up when a scenario or a command asks for it. `docs/studies.md` says what
each has to be.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Literal

from mesh.errors import UserError

Kind = Literal["workload", "fault", "router"]

GROUPS: Final[Mapping[Kind, str]] = {
    "workload": "meshsim.workloads",
    "fault": "meshsim.faults",
    "router": "meshsim.routers",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Something that an installed package gives under a name."""

    kind: Kind
    name: str
    package: str
    """The package and its version."""

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
    """Return all packages that give something under a name, and their versions."""
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
    points = [point for group in GROUPS.values() for point in entry_points(group=group)]
    return sorted(dict.fromkeys(point.dist.name for point in points if point.dist is not None))


def words_of(error: Exception) -> str:
    """Return an error that others' code made, as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")


def _package(point: EntryPoint) -> str:
    if point.dist is None:
        return "a package without a name"
    return f"{point.dist.name} {point.dist.version}"
