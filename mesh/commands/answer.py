"""The answer of every command.

Each command is answered by one `Reply` that carries the answer named beside it, or a
`UserError`. Times are Unix seconds unless a name says otherwise. These structs are also the
JSON of the local API, so bytes stand as lower-case hexadecimal text.
"""

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all answers."""


class Done(Answer, frozen=True, kw_only=True):
    """It is done and there is nothing more to say."""
