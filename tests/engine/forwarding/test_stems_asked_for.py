"""No question of a peer tells who has an envelope as a stem, whatever frame names it."""

from collections.abc import Callable

import pytest

from mesh.commands.messages import SendMessage
from mesh.ids import EnvelopeId, UnixSeconds
from mesh.limits.replication import HELD_GATHERED_MS
from mesh.replication.range_messages import Writer
from mesh.wire.envelope import decode_envelope, decode_stub, envelope_id_of
from mesh.wire.frames import (
    FLAG_BACKLOG,
    SHORT_ID_BYTES,
    Audit,
    DoNotWant,
    Frame,
    Graft,
    Held,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Push,
    Retired,
    Root,
    RootEntry,
    Stem,
    StemRetired,
    Stubs,
    encode_frame,
    join_entries,
)
from mesh.wire.retirement import Retirement, join_retirements
from tests.engine.forwarding.test_stemming import passed_on, relay_with, spread_ids, wait
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce
from tests.engine.test_hostile import NOW, envelope

# A stem whose time ends while it is asked for says nothing of the asking.
PAUSE_MS_MIN = 2_500
OF_ENVELOPES = (
    *(Push, Stem, IHave, IWant, DoNotWant, Prune, Graft, NoHave, Stubs, Retired, StemRetired),
    *(Held, NegMessage, NegClose, Audit),
)


def retirement_of(data: bytes, *, is_forged: bool) -> bytes:
    """Return an entry that retires an envelope of `test_hostile`, or one that does not."""
    id_ = envelope_id_of(data)
    numbers = (number for number in range(1, 40) if envelope(number, key=number) == data)
    token = bytes(16) if is_forged else next(numbers).to_bytes(16, "big")
    return join_retirements([Retirement(id_, token)])


def stub(data: bytes, tokens: bytes = b"") -> Stubs:
    return Stubs([(decode_envelope(data).stub, tokens)])


def answer(data: bytes, tokens: bytes = b"") -> list[Frame]:
    """The stub of what was announced, and so asked for."""
    return [ihave(data, FLAG_BACKLOG), stub(data, tokens)]


def forged(data: bytes) -> Retired:
    return Retired(retirement_of(data, is_forged=True))


def true(data: bytes) -> Retired:
    return Retired(retirement_of(data, is_forged=False))


def token_of(data: bytes) -> bytes:
    return retirement_of(data, is_forged=False)[-16:]


def want(data: bytes) -> IWant:
    return IWant(envelope_id_of(data))


def ihave(data: bytes, flags: int = 0) -> IHave:
    return IHave(envelope_id_of(data) + b"\x00", flags)


def ranges(data: bytes) -> NegOpen:
    writer = Writer()
    writer.id_list(None, [])
    return NegOpen(1, decode_envelope(data).header.lifetime_class, NOW - 3_600, writer.taken())


def another_answer(data: bytes) -> list[Frame]:
    """The stub with a signature that does not hold."""
    whole = bytearray(decode_envelope(data).stub)
    whole[-1] ^= 1
    told = IHave(decode_stub(bytes(whole)).id + b"\x00", FLAG_BACKLOG)
    return [told, Stubs([(bytes(whole), b"")])]


def give(spy: Stranger, *frames: Frame) -> None:
    """Send one frame after the other."""
    for frame in frames:
        spy.send(frame)


Ask = Callable[[bytes], list[Frame]]

