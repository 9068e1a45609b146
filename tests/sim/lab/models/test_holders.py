"""The model of who is reached in a flood: by whom, over whom, and where nobody is."""

from click.testing import CliRunner

from sim.__main__ import main
from sim.lab.models.holders import Mesh, measure, reaches

LINE = {0: [1], 1: [0, 2], 2: [1, 3], 3: [2]}


def test_mail_comes_over_those_who_ask_too_and_over_nobody_else() -> None:
    assert reaches(LINE, holders=[3], asking=[0, 1, 2], to=0)
    assert not reaches(LINE, holders=[3], asking=[0, 1], to=0), "node 2 has pushed it out"
    assert not reaches(LINE, holders=[], asking=[0, 1, 2, 3], to=0)
    assert reaches(LINE, holders=[1], asking=[0], to=0)


def test_more_contacts_and_fewer_hostile_nodes_reach_more() -> None:
    few, many = (measure(Mesh(nodes=1_000, contacts=count, letters=200)) for count in (2, 12))
    assert few.holders_mean * 10 < many.holders_mean
    assert few.reached < many.reached
    assert few.at_once < many.at_once <= many.reached <= many.held
    quiet = measure(Mesh(nodes=1_000, contacts=12, letters=200, hostile=0))
    assert many.reached < quiet.reached


def test_where_everybody_is_near_and_awake_everybody_is_reached() -> None:
    assert measure(Mesh(nodes=60, contacts=12, hostile=0, asleep=0.2, letters=50)).reached == 50
    assert measure(Mesh(nodes=60, contacts=1, asleep=0, letters=50)).reached == 0, "nobody sleeps"


def test_the_command_says_one_line_for_each_seed() -> None:
    asked = ["lab", "holders", "--nodes", "500", "--letters", "50", "--seeds", "1,2"]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0
    lines = told.output.splitlines()
    assert [line.split()[0] for line in lines] == ["seed", "1", "2"]
    assert all(line.count("%") == 3 for line in lines[1:])
