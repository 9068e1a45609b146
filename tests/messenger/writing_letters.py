"""Members of a group who are no contacts, and the letters between them."""

from mesh.commands.groups import AcceptGroup, MakeGroup
from mesh.commands.member_letters import (
    AnswerMemberLetter,
    AskMemberLetters,
    LetterWrittenAnswer,
    MemberLetterAnswer,
    MemberLettersAnswer,
    WriteToMember,
)
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.group.member_letters import MEMBER_LETTER, encode_member_letter
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope
from tests.messenger.in_groups import inside, member, settle
from tests.messenger.people import DAY_S, Clock, Person, exchange


def strangers(*names: str, clock: Clock | None = None) -> list[Person]:
    """All are in a group of the first one, who is the only contact of the others."""
    clock = clock or Clock()
    people = [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]
    for person in people[1:]:
        person.add(people[0].invite().link)
        exchange(people[0], person)
    people[0].ask(MakeGroup("Crew", names[1:]))
    settle(*people)
    for person in people[1:]:
        person.ask(AcceptGroup("Crew"))
    settle(*people)
    for person in people:
        person.take_events()
    return people


def write(person: Person, to: str, note: str = "", group: str = "Crew") -> LetterWrittenAnswer:
    answer = person.ask(WriteToMember(group, member(person, to, group).member, note))
    assert isinstance(answer, LetterWrittenAnswer)
    return answer


def letters_of(person: Person, group: str = "Crew") -> list[MemberLetterAnswer]:
    answer = person.ask(AskMemberLetters(group))
    assert isinstance(answer, MemberLettersAnswer)
    return answer.letters


def answer(person: Person, *, is_accepted: bool, group: str = "Crew") -> None:
    """Answer the first letter that waits."""
    (first, *_) = letters_of(person, group)
    person.ask(AnswerMemberLetter(group, first.letter, is_accepted))


def at_entrance(person: Person, envelopes: list[Envelope], group: str = "Crew") -> list[Envelope]:
    """Those that stand at somebody's entrance."""
    tags = [tag for _, tag in entrance_tags(entrance_of(inside(person, group).row.seed))]
    return [one for one in envelopes if one.header.tag in tags]


def forge(
    author: Person,
    to: Person,
    data: bytes | None = None,
    *,
    link: str = "",
    note: str = "",
    gid: bytes | None = None,
    group: str = "Crew",
) -> list[Envelope]:
    """Write what no honest node does at somebody's entrance, by the key of a member of ours."""
    inner = inside(author, group)
    theirs = inside(to, group)
    if data is None:
        data = encode_member_letter(inner.gid if gid is None else gid, link, note)  # type: ignore[arg-type]  # as a test says
    bundle = to.wired.groups.keepers.leaves.own_bundle(theirs)
    assert bundle is not None
    with transaction(author.connection):
        author.wired.groups.letters.queue(
            inner, entrance_of(theirs.row.seed), bundle, MEMBER_LETTER, data, author.now
        )
    return author.post()


def pass_weeks(count: int, *people: Person) -> None:
    """Let weeks pass, in which everything is carried."""
    for _ in range(count):
        people[0].clock.pass_by(7 * DAY_S + 1)
        for person in people:
            person.mint_all()
            person.tend()
        settle(*people)
