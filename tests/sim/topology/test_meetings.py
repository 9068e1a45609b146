"""People meet again and again, and their laptops are open whenever they do."""

import itertools

from sim.schema.topology_tables import Meetings
from sim.topology.contacts import US
from sim.topology.topology import lay_out

TOPOLOGY = Meetings(
    degree=3,
    every_s=(10_000, 40_000),
    for_s=(600, 900),
    alone_every_s=(5_000, 9_000),
    alone_for_s=(60, 120),
    killed_share=0.5,
    until_s=1_000_000,
    gathers=False,
)


def test_each_pair_of_acquaintances_meets_with_the_gaps_that_are_asked_for() -> None:
    layout = lay_out(6, TOPOLOGY, 1)
    pairs = {(one.one, one.other) for one in layout.contacts}
    assert len(pairs) == 9
    for pair in pairs:
        meetings = [each for each in layout.contacts if (each.one, each.other) == pair]
        assert len(meetings) > 20
        assert meetings[0].start < 40_000 * US
        for before, after in itertools.pairwise(meetings):
            assert 10_000 * US <= after.start - before.end <= 40_000 * US
        assert all(600 * US <= each.end - each.start <= 900 * US for each in meetings[:-1])
    assert layout == lay_out(6, TOPOLOGY, 1)
    assert layout.contacts != lay_out(6, TOPOLOGY, 2).contacts


def test_laptops_are_open_for_every_meeting_and_when_their_owners_are_alone() -> None:
    layout = lay_out(6, TOPOLOGY, 1)
    for node in range(6):
        sessions = [each for each in layout.sessions if each.node == node]
        assert sessions[0].at == 0
        for before, after in itertools.pairwise(sessions):
            assert before.until < after.at
        for meeting in layout.contacts:
            if node in (meeting.one, meeting.other):
                assert any(
                    each.at <= meeting.start and meeting.end <= each.until for each in sessions
                )
        meetings = sum(node in (each.one, each.other) for each in layout.contacts)
        assert len(sessions) > meetings + 50
    killed = [each for each in layout.sessions if each.killed_at is not None]
    assert 0.4 < len(killed) / len(layout.sessions) < 0.6
    assert all(each.at <= each.killed_at <= each.until for each in killed if each.killed_at)
