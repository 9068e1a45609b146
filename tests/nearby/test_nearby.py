"""People nearby: silent unless asked and wanted, and matched only after both have looked."""

from dataclasses import replace

import pytest

from mesh.errors import PeerError, UserError
from mesh.ids import ContactId, LinkId
from mesh.limits.nearby import (
    NEARBY_ANSWERS_PER_MINUTE,
    NEARBY_COMPARE_MS,
    NEARBY_KEY_MS,
    NEARBY_PEOPLE_MAX,
    NEARBY_STEP_MS,
    NEARBY_STEPS_PER_MINUTE,
    NEARBY_WAIT_MS,
)
from mesh.messenger.names import is_name
from mesh.nearby.boxes import HourKey, channel_between
from mesh.nearby.gathered import NearbyFrame
from mesh.nearby.nearby import Nearby
from mesh.wire.frames import NearbyAsk, NearbyCard, NearbySealed
from mesh.wire.nearby import Declined, Identified, Proved, encode_step
from tests.entropy import SeededEntropy
from tests.nearby.tables import Seat, Table, comparing, pair

STRANGER = HourKey.draw(SeededEntropy(99))


def cards(table: Table, name: str) -> list[NearbyCard]:
    return [
        frame for sender, frame in table.sent if sender == name and isinstance(frame, NearbyCard)
    ]


def states(*seats: Seat) -> tuple[str, ...]:
    return tuple(seat.person.state for seat in seats)


def agree(table: Table, *seats: Seat) -> None:
    for seat in seats:
        seat.nearby.confirm(seat.person.id, table.now, is_equal=True)
        table.run()


# --- Cards ------------------------------------------------------------------------------------


def test_who_asks_sees_the_card_of_who_opted_in() -> None:
    _, ann, bob = pair()
    assert (ann.person.name, ann.person.state) == ("Bob", "seen")
    assert [person.name for person in ann.told] == ["Bob"]
    assert bob.nearby.answers() == [], "nobody asked for Ann's card"


def test_people_near_whose_names_look_alike_are_marked_with_each_other() -> None:
    table = Table("Ann", "Cleo", "Clео", "Dora")
    for seat in table.seats:
        seat.nearby.switch_on(seat.host, table.now)
    for number in range(1, 4):
        table.join(0, number)
    ann = table.seats[0]
    ann.nearby.ask(table.now)
    table.run()
    told = {person.name: person.looks_like for person in ann.nearby.answers()}
    assert told == {"Cleo": ["Clео"], "Clео": ["Cleo"], "Dora": []}


def test_who_did_not_opt_in_is_silent_whatever_comes() -> None:
    table = Table("Ann", "Relay")
    ann, relay = table.seats
    ann.nearby.switch_on(ann.host, table.now)
    _, end = table.join(0, 1)
    ann.nearby.ask(table.now)
    table.run()
    frames: list[NearbyFrame] = [
        NearbyAsk(),
        NearbyCard("Eve", STRANGER.public),
        NearbyCard("Eve", bytes(32)),
        NearbySealed(STRANGER.public, bytes(32), bytes(60)),
    ]
    for frame in frames:
        relay.nearby.received(end, frame, table.now)
    relay.nearby.ask(table.now)
    assert relay.nearby.gathered.take_frames() == []
    assert relay.nearby.deadline() is None
    assert ann.nearby.answers() == relay.nearby.answers() == []
    with pytest.raises(UserError, match="switched off"):
        relay.nearby.compare(1, table.now)


def test_one_link_is_asked_once_a_minute_and_answered_four_times() -> None:
    table, ann, _ = pair()
    for _ in range(3):
        ann.nearby.ask(table.now)
        table.run()
    assert len(cards(table, "Bob")) == 1
    table.pass_time(60)
    ann.nearby.ask(table.now)
    table.run()
    assert len(cards(table, "Bob")) == 2


