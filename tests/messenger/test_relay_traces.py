"""A relay's database tells of groups posts of a key of a day, and nothing that joins more."""

import pytest

from mesh.group import bodies
from mesh.messenger.sessions.posting_keys import Audience
from mesh.messenger.sessions.sealing import Sealing
from tests.bench.relay_month import NONCE_BYTES, watched

Patch = pytest.MonkeyPatch


def test_no_two_posts_of_a_group_are_joined_beyond_their_key_of_a_day(monkeypatch: Patch) -> None:
    relay = watched(days=2)
    assert len(relay.of_groups) > 20
    assert relay.faults() == []
    # One key for all groups of somebody would be found, and so would a body that says its group.
    ready = Sealing._ready
    monkeypatch.setattr(
        Sealing,
        "_ready",
        lambda self, audience, *of: ready(self, min(audience, Audience.GROUPS), *of),
    )
    monkeypatch.setattr(bodies, "nonce_of", lambda *_: bytes(NONCE_BYTES))
    assert watched(days=1).faults() == [
        "a nonce stands twice",
        "a posting key serves two audiences",
        "two bodies share bytes",
    ]
