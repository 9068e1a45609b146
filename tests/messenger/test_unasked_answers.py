"""Attacks by a contact who has a node answer without end, until its person cannot write."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from mesh.commands.contacts import RenewSession, SetReadReceipts
from mesh.commands.introductions import AnswerIntroduction, Introduce
from mesh.commands.messages import AskMessages
from mesh.commands.verification import Compare
from mesh.errors import UserError
from mesh.limits.messages import UNASKED_ANSWERS_PER_DAY_MAX
from mesh.wire.controls import INTRODUCE_ASK, INTRODUCE_GRANT
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange
from tests.messenger.test_introductions import granted, introductions, three

TRIES = 3 * UNASKED_ANSWERS_PER_DAY_MAX

Attack = Callable[[], tuple[Person, Person, Callable[[int], None]]]
"""Returns who attacks and who is attacked, and what has one further answer given."""


def asking_for_an_invite() -> tuple[Person, Person, Callable[[int], None]]:
    """The voucher asks again and again for an invite that Bob's person has granted."""
    ivy, ann, bob = granted()
    ((id_,),) = bob.connection.execute("SELECT id FROM introductions").fetchall()
    assert isinstance(id_, bytes)
    ((key,),) = ivy.connection.execute(
        "SELECT verify_key FROM contacts WHERE label = 'Ann'"
    ).fetchall()
    assert isinstance(key, bytes)
    exchange(ivy, ann, bob)
    return ivy, bob, lambda _: ivy.send_control("Bob", INTRODUCE_ASK, id_ + key + b"Ann")


def granting() -> tuple[Person, Person, Callable[[int], None]]:
    """The host grants again and again what Ivy, who vouches, passes on each time."""
    ivy, ann, bob = three()
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    bob.ask(AnswerIntroduction(introductions(bob)[0].id, is_accepted=True))
    ((id_,),) = bob.connection.execute("SELECT id FROM introductions").fetchall()
    assert isinstance(id_, bytes)
    exchange(ivy, ann, bob)
    ((link,),) = ann.connection.execute("SELECT link FROM introductions").fetchall()
    assert isinstance(link, str)
    return bob, ivy, lambda _: bob.send_control("Ivy", INTRODUCE_GRANT, id_ + link.encode())


def comparing() -> tuple[Person, Person, Callable[[int], None]]:
    """Ann answers again and again to what Bob has committed to, and he reveals each time."""
    ann, bob = acquainted(Clock())
    bob.ask(Compare("Ann"))
    exchange(ann, bob)
    ann.ask(Compare("Bob"))
    exchange(ann, bob)

    def ask(_: int) -> None:
        ann.ask(Compare("Bob"))

    return ann, bob, ask


def renewing() -> tuple[Person, Person, Callable[[int], None]]:
    """Ann begins new keys again and again, and Bob says hello on each of them."""
    ann, bob = acquainted(Clock())

    def renew(_: int) -> None:
        # Once nobody answers her any more she has used up all ways to him.
        with suppress(UserError):
            ann.ask(RenewSession("Bob"))

    return ann, bob, renew


def being_read() -> tuple[Person, Person, Callable[[int], None]]:
    """Ann writes one message after the other, and Bob tells of each that he has read it."""
    ann, bob = acquainted(Clock())
    bob.ask(SetReadReceipts("Ann", is_on=True))

    def write(number: int) -> None:
        ann.send("Bob", f"number {number}")
        bob.receive(ann.post())
        bob.ask(AskMessages("Ann", limit=1, mark_read=True))

    return ann, bob, write


@pytest.mark.parametrize(
    "attack", [asking_for_an_invite, granting, comparing, renewing, being_read]
)
def test_no_contact_has_a_node_answer_without_end(attack: Attack) -> None:
    attacker, victim, press = attack()
    victim.post()
    answers = 0
    for number in range(TRIES):
        press(number)
        victim.receive(attacker.post())
        posted = victim.post()
        attacker.receive(posted)
        answers += len(posted)
    assert answers <= UNASKED_ANSWERS_PER_DAY_MAX


def test_the_bound_is_of_a_contact_a_day_and_all_kinds_together() -> None:
    ann, bob, write = being_read()
    for number in range(UNASKED_ANSWERS_PER_DAY_MAX + 5):
        write(number)
    bob.post()
    bob.restart()
    # Neither another kind nor a restart of the node gives them more.
    ann.ask(RenewSession("Bob"))
    bob.receive(ann.post())
    assert bob.post() == []
    # Our own person writes on, and on the new keys.
    bob.send("Ann", "here I am")
    ann.receive(bob.post())
    assert ann.texts("Bob")[-1] == "here I am"
    ann.clock.pass_by(DAY_S)
    write(0)
    assert len(bob.post()) == 1
