"""Writes the frozen vectors from envelope to session: `python -m tests.vectors.make_vectors`.

A change of a file that it writes is a change of the protocol.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tests.vectors import reference
from tests.vectors.conversation import first_contact, reader_bundle, session
from tests.vectors.reference import chance
from tests.vectors.shapes import (
    FOLDER,
    ChainVector,
    EnvelopeVector,
    InvitesVector,
    InviteVector,
    RefusedText,
    StampVector,
    TagsVector,
)

STAMPS = [
    (20_833, 3, 0),
    (20_833, 6, 0x40),
    (20_833, 9, 0x8E),
    (20_834, 9, 0x31EE_0000_0000_0106),
    (20_833, 12, 0x864),
]
"""Day, bits that are sought, start. They begin shortly before what they find, or took seconds."""


def envelopes() -> list[EnvelopeVector]:
    """One of each size and lifetime, with and without the bytes of a stamp."""
    return [
        reference.envelope(
            f"envelope {number}",
            size_class=size_class,
            lifetime_class=lifetime_class,
            created=created,
            stamp=stamp,
        )
        for number, (size_class, lifetime_class, created, stamp) in enumerate(
            [
                (0, 0, 1_800_000_000, bytes(12)),
                (1, 1, 1_800_000_010, chance("a stamp", 12)),
                (2, 2, 0, bytes(12)),
                (3, 1, 4_294_967_290, bytes(12)),
            ]
        )
    ]


def stamps() -> list[StampVector]:
    """From a cheap one to the largest; some are worth more than was sought."""
    key = reference.ed25519_public(chance("stamped", 32))
    return [reference.stamp(key, day, bits, start) for day, bits, start in STAMPS]


def tags() -> TagsVector:
    """Both directions of a session, and the tables of an invite."""
    tag_root, secret = chance("tag root", 32), chance("tags of an invite", 16)
    of_invite = reference.b(secret, b"", "mesh/inv/tag", 32)
    of_bundle = reference.b(secret, b"", "mesh/inv/bundle", 32)
    return TagsVector(
        chains=[
            ChainVector(
                tag_root=tag_root.hex(),
                direction=direction,
                tags=[
                    reference.tag(reference.chain_key(tag_root, direction, index // 64), index)
                    for index in (0, 1, 63, 64, 255, 256)
                ],
            )
            for direction in (0, 1)
        ],
        invite_secret=secret.hex(),
        invite_tags=[reference.tag(of_invite, index) for index in (0, 1, 4_095)],
        bundle_tags=[reference.tag(of_bundle, index) for index in (0, 63)],
    )


def invites() -> InvitesVector:
    """All forms of an invite, and all ways in which a text is none."""
    encoded = bytes.fromhex(reader_bundle().bundle)
    plain = reference.invite("plain", encoded, psk=b"", address_hint="", name="")
    full = reference.invite(
        "full",
        encoded,
        psk=chance("psk", 32),
        address_hint="[2001:db8::1]:45817",
        name="Zoë",
    )
    # As they were before there was a signature.
    former = reference.invite(
        "former", encoded, psk=b"", address_hint="10.0.0.1:1", name="Ann", is_signed=False
    )
    return InvitesVector(
        bundle=encoded.hex(), invites=[plain, full, former], refused=_refused(encoded, plain)
    )


def _refused(encoded: bytes, plain: InviteVector) -> list[RefusedText]:
    whole = reference.invite_bytes(encoded, plain, has_bundle=False)
    newer = reference.invite_bytes(encoded, plain, has_bundle=False, version=2)
    flagged = bytes((1, 0x80)) + whole[2:]
    forged_bundle = encoded[:-1] + bytes((encoded[-1] ^ 1,))
    forged = reference.invite_bytes(forged_bundle, plain, has_bundle=True)
    signed = reference.invite_bytes(encoded, plain, has_bundle=True)
    # Somebody on the way puts the end off, adds a name, or takes the signature of another text.
    prolonged = signed[:50] + reference.u32(plain.expires + 1) + signed[54:]
    named = signed[:-64] + b"\x02\x03Eve" + signed[-64:]
    mixed = signed[:-64] + bytes.fromhex(plain.short_signature)
    stranger = whole[:2] + bytes(32) + forged[34:]
    link = reference.link_text
    return [
        RefusedText(because="not an invite", text="https://example.org/invite"),
        RefusedText(because="not an invite", text=""),
        RefusedText(because="cut off", text=plain.link[:1_000]),
        RefusedText(because="cut off", text=plain.qr[:-8]),
        RefusedText(because="cut off", text="mesh:invite/"),
        RefusedText(because="changed", text=_with_other_letter(plain.link, 900)),
        RefusedText(because="changed", text=_with_other_letter(plain.qr, 80)),
        RefusedText(because="changed", text=plain.link + "!"),
        RefusedText(because="newer", text=link(reference.checked(newer))),
        RefusedText(because="newer", text=link(reference.checked(flagged))),
        RefusedText(because="not valid", text=link(reference.checked(forged))),
        RefusedText(because="not valid", text=link(reference.checked(stranger))),
        RefusedText(because="not valid", text=link(reference.checked(prolonged))),
        RefusedText(because="not valid", text=link(reference.checked(named))),
        RefusedText(because="not valid", text=link(reference.checked(mixed))),
        # A hint that is longer than what follows it, one that is no UTF-8, too long a name.
        RefusedText(because="not valid", text=link(reference.checked(whole + b"\x01\x09abc"))),
        RefusedText(because="not valid", text=link(reference.checked(whole + b"\x02\x01\xff"))),
        RefusedText(
            because="not valid", text=link(reference.checked(whole + b"\x02\x41" + b"a" * 65))
        ),
        RefusedText(because="too long", text="mesh:invite/" + "A" * 5_000),
    ]


def _with_other_letter(text: str, place: int) -> str:
    return text[:place] + ("B" if text[place] != "B" else "C") + text[place + 1 :]


FILES: Final[Mapping[str, Callable[[], object]]] = {
    "envelope.json": envelopes,
    "stamp.json": stamps,
    "tags.json": tags,
    "first-contact.json": first_contact,
    "invite.json": invites,
    "session.json": session,
}


def made(name: str) -> bytes:
    """One of the files."""
    return msgspec.json.format(msgspec.json.encode(FILES[name]()), indent=1) + b"\n"


if __name__ == "__main__":
    for name in FILES:
        (FOLDER / name).write_bytes(made(name))