def test_a_peer_that_asks_without_end_is_answered_four_times_and_then_slowly() -> None:
    table = Table("Ann")
    (ann,) = table.seats
    table.switch_on()
    link = LinkId(7)
    ann.nearby.link_up(link, table.now)
    for _ in range(10):
        ann.nearby.received(link, NearbyAsk(), table.now)
    assert len(ann.nearby.gathered.take_frames()) == NEARBY_ANSWERS_PER_MINUTE
    table.pass_time(14.9)
    ann.nearby.received(link, NearbyAsk(), table.now)
    assert ann.nearby.gathered.take_frames() == []
    table.pass_time(0.1)
    ann.nearby.received(link, NearbyAsk(), table.now)
    assert len(ann.nearby.gathered.take_frames()) == 1


def test_a_card_that_nobody_asked_for_is_passed_over() -> None:
    table, ann, _ = pair()
    end = table.join(0, 1)[0]
    ann.nearby.received(end, NearbyCard("Eve", STRANGER.public), table.now)
    assert [person.name for person in ann.nearby.answers()] == ["Bob"]


@pytest.mark.parametrize("name", ["", " Bob", "Bo\u202eb", "B\nob", "ü" * 33])
def test_a_name_that_a_screen_cannot_show_is_passed_over(name: str) -> None:
    table = Table("Ann")
    (ann,) = table.seats
    table.switch_on()
    ann.nearby.link_up(LinkId(7), table.now)
    ann.nearby.ask(table.now)
    ann.nearby.received(LinkId(7), NearbyCard(name, STRANGER.public), table.now)
    assert ann.nearby.answers() == []


def test_a_card_of_low_order_is_a_fault_and_our_own_key_is_passed_over() -> None:
    table = Table("Ann")
    (ann,) = table.seats
    table.switch_on()
    ann.nearby.link_up(LinkId(7), table.now)
    ann.nearby.received(LinkId(7), NearbyAsk(), table.now)
    ((_, own),) = ann.nearby.gathered.take_frames()
    ann.nearby.ask(table.now)
    ann.nearby.received(LinkId(7), own, table.now)
    assert ann.nearby.answers() == []
    table.pass_time(60)
    ann.nearby.ask(table.now)
    with pytest.raises(PeerError, match="low order"):
        ann.nearby.received(LinkId(7), NearbyCard("Eve", bytes(32)), table.now)


def test_the_key_of_a_card_is_drawn_anew_each_hour_and_with_each_link_key() -> None:
    table, ann, bob = pair()
    keys = [cards(table, "Bob")[0].key]
    for hour in range(3):
        table.pass_time(NEARBY_KEY_MS / 1000 - 1)
        table.tend()
        ann.nearby.ask(table.now)
        table.run()
        assert cards(table, "Bob")[-1].key == keys[-1]
        table.pass_time(1)
        table.tend()
        table.pass_time(60)
        ann.nearby.ask(table.now)
        table.run()
        keys.append(cards(table, "Bob")[-1].key)
        table.pass_time(-60)
        assert len(set(keys)) == hour + 2
    bob.nearby.become_somebody_else(table.now)
    table.pass_time(120)
    ann.nearby.ask(table.now)
    table.run()
    assert cards(table, "Bob")[-1].key not in keys


def test_a_former_card_still_reaches_its_person_for_an_hour() -> None:
    table, ann, bob = pair()
    bob.nearby.deadline_passed(table.now)
    table.pass_time(NEARBY_KEY_MS / 1000)
    bob.nearby.deadline_passed(table.now)
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    assert states(bob) == ("asked by them",)


def test_of_too_many_people_those_who_have_gone_are_forgotten_first() -> None:
    table = Table("Ann")
    (ann,) = table.seats
    table.switch_on()
    for number in range(NEARBY_PEOPLE_MAX + 1):
        link = LinkId(100 + number)
        key = HourKey.draw(SeededEntropy(1000 + number)).public
        ann.nearby.link_up(link, table.now)
        ann.nearby.ask(table.now)
        ann.nearby.received(link, NearbyCard(f"P{number}", key), table.now)
        if number == 5:
            ann.nearby.link_down(link, table.now)
    names = [person.name for person in ann.nearby.answers()]
    assert len(names) == NEARBY_PEOPLE_MAX
    assert "P5" not in names
    assert names[-1] == f"P{NEARBY_PEOPLE_MAX}"
    assert len({person.id for person in ann.nearby.answers()}) == NEARBY_PEOPLE_MAX


