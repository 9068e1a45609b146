"""Messages that lapsed without proof: sealed again as long as they are wanted, and shown once."""

from mesh.commands.messages import MessageAnswer, SendMessage, WithdrawMessage
from mesh.ids import ContactId
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import PayloadRow
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope
from mesh.wire.retirement import is_token_of
from tests.messenger.people import (
    DAY_S,
    Clock,
    Person,
    acquainted,
    exchange,
    exchange_tokens,
)


def quiet(clock: Clock) -> tuple[Person, Person]:
    """Two acquainted people who have told all that they had to."""
    ann, bob = acquainted(clock)
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    return ann, bob


def kept(person: Person) -> list[PayloadRow]:
    """Return what of a person's may have to be sealed again."""
    rows = Vault(person.connection).payloads
    return [one for each in person.contacts() for one in rows.of_contact(ContactId(each.id))]


def message_of(person: Person, text: str) -> MessageAnswer:
    (found,) = [one for one in person.messages() if one.text == text]
    return found


def mail(person: Person, posted: list[Envelope]) -> list[Envelope]:
    """Those of envelopes that hold messages, and not what a node says by itself."""
    rows = person.connection.execute("SELECT id FROM outbox WHERE message IS NOT NULL").fetchall()
    ids = {bytes(id_) for (id_,) in rows if isinstance(id_, bytes)}
    return [one for one in posted if one.id in ids]


def live(person: Person) -> list[Envelope]:
    """Return what of a person's a relay would hold now: not lapsed, and not taken back."""
    now = person.now
    rows = person.connection.execute(
        "SELECT id FROM outbox WHERE message IS NOT NULL AND length(withdraw_token) > 0"
    ).fetchall()
    ids = {bytes(id_) for (id_,) in rows if isinstance(id_, bytes)}
    return [
        one
        for one in person.store.envelopes.values()
        if one.id in ids and one.header.lapses > now.mesh
    ]


def pass_days(people: list[Person], clock: Clock, days: float) -> None:
    """Let time pass; everybody does what is due, in vain."""
    clock.pass_by(days * DAY_S)
    for person in people:
        person.store.expire(person.now.mesh)
        person.tend()
        person.tend()


def seal_again(person: Person) -> None:
    """Seal all that is kept again, as when it turns out that it cannot be opened."""
    rows = kept(person)
    with transaction(person.connection):
        person.wired.outbox.seal_again(rows, now=person.now)
    person._carry_out(person.messenger.take_effects())


def test_two_who_meet_after_eight_days_have_their_mail_and_once() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "there at last")
    (first,) = ann.post()
    pass_days([ann, bob], clock, 8)
    assert message_of(ann, "there at last").state == "queued"
    (second,) = ann.post()
    assert first.header.tag != second.header.tag
    assert first.header.posting_key != second.header.posting_key
    assert second.header.lapses > ann.now.mesh
    bob.receive([second])
    # What lapsed was in somebody's bag all the time.
    bob.receive([first])
    assert bob.texts("Ann") == ["there at last"]
    assert message_of(bob, "there at last").id == message_of(ann, "there at last").id
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    assert message_of(ann, "there at last").state == "delivered"
    assert kept(ann) == []
    pass_days([ann, bob], clock, 40)
    assert mail(ann, ann.post()) == []


def test_it_is_given_up_thirty_days_after_it_was_written() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "in vain")
    posted = ann.post()
    for _ in range(29):
        pass_days([ann, bob], clock, 1)
        posted += mail(ann, ann.post())
        assert len(live(ann)) <= 1
    assert len(posted) == 5
    assert message_of(ann, "in vain").state == "queued"
    pass_days([ann, bob], clock, 8)
    assert message_of(ann, "in vain").state == "expired"
    assert clock.unix_ms / 1000 - posted[0].header.created > 30 * DAY_S
    pass_days([ann, bob], clock, 40)
    assert mail(ann, ann.post()) == []
    assert kept(ann) == []


