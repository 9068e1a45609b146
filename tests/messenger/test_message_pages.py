"""The remarks beside a message's text: what is missing above it, and wrong clocks."""

from mesh.limits.messages import CLOCK_AHEAD_SECONDS_SHOWN, CLOCK_BEHIND_SECONDS_SHOWN
from tests.messenger.people import DAY_S, Clock, Person, acquainted


def told(person: Person) -> list[tuple[str, int, str]]:
    return [(one.text, one.missing_count, one.clock) for one in person.messages()]


def test_a_message_says_how_many_before_it_are_missing_until_they_come() -> None:
    ann, bob = acquainted(Clock())
    for text in ("one", "two", "three"):
        ann.send("Bob", text)
    one, two, three = ann.post()
    bob.receive([three])
    assert told(bob) == [("three", 1, "")]
    bob.restart()
    bob.receive([one])
    assert {text: count for text, count, _ in told(bob)} == {"one": 0, "three": 1}
    bob.receive([two])
    assert [(text, count) for text, count, _ in told(bob)] == [
        ("three", 0),
        ("one", 0),
        ("two", 0),
    ]
    assert all(count == 0 for _, count, _ in told(ann))


def test_a_clock_that_is_wrong_beyond_doubt_is_shown_as_that() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    errors = (
        (0, ""),
        (CLOCK_AHEAD_SECONDS_SHOWN, ""),
        (CLOCK_AHEAD_SECONDS_SHOWN + 1, "ahead"),
        (-CLOCK_BEHIND_SECONDS_SHOWN, ""),
        (-CLOCK_BEHIND_SECONDS_SHOWN - 1, "behind"),
    )
    for number, (error_s, expected) in enumerate(errors):
        other = Person(f"Cem{number}", clock, seed=10 + number, wall_error_s=error_s)
        other.add(ann.invite(lifetime_s=365 * 86_400).link)
        other.send("Ann", "what time is it?")
        ann.receive(other.post())
        (message,) = ann.messages(other.name)
        assert (message.clock, message.sent) == (expected, clock.now.mesh + error_s)
        # Our own messages bear our own clock, whatever it says.
        assert [one.clock for one in other.messages()] == [""]
    assert bob.texts() == []


def test_who_has_been_corrected_by_peers_blames_nobody_for_their_own_clock() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.wall_error_s, ann.is_clock_corrected = -10 * 365 * DAY_S, True
    bob.send("Ann", "what time is it?")
    ann.receive(bob.post())
    ann.send("Bob", "I know it from you.")
    bob.receive(ann.post())
    for person in (ann, bob):
        assert [one.clock for one in person.messages()] == ["", ""]
        assert {one.received for one in person.messages()} == {clock.now.mesh}