# --- Comparisons ------------------------------------------------------------------------------


def test_both_see_the_same_and_become_contacts_when_both_say_so() -> None:
    table, ann, bob = comparing()
    assert states(ann, bob) == ("compare", "compare")
    assert len(ann.person.emoji) == 7
    assert len(ann.person.numbers) == 3
    assert (ann.person.emoji, ann.person.numbers) == (bob.person.emoji, bob.person.numbers)
    assert bob.person.name == "Ann"
    agree(table, ann)
    assert states(ann, bob) == ("compare", "compare")
    assert ann.invites + bob.invites == [], "one has not looked yet"
    agree(table, bob)
    assert states(ann, bob) == ("matched", "matched")
    assert ann.invites == [(bob.host.verify_key, "Bob")]
    assert bob.contacts == [ann.host.verify_key]
    assert bob.person.contact == 1
    assert ann.nearby.awaited() == [(ann.person.id, bob.host.verify_key)]
    ann.nearby.contact_came(ann.person.id, ContactId(4))
    assert ann.person.contact == 4
    assert ann.nearby.awaited() == []


def test_no_proof_and_no_invite_leaves_before_both_have_confirmed() -> None:
    table, ann, _ = comparing()
    table.sent.clear()
    agree(table, ann)
    assert [name for name, _ in table.sent] == ["Ann"], "only the verdict"


def test_both_may_press_compare_at_once() -> None:
    table, ann, bob = pair()
    bob.nearby.ask(table.now)
    table.run()
    ann.nearby.compare(ann.person.id, table.now)
    bob.nearby.compare(bob.person.id, table.now)
    table.run()
    assert states(ann, bob) == ("compare", "compare")
    assert ann.person.emoji == bob.person.emoji
    agree(table, ann, bob)
    assert len(ann.invites) + len(bob.invites) == 1
    assert len(ann.contacts) + len(bob.contacts) == 1


def test_one_who_says_that_they_differ_ends_it_for_both() -> None:
    table, ann, bob = comparing()
    agree(table, ann)
    bob.nearby.confirm(bob.person.id, table.now, is_equal=False)
    table.run()
    assert states(ann, bob) == ("failed", "failed")
    assert len(ann.invites) + len(bob.contacts) == 0
    bob.nearby.compare(bob.person.id, table.now)
    table.run()
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    agree(table, ann, bob)
    assert states(ann, bob) == ("matched", "matched")


def test_a_question_that_is_taken_back_leaves_nothing_behind() -> None:
    table, ann, bob = pair()
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    assert states(bob) == ("asked by them",)
    ann.nearby.confirm(ann.person.id, table.now, is_equal=False)
    table.run()
    assert states(bob) == ("seen",)
    with pytest.raises(UserError, match="No comparison"):
        bob.nearby.confirm(bob.person.id, table.now, is_equal=True)


def test_nothing_can_be_confirmed_before_there_is_something_to_see() -> None:
    table, ann, bob = pair()
    with pytest.raises(UserError, match="No comparison"):
        ann.nearby.confirm(ann.person.id, table.now, is_equal=True)
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    for seat in (ann, bob):
        with pytest.raises(UserError, match="nothing to compare yet"):
            seat.nearby.confirm(seat.person.id, table.now, is_equal=True)
    with pytest.raises(UserError, match="nobody near"):
        ann.nearby.compare(77, table.now)


def test_a_question_that_nobody_takes_up_and_a_look_that_takes_too_long_have_failed() -> None:
    table, ann, bob = pair()
    ann.nearby.compare(ann.person.id, table.now)
    table.run()
    table.pass_time(NEARBY_WAIT_MS / 1000 - 1)
    table.tend()
    assert states(ann) == ("asked by us",)
    table.pass_time(1)
    table.tend()
    assert states(ann, bob) == ("failed", "seen")
    table, ann, bob = comparing()
    table.pass_time(NEARBY_COMPARE_MS / 1000)
    assert ann.nearby.deadline() == table.now.monotonic
    table.tend()
    assert states(ann, bob) == ("failed", "failed")


