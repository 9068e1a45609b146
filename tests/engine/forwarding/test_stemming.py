"""Stems: how mail begins, seen by the peers of a node."""

from collections.abc import Iterable

import pytest

from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.crypto.hashing import blake2b_128
from mesh.ids import EnvelopeId
from mesh.inputs import DiskMeasured, VaultClosing
from mesh.limits.replication import HELD_GATHERED_MS
from mesh.limits.stems import STEM_PAUSE_MAX_MS
from mesh.limits.storage import DISK_FULL_BYTES
from mesh.storage.store.store import Store
from mesh.wire.envelope import decode_envelope, envelope_id_of
from mesh.wire.frames import (
    SHORT_ID_BYTES,
    Frame,
    Held,
    IHave,
    IWant,
    NoHave,
    Push,
    Retired,
    Stem,
    StemRetired,
    split_entries,
)
from mesh.wire.retirement import Retirement, join_retirements
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, texts
from tests.engine.test_hostile import envelope

PAUSE_S = STEM_PAUSE_MAX_MS / 1000


def relay_with(count: int, *, seed: int = 1) -> tuple[Joined, list[Stranger]]:
    table = Joined(seed=seed, relay_delay_ms_max=0)
    table.sit("relay", is_relay=True)
    return table, [Stranger(table, "relay", number=number) for number in range(count)]


def spread_ids(frames: Iterable[Frame]) -> list[EnvelopeId]:
    """The ids of which frames say that everybody may know them."""
    found: list[EnvelopeId] = []
    for frame in frames:
        if isinstance(frame, Push):
            found.append(envelope_id_of(frame.envelope))
        elif isinstance(frame, IHave):
            found += [id_ for id_, _ in split_entries(frame.entries)]
    return found


def stemmed(strangers: Iterable[Stranger]) -> list[int]:
    """The strangers who were given a stem."""
    return [
        number
        for number, stranger in enumerate(strangers)
        if any(isinstance(frame, Stem) for frame in stranger.heard)
    ]


def passed_on(table: Joined, strangers: list[Stranger]) -> tuple[bytes, int]:
    """Give stems until one is passed on: its bytes, and the stranger who got it."""
    for key in range(1, 40):
        data = envelope(key, key=key)
        strangers[0].send(Stem(data))
        for stranger in strangers:
            stranger.flush()
        if got := stemmed(strangers):
            (to,) = got
            return data, to
        for stranger in strangers:
            stranger.heard.clear()
    raise AssertionError("nothing goes on")


def wait(table: Joined, strangers: list[Stranger]) -> None:
    """Let all stems come to their end; the strangers keep their links."""
    for _ in range(6):
        table.pass_time(PAUSE_S / 6)
        for stranger in strangers:
            stranger.keep_alive()


def rows(table: Joined, name: str, *, are_mail: bool = False) -> list[tuple[int, int]]:
    """The rows of stems in the store: whether each was given away, and the milliseconds to go.

    `are_mail`: those of envelopes alone, without retirements.
    """
    now_ms = table.now_of(name).mesh_ms
    found = Store(table.seats[name].store).stems.all()
    return [(row.is_given, row.due_ms - now_ms) for row, _ in found if not (are_mail and row.token)]


class Ear(Stranger):
    """A stranger who notes whose node was the first to tell of an envelope."""

    def __init__(self, table: Joined, name: str, order: list[str]) -> None:
        self._order = order
        self._of = name
        super().__init__(table, name)

    def _hear(self, data: bytes) -> None:
        known_count = len(self.heard)
        super()._hear(data)
        for frame in self.heard[known_count:]:
            tells = isinstance(frame, Push | Stem) or (
                isinstance(frame, IHave)
                and any(size <= 3 for _, size in split_entries(frame.entries))
            )
            if tells:
                self._order.append(self._of)


def acquaint(table: Joined) -> None:
    introduce(table, "ada", "bob")
    table.join("ada", "bob")
    befriend(table, "ada", "bob")
    table.pass_time(PAUSE_S)


