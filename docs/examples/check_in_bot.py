"""Asks a group every morning how everybody is, and posts who answered what.

    python docs/examples/check_in_bot.py Crew --at 07:00 --wait 3600      # --profile as everywhere
    python docs/examples/check_in_bot.py Crew --once --wait 600           # now, and not again

It needs Mesh itself and nothing else. Its keys bear the day: whatever happens to it, a group is
asked once a day and told once.
"""

import argparse
import time
from datetime import datetime, timedelta

from mesh.api.doors import door_of
from mesh.client import Client
from mesh.commands.item_commands import AskItem, AskItemPeople, ChoiceAsked, WriteItem
from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    ItemAnswer,
    ItemDetailsAnswer,
    ItemPeopleAnswer,
    ItemPersonAnswer,
)
from mesh.errors import UserError
from mesh.node.folders import profile_folders

QUESTION = "How are you this morning?"
ANSWERS = (
    ChoiceAsked(words="I am safe", level=0),
    ChoiceAsked(words="On my way", level=1),
    ChoiceAsked(words="I need help", level=2),
)


def main() -> None:
    """Ask every morning until somebody ends it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("group")
    options.add_argument("--profile", default="default")
    options.add_argument("--at", default="07:00", help="local time")
    options.add_argument("--wait", type=float, default=3_600, help="seconds until it is told")
    options.add_argument("--once", action="store_true")
    given = options.parse_args()
    client = Client(door_of(profile_folders(given.profile)))
    while True:
        if not given.once:
            sleep_until(given.at)
        ask(client, given.group, given.wait)
        if given.once:
            return


def sleep_until(at: str) -> None:
    """Sleep until it is next this time of the day."""
    now = datetime.now().astimezone()
    hour, minute = map(int, at.split(":"))
    due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due <= now:
        due += timedelta(days=1)
    time.sleep((due - now).total_seconds())


def ask(client: Client, group: str, wait_s: float) -> None:
    """Ask a group, wait, and post the roll-up."""
    today = datetime.now().astimezone().date().isoformat()
    asked = WriteItem(
        group,
        "check-in",
        question=QUESTION,
        answers=ANSWERS,
        idempotency_key=f"check-in {group} {today}",
    )
    item = client.ask(asked, ItemAnswer)
    time.sleep(wait_s)
    try:
        check_in = client.ask(AskItem(item.number), ItemDetailsAnswer).item.check_in
        people = asked_in(client, item.number)
    except UserError as error:
        if error.kind not in ("gone", "not-found"):
            raise
        # Somebody deleted it, or hid it, before the first question or the second.
        return
    if check_in is None:
        return
    told = WriteItem(
        group,
        text=roll_up(check_in, people),
        idempotency_key=f"roll-up {group} {today}",
    )
    try:
        client.ask(told, ItemAnswer)
    except UserError as error:
        # It was told, with fewer answers, before this program was started again.
        if error.kind != "key-reused":
            raise


def asked_in(client: Client, item: int) -> list[CheckedAnswer]:
    """Return all who are asked: an item names eight of them itself, and pages name all."""
    people: list[ItemPersonAnswer] = []
    has_more = True
    while has_more:
        asked = AskItemPeople(item, after=people[-1].key if people else None)
        page = client.ask(asked, ItemPeopleAnswer)
        people, has_more = [*people, *page.people], page.has_more
    return [person.checked for person in people if person.checked is not None]


def roll_up(check_in: CheckInAnswer, people: list[CheckedAnswer]) -> str:
    """Return who answered what, those who need something first, and who said nothing."""
    others = [person for person in people if not person.is_me]
    lines = []
    for number in reversed(range(len(check_in.answers))):
        names = [
            f"{person.label} ({person.answer.note})" if person.answer.note else person.label
            for person in others
            if person.answer is not None and person.answer.which == number
        ]
        if names:
            lines.append(f"{check_in.answers[number].words}: {', '.join(names)}")
    silent = [person.label for person in others if person.answer is None]
    if silent:
        lines.append(f"No word of: {', '.join(silent)}")
    return "\n".join(lines) or "Nobody was asked."


if __name__ == "__main__":
    main()
