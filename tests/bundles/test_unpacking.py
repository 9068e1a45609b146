"""An archive that somebody signed is believed no more than any other: nothing leaves its folder."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.bundles import unpacking
from mesh.bundles.packing import write_xz
from mesh.bundles.unpacking import unpack
from mesh.errors import PeerError
from tests.bundles.fakes import archive_of, look_of, make_folder


def member(name: str, kind: bytes = tarfile.REGTYPE, leads: str = "") -> tarfile.TarInfo:
    """Return a member of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, leads
    return made


def adding(*members: tarfile.TarInfo, content: bytes = b"") -> Callable[[tarfile.TarFile], None]:
    """Return what fills an archive with a folder and these."""

    def fill(tar: tarfile.TarFile) -> None:
        tar.addfile(member("mesh", tarfile.DIRTYPE))
        for each in members:
            each.size = len(content) if each.isreg() else 0
            tar.addfile(each, io.BytesIO(content))

    return fill


def test_a_bundle_comes_out_as_it_was_packed(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "mesh", "9.1.0")
    write_xz(folder, "mesh", tmp_path / "packed")
    (tmp_path / "out").mkdir()
    with (tmp_path / "packed").open("rb") as file:
        assert look_of(unpack(file, tmp_path / "out")) == look_of(folder)


@pytest.mark.parametrize(
    "fill",
    [
        adding(member("../evil")),
        adding(member("mesh/../../evil")),
        adding(member("/evil")),
        adding(member("mesh/a\\..\\evil")),
        adding(member("C:evil")),
        adding(member("mesh/\x00evil")),
        adding(member("mesh/e\nvil")),
        adding(member("mesh/" + "x" * 600)),
        adding(member("mesh/link", tarfile.SYMTYPE, "/etc/passwd")),
        adding(member("mesh/link", tarfile.SYMTYPE, "../../evil")),
        adding(member("mesh/link", tarfile.SYMTYPE, "a/../../../evil")),
        adding(member("mesh/link", tarfile.SYMTYPE, "..")),
        adding(
            member("mesh/inner", tarfile.DIRTYPE),
            member("mesh/link", tarfile.SYMTYPE, "inner"),
            member("mesh/link/evil"),
        ),
        adding(member("mesh/link", tarfile.SYMTYPE, "inner/link/../../..")),
        adding(
            member("mesh/d", tarfile.DIRTYPE),
            member("mesh/p", tarfile.DIRTYPE),
            member("mesh/p/l", tarfile.SYMTYPE, "../d"),
            member("mesh/p/l/x", tarfile.SYMTYPE, "../../d"),
        ),
        adding(member("mesh/hard", tarfile.LNKTYPE, "mesh/../../evil")),
        adding(member("mesh/device", tarfile.CHRTYPE)),
        adding(member("mesh/pipe", tarfile.FIFOTYPE)),
        adding(member("mesh/twice"), member("mesh/twice")),
        adding(member("mesh/twice", tarfile.SYMTYPE, "mesh"), member("mesh/twice")),
        adding(member("other/evil")),
        adding(member("other", tarfile.DIRTYPE)),
        lambda tar: tar.addfile(member("mesh")),
        lambda tar: tar.addfile(member("mesh", tarfile.SYMTYPE, "elsewhere")),
        lambda tar: None,
    ],
)
def test_what_is_no_bundle_is_refused_and_leaves_nothing_outside(
    tmp_path: Path, fill: Callable[[tarfile.TarFile], None]
) -> None:
    into = tmp_path / "deep" / "out"
    into.mkdir(parents=True)
    with pytest.raises(PeerError):
        unpack(io.BytesIO(archive_of(fill)), into)
    assert [each.name for each in tmp_path.rglob("*evil*") if into not in each.parents] == []


@pytest.mark.parametrize("bound", ["UNPACKED_BYTES_MAX", "UNPACKED_FILES_MAX"])
def test_what_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    few = {"UNPACKED_BYTES_MAX": 100_000, "UNPACKED_FILES_MAX": 3}[bound]
    monkeypatch.setattr(unpacking, bound, few)
    files = [member(f"mesh/{number}") for number in range(4)]
    packed = archive_of(adding(*files, content=bytes(50_000)))
    with pytest.raises(PeerError, match="too"):
        unpack(io.BytesIO(packed), tmp_path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_of_anybody_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    packed = bytearray(archive_of(adding(member("mesh/a"), content=b"words")))
    for _ in range(data.draw(st.integers(0, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(packed)))
    into = tmp_path_factory.mktemp("out")
    try:
        unpack(io.BytesIO(bytes(packed[:length])), into)
    except PeerError:
        return
    assert [each.name for each in into.iterdir()] == ["mesh"]