def test_the_author_is_seldom_the_first_to_tell() -> None:
    table = Joined("ada", retire_delay_ms=(0, 0), relay_delay_ms_max=0)
    names = ["ada", "bob", "cy", "dan", "eve"]
    for name in names[1:]:
        table.sit(name)
    introduce(table, "ada", "bob")
    befriend(table, "ada", "bob")
    for number, name in enumerate(names):
        for other in names[:number]:
            table.join(name, other, is_awaited=False)
    firsts = 0
    posts = 0
    for _ in range(12):
        # The relay has a link to each, and is the only one who listens.
        order: list[str] = []
        ears = {name: Ear(table, name, order) for name in names}
        table.ask("ada", SendMessage("bob", f"number {posts}"))
        for ear in ears.values():
            ear.flush()
        table.pass_time(PAUSE_S)
        posts += 1
        firsts += order[:1] == ["ada"]
        # Another secret, so another path: with one path all posts would be one sample.
        table.restart("ada")
        for other in names[1:]:
            table.join("ada", other, is_awaited=False)
        table.pass_time(1)
    assert firsts <= posts // 2, firsts


def test_a_stem_goes_to_one_peer_and_shows_nowhere() -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    id_ = envelope_id_of(data)
    assert to != 0, "it does not go back"
    for stranger in strangers:
        assert id_ not in spread_ids(stranger.heard)
    asker = strangers[1 if to != 1 else 2]
    asker.heard.clear()
    asker.send(IWant(id_))
    (answer,) = [frame for frame in asker.heard if isinstance(frame, NoHave)]
    assert answer.entries == id_ + b"\x01", "as if it were unknown"
    assert id_ not in table.seats["relay"].engine.replicator.sets
    table.pass_time(HELD_GATHERED_MS / 1000)
    strangers[0].flush()
    (held,) = [one for one in strangers[0].heard if isinstance(one, Held) and one.held]
    assert held.held == id_[:SHORT_ID_BYTES], "it is stored, and counts as carried"


def test_posts_of_a_key_take_one_path() -> None:
    table, strangers = relay_with(5)
    _, to = passed_on(table, strangers)
    stem = next(frame for frame in strangers[to].heard if isinstance(frame, Stem))
    key = next(one for one in range(1, 40) if envelope(one, key=one) == stem.envelope)
    for number in range(100, 120):
        strangers[0].send(Stem(envelope(number, key=key)))
        for stranger in strangers:
            stranger.flush()
    assert stemmed(strangers) == [to]


def test_a_black_hole_costs_seconds_and_loses_nothing() -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    wait(table, strangers)
    for number, stranger in enumerate(strangers):
        assert envelope_id_of(data) in spread_ids(stranger.heard), number
    assert not [one for one in strangers[to].heard if isinstance(one, Push)], "it has it already"
    assert rows(table, "relay") == []


def test_a_crash_at_the_hop_loses_nothing() -> None:
    table, strangers = relay_with(4)
    data, _ = passed_on(table, strangers)
    ((is_given, pause_ms),) = rows(table, "relay")
    assert is_given
    assert 0 < pause_ms <= STEM_PAUSE_MAX_MS
    table.restart("relay")
    table.run()
    ear = Stranger(table, "relay")
    assert envelope_id_of(data) not in table.seats["relay"].engine.replicator.sets
    wait(table, [ear])
    assert envelope_id_of(data) in spread_ids(ear.heard)


@pytest.mark.parametrize("is_next", [True, False])
def test_what_is_heard_of_elsewhere_spreads_at_once(is_next: bool) -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    id_ = envelope_id_of(data)
    if is_next:
        strangers[to].send(IHave(id_ + b"\x00", 0))
        teller = to
    else:
        teller = 1 if to != 1 else 2
        strangers[teller].send(IHave(id_ + b"\x00", 0))
        assert id_ not in table.seats["relay"].engine.replicator.sets, "anybody can say so"
        strangers[teller].send(Push(data))
    for number, stranger in enumerate(strangers):
        stranger.flush()
        assert (id_ in spread_ids(stranger.heard)) is (number != teller), number


def test_what_is_heard_of_on_a_full_disk_spreads_and_is_a_stem_again_after_a_stop() -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    id_ = envelope_id_of(data)
    relay = table.seats["relay"]
    relay.inbox.append(DiskMeasured(DISK_FULL_BYTES - 1))
    table.run()
    strangers[to].send(IHave(id_ + b"\x00", 0))
    for number, stranger in enumerate(strangers):
        stranger.flush()
        assert (id_ in spread_ids(stranger.heard)) is (number != to), number
    (former,) = rows(table, "relay")
    # One that stops now has it on its stem again, for the rest of its time.
    table.restart("relay")
    table.run()
    assert id_ not in relay.engine.replicator.sets
    assert rows(table, "relay") == [former]
    wait(table, [ear := Stranger(table, "relay")])
    assert id_ in spread_ids(ear.heard)
    assert rows(table, "relay") == []


