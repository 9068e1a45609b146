"""The nodes in sight: two sources tell of the same nodes, and the engine hears only news."""

from mesh.ids import Address
from mesh.inputs import PeerGone, PeerSeen
from mesh.limits.discovery import BEACON_ADDRESSES_MAX, BEACON_KEPT_MS
from mesh.limits.peering import ADDRESSES_PER_PEER_MAX, CANDIDATES_MAX
from mesh.node.discovery.candidates import Candidates
from mesh.wire.beacon import Beacon

NAME = "00112233445566aa"
KEPT_S = BEACON_KEPT_MS / 1_000
Told = list[PeerSeen | PeerGone]


def address(number: int, port: int = 41_730) -> Address:
    return Address(f"10.77.0.{number}", port)


def beacon(name: str = NAME, *, hint: str | None = None, port: int = 41_730) -> Beacon:
    return Beacon(name, port, hint, is_reply_wanted=False)


def make() -> tuple[Candidates, Told]:
    told: Told = []
    return Candidates(told.append), told


def test_what_both_sources_repeat_is_told_once() -> None:
    candidates, told = make()
    for turn in range(3):
        candidates.heard(beacon(), address(1), turn)
        candidates.announced(PeerSeen(NAME, (address(1),)))
    assert told == [PeerSeen(NAME, (address(1),))]


def test_a_further_address_is_told_with_those_that_were_known() -> None:
    candidates, told = make()
    candidates.heard(beacon(), address(1), 0)
    candidates.announced(PeerSeen(NAME, (address(2),)))
    assert told[1:] == [PeerSeen(NAME, (address(2), address(1)))]


def test_a_beacon_that_is_not_repeated_lapses_unless_mdns_knows_the_name() -> None:
    candidates, told = make()
    candidates.heard(beacon(), address(1), 0)
    candidates.heard(beacon("bb" * 8), address(2), 0)
    candidates.announced(PeerSeen("bb" * 8, (address(2),)))
    candidates.expire(KEPT_S - 1)
    assert PeerGone(NAME) not in told
    candidates.expire(KEPT_S)
    assert told[-1] == PeerGone(NAME)
    assert PeerGone("bb" * 8) not in told


def test_a_goodbye_by_either_source_is_told_and_a_later_beacon_is_news() -> None:
    candidates, told = make()
    candidates.announced(PeerSeen(NAME, (address(1),)))
    candidates.ended(NAME)
    candidates.heard(beacon(), address(1), 1)
    candidates.heard(beacon(port=0), address(1, port=0), 2)
    seen = PeerSeen(NAME, (address(1),))
    assert told == [seen, PeerGone(NAME), seen, PeerGone(NAME)]


def test_a_goodbye_from_another_host_ends_nothing() -> None:
    candidates, told = make()
    candidates.heard(beacon(), address(1), 0)
    candidates.heard(beacon(port=0), address(66, port=0), 1)
    candidates.heard(beacon(hint="0123abcd", port=0), address(1, port=0), 1)
    assert told == [PeerSeen(NAME, (address(1),))]


def test_who_lies_about_the_mesh_of_a_name_does_not_make_it_go() -> None:
    candidates, told = make()
    candidates.announced(PeerSeen(NAME, (address(1),), "0123abcd"))
    candidates.heard(beacon(hint="ffffffff"), address(66), 0)
    candidates.expire(KEPT_S)
    assert PeerGone(NAME) not in told


def test_false_beacons_of_a_name_do_not_crowd_out_what_mdns_says() -> None:
    candidates, told = make()
    true = tuple(address(number) for number in range(1, 3))
    candidates.announced(PeerSeen(NAME, true))
    for number in range(50, 250):
        candidates.heard(beacon(), address(number), number)
    last = told[-1]
    assert isinstance(last, PeerSeen)
    assert last.addresses[:2] == true
    assert len(last.addresses) == 2 + BEACON_ADDRESSES_MAX <= ADDRESSES_PER_PEER_MAX


def test_a_flood_of_names_is_bounded() -> None:
    candidates, told = make()
    for number in range(2 * CANDIDATES_MAX):
        candidates.heard(beacon(f"{number:016x}"), address(1), 0)
    told.clear()
    candidates.expire(KEPT_S)
    assert len(told) == CANDIDATES_MAX
