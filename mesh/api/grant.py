"""The rights of a request: the scope of the token that came with it.

A scope holds those before it. `open` needs no token: whoever reaches the door may ask that.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from mesh.api.asgi import Scope as AsgiScope
from mesh.errors import UserError

if TYPE_CHECKING:
    # Each command of the command line would wait until all of it is loaded.
    import trio

Scope = Literal["open", "metrics", "read", "send", "admin"]

SCOPES: Final[tuple[Scope, ...]] = ("open", "metrics", "read", "send", "admin")

GRANT_KEY: Final = "mesh.grant"
"""Where the guard puts the grant into an ASGI scope."""

SIGNED_OUT: Final = UserError(
    "signed-out", "No valid token came with this. Open the page again with: mesh open"
)


@dataclass(eq=False, slots=True)
class Grant:
    """One caller's rights. `streams` are what is cut when they end; `key` names the token.

    `names_paths`: they reached the unix socket, so they can open the person's files themselves.
    """

    scope: Scope
    key: str = ""
    names_paths: bool = False
    streams: "set[trio.CancelScope]" = field(default_factory=set)

    @property
    def is_persons(self) -> bool:
        """Say whether a person may stand behind them: no bot, and nobody without a token, keeps a
        vault from locking itself.
        """
        return self.scope == "admin"

    def require(self, needed: Scope) -> None:
        """Raise a `UserError` unless this may be done."""
        if SCOPES.index(self.scope) >= SCOPES.index(needed):
            return
        if self.scope == "open":
            raise SIGNED_OUT
        raise UserError(
            "not-allowed",
            f"This token has the scope `{self.scope}`, and `{needed}` is needed here. Make another "
            f"with: mesh token create NAME --scope {needed}",
            scope=needed,
        )

    def end(self) -> None:
        """Cut what is still being told by it."""
        for stream in self.streams:
            stream.cancel()


def grant_of(scope: AsgiScope) -> Grant:
    """Return what the guard allowed; without a guard nothing is."""
    grant = scope.get(GRANT_KEY)
    return grant if isinstance(grant, Grant) else Grant("open")
