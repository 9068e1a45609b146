"""The requests by which a page shows what a terminal draws itself, and ends a profile."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.commands.fields import HostAndPortOrEmpty, Passphrase
from mesh.commands.status import Situation
from mesh.errors import UserError
from mesh.limits.door import QR_TEXT_CHARACTERS_MAX
from mesh.limits.passphrase import PASSPHRASE_KNOWN_WORDS_MAX


@dataclass(frozen=True, slots=True)
class DrawQr:
    """Ask for the QR code of a text. Answer: QrAnswer."""

    text: Annotated[
        str,
        Meta(extra_json_schema={"minLength": 1, "maxLength": QR_TEXT_CHARACTERS_MAX}),
    ]


class QrAnswer(Answer, frozen=True, kw_only=True):
    """A QR code, without the quiet zone around it: rows of modules, `1` is dark."""

    rows: list[str]


@dataclass(frozen=True, slots=True)
class EstimatePassphrase:
    """Ask how strong a passphrase is; `known` are words that a thief would try first."""

    passphrase: Passphrase = field(repr=False)
    known: Annotated[
        list[Annotated[str, Meta(extra_json_schema={"maxLength": 64})]],
        Meta(extra_json_schema={"minItems": 0, "maxItems": PASSPHRASE_KNOWN_WORDS_MAX}),
    ] = field(default_factory=list)


class StrengthAnswer(Answer, frozen=True, kw_only=True):
    """An estimate. About 10 to the power of `guesses_log10` guesses find it, which takes one
    graphics card `seconds` at most.
    """

    is_weak: bool
    guesses_log10: int
    seconds: int


@dataclass(frozen=True, slots=True)
class AskDoctor:
    """Look at everything that a node needs; takes seconds. Answer: FindingsAnswer.

    `somebody_here`: another node is on this network now, and `address` (HOST:PORT, or empty) is
    where.
    """

    somebody_here: bool = False
    address: HostAndPortOrEmpty = ""


class FindingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `fix` is what to do, empty where there is nothing to do.

    `situation`: of the check `neighbours`, why nobody is linked.
    """

    check: str
    level: Literal["ok", "warn", "fail"]
    found: str
    meaning: str
    fix: str
    situation: Situation = ""


class FindingsAnswer(Answer, frozen=True, kw_only=True):
    """All that was looked at."""

    findings: list[FindingAnswer]


@dataclass(frozen=True, slots=True)
class AskProfiles:
    """Ask which profiles this computer has: each has a node and a page. Answer: ProfilesAnswer."""


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A profile; `is_this` is the one that answers. No name of a person is told of the others."""

    name: str
    is_this: bool
    is_running: bool


class ProfilesAnswer(Answer, frozen=True, kw_only=True):
    """The profiles in which a node was ever started, by their names."""

    profiles: list[ProfileEntry]


@dataclass(frozen=True, slots=True)
class Wipe:
    """Remove this profile for ever, and stop. `profile` is its name, so that nobody errs.

    The keys are gone when this is answered; the files go when the node has stopped.
    """

    profile: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 32})]


def qr_of(text: str) -> QrAnswer:
    """Return a QR code with as few modules as the text needs."""
    if not 1 <= len(text) <= QR_TEXT_CHARACTERS_MAX:
        raise too_long_for_qr()
    # Only where one is drawn.
    import segno

    try:
        code = segno.make_qr(text, error="l", boost_error=False)
    except segno.DataOverflowError:
        raise too_long_for_qr() from None
    return QrAnswer(rows=["".join("1" if dark else "0" for dark in row) for row in code.matrix])


def too_long_for_qr() -> UserError:
    """Say that no QR code holds a text."""
    return UserError("too-large", "A QR code holds 1 to 2,953 bytes of text.")
