"""`mesh verify`: whether a file of Mesh is what it says, and by whom."""

from pathlib import Path

import click
import msgspec

from mesh.bundles.file_names import find_named, is_manifest
from mesh.bundles.manifest import ENDING, ReleaseKeys
from mesh.bundles.release_keys import keys_of_file, own_keys
from mesh.bundles.verifying import Judged, judge, judge_manifest
from mesh.cli.layout import size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.errors import UserError

FOREIGN = (
    "These are not the keys of this program, but those of {file}: trust them as you do the file."
)


class Verified(msgspec.Struct, kw_only=True):
    """The answer of `mesh verify --json`. `keys`: the file that was named, empty: the program's.

    `passed_over`: what was named among others and belongs to no release.
    """

    files: list[Judged]
    keys: str = ""
    passed_over: list[str] = []


@click.command(
    help="""\
Say whether FILE belongs to a release of Mesh, and who signed that.

Bundles, packages, wheels and source are compared with the manifests (*.manifest.json) that lie
beside them, and these with the keys that came with this program. Exit 1 unless all are verified.
Of several, what is named like no file of a release, and listed by none, is passed over and said.

\b
Examples:
  mesh verify /media/stick/mesh-program/*
  mesh verify mesh-0.2.0-linux-x86_64.tar.xz
  mesh verify --json mesh-0.2.0.manifest.json
""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare with this manifest, wherever it lies.",
)
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Believe the keys in this file instead of the program's own.",
)
@shared_options
@click.pass_obj
def verify(
    choices: Choices, files: tuple[Path, ...], manifest: Path | None, keys_file: Path | None
) -> None:
    terminal = Terminal(choices)
    keys = keys_of(terminal, keys_file)
    judged: list[Judged] = []
    passed_over: list[str] = []
    for file in files:
        found = judged_of(file, keys, manifest, is_alone=len(files) == 1)
        if found is None:
            passed_over.append(clean_line(file.name))
        else:
            judged.append(found)
    if not judged:
        raise UserError("not-found", "None of these is a file of a release.")
    if terminal.is_json:
        named = "" if keys_file is None else str(keys_file)
        terminal.json(Verified(files=judged, keys=named, passed_over=passed_over))
    else:
        if passed_over:
            terminal.say(f"Passed over, as no file of a release: {', '.join(passed_over)}.")
        for each in judged:
            for line in lines_of(each):
                terminal.result(line)
    failed = [each for each in judged if each.verdict != "verified"]
    if failed:
        raise UserError(
            "not-verified", f"{len(failed)} of {len(judged)} not verified: do not install them."
        )


def judged_of(
    file: Path, keys: ReleaseKeys, manifest: Path | None, *, is_alone: bool
) -> Judged | None:
    """Return what is known of a file; None of one among others that belongs to no release."""
    if file.name.endswith(ENDING) and (is_alone or is_manifest(file.name)):
        return judge_manifest(file, keys)
    is_named = is_alone or find_named(file.name) is not None
    if not is_named and (file.is_symlink() or not file.is_file()):
        return None
    try:
        found = judge(file, keys, None if manifest is None else [manifest])
    except UserError:
        if is_named:
            raise
        return None
    # Under a false name a file of a release is judged all the same.
    return found if is_named or found.release else None


def keys_of(terminal: Terminal, keys_file: Path | None) -> ReleaseKeys:
    """Return the keys that count, and say so if they are not the program's."""
    if keys_file is None:
        return own_keys()
    if not terminal.is_json:
        terminal.warn(FOREIGN.format(file=clean_line(str(keys_file))))
    return keys_of_file(keys_file)


def lines_of(judged: Judged) -> list[str]:
    """Return what is known of a file, for people."""
    mark = "ok  " if judged.verdict == "verified" else "FAIL"
    older = ["      It is older than this program."] if judged.is_older else []
    return [
        f"{mark}  {clean_line(judged.file)}  ({size(judged.bytes)})",
        f"      {clean_line(judged.told)}",
        *older,
        f"      SHA-256 {judged.sha256}",
    ]
