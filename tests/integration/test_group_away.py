"""A group of three real daemons, of which one was away for longer than mail lives."""

import time

import pytest

from mesh.commands.groups import ChangeGroup, GroupAnswer, RotateGroup
from mesh.wire.envelope import CREATED_ROUNDING_S
from tests.integration.nodes import Node, eventually
from tests.integration.test_doctor import faketime
from tests.integration.test_group_cut import WITHIN_S, group_of, say
from tests.integration.test_group_set_back import crew, put_in_time, wait_for_said

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]

__all__ = ["crew"]

READS_ON_WITHIN_S = 60.0
AFTER_A_LIFETIME, WEEKS_LATER = "+31d", "+40d"


def wait_for_about(node: Node, about: str, within_s: float) -> None:
    eventually(
        lambda: group_of(node),
        lambda group: group is not None and group.about == about,
        within_s=within_s,
        what=f"{about!r} at {node.name}",
    )


def test_who_is_away_for_longer_than_mail_lives_reads_on(crew: tuple[Node, Node, Node]) -> None:
    ada, bob, cem = crew
    cem.kill()
    ada.client.ask(ChangeGroup("Crew", about="While Cem was away"), GroupAnswer)
    say(ada, "Nobody has this for Cem")
    wait_for_said(bob, "Nobody has this for Cem")
    wait_for_about(bob, "While Cem was away", WITHIN_S)
    for node in (ada, bob):
        node.kill()
    put_in_time(AFTER_A_LIFETIME, ada, bob)
    ada.client.ask(RotateGroup("Crew"), GroupAnswer)
    say(ada, "Under newer keys")
    wait_for_said(bob, "Under newer keys")
    for node in (ada, bob):
        node.kill()

    put_in_time(WEEKS_LATER, ada, bob)
    say(ada, "Before Cem is back")
    wait_for_said(bob, "Before Cem is back")
    # An envelope tells its time in tens of seconds: keys that are newer are on their way to him.
    time.sleep(2 * CREATED_ROUNDING_S)
    cem.more_environment = faketime(WEEKS_LATER)
    cem.start()
    cem.wait_until_up()
    # He is handed the keys; what told of the change has lapsed, and comes with them.
    wait_for_about(cem, "While Cem was away", READS_ON_WITHIN_S)
    say(ada, "To who was away")
    wait_for_said(cem, "To who was away")
