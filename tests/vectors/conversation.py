"""Two people who meet: the vectors of a first contact, and of the session that it founds."""

from tests.vectors import reference
from tests.vectors.reference import chance
from tests.vectors.session_reference import Author, Half
from tests.vectors.shapes import (
    BundleVector,
    FirstContactVector,
    GenerationVector,
    MessageVector,
    PayloadVector,
    SessionVector,
    TagVector,
)


def reader_bundle() -> BundleVector:
    """The bundle of an invite."""
    return reference.bundle("invite", reference.identity("reader"), 1_799_000_000, 1_810_000_000)


def own_bundle() -> BundleVector:
    """The bundle in the box of the first contact."""
    author = reference.identity("author")
    return reference.bundle("answer", author, 1_800_000_000, 1_805_000_000)


def opening() -> reference.Opening:
    """The one opening that all repetitions share."""
    prekeys = bytes.fromhex(own_bundle().bundle)[64:]
    encoded = bytes.fromhex(reader_bundle().bundle)
    return reference.Opening("opening", reference.identity("author"), prekeys, encoded)


def founder() -> Author:
    """Return who makes the first contact, before anything is written."""
    begun, theirs = opening(), reader_bundle()
    half = Half(
        is_founder=True,
        root=begun.root,
        private=b"",
        their_public=bytes.fromhex(theirs.bundle)[64:96],
        kem_seed=bytes.fromhex(own_bundle().kem_seed),
        their_kem_key=b"",
    )
    half.begin("founder 0", is_post_quantum=False)
    return Author(half, 0, begun.tag_root)


def repetitions(author: Author) -> list[MessageVector]:
    """Two first contacts, by the indices 4,095 and 0 of an invite; the second is full."""
    begun = opening()
    of_invite = reference.b(chance("invite secret", 16), b"", "mesh/inv/tag", 32)
    return [
        author.half.message(
            f"repetition {index}",
            content,
            size_class=size_class,
            place=reference.tag(of_invite, index),
            generation=None,
            header_key=begun.header_key,
            opening=begun.whole,
        )
        for content, size_class, index in (
            (bytes.fromhex(payload().encoded), 1, 4_095),
            (chance("largest payload", 13_561), 2, 0),
        )
    ]


def payload() -> PayloadVector:
    """One with all its fields."""
    return reference.payload(
        hlc=(1_800_000_000_123 << 16) + 7,
        seq=70_000,
        parents=[chance("parent", 32)],
        name="Ada",
        text="Grüße!",
        seen=80_000,
        controls=[(2, chance("read", 32)), (99, b"")],
    )


def first_contact() -> FirstContactVector:
    """An opening with all that lies between, and two repetitions of it."""
    begun, theirs, secret = opening(), reader_bundle(), chance("invite secret", 16)
    of_bundle = reference.b(secret, b"", "mesh/inv/bundle", 32)
    return FirstContactVector(
        author=reference.identity("author"),
        author_bundle=own_bundle(),
        reader=reference.identity("reader"),
        reader_bundle=theirs,
        ephemeral_private=begun.ephemeral_private.hex(),
        kem_coin=begun.coin.hex(),
        ephemeral=begun.ephemeral.hex(),
        ciphertext=begun.ciphertext.hex(),
        transcript=begun.transcript.hex(),
        author_key=begun.author_key.hex(),
        chain_key=begun.chain_key.hex(),
        box=begun.box.hex(),
        root=begun.root.hex(),
        tag_root=begun.tag_root.hex(),
        header_key=begun.header_key.hex(),
        session_id=begun.session_id.hex(),
        invite_secret=secret.hex(),
        payload=payload(),
        repetitions=repetitions(founder()),
        sealed_bundle=reference.sealed_bundle(
            "sealed bundle",
            bytes.fromhex(theirs.bundle),
            reference.tag(of_bundle, 5),
        ),
        closed=reference.closed("closed", begun.tag_root),
    )


def session() -> SessionVector:
    """Answers, lost messages, three generations of tags, and a post-quantum step of each side."""
    a, messages = founder(), list[MessageVector]()
    repetitions(a)
    b = Author(
        Half(
            is_founder=False,
            root=a.half.root,
            private=bytes.fromhex(reader_bundle().prekey_private),
            their_public=reference.x25519_public(a.half.private),
            kem_seed=b"",
            their_kem_key=bytes.fromhex(own_bundle().bundle)[96 : 96 + 1_184],
        ),
        1,
        a.tag_root,
    )
    roots = [a.tag_root]
    # The first chain of the side that did not found begins with a post-quantum step.
    roots.append(b.half.begin("other 0", is_post_quantum=True))
    messages.append(b.message("other 0/0", b"hello", size_class=1))
    messages.append(
        b.message("other 0/1", chance("largest under a long header", 1_570), size_class=1)
    )
    b.skip(2)
    messages.append(b.message("other 0/4", b"short"))
    b.skip(11)
    messages.append(b.message("other 0/16", b"long again", size_class=1))
    # Who opened the step writes under the new tags at once.
    a.half.hear(b.half)
    a.half.begin("founder 1", is_post_quantum=False)
    a.turn_to(1, roots[1])
    messages.append(a.message("founder 1/0", b"under new tags"))
    messages.append(a.message("founder 1/1", chance("largest", 3_842), size_class=1))
    # Who made it, when something under the new tags has opened.
    b.half.hear(a.half)
    b.half.begin("other 1", is_post_quantum=False)
    b.turn_to(1, roots[1])
    messages.append(b.message("other 1/0", b"and back"))
    # A day later the founder makes a step.
    a.half.hear(b.half)
    roots.append(a.half.begin("founder 2", is_post_quantum=True))
    messages.append(a.message("founder 2/0", b"a day later", size_class=1))
    b.half.hear(a.half)
    b.half.begin("other 2", is_post_quantum=False)
    b.turn_to(2, roots[2])
    # More messages than one tag key is for.
    b.skip(64)
    messages.append(b.message("other 2/64", b"by the second tag key"))
    a.half.hear(b.half)
    a.half.begin("founder 3", is_post_quantum=False)
    a.turn_to(2, roots[2])
    messages.append(a.message("founder 3/0", b"goodbye"))
    return SessionVector(
        generations=[
            GenerationVector(
                tag_root=root.hex(),
                from_founder=reference.chain_key(root, 0, 0).hex(),
                to_founder=reference.chain_key(root, 1, 0).hex(),
                rendezvous_from_founder=rendezvous(root, 0),
                rendezvous_to_founder=rendezvous(root, 1),
                link_key=reference.b(root, b"", "mesh/link/pair", 32).hex(),
            )
            for root in roots
        ],
        messages=messages,
    )


def rendezvous(tag_root: bytes, direction: int) -> list[TagVector]:
    """The tags by which one side can renew the session in a generation."""
    key = reference.b(tag_root, bytes((direction,)), "mesh/tag/rdv", 32)
    return [reference.tag(key, index) for index in (0, 7)]
