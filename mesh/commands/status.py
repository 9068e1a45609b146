"""The node in one look."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer

Disk = Literal["room", "scarce", "full"]
"""How much room there is: of `scarce` strangers' mail is not kept, of `full` nothing new is."""

Situation = Literal[
    "",
    "linked",
    "reached",
    "routed",
    "no-multicast",
    "nobody-yet",
    "client-isolation",
    "captive-portal",
    "vpn",
    "firewall-here",
    "firewall-there",
]
"""What the network is like for this node, as far as it was looked at: empty if it was not."""


class CarriedAnswer(Answer, frozen=True, kw_only=True):
    """For whom how many envelopes are kept whole, and the bytes of their bodies.

    `share_bytes`: what nobody further away can push out; of own mail it is what may be written, and
    more is refused (`no-room`).
    """

    whom: Literal["own", "contacts", "friends of contacts", "strangers"]
    envelopes_count: int
    bytes: int
    share_bytes: int


class KnownKeysAnswer(Answer, frozen=True, kw_only=True):
    """Of how many posting keys of today it is known that somebody answers for them."""

    contacts: int
    friends_of_contacts: int
    further: int


class StatusAnswer(Answer, frozen=True, kw_only=True):
    """The node in one look. `counters` are the engine's metrics by name.

    `refused` counts since the start what did not enter, or only without its body, by the reason.
    """

    profile: str = ""
    """The profile of this node, as `--profile` names it."""

    name: str
    version: str = ""
    """The release that runs."""
    has_passphrase: bool = True
    """A passphrase protects the vault, as far as is known; of a locked one that is assumed."""
    vault: Literal["open", "locked", "none", "empty"]
    mesh: str
    is_closed: bool
    links_count: int
    links_by_interface: dict[str, int] = {}
    contact_links_count: int = 0
    """How many of the links lead to contacts, as far as these have proved it."""

    envelopes_count: int
    """Envelopes known, with or without their bodies; those with bodies are counted in `carried`."""
    stored_bytes: int
    """The bodies in `carried`, and `headers_bytes`."""
    headers_bytes: int = 0
    """What the headers and proofs of all envelopes known take."""
    stored_bytes_max: int
    contacts_count: int
    requests_count: int = 0
    """Who waits apart to be let in, and is no contact yet."""
    outbox_count: int
    stamp: Literal["not needed", "ready", "being made"]
    stamp_seconds: int = 0
    """How long the stamp takes in the mean while it is being made; one in twenty three times it."""
    clock_offset_seconds: int
    clock_differences: list[int] = []
    """How far each neighbour's clock is ahead of this one's, in seconds, in order; without those
    who only follow others."""
    clock_doubt: str = ""
    """Why what lapses does not go by this computer's clock, in sentences; empty if it does."""
    notices: list[str]
    counters: dict[str, int]
    locked_since: int = 0
    """Since when the vault is locked (0: it is not)."""
    carried: list[CarriedAnswer] = []
    refused: dict[str, int] = {}
    limits: list[str] = []
    """Why this node does less for others than it was set to, in sentences."""
    is_former_machine: bool = False
    """Whether the profile was taken up on another machine, so that this one sends nothing."""
    disk: Disk = "room"
    situation: Situation = ""
    """Why no link stands, once the node has looked; empty while links stand."""
    known_keys: KnownKeysAnswer | None = None
    """None: since its start the vault was never open, so nobody's mail is known from other mail."""


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Answer: StatusAnswer; works while locked."""
