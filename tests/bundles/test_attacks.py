"""A thousand tampered, cut, swapped and replayed bundles: none is taken, none is half there."""

import io
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from mesh.bundles.manifest import ENDING, Manifest, Signature, signed_by
from mesh.bundles.upgrading import Place, install, prepared
from mesh.bundles.verifying import read_manifest
from mesh.errors import MeshError
from tests.bundles.fakes import archive_of, look_of, make_archive, make_folder
from tests.bundles.making import KEYS, SEEDS

ATTACKS = 1_000
RUNNING, FORMER, LATER, LATEST = "9.1.0", "9.0.0", "9.2.0", "9.3.0"

Stick = dict[str, bytes]
"""Names and contents of the files on a stick."""


class Attacker:
    """Somebody with all releases and no keys, who alters what is on a stick."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.chance = chance
        self.sticks: dict[str, Stick] = {}
        for version in (RUNNING, FORMER, LATER, LATEST):
            archive = make_archive(folder / version, version)
            self.sticks[version] = {
                each.name: each.read_bytes() for each in archive.parent.iterdir() if each.is_file()
            }
        self.manifests = {
            version: read_manifest(folder / version / f"mesh-{version}{ENDING}")
            for version in self.sticks
        }
        foreign = make_archive(folder / "foreign", LATER, "linux-riscv64")
        self.foreign = {
            each.name: each.read_bytes() for each in foreign.parent.iterdir() if each.is_file()
        }

    def bundle(self, version: str) -> str:
        """Return the name of a version's bundle."""
        (name,) = (each for each in self.sticks[version] if each.endswith(".tar.xz"))
        return name

    def manifest(self, version: str) -> str:
        """Return the name of a version's manifest."""
        return f"mesh-{version}{ENDING}"

    def flipped(self, data: bytes) -> bytes:
        """Return data with one to four changed bytes."""
        changed = bytearray(data)
        for _ in range(self.chance.randint(1, 4)):
            changed[self.chance.randrange(len(data))] ^= self.chance.randint(1, 255)
        return bytes(changed) if bytes(changed) != data else data[1:]

    def cut(self, data: bytes) -> bytes:
        """Return data without its end, or with more of it."""
        if self.chance.random() < 0.3:
            return data + self.chance.randbytes(self.chance.randint(1, 99))
        return data[: self.chance.randrange(len(data))]

    def tampered_bundle(self, stick: Stick) -> None:
        stick[self.bundle(LATER)] = self.flipped(stick[self.bundle(LATER)])

    def cut_bundle(self, stick: Stick) -> None:
        stick[self.bundle(LATER)] = self.cut(stick[self.bundle(LATER)])

    def tampered_manifest(self, stick: Stick) -> None:
        stick[self.manifest(LATER)] = self.flipped(stick[self.manifest(LATER)])

    def cut_manifest(self, stick: Stick) -> None:
        stick[self.manifest(LATER)] = self.cut(stick[self.manifest(LATER)])

    def swapped_bundle(self, stick: Stick) -> None:
        version = self.chance.choice((RUNNING, FORMER, LATEST))
        stick[self.bundle(LATER)] = self.sticks[version][self.bundle(version)]

    def evil_twin(self, stick: Stick) -> None:
        """Put in a bundle of one's own, as long as the one that was signed."""

        def fill(tar: tarfile.TarFile) -> None:
            program = f"#!/bin/sh\necho mesh {LATER} evil{self.chance.random()}\n".encode()
            for name, kind, content in (
                ("mesh", tarfile.DIRTYPE, b""),
                ("mesh/mesh", tarfile.REGTYPE, program),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.mode, member.size = kind, 0o755, len(content)
                tar.addfile(member, io.BytesIO(content))

        length = len(stick[self.bundle(LATER)])
        evil = archive_of(fill)
        assert len(evil) < length
        stick[self.bundle(LATER)] = evil.ljust(length, b"\0")

    def foreign_bundle(self, stick: Stick) -> None:
        (archive,) = (each for each in self.foreign if each.endswith(".tar.xz"))
        stick[self.bundle(LATER)] = self.foreign[archive]
        stick[self.manifest(LATER)] = self.foreign[self.manifest(LATER)]

    def replayed(self, stick: Stick) -> None:
        """Offer a former release, whole, under its own names or those of a later one."""
        version = self.chance.choice((RUNNING, FORMER))
        if self.chance.random() < 0.5:
            stick.clear()
            stick.update(self.sticks[version])
            return
        stick[self.bundle(LATER)] = self.sticks[version][self.bundle(version)]
        stick[self.manifest(LATER)] = self.sticks[version][self.manifest(version)]

    def renamed_release(self, stick: Stick) -> None:
        """Give a former release a later version, with its own signatures."""
        former = self.manifests[self.chance.choice((RUNNING, FORMER))]
        text = former.encode().replace(former.release.version.encode(), LATER.encode())
        stick[self.manifest(LATER)] = text
        stick[self.bundle(LATER)] = self.sticks[former.release.version][
            self.bundle(former.release.version)
        ]

    def signatures_of_another(self, stick: Stick) -> None:
        own, other = self.manifests[LATER], self.manifests[self.chance.choice((FORMER, LATEST))]
        mixed = Manifest(release=own.release, signatures=other.signatures)
        stick[self.manifest(LATER)] = mixed.encode()

    def too_few_signatures(self, stick: Stick) -> None:
        release = self.manifests[LATER].release
        seeds = [self.chance.randbytes(32) for _ in range(self.chance.randint(0, 3))]
        seeds += [self.chance.choice(SEEDS)]
        bare = Manifest(release=release, signatures=())
        stick[self.manifest(LATER)] = signed_by(bare, seeds).encode()

    def one_signature_many_times(self, stick: Stick) -> None:
        manifest = self.manifests[LATER]
        one = self.chance.choice(manifest.signatures)
        others = [Signature(key=one.key, signature=self.chance.randbytes(64).hex()), one]
        copies = tuple(self.chance.choices(others, k=self.chance.randint(2, 5)))
        repeated = Manifest(release=manifest.release, signatures=copies)
        stick[self.manifest(LATER)] = repeated.encode()

    def without_manifest(self, stick: Stick) -> None:
        del stick[self.manifest(LATER)]
        if self.chance.random() < 0.5:
            stick[self.manifest(FORMER)] = self.sticks[FORMER][self.manifest(FORMER)]


WAYS: tuple[Callable[[Attacker, Stick], None], ...] = (
    Attacker.tampered_bundle,
    Attacker.cut_bundle,
    Attacker.tampered_manifest,
    Attacker.cut_manifest,
    Attacker.swapped_bundle,
    Attacker.evil_twin,
    Attacker.foreign_bundle,
    Attacker.replayed,
    Attacker.renamed_release,
    Attacker.signatures_of_another,
    Attacker.too_few_signatures,
    Attacker.one_signature_many_times,
    Attacker.without_manifest,
)


def test_of_a_thousand_false_bundles_none_is_taken(tmp_path: Path) -> None:
    attacker = Attacker(tmp_path / "made", Random(20261128))
    place = Place(make_folder(tmp_path / "apps" / "mesh", RUNNING), RUNNING)
    before = look_of(place.folder.parent)
    refused: Counter[str] = Counter()
    for number in range(ATTACKS):
        stick = dict(attacker.sticks[LATER])
        way = WAYS[number % len(WAYS)]
        way(attacker, stick)
        folder = tmp_path / "stick" / str(number)
        folder.mkdir(parents=True)
        for name, data in stick.items():
            (folder / name).write_bytes(data)
        (file,) = folder.glob("*.tar.xz")
        with pytest.raises(MeshError), prepared(place, file, KEYS) as (fresh, _):
            install(place, fresh)
        refused[way.__name__] += 1
        assert look_of(place.folder.parent) == before, f"attack {number}, {way.__name__}"
    assert refused.total() == ATTACKS
    # The stick that nobody altered is taken, so that each refusal was for what was altered.
    folder = tmp_path / "made" / LATER
    with prepared(place, folder / attacker.bundle(LATER), KEYS) as (fresh, _):
        install(place, fresh)
    assert look_of(place.other) == {
        name.removeprefix("mesh/"): seen for name, seen in before.items() if name != "mesh"
    }
