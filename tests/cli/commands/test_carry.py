"""`mesh carry` against a small node, and against what lies about on sticks."""

import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from mesh.bundles.verifying import Judged
from mesh.cli.carry_resume import find_unfinished
from mesh.cli.commands.carry import BEGINS_ANEW, GOES_ON, SAY_AGAIN, size_of, write_file
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.errors import UserError
from mesh.ids import MeshId, UnixSeconds
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX
from mesh.wire.carry_file import (
    END_BYTES,
    HEADER_BYTES,
    RECORD_HEAD_BYTES,
    BlockKind,
    CarryWriter,
    FileHeader,
    FileKind,
    join_records,
)
from mesh.wire.retirement import Retirement
from tests.api.small_carrier import NOW_S, SMALL_MESH
from tests.api.small_node import Running
from tests.api.test_carry import file_of, held
from tests.bundles.making import small_release
from tests.cli.conftest import Mesh
from tests.cli.typist import Typist
from tests.engine.parts.test_carry import envelope, read_token, stub_record
from tests.integration.nodes import eventually
from tests.storage.envelopes import make_envelope

SOME = [make_envelope(number, created=NOW_S - 10 * number) for number in range(200)]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def mail(stick: Path) -> Path:
    """Return a carry file of two hundred envelopes."""
    path = stick / "mail.mesh"
    path.write_bytes(file_of(SOME))
    return path


def test_a_file_goes_in_and_comes_out_again(mesh: Mesh, node: Running, mail: Path) -> None:
    first = mesh("carry", "import", str(mail))
    assert (first.code, first.out) == (0, "new        200 envelopes\nknown      0\n")
    assert mesh("carry", "import", "--json", str(mail)).json == {
        "envelopes_count": 0,
        "retirements_count": 0,
        "known_count": 200,
        "refused": {},
        "damaged_count": 0,
        "is_complete": True,
        "program": [],
    }
    out = mail.with_name("out.mesh")
    told = mesh("carry", "export", "--json", str(out))
    assert told.json["envelopes_count"] == 200
    assert told.json["bytes"] == out.stat().st_size
    assert told.err == "", "nobody looks at a bar"
    assert not out.with_name("out.mesh.part").exists()
    assert mesh("carry", "import", "--json", str(out)).json["known_count"] == 200


def test_an_export_is_bounded_and_leaves_out_what_a_summary_has(
    mesh: Mesh, node: Running, stick: Path, mail: Path
) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    small, empty, summary = stick / "small", stick / "empty", stick / "summary"
    assert mesh("carry", "export", str(small), "--max", "100kB").code == 0
    assert 95_000 < small.stat().st_size <= 100_000
    assert mesh("carry", "summary", str(summary)).code == 0
    assert summary.stat().st_size < 1_000
    told = mesh("carry", "export", str(empty), "--since", str(summary), "--json")
    assert told.json["envelopes_count"] == 0
    assert mesh("carry", "summary").out.startswith("This node carries ")
    assert mesh("carry", "summary", "--json").json["file"] == ""


def test_a_file_is_replaced_only_by_somebody_who_says_so(
    mesh: Mesh, node: Running, mail: Path
) -> None:
    before = mail.read_bytes()
    refused = mesh("carry", "export", "--json", str(mail))
    assert (refused.code, refused.problem) == (1, "no-answer")
    assert mail.read_bytes() == before
    assert mesh("carry", "export", "--yes", str(mail)).code == 0
    assert mail.read_bytes() != before


def test_what_an_earlier_export_left_is_written_anew(
    mesh: Mesh, node: Running, stick: Path
) -> None:
    part = stick / "out.part"
    part.write_bytes(b"former")
    assert mesh("carry", "export", str(stick / "out")).code == 0
    assert not part.exists()


@pytest.mark.parametrize(
    "advice, words",
    [
        (GOES_ON, "goes on with .*out.part; it can be imported"),
        (BEGINS_ANEW, "begins anew; .*out.part can be imported"),
        (SAY_AGAIN, "Say the same command again"),
    ],
)
def test_when_the_node_goes_away_it_is_said_what_can_be_done(
    stick: Path, mail: Path, advice: str, words: str
) -> None:
    pieces = iter([mail.read_bytes()[:-1]])
    with pytest.raises(UserError, match=f"Mesh stopped before the file was whole.*{words}"):
        write_file(Terminal(Choices()), stick / "out", pieces, bytes_max=None, advice=advice)
    assert (stick / "out.part").exists()
    assert not (stick / "out").exists()


