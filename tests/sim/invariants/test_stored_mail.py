"""The messages that had to wait in others' stores, and how near their authors were to these."""

import pytest

from mesh.ids import ContactId, PostingKey
from mesh.trust.distance import Depth, Distances, vouch_hash
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.stored_mail import (
    NEVER,
    Departure,
    StoredMessage,
    stored_messages,
    stored_ratio,
)

S = 1_000_000
DAY = 3
AUTHOR, READER, CARRIER = 0, 1, 2
KEY = PostingKey(bytes(32))

# The author is awake at 0 to 10 and 60 to 70, the reader at 30 to 40 and 90 to 100.
NAPS = {
    AUTHOR: [(10 * S, 60 * S), (70 * S, 120 * S)],
    READER: [(0, 30 * S), (40 * S, 90 * S), (100 * S, 120 * S)],
}


def message(written_s: float, *, sender: int = AUTHOR, recipient: int = READER) -> LoggedMessage:
    one = MessageLog().ask(sender, recipient, "text", round(written_s * S))
    one.confirmed_at = round(written_s * S)
    return one


def waited(
    *messages: LoggedMessage, carrier: Distances | None = None, departure: Departure = NEVER
) -> list[StoredMessage]:
    author = Distances()
    author.set_own([KEY])
    return stored_messages(
        messages,
        NAPS,
        {AUTHOR: author, READER: Distances(), CARRIER: carrier or Distances()},
        begins_at_s=DAY * 86_400,
        rests_at=120 * S,
        departure_of=lambda message: departure,
    )


def test_a_letter_between_two_who_are_never_awake_together_waits() -> None:
    arrived, lost, late = message(5), message(61), message(62)
    arrived.delivered_at, late.delivered_at = 31 * S, 121 * S
    found = waited(arrived, lost, late)
    assert [one.message for one in found] == [arrived, lost, late]
    assert [one.has_arrived for one in found] == [True, False, False]
    assert stored_ratio(found) == 1 / 3


def test_who_has_not_been_awake_since_or_is_always_awake_waits_for_nobody() -> None:
    assert waited(message(95), message(5, recipient=CARRIER), message(5, sender=CARRIER)) == []
    assert stored_ratio([]) == 1


def test_two_who_are_awake_together_later_need_no_store() -> None:
    former = NAPS[AUTHOR]
    NAPS[AUTHOR] = [(10 * S, 60 * S), (70 * S, 95 * S)]
    try:
        assert waited(message(5)) == [], "they meet at 95 s"
    finally:
        NAPS[AUTHOR] = former


@pytest.mark.parametrize(
    "given_s, stored_s, was_kept_back",
    [
        (6, 7, False),
        (6, 11, True),
        (6, None, True),
        # It was given to nobody before its author slept: nobody else is to blame.
        (11, 12, False),
        (None, None, False),
    ],
)
def test_what_only_who_keeps_it_had_when_its_author_slept_was_kept_back(
    given_s: int | None, stored_s: int | None, was_kept_back: bool
) -> None:
    given_at, stored_at = (None if one is None else one * S for one in (given_s, stored_s))
    (one,) = waited(message(5), departure=Departure(given_at, stored_at))
    assert one.was_kept_back is was_kept_back


def test_who_sleeps_no_more_keeps_nothing_from_a_store() -> None:
    former = NAPS[AUTHOR]
    NAPS[AUTHOR] = [(0, 4 * S)]
    try:
        assert not any(one.was_kept_back for one in waited(message(5), departure=Departure(6 * S)))
    finally:
        NAPS[AUTHOR] = former


def test_depth_is_that_of_the_carrier_who_is_nearest() -> None:
    contact = ContactId(1)
    far, near, other_day = Distances(), Distances(), Distances()
    far.set_vouched(contact, DAY, vouched=[], far=[vouch_hash(KEY, DAY)])
    near.set_contact_keys(contact, DAY, [vouch_hash(KEY, DAY)])
    other_day.set_contact_keys(contact, DAY + 1, [vouch_hash(KEY, DAY + 1)])
    depths = [
        waited(message(5), carrier=one)[0].depth for one in (far, near, other_day, Distances())
    ]
    assert depths == [Depth.FAR, Depth.CONTACT, Depth.STRANGER, Depth.STRANGER]


def test_a_text_of_thousands_of_letters_is_a_large_one() -> None:
    long = MessageLog().ask(AUTHOR, READER, "x" * 5_000, 5 * S)
    long.confirmed_at = 5 * S
    assert [one.is_large for one in waited(long, message(5))] == [True, False]
