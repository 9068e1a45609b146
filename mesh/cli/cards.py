"""The drawing of what people decide by: polls, check-ins, tasks and notices, in lines of their own.

Each returns what stands beside its first line, and the lines below it. They begin after two cells,
as no text of anybody does (`mesh.cli.items`).
"""

from mesh.cli.layout import plural, when
from mesh.cli.names import marked
from mesh.cli.sanitise import LINE_ENDS, clean, clean_line
from mesh.commands.item_commands import ChoiceAsked
from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    NoticeAnswer,
    PollAnswer,
    TaskAnswer,
    WordAnswer,
)

ABOUT = "  "
"""Before what is said about an item, in lines of its own."""

HELP_LEVEL = 2
ON_THE_WAY_LEVEL = 1

QUESTION = "How are you?"
PLEASE = "Please answer:"
OFFERED = (
    ChoiceAsked(words="safe", level=0),
    ChoiceAsked(words="on my way", level=ON_THE_WAY_LEVEL),
    ChoiceAsked(words="need help", level=HELP_LEVEL),
)
"""What a check-in asks, its reminder says, and can be answered, where nobody says otherwise."""

TASK_STATES = {"open": "open", "doing": "being done", "done": "done"}


def remarks_of_poll(poll: PollAnswer) -> list[str]:
    """Say what holds for a poll."""
    told = [f"{poll.voters_count} of {poll.of} voted"]
    if poll.is_several:
        told.append("several answers")
    if poll.is_closed:
        told.append("closed")
    elif poll.closes:
        told.append(f"closes {when(poll.closes)}")
    if poll.late_count:
        told.append(f"{plural(poll.late_count, 'vote')} came after the close")
    return told


def lines_of_poll(poll: PollAnswer) -> list[str]:
    """Return its options, with the numbers by which `mesh vote` takes them."""
    return [
        f"{ABOUT}{number}. {clean_line(option.text)} — {option.count}"
        f"{names_in(option.who, option.count)}"
        for number, option in enumerate(poll.options, start=1)
    ]


def names_in(who: list[str], count: int) -> str:
    """Return names in brackets, and how many more there are; empty if there is none."""
    return f" ({', '.join([*map(clean_line, who), *more_than(len(who), count)])})" if who else ""


def more_than(named: int, count: int) -> list[str]:
    """Return what stands behind so many names of a number of people."""
    return [f"and {count - named} more"] if named < count else []


def remarks_of_check_in(check_in: CheckInAnswer) -> list[str]:
    """Say what holds for a check-in: who needs help comes before everything."""
    told = []
    calls = [each for each in check_in.people if rank(each, check_in) == 0]
    roll_up = check_in.roll_up
    if calls:
        names = [clean_line(each.label) for each in calls]
        told.append("HELP: " + ", ".join([*names, *more_than(len(calls), roll_up.help)]))
    if roll_up.silent:
        told.append(f"{roll_up.silent} of {check_in.of} without an answer")
    if check_in.until:
        told.append(f"until {when(check_in.until)}")
    return told


def lines_of_check_in(check_in: CheckInAnswer) -> list[str]:
    """Return the answers that it offers, and what is known of each person, the worst first."""
    offered = "; ".join(
        f"{number} {clean_line(each.words)}" for number, each in enumerate(check_in.answers, 1)
    )
    people = sorted(check_in.people, key=lambda each: (rank(each, check_in), each.label))
    more = [f"{ABOUT}{words}" for words in more_than(len(people), check_in.of)]
    return [
        f"{ABOUT}answers: {offered}",
        *(line_of_person(each, check_in) for each in people),
        *more,
    ]


def rank(person: CheckedAnswer, check_in: CheckInAnswer) -> int:
    """Return the place of a person in the roll-up: help, no answer, on the way, old, fine."""
    if person.others:
        return 0
    if person.answer is None:
        return 1
    level = level_of(person.answer, check_in)
    if level == HELP_LEVEL:
        return 0
    if person.answer.is_old:
        return 3
    return 2 if level == ON_THE_WAY_LEVEL else 4


def level_of(word: WordAnswer, check_in: CheckInAnswer) -> int:
    """Return how bad it is; what cannot be looked up is a call for help."""
    if word.which < len(check_in.answers):
        return check_in.answers[word.which].level
    return HELP_LEVEL


def line_of_person(person: CheckedAnswer, check_in: CheckInAnswer) -> str:
    """Return what is known of one person."""
    name = marked(person.label, person.key, is_alike=bool(person.mark)) + " (me)" * person.is_me
    if person.answer is None:
        heard = f"heard {when(person.heard)}" if person.heard else "not heard yet"
        told = ["no answer" if person.is_me else f"no answer, {heard}"]
    else:
        told = [word_of(person.answer, check_in, is_own=person.answer.by == person.key)]
    told += [word_of(each, check_in, is_own=False) for each in person.others]
    told += more_than(len(person.others), person.others_count)
    return f"{ABOUT}{name}: {'; also: '.join(told)}"


def word_of(word: WordAnswer, check_in: CheckInAnswer, *, is_own: bool) -> str:
    """Return what was said of somebody, when, and by whom if by another."""
    found = check_in.answers[word.which : word.which + 1]
    told = clean_line(found[0].words) if found else f"answer {word.which + 1}"
    if word.place:
        told += f", at {clean_line(word.place)}"
    if word.note:
        told += f": {clean_line(word.note)}"
    age = ", old" if word.is_old else ""
    by = "" if is_own else f", says {clean_line(word.by_label)}"
    return f"{told} ({when(word.at)}{age}{by})"


def remarks_of_task(task: TaskAnswer) -> list[str]:
    """Say how a task stands."""
    state = TASK_STATES.get(task.state, clean_line(task.state))
    told = [state if task.state == "open" else f"{state}, {clean_line(task.by)}, {when(task.at)}"]
    if task.whom:
        whom = [marked(one.label, one.key, is_alike=bool(one.mark)) for one in task.whom]
        told.append("for " + ", ".join(whom))
    if task.until:
        told.append(f"until {when(task.until)}")
    return told


def lines_of_task(task: TaskAnswer) -> list[str]:
    """Return its notes, and what else others say of it."""
    notes = [clean(line) for line in LINE_ENDS.split(task.notes)] if task.notes else []
    others = [
        f"also {clean_line(each.field)}: {clean_line(each.value)}, by {clean_line(each.by)}, "
        f"{when(each.at)}"
        for each in task.others
    ]
    others += more_than(len(others), task.others_count)
    return [*(f"{ABOUT}| {line}" for line in notes), *(ABOUT + line for line in others)]


def remarks_of_notice(notice: NoticeAnswer) -> list[str]:
    """Say how long a notice holds."""
    told = ["urgent"] if notice.is_urgent else []
    if notice.is_over:
        told.append("over")
    elif notice.until:
        told.append(f"until {when(notice.until)}")
    return told
