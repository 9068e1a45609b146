"""After a cut in a small world, mail is told in the order in which it was written."""

import pytest

from mesh.events import MessageReceived
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from sim.users.users import Users
from tests.sim.test_hardships import USERS, fault

pytestmark = pytest.mark.world

CUT_AT_S, CUT_FOR_S = 20, 60


def test_a_healed_backlog_is_told_in_order_and_without_gaps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[tuple[int, int], list[tuple[int, int]]] = {}
    happened = Users.happened
    text = USERS + fault("halves", at_s=CUT_AT_S, for_s=CUT_FOR_S)
    world = World(parse_scenario(text), Options(seed=1, is_crypto_real=False))

    def watched(users: Users, node: int, event: object) -> None:
        # What was on its stem when the cut came is later by the patience of its author.
        is_healed = world.loop.now >= (CUT_AT_S + CUT_FOR_S) * 1_000_000
        if isinstance(event, MessageReceived) and is_healed:
            message = event.message
            told.setdefault((node, message.contact), []).append(
                (message.sent, message.missing_count)
            )
        happened(users, node, event)  # type: ignore[arg-type]  # it is the same event

    monkeypatch.setattr(Users, "happened", watched)
    run_to_verdict(world, lambda _: None)
    assert sum(map(len, told.values())) > 50
    assert all(messages == sorted(messages) for messages in told.values())
    assert all(missing == 0 for messages in told.values() for _, missing in messages)
