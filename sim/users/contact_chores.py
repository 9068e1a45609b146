"""Chores about people: names, comparisons, introductions, new identities, invites, addresses."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.contacts import (
    AskContact,
    AskContacts,
    ContactAnswer,
    ContactsAnswer,
    RenameContact,
    RenewSession,
    ReplaceIdentity,
    SetReadReceipts,
    VerifyContact,
)
from mesh.commands.identity import AskIdentity, ChangeIdentity
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)
from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InspectInvite,
    InviteAnswer,
    RevokeInvite,
)
from mesh.commands.nearby import (
    AskNearby,
    CompareNearby,
    ConfirmNearby,
    NearbyAnswer,
    SetNearby,
)
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer, RemovePeer
from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison
from sim.kernel.entropy import Chance
from sim.users.chores import Chore, Home, a_friend, names_of, new_name, nothing
from sim.users.user import User

EQUAL_SHARE: Final = 0.8
"""So often two who compare say that they see the same."""

ACCEPTED_SHARE: Final = 0.8
HUSHED_SHARE: Final = 0.3
UNUSED_ADDRESS: Final = "203.0.113.7:7000"
"""An address at which nobody is, of the block for documents (RFC 5737)."""


def rename(home: Home, user: User, chance: Chance) -> None:
    """Give a contact another label, and look at them."""
    key = chance.pick(list(user.contacts.values()))
    label = f"friend {chance.below(1_000_000)}"

    def renamed(answer: Answer) -> None:
        assert isinstance(answer, ContactAnswer)
        # The number of a contact is that of the conversation with them.
        choices = home.message_log.choices
        choices.keep(user.node.index, answer.id, "title", label, home.loop.now)

    user.ask(RenameContact(key, label), renamed)
    user.ask(AskContact(key), nothing)


def verify(home: Home, user: User, chance: Chance) -> None:
    """Say that a safety number was compared, or take it back; perhaps tell them no longer what is
    read of theirs.
    """
    node, key = chance.pick(list(user.contacts.items()))
    user.ask(VerifyContact(key, chance.is_true(0.7)), nothing)
    if chance.is_true(HUSHED_SHARE):
        hush = home.message_log.choices.hush
        user.ask(SetReadReceipts(key, is_on=False), lambda _: hush(user.index, node, home.loop.now))


def renew(home: Home, user: User, chance: Chance) -> None:
    """Begin new keys with a contact, though nothing is wrong."""
    friend = a_friend(home, user, chance)
    if friend is not None:
        user.ask(RenewSession(friend[1]), nothing)


def call_oneself(home: Home, user: User, chance: Chance) -> None:
    """Take another name, and look at it."""
    user.ask(ChangeIdentity(new_name(user, chance)), nothing)
    user.ask(AskIdentity(), nothing)


def compare(home: Home, user: User, chance: Chance) -> None:
    """Compare with a contact, live; both say what they see."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    user.ask(Compare(key), nothing)
    mine = user.identity_key
    home.later(other, chance, partial(other.ask, Compare(mine), nothing))
    for each, whom in ((user, key), (other, mine)):
        is_equal = chance.is_true(EQUAL_SHARE)
        home.loop.after(8_000_000, partial(_confirm, each, whom, is_equal))


def _confirm(user: User, key: str, is_equal: bool) -> None:
    def seen(answer: Answer) -> None:
        assert isinstance(answer, ComparisonAnswer)
        if answer.state == "compare":
            user.ask(ConfirmComparison(key, is_equal), nothing)

    if user.node.is_up:
        user.ask(Compare(key), seen)


def introduce(home: Home, user: User, chance: Chance) -> None:
    """Introduce two contacts to each other, who answer a while later."""
    keys = list(user.contacts.items())
    chance.shuffle(keys)
    if len(keys) < 2:
        return
    (one, one_key), (two, two_key) = keys[:2]
    user.ask(Introduce(one_key, two_key), nothing)
    for node in (one, two):
        guest = home.users.everybody[node]
        answers = partial(
            answer_introductions, home, guest, is_accepted=chance.is_true(ACCEPTED_SHARE)
        )
        home.loop.after(chance.between(4_000_000, 12_000_000), answers)