def test_what_is_sealed_again_before_it_lapsed_is_taken_back_first() -> None:
    clock = Clock()
    ann, _ = quiet(clock)
    ann.send("Bob", "again")
    (first,) = ann.post()
    ann.carried_by(b"n" * 32, [first])
    assert message_of(ann, "again").state == "carried"
    seal_again(ann)
    assert (message_of(ann, "again").state, message_of(ann, "again").carriers) == ("queued", 0)
    (second,) = ann.post()
    assert live(ann) == [second]
    ((id_, token),) = ann.messenger.parts.retirements.take_due(10, ann.now)
    assert id_ == first.id
    assert is_token_of(first.header, token)
    # The token comes back from the mesh, as every token does.
    with transaction(ann.connection):
        ann.messenger.parts.transit.retired(first.id, token)
    assert message_of(ann, "again").state == "queued"
    # Who said that he has the former one does not carry the message.
    ann.carried_by(b"o" * 32, [first])
    assert message_of(ann, "again").carriers == 0
    ann.carried_by(b"o" * 32, [second])
    assert message_of(ann, "again").carriers == 1
    assert ann.messenger.summary().outbox_count == 1


def test_delivered_by_either_is_delivered_and_nothing_is_sent_after_that() -> None:
    for number in (0, 1):
        clock = Clock()
        ann, bob = quiet(clock)
        ann.send("Bob", "again")
        posted = ann.post()
        seal_again(ann)
        posted += ann.post()
        bob.receive([posted[number]])
        clock.pass_by(660)
        exchange_tokens(ann, bob)
        assert message_of(ann, "again").state == "delivered"
        pass_days([ann, bob], clock, 9)
        assert mail(ann, ann.post()) == []
        bob.receive(posted)
        assert bob.texts("Ann") == ["again"]


def test_what_was_posted_again_can_be_withdrawn() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    message = ann.send("Bob", "never mind")
    ann.post()
    pass_days([ann, bob], clock, 8)
    (second,) = ann.post()
    answer = ann.ask(WithdrawMessage(message.number))
    assert isinstance(answer, MessageAnswer)
    assert answer.state == "withdrawn"
    ((id_, token),) = ann.messenger.parts.retirements.take_due(10, ann.now)
    assert id_ == second.id
    assert is_token_of(second.header, token)
    pass_days([ann, bob], clock, 8)
    assert mail(ann, ann.post()) == []
    assert message_of(ann, "never mind").state == "withdrawn"


def test_what_waits_to_be_sealed_again_can_be_withdrawn() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    message = ann.send("Bob", "never mind")
    ann.post()
    clock.pass_by(8 * DAY_S)
    ann.tend()
    ann.ask(WithdrawMessage(message.number))
    pass_days([ann, bob], clock, 1)
    assert ann.post() == []
    assert message_of(ann, "never mind").state == "withdrawn"
    assert ann.messenger.summary().outbox_count == 0


def test_a_restart_at_any_moment_loses_and_doubles_nothing() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "one")
    ann.send("Bob", "two")
    ann.post()
    clock.pass_by(8 * DAY_S)
    # What lapsed is known, and nothing of it is sealed yet.
    with transaction(ann.connection):
        ann.messenger.parts.lapsing.renew_lapsed(ann.now)
    ann.restart()
    assert ann.messenger.summary().outbox_count == 2
    ann.tend()
    # Sealed, and not in the store.
    ann.restart()
    assert ann.messenger.summary().outbox_count == 2
    posted = ann.post()
    assert len(posted) == 2
    ann.restart()
    ann.tend()
    assert ann.post() == []
    bob.receive(posted)
    assert bob.texts("Ann") == ["one", "two"]


