"""Contacts recognise each other inside a link, and nobody else learns or gains anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.contacts import CONTACTS_MAX
from mesh.limits.link import FRAME_BYTES_MAX
from mesh.limits.peering import (
    WHO_ENTRIES_MAX,
    WHO_FRAMES_PER_HOUR_MAX,
    WHO_INTERVAL_MS,
    WHO_SECOND_MS,
)
from mesh.peering.recognition import PairKey, Recognition, proof
from mesh.wire.frames import WHO_ENTRIES_STEP, WHO_ENTRY_BYTES, Who, encode_frame
from tests.entropy import SeededEntropy

LINK = LinkId(1)
ANNA, BEN, CLEO = ContactId(1), ContactId(2), ContactId(3)
STEP_BYTES = WHO_ENTRIES_STEP * WHO_ENTRY_BYTES


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def key(number: int) -> bytes:
    return bytes([number]) * 32


def side(keys: list[PairKey] | None, *, dials: bool, link_hash: bytes, seed: int) -> Recognition:
    made = Recognition(SeededEntropy(seed))
    made.link_up(LINK, link_hash, is_initiator=dials, now=at(0))
    if keys is not None:
        made.keys_changed(keys)
    return made


def said(recognition: Recognition, now: Instant) -> list[Who]:
    recognition.deadline_passed(now)
    return [who for _, who in recognition.take_frames()]


def entries(who: Who) -> list[bytes]:
    starts = range(0, len(who.entries), WHO_ENTRY_BYTES)
    return [who.entries[start : start + WHO_ENTRY_BYTES] for start in starts]


def test_two_contacts_recognise_each_other_and_strangers_do_not() -> None:
    anna = side([(BEN, key(7)), (CLEO, key(8))], dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(CLEO, key(9)), (ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    dora = side([(ANNA, key(5))], dials=False, link_hash=b"h" * 64, seed=3)
    (from_anna,) = said(anna, at(0))
    (from_ben,) = said(ben, at(0))
    (from_dora,) = said(dora, at(0))
    ben.received(LINK, from_anna, at(1))
    dora.received(LINK, from_anna, at(1))
    anna.received(LINK, from_dora, at(1))
    assert anna.contact_of(LINK) is None
    anna.received(LINK, from_ben, at(1))
    assert (anna.contact_of(LINK), ben.contact_of(LINK)) == (BEN, ANNA)
    assert (anna.contacts_by_link(), ben.contacts_by_link()) == ({LINK: BEN}, {LINK: ANNA})
    assert dora.contact_of(LINK) is None


DEEDS = st.tuples(
    st.sampled_from(["link up", "link down", "keys", "lock", "hear", "say"]),
    st.integers(0, 2),
)


@given(deeds=st.lists(DEEDS, min_size=9, max_size=40))
def test_whatever_befalls_the_contacts_are_those_of_the_links(deeds: list[tuple[str, int]]) -> None:
    """The list of them is made when something changes, and never left as it was."""
    anna = Recognition(SeededEntropy(1))
    up: list[LinkId] = []
    pairs = [(ContactId(number), key(number)) for number in range(3)]
    for step, (deed, number) in enumerate(deeds):
        link = LinkId(number)
        match deed:
            case "link up" if link not in up:
                up.append(link)
                anna.link_up(link, bytes(64), is_initiator=True, now=at(step))
            case "link down" if link in up:
                up.remove(link)
                anna.link_down(link)
            case "keys":
                anna.keys_changed(pairs[number:])
            case "lock":
                anna.vault_closing()
            case "hear":
                shown = b"".join(proof(pair_key, bytes(64), 0) for _, pair_key in pairs)
                anna.received(link, Who(shown.ljust(STEP_BYTES, b" ")), at(step))
            case _:
                anna.deadline_passed(at(step))
        known = {link: contact for link in up if (contact := anna.contact_of(link)) is not None}
        assert anna.contacts_by_link() == known
        assert list(anna.contacts_by_link()) == list(known), "in the order in which they opened"


def test_proofs_copied_from_another_link_prove_nothing() -> None:
    """A relay between two contacts has a link with each; the handshakes differ."""
    anna = side([(BEN, key(7))], dials=True, link_hash=b"1" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"2" * 64, seed=2)
    (from_anna,) = said(anna, at(0))
    (from_ben,) = said(ben, at(0))
    ben.received(LINK, from_anna, at(1))
    anna.received(LINK, from_ben, at(1))
    assert (anna.contact_of(LINK), ben.contact_of(LINK)) == (None, None)


def test_proofs_sent_back_prove_nothing() -> None:
    anna = side([(BEN, key(7))], dials=True, link_hash=b"h" * 64, seed=1)
    (from_anna,) = said(anna, at(0))
    anna.received(LINK, from_anna, at(1))
    assert anna.contact_of(LINK) is None


def test_random_entries_match_nobody() -> None:
    keys = [(ContactId(number), number.to_bytes(32)) for number in range(1, 500)]
    anna = side(keys, dials=True, link_hash=b"h" * 64, seed=1)
    for seed in range(8):
        anna.received(LINK, Who(SeededEntropy(seed).draw(4 * STEP_BYTES)), at(seed))
        assert anna.contact_of(LINK) is None


def test_no_entry_of_a_person_is_ever_seen_twice() -> None:
    keys = [(ContactId(number), key(number)) for number in range(1, 60)]
    seen: dict[bytes, None] = {}
    count = 0
    anna = Recognition(SeededEntropy(1))
    anna.keys_changed(keys)
    for number in range(10):
        link_hash = number.to_bytes(64)
        anna.link_up(LinkId(number), link_hash, is_initiator=bool(number % 2), now=at(0))
        anna.link_up(LinkId(100 + number), link_hash, is_initiator=not number % 2, now=at(0))
    for who in said(anna, at(0)):
        seen |= dict.fromkeys(entries(who))
        count += len(entries(who))
    assert len(seen) == count == 20 * WHO_ENTRIES_STEP


@pytest.mark.parametrize("contacts, steps", [(0, 1), (1, 1), (64, 1), (65, 2), (5_000, 79)])
def test_a_list_tells_the_number_of_contacts_only_in_steps(contacts: int, steps: int) -> None:
    keys = [(ContactId(number), number.to_bytes(32)) for number in range(contacts)]
    (who,) = said(side(keys, dials=True, link_hash=b"h" * 64, seed=1), at(0))
    assert len(who.entries) == steps * STEP_BYTES
    assert entries(who) == sorted(entries(who))
    assert len(encode_frame(who)) <= FRAME_BYTES_MAX


def test_a_list_has_room_for_all_contacts_that_there_may_be() -> None:
    assert WHO_ENTRIES_MAX >= CONTACTS_MAX
    assert WHO_ENTRIES_MAX % WHO_ENTRIES_STEP == 0


def test_as_much_is_said_and_nobody_known_while_the_vault_is_closed() -> None:
    anna = side(None, dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    (from_anna,) = said(anna, at(0))
    assert len(from_anna.entries) == STEP_BYTES
    (from_ben,) = said(ben, at(0))
    anna.received(LINK, from_ben, at(1))
    assert anna.contact_of(LINK) is None
    anna.keys_changed([(BEN, key(7))])
    assert anna.contact_of(LINK) == BEN
    anna.vault_closing()
    assert anna.contact_of(LINK) is None
    (random,) = said(anna, at(WHO_INTERVAL_MS[1]))
    ben.received(LINK, random, at(WHO_INTERVAL_MS[1]))
    assert ben.contact_of(LINK) is None


def test_the_times_and_lengths_of_lists_do_not_depend_on_whom_we_know() -> None:
    seen = []
    for befalls in range(3):
        anna = side(None, dials=True, link_hash=b"h" * 64, seed=1)
        if befalls:
            anna.keys_changed([(BEN, key(7))])
        times = []
        for minute in range(180):
            if befalls == 2 and minute % 7 == 0:
                anna.keys_changed([(BEN, key(7)), (CLEO, key(minute))])
            times += [(minute, len(who.entries)) for who in said(anna, at(minute * 60_000))]
        seen.append(times)
    assert seen[0] == seen[1] == seen[2]
    assert 18 <= len(seen[0]) <= 31


def test_a_vault_that_opens_after_the_link_began_is_found_within_half_a_minute() -> None:
    anna = side(None, dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    ben.received(LINK, said(anna, at(0))[0], at(0))
    anna.keys_changed([(BEN, key(7))])
    assert said(anna, at(WHO_SECOND_MS[0] - 1)) == []
    (who,) = said(anna, at(WHO_SECOND_MS[1]))
    ben.received(LINK, who, at(WHO_SECOND_MS[1]))
    assert ben.contact_of(LINK) == ANNA


def test_a_vault_that_closes_leaves_the_lists_as_long_as_they_were() -> None:
    keys = [(ContactId(number), number.to_bytes(32)) for number in range(100)]
    anna = side(keys, dials=True, link_hash=b"h" * 64, seed=1)
    anna.vault_closing()
    assert len(said(anna, at(0))[0].entries) == 2 * STEP_BYTES


def test_a_new_contact_is_told_of_after_a_while_and_found_at_once_in_what_was_heard() -> None:
    anna = side([(CLEO, key(8))], dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    ben.received(LINK, said(anna, at(0))[0], at(0))
    anna.received(LINK, said(ben, at(0))[0], at(0))
    said(anna, at(WHO_SECOND_MS[1]))
    anna.keys_changed([(CLEO, key(8)), (BEN, key(7))])
    assert anna.contact_of(LINK) == BEN
    assert said(anna, at(WHO_INTERVAL_MS[0] - 1)) == []
    later = at(WHO_SECOND_MS[1] + WHO_INTERVAL_MS[1])
    (who,) = said(anna, later)
    ben.received(LINK, who, later)
    assert ben.contact_of(LINK) == ANNA


def test_who_was_blocked_is_no_contact_of_a_link_any_more() -> None:
    anna = side([(BEN, key(7))], dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    anna.received(LINK, said(ben, at(0))[0], at(0))
    anna.keys_changed([])
    assert anna.contact_of(LINK) is None


def test_lists_without_end_are_passed_over_and_cut_ones_are_a_fault() -> None:
    anna = side([(BEN, key(7))], dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    for number in range(WHO_FRAMES_PER_HOUR_MAX):
        anna.received(LINK, Who(bytes(STEP_BYTES)), at(number))
    (true,) = said(ben, at(0))
    anna.received(LINK, true, at(100))
    assert anna.contact_of(LINK) is None
    anna.received(LINK, true, at(3_600_000))
    assert anna.contact_of(LINK) == BEN
    for cut in (b"", bytes(STEP_BYTES - 8), bytes(7)):
        with pytest.raises(PeerError):
            anna.received(LINK, Who(cut), at(100))


def test_what_comes_on_a_link_that_ended_is_nothing() -> None:
    anna = side([(BEN, key(7))], dials=True, link_hash=b"h" * 64, seed=1)
    anna.link_down(LINK)
    anna.received(LINK, Who(bytes(STEP_BYTES)), at(1))
    assert anna.contact_of(LINK) is None


def test_one_key_is_said_and_all_that_the_contact_may_have_are_tried() -> None:
    anna = side(None, dials=True, link_hash=b"h" * 64, seed=1)
    anna.keys_changed([(BEN, key(7))], [(BEN, key(7)), (BEN, key(8))])
    ben = side(None, dials=False, link_hash=b"h" * 64, seed=2)
    ben.keys_changed([(ANNA, key(8))], [(ANNA, key(8))])
    (from_anna,), (from_ben,) = said(anna, at(0)), said(ben, at(0))
    anna.received(LINK, from_ben, at(1))
    ben.received(LINK, from_anna, at(1))
    assert anna.contact_of(LINK) == BEN
    assert ben.contact_of(LINK) is None, "he has gone past the key that she says"


def test_who_was_recognised_stays_so_when_keys_move_and_nothing_is_said_for_it() -> None:
    anna = side([(BEN, key(7))], dials=True, link_hash=b"h" * 64, seed=1)
    ben = side([(ANNA, key(7))], dials=False, link_hash=b"h" * 64, seed=2)
    said(anna, at(0))
    anna.received(LINK, said(ben, at(0))[0], at(1))
    anna.keys_changed([(BEN, key(8))], [(BEN, key(8))])
    assert anna.contact_of(LINK) == BEN
    assert said(anna, at(WHO_SECOND_MS[0] - 1)) == []
    # On a link that begins then, the former key proves nothing.
    other = LinkId(2)
    anna.link_up(other, b"i" * 64, is_initiator=True, now=at(2))
    anna.received(other, Who(proof(key(7), b"i" * 64, 0).ljust(STEP_BYTES, b" ")), at(3))
    assert anna.contact_of(other) is None
    # Who is blocked is known no more.
    anna.keys_changed([], [])
    assert anna.contact_of(LINK) is None


def proving(keys: list[bytes]) -> Who:
    """A list of who dialled, by these keys."""
    rest = [bytes([number]) * WHO_ENTRY_BYTES for number in range(WHO_ENTRIES_STEP - len(keys))]
    return Who(b"".join(sorted([*(proof(one, b"h" * 64, 1) for one in keys), *rest])))


def test_who_proves_by_a_key_that_both_have_gone_past_is_a_contact_for_two_more_lists() -> None:
    anna = side([(BEN, key(7))], dials=False, link_hash=b"h" * 64, seed=1)
    anna.received(LINK, proving([key(7)]), at(1))
    anna.keys_changed([(BEN, key(8))])
    assert anna.contact_of(LINK) == BEN, "the list by the newer key is yet to come"
    anna.received(LINK, proving([key(7)]), at(2))
    assert anna.contact_of(LINK) == BEN, "it may have crossed the move of the keys"
    anna.received(LINK, proving([key(7)]), at(3))
    assert anna.contact_of(LINK) is None
    assert anna.contacts_by_link() == {}
    anna.received(LINK, proving([key(8)]), at(4))
    assert anna.contact_of(LINK) == BEN


def test_a_contact_who_goes_on_with_the_keys_stays_one() -> None:
    anna = side([(BEN, key(1))], dials=False, link_hash=b"h" * 64, seed=1)
    anna.received(LINK, proving([key(1)]), at(1))
    for number in range(2, 9):
        anna.keys_changed([(BEN, key(number))])
        anna.received(LINK, proving([key(number - 1)]), at(number))
        anna.received(LINK, proving([key(number)]), at(number))
        assert anna.contact_of(LINK) == BEN


def test_who_says_nothing_more_is_not_known_for_ever() -> None:
    anna = side([(BEN, key(7))], dials=False, link_hash=b"h" * 64, seed=1)
    said(anna, at(0))
    anna.received(LINK, proving([key(7)]), at(1))
    for _ in range(9):
        said(anna, at(due_ms_of(anna)))
    assert anna.contact_of(LINK) == BEN, "its key is tried still"
    anna.keys_changed([(BEN, key(8))])
    for count in range(3):
        assert anna.contact_of(LINK) == BEN, count
        said(anna, at(due_ms_of(anna)))
    assert anna.contact_of(LINK) is None
    assert anna.contacts_by_link() == {}


def due_ms_of(anna: Recognition) -> int:
    """The time of her next list, in milliseconds."""
    due = anna.deadline()
    assert due is not None
    return -(-due // 1000)
