"""One route of the local API.

A route asks for one request: a command of the engine, or one of the daemon's own. Its fields come
from the path, then from the query (GET, DELETE) or from the JSON body (the others).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mesh.api.grant import Scope
from mesh.commands.answer import Answer

if TYPE_CHECKING:
    # A client that asks one thing loads the commands of its own table only.
    from mesh.api.request import Request

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

IDEMPOTENCY_HEADER = "idempotency-key"

PERSON_HEADER = "mesh-person"
"""On a request that a person made, by a key or a pointer; whatever it holds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path: what is asked, what is answered, and which problems may come.

    `has_idempotency_key`: the header `Idempotency-Key` fills the field of that name. `scope` is
    what a token must allow; where nobody thought of it, everything.
    """

    method: Method
    path: str
    summary: str
    asks: "type[Request]"
    reply: type[Answer]
    errors: tuple[str, ...] = ()
    has_idempotency_key: bool = False
    scope: Scope = "admin"
    clears_site: bool = False
    """Whether a browser is to forget all that it keeps of the page."""

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names in braces of the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def has_body(self) -> bool:
        """Say whether the fields that are not in the path come as JSON."""
        return self.method in ("POST", "PUT", "PATCH")


VAULT = ("locked", "no-identity", "relay")
"""Problems of everything that needs the vault."""

CONTACT = (*VAULT, "not-found", "ambiguous")
"""Problems of everything that names a contact."""

COMPARISON = (*CONTACT, "blocked", "not-answered", "request")
"""Problems of everything that is done together with a contact."""

NUMBERED = (*VAULT, "not-found")
"""Problems of everything that names something by its number."""
