"""The node in one look."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer


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

    name: str
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
    notices: list[str]
    counters: dict[str, int]
    locked_since: int = 0
    """Since when the vault is locked (0: it is not)."""
    carried: list[CarriedAnswer] = []
    refused: dict[str, int] = {}
    limits: list[str] = []
    """Why this node does less for others than it was set to, in sentences."""
    known_keys: KnownKeysAnswer | None = None
    """None: since its start the vault was never open, so nobody's mail is known from other mail."""


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Answer: StatusAnswer; works while locked."""
