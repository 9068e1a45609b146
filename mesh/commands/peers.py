"""Nodes around, and addresses to dial."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import HostAndPort


class PeerAnswer(Answer, frozen=True, kw_only=True):
    """A peer, a candidate or a configured address."""

    address: str
    state: Literal["linked", "connecting", "seen", "waiting"]
    is_configured: bool
    is_dialled_by_us: bool
    connected_seconds: int
    bytes_received: int
    bytes_sent: int
    interface: str = ""
    """Over which of our interfaces a link goes; empty if that is not known."""

    source: Literal["", "typed", "announced", "remembered", "told"] = ""
    """How an address without a link is known; empty for a link."""

    contact: str = ""
    """Who has proved inside the link to be this contact; empty while the vault is locked."""


class PeersAnswer(Answer, frozen=True, kw_only=True):
    """Links first, then the addresses without one."""

    peers: list[PeerAnswer]


@dataclass(frozen=True, slots=True)
class AskPeers:
    """Answer: PeersAnswer."""


@dataclass(frozen=True, slots=True)
class AddPeer:
    """Remember an address to dial. Answer: Done. `address` is HOST:PORT or [IPv6]:PORT."""

    address: HostAndPort


@dataclass(frozen=True, slots=True)
class RemovePeer:
    """Answer: Done."""

    address: HostAndPort