@pytest.mark.parametrize("cut_bytes", [0, 1, END_BYTES, 10_000, 70_000])
def test_an_export_goes_on_where_an_earlier_one_was_interrupted(
    mesh: Mesh, node: Running, mail: Path, cut_bytes: int
) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    out, part = mail.with_name("out.mesh"), mail.with_name("out.mesh.part")
    assert mesh("carry", "export", str(out)).code == 0
    whole = out.read_bytes()
    out.unlink()
    part.write_bytes(whole[: len(whole) - cut_bytes])
    # The newest came after the interruption.
    late = [make_envelope(number, created=NOW_S) for number in range(900, 950)]
    (mail.with_name("late.mesh")).write_bytes(file_of(late))
    assert mesh("carry", "import", str(mail.with_name("late.mesh"))).code == 0
    told = mesh("carry", "export", str(out))
    assert told.code == 0
    assert "Going on with" in told.err
    assert "holds 250 envelopes" in told.err
    written = out.read_bytes()
    assert written[:60_000] == whole[:60_000], "what was there was kept"
    assert not part.exists()
    assert sorted(held(written)) == sorted(one.data for one in [*SOME, *late])


def test_what_is_gone_on_with_keeps_to_its_bound(mesh: Mesh, node: Running, mail: Path) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    out, part = mail.with_name("out.mesh"), mail.with_name("out.mesh.part")
    assert mesh("carry", "export", str(out)).code == 0
    whole = out.read_bytes()
    out.unlink()
    for bytes_max, least in ((170_000, 168_900), (50_000, 48_900)):
        part.write_bytes(whole[:150_000])
        assert mesh("carry", "export", "--yes", str(out), f"--max={bytes_max}").code == 0
        assert least < out.stat().st_size <= bytes_max
        assert mesh("--json", "carry", "import", str(out)).json["is_complete"] is True


def header_of_now() -> FileHeader:
    """Return what an export begins with."""
    return FileHeader(FileKind.MAIL, SMALL_MESH.mesh_id, UnixSeconds(NOW_S), 0, 0)


def test_what_a_part_says_to_be_over_is_not_written_again(stick: Path) -> None:
    """Both are left out: the envelope without its body, and what says so."""
    writer = CarryWriter(FileHeader(FileKind.MAIL, SMALL_MESH.mesh_id, UnixSeconds(NOW_S), 0, 0))
    records = join_records([stub_record(1, read_token(1))])
    part = stick / "out.part"
    part.write_bytes(writer.begin() + writer.block(BlockKind.RECORDS, records, stubs_count=1))
    found = find_unfinished(part, None, header_of_now)
    assert found is not None
    assert found.writer.finish() == writer.finish()
    retirement = Retirement(envelope(1).id, read_token(1))
    assert found.summary.has(envelope(1).id)
    assert found.summary.has(retirement.element)
    assert not found.summary.has(envelope(2).id)


@pytest.mark.parametrize("tokens", [[], [read_token(2)], [read_token(1), read_token(2)]])
def test_a_part_leaves_nothing_out_that_it_cannot_prove_to_be_over(
    stick: Path, tokens: list[bytes]
) -> None:
    """Whoever had the stick could keep mail out of all later exports."""
    writer = CarryWriter(FileHeader(FileKind.MAIL, SMALL_MESH.mesh_id, UnixSeconds(NOW_S), 0, 0))
    records = join_records([stub_record(1, *tokens)])
    part = stick / "out.part"
    part.write_bytes(writer.begin() + writer.block(BlockKind.RECORDS, records, stubs_count=1))
    assert find_unfinished(part, None, header_of_now) is None


@pytest.mark.parametrize("hours, goes_on", [(-1, False), (0, True), (6, True), (7, False)])
def test_only_a_part_that_is_not_old_is_gone_on_with(
    mesh: Mesh, node: Running, mail: Path, hours: int, *, goes_on: bool
) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    out, part = mail.with_name("out.mesh"), mail.with_name("out.mesh.part")
    part.write_bytes(file_of(SOME[:100], made=NOW_S - hours * 3600))
    assert ("Going on with" in mesh("carry", "export", str(out)).err) == goes_on
    assert sorted(held(out.read_bytes())) == sorted(one.data for one in SOME)