def test_a_thousand_that_lapsed_come_when_the_two_meet() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    for number in range(1_000):
        ann.send("Bob", f"{number}")
    ann.post()
    for _ in range(8):
        pass_days([ann], clock, 1)
        ann.post()
        assert len(live(ann)) <= 1_000
    bob.receive(list(ann.store.envelopes.values()))
    exchange(ann, bob)
    assert sorted(bob.texts("Ann"), key=int) == [f"{number}" for number in range(1_000)]
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    assert {one.state for one in ann.messages("Bob")} == {"delivered"}
    assert ann.messenger.summary().outbox_count == 0


def test_to_who_stays_away_for_weeks_one_is_always_under_way() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    for number in range(250):
        ann.ask(SendMessage("Bob", f"{number}", keep_for="until-delivered"))
    ann.post()
    pass_days([ann], clock, 7.5)
    for _ in range(6):
        ann.post()
        assert 1 <= len(live(ann)) <= 2
        pass_days([ann], clock, 7)
    ann.post()
    bob.receive(list(ann.store.envelopes.values()))
    exchange(ann, bob)
    assert sorted(bob.texts("Ann"), key=int) == [f"{number}" for number in range(250)]


def test_sixty_that_lapsed_five_times_come_too() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    for number in range(60):
        ann.send("Bob", f"{number}")
    ann.post()
    for _ in range(28):
        pass_days([ann], clock, 1)
        ann.post()
    bob.receive(list(ann.store.envelopes.values()))
    exchange(ann, bob)
    assert sorted(bob.texts("Ann"), key=int) == [f"{number}" for number in range(60)]


def test_a_clock_that_is_not_steady_is_enough_and_deletes_nothing() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "by a wrong clock")
    (first,) = ann.post()
    ann.is_clock_steady = False
    ann.wall_error_s = 8 * DAY_S
    ann.tend()
    (second,) = ann.post()
    assert ann.messenger.parts.transit.is_on_its_way(first.id)
    # It shows that the first one is live still; the second nobody takes for a week.
    ann.wall_error_s = 0
    ann.tend()
    assert ann.messenger.parts.retirements.take_due(10, ann.now) == []
    bob.receive([first])
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    assert message_of(ann, "by a wrong clock").state == "delivered"
    assert second.header.created - first.header.created >= 8 * DAY_S


def test_of_two_that_are_live_after_all_the_former_is_taken_back() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "twice")
    (first,) = ann.post()
    clock.pass_by(6.5 * DAY_S)
    ann.is_clock_steady = False
    ann.wall_error_s = DAY_S
    ann.tend()
    (second,) = ann.post()
    ann.wall_error_s = 0
    ann.tend()
    ((id_, token),) = ann.messenger.parts.retirements.take_due(10, ann.now)
    assert id_ == first.id
    assert is_token_of(first.header, token)
    ann.tend()
    assert ann.messenger.parts.retirements.take_due(10, ann.now) == []
    bob.receive([second])
    assert bob.texts("Ann") == ["twice"]


def test_what_a_wrong_clock_sealed_is_sealed_again_before_the_former_lapses() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "soon over")
    (first,) = ann.post()
    ann.is_clock_steady = False
    ann.wall_error_s = 20 * DAY_S
    ann.tend()
    (second,) = ann.post()
    ann.wall_error_s = 0
    clock.pass_by(5.9 * DAY_S)
    ann.tend()
    # More than a day is left: the first one does.
    assert ann.messenger.parts.retirements.take_due(10, ann.now) == []
    # What the store may have refused by a time that was set since goes there again, and no other.
    known = set(ann.store.envelopes)
    assert {one.id for one in ann.post()} <= known
    clock.pass_by(0.2 * DAY_S)
    ann.tend()
    (third,) = ann.post()
    taken_back = [id_ for id_, _ in ann.messenger.parts.retirements.take_due(10, ann.now)]
    assert sorted(taken_back) == sorted([first.id, second.id])
    assert live(ann) == [third]
    bob.receive([third])
    assert bob.texts("Ann") == ["soon over"]
