"""An engine passes on as backlog what a link brings as it is heard again after a long silence."""

import pytest

from mesh.ids import EnvelopeId
from mesh.inputs import NetworksSeen
from mesh.limits.link import LINK_PING_IDLE_MS, LINK_SILENT_MS
from mesh.limits.replication import RESUMED_MS, SPARED_BYTES_PER_LINK
from mesh.wire.envelope import SIZE_BYTES, decode_envelope
from mesh.wire.frames import FLAG_BACKLOG, IHave, IWant, Push, Stem, join_entries, split_entries
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_eviction import WWAN, refused_ids, told_ids
from tests.engine.test_hostile import HOSTILE_MESH, envelope

WRITTEN = envelope(1)
ID = decode_envelope(WRITTEN).id
PassedOn = tuple[set[bytes], dict[EnvelopeId, int]]
"""The ids of bodies that went on, and those that were announced, with the flags."""

AS_LIVE: PassedOn = ({ID}, {})
AS_BACKLOG: PassedOn = (set(), {ID: FLAG_BACKLOG})


class Bridge:
    """A relay between one who brings and one who hears. `is_metered`: as the latter's link is."""

    def __init__(self, *, is_metered: bool = False) -> None:
        self.table = Joined(parameters=HOSTILE_MESH)
        self.table.sit("relay", is_relay=True, metered_interfaces=("wwan0",) if is_metered else ())
        if is_metered:
            self.table.seats["relay"].inbox.append(NetworksSeen((WWAN,)))
        self.bringing = Stranger(self.table, "relay", number=1)
        self.hearing = Stranger(self.table, "relay", number=50, local_host="10.0.0.99")

    def pass_silently(self, ms: int) -> None:
        """Let time pass in which one who brings says nothing; the other one keeps its link up."""
        while ms:
            step = min(ms, LINK_PING_IDLE_MS // 2)
            self.table.pass_time(step / 1_000)
            self.hearing.keep_alive()
            ms -= step
        self.hearing.heard.clear()

    def passed_on(self) -> PassedOn:
        """The bodies that one who hears got, and of what it was told under which flags."""
        told = [frame for frame in self.hearing.heard if isinstance(frame, IHave)]
        flags = {id_: frame.flags for frame in told for id_, _ in split_entries(frame.entries)}
        assert self.bringing.is_open
        assert self.hearing.is_open
        return told_ids(self.hearing), flags


@pytest.mark.parametrize("silent_ms, is_live", [(LINK_SILENT_MS, False), (10_000, True)])
def test_what_is_pushed_after_a_silence_is_announced_as_backlog(
    silent_ms: int, is_live: bool
) -> None:
    bridge = Bridge()
    bridge.pass_silently(silent_ms)
    bridge.bringing.send(Push(WRITTEN))
    assert bridge.passed_on() == (AS_LIVE if is_live else AS_BACKLOG)


def test_what_is_pushed_later_is_pushed_on() -> None:
    bridge = Bridge()
    bridge.pass_silently(LINK_SILENT_MS)
    bridge.bringing.send(IHave(b"", 0))
    bridge.pass_silently(RESUMED_MS)
    bridge.bringing.send(Push(WRITTEN))
    assert bridge.passed_on() == AS_LIVE


@pytest.mark.parametrize("silent_ms, is_live", [(LINK_SILENT_MS, False), (10_000, True)])
def test_a_stem_that_is_announced_after_a_silence_is_announced_as_backlog(
    silent_ms: int, is_live: bool
) -> None:
    """The announcement is the first that is heard again, and no body comes with it."""
    bridge = Bridge()
    bridge.pass_silently(silent_ms)
    author = Stranger(bridge.table, "relay", number=2)
    author.send(*(Stem(envelope(number, key=number)) for number in range(2, 18)))
    heard = [one.envelope for one in bridge.bringing.heard if isinstance(one, Stem)]
    ids = [decode_envelope(data).id for data in heard]
    bridge.hearing.heard.clear()
    bridge.bringing.send(IHave(entries=join_entries([(id_, 0) for id_ in ids]), flags=0))
    assert len(ids) > 0
    spread: PassedOn = (set(ids), {}) if is_live else (set(), dict.fromkeys(ids, FLAG_BACKLOG))
    assert bridge.passed_on() == spread


def test_a_metered_link_gets_what_is_pushed_after_a_silence_as_live_mail() -> None:
    bridge = Bridge(is_metered=True)
    old = [envelope(number, size_class=3) for number in range(100, 100 + 2 * _spared_count())]
    bridge.bringing.send(*map(Push, old))
    bridge.hearing.send(IWant(ids=b"".join(decode_envelope(data).id for data in old)))
    assert len(refused_ids(bridge.hearing)) > 0
    bridge.pass_silently(LINK_SILENT_MS)
    bridge.bringing.send(Push(WRITTEN))
    assert bridge.passed_on() == AS_LIVE


def _spared_count() -> int:
    return SPARED_BYTES_PER_LINK // SIZE_BYTES[3]