def test_that_a_stem_is_over_is_written_as_soon_as_there_is_room() -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    relay = table.seats["relay"]
    for free_bytes, count in ((DISK_FULL_BYTES - 1, 1), (1 << 40, 0)):
        relay.inbox.append(DiskMeasured(free_bytes))
        table.run()
        strangers[to].send(IHave(envelope_id_of(data) + b"\x00", 0))
        assert len(rows(table, "relay")) == count
    table.restart("relay")
    table.run()
    assert envelope_id_of(data) in relay.engine.replicator.sets


def test_a_node_that_has_a_stem_asks_for_it_like_one_that_has_not() -> None:
    table, strangers = relay_with(4)
    data, to = passed_on(table, strangers)
    asked = []
    others = [one for number, one in enumerate(strangers) if number not in (0, to)]
    ids = (envelope_id_of(data), EnvelopeId(bytes([7]) * 32))
    for id_, teller in zip(ids, others, strict=True):
        teller.heard.clear()
        teller.send(IHave(id_ + b"\x00", 0))
        table.pass_time(0.1)
        teller.flush()
        asked.append([type(frame).__name__ for frame in teller.heard])
    assert asked[0] == asked[1]
    assert asked[0][0] == "Graft"


def test_mail_written_alone_is_not_shown_by_comparing() -> None:
    table = Joined("ada", "bob", "relay")
    acquaint(table)
    table.cut("ada", "bob")
    table.ask("ada", SendMessage("bob", "alone"))
    table.pass_time(10 * PAUSE_S)
    assert [given for given, _ in rows(table, "ada", are_mail=True)] == [False]
    table.restart("ada")
    table.run()
    known = set(table.seats["ada"].engine.replicator.sets.ids())
    ear = Stranger(table, "ada")
    stem = next(frame for frame in ear.heard if isinstance(frame, Stem))
    assert envelope_id_of(stem.envelope) not in known
    assert [given for given, _ in rows(table, "ada", are_mail=True)] == [True]
    # The stranger keeps it to himself; it comes all the same.
    table.join("ada", "relay")
    table.join("relay", "bob")
    table.pass_time(PAUSE_S)
    assert texts(table, "bob") == ["alone"]


def test_what_is_taken_back_before_anybody_had_it_never_leaves() -> None:
    table = Joined("ada", "bob")
    acquaint(table)
    table.cut("ada", "bob")
    sent = table.ask("ada", SendMessage("bob", "no, wait"))
    assert isinstance(sent, MessageAnswer)
    table.ask("ada", WithdrawMessage(sent.number))
    table.run()
    ear = Stranger(table, "ada")
    wait(table, [ear])
    assert not [frame for frame in ear.heard if isinstance(frame, Stem | Push)]
    assert rows(table, "ada") == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_who_keeps_a_stem_back_cannot_see_that_it_was_taken_back(is_restarted: bool) -> None:
    told = {}
    for is_taken_back in (False, True):
        table = Joined("ada", "bob")
        acquaint(table)
        table.cut("ada", "bob")
        sent = table.ask("ada", SendMessage("bob", "no, wait"))
        assert isinstance(sent, MessageAnswer)
        ears = [Stranger(table, "ada")]
        (stem,) = [frame for frame in ears[0].heard if isinstance(frame, Stem)]
        if is_restarted:
            # A node that crashed before it left knows no more than this one.
            table.restart("ada")
            table.run()
            ears.clear()
        ears.append(Stranger(table, "ada", number=2))
        if is_taken_back:
            table.ask("ada", WithdrawMessage(sent.number))
        wait(table, ears)
        told[is_taken_back] = [
            [
                type(frame)
                for frame in one.heard
                if isinstance(frame, Push | Stem) and frame.envelope == stem.envelope
            ]
            for one in ears
        ]
        assert envelope_id_of(stem.envelope) in spread_ids(ears[-1].heard)
    assert told[True] == told[False]
    assert told[True][-1] == [Push]


def test_two_who_have_just_met_wait_for_nothing() -> None:
    table = Joined("ada", "bob")
    acquaint(table)
    began = table.now_us
    table.ask("ada", SendMessage("bob", "at once"))
    assert texts(table, "bob") == ["at once"]
    assert table.now_us == began


