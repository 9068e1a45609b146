"""The names of files that belong to a release, as `python3 dev.py bundle` makes them."""

import re
from dataclasses import dataclass
from typing import Final

from mesh.bundles.manifest import ENDING, FILE_NAME_PATTERN, SYSTEM_PATTERN, Kind
from mesh.bundles.versions import VERSION_PATTERN

_PATTERNS: Final[tuple[tuple[str, Kind], ...]] = (
    (
        r"mesh-(?P<version>[0-9][^-]*)-(?P<system>(linux|macos|windows)-[a-z0-9_]+)\.(tar\.xz|zip)",
        "bundle",
    ),
    (r"mesh-messenger_(?P<version>[0-9][^_]*)_(?P<system>[a-z0-9]+)\.deb", "package"),
    (r"mesh_messenger-(?P<version>[0-9][^-]*)-py3-none-any\.whl", "wheel"),
    (r"mesh_messenger-(?P<version>[0-9][^-]*)\.tar\.gz", "source"),
)
_MANIFEST: Final = re.compile(r"mesh-[0-9][A-Za-z0-9.]*" + re.escape(ENDING))
_WHEEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.whl")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """The kind of a file by its name; a package has Debian's word for a system."""

    kind: Kind
    version: str
    system: str


def find_named(name: str) -> NamedFile | None:
    """Return what a name says; None of what belongs to no release, and can be in no manifest."""
    for pattern, kind in _PATTERNS:
        if re.match(FILE_NAME_PATTERN, name) and (found := re.fullmatch(pattern, name)):
            parts = found.groupdict()
            version, system = parts["version"].replace("~", "."), parts.get("system") or ""
            if re.match(VERSION_PATTERN, version) and re.match(SYSTEM_PATTERN, system):
                return NamedFile(kind, version, system)
    return None


def is_manifest(name: str) -> bool:
    """Say whether a name is one of a manifest."""
    return bool(_MANIFEST.fullmatch(name))


def is_wheel(name: str) -> bool:
    """Say whether a name is one of a library's wheel."""
    return bool(_WHEEL.fullmatch(name))
