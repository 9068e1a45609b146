"""Noise's handshake patterns as data, and the reading of a protocol's name.

A pattern says which tokens each message carries; the machine in `noise.py` walks over them.
`docs/protocol/link.md` names the one that links use; the others stand here because the official
vectors are written for them, and one machine that passes all of them is the same machine.
The rows come from the Noise specification (revision 34) and, for hfs, from "KEM-based Hybrid
Forward Secrecy for Noise" (revision 1).
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Token(Enum):
    """One step of a handshake message, named as in the specification."""

    E = "e"
    S = "s"
    EE = "ee"
    ES = "es"
    SE = "se"
    SS = "ss"
    PSK = "psk"
    E1 = "e1"
    EKEM1 = "ekem1"


Message = tuple[Token, ...]


class HashName(Enum):
    """The hash functions that the vectors cover, by their names in hashlib."""

    BLAKE2B = "blake2b"
    BLAKE2S = "blake2s"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class NoiseProtocol:
    """A whole protocol: what its name says, written out.

    A side whose `is_known` flag is set has told its static key to the other before the handshake.
    Messages alternate, the initiator's first.
    """

    name: str
    hash_name: HashName
    is_initiator_known: bool
    is_responder_known: bool
    messages: tuple[Message, ...]

    @property
    def psks_count(self) -> int:
        """Return how many psk tokens the messages hold; with any, each `e` is mixed into the key
        too.
        """
        return sum(message.count(Token.PSK) for message in self.messages)


_PATTERNS: Final = {
    # name: (initiator known, responder known, messages)
    "NN": (False, False, "e | e ee"),
    "KK": (True, True, "e es ss | e ee se"),
    "XK": (False, True, "e es | e ee | s se"),
    "IK": (False, True, "e es s ss | e ee se"),
    "XX": (False, False, "e | e ee s es | s se"),
    "XXhfs": (False, False, "e e1 | e ee ekem1 s es | s se"),
}

_HASHES: Final = {
    "BLAKE2b": HashName.BLAKE2B,
    "BLAKE2s": HashName.BLAKE2S,
    "SHA256": HashName.SHA256,
}

_NAME: Final = re.compile(
    r"Noise_(?P<pattern>[A-Z]+(?:hfs)?)\+?(?P<psks>(?:psk\d)?(?:\+psk\d)*)"
    r"_25519(?P<kem>\+MLKEM768)?_ChaChaPoly_(?P<hash>\w+)"
)


def noise_protocol(name: str) -> NoiseProtocol:
    """Write out a protocol from its name, which must be one of ours."""
    parts = _NAME.fullmatch(name)
    assert parts is not None, name
    is_initiator_known, is_responder_known, text = _PATTERNS[parts["pattern"]]
    assert (parts["kem"] is not None) == parts["pattern"].endswith("hfs"), name
    messages = [[Token(word) for word in message.split()] for message in text.split("|")]
    for place in re.findall(r"psk(\d)", parts["psks"]):
        _insert_psk(messages, int(place))
    return NoiseProtocol(
        name=name,
        hash_name=_HASHES[parts["hash"]],
        is_initiator_known=is_initiator_known,
        is_responder_known=is_responder_known,
        messages=tuple(tuple(message) for message in messages),
    )


def _insert_psk(messages: list[list[Token]], place: int) -> None:
    """psk0 opens the first message, psk1 and above close the message of that number."""
    if place == 0:
        messages[0].insert(0, Token.PSK)
    else:
        messages[place - 1].append(Token.PSK)


LINK_PROTOCOL: Final = noise_protocol("Noise_XXhfs+psk0_25519+MLKEM768_ChaChaPoly_BLAKE2b")
"""The handshake of all links: psk e e1 | e ee ekem1 s es | s se."""
