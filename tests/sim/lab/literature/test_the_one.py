"""Routing over contacts, held against what The ONE reports for the same contacts and messages."""

import pytest

from mesh.errors import UserError
from sim.lab.literature.studies import Scope, broken, rows_of
from sim.lab.literature.the_one import INFOCOM, INFOCOM_CONTACTS, WAYPOINT, infocom05, waypoint
from sim.schema.input_files import REFERENCE_DATA, find_file

# One process runs them all, since it keeps contacts and walks.
pytestmark = pytest.mark.xdist_group("the one")


def has_infocom05() -> bool:
    try:
        return find_file(INFOCOM_CONTACTS).is_file()
    except UserError:
        return False


@pytest.mark.skipif(not has_infocom05(), reason=f"{REFERENCE_DATA} has no contacts of Infocom 2005")
@pytest.mark.parametrize("router", list(INFOCOM))
def test_on_infocom05_routers_deliver_what_the_one_reports(router: str) -> None:
    [experiment] = [one for one in infocom05(Scope()) if one.name == router]
    assert not experiment.is_drawn
    assert not broken(experiment)


def test_without_the_contacts_it_is_said_where_they_were_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(REFERENCE_DATA, raising=False)
    with pytest.raises(UserError, match=f"{REFERENCE_DATA} may name a folder"):
        infocom05(Scope())


@pytest.mark.slow
@pytest.mark.parametrize("router", list(WAYPOINT))
def test_random_waypoints_come_out_within_the_spread_of_seeds(router: str) -> None:
    [experiment] = [one for one in waypoint(Scope()) if one.name == router]
    rows = rows_of("waypoint", experiment, [experiment.run(seed) for seed in experiment.seeds])
    assert [row.verdict for row in rows] == ["holds", "holds"]
    assert {row.seeds for row in rows} == {6}
