"""What a link brings as it is heard again after a long silence is announced, and not pushed."""

import pytest

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import RESUMED_MS
from mesh.replication.replicator import Replicator
from tests.replication.meshes import LINK, announced, at, bring, id_of, make


def passed_on(replicator: Replicator, number: int, ms: int) -> tuple[list[EnvelopeId], bool]:
    """What goes to link 2 of new mail that link 1 brings: bodies, and whether it is told of it."""
    bring(replicator, 1, number, ms)
    bodies = replicator.outgoing.take_bodies(LinkId(2), 9)
    return bodies, announced(replicator, 2) == [id_of(number)]


@pytest.mark.parametrize("after_ms", [0, RESUMED_MS - 1, RESUMED_MS])
def test_what_stood_in_a_link_that_was_silent_is_announced_and_not_pushed(after_ms: int) -> None:
    replicator = make(links=[1, 2])
    replicator.resumed_links.resumed(LINK, at(1_000).monotonic)
    is_old = after_ms < RESUMED_MS
    bodies, is_told = passed_on(replicator, 7, 1_000 + after_ms)
    assert (bodies, is_told) == (([], True) if is_old else ([id_of(7)], False))


def test_what_a_link_that_was_never_silent_brings_is_pushed_meanwhile() -> None:
    replicator = make(links=[1, 2, 3])
    replicator.resumed_links.resumed(LinkId(3), at(1_000).monotonic)
    assert passed_on(replicator, 7, 1_000) == ([id_of(7)], False)


def test_a_link_that_stands_anew_was_not_silent() -> None:
    replicator = make(links=[1, 2])
    replicator.resumed_links.resumed(LINK, at(1_000).monotonic)
    replicator.link_down(LINK, at(1_000))
    replicator.link_up(LINK, at(1_000), is_dialled_by_us=False)
    assert passed_on(replicator, 7, 1_000) == ([id_of(7)], False)