PROBES: dict[str, Ask] = {
    "a forged retirement": lambda data: [forged(data)],
    "a forged retirement, twice": lambda data: [forged(data), forged(data)],
    "a true retirement": lambda data: [true(data), want(data)],
    "a forged retirement as a stem": lambda data: [
        StemRetired(retirement_of(data, is_forged=True)),
        want(data),
    ],
    "a true retirement as a stem": lambda data: [
        StemRetired(retirement_of(data, is_forged=False)),
        want(data),
    ],
    "a retirement and the envelope": lambda data: [true(data), Push(data), want(data)],
    "a forged one and the envelope": lambda data: [forged(data), Push(data), want(data)],
    "a stub that nobody asked for": lambda data: [stub(data), want(data)],
    "a stub": lambda data: answer(data),
    "a stub, asked for": lambda data: [*answer(data), want(data)],
    "a stub, grafted": lambda data: [*answer(data), Graft(envelope_id_of(data))],
    "a stub, twice": lambda data: [*answer(data), stub(data), want(data)],
    "a stub with a bad signature": lambda data: [*another_answer(data), want(data)],
    "a stub with a forged token": lambda data: [*answer(data, bytes(16)), want(data)],
    "a stub with its token": lambda data: [*answer(data, token_of(data)), want(data)],
    "a stub, its token, the envelope": lambda data: [
        *answer(data, token_of(data)),
        Push(data),
        want(data),
    ],
    "a stub and a forged retirement": lambda data: [*answer(data), forged(data)],
    "a stub and the envelope": lambda data: [*answer(data), Push(data), want(data)],
    "a stub and the stem": lambda data: [*answer(data), Stem(data), want(data)],
    "a stub, announced": lambda data: [*answer(data), ihave(data)],
    "a stub, compared": lambda data: [*answer(data), ranges(data)],
    "the envelope": lambda data: [Push(data), want(data)],
    "an announcement": lambda data: [ihave(data)],
    "an announcement of old mail": lambda data: [ihave(data, FLAG_BACKLOG)],
    "a want": lambda data: [want(data)],
    "a graft": lambda data: [Graft(envelope_id_of(data))],
    "no want": lambda data: [DoNotWant(envelope_id_of(data)), Push(data)],
    "a word that it is not there": lambda data: [
        NoHave(entries=join_entries([(envelope_id_of(data), 1)]))
    ],
    "a carrier": lambda data: [
        Held(envelope_id_of(data)[:SHORT_ID_BYTES], b""),
        want(data),
    ],
    "a refusal": lambda data: [Held(b"", envelope_id_of(data)[:SHORT_ID_BYTES])],
    "a comparison": lambda data: [ranges(data)],
    "a root": lambda data: [
        Root([RootEntry(0, UnixSeconds(NOW - 3_600), UnixSeconds(NOW), 1, bytes(16))])
    ],
    "an audit": lambda data: [
        Audit(1, 0, bytes(16), UnixSeconds(NOW - 3_600), UnixSeconds(NOW + 3_600))
    ],
}


def relays() -> tuple[bytes, list[tuple[Joined, list[Stranger]]]]:
    """An envelope; a relay that has it as a stem, and one that has not, each with two peers."""
    for seed in range(1, 40):
        table, strangers = relay_with(4, seed=seed)
        data, to = passed_on(table, strangers)
        engine = table.seats["relay"].engine
        due = engine.stemming.deadline()
        assert due is not None
        if due - table.now_us < PAUSE_MS_MIN * 1_000 or len(engine.stemming.stems) != 1:
            continue
        spies = [number for number in range(4) if number not in (0, to)]
        other, others = relay_with(4, seed=seed)
        # It has passed on the same mail of others, so that both have the same sets.
        for known in engine.replicator.sets.ids():
            number = next(n for n in range(1, 40) if envelope_id_of(envelope(n, key=n)) == known)
            others[0].send(Push(envelope(number, key=number)))
        for one, those in ((table, strangers), (other, others)):
            one.pass_time(HELD_GATHERED_MS / 1000)
            for stranger in those:
                stranger.flush()
                stranger.heard.clear()
        return data, [(table, [strangers[n] for n in spies]), (other, [others[n] for n in spies])]
    raise AssertionError("no stem takes so long")


def heard(table: Joined, peers: list[Stranger], frames: list[Frame]) -> list[object]:
    """Return all that both peers are told of envelopes, step by step, and whose link stands."""
    told: list[object] = []
    for frame in frames:
        peers[0].send(frame)
        for _ in range(4):
            for peer in peers:
                peer.flush()
                told.append(
                    [peer.is_open]
                    + [encode_frame(one) for one in peer.heard if isinstance(one, OF_ENVELOPES)]
                )
                peer.heard.clear()
            table.pass_time(0.1)
    return told


