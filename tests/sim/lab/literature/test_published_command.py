"""`meshsim lab published`: a table and a verdict, for users and for machines."""

import msgspec
import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.lab.literature.catalogue import STUDIES
from sim.lab.literature.studies import Row
from sim.schema.input_files import REFERENCE_DATA
from tests.sim.calling import call


def test_without_a_study_it_lists_them() -> None:
    said = call(0, "lab", "published")
    assert [line.split()[0] for line in said.splitlines()] == list(STUDIES)
    assert msgspec.json.decode(call(0, "lab", "published", "--json"), type=dict[str, str]) == {
        name: study.title for name, study in STUDIES.items()
    }


def test_the_table_and_the_json_say_the_same_and_end_with_1_if_a_bound_is_broken() -> None:
    """The bound of walkers is for the mean of six seeds, and one of them alone may miss it."""
    for seed, code in ((1, 0), (7, 1)):
        asked = ("lab", "published", "waypoint", "--seeds", str(seed))
        rows = msgspec.json.decode(call(code, *asked, "--json"), type=list[Row])
        assert any(row.verdict == "broken" for row in rows) == (code == 1)
        assert {(row.study, row.seeds) for row in rows} == {("waypoint", 1)}
        table = call(code, *asked).splitlines()
        assert table[0].startswith("waypoint: ")
        for row, line in zip(rows, table[2:], strict=True):
            assert line.startswith(f"  {row.experiment}")
            assert row.figure in line
            assert line.endswith(row.verdict)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("iro",), "'iro' is not one of"),
        (("--seeds", "1"), "--seeds says nothing without a study."),
        (("guide", "--nodes", "25"), "--nodes says nothing of guide."),
        (("simsub", "--floor", "1"), "--floor says nothing of simsub."),
        (("simsub", "--nodes", "300"), "Published are figures of 250, 500, 1,000 nodes, not 300."),
        (("iroh", "--nodes", "5"), "A mesh has 20 nodes at least."),
        (("iroh", "--seeds", "one"), "'one' is neither 7 nor 0..49."),
        (("infocom05",), f"{REFERENCE_DATA} may name a folder"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(REFERENCE_DATA, raising=False)
    result = CliRunner().invoke(main, ["lab", "published", *arguments])
    assert result.exit_code == 2
    assert words in result.stderr.replace("\n", " ")
