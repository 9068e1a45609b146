"""Every locked library can be installed on each kind of laptop without a compiler.

`wheels.txt` is written by `python3 dev.py lock`, which asks the index: here nothing is asked.
"""

import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, parse_tag

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "requirements.txt",
    "requirements-bundle.txt",
    "requirements-dev.txt",
    "requirements-bench.txt",
)
PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+))?")

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "linux x86-64": ("linux", "Linux", "posix", "x86_64", r"manylinux.*_x86_64"),
    "linux arm64": ("linux", "Linux", "posix", "aarch64", r"manylinux.*_aarch64"),
    "macos x86-64": ("darwin", "Darwin", "posix", "x86_64", r"macosx.*_(x86_64|universal2)"),
    "macos arm64": ("darwin", "Darwin", "posix", "arm64", r"macosx.*_(arm64|universal2)"),
    "windows x86-64": ("win32", "Windows", "nt", "AMD64", r"win_amd64"),
}

# What is compiled at the installation: docs/platforms.md tells who has such a computer.
COMPILED = {"macos x86-64": {"cryptography", "zeroconf", "lazy-object-proxy", "libcst"}}


def table() -> dict[tuple[str, str], frozenset[Tag]]:
    """Return the tags of each version."""
    rows = [line.split(" ") for line in (ROOT / "wheels.txt").read_text().splitlines()]
    return {
        (name, version): frozenset(tag for each in tags for tag in parse_tag(each))
        for name, version, *tags in rows
    }


def locked(lock: str) -> list[tuple[str, str, str]]:
    """Return name, version and marker of each library of a lock."""
    lines = (ROOT / lock).read_text().splitlines()
    found = [match for line in lines if (match := PINNED.match(line))]
    assert found
    return [(each["name"], each["version"], (each["marker"] or "").strip()) for each in found]


def fits(tag: Tag, python: str, platform: str) -> bool:
    """Say whether a wheel of this tag is taken by CPython of a version on a system."""
    minor = int(python.split(".")[1])
    if tag.platform != "any" and not re.fullmatch(platform, tag.platform):
        return False
    if tag.interpreter in ("py3", f"py3{minor}"):
        return True
    is_new_enough = tag.interpreter.startswith("cp3") and int(tag.interpreter[3:]) <= minor
    return tag.interpreter == f"cp3{minor}" or (tag.abi == "abi3" and is_new_enough)


def test_the_table_holds_what_is_locked_and_nothing_else() -> None:
    wanted = {(name, version) for lock in LOCKS for name, version, _ in locked(lock)}
    assert sorted(wanted ^ set(table())) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_library_has_wheels_for_each_laptop(lock: str) -> None:
    tags = table()
    missing: dict[str, set[str]] = {}
    for system, (sys_platform, name_of_system, os_name, machine, platform) in SYSTEMS.items():
        for python in PYTHONS:
            surroundings = {
                "sys_platform": sys_platform,
                "platform_system": name_of_system,
                "os_name": os_name,
                "platform_machine": machine,
                "python_version": python,
                "python_full_version": f"{python}.1",
                "platform_python_implementation": "CPython",
                "implementation_name": "cpython",
            }
            for name, version, marker in locked(lock):
                if marker and not Marker(marker).evaluate(surroundings):
                    continue
                if not any(fits(tag, python, platform) for tag in tags[name, version]):
                    missing.setdefault(system, set()).add(name)
    # Equal, so that no excuse outlives its cause.
    names = {name for name, _, _ in locked(lock)}
    assert missing == {system: wanting & names for system, wanting in COMPILED.items()}
