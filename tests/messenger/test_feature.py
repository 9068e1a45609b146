"""Features: each command and each kind of control is handled in one place."""

from typing import get_args

import pytest

from mesh.commands.answer import Done
from mesh.commands.carry import AskMailFor
from mesh.commands.command import Command
from mesh.commands.identity import AskIdentity, CreateIdentity
from mesh.commands.nearby import AskNearby, CompareNearby, ConfirmNearby, SetNearby
from mesh.commands.peers import AddPeer, AskPeers, RemovePeer
from mesh.commands.status import AskStatus
from mesh.ids import Instant
from mesh.messenger.feature import Feature, command
from mesh.messenger.wiring import table_of
from mesh.wire import controls
from tests.messenger.people import Clock, Person

OF_THE_NODE = (AskStatus, AskPeers, AddPeer, RemovePeer, AskMailFor)
OF_PEERS = (SetNearby, AskNearby, CompareNearby, ConfirmNearby)


def test_each_command_is_handled_by_a_feature_or_by_the_engine() -> None:
    handled = Person("Ann", Clock()).wired.commands
    elsewhere = (CreateIdentity, *OF_THE_NODE, *OF_PEERS)
    assert not any(kind in handled for kind in elsewhere)
    assert len(handled) + len(elsewhere) == len(get_args(Command))
    assert all(kind in handled or kind in elsewhere for kind in get_args(Command))


def test_each_kind_of_control_is_handled() -> None:
    handled = Person("Ann", Clock()).wired.inbox._reception._controls
    kinds = [value for value in vars(controls).values() if isinstance(value, int)]
    assert sorted(handled) == sorted(kinds)


def test_no_two_features_handle_the_same() -> None:
    def answer(_asked: AskIdentity, _now: Instant) -> Done:
        return Done()

    feature = Feature(commands=[command(AskIdentity, answer)])
    assert list(table_of(feature.commands)) == [AskIdentity]
    with pytest.raises(AssertionError, match="two features"):
        table_of([*feature.commands, *feature.commands])
