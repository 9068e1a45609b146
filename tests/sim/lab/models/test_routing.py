"""Routing over contacts, held against what The ONE reports for the same contacts and messages."""

import pytest

from mesh.errors import UserError
from sim.lab.models.routing import (
    US,
    Epidemic,
    Post,
    Routing,
    SprayAndWait,
    parse_posts,
    renamed,
)
from sim.topology.contacts import Contact

# One process runs them all, since it keeps contacts and walks.
pytestmark = pytest.mark.xdist_group("routing")


def meet(start_s: float, end_s: float, one: int, other: int) -> Contact:
    return Contact(round(start_s * US), round(end_s * US), one, other)


def test_a_transfer_that_the_end_of_a_contact_cuts_is_lost() -> None:
    posts = [Post(0, "long", 0, 1, 1_000_000)]
    outcome = Routing(Epidemic(), [meet(1, 3, 0, 1), meet(10, 20, 0, 1)], posts).run()
    assert outcome.aborted == 1
    assert outcome.latencies_us == {"long": 14 * US}


def test_copies_are_halved_and_the_last_one_waits_for_its_recipient() -> None:
    contacts = [meet(10 * n, 10 * n + 5, 0, n) for n in (1, 2, 3, 4)] + [meet(60, 65, 3, 9)]
    outcome = Routing(SprayAndWait(4), contacts, [Post(0, "m", 0, 9, 10)]).run()
    assert outcome.relayed == 2, "two copies went to node 1 and one to node 2: none was left"
    assert outcome.delivered == 0


def test_what_is_no_message_is_refused_with_its_line() -> None:
    assert parse_posts("1.5 C M1 3 4 100\n\n") == [Post(1_500_000, "M1", 3, 4, 100)]
    for text in ("1 C M1 3 4", "x C M1 3 4 5", "1 D M1 3 4 5"):
        with pytest.raises(UserError, match="Line 1 is no message"):
            parse_posts(text)
    with pytest.raises(UserError, match="M1"):
        renamed(parse_posts("1 C M1 3 4 5"), ["1", "2", "3"])
