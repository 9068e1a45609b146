"""Each promise is shown failing: a check that cannot fail promises nothing."""

import pytest

from sim.invariants.invariants import (
    L1,
    L4,
    L10,
    PROMISES,
    S2,
    S3,
    S4,
    S7,
    S13,
    BrokenPromise,
    Promise,
    require_joined,
)
from sim.invariants.message_log import Ledger, Letter


def no_phase(letter: Letter) -> str:
    return "together"


def written(ledger: Ledger, sender: int = 1, recipient: int = 2) -> Letter:
    letter = ledger.ask(sender, recipient, "hello", 10)
    ledger.confirm(letter, 20)
    return letter


def broken_by(act: object, *arguments: object) -> Promise:
    assert callable(act)
    with pytest.raises(BrokenPromise) as caught:
        act(*arguments)
    assert str(caught.value).startswith(f"{caught.value.promise.id}: ")
    return caught.value.promise


def test_a_run_in_which_everything_arrives_breaks_nothing() -> None:
    ledger = Ledger()
    letters = [written(ledger) for _ in range(3)]
    for letter in letters:
        assert ledger.show(2, 1, letter.text, 30) is letter
    ledger.require_all_delivered(no_phase, 0)
    ledger.hold_history(1, [letter.text for letter in letters])
    ledger.hold_history(2, [letter.text for letter in letters])
    assert (ledger.confirmed_count, ledger.delivered_count) == (3, 3)
    assert letters[0].delivered_at == 30


def test_a_message_shown_twice_breaks_s2() -> None:
    ledger = Ledger()
    letter = written(ledger)
    ledger.show(2, 1, letter.text, 30)
    assert broken_by(ledger.show, 2, 1, letter.text, 40) is S2


@pytest.mark.parametrize(
    "text",
    [
        "0000000 marker hellO",
        "0000000 marker hello ",
        "0000007 marker hello",
        "0000000 hello",
        "",
        "hello",
    ],
)
def test_other_bytes_than_were_written_break_s3(text: str) -> None:
    ledger = Ledger()
    written(ledger)
    assert broken_by(ledger.show, 2, 1, text, 30) is S3


@pytest.mark.parametrize("author", [0, None])
def test_a_message_under_another_name_breaks_s4(author: int | None) -> None:
    ledger = Ledger()
    letter = written(ledger)
    assert broken_by(ledger.show, 2, author, letter.text, 30) is S4


def test_a_message_shown_to_another_breaks_s7() -> None:
    ledger = Ledger()
    letter = written(ledger)
    assert broken_by(ledger.show, 3, 1, letter.text, 30) is S7


def test_a_confirmed_message_that_is_gone_from_its_senders_history_breaks_s13() -> None:
    ledger = Ledger()
    written(ledger)
    assert broken_by(ledger.hold_history, 1, []) is S13


def test_a_shown_message_that_is_gone_from_its_recipients_history_breaks_s13() -> None:
    ledger = Ledger()
    letter = written(ledger)
    ledger.hold_history(2, [])
    ledger.show(2, 1, letter.text, 30)
    assert broken_by(ledger.hold_history, 2, []) is S13


def test_a_message_twice_in_a_history_breaks_s2() -> None:
    ledger = Ledger()
    letter = written(ledger)
    ledger.show(2, 1, letter.text, 30)
    assert broken_by(ledger.hold_history, 2, [letter.text] * 2) is S2


def test_a_confirmed_message_that_does_not_arrive_breaks_l1() -> None:
    ledger = Ledger()
    written(ledger)
    assert broken_by(ledger.require_all_delivered, no_phase, 60) is L1


def test_what_was_asked_and_never_confirmed_may_be_lost_or_arrive() -> None:
    ledger = Ledger()
    lost, arrived = (ledger.ask(1, 2, "perhaps", 10) for _ in range(2))
    ledger.show(2, 1, arrived.text, 30)
    ledger.require_all_delivered(no_phase, 60)
    ledger.hold_history(1, [])
    assert lost.delivered_at is None


def test_what_a_lost_disk_had_shown_may_be_shown_again_or_be_missing() -> None:
    ledger = Ledger()
    early, late = written(ledger), written(ledger)
    ledger.show(2, 1, early.text, 30)
    ledger.show(2, 1, late.text, 50)
    ledger.forget(2, 40)
    assert broken_by(ledger.hold_history, 2, []) is S13
    ledger.hold_history(2, [early.text])
    ledger.show(2, 1, late.text, 60)
    assert broken_by(ledger.show, 2, 1, late.text, 70) is S2
    assert (late.delivered_at, ledger.delivered_count) == (50, 2)


def test_what_a_lost_disk_had_confirmed_may_be_missing() -> None:
    ledger = Ledger()
    written(ledger)
    ledger.forget(1, 21)
    assert broken_by(ledger.hold_history, 1, []) is S13
    ledger.forget(1, 20)
    ledger.hold_history(1, [])


def test_a_second_machine_shows_its_mail_too_and_is_held_to_the_rest() -> None:
    ledger = Ledger()
    letter = written(ledger)
    ledger.show(2, 1, letter.text, 30)
    ledger.show(2, 1, letter.text, 40, is_clone=True)
    assert broken_by(lambda: ledger.show(3, 1, letter.text, 50, is_clone=True)) is S7


def test_what_was_written_in_trouble_may_be_lost_and_what_came_after_it_breaks_l10() -> None:
    ledger = Ledger()
    written(ledger)
    ledger.trouble(2, 11)
    ledger.require_all_delivered(no_phase, 60)
    ledger.trouble(1, 10)
    ledger.confirm(ledger.ask(1, 2, "probe", 11), 20)
    assert broken_by(ledger.require_all_delivered, no_phase, 60) is L10


def test_trouble_between_two_excuses_nobody_else() -> None:
    ledger = Ledger()
    written(ledger)
    ledger.trouble_between(2, 1, 50)
    assert ledger.outstanding() == []
    written(ledger, sender=3)
    assert broken_by(ledger.require_all_delivered, no_phase, 60) is L1


def test_of_two_of_whom_one_removed_the_other_only_what_was_lost_before_is_missed() -> None:
    ledger = Ledger()
    lost, carried, strangers = written(ledger), written(ledger), written(ledger, sender=3)
    unconfirmed = ledger.ask(1, 2, "sealed later", 15)
    ledger.part(2, 1, 20, lambda letter: letter is not lost)
    ledger.confirm(unconfirmed, 30)
    for sender, recipient in ((1, 2), (2, 1)):
        ledger.confirm(ledger.ask(sender, recipient, "unaware", 25), 26)
    assert carried.is_cut_off
    assert ledger.outstanding() == [lost, strangers]


def test_what_its_author_took_back_need_not_arrive() -> None:
    ledger = Ledger()
    written(ledger).is_withdrawn = True
    ledger.require_all_delivered(no_phase, 60)


def test_nodes_that_stand_apart_break_l4() -> None:
    require_joined([0, 1, 2], [(0, 1), (1, 2)], 60)
    assert broken_by(require_joined, [0, 1, 2, 3], [(0, 1), (2, 3)], 60) is L4


def test_a_link_to_a_node_that_is_down_joins_nothing() -> None:
    assert broken_by(require_joined, [0, 2], [(0, 1), (1, 2)], 60) is L4


def test_every_promise_has_its_own_id_and_a_sentence() -> None:
    assert len({promise.id for promise in PROMISES}) == len(PROMISES)
    assert all(promise.sentence.endswith(".") for promise in PROMISES)
