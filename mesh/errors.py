"""The kinds of errors of the house; who is at fault decides which one is raised."""


class MeshError(Exception):
    """The root of all errors that Mesh raises on purpose."""


class PeerError(MeshError):
    """A peer sent something wrong: its link is closed with the reason, and the node goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NewerVersionError(PeerError):
    """A later Mesh made this: nobody is at fault, and it is read after an upgrade."""


class UserError(MeshError):
    """A request that cannot be done; `str(error)` is one sentence that says what to do next.

    `kind` is stable and short (`not-found`, `locked`, `bad-invite`): it ends the problem type
    of the local API and chooses the exit code of the command line. `fields` are what the sentence
    was made from, for whoever has sentences of their own.
    """

    def __init__(self, kind: str, sentence: str, **fields: str | int) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.fields = fields


def relay_refusal() -> UserError:
    """Return what a relay answers to whatever is a person's."""
    return UserError(
        "relay",
        "This node is a relay: it carries mail for others, and nobody reads or writes here. "
        "A person takes another profile: mesh up --profile NAME.",
    )


class StorageError(MeshError):
    """The disk failed us: read-only, unreadable. The node stops cleanly and says so."""


class DiskFullError(StorageError):
    """There was no room: what was to be written is not there, and all from before is."""


class DamagedError(StorageError):
    """A database, or its key, is not what was written. `path`: its file, as it was opened."""

    def __init__(self, sentence: str, path: str) -> None:
        super().__init__(sentence)
        self.path = path
