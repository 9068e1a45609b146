"""Nodes beside others with another vault: peers see the same, and a fault that tells is found."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from mesh.effects import Effect
from mesh.engine.vault_half import VaultHalf
from mesh.ids import Instant
from mesh.peering.recognition import PairKey, Recognition, _OpenLink, proof
from mesh.wire.frames import WHO_ENTRY_BYTES, Who
from sim.patching import Patch, patched
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options, World
from sim.schema.disk_tables import FailingDisks, FullDisks, SlowDisks
from sim.schema.expectations import Expect
from sim.schema.scenario import load_scenario
from sim.schema.settings import with_settings

pytestmark = [pytest.mark.world, pytest.mark.xdist_group("shadows")]

DISKS = FailingDisks | FullDisks | SlowDisks

BRIEF: dict[str, int | float] = {
    "nodes": 4,
    "workload.write_between_s.1": 60,
    "workload.messages_per_second": 1,
}

SMALL: dict[str, dict[str, int | float]] = {
    # People become contacts, and both use the other's invite.
    "crossing": BRIEF,
    # Power fails within transactions, and vaults are locked.
    "worst-day": BRIEF,
    # Mail is taken back, and people are shut out.
    "second-thoughts": BRIEF,
    # Groups are made and changed, and people write in them.
    "groups": {**BRIEF, "lasts_s": 70, "workload.groups.count": 1},
    # Dummies are posted, what is opened is told late, and it becomes midnight.
    "cover": {
        "nodes": 4,
        "begins_at_s": 86_200,
        "lasts_s": 400,
        "workload.write_between_s.1": 390,
        "workload.messages_per_second": 0.05,
    },
}


def run(name: str) -> Report:
    settings = {**SMALL[name], "workload.contacts": 2, "shadows": True}
    scenario = with_settings(load_scenario(name), settings)
    # A node whose disk fails has no shadows; and less happens than a whole scenario is held to.
    faults = tuple(one for one in scenario.faults if not isinstance(one, DISKS))
    scenario = replace(scenario, probe_s=0, rest_s=0, faults=faults, expect=Expect())
    return run_scenario(scenario, Options(seed=1, is_crypto_real=False)).report


@pytest.mark.parametrize("name", SMALL)
def test_peers_see_the_same_of_a_node_whatever_vault_it_has(name: str) -> None:
    report = run(name)
    assert report.verdict == "pass", report.broken
    assert report.messages_delivered > 5
    assert report.watched["frames_beside_shadows"] > 500


def broken_by(*patches: Patch) -> str:
    with patched(*patches):
        report = run("crossing")
    assert [broken.id for broken in report.broken] == ["S21"]
    return report.broken[0].detail


def test_beside_shadows_nobody_does_what_only_their_own_node_shows() -> None:
    scenario = replace(load_scenario("everyday"), shadows=True)
    workload = World(scenario, Options(seed=1, is_crypto_real=False)).scenario.workload
    assert (workload.nearby_share, workload.chores_per_second) == (0, 0)


def test_a_reader_who_says_that_mail_came_is_found() -> None:
    def use(half: VaultHalf, now: Instant) -> list[Effect]:
        opened = list(half._arrivals._new)
        effects = former(half, now)
        acks = half._forwarder.held_acks
        for link in acks._told_at if opened else ():
            acks.note(link, held=opened, refused=[], now=now)
        return effects

    former = VaultHalf.use
    assert "Held" in broken_by(Patch(VaultHalf, "use", use))


def test_a_list_that_goes_when_a_contact_is_added_is_found() -> None:
    def keys_changed(
        recognition: Recognition, keys: Sequence[PairKey], tried: Sequence[PairKey] | None = None
    ) -> None:
        for link, one in recognition._links.items():
            recognition._frames.append((link, recognition._list(one, list(keys))))
        former(recognition, keys, tried)

    former = Recognition.keys_changed
    assert "Who" in broken_by(Patch(Recognition, "keys_changed", keys_changed))


def test_chance_of_links_that_a_vault_draws_is_found() -> None:
    def list_(recognition: Recognition, one: _OpenLink, keys: list[PairKey]) -> Who:
        count = recognition._entries_count - len(keys)
        proofs = [proof(key, one.handshake_hash, one.role) for _, key in keys]
        filling = recognition._entropy.draw(count * WHO_ENTRY_BYTES)
        return Who(b"".join(proofs) + filling)

    assert broken_by(Patch(Recognition, "_list", list_))
