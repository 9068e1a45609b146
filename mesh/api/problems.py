"""Errors as the local API tells them: `application/problem+json` after RFC 9457.

`type` is stable and ends with the kind of a `UserError`; programs decide by it. `detail` is one
sentence for people.
"""

import logging

import msgspec

from mesh.errors import DiskFullError, StorageError, UserError

LOG = logging.getLogger("mesh.api")

TYPE_PREFIX = "urn:mesh:problem:"

STATUS_BY_KIND = {
    "bad-carry-file": 400,
    "former-machine": 409,
    "bad-request": 400,
    "usage": 400,
    "signed-out": 401,
    "bad-code": 403,
    "forbidden": 403,
    "not-allowed": 403,
    "not-yours": 403,
    "wrong-passphrase": 403,
    "no-passphrase": 403,
    "not-found": 404,
    "not-near": 404,
    "not-whole": 409,
    "no-route": 404,
    "method-not-allowed": 405,
    "timeout": 408,
    "ambiguous": 409,
    "blocked": 409,
    "cannot-renew": 409,
    "damaged": 409,
    "decided": 409,
    "exists": 409,
    "invite-closed": 409,
    "nearby-off": 409,
    "no-identity": 409,
    "no-key": 409,
    "no-network": 409,
    "not-answered": 409,
    "other-profile": 409,
    "nothing-to-carry": 409,
    "nothing-to-compare": 409,
    "older-mesh": 409,
    "relay": 409,
    "request": 409,
    "too-late": 409,
    "unlocked": 409,
    "gone": 410,
    "too-large": 413,
    "no-range": 416,
    "not-json": 415,
    "misdirected": 421,
    "bad-address": 422,
    "bad-config": 422,
    "bad-content": 422,
    "bad-file": 422,
    "bad-invite": 422,
    "bad-invite-terms": 422,
    "bad-key": 422,
    "bad-name": 422,
    "bad-picture": 422,
    "bad-passphrase": 422,
    "bad-path": 422,
    "bad-text": 422,
    "bad-time": 422,
    "empty": 422,
    "invite-expired": 422,
    "key-reused": 422,
    "same-contact": 422,
    "locked": 423,
    "too-many": 429,
    "too-soon": 429,
    "internal": 500,
    "copy-stays": 500,
    "not-built": 501,
    "busy": 503,
    "no-memory": 503,
    "storage": 503,
    "not-wiped": 503,
    "stopping": 503,
    "no-door": 503,
    "no-room": 507,
}
"""What the document of the API does not allow is 400; what it allows and cannot be done, another.

A kind that is not listed is something that was written rightly and means nothing: 422.
"""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failure as the client is told. `status` is the HTTP status, `title` the kind in words.

    `fields` are what `detail` was made from, for whoever has sentences of their own.
    """

    type: str
    title: str
    status: int
    detail: str
    fields: dict[str, str | int] = {}

    @property
    def kind(self) -> str:
        """The stable short name, as `UserError` has it."""
        return self.type.removeprefix(TYPE_PREFIX)


def problem(kind: str, sentence: str, **fields: str | int) -> Problem:
    """Say it as the API does."""
    return Problem(
        type=TYPE_PREFIX + kind,
        title=kind.replace("-", " ").capitalize(),
        status=status_of(kind),
        detail=sentence,
        fields=fields,
    )


def problem_of(error: UserError) -> Problem:
    """Say a user's error as the API does."""
    return problem(error.kind, str(error), **error.fields)


def problem_of_disk(error: StorageError) -> Problem:
    """Say a failure of the disk as the API does."""
    if isinstance(error, DiskFullError):
        return problem("no-room", str(error), reason="disk")
    return problem("storage", str(error))


def problem_of_failure(error: Exception, asked: str) -> Problem:
    """Say why something that was asked failed, whatever was raised; the log has what was ours."""
    match error:
        case UserError():
            return problem_of(error)
        case StorageError():
            return problem_of_disk(error)
        case _:
            # The last guard of a request: the client gets an answer, and the log the reason.
            LOG.error("a request of %s failed", asked, exc_info=error)
            return problem("internal", "Something went wrong inside; the log of Mesh says what.")


def status_of(kind: str) -> int:
    """The HTTP status of a kind."""
    return STATUS_BY_KIND.get(kind, 422)
