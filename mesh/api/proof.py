"""The proof by which the door on loopback shows a command line that it is the node's.

The token of the command line lies in a private file of the profile, new at each start. Before
the command line sends it, or anything else, it sends a challenge, and the node answers with a
keyed hash of it and of its port: a program that took the port cannot, and one that passes the
challenge on to the true door is found out by the port.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.limits.door import CHALLENGE_BYTES

PROOF_PATH = "/v1/session/proof"


@dataclass(frozen=True, slots=True)
class AskProof:
    """Ask for a proof that this is the door of a profile. Answer: ProofAnswer."""

    challenge: Annotated[str, Meta(pattern=f"^[0-9a-f]{{{2 * CHALLENGE_BYTES}}}$")]


class ProofAnswer(Answer, frozen=True, kw_only=True):
    """A keyed hash of the challenge and the port, in hexadecimal."""

    proof: str


def proof_of(token: str, port: int, challenge: str) -> str:
    """Return what only who knows the token can say to a challenge."""
    key = hashlib.blake2b(token.encode(), digest_size=32, person=b"mesh door key").digest()
    said = f"{port} {challenge}".encode()
    return hashlib.blake2b(said, key=key, digest_size=32, person=b"mesh door").hexdigest()
