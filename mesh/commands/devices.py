"""The way of something of ours in a group."""

from mesh.commands.answer import Answer


class DevicesAnswer(Answer, frozen=True, kw_only=True):
    """The way of something of ours in a group. `of`: who was a member when it was written, and
    still is, without ourselves. `told` of their devices said that they hold it, `silent` of them
    tell nobody, `read` of their people let it be known that they read it; None: that is not known.
    """

    told: int | None
    of: int
    silent: int | None
    read: int | None = None
