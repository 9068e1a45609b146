"""Letters between members of a group who are no contacts."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Number
from mesh.commands.groups import Group, InviteNote, Member

LetterState = Literal["waiting", "accepted"]
"""The standing of a letter to us; of one that was declined nothing is told."""


class MemberLetterAnswer(Answer, frozen=True, kw_only=True):
    """A member of a group asks our person to become a contact.

    `member` and `member_name`: who it is there; `member_key` is his key there, and `mark` as in
    `MemberAnswer`. `name` and `key`: of
    the person who made the invite in the letter. `came`, and `expires`, until when it can be
    answered: Unix seconds. `contact`: who it is once our person has accepted, else 0. `looks_like`:
    labels of contacts that look alike. `known_contact`: the contact who has `key` already, whoever
    wrote the letter; else 0.
    """

    letter: int
    group: int
    group_name: str
    member: int
    member_name: str
    member_key: str
    mark: str = ""
    name: str
    key: str
    note: str
    came: int
    expires: int
    state: LetterState
    contact: int
    looks_like: list[str]
    known_contact: int = 0


class MemberLettersAnswer(Answer, frozen=True, kw_only=True):
    """Letters that wait for a word, as they first came."""

    letters: list[MemberLetterAnswer]


class LetterWrittenAnswer(Answer, frozen=True, kw_only=True):
    """A letter of ours to a member. `again`: when one may be written to him again; both in Unix
    seconds. Whether he read or declined it nobody tells us.
    """

    group: int
    member: int
    member_name: str
    written: int
    again: int


@dataclass(frozen=True, slots=True)
class WriteToMember:
    """Ask a member who is no contact to become one. Answer: LetterWrittenAnswer.

    Nobody else in the group learns of it, and he alone who our person is.
    """

    group: Group
    member: Member
    note: InviteNote = ""


@dataclass(frozen=True, slots=True)
class AskMemberLetters:
    """Answer: MemberLettersAnswer."""

    group: Group


@dataclass(frozen=True, slots=True)
class AnswerMemberLetter:
    """Accept or decline a letter of a member; who is declined is told nothing, and of him no other
    one is shown. Answer: MemberLettersAnswer, of what still waits.
    """

    group: Group
    letter: Number
    is_accepted: bool
