"""A small package as an installer leaves one: its module, its metadata, and its entry points."""

import importlib
from collections.abc import Mapping
from pathlib import Path

SOURCE = '''
"""The things that a package may add."""


def rumours(stage):
    """Once a second somebody tells a contact a word."""

    def tell():
        author = stage.chance.pick(stage.people)
        readers = stage.contacts_of(author)
        if readers:
            word = stage.values["word"]
            stage.write(author, stage.chance.pick(readers), f"Have you heard of {word}?")

    for number in range(int(stage.ends_s - stage.begins_s)):
        stage.at(stage.begins_s + number, tell)


def dips(stage):
    """The first node loses its power, the second is locked, the third is cut off."""

    def dip():
        assert stage.is_up(stage.people[0])
        stage.crash(stage.people[0], 1.5, is_silent=True)
        stage.lock(stage.people[1], 1)
        stage.cut([stage.people[:2], stage.people[2:]], 2)

    stage.at(stage.begins_s, dip)


class Never:
    """Nobody gives anything to anybody but the recipient."""

    copies_at_first = 1

    def given(self, copies):
        return 0

    def kept(self, copies):
        return copies


def divides(stage):
    stage.at(stage.begins_s, lambda: 1 / 0)


def at_once(stage):
    raise KeyError("word")


def too_late(stage):
    stage.at(stage.ends_s + 1, lambda: None)


def too_long(stage):
    stage.at(stage.ends_s, lambda: stage.crash(0, 1))


def wordy(stage):
    stage.at(stage.begins_s, lambda: stage.write(0, 1, "a" * 60_000))


def of_nobody(stage):
    stage.at(stage.begins_s, lambda: stage.lock(77, 1))


number = 7
'''

FAILING = ("divides", "at_once", "too_late", "too_long", "wordy", "of_nobody", "number")


def install(
    folder: Path, package: str, groups: Mapping[str, Mapping[str, str]], source: str = SOURCE
) -> None:
    """Lay a package of version 1.2 into a folder of a path; its groups are of names and places."""
    (folder / f"{package}_module.py").write_text(source, encoding="utf-8")
    metadata = folder / f"{package}-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n", encoding="utf-8"
    )
    lines = []
    for group, names in groups.items():
        lines += [f"[{group}]", *(f"{name} = {place}" for name, place in names.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    importlib.invalidate_caches()


def install_tiny(folder: Path) -> None:
    """Lay the package of this file into a folder."""
    install(
        folder,
        "tiny",
        {
            "meshsim.workloads": {name: f"tiny_module:{name}" for name in ("rumours", *FAILING)}
            | {"gone": "tiny_module:gone", "lost": "no_such_module:it"},
            "meshsim.faults": {"dips": "tiny_module:dips"},
            "meshsim.routers": {"never": "tiny_module:Never", "number": "tiny_module:at_once"},
        },
    )