def test_a_contact_that_cannot_be_added_has_failed_on_both_sides() -> None:
    table, ann, bob = comparing()
    ann.refuses_contacts = bob.refuses_contacts = True
    agree(table, ann, bob)
    assert states(ann, bob) == ("failed", "failed")
    assert ann.nearby.awaited() == []


def test_a_proof_that_never_comes_is_a_failure() -> None:
    table, ann, bob = comparing()
    ann.nearby.confirm(ann.person.id, table.now, is_equal=True)
    table.step(0)
    bob.nearby.confirm(bob.person.id, table.now, is_equal=True)
    bob.nearby.gathered.take_frames()
    assert states(bob) == ("matched",)
    table.pass_time(NEARBY_STEP_MS / 1000)
    bob.nearby.deadline_passed(table.now)
    assert states(bob) == ("failed",)


def test_a_proof_by_another_key_than_it_names_is_refused() -> None:
    table, ann, bob = comparing()
    victim = Seat("Cy", 9)
    bob.host = replace(bob.host, verify_key=victim.host.verify_key)
    assert bob.nearby._on is not None
    bob.nearby._on.comparisons._host = bob.host
    agree(table, ann, bob)
    assert states(ann, bob) == ("failed", "failed")
    assert len(ann.invites) + len(bob.contacts) == 0


def test_what_was_under_way_on_a_link_that_ended_has_failed_and_may_begin_anew() -> None:
    table, ann, bob = comparing()
    number = ann.person.id
    table.cut()
    assert states(ann, bob) == ("failed", "failed")
    with pytest.raises(UserError, match="not near any more"):
        ann.nearby.compare(number, table.now)
    table.join(0, 1)
    ann.nearby.ask(table.now)
    table.run()
    assert ann.person.id == number, "known by the key"
    ann.nearby.compare(number, table.now)
    table.run()
    assert states(bob) == ("asked by them",)


def test_who_switches_off_is_silent_and_ends_what_was_under_way() -> None:
    table, ann, bob = comparing()
    bob.nearby.switch_off(table.now)
    table.run()
    assert states(ann) == ("failed",)
    assert bob.nearby.answers() == []
    sent_count = len(table.sent)
    table.pass_time(60)
    ann.nearby.ask(table.now)
    table.run()
    assert [name for name, _ in table.sent[sent_count:]] == ["Ann"]


def test_numbers_do_not_come_back_and_keys_do_not_either() -> None:
    table, ann, bob = pair()
    number, key = ann.person.id, cards(table, "Bob")[-1].key
    for seat in (ann, bob):
        seat.nearby.switch_off(table.now)
    table.switch_on()
    table.pass_time(60)
    ann.nearby.ask(table.now)
    table.run()
    assert ann.person.id > number
    assert cards(table, "Bob")[-1].key != key


# --- Attacks ----------------------------------------------------------------------------------


def test_a_man_in_the_middle_makes_the_screens_differ() -> None:
    seen = []
    for seed in range(20):
        table = Table("Ann", "Bob", "Bob", "Ann")
        for seat in table.seats:
            seat.nearby = Nearby(SeededEntropy(seed * 100 + seat.number), is_name)
        table.switch_on()
        # Ann sees the third seat, which calls itself Bob; Bob sees the fourth.
        table.join(0, 2)
        table.join(1, 3)
        ann, bob, to_ann, to_bob = table.seats
        ann.nearby.ask(table.now)
        table.run()
        assert ann.person.name == "Bob"
        ann.nearby.compare(ann.person.id, table.now)
        table.run()
        to_bob.nearby.ask(table.now)
        table.run()
        to_bob.nearby.compare(to_bob.person.id, table.now)
        table.run()
        to_ann.nearby.compare(to_ann.person.id, table.now)
        bob.nearby.compare(bob.person.id, table.now)
        table.run()
        assert states(ann, bob) == ("compare", "compare")
        seen.append((ann.person, bob.person))
    assert all(left.emoji != right.emoji for left, right in seen)
    assert all(left.numbers != right.numbers for left, right in seen)