def test_a_part_of_another_mesh_is_begun_anew(mesh: Mesh, node: Running, mail: Path) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    out, part = mail.with_name("out.mesh"), mail.with_name("out.mesh.part")
    part.write_bytes(file_of(SOME[:100], mesh_id=MeshId(bytes(16))))
    told = mesh("carry", "export", str(out))
    assert (told.code, "Going on with" in told.err) == (0, False)
    assert sorted(held(out.read_bytes())) == sorted(one.data for one in SOME)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:5_000] + b"?" + data[5_001:],
        lambda data: data[:HEADER_BYTES],
        lambda data: data[: HEADER_BYTES - 1],
        lambda data: b"?" + data[1:],
        lambda data: file_of([], FileKind.SUMMARY),
    ],
)
def test_a_part_that_is_not_whole_so_far_is_begun_anew(
    mesh: Mesh, node: Running, mail: Path, spoil: Callable[[bytes], bytes]
) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    out, part = mail.with_name("out.mesh"), mail.with_name("out.mesh.part")
    part.write_bytes(spoil(mail.read_bytes()[:150_000]))
    assert "Going on with" not in mesh("carry", "export", str(out)).err
    assert sorted(held(out.read_bytes())) == sorted(one.data for one in SOME)


@pytest.mark.parametrize(
    "damage, code",
    [(lambda data: data[:-60], 1), (lambda data: data[:90_000] + b"?" + data[90_001:], 1)],
)
def test_damage_is_told_after_the_rest_was_imported(
    mesh: Mesh, node: Running, mail: Path, damage: Callable[[bytes], bytes], code: int
) -> None:
    mail.write_bytes(damage(mail.read_bytes()))
    ran = mesh("carry", "import", "--json", str(mail))
    assert (ran.code, ran.problem) == (code, "damaged-file")
    assert int(str(ran.json["envelopes_count"])) >= 100
    assert ran.json["is_complete"] is False


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04" + bytes(500),
        bytes(3_000_000),
        b"\x8aMESH\r\n\x1a" * 1_000,
        FileHeader(
            FileKind.MAIL, SMALL_MESH.mesh_id, UnixSeconds(1), 2**32 - 1, 2**64 - 1
        ).encode()[: HEADER_BYTES - 1],
        CarryWriter(FileHeader(FileKind.SUMMARY, SMALL_MESH.mesh_id, UnixSeconds(1), 0, 0)).begin(),
    ],
    ids=["nothing", "another format", "zeros", "beginnings", "a cut header", "a summary"],
)
def test_a_file_that_is_none_of_ours_is_one_sentence(
    mesh: Mesh, node: Running, mail: Path, content: bytes
) -> None:
    mail.write_bytes(content)
    ran = mesh("carry", "import", str(mail))
    assert ran.code == 1
    assert ran.err.startswith("mesh: ")
    assert ran.err.count("\n") == 1
    assert mesh("carry", "export", str(mail), "--yes").code == 0


def test_what_is_no_plain_file_is_neither_read_nor_written(
    mesh: Mesh, node: Running, stick: Path, mail: Path
) -> None:
    pipe, link, folder = stick / "pipe", stick / "link", stick / "folder"
    os.mkfifo(pipe)
    link.symlink_to(mail)
    folder.mkdir()
    before = mail.read_bytes()
    for path in (pipe, link, folder, Path("/dev/null")):
        for command in (
            ("import", str(path)),
            ("export", "--yes", str(path)),
            ("summary", "--yes", str(path)),
            ("export", "--yes", str(stick / "out"), "--since", str(path)),
        ):
            ran = mesh("--json", "carry", *command)
            assert (ran.code, ran.problem) == (1, "bad-file"), command
    (stick / "out.part").symlink_to(mail)
    ran = mesh("--json", "carry", "export", str(stick / "out"))
    assert (ran.code, ran.problem) == (1, "bad-file")
    assert mail.read_bytes() == before
    for missing in ("import", "summary"):
        ran = mesh("--json", "carry", missing, str(stick / "no" / "where"))
        assert (ran.code, ran.problem) == (5, "not-found")


def test_a_file_that_grows_is_read_as_far_as_it_went(mesh: Mesh, node: Running, mail: Path) -> None:
    with mail.open("ab") as file:
        file.write(bytes(100_000))
        file.flush()
        is_done = threading.Event()

        def grow() -> None:
            while not is_done.is_set():
                file.write(bytes(65_536))
                file.flush()
                is_done.wait(0.001)

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            assert mesh("carry", "import", "--json", str(mail)).json["envelopes_count"] == 200
        finally:
            is_done.set()
            writer.join()


