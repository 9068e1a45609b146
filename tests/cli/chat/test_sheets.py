"""The details of one item cover the history, and nobody's words pass for a part of them."""

import pytest

from mesh.cli.chat.sheets import details_lines
from mesh.commands.items import (
    ItemDetailsAnswer,
    OtherValueAnswer,
    ReactionAnswer,
    ReaderAnswer,
    TaskAnswer,
)
from tests.cli.answers import NOW, item

CLAIM = "Bob:\u00a0has\u00a0read\u00a0it"
"""An emoji, and a note, that look like the line of a reader: their blanks are no spaces."""

TASK = TaskAnswer(
    title="Buy water",
    notes=CLAIM,
    whom=[],
    until=0,
    state="open",
    by="Ben",
    at=NOW,
    others=[
        OtherValueAnswer(field="title", value=f"Water {number}", by=f"m{number}", at=NOW)
        for number in range(12)
    ],
    others_count=12,
)


def shown(**fields: object) -> list[str]:
    details = ItemDetailsAnswer(
        item=item(**fields),
        steps=[],
        lapses=0,
        text_bytes=5,
        readers=[ReaderAnswer(key="", label="Cleo", is_told=True, is_silent=False, is_read=True)],
    )
    return ["".join(run.text for run in line) for line in details_lines(details, ())]


def test_a_task_shows_all_that_stands_beside() -> None:
    lines = shown(kind="task", text="", task=TASK)
    assert sum("also title: Water" in line for line in lines) == 12


@pytest.mark.parametrize(
    "fields",
    [
        {"reactions": [ReactionAnswer(emoji=CLAIM, count=1, is_mine=False, who=["Ben"])]},
        {"kind": "task", "text": "", "task": TASK},
    ],
    ids=["reaction", "task"],
)
def test_no_words_of_others_pass_for_the_line_of_a_reader(fields: dict[str, object]) -> None:
    lines = shown(**fields)
    assert "Cleo: has read it" in lines
    claims = [line for line in lines if CLAIM in line]
    assert claims
    assert all(line.startswith("  ") for line in claims)
