"""Settings that change while a node runs: it goes by them from the next batch on."""

from dataclasses import replace

import pytest

from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from mesh.inputs import NetworksSeen, SettingsChanged, Shares
from mesh.limits.replication import SPARED_BYTES_PER_LINK
from mesh.limits.retention import CARRIED_DAYS_MAX
from mesh.limits.timekeeping import STEADY_MS
from mesh.replication.outgoing import NOHAVE_SPARING
from mesh.wire.envelope import SIZE_BYTES, decode_envelope
from mesh.wire.frames import IWant, Push
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status
from tests.engine.test_eviction import KIB, WWAN, carried, know, refused_ids, relayed
from tests.engine.test_hostile import NOW, envelope

FORMER = SettingsChanged(
    stored_bytes_max=1 << 30,
    carried_days=CARRIED_DAYS_MAX,
    shares=Shares(),
    metered_interfaces=(),
    retire_delay_ms=(0, 0),
    relay_delay_ms_max=0,
    cover_interval_ms=0,
)


def change(table: Joined, name: str, changed: SettingsChanged) -> None:
    table.seats[name].inbox.append(changed)
    table.run()


def test_a_smaller_store_lets_go_at_once_and_a_larger_one_takes_more() -> None:
    table = Joined()
    table.sit("relay", is_relay=True)
    stranger = Stranger(table, "relay")
    stranger.send(*(Push(envelope(number)) for number in range(300)))
    assert carried(table, "relay")["strangers"] == 300
    change(table, "relay", replace(FORMER, stored_bytes_max=200 * KIB))
    told = status(table, "relay")
    assert told.stored_bytes <= told.stored_bytes_max == 200 * KIB
    assert 0 < carried(table, "relay")["strangers"] < 200
    change(table, "relay", FORMER)
    assert status(table, "relay").stored_bytes_max == 1 << 30


def test_fewer_days_let_go_of_what_is_older_at_once() -> None:
    table = Joined()
    table.sit("relay", is_relay=True)
    # Bodies grow too old by a steady clock alone.
    table.pass_time(STEADY_MS / 1_000)
    stranger = Stranger(table, "relay")
    old = NOW - 3 * 86_400
    stranger.send(Push(envelope(1, created=old, lifetime_class=1)), Push(envelope(2)))
    assert carried(table, "relay")["strangers"] == 2
    change(table, "relay", replace(FORMER, carried_days=2))
    assert carried(table, "relay")["strangers"] == 1
    stranger.send(Push(envelope(3, created=old, lifetime_class=1)))
    assert status(table, "relay").refused == {"older than this node carries": 1}


@pytest.mark.parametrize("contacts, strangers", [(25, 20), (5, 90)])
def test_shares_say_who_loses(contacts: int, strangers: int) -> None:
    table = Joined()
    table.sit("relay", stored_bytes_max=256 * KIB, is_relay=True)
    shares = Shares(own=1, contacts=contacts, friends=0, strangers=strangers)
    change(table, "relay", replace(FORMER, stored_bytes_max=256 * KIB, shares=shares))
    know(table, "relay", 1)
    friend, other = Stranger(table, "relay", number=1), Stranger(table, "relay", number=2)
    friend.send(*(Push(envelope(number, key=1)) for number in range(40)))
    for key in range(10, 20):
        other.send(*(Push(envelope(number, key=key)) for number in range(60)))
    kept = carried(table, "relay")["contacts"]
    assert kept == 40 if contacts == 25 else kept < 20
    told = {one.whom: one.share_bytes for one in status(table, "relay").carried}
    assert told["own"] == 256 * KIB // 100


def test_the_share_of_own_mail_says_how_much_may_be_written() -> None:
    table = Joined("ada")
    table.sit("cy", stored_bytes_max=256 * KIB)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    shares = Shares(own=1)
    change(table, "cy", replace(FORMER, stored_bytes_max=256 * KIB, shares=shares))
    assert status(table, "cy").carried[0].bytes > 256 * KIB // 100
    with pytest.raises(UserError, match="all the room"):
        table.ask("cy", SendMessage("ada", "Hello"))
    change(table, "cy", replace(FORMER, stored_bytes_max=256 * KIB, shares=Shares(own=50)))
    table.ask("cy", SendMessage("ada", "Now there is room."))


def test_a_network_costs_money_from_now_on() -> None:
    table = Joined()
    table.sit("relay", is_relay=True)
    table.seats["relay"].inbox.append(NetworksSeen((WWAN,)))
    bringing = Stranger(table, "relay", number=1)
    most = SPARED_BYTES_PER_LINK // SIZE_BYTES[3]
    brought = [envelope(number, key=2, size_class=3) for number in range(most + 1)]
    bringing.send(*map(Push, brought))
    asking = relayed(table, "relay", local_host="10.0.0.99")
    change(table, "relay", replace(FORMER, metered_interfaces=("wwan0",)))
    ids = [decode_envelope(data).id for data in brought]
    asking.send(IWant(ids=b"".join(ids)))
    assert refused_ids(asking) == [(ids[-1], NOHAVE_SPARING)]


def test_the_delay_of_receipts_is_that_of_now() -> None:
    table = Joined("ada", "relay", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "relay")
    table.join("relay", "cy")
    change(table, "ada", replace(FORMER, retire_delay_ms=(500_000, 500_000)))
    engine = table.seats["ada"].engine
    messenger = engine._vault.messenger
    assert messenger is not None
    assert messenger.parts.retirements.delay_ms == (500_000, 500_000)
    table.ask("cy", SendMessage("ada", "Hello"))
    table.run()
    dues = [due for due, _, _ in messenger.parts.retirements._waiting]
    assert max(dues) - table.now_us > 400_000_000
