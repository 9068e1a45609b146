"""Of what the desktop tells: of what is to be read, and of no setting."""

from collections.abc import Callable

import pytest

from mesh.commands.conversations import SetTimer
from mesh.commands.identity import ChangeIdentity
from mesh.daemon.notifying import find_news
from mesh.events import ItemAdded
from mesh.limits.group_names import NAME_TOLD_AFTER_MS
from tests.messenger.in_groups import crew
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_needs import pass_by, say


def rename(person: Person) -> None:
    person.ask(ChangeIdentity("Anna"))


def set_timer(person: Person) -> None:
    person.ask(SetTimer("Crew", 3_600))


@pytest.mark.parametrize("doing, kind", [(rename, "name"), (set_timer, "timer")])
def test_a_setting_is_nothing_to_tell_of(doing: Callable[[Person], None], kind: str) -> None:
    ann, bob = people = crew("Ann", "Bob")
    bob.take_events()
    doing(ann)
    ann.tend()
    pass_by(*people, seconds=NAME_TOLD_AFTER_MS[1] // 1_000 + 120, step=60)
    came = bob.take_events()
    assert kind in [one.item.kind for one in came if isinstance(one, ItemAdded)]
    assert [find_news(one) for one in came if find_news(one) is not None] == []
    say(ann, "It is me")
    exchange(*people)
    assert len([one for one in bob.take_events() if find_news(one) is not None]) == 1
