"""Generations of tags, between memory and their rows."""

from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final

from mesh.ids import Tag, UnixSeconds
from mesh.limits.sessions import TAG_CHAIN_STEP, TAGS_UNOPENED_MAX
from mesh.ratchet.tags import TagReceiver
from mesh.storage.vault.rows import GenerationRow

_STEPS_MAX: Final = TAGS_UNOPENED_MAX // TAG_CHAIN_STEP
_STEP_MASK: Final = (1 << TAG_CHAIN_STEP) - 1
_USE: Final = Struct(">II")
"""A step and when it was first used, in a row."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One chain of tags of what the other side writes, and when a later one was first used."""

    number: int
    receiver: TagReceiver = field(repr=False)
    superseded: UnixSeconds | None = None


def bounded(receiver: TagReceiver) -> tuple[TagReceiver, list[Tag]]:
    """The receiver with at most so many open steps, and the tags that were given up for it."""
    if len(receiver.steps) <= _STEPS_MAX:
        return receiver, []
    given_up, kept = receiver.steps[:-_STEPS_MAX], receiver.steps[-_STEPS_MAX:]
    lost = [tag for _, tag in replace(receiver, steps=given_up).expected()]
    first = kept[0][0] * TAG_CHAIN_STEP
    opened = frozenset(sorted(one for one in receiver.opened if one >= first))
    return replace(receiver, steps=kept, opened=opened), lost


def generation_row(session: bytes, generation: Generation) -> GenerationRow:
    """The lowest step, its key, and a bit for each index from there on that is not expected."""
    receiver = generation.receiver
    first_step, key = receiver.steps[0]
    bits, place = 0, first_step
    for step, _ in receiver.steps:
        while place < step:
            bits |= _STEP_MASK << (place - first_step) * TAG_CHAIN_STEP
            place += 1
        place = step + 1
    for index in sorted(receiver.opened):
        bits |= 1 << index - first_step * TAG_CHAIN_STEP
    return GenerationRow(
        session=session,
        number=generation.number,
        key=key,
        step=first_step,
        opened=bits.to_bytes((bits.bit_length() + 7) // 8, "little"),
        expected=receiver.expected_to,
        used=b"".join(_USE.pack(step, at) for step, at in receiver.used),
        ends=receiver.end,
        superseded=generation.superseded,
    )


def generation_of(row: GenerationRow) -> Generation:
    """The generation that was kept in a row."""
    bits = int.from_bytes(row.opened, "little")
    receiver = TagReceiver(
        steps=((row.step, row.key),), expected_to=0, opened=frozenset(), end=row.ends
    ).expecting(row.expected)
    kept = tuple(
        (step, key)
        for step, key in receiver.steps
        if bits >> (step - row.step) * TAG_CHAIN_STEP & _STEP_MASK != _STEP_MASK
    )
    alive = dict(kept)
    first = row.step * TAG_CHAIN_STEP
    indices = [
        first + offset
        for offset in range(bits.bit_length())
        if bits >> offset & 1 and (first + offset) // TAG_CHAIN_STEP in alive
    ]
    uses = tuple((step, UnixSeconds(at)) for step, at in _USE.iter_unpack(row.used))
    return Generation(
        row.number,
        replace(receiver, steps=kept, opened=frozenset(indices), used=uses),
        row.superseded,
    )
