"""An installed package adds to a world; where what it adds cannot be had, that is said."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.installed import code_of, find_installed, installed_names
from sim.lab.models.routing import DirectDelivery, Post, Routing, router_of
from sim.run.report import Report
from sim.schema.scenario import parse_scenario
from sim.schema.toml_text import toml_of
from sim.study import Result, World
from sim.sweeps.origin import lock_here, origin_here
from sim.topology.contacts import Contact
from tests.sim.calling import call
from tests.sim.packages import install, install_tiny
from tests.sim.three_users import THREE_USERS

ADDED = """
[[installed]]
kind = "workload"
name = "rumours"
between_s = [6, 14]
[installed.values]
word = "rain"

[[installed]]
kind = "fault"
name = "dips"
between_s = [8, 12]
"""


FAILING_ROUTERS = """
class Gives:
    copies_at_first = 1

    def given(self, copies):
        return 1 // (copies - copies)

    def kept(self, copies):
        return copies


class Keeps(Gives):
    def given(self, copies):
        return 1

    def kept(self, copies):
        return 1 // (copies - copies)


class Starts(Gives):
    @property
    def copies_at_first(self):
        return 1 // 0
"""

TOLD = "0000000 0011223344556677 Have you heard of rain?"
"""A text of it, after its number and the marker of its run."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make an empty folder from which packages are found."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    # A process takes what is installed, and loaded, for all its life for its own.
    _forget(folder)
    yield folder
    _forget(folder)


def _forget(folder: Path) -> None:
    origin_here.cache_clear()
    code_of.cache_clear()
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)


def run(path: Path, added: str) -> Result:
    path.write_text(THREE_USERS + added, encoding="utf-8")
    return World(path, seed=3, crypto="modelled").run()


@pytest.mark.world
def test_a_package_adds_a_workload_and_a_fault_to_a_world(place: Path, tmp_path: Path) -> None:
    install_tiny(place)
    path = tmp_path / "world.toml"
    plain, with_it = run(path, ""), run(path, ADDED)
    assert (with_it.verdict, with_it.broken) == ("pass", [])
    # Both were done, and what was written had to arrive.
    for kind in ("crashes", "locks", "cuts"):
        assert with_it.report.faults[kind] == plain.report.faults[kind] + 1
    rumours = [row for row in with_it.messages if row["created"] in range(6, 14)]
    assert len(rumours) >= 3
    assert all(row["delivered"] and row["size"] == len(TOLD) for row in rumours)
    # What the world itself drew is as it was.
    own = [row["created"] for row in with_it.messages if row not in rumours]
    assert set(own) <= {row["created"] for row in plain.messages}
    assert len(own) > len(plain.messages) / 2
    assert with_it.provenance.lock == lock_here()
    assert with_it.provenance.installed == [
        f"workload 'rumours' of tiny 1.2+{code_of('tiny_module')}",
        f"fault 'dips' of tiny 1.2+{code_of('tiny_module')}",
    ]
    assert f"installed  {with_it.provenance.installed[0]}\n" in str(with_it)
    # It repeats, also from the file that the result writes, by a command.
    again = tmp_path / "again.toml"
    again.write_text(with_it.toml, encoding="utf-8")
    told = call(0, "run", str(again), "--seed", "3", "--crypto", "modelled", "--json")
    report = msgspec.json.decode(told, type=Report)
    assert report.trace_hash == with_it.trace_hash != plain.trace_hash
    assert report.installed == with_it.provenance.installed