def test_who_only_passes_frames_on_changes_nothing() -> None:
    table, ann, bob = comparing()
    assert ann.person.emoji == bob.person.emoji
    frames = [frame for name, frame in table.sent if isinstance(frame, NearbySealed)]
    spare = Seat("Mallory", 8)
    spare.nearby.switch_on(spare.host, table.now)
    spare.nearby.link_up(LinkId(50), table.now)
    for frame in frames:
        spare.nearby.received(LinkId(50), frame, table.now)
    assert spare.nearby.gathered.take_frames() == []
    assert spare.nearby.answers() == []
    assert spare.nearby.gathered.counters["nearby: a box for another key"] == len(frames)


def test_frames_that_are_sent_again_change_nothing() -> None:
    table, ann, bob = comparing()
    agree(table, ann, bob)
    before = ann.person, bob.person, len(ann.invites), len(bob.contacts)
    links = dict(list(table._ends))
    for name, frame in list(table.sent):
        receiver = 1 if name == "Ann" else 0
        table.seats[receiver].nearby.received(links[receiver], frame, table.now)
        table.seats[receiver].serve()
    assert (ann.person, bob.person, len(ann.invites), len(bob.contacts)) == before
    assert states(ann) == ("matched",)


def test_a_box_that_was_changed_is_dropped_and_one_that_holds_no_step_is_a_fault() -> None:
    table, ann, _ = pair()
    key = cards(table, "Bob")[0].key
    ann.nearby.received(LinkId(1), NearbyAsk(), table.now)
    own = next(f.key for _, f in ann.nearby.gathered.take_frames() if isinstance(f, NearbyCard))
    assert own != key
    channel = channel_between(STRANGER, own)
    good = channel.boxes.seal(encode_step(Declined()), SeededEntropy(1))
    ann.nearby.received(LinkId(1), NearbySealed(STRANGER.public, own, good), table.now)
    damaged = good[:-1] + bytes((good[-1] ^ 1,))
    ann.nearby.received(LinkId(1), NearbySealed(STRANGER.public, own, damaged), table.now)
    assert ann.nearby.gathered.counters == {
        "nearby: a step out of place": 1,
        "nearby: a box that does not open": 1,
    }
    bad = channel.boxes.seal(b"\x91\xc0", SeededEntropy(1))
    with pytest.raises(PeerError, match="not a step"):
        ann.nearby.received(LinkId(1), NearbySealed(STRANGER.public, own, bad), table.now)
    with pytest.raises(PeerError, match="low order"):
        ann.nearby.received(LinkId(1), NearbySealed(bytes(32), own, good), table.now)


def test_a_proof_before_the_verdicts_is_out_of_place() -> None:
    table, ann, bob = comparing()
    person = bob.nearby._people.all()[0]
    assert person.pair is not None
    assert person.channel is not None
    step = encode_step(
        Identified(bob.host.verify_key, bob.host.sign(person.pair.proof(is_ours=True)))
    )
    proved = Proved(person.pair.boxes.seal(step, SeededEntropy(1)))
    box = person.channel.boxes.seal(encode_step(proved), SeededEntropy(2))
    frame = NearbySealed(person.channel.ours, person.channel.theirs, box)
    ann.nearby.received(LinkId(1), frame, table.now)
    ann.serve()
    assert states(ann) == ("compare",)
    assert ann.invites == []


def test_only_so_many_boxes_of_a_link_are_opened_in_a_minute() -> None:
    table, ann, _ = pair()
    for _ in range(NEARBY_STEPS_PER_MINUTE + 5):
        frame = NearbySealed(STRANGER.public, bytes(32), bytes(60))
        ann.nearby.received(LinkId(1), frame, table.now)
    assert ann.nearby.gathered.counters["nearby: too many steps"] == 5