def test_a_full_disk_leaves_what_fits_and_says_so(
    mesh: Mesh, node: Running, stick: Path, mail: Path
) -> None:
    assert mesh("carry", "import", str(mail)).code == 0
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        ran = mesh("--json", "carry", "export", str(stick / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert (ran.code, ran.problem) == (1, "disk")
    assert "--max" in ran.err
    assert not (stick / "out").exists()
    part = stick / "out.part"
    assert 100_000 < part.stat().st_size <= 150_000
    # One whole block fits, and a second one is cut.
    in_a_block = CARRY_BLOCK_BYTES_MAX // (RECORD_HEAD_BYTES + len(SOME[0].data))
    assert mesh("--json", "carry", "import", str(part)).json["known_count"] == in_a_block


def test_what_was_begun_for_some_is_no_part_of_an_export_of_everything(
    mesh: Mesh, node: Running, stick: Path, mail: Path
) -> None:
    """By its order such a file would show what belongs together, or what another node lacks."""
    assert mesh("carry", "import", str(mail)).code == 0
    summary, out = stick / "summary", stick / "out"
    summary.write_bytes(file_of([], FileKind.SUMMARY))
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        ran = mesh("--json", "carry", "export", str(out), "--since", str(summary))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert (ran.code, ran.problem) == (1, "disk")
    assert [each.name for each in stick.glob("out*")] == ["out.some.part"]
    told = mesh("carry", "export", str(out))
    assert (told.code, "Going on with" in told.err) == (0, False)
    assert sorted(held(out.read_bytes())) == sorted(one.data for one in SOME)


def test_without_a_node_nothing_is_written(mesh: Mesh, stick: Path, mail: Path) -> None:
    for command in (("export", str(stick / "out")), ("import", str(mail)), ("summary",)):
        ran = mesh("--json", "carry", *command)
        assert (ran.code, ran.problem) == (3, "not-running")
    assert sorted(path.name for path in stick.iterdir()) == ["mail.mesh"]


def test_a_person_at_a_terminal_sees_how_far_it_is(mesh: Mesh, node: Running, mail: Path) -> None:
    person = Typist("carry", "import", str(mail))
    assert person.ended() == 0, person.seen
    assert "Reading" in person.seen
    assert "100%" in person.seen


def test_who_interrupts_an_import_is_told_that_it_can_go_on(
    mesh: Mesh, node: Running, mail: Path
) -> None:
    node.node.is_disk_stuck = True
    person = Typist("carry", "import", str(mail))
    person.interrupt("Reading")
    assert person.ended() == 130, person.seen
    assert "import the same file again" in person.seen
    node.node.is_disk_stuck = False

    def again() -> tuple[int, str]:
        ran = mesh("carry", "import", str(mail))
        return ran.code, ran.err

    # The node may learn a moment later that nobody reads to it any more.
    code, _ = eventually(
        again, lambda ran: "on its way" not in ran[1], within_s=60, what="an import that goes on"
    )
    assert code == 0


def test_what_was_imported_is_told_though_the_look_at_the_program_is_interrupted(
    mesh: Mesh, node: Running, mail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_release(mail.parent / "mesh-program")

    def interrupted(*_: object) -> Judged:
        raise KeyboardInterrupt

    # While a large file is hashed.
    monkeypatch.setattr("mesh.bundles.stick.judge", interrupted)
    ran = mesh("carry", "import", str(mail))
    assert (ran.code, ran.out) == (130, "new        200 envelopes\nknown      0\n")
    assert "the mail is imported" in ran.err
    told = mesh("carry", "import", "--json", str(mail))
    assert (told.code, told.json["known_count"], told.json["program"]) == (130, 200, [])


@pytest.mark.parametrize(
    "text, count",
    [
        ("123", 123),
        ("500kB", 500_000),
        ("4GB", 4_000_000_000),
        ("4 GiB", 4 << 30),
        ("1.5m", 1_500_000),
        ("2TiB", 2 << 40),
    ],
)
def test_sizes_are_read_as_they_are_written(text: str, count: int) -> None:
    command = click.Command("export")
    option = click.Option(["--max"])
    assert size_of(click.Context(command), option, text) == count


@pytest.mark.parametrize("text", ["", "-1", "122", "4XB", "iB", "1e9", "nan", "4 G B", "9" * 40])
def test_what_is_no_size_is_wrong_usage(mesh: Mesh, node: Running, stick: Path, text: str) -> None:
    ran = mesh("--json", "carry", "export", str(stick / "out"), f"--max={text}")
    assert (ran.code, ran.problem) == (2, "usage")
