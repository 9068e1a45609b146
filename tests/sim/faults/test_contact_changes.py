"""Users who take invites back and remove contacts: who is shut out stays out (S19)."""

import pytest

from mesh.messenger.inbox import inbound_sessions
from mesh.messenger.onboarding.invites import InviteState
from mesh.storage.connection import transaction
from sim.invariants.exclusion import Exclusion
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.message_log import LoggedMessage
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_hard_worlds import USERS, fault

CHANGES = fault("revocations", "between_s = [12, 30]\nshare = 1\nfor_s = [0.1, 6]") + fault(
    "removals", "between_s = [25, 45]\nshare = 0.3"
)


def built(seed: int, faults: str) -> World:
    return World(parse_scenario(USERS + faults), Options(seed=seed, is_crypto_real=False))


@pytest.mark.world
def test_people_who_take_back_and_remove_keep_out_whom_they_shut_out() -> None:
    world = built(1, CHANGES)
    run_to_verdict(world, lambda world: None)
    counters = world.faults.contact_changes.counters
    assert counters.revocations > 0
    assert counters.removals > 0
    users = world.users.everybody
    one_sided = [
        (user.index, other)
        for user in users
        for other in user.contacts
        if user.index not in users[other].contacts
    ]
    # Who is not let in or was removed does not know, and goes on writing.
    assert len(one_sided) == counters.revocations + counters.removals
    came_in_time = [
        (user.index, other)
        for user in users
        for other in user.contacts
        if other not in user.friends and (user.index, other) not in one_sided
    ]
    assert came_in_time
    # Between those whom nothing parted everything has arrived.
    assert world.message_log.delivered_count > 8


WHILE_APART = fault("halves", 'at_s = 24\nfor_s = 20\nby = "node"') + fault(
    "removals", "between_s = [32, 42]\nshare = 0.5"
)


def cut_off(world: World) -> list[LoggedMessage]:
    """Return what need not arrive, since one of two removed the other meanwhile."""
    return [message for message in world.message_log.messages if message.is_cut_off]


@pytest.mark.world
def test_what_is_on_its_way_to_somebody_who_removes_its_author_need_not_arrive() -> None:
    world = built(1, WHILE_APART)
    run_to_verdict(world, lambda world: None)
    assert [message for message in cut_off(world) if message.delivered_at is None]
    assert world.message_log.written_to_parted_count > 0


@pytest.mark.world
def test_what_was_lost_before_its_author_was_removed_is_missed() -> None:
    world = built(1, WHILE_APART)
    world.run_until(32_000_000)
    assert world.faults.contact_changes.counters.removals == 0
    lost = world.message_log.outstanding()
    for host in world.hosts.values():
        with transaction(host.store):
            host.store.execute("DELETE FROM bodies")
    with pytest.raises(BrokenInvariant, match="L1"):
        run_to_verdict(world, lambda world: None)
    message_log = world.message_log
    parted = [one for one in lost if message_log.has_parted(one.recipient, one.sender)]
    assert parted
    assert not any(one.is_cut_off for one in parted)
    assert all(one in message_log.outstanding() for one in parted)


@pytest.mark.world
def test_an_invite_that_lets_in_after_it_was_taken_back_breaks_s19(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def always_open(*_: object) -> InviteState:
        return "open"

    monkeypatch.setattr(inbound_sessions, "state_of", always_open)
    with pytest.raises(BrokenInvariant, match="S19"):
        run_to_verdict(built(1, CHANGES), lambda world: None)


def test_who_was_shut_out_and_becomes_a_contact_breaks_s19() -> None:
    out = Exclusion()
    out.add(1, "ab")
    out.require_out(1, "cd")
    out.require_out(2, "ab")
    with pytest.raises(BrokenInvariant, match="S19"):
        out.require_out(1, "ab")
    # A vault that was put back knows nothing of it.
    out.forget(1)
    out.require_out(1, "ab")
