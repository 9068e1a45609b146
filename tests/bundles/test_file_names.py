"""Files of a release are known by their names, and nothing else is."""

import pytest

from mesh.bundles.file_names import NamedFile, find_named


@pytest.mark.parametrize(
    "name, known",
    [
        ("mesh-0.2.0-macos-arm64.tar.xz", NamedFile("bundle", "0.2.0", "macos-arm64")),
        ("mesh-0.2.0-windows-amd64.zip", NamedFile("bundle", "0.2.0", "windows-amd64")),
        ("mesh-messenger_0.2.0~dev0_amd64.deb", NamedFile("package", "0.2.0.dev0", "amd64")),
        ("mesh_messenger-0.2.0.dev0.tar.gz", NamedFile("source", "0.2.0.dev0", "")),
        ("mesh-0.2.0.manifest.json", None),
        ("mesh-0.2.0-linux-x86_64.tar.xz.part", None),
        ("mesh-0.2.0\udcff-linux-x86_64.tar.xz", None),
        ("mesh-0.2.0-linux-x86_64\n.tar.xz", None),
        ("mesh-0.2.0\n-linux-x86_64.tar.xz", None),
        ("mesh-0.2.0-linux-\u0663.tar.xz", None),
        ("mesh-0.2.0-linux-" + "x" * 99 + ".tar.xz", None),
        ("mesh_messenger-0.2.0\u202e.tar.gz", None),
        ("mesh_messenger-0<b>.tar.gz", None),
    ],
)
def test_files_are_known_by_the_names_that_they_are_made_with(
    name: str, known: NamedFile | None
) -> None:
    assert find_named(name) == known