@pytest.mark.parametrize("name", PROBES)
def test_who_has_a_stem_answers_as_who_has_not(name: str) -> None:
    data, situations = relays()
    told = []
    for table, spies in situations:
        asked = PROBES[name](data)
        told.append(heard(table, spies, asked))
    assert told[0] == told[1]


def test_a_path_that_leads_back_is_answered_like_a_path_that_comes_here_first() -> None:
    """The coin of another link decides where it goes on."""
    data, situations = relays()
    told = []
    for table, (spy, _) in situations:
        spy.send(Stem(data))
        table.pass_time(HELD_GATHERED_MS / 1000)
        spy.flush()
        told.append([spy.is_open, *(one for one in spy.heard if isinstance(one, Held))])
    assert told[0] == told[1]


def test_a_stem_that_was_asked_for_by_its_stub_spreads_with_its_body() -> None:
    data, ((table, spies), _) = relays()
    give(spies[0], *answer(data))
    table.run()
    spies[1].heard.clear()
    wait(table, spies)
    assert envelope_id_of(data) in spread_ids(spies[1].heard)
    spies[1].send(want(data))
    assert [frame for frame in spies[1].heard if isinstance(frame, Push)] == [Push(data)]
    assert not len(table.seats["relay"].engine.stemming.stems)


def test_a_stem_whose_stub_came_with_its_token_spreads_no_more() -> None:
    data, ((table, spies), _) = relays()
    give(spies[0], *answer(data, token_of(data)))
    wait(table, spies)
    spies[1].heard.clear()
    spies[1].send(want(data))
    (told,) = [frame for frame in spies[1].heard if isinstance(frame, Stubs)]
    ((found, tokens),) = told.entries
    assert (decode_stub(found).id, tokens) == (envelope_id_of(data), token_of(data))


@pytest.mark.parametrize("is_forged", [True, False])
def test_a_retirement_that_was_told_of_a_stem_is_judged_when_it_spreads(is_forged: bool) -> None:
    data, ((table, spies), _) = relays()
    spies[0].send(forged(data) if is_forged else true(data))
    wait(table, spies)
    for spy in spies:
        spy.flush()
    assert envelope_id_of(data) in spread_ids(spies[1].heard)
    spies[1].heard.clear()
    spies[1].send(want(data))
    bodies = [frame for frame in spies[1].heard if isinstance(frame, Push)]
    assert bodies == ([Push(data)] if is_forged else [])


def test_a_later_hop_does_not_find_the_author_by_a_forged_retirement() -> None:
    table = Joined("ada", "cy", "dan")
    introduce(table, "ada", "cy", "dan")
    table.join("ada", "cy")
    befriend(table, "ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello"))
    table.pass_time(10)
    table.stop("ada")
    table.pass_time(12)
    hop = Stranger(table, "cy", number=1)
    table.ask("cy", SendMessage("ada", "Whose is this?"))
    hop.flush()
    (data,) = [one.envelope for one in hop.heard if isinstance(one, Stem)]
    found = {}
    for name in ("cy", "dan"):
        spy = Stranger(table, name, number=2)
        spy.heard.clear()
        token = Retirement(EnvelopeId(envelope_id_of(data)), bytes(16))
        give(spy, *answer(data), want(data), Retired(join_retirements([token])))
        table.pass_time(0.05)
        found[name] = [spy.is_open, *(type(one).__name__ for one in spy.heard)]
    assert found["cy"] == found["dan"]


@pytest.mark.parametrize("is_retired", [False, True])
def test_a_restart_takes_nothing_from_whoever_brought_the_stub_of_a_stem(is_retired: bool) -> None:
    data, ((table, spies), _) = relays()
    give(spies[0], *answer(data, token_of(data) if is_retired else b""))
    table.run()
    table.restart("relay")
    table.run()
    again = Stranger(table, "relay", number=9)
    again.send(want(data))
    (told,) = [frame for frame in again.heard if isinstance(frame, Push | Stubs | NoHave)]
    assert isinstance(told, Stubs if is_retired else Push)
