"""The items of conversations: who has the same entries sees the same (S20).

At the end each node is asked for all items of each of its conversations. Where both sides have the
same entries about one, all that does not hang on who looks must be equal: words, edits, reactions,
pins, votes, answers, states of tasks. What is local (states of delivery, marks of lateness, labels)
is left out; who chose something is told as *oneself* and *the other*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.commands.items import ItemAnswer
from mesh.database import Connection
from sim.invariants.invariants import S20, BrokenInvariant


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as one side shows it: the identity key of the other, and all items."""

    key: str
    items: Sequence[ItemAnswer]
    entries: Mapping[str, frozenset[bytes]] | None = None
    """What was there about each object when its node was asked; None: what is there at the end."""


Pair = tuple[int, int]
"""Who, with whom."""

_LOCALLY_GONE: Final = ("forgotten", "expired")


def entries_with(vault: Connection, key: str) -> dict[str, frozenset[bytes]]:
    """Return the entries of the conversation with a contact, by their identity key: under the id
    of each object its own and those of all changes about it.
    """
    rows = vault.execute(
        "SELECT CASE WHEN target = x'' THEN id ELSE target END, id FROM entries "
        "WHERE conversation = (SELECT id FROM contacts WHERE verify_key = ?)",
        (bytes.fromhex(key),),
    ).fetchall()
    found: dict[str, set[bytes]] = {}
    for about, id_ in rows:
        assert isinstance(about, bytes)
        assert isinstance(id_, bytes)
        found.setdefault(about.hex(), set()).add(id_)
    return {about: frozenset(ids) for about, ids in found.items()}


def require_same_items(views: Mapping[Pair, View], vaults: Mapping[int, Connection]) -> int:
    """Hold both sides of all conversations together; return how many items could be compared.

    An object is compared where both have it and the same changes of it: others may still be under
    way, or were taken back before they came. What came since somebody looked is not seen by them.
    Their order is compared where both have all the same.
    """
    compared_count = 0
    for (one, other), view in views.items():
        theirs = views.get((other, one))
        if one > other or theirs is None:
            continue
        entries, turned_entries = (
            entries_with(vaults[one], view.key),
            entries_with(vaults[other], theirs.key),
        )
        ours = {item.id: _seen(item, is_turned=False) for item in view.items if _is_common(item)}
        turned = {item.id: _seen(item, is_turned=True) for item in theirs.items if _is_common(item)}
        for id_, here in ours.items():
            there = turned.get(id_)
            if there is None or entries.get(id_) != turned_entries.get(id_):
                continue
            if _is_newer(view, entries, id_) or _is_newer(theirs, turned_entries, id_):
                continue
            compared_count += 1
            if here != there:
                raise BrokenInvariant(
                    S20,
                    f"nodes {one} and {other} have the same entries about an item, and show "
                    f"{here!r} and {there!r}",
                    one,
                )
        is_seen = view.entries in (None, entries) and theirs.entries in (None, turned_entries)
        if is_seen and entries == turned_entries and list(ours) != list(turned):
            detail = f"nodes {one} and {other} have the same entries, and others or another order"
            raise BrokenInvariant(S20, detail, one)
    return compared_count


def _is_newer(view: View, entries: Mapping[str, frozenset[bytes]], id_: str) -> bool:
    """Say whether anything about an object came since somebody looked at it."""
    return view.entries is not None and view.entries.get(id_) != entries.get(id_)


def _is_common(item: ItemAnswer) -> bool:
    return item.gone not in _LOCALLY_GONE


def _seen(item: ItemAnswer, *, is_turned: bool) -> dict[str, object]:
    """Return what both sides must see of an item; `is_turned`: as the other one sees it."""

    def who(count: int, *, is_mine: bool) -> tuple[bool, bool]:
        here, there = is_mine, count - is_mine > 0
        return (there, here) if is_turned else (here, there)

    seen: dict[str, object] = {
        "id": item.id,
        "kind": item.kind,
        "is of the first": item.author.is_mine is not is_turned,
        "sent": item.sent,
        "gone": item.gone,
        "text": item.text,
        "reply": None if item.reply is None else item.reply.id,
        "edited": None if item.edited is None else (item.edited.count, item.edited.at),
        "reactions": {one.emoji: who(one.count, is_mine=one.is_mine) for one in item.reactions},
        "is_pinned": item.is_pinned,
        "files": [(one.name, one.media_type, one.size, one.look) for one in item.files],
        "timer": item.timer,
    }
    if item.poll is not None:
        poll = item.poll
        seen["poll"] = (
            [(one.text, who(one.count, is_mine=one.is_mine)) for one in poll.options],
            poll.closes,
            poll.late_count,
            poll.voters_count,
        )
    if item.check_in is not None:
        seen["check-in"] = sorted(
            (
                person.key,
                [(word.which, word.note, word.by, word.at) for word in words],
            )
            for person in item.check_in.people
            for words in [[*([person.answer] if person.answer else []), *person.others]]
        )
    if item.task is not None:
        task = item.task
        seen["task"] = (
            task.title,
            task.notes,
            sorted(one.key for one in task.whom),
            task.until,
            task.state,
            task.at,
            [(other.field, other.value, other.at) for other in task.others],
        )
    if item.notice is not None:
        seen["notice"] = (item.notice.text, item.notice.until, item.notice.is_urgent)
    return seen
