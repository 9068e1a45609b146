"""Worlds in which a search over seeds found something: each broke an invariant before its fix."""

import pytest

from sim.run.runner import Request, options_of, run_scenario, scenario_of
from tests.searching import only_in_search

pytestmark = pytest.mark.world

FOUND = [
    # A copy took the answer to new keys, and asking again only repeated them.
    Request(name="clone", nodes=4, seed=2030, is_crypto_real=False),
    # Each of two held keys that a lost copy of the other had agreed on.
    Request(name="twice", seed=14, is_crypto_real=False),
    # A clock that was ahead, and another that had yielded to it, moved those that were right.
    Request(name="wrong-clocks", nodes=5, seed=1025, is_crypto_real=False),
    # Sealed again under a clock months ahead; what was sealed before had minutes left after that.
    Request(name="meetings", seed=177, is_crypto_real=False),
    # Who had not heard the answer to a probe yet was taken for two machines with one vault.
    Request(
        name="meetings",
        seed=1001,
        is_crypto_real=False,
        settings=("faults.3.share=0.6", "faults.1.share=0.3"),
    ),
    # What many had asked for through a cut came to all of them at once, and each pushed it on.
    Request(name="one-way", seed=1, is_crypto_real=False),
    # What was written in the last seconds counted as not arrived, and had no time to.
    Request(name="city-grid", seed=101, is_crypto_real=False),
    # Who had deleted a message everywhere took it back, and was answered without its words.
    Request(name="falling-out", seed=201, is_crypto_real=False),
    # Who accepted a request did not read what waited in it: no event tells that.
    Request(name="falling-out", seed=216, is_crypto_real=False),
    # Three of four clocks were months wrong, so that nobody could know the time.
    Request(name="four-clocks", seed=215, is_crypto_real=False),
    Request(name="four-clocks", seed=218, is_crypto_real=False),
    # What a need named as read last was not asked for by who lacked it.
    Request(name="both-set-back", seed=702, is_crypto_real=False),
    # Keys that did not open were told of an hour after it was known for whom they were.
    Request(name="both-set-back", seed=911, is_crypto_real=False),
    # A vault was looked at whose damage its own node had not met yet.
    Request(name="rotten-disks", seed=908, is_crypto_real=False),
]

_BEFORE_EXTRAS = ("workload.groups.extras_share=0",)
"""As the world was when it was found: groups sent no files and set no timers then."""

FOUND_AGAIN = [
    # Two copies of one vault had agreed on new keys; who was left was met by none of these.
    Request(name="clone", nodes=4, seed=1012, is_crypto_real=False),
    # Openings that came in the other order ended each other; what waited was not sent on new keys.
    Request(name="clone", nodes=4, seed=2005, is_crypto_real=False),
    # A copy that wrote much had used every tag by which new keys can be begun.
    Request(name="twice", seed=24, is_crypto_real=False),
    # Most clocks were wrong; a retirement came twice before its envelope.
    Request(name="wrong-clocks", nodes=5, seed=1023, is_crypto_real=False),
    # Four wrong clocks started first, of which two repeated a third.
    Request(name="wrong-clocks", nodes=9, seed=1042, is_crypto_real=False),
    # The same as with the seed above.
    Request(name="meetings", seed=385, is_crypto_real=False),
    Request(name="meetings", seed=466, is_crypto_real=False),
    # A contact had just been recognised, and batches were over before files were offered to them.
    Request(name="meetings", seed=302, is_crypto_real=False),
    # A list that was asked for while the vault was locked was taken for the one after a search.
    Request(name="everyday", seed=504, is_crypto_real=False),
    # Who had deleted a group and came into it again told it what came, as at first.
    Request(name="everyday", seed=502, is_crypto_real=False),
    # What was written in the last seconds in a crowded hall counted as not arrived.
    Request(name="bad-wifi", seed=503, is_crypto_real=False),
    # One of two had a twin of a word that hid an item, and it counted to the other alone.
    Request(name="both-set-back", seed=509, is_crypto_real=False),
    # A contact who followed a clock years ahead bore it out, so that all mail of others lapsed.
    Request(name="wrong-days", seed=701, is_crypto_real=False),
    # Who went on from a backup made keys anew, which nobody had until an hour later.
    Request(name="rotten-disks", seed=605, is_crypto_real=False),
    # Who went on from a backup was wrapped for by what was lost, since their clock was behind.
    Request(name="rotten-disks", seed=910, is_crypto_real=False),
    # A text was planned for later by a clock that stood still, and left at its date.
    Request(name="swarm", seed=924, is_crypto_real=False),
    # Somebody looked at a chat in the last moment of the world, and had no time to be answered.
    Request(name="swarm", seed=107, is_crypto_real=False, settings=_BEFORE_EXTRAS),
    Request(name="swarm", seed=192, is_crypto_real=False, settings=_BEFORE_EXTRAS),
]
"""More seeds of the same worlds, which only a search runs. A small story holds what each taught:
`tests/messenger/test_copies.py`, `test_crossing.py`, `test_session_life.py`,
`test_sealed_again.py`, `tests/timekeeping/test_mesh_time.py` and `tests/engine/test_quiet.py`."""


@pytest.mark.parametrize(
    "request_",
    [*FOUND, *(pytest.param(each, marks=only_in_search) for each in FOUND_AGAIN)],
    ids=lambda request: request.command,
)
def test_what_was_found_stays_mended(request_: Request) -> None:
    scenario = scenario_of(request_)
    ran = run_scenario(scenario, options_of(request_, scenario))
    assert ran.report.verdict == "pass", ran.report.broken
