"""A vault that was put back, a copy that runs beside: it is noticed, and both hear each other.

Where both have answered each other on newer roots since, what was put back looks like a stolen
vault: the node says whom it may not reach, and a new invite joins the two again.
"""

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from mesh.commands.contacts import RenewSession
from mesh.database import Connection
from mesh.ids import ContactId
from mesh.limits.sessions import (
    EXPIRED_BEFORE_PROBE,
    PROBE_RENDEZVOUS_TAGS,
    RENEWAL_INTERVAL_SECONDS,
)
from mesh.storage.vault.rendezvous import RendezvousRows
from tests.messenger.people import (
    DAY_S,
    Clock,
    Person,
    acquainted,
    exchange,
    exchange_tokens,
)

DAYS_MAX = 30
"""Within so many days of writing both hear each other again, whatever was lost."""


class Pair:
    """Two people, all that they ever posted, and how often each began new keys."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ann, self.bob = acquainted(clock)
        self.renewed: dict[str, list[int]] = {"Ann": [], "Bob": []}

    def settle(self) -> None:
        """All mail comes, and all tokens."""
        exchange(self.ann, self.bob)
        self.clock.pass_by(660)
        exchange_tokens(self.ann, self.bob)
        for person in (self.ann, self.bob):
            row = person.connection.execute("SELECT max(renewed) FROM exchanges").fetchone()
            times = self.renewed[person.name]
            assert row is not None
            if isinstance(row[0], int) and row[0] not in (0, *times[-1:]):
                times.append(row[0])

    def write(self, text: str, count: int = 1) -> None:
        """Both write, before either has heard the other."""
        for number in range(count):
            self.ann.send("Bob", f"Ann {text} {number}")
            self.bob.send("Ann", f"Bob {text} {number}")
        self.settle()

    def pass_a_day(self) -> None:
        self.clock.pass_by(DAY_S)
        for person in (self.ann, self.bob):
            person.store.expire(person.now.mesh)
            person.tend()
        self.settle()

    def is_in_reach(self, loser: Person) -> bool:
        """Say whether who lost something still has a way to the other."""
        return bool(ways_out(loser) & ways_in(self.ann if loser is self.bob else self.bob))

    def join_again(self, loser: Person) -> None:
        """Let who lost give the other a new invite; their history goes on."""
        other, label = (self.ann, "Bob") if loser is self.bob else (self.bob, "Ann")
        before = other.texts(label)
        self.clock.pass_by(1)
        other.add(loser.invite().link)
        self.settle()
        assert [contact.label for contact in other.contacts()] == [label]
        assert len(loser.contacts()) == 1
        assert set(before) <= set(other.texts(label))

    def days_until_heard(self) -> int:
        """Days of writing until what each wrote on a day and on the next comes to the other."""
        heard = 0
        for day in range(DAYS_MAX):
            self.write(f"day {day}")
            self.pass_a_day()
            in_ann, in_bob = self.ann.texts("Bob"), self.bob.texts("Ann")
            is_heard = f"Bob day {day} 0" in in_ann and f"Ann day {day} 0" in in_bob
            heard = heard + 1 if is_heard else 0
            if heard == 3:
                return day - 2
        raise AssertionError("they are deaf to each other")

    def check_history(self) -> None:
        """Nothing was shown twice, no nonce used twice under a tag, nothing renewed too soon."""
        for person, other in ((self.ann, "Bob"), (self.bob, "Ann")):
            shown = [one.text for one in person.messages(other)]
            assert len(shown) == len(set(shown))
        posted = {**self.ann.store.envelopes, **self.bob.store.envelopes}
        places = {(one.header.tag, one.body[:12]) for one in posted.values()}
        assert len(places) == len(posted)
        for times in self.renewed.values():
            for before, after in pairwise(times):
                assert after - before >= RENEWAL_INTERVAL_SECONDS


def ways_out(person: Person) -> set[bytes]:
    """Return by which keys a person would begin anew."""
    found = set()
    for session in person.messenger.parts.sessions.of_contact(ContactId(person.contacts()[0].id)):
        ways = session.rendezvous_out
        if ways is not None and session.is_known:
            found.add(ways.key_out)
    return found


def ways_in(person: Person) -> set[bytes]:
    """Return by which keys the other side may begin anew."""
    rows = RendezvousRows(person.connection).all()
    return {row.key_in for row in rows if row.closed is None}


def before_the_first_reply(pair: Pair) -> None:
    """Nothing but the hellos."""


def in_the_middle_of_a_chain(pair: Pair) -> None:
    for number in range(5):
        pair.bob.send("Ann", f"early {number}")
    pair.settle()


def across_a_ratchet_step(pair: Pair) -> None:
    pair.ann.send("Bob", "step")
    pair.settle()
    pair.bob.send("Ann", "step back")
    pair.settle()


def across_a_post_quantum_step(pair: Pair) -> None:
    for day in range(3):
        pair.write(f"early {day}")
        pair.pass_a_day()


def across_a_renewal(pair: Pair) -> None:
    older = pair.bob.backup()
    pair.write("before")
    pair.bob.restore(older)
    pair.write("renewed")
    pair.pass_a_day()


PHASES: list[Callable[[Pair], None]] = [
    before_the_first_reply,
    in_the_middle_of_a_chain,
    across_a_ratchet_step,
    across_a_post_quantum_step,
    across_a_renewal,
]
phases = pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)


def lose(pair: Pair, victims: list[Person], backups: list[Connection], *, has_bodies: bool) -> None:
    for victim, backup in zip(victims, backups, strict=True):
        victim.restore(backup, with_bodies=has_bodies)
        # The backup does not remember what its later life did.
        pair.renewed[victim.name] = []
    pair.settle()


@phases
@pytest.mark.parametrize("who", ["Ann", "Bob", "both"])
@pytest.mark.parametrize("has_bodies", [False, True], ids=["opened mail gone", "mail still there"])
def test_who_lost_state_is_heard_within_days(
    phase: Callable[[Pair], None], who: str, has_bodies: bool
) -> None:
    pair = Pair(Clock())
    victims = [one for one in (pair.ann, pair.bob) if who in (one.name, "both")]
    backups = [victim.backup() for victim in victims]
    phase(pair)
    pair.write("lost", count=3)
    lose(pair, victims, backups, has_bodies=has_bodies)
    victim = victims[-1]
    if not pair.is_in_reach(victim):
        assert len(victims) == 1, "what both lost they lost alike"
        pair.write("into the void")
        assert victim.contacts()[0].unreached, "the node says whom it may not reach"
        pair.join_again(victim)
        assert not victim.contacts()[0].unreached
    assert pair.days_until_heard() <= 2
    pair.check_history()


@phases
def test_a_loss_that_is_noticed_when_all_mail_has_expired_is_repaired_too(
    phase: Callable[[Pair], None],
) -> None:
    pair = Pair(Clock())
    backup = pair.bob.backup()
    phase(pair)
    pair.write("lost", count=3)
    for _ in range(9):
        pair.pass_a_day()
    lose(pair, [pair.bob], [backup], has_bodies=False)
    if not pair.is_in_reach(pair.bob):
        pair.join_again(pair.bob)
    pair.days_until_heard()


def test_only_one_side_writes_and_its_loss_is_noticed() -> None:
    pair = Pair(Clock())
    backup = pair.bob.backup()
    pair.write("lost", count=2)
    lose(pair, [pair.bob], [backup], has_bodies=False)
    for number in range(3):
        pair.bob.send("Ann", f"alone {number}")
        pair.settle()
    assert [text for text in pair.ann.texts("Bob") if text.startswith("alone")] == [
        "alone 0",
        "alone 1",
        "alone 2",
    ]


@pytest.mark.parametrize("seed", range(8))
def test_the_same_old_vault_put_back_again_and_again(seed: int) -> None:
    random = Random(seed)
    pair = Pair(Clock())
    victim = random.choice([pair.ann, pair.bob])
    PHASES[seed % len(PHASES)](pair)
    backup = victim.backup()
    for number in range(3):
        pair.write(f"round {number}", count=random.randrange(1, 4))
        for _ in range(random.randrange(4)):
            pair.pass_a_day()
        lose(pair, [victim], [backup], has_bodies=False)
    if not pair.is_in_reach(victim):
        pair.join_again(victim)
    pair.days_until_heard()
    pair.check_history()


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_that_runs_beside_makes_nobody_deaf_for_good(seed: int) -> None:
    random = Random(seed)
    pair = Pair(Clock())
    pair.write("one profile")
    original, copy = pair.bob, Person("Bob", pair.clock, seed=77)
    copy.restore(original.backup())
    copy.store = original.store.copy()
    for number in range(12):
        writer = random.choice([original, copy])
        writer.send("Ann", f"{'copy' if writer is copy else 'original'} {number}")
        exchange(pair.ann, original, copy)
        pair.clock.pass_by(DAY_S * random.random())
        pair.ann.send("Bob", f"Ann {number}")
        exchange(pair.ann, original, copy)
    shown = [one.text for one in pair.ann.messages("Bob")]
    assert len(shown) == len(set(shown))
    # The copy is switched off.
    for _ in range(8):
        pair.pass_a_day()
    if not pair.is_in_reach(original):
        pair.join_again(original)
    pair.days_until_heard()


def test_who_is_heard_on_an_old_session_is_met_there() -> None:
    pair = Pair(Clock())
    ann, original = pair.ann, pair.bob
    pair.write("one profile")
    for seed in (77, 78):
        # Each copy agrees on new keys with Ann, of which the original learns nothing.
        copy = Person("Bob", pair.clock, seed=seed)
        copy.restore(original.backup())
        copy.ask(RenewSession("Ann"))
        copy.send("Ann", f"copy {seed}")
        exchange(ann, copy)
        pair.clock.pass_by(DAY_S)
    original.send("Ann", "I am the one who is left")
    ann.receive(original.post())
    ann.send("Bob", "lost")
    original.receive(ann.post())
    assert "lost" not in original.texts("Ann")
    ann.restart()
    # Asked once, by somebody whom Bob has told that nothing comes.
    ann.ask(RenewSession("Bob"))
    exchange(ann, original)
    ann.send("Bob", "found")
    exchange(ann, original)
    assert "found" in original.texts("Ann")


def test_a_wiped_disk_is_another_person() -> None:
    pair = Pair(Clock())
    pair.write("before")
    again = Person("Bob", pair.clock, seed=55)
    again.add(pair.ann.invite().link)
    exchange(pair.ann, again)
    labels = [contact.label for contact in pair.ann.contacts()]
    assert len(labels) == 2
    assert labels[0] == "Bob" != labels[1]
    again.send("Ann", "I am new")
    exchange(pair.ann, again)
    assert "I am new" not in pair.ann.texts("Bob")
    assert "I am new" in pair.ann.texts(labels[1])


def test_who_was_only_away_loses_no_contact_by_probes_and_renewals() -> None:
    pair = Pair(Clock())
    pair.write("before")
    away = pair.bob
    for day in range(60):
        for number in range(4):
            pair.ann.send("Bob", f"away {day} {number}")
        pair.ann.post()
        pair.clock.pass_by(DAY_S)
        pair.ann.store.expire(pair.ann.now.mesh)
        pair.ann.tend()
    ((rendezvous,),) = pair.ann.connection.execute(
        "SELECT max(rendezvous_count) FROM sessions"
    ).fetchall()
    assert isinstance(rendezvous, int)
    assert 4 <= rendezvous <= PROBE_RENDEZVOUS_TAGS + 1, "the probes, and what began the renewal"
    # Ann's mail of the last week is still there, but Bob writes before he hears of it.
    away.send("Ann", "back")
    pair.ann.receive(away.post())
    assert pair.ann.texts("Bob")[-1] == "back"
    pair.days_until_heard()


def probed(clock: Clock) -> tuple[Person, Person]:
    """Ann, who wrote in vain for long, and Bob, who has just opened what she asks him by."""
    pair = Pair(clock)
    pair.write("before")
    for number in range(EXPIRED_BEFORE_PROBE):
        pair.ann.send("Bob", f"in vain {number}")
    pair.ann.post()
    clock.pass_by(8 * DAY_S)
    pair.ann.store.expire(pair.ann.now.mesh)
    pair.ann.tend()
    pair.bob.receive(pair.ann.post())
    assert pair.bob.texts("Ann")[-1] == f"in vain {EXPIRED_BEFORE_PROBE - 1}"
    return pair.ann, pair.bob


def begun_count(person: Person) -> int:
    """Return how often a person began new keys, of those that are kept."""
    cursor = person.connection.execute("SELECT count(*) FROM sessions WHERE is_begun_here")
    ((count,),) = cursor.fetchall()
    assert isinstance(count, int)
    return count


def test_new_keys_begun_by_a_clock_that_was_years_ahead_put_no_probe_off_for_years() -> None:
    pair = Pair(Clock())
    pair.clock.pass_by(700 * DAY_S)
    pair.ann.ask(RenewSession("Bob"))
    pair.settle()
    pair.clock.pass_by(-699 * DAY_S)
    pair.write("by the right date")
    for number in range(EXPIRED_BEFORE_PROBE):
        pair.ann.send("Bob", f"in vain {number}")
    pair.ann.post()
    pair.clock.pass_by(8 * DAY_S)
    pair.ann.store.expire(pair.ann.now.mesh)
    pair.ann.tend()
    probed_at = pair.ann.connection.execute("SELECT max(probed) FROM exchanges").fetchone()
    assert probed_at == (pair.ann.now.mesh,)


def test_what_is_written_before_the_answer_to_a_probe_comes_shows_no_copy() -> None:
    clock = Clock()
    ann, bob = probed(clock)
    before = begun_count(bob)
    clock.pass_by(3_600)
    ann.send("Bob", "not heard of your answer yet")
    bob.receive(ann.post())
    assert bob.texts("Ann")[-1] == "not heard of your answer yet"
    assert begun_count(bob) == before
    bob.send("Ann", "now you have")
    exchange(ann, bob)
    assert ann.texts("Bob")[-1] == "now you have"


def test_what_a_wrong_clock_wrote_and_comes_after_the_new_keys_shows_no_copy() -> None:
    clock = Clock()
    ann, bob = probed(clock)
    before = begun_count(bob)
    ann.wall_error_s = 20 * DAY_S
    ann.send("Bob", "from days to come")
    ann.post()
    ann.wall_error_s = 0
    clock.pass_by(3_600)
    # It is sealed again by the right time, on the keys of before.
    ann.tend()
    late = ann.post()
    ann.receive(bob.post())
    clock.pass_by(3_600)
    ann.send("Bob", "on the new keys")
    bob.receive(ann.post())
    bob.receive(late)
    assert {"from days to come", "on the new keys"} <= set(bob.texts("Ann"))
    assert begun_count(bob) == before
