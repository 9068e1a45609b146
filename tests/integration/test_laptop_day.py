"""A day in the life of a laptop, in minutes: VPN, sleep, another Wi-Fi and back, on one daemon.

Each thing by itself has its own tests (`test_moving`, `test_bad_networks`, `test_clocks`,
`test_full_disk`); that a sleep is noticed where no stream ends is proved by `test_moving` alone.
Here they come one after another over a running daemon, which is never started anew, and after each
what was written meanwhile arrives.
"""

import subprocess
import time
from pathlib import Path

import pytest

from mesh.limits.discovery import WAKE_GAP_MS, WAKE_LOOK_MS
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.integration.test_bad_networks import begin_vpn
from tests.integration.test_doctor import faketime

pytestmark = pytest.mark.netns

AWAKE_WITHIN_S = 15.0
"""From the end of a sleep to links that work: seconds, also on a busy machine. Else they would wait
for the next beacon, which comes every half minute.
"""

ARRIVES_WITHIN_S = 25.0
SWALLOWED_S = 40.0
"""For so long at most a link is believed whose peer does not answer."""


def end_vpn(laptop: str) -> None:
    """The interface goes, its routes with it, and IPv6 is back."""
    subprocess.run(["ip", "-n", laptop, "link", "del", "wg0"], check=True)
    again = ["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0"]
    subprocess.run(["ip", "netns", "exec", laptop, *again], check=True)


def set_calendar(calendar: Path, offset: str) -> None:
    """Put the new offset in place whole: libfaketime ends a process that finds the file empty."""
    written = calendar.with_suffix(".new")
    written.write_text(f"{offset}\n")
    written.replace(calendar)


def sleep_while_the_other_forgets(sleeper: Node, other: Node) -> None:
    """Shut a laptop until its neighbour has given the link up."""
    sleeper.sleep()
    try:
        began = time.monotonic()
        eventually(other.links_count, lambda count: count == 0, within_s=120, what="no link")
        # This is the sleep itself, and no waiting for something.
        time.sleep(max(0, WAKE_GAP_MS / 1_000 + 2 - (time.monotonic() - began)))
    finally:
        sleeper.wake()


def test_a_laptop_goes_through_its_day_with_one_daemon(desk: Desk, make_node: NodeMaker) -> None:
    home, cafe = desk.bridge("home"), desk.bridge("cafe")
    laptops = desk.laptop(home), desk.laptop(home), desk.laptop(cafe)
    anna, ben, cleo = (
        make_node(laptop, name)
        for laptop, name in zip(laptops, ("Anna", "Ben", "Cleo"), strict=True)
    )
    start_all(anna, ben, cleo)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="Anna")
    ben.run("send", "Anna", "in the morning")
    wait_for_text(anna, "in the morning")
    pid = anna.pid

    # A VPN takes the local network, and goes.
    begin_vpn(laptops[0], "10.77.1.0/25", "10.77.1.128/25", "224.0.0.0/4")
    eventually(anna.links_count, lambda count: count == 0, within_s=SWALLOWED_S, what="no link")
    ben.run("send", "Anna", "while the VPN is up")
    end_vpn(laptops[0])
    wait_for_text(anna, "while the VPN is up", within_s=ARRIVES_WITHIN_S)

    # The lid is shut until Ben has given her up, and opened.
    sleep_while_the_other_forgets(anna, ben)
    eventually(anna.links_count, lambda n: n == 1, within_s=AWAKE_WITHIN_S, what="awake again")
    eventually(ben.links_count, lambda n: n == 1, within_s=AWAKE_WITHIN_S, what="Ben has her")
    ben.run("send", "Anna", "after the sleep")
    wait_for_text(anna, "after the sleep")

    # She sleeps on her way to the café, wakes there, and comes back.
    anna.sleep()
    desk.move(laptops[0], home, cafe)
    time.sleep(WAKE_GAP_MS / 1_000 + 2)
    anna.wake()
    eventually(cleo.links_count, lambda n: n == 1, within_s=AWAKE_WITHIN_S, what="the café")
    ben.run("send", "Anna", "while she was out")
    desk.move(laptops[0], cafe, home)
    wait_for_text(anna, "while she was out", within_s=ARRIVES_WITHIN_S)

    assert anna.pid == pid
    assert sorted(anna.received_texts()) == [
        "after the sleep",
        "in the morning",
        "while she was out",
        "while the VPN is up",
    ]


def test_a_clock_that_jumps_while_the_daemon_runs_costs_no_mail(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    """The system's calendar is set hours ahead and back, as by a network that knows the time."""
    bridge = desk.bridge("home")
    anna, ben = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    calendar = tmp_path / "calendar"
    set_calendar(calendar, "+0")
    anna.more_environment = faketime("+0") | {
        "FAKETIME_TIMESTAMP_FILE": str(calendar),
        "FAKETIME_NO_CACHE": "1",
    }
    del anna.more_environment["FAKETIME"]
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="Anna")
    for number, offset in enumerate(("+5h", "-3h", "+0")):
        set_calendar(calendar, offset)
        # The node looks at its clocks every other second.
        time.sleep(WAKE_LOOK_MS / 1_000 + 1)
        ben.run("send", "Anna", f"jump {number}")
        wait_for_text(anna, f"jump {number}", within_s=ARRIVES_WITHIN_S)
        wait_for_links(anna, 1)
    assert len(anna.received_texts()) == 3