def answer_introductions(home: Home, user: User, *, is_accepted: bool) -> None:
    """Look who waits to be introduced, and answer all of them."""
    choices = home.message_log.choices

    def answered(answer: Answer) -> None:
        assert isinstance(answer, IntroductionAnswer)
        choices.decline(user.index, answer, home.loop.now)

    def seen(answer: Answer) -> None:
        assert isinstance(answer, IntroductionsAnswer)
        for one in answer.introductions:
            # Whom somebody removed they do not let in again.
            is_wanted = is_accepted and not home.users.exclusion.is_out(user.index, one.key)
            if one.state == "waiting":
                choices.require_new(user.index, one)
                user.ask(AnswerIntroduction(one.id, is_wanted), answered)

    if user.node.is_up and not user.is_gone:
        user.ask(AskIntroductions(), seen)


def follow(home: Home, user: User, chance: Chance) -> None:
    """Whoever has somebody twice, since they lost their disk, says that they are the same."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, ContactsAnswer)
        by_node: dict[int, list[str]] = {}
        for contact in answer.contacts:
            node = user.authors.get(contact.id)
            if node is not None:
                by_node.setdefault(node, []).append(contact.key)
        for node, keys in by_node.items():
            now = home.users.everybody[node].identity_key
            former = [key for key in keys if key != now]
            if now in keys and former:
                user.ask(ReplaceIdentity(former[0], now), nothing)
                # From now on it holds what was set for the former one.
                home.message_log.choices.speak(user.index, node)

    user.ask(AskContacts(), seen)


def invite(home: Home, user: User, chance: Chance) -> None:
    """Make an invite for several, which a stranger uses; else it is taken back."""
    out = home.users.exclusion
    strangers = [
        other
        for other in home.users.present
        if other is not user
        and other.identity_key
        and other.node.is_up
        and other.index not in user.contacts
        and not out.is_out(user.index, other.identity_key)
        and not out.is_out(other.index, user.identity_key)
    ]

    def made(answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        if strangers:
            other = chance.pick(strangers)
            other.ask(InspectInvite(answer.link), nothing)
            home.users.friendships.use_invite(user, other, answer.link)
        else:
            user.ask(RevokeInvite(answer.id), nothing)

    user.ask(CreateInvite(label=f"invite {chance.below(1_000)}", uses_max=3), made)
    user.ask(AskInvites(), nothing)


def peers(home: Home, user: User, chance: Chance) -> None:
    """Remember an address at which nobody is, look, and forget it again."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, PeersAnswer)
        user.ask(RemovePeer(UNUSED_ADDRESS), nothing)

    user.ask(AddPeer(UNUSED_ADDRESS), nothing)
    home.later(user, chance, partial(user.ask, AskPeers(), seen))


def nearby(home: Home, user: User, chance: Chance) -> None:
    """Look for somebody near by hand together with a friend; both say what they see."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    for each in (user, friend[0]):
        each.ask(SetNearby(True), nothing)
        each.ask(AskNearby(), nothing)
        for after_s in (4, 8, 12):
            home.loop.after(after_s * 1_000_000, partial(_look_nearby, home, each))
        home.loop.after(20_000_000, partial(each.ask, SetNearby(False), nothing))


def _look_nearby(home: Home, user: User) -> None:
    def seen(answer: Answer) -> None:
        assert isinstance(answer, NearbyAnswer)
        for person in answer.people:
            if person.state in ("seen", "asked by them"):
                user.ask(CompareNearby(person.id), nothing)
            elif person.state == "compare":
                # Whom they had removed they let in again, by hand; nobody else.
                home.users.exclusion.let_in(user.index, _keys_of(home, person.name))
                user.ask(ConfirmNearby(person.id, is_equal=True), nothing)

    if user.node.is_up:
        user.ask(AskNearby(), seen)


def _keys_of(home: Home, name: str) -> list[str]:
    """Return the keys of whoever calls themselves so: an answer names nobody nearby by a key."""
    return [other.identity_key for other in home.users.everybody if name in names_of(other)]


CONTACT_CHORES: Final[Mapping[str, Chore]] = {
    "invite": invite,
    "rename": rename,
    "verify": verify,
    "renew": renew,
    "call-oneself": call_oneself,
    "compare": compare,
    "introduce": introduce,
    "follow": follow,
    "peers": peers,
    "nearby": nearby,
}
