"""The classifier is right where something can be told, and guesses where nothing can."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.eavesdropping.judging import Figure, Verdict, judge
from tests.sim.eavesdropping.planted_worlds import RELAY, plant

WORLDS = 8


def _verdict(folder: Path, *, is_author_first: bool, is_shuffled: bool = False) -> Verdict:
    for seed in range(WORLDS):
        plant(folder, seed, is_author_first=is_author_first)
    return judge(folder, is_shuffled=is_shuffled)


def _figure(verdict: Verdict, what: str) -> Figure:
    return next(figure for figure in verdict.figures if figure.what == what)


def test_who_always_speaks_first_is_named(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, is_author_first=True)
    assert verdict.learned_from == [0, 1, 2, 3]
    assert verdict.judged == [4, 5, 6, 7]
    for what in ("author of one post", "author of all posts of a key and day"):
        assert _figure(verdict, what).value > 0.98
    assert _figure(verdict, "reader of one post").value > 0.98
    assert _figure(verdict, "author of one post").count == 4 * 60
    assert _figure(verdict, "pairs of nodes, by all features").value > 0.98
    assert _figure(verdict, "pairs who write, while they write").value > 0.9


def test_who_speaks_at_any_place_is_guessed(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, is_author_first=False)
    one = _figure(verdict, "author of one post")
    assert one.guess == 1 / RELAY
    # The first to push an envelope and the next are nobody in particular.
    assert one.value < 2 * one.guess


def test_replies_join_keys_even_where_places_tell_nothing(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, is_author_first=False)
    assert _figure(verdict, "pairs of posting keys, by reply timing").low > 0.8


def test_shuffled_truth_is_guessed(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, is_author_first=True, is_shuffled=True)
    for figure in verdict.figures:
        if figure.kind == "AUC":
            assert 0.3 < figure.value < 0.7, figure
        else:
            assert figure.value < 2.2 * figure.guess, figure


def test_a_folder_of_too_few_worlds_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, 1, is_author_first=True)
    with pytest.raises(UserError, match="4 are needed"):
        judge(tmp_path)


def test_the_command_prints_a_table_and_json(tmp_path: Path) -> None:
    for seed in range(4):
        plant(tmp_path, seed, is_author_first=True, posts_count=30)
    said = CliRunner().invoke(main, ["watch-relay", "judge", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert "author of one post" in said.output
    as_json = CliRunner().invoke(main, ["watch-relay", "judge", str(tmp_path), "--json"])
    assert '"what": "author of one post"' in as_json.output.replace('":"', '": "')


def test_the_command_refuses_a_folder_without_captures(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["watch-relay", "judge", str(tmp_path)])
    assert said.exit_code == 2
    assert "no captures" in said.output
