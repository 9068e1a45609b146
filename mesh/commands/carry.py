"""The pieces of mail that goes by hand, between the daemon's streams of files and the engine.

Implements the seam's part of `docs/protocol/carry-file.md`. Only `ImportedAnswer` is ever JSON: the
API turns the others into the bytes of a file.
"""

from dataclasses import dataclass, field

from mesh.commands.answer import Answer
from mesh.commands.fields import Contact
from mesh.ids import EnvelopeId, MeshId, UnixSeconds
from mesh.wire.carry_summary import Summary


class ImportedAnswer(Answer, frozen=True, kw_only=True):
    """The result of a carry file's import. `refused`: how many for which reason.

    Of one block, or, as the API answers, of a whole file.
    """

    envelopes_count: int
    retirements_count: int
    known_count: int
    refused: dict[str, int]
    damaged_count: int = 0
    """Places of the file where something is unreadable or missing."""

    is_complete: bool = True
    """Whether all of the file was there and readable."""


class CarriedAnswer(Answer, frozen=True, kw_only=True):
    """The beginning of a carry file: the mesh, its time, and how much there is at most."""

    mesh_id: MeshId
    mesh_time: UnixSeconds
    elements_count: int
    stored_bytes: int


class CarriedBlock(Answer, frozen=True, kw_only=True):
    """The payload of one block, and where the next one goes on (`before`)."""

    payload: bytes
    envelopes_count: int
    stubs_count: int
    before: bytes
    is_last: bool


class CarriedIds(Answer, frozen=True, kw_only=True):
    """Ids of envelopes and retirements that are here, and where the next ones go on."""

    ids: list[bytes]
    before: bytes
    is_last: bool


class MailForAnswer(Answer, frozen=True, kw_only=True):
    """The envelopes that were written here for one person and are on their way."""

    ids: frozenset[EnvelopeId]
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class AskMailFor:
    """Answer: MailForAnswer. UserError `nothing-to-carry` if nothing for them is on its way."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class AskCarried:
    """Answer: CarriedAnswer."""


@dataclass(frozen=True, slots=True)
class ExportCarried:
    """The newest that stand before a cursor (empty: all), as many as fit a block and `room_bytes`.

    What a summary has is left out, and what is not among `only`. Answer: CarriedBlock.
    """

    before: bytes
    room_bytes: int
    summary: Summary | None = None
    only: frozenset[EnvelopeId] | None = None


@dataclass(frozen=True, slots=True)
class ListCarried:
    """For a summary. Answer: CarriedIds."""

    before: bytes


@dataclass(frozen=True, slots=True)
class ImportCarried:
    """Judge the records of one block. Answer: ImportedAnswer, when all of them are decided."""

    payload: bytes = field(repr=False)


CarryCommand = AskCarried | ExportCarried | ListCarried | ImportCarried
