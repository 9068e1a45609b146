"""The drawing of all that is known of one contact, and of a safety number as it is read aloud."""

from mesh.cli.commands.people import grouped, trust_of, warnings
from mesh.cli.layout import plural, when
from mesh.cli.messages import unanswered
from mesh.cli.names import shown
from mesh.cli.sanitise import clean_line
from mesh.commands.contacts import ContactAnswer, ContactDetailsAnswer

SAFETY_GROUP_DIGITS = 5
SAFETY_GROUPS_PER_LINE = 4


def lines_of(details: ContactDetailsAnswer) -> list[str]:
    """Return all that is told of a contact, for people."""
    found = details.contact
    lines = [
        f"label      {shown(found)}   (number {found.id})",
        f"name       {clean_line(found.name)}",
        f"key        {grouped(found.key)}",
        f"trust      {trust_of(found)}",
        f"state      {'; '.join([found.state, *unanswered(found)])}",
    ]
    if found.heard:
        lines.append(f"heard      {when(found.heard)}, when they wrote the newest that came")
    lines += [f"careful    {warning}" for warning in warnings(found)]
    if found.is_request:
        lines.append("waits      apart, until: mesh contact accept")
    if found.is_blocked:
        lines.append("blocked    nothing of theirs is opened")
    if found.sealed_count:
        lines.append(f"sealed     {sealed_words(found)}")
    told = "told" if found.sends_read_receipts else "not told"
    lines.append(f"receipts   they are {told} what you read")
    headings = ("safety", *[""] * len(details.safety_number))
    for heading, line in zip(headings, safety_lines(details.safety_number), strict=False):
        lines.append(f"{heading:<9}  {line}")
    if details.comparison.state not in ("none", "matched"):
        lines.append(f"comparison {details.comparison.state}; see: mesh compare")
    lines += [f"{when(note.at)}  {clean_line(note.sentence)}" for note in details.notes]
    return lines


def sealed_words(contact: ContactAnswer) -> str:
    """Say how much of theirs came and is not opened, and what opens it."""
    if contact.is_request:
        how = f"mesh contact accept {contact.id}"
    else:
        how = f"mesh contact unblock {contact.id} --show-meanwhile"
    if contact.sealed_until:
        count = plural(contact.sealed_count, "message")
        opens = when(contact.sealed_until)
        return f"{count}, more than a day's; from {opens} on by itself, or now: {how}"
    return f"{plural(contact.sealed_count, 'message')}; to open: {how}"


def unblocked_sentences(contact: ContactAnswer, *, is_opened: bool) -> list[str]:
    """Say who is not blocked any more, and truly what of the time between is shown."""
    name = shown(contact)
    if contact.is_request:
        told = f"{name} is not blocked any more, and waits apart again: mesh requests"
    else:
        told = f"{name} is not blocked any more. What they send from now on is opened."
    if is_opened and not contact.is_request:
        return [told, "What came meanwhile and is still here is opened too."]
    if not contact.sealed_count:
        return [told, "Nothing came meanwhile that is still here."]
    sealed = f"What came meanwhile stays sealed: {sealed_words(contact)}"
    if contact.is_request:
        return [told, sealed]
    again = "Their Mesh may post it again after 7 days; what comes of that is opened."
    return [told, sealed, again]


def safety_lines(digits: str) -> list[str]:
    """Return a safety number in lines of groups, as it is read aloud."""
    per_line = SAFETY_GROUP_DIGITS * SAFETY_GROUPS_PER_LINE
    return [
        grouped(digits[start : start + per_line], digits=SAFETY_GROUP_DIGITS)
        for start in range(0, len(digits), per_line)
    ]