@pytest.mark.parametrize(
    "name, words",
    [
        ("rumour", r"No installed package gives a workload 'rumour' \(did you mean rumours\?\)"),
        ("gone", r"'gone' of tiny 1.2\S+ cannot be loaded: AttributeError: module 'tiny_module'"),
        ("lost", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("number", r"'number' of tiny 1.2\S+ is nothing that can be called: 7."),
        (
            "divides",
            r"The workload 'divides' of tiny 1.2\S+ failed: ZeroDivisionError: division by",
        ),
        ("at_once", r"The workload 'at_once' of tiny 1.2\S+ failed: KeyError: 'word'."),
        ("too_late", r"cannot do that: At 0 s something is planned for 15 s.* from 6 s to 14 s\."),
        ("too_long", r"cannot do that: At 14 s something is to last 1 s.* from 6 s to 14 s\."),
        ("wordy", r"cannot do that: A text has at most 59,900 bytes\."),
        ("of_nobody", r"cannot do that: There is nobody with the number 77\."),
    ],
)
@pytest.mark.world
def test_what_cannot_be_had_or_fails_is_said_in_words(
    place: Path, tmp_path: Path, name: str, words: str
) -> None:
    install_tiny(place)
    with pytest.raises(UserError, match=words):
        run(tmp_path / "world.toml", ADDED.replace('"rumours"', f'"{name}"'))


def test_where_no_package_gives_anything_that_is_said(place: Path) -> None:
    assert installed_names("workload") == []
    with pytest.raises(UserError, match="gives a workload 'rumours'; there is none at all"):
        find_installed("workload", "rumours")
    call(2, "run", "everyday", "--set", "installed.0.kind=fault", "--json")


def test_a_name_that_two_packages_give_is_refused(place: Path) -> None:
    for package in ("tiny", "other"):
        install(place, package, {"meshsim.faults": {"dips": f"{package}_module:dips"}})
    with pytest.raises(UserError, match=r"'dips' is given 2 times: by (tiny|other) 1.2\S+ and by "):
        find_installed("fault", "dips")


def test_what_packages_add_is_a_part_of_the_lock(place: Path) -> None:
    before = lock_here()
    install_tiny(place)
    with_it = lock_here()
    metadata = place / "tiny-1.2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("1.2", "1.3"), "utf-8")
    assert len({before, with_it, lock_here()}) == 3


def test_a_module_that_was_written_anew_is_another_lock_and_another_package(place: Path) -> None:
    install(place, "tiny", {"meshsim.faults": {"dips": "tiny_module:dips"}})
    lock, package = lock_here(), find_installed("fault", "dips").package
    assert package == f"tiny 1.2+{code_of('tiny_module')}"
    path = place / "tiny_module.py"
    path.write_text(path.read_text(encoding="utf-8").replace("1.5", "2.5"), "utf-8")
    # This process has loaded what stood there before.
    assert (lock_here(), find_installed("fault", "dips").package) == (lock, package)
    _forget(place)
    assert lock_here() != lock
    assert find_installed("fault", "dips").package not in ("tiny 1.2", package)


def test_the_code_of_a_module_inside_a_package_is_named_and_the_package_is_not_run(
    place: Path,
) -> None:
    inside = place / "outer" / "inner"
    inside.mkdir(parents=True)
    for folder in (inside.parent, inside):
        (folder / "__init__.py").write_text("raise AssertionError('It was run.')", "utf-8")
    (inside / "one.py").write_text("number = 1", "utf-8")
    (inside / "two.py").write_text("number = 2", "utf-8")
    importlib.invalidate_caches()
    assert len({code_of(f"outer.inner.{name}") for name in ("one", "two")} - {""}) == 2
    # What comes with Python, what is not there, and what is no name.
    assert [code_of(name) for name in ("builtins", "outer.gone.one", "outer..", "")] == [""] * 4
    install(place, "odd", {"meshsim.faults": {"odd": "no place!"}})
    assert len(lock_here()) == 12
    with pytest.raises(UserError, match=r"The fault 'odd' of odd 1.2 cannot be loaded"):
        find_installed("fault", "odd")


def test_a_scenario_is_written_with_what_is_installed_and_read_again() -> None:
    scenario = parse_scenario(THREE_USERS + ADDED)
    assert parse_scenario(toml_of(scenario)) == scenario
    assert scenario.installed[0].values == {"word": "rain"}
    # Nothing is at rest before all of it is over.
    late = parse_scenario(THREE_USERS + ADDED.replace("[8, 12]", "[8, 99]"))
    assert (scenario.quiet_at_s, late.quiet_at_s) == (42, 99)


def test_a_package_gives_a_router_for_recorded_contacts(place: Path) -> None:
    install_tiny(place)
    contacts = [Contact(0, 9_000_000, 0, 1), Contact(10_000_000, 19_000_000, 1, 2)]
    posts = [Post(1_000_000, "direct", 0, 1, 1_000), Post(1_000_000, "by two", 0, 2, 1_000)]
    never = Routing(router_of("never"), contacts, posts).run()
    assert never == Routing(DirectDelivery(), contacts, posts).run()
    assert never.delivered == 1 < Routing(router_of("epidemic"), contacts, posts).run().delivered
    with pytest.raises(UserError, match=r"a router 'ever' \(did you mean never\?\).* spray\."):
        router_of("ever")
    with pytest.raises(UserError, match=r"The router 'number' of tiny 1.2\S+ failed: TypeError"):
        router_of("number")


def test_what_is_no_router_is_refused(place: Path) -> None:
    install(place, "tiny", {"meshsim.routers": {"dict": "builtins:dict"}})
    with pytest.raises(UserError, match=r"'dict' of tiny 1.2 lacks one of copies_at_first"):
        router_of("dict")


def test_a_router_of_a_package_with_the_name_of_one_of_ours_is_refused(place: Path) -> None:
    install(place, "tiny", {"meshsim.routers": {"epidemic": "tiny_module:Never"}})
    with pytest.raises(UserError, match=r"'epidemic' is given 2 times: by the simulator and by t"):
        router_of("epidemic")


@pytest.mark.parametrize("name", ["Starts", "Gives", "Keeps"])
def test_a_router_that_fails_while_it_runs_is_said_in_words(
    place: Path, tmp_path: Path, name: str
) -> None:
    install(place, "bad", {"meshsim.routers": {"bad": f"bad_module:{name}"}}, FAILING_ROUTERS)
    contacts, messages = tmp_path / "contacts.txt", tmp_path / "messages.txt"
    contacts.write_text("0 CONN 0 1 up\n50 CONN 0 1 down\n60 CONN 1 2 up\n90 CONN 1 2 down\n")
    messages.write_text("1 C M1 0 1 1000\n2 C M2 0 2 1000\n")
    asked = ["lab", "route", str(contacts), str(messages), "--router", "bad"]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 2, result.output
    # A terminal may be narrow.
    said = " ".join(result.stderr.split())
    assert "The router 'bad' of bad 1.2" in said
    assert "failed: ZeroDivisionError: " in said