def test_what_a_reader_says_of_a_stem_does_not_tell_that_it_is_the_reader() -> None:
    heard = {}
    for is_open in (True, False):
        table = Joined("ada", "bob", retire_delay_ms=(60_000, 60_000))
        acquaint(table)
        table.cut("ada", "bob")
        table.ask("ada", SendMessage("bob", "for you"))
        *_, (_, data) = Store(table.seats["ada"].store).scans.arrivals_after(0, 99)
        if not is_open:
            table.seats["bob"].inbox.append(VaultClosing())
            table.run()
        ear, other = Stranger(table, "bob"), Stranger(table, "bob", number=2)
        ear.heard.clear()
        other.heard.clear()
        ear.send(Stem(data))
        other.flush()
        heard[is_open] = [[type(frame).__name__ for frame in one.heard] for one in (ear, other)]
        answer = table.ask("bob", AskMessages(limit=9)) if is_open else None
        assert answer is None or isinstance(answer, MessagesAnswer)
        assert not is_open or texts(table, "bob") == ["for you"]
    assert heard[True] == heard[False]


def test_a_stem_pays_the_same_checks() -> None:
    table, strangers = relay_with(3)
    data = bytearray(envelope(1))
    data[-1] ^= 1
    strangers[0].send(Stem(bytes(data)))
    strangers[1].send(Stem(b"\x01no envelope at all"))
    # All versions have one outer form.
    strangers[2].send(Stem(b"of another version, perhaps"))
    assert [one.is_open for one in strangers] == [False, False, False]
    assert Store(table.seats["relay"].store).envelopes_count == 0
    lapsed = Stranger(table, "relay", number=4)
    lapsed.send(Stem(envelope(2, created=1_700_000_000)))
    table.pass_time(HELD_GATHERED_MS / 1000)
    lapsed.flush()
    (held,) = [frame for frame in lapsed.heard if isinstance(frame, Held)]
    assert (held.held, len(held.refused)) == (b"", SHORT_ID_BYTES)


def test_a_retirement_goes_over_one_link_first_and_spreads() -> None:
    table, strangers = relay_with(4)
    passed = 0
    for number in range(1, 20):
        data = envelope(number, key=number)
        token = number.to_bytes(16, "big")
        assert decode_envelope(data).header.read_hash == blake2b_128(token)
        retirement = Retirement(envelope_id_of(data), token)
        strangers[0].send(Push(data))
        for stranger in strangers:
            stranger.flush()
            stranger.heard.clear()
        strangers[0].send(StemRetired(join_retirements([retirement])))
        for stranger in strangers:
            stranger.flush()
        got = [
            stranger
            for stranger in strangers
            if any(isinstance(frame, StemRetired) for frame in stranger.heard)
        ]
        told = [one for one in strangers if retirement.element in spread_ids(one.heard)]
        assert len(got) <= 1
        assert strangers[0] not in got
        assert bool(got) is not bool(told), "it goes on, or spreads here"
        passed += len(got)
        wait(table, strangers)
        assert all(retirement.element in spread_ids(one.heard) for one in strangers)
    assert passed > 10
    assert rows(table, "relay") == []


def test_a_retirement_on_its_stem_survives_a_crash_and_changes_no_answer_before() -> None:
    table, strangers = relay_with(4)
    for number in range(1, 40):
        data = envelope(number, key=number)
        strangers[0].send(Push(data))
        retirement = Retirement(envelope_id_of(data), number.to_bytes(16, "big"))
        strangers[0].send(StemRetired(join_retirements([retirement])))
        if rows(table, "relay"):
            break
    else:
        raise AssertionError("nothing goes on")
    strangers[0].heard.clear()
    strangers[0].send(IWant(retirement.envelope))
    assert [frame for frame in strangers[0].heard if isinstance(frame, Push)]
    table.restart("relay")
    table.run()
    ear = Stranger(table, "relay")
    wait(table, [ear])
    assert retirement.element in spread_ids(ear.heard)
    ear.send(IWant(retirement.element))
    (told,) = [frame for frame in ear.heard if isinstance(frame, Retired)]
    assert told.entries == join_retirements([retirement])


def test_a_forged_retirement_on_a_stem_ends_the_link() -> None:
    _, strangers = relay_with(2)
    data = envelope(1)
    strangers[0].send(Push(data))
    forged = Retirement(envelope_id_of(data), bytes(16))
    strangers[1].send(StemRetired(join_retirements([forged])))
    assert not strangers[1].is_open
    assert strangers[0].is_open
