"""Errors as the local API tells them: `application/problem+json` after RFC 9457.

`type` is stable and ends with the kind of a `UserError`; programs decide by it. `detail` is one
sentence for people.
"""

import msgspec

from mesh.errors import UserError

TYPE_PREFIX = "urn:mesh:problem:"

STATUS_BY_KIND = {
    "bad-request": 400,
    "bad-passphrase": 400,
    "forbidden": 403,
    "not-found": 404,
    "no-route": 404,
    "method-not-allowed": 405,
    "timeout": 408,
    "ambiguous": 409,
    "exists": 409,
    "no-identity": 409,
    "unlocked": 409,
    "relay": 409,
    "too-large": 413,
    "not-json": 415,
    "misdirected": 421,
    "key-reused": 422,
    "locked": 423,
    "wrong-passphrase": 403,
    "no-passphrase": 403,
    "too-many": 429,
    "internal": 500,
    "not-built": 501,
    "no-memory": 503,
    "storage": 503,
    "stopping": 503,
    "no-room": 507,
}
"""A kind that is not listed is something that was asked wrongly: 400."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failure as the client is told. `status` is the HTTP status, `title` the kind in words."""

    type: str
    title: str
    status: int
    detail: str

    @property
    def kind(self) -> str:
        """The stable short name, as `UserError` has it."""
        return self.type.removeprefix(TYPE_PREFIX)


def problem(kind: str, sentence: str) -> Problem:
    """Say it as the API does."""
    return Problem(
        type=TYPE_PREFIX + kind,
        title=kind.replace("-", " ").capitalize(),
        status=status_of(kind),
        detail=sentence,
    )


def problem_of(error: UserError) -> Problem:
    """Say a user's error as the API does."""
    return problem(error.kind, str(error))


def status_of(kind: str) -> int:
    """The HTTP status of a kind."""
    return STATUS_BY_KIND.get(kind, 400)
