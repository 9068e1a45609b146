"""The drawing of messages, in every command that shows some: never more than there is proof of."""

from mesh.cli.layout import day, plural, when
from mesh.cli.sanitise import clean_line
from mesh.commands.contacts import ContactAnswer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import MessageAnswer
from mesh.commands.status import StatusAnswer
from mesh.limits.messages import MOMENT_MAX

INDENT = "    "

SLOW_S = 600
"""What was opened so long after it was written is shown with both times."""

WORDS: dict[str, str] = {
    "received": "received",
    "kept": "kept here",
    "awaiting-key": "waiting for their key",
    "waiting-for-keys": "waiting for keys of the group",
    "queued": "queued here",
    "carried": "carried by {carriers}",
    "delivered": "delivered to their device",
    "read": "read",
    "expired": "expired without proof of delivery",
    "withdrawn": "withdrawn",
    "delivered-then-withdrawn": "withdrawn, but delivered to their device",
}
"""What a person reads for each state; one that this release does not know is shown as its code."""


def remarks(message: MessageAnswer | ItemAnswer) -> list[str]:
    """Return what a reader should know about a message beside its text."""
    is_mine = message.author.is_mine if isinstance(message, ItemAnswer) else message.is_mine
    told = [state_of(message)] if is_mine else []
    if message.clock:
        whose = "this computer's clock was" if is_mine else "their clock is"
        arrived = "kept here" if is_mine else "it came"
        told.append(
            f"{whose} {message.clock}: written {when(message.sent)} by it, "
            f"{arrived} {when(message.received)}"
        )
    if message.is_late:
        told.append(f"late, opened {when(message.received)}")
    elif not (is_mine or message.clock) and message.received - message.sent > SLOW_S:
        # Long under way, behind a locked vault, or by a clock that is behind: nobody can tell.
        told.append(f"opened {when(message.received)}")
    return told


def state_of(message: MessageAnswer | ItemAnswer) -> str:
    """Return what is known of a message, in words."""
    words = words_of(message.state, message.carriers, message.exported)
    if isinstance(message, ItemAnswer) and message.devices is not None and message.devices.told:
        over = ", no longer under way" if message.state == "expired" else ""
        words = on_devices(message.devices) + over
    elif _is_for_nobody(message):
        words = "nobody else here was in the group then"
    if message.posts_count > 1:
        words += f", posted again {times(message.posts_count - 1)}"
    if message.kept_until == MOMENT_MAX:
        words += ", kept until delivered"
    elif message.kept_until:
        words += f", kept until {when(message.kept_until)}"
    return "; ".join([words, *unanswered(message)])


def _is_for_nobody(message: MessageAnswer | ItemAnswer) -> bool:
    """Say whether all have left a group that something of ours was on its way to."""
    if not isinstance(message, ItemAnswer) or message.devices is None or message.devices.of:
        return False
    return message.state in ("queued", "carried", "delivered", "waiting-for-keys")


def on_devices(devices: DevicesAnswer) -> str:
    """Say on how many members' devices something of ours is, and how many say they read it."""
    if not devices.told:
        return "kept here"
    read = f", read by {devices.read}" if devices.read else ""
    return f"on {devices.told} of {plural(devices.of, 'device')}{read}"


def times(count: int) -> str:
    """Return how often something happened, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def unanswered(told: ContactAnswer | MessageAnswer | ItemAnswer) -> list[str]:
    """Return what is wrong with the invite on which it depends whether anything arrives."""
    if told.is_invite_closed:
        return ["their invite is used or taken back; ask for a new one"]
    if told.unanswered_since:
        return [
            f"not answered since {when(told.unanswered_since)}: the invite may be used or taken "
            "back; ask for a new one"
        ]
    return []


def words_of(state: str, carriers: int, exported: int = 0) -> str:
    """Return the words for a state; `exported`: since when it is in a file that goes by hand."""
    if exported:
        return f"{words_of(state, carriers)}, on a stick since {day(exported)}"
    if state == "carried" and carriers == 0:
        # Nobody but the node that it is for has said that it has it.
        return "at their node, not known to be opened"
    words = WORDS.get(state)
    return (
        clean_line(state) if words is None else words.format(carriers=plural(carriers, "neighbour"))
    )


def waits_for(message: MessageAnswer | ItemAnswer, status: StatusAnswer, name: str) -> list[str]:
    """Say what keeps a message here for more than a moment, and how long, where that is known."""
    if message.state == "awaiting-key":
        return [
            f"It waits for the keys of {name}: they come over the mesh from any node that has "
            "them, and nobody can say when. Their whole link brings them at once: mesh add LINK"
        ]
    if message.state != "queued":
        return []
    told = []
    if status.stamp == "being made":
        seconds = status.stamp_seconds
        told.append(
            "It waits for a stamp, the work by which this profile may post today: usually "
            f"{plural(seconds, 'second')}, seldom more than {3 * seconds}. "
            "From then on stamps are made ahead."
        )
    if not status.links_count:
        told.append(
            "It waits for another node: none is linked now. It leaves by itself as soon as one is; "
            "mesh doctor says what keeps nodes apart."
        )
    return told
