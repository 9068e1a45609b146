"""Each invariant is shown failing: a check that cannot fail promises nothing."""

import re
from pathlib import Path

import pytest

from sim.invariants.invariants import (
    INVARIANTS,
    L1,
    L4,
    L10,
    S2,
    S3,
    S4,
    S7,
    S13,
    BrokenInvariant,
    Invariant,
    require_joined,
)
from sim.invariants.message_log import LoggedMessage, MessageLog


def no_phase(message: LoggedMessage) -> str:
    return "together"


def written(message_log: MessageLog, sender: int = 1, recipient: int = 2) -> LoggedMessage:
    message = message_log.ask(sender, recipient, "hello", 10)
    message_log.confirm(message, 20)
    return message


def broken_by(act: object, *arguments: object) -> Invariant:
    assert callable(act)
    with pytest.raises(BrokenInvariant) as caught:
        act(*arguments)
    assert str(caught.value).startswith(f"{caught.value.invariant.id}: ")
    return caught.value.invariant


def test_a_run_in_which_everything_arrives_breaks_nothing() -> None:
    message_log = MessageLog()
    messages = [written(message_log) for _ in range(3)]
    for message in messages:
        assert message_log.show(2, 1, message.text, 30) is message
    message_log.require_all_delivered(no_phase, 0)
    message_log.hold_history(1, [message.text for message in messages], 0)
    message_log.hold_history(2, [message.text for message in messages], 0)
    assert (message_log.confirmed_count, message_log.delivered_count) == (3, 3)
    assert messages[0].delivered_at == 30


def test_a_message_shown_twice_breaks_s2() -> None:
    message_log = MessageLog()
    message = written(message_log)
    message_log.show(2, 1, message.text, 30)
    assert broken_by(message_log.show, 2, 1, message.text, 40) is S2


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
    message_log = MessageLog()
    written(message_log)
    assert broken_by(message_log.show, 2, 1, text, 30) is S3


@pytest.mark.parametrize("author", [0, None])
def test_a_message_under_another_name_breaks_s4(author: int | None) -> None:
    message_log = MessageLog()
    message = written(message_log)
    assert broken_by(message_log.show, 2, author, message.text, 30) is S4


def test_a_message_shown_to_another_breaks_s7() -> None:
    message_log = MessageLog()
    message = written(message_log)
    assert broken_by(message_log.show, 3, 1, message.text, 30) is S7


def test_a_confirmed_message_that_is_gone_from_its_senders_history_breaks_s13() -> None:
    message_log = MessageLog()
    written(message_log)
    assert broken_by(message_log.hold_history, 1, [], 0) is S13


def test_a_shown_message_that_is_gone_from_its_recipients_history_breaks_s13() -> None:
    message_log = MessageLog()
    message = written(message_log)
    message_log.hold_history(2, [], 0)
    message_log.show(2, 1, message.text, 30)
    assert broken_by(message_log.hold_history, 2, [], 0) is S13


def test_a_message_twice_in_a_history_breaks_s2() -> None:
    message_log = MessageLog()
    message = written(message_log)
    message_log.show(2, 1, message.text, 30)
    assert broken_by(message_log.hold_history, 2, [message.text] * 2, 0) is S2


def test_a_confirmed_message_that_does_not_arrive_breaks_l1() -> None:
    message_log = MessageLog()
    written(message_log)
    assert broken_by(message_log.require_all_delivered, no_phase, 60) is L1


def test_what_was_asked_and_never_confirmed_may_be_lost_or_arrive() -> None:
    message_log = MessageLog()
    lost, arrived = (message_log.ask(1, 2, "perhaps", 10) for _ in range(2))
    message_log.show(2, 1, arrived.text, 30)
    message_log.require_all_delivered(no_phase, 60)
    message_log.hold_history(1, [], 0)
    assert lost.delivered_at is None


