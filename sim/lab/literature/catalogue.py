"""Every study, by the name under which a command repeats it."""

from collections.abc import Mapping, Sequence
from typing import Final

from sim.lab.literature.gossiping import iroh, simsub
from sim.lab.literature.maelstrom import glomers, guide
from sim.lab.literature.spreading import spreading
from sim.lab.literature.studies import Row, Scope, Study, rows_of
from sim.lab.literature.survivors import survivors
from sim.lab.literature.the_one import infocom05, waypoint

STUDIES: Final[Mapping[str, Study]] = {
    "infocom05": Study("The ONE 1.6: routers on the contacts of Infocom 2005", "2 s", infocom05),
    "waypoint": Study("The ONE 1.6: routers among random waypoints", "10 s", waypoint),
    "guide": Study("Maelstrom's guide: plain broadcast on four topologies", "20 s", guide),
    "glomers": Study("Gossip Glomers: the two efficient broadcasts", "45 s", glomers, ("floors",)),
    "simsub": Study("libp2p's simsub: payloads of gossipsub v1.0", "30 s", simsub, ("nodes",)),
    "iroh": Study("iroh-gossip's tests: redundancy and hops", "22 min", iroh, ("nodes", "floors")),
    "survivors": Study(
        "HyParView: who is reached after most have failed", "7 min", survivors, ("nodes",)
    ),
    "spreading": Study(
        "The design's aims for new mail, beside flooding and gossipsub",
        "20 min",
        spreading,
        ("nodes",),
    ),
}


def repeat(
    name: str,
    *,
    seeds: Sequence[int] = (),
    nodes: Sequence[int] = (),
    floors: Sequence[int] = (),
) -> list[Row]:
    """Run a study again and return a row for each of its figures, as `published NAME --json`.

    UserError where it needs data that is not there. Without seeds they are those of the study.
    """
    rows: list[Row] = []
    for experiment in STUDIES[name].experiments(Scope(tuple(nodes), tuple(floors))):
        chosen = (seeds or experiment.seeds) if experiment.is_drawn else experiment.seeds[:1]
        rows += rows_of(name, experiment, [experiment.run(seed) for seed in chosen])
    return rows
