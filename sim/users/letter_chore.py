"""A chore: a member of a group writes to one who is no contact of his, and is answered."""

from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.groups import AskGroups, AskMembers, GroupAnswer, GroupsAnswer, MembersAnswer
from mesh.commands.member_letters import (
    AnswerMemberLetter,
    AskMemberLetters,
    LetterWrittenAnswer,
    MemberLettersAnswer,
    WriteToMember,
)
from sim.kernel.entropy import Chance
from sim.users.chores import Home, nothing
from sim.users.user import User

ACCEPTED_SHARE: Final = 0.7
ANSWERED_AFTER_US: Final = (6_000_000, 14_000_000, 21_000_000)
"""So long after a letter was written all members look whether one is for them."""


def letter(home: Home, user: User, chance: Chance) -> None:
    """Write to somebody in a group who is no contact; he accepts, or declines."""

    def seen(answer: Answer) -> None:
        assert isinstance(answer, GroupsAnswer)
        for group in answer.groups:
            if group.state == "in":
                user.ask(AskMembers(group.conversation), partial(known, group))

    def known(group: GroupAnswer, answer: Answer) -> None:
        assert isinstance(answer, MembersAnswer)
        strangers = [one for one in answer.members if not one.is_me and not one.contact]
        if strangers:
            whom = chance.pick(strangers)
            me = next((one.key for one in answer.members if one.is_me), "")
            # A crash may take the answer, and the letter leave.
            who = group.gid, me, whom.key, user.identity_key
            home.users.member_letters.wrote(*who)
            asked = WriteToMember(group.conversation, whom.member, "from the pier")
            user.ask(asked, partial(written, who))

    def written(who: tuple[str, str, str, str], answer: Answer) -> None:
        assert isinstance(answer, LetterWrittenAnswer)
        home.users.member_letters.answered(user.node.index, *who, answer.written)
        is_accepted = chance.is_true(ACCEPTED_SHARE)
        for after_us in ANSWERED_AFTER_US:
            home.loop.after(after_us, partial(_answer_all, home, user, is_accepted))

    user.ask(AskGroups(), seen)


def _answer_all(home: Home, author: User, is_accepted: bool) -> None:
    """Let everybody who is there answer the letters that came to them."""
    for reader in home.users.present:
        if reader is author or not reader.node.is_up or reader.is_gone or not reader.identity_key:
            continue
        reader.ask(AskGroups(), partial(_look, home, reader, is_accepted))


def _look(home: Home, reader: User, is_accepted: bool, answer: Answer) -> None:
    assert isinstance(answer, GroupsAnswer)
    for group in answer.groups:
        if group.state == "in":
            came = partial(_answer, home, reader, group.conversation, is_accepted)
            reader.ask(AskMemberLetters(group.conversation), came)


def _answer(home: Home, reader: User, group: int, is_accepted: bool, answer: Answer) -> None:
    """Accept whom one did not shut out. Who wrote asked for this member, whoever that is."""
    assert isinstance(answer, MemberLettersAnswer)
    out = home.users.exclusion
    for one in answer.letters:
        is_wanted = is_accepted and not out.is_out(reader.index, one.key)
        if is_wanted:
            for author in home.users.present:
                if author.identity_key == one.key:
                    out.let_in(author.index, [reader.identity_key])
        reader.ask(AnswerMemberLetter(group, one.letter, is_wanted), nothing)