def test_what_a_lost_disk_had_shown_may_be_shown_again_or_be_missing() -> None:
    message_log = MessageLog()
    early, late = written(message_log), written(message_log)
    message_log.show(2, 1, early.text, 30)
    message_log.show(2, 1, late.text, 50)
    message_log.forget(2, 40)
    assert broken_by(message_log.hold_history, 2, [], 0) is S13
    message_log.hold_history(2, [early.text], 0)
    message_log.show(2, 1, late.text, 60)
    assert broken_by(message_log.show, 2, 1, late.text, 70) is S2
    assert (late.delivered_at, message_log.delivered_count) == (50, 2)


def test_what_a_lost_disk_had_confirmed_may_be_missing() -> None:
    message_log = MessageLog()
    written(message_log)
    message_log.forget(1, 21)
    assert broken_by(message_log.hold_history, 1, [], 0) is S13
    message_log.forget(1, 20)
    message_log.hold_history(1, [], 0)


def test_a_second_machine_shows_its_mail_too_and_is_held_to_the_rest() -> None:
    message_log = MessageLog()
    message = written(message_log)
    message_log.show(2, 1, message.text, 30)
    message_log.show(2, 1, message.text, 40, is_clone=True)
    assert broken_by(lambda: message_log.show(3, 1, message.text, 50, is_clone=True)) is S7


def test_what_was_written_in_trouble_may_be_lost_and_what_came_after_it_breaks_l10() -> None:
    message_log = MessageLog()
    written(message_log)
    message_log.trouble(2, 11)
    message_log.require_all_delivered(no_phase, 60)
    message_log.trouble(1, 10)
    message_log.confirm(message_log.ask(1, 2, "probe", 11), 20)
    assert broken_by(message_log.require_all_delivered, no_phase, 60) is L10


def test_trouble_between_two_excuses_nobody_else() -> None:
    message_log = MessageLog()
    written(message_log)
    message_log.trouble_between(2, 1, 50)
    assert message_log.outstanding() == []
    written(message_log, sender=3)
    assert broken_by(message_log.require_all_delivered, no_phase, 60) is L1


def test_of_two_of_whom_one_removed_the_other_only_what_was_lost_before_is_missed() -> None:
    message_log = MessageLog()
    lost, carried, strangers = (
        written(message_log),
        written(message_log),
        written(message_log, sender=3),
    )
    unconfirmed = message_log.ask(1, 2, "sealed later", 15)
    message_log.part(2, 1, 20, lambda message: message is not lost)
    message_log.confirm(unconfirmed, 30)
    for sender, recipient in ((1, 2), (2, 1)):
        message_log.confirm(message_log.ask(sender, recipient, "unaware", 25), 26)
    assert carried.is_cut_off
    assert message_log.outstanding() == [lost, strangers]


def test_what_its_author_took_back_need_not_arrive() -> None:
    message_log = MessageLog()
    written(message_log).is_withdrawn = True
    message_log.require_all_delivered(no_phase, 60)


def test_what_was_called_off_and_is_shown_breaks_s13() -> None:
    message_log = MessageLog()
    message = message_log.ask(1, 2, "later", 10)
    message.called_off_at = 20
    assert broken_by(message_log.show, 2, 1, message.text, 30) is S13
    # Its author's vault was put back to when it was to be sent.
    message_log.forget(1, 15)
    assert message_log.show(2, 1, message.text, 30) is message


def test_nodes_that_stand_apart_break_l4() -> None:
    require_joined([0, 1, 2], [(0, 1), (1, 2)], 60)
    assert broken_by(require_joined, [0, 1, 2, 3], [(0, 1), (2, 3)], 60) is L4


def test_a_link_to_a_node_that_is_down_joins_nothing() -> None:
    assert broken_by(require_joined, [0, 2], [(0, 1), (1, 2)], 60) is L4


def test_every_promise_has_its_own_id_and_a_sentence() -> None:
    assert len({invariant.id for invariant in INVARIANTS}) == len(INVARIANTS)
    assert all(invariant.sentence.endswith(".") for invariant in INVARIANTS)


def test_the_page_has_each_sentence_as_it_stands_in_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([SLE]\d+) \| (.*?) \|$", page, re.MULTILINE))
    assert told == {invariant.id: invariant.sentence for invariant in INVARIANTS}
