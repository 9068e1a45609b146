"""Two people who send files, and what each of them has of one."""

import hashlib

from mesh.commands.files import (
    AddFile,
    AskFile,
    AskFileBlock,
    FileAnswer,
    FileBlockAnswer,
)
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.ids import EnvelopeId, PostingKey, UnixSeconds
from mesh.ratchet.sealed_block import block_key_of, block_tag_of, seal_block
from mesh.storage.vault.files import TABLES
from mesh.storage.vault.rows import integer
from mesh.wire.envelope import Envelope, Header, sign_envelope
from tests.entropy import SeededEntropy
from tests.messenger.doing import items_of, said
from tests.messenger.people import (
    START_S,
    WITH_STAMPS,
    Clock,
    Person,
    exchange,
)

SIZE = 200_000
"""Four blocks."""


def stamped() -> tuple[Person, Person]:
    """Two people in a mesh with stamps, each of which is made as soon as it is asked for."""
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=WITH_STAMPS)
    bob = Person("Bob", clock, seed=2, parameters=WITH_STAMPS)
    link = ann.invite().link
    ann.mint_all()
    bob.add(link)
    for _ in range(3):
        ann.mint_all()
        bob.mint_all()
        exchange(ann, bob)
    return ann, bob


def content(size: int = SIZE, seed: bytes = b"a file") -> bytes:
    return hashlib.shake_128(seed).digest(size)


def is_block(envelope: Envelope) -> bool:
    return envelope.header.size_class > 1


def hand_over(person: Person, data: bytes, name: str = "map.png") -> FileAnswer:
    answer = person.ask(AddFile(name, "image/png", data))
    assert isinstance(answer, FileAnswer)
    return answer


def file(person: Person, number: int) -> FileAnswer:
    answer = person.ask(AskFile(number))
    assert isinstance(answer, FileAnswer)
    return answer


def bytes_of(person: Person, number: int) -> bytes:
    pieces = []
    for block in range(file(person, number).blocks_count):
        answer = person.ask(AskFileBlock(number, block))
        assert isinstance(answer, FileBlockAnswer)
        pieces.append(answer.data)
    return b"".join(pieces)


def send(author: Person, reader: Person, data: bytes, text: str = "") -> ItemAnswer:
    """Send a file and carry all of it; return the item as its reader has it."""
    handed = hand_over(author, data)
    return said(author, reader, WriteItem(reader.name, text=text, files=(handed.number,)))[1]


def post(author: Person, reader: Person, data: bytes, keep: int) -> ItemAnswer:
    """Send a file of which the first blocks alone arrive; the item as its reader has it."""
    handed = hand_over(author, data)
    mine = author.ask(WriteItem(reader.name, files=(handed.number,)))
    assert isinstance(mine, ItemAnswer)
    posted = author.post()
    blocks = [one for one in posted if is_block(one)]
    reader.receive([one for one in posted if not is_block(one)])
    reader.receive(blocks[:keep])
    return next(one for one in items(reader) if one.id == mine.id)


def items(person: Person) -> list[ItemAnswer]:
    other = "Ann" if person.name == "Bob" else "Bob"
    return items_of(person, other)


def rows_count(person: Person) -> int:
    counts = [
        person.connection.execute(f"SELECT count(*) FROM {table}") for table in (*TABLES, "files")
    ]
    return sum(integer(count) for count in counts)


def keys_of(person: Person) -> tuple[bytes, bytes]:
    """The key of the newest file, and its posting."""
    row = person.connection.execute(
        "SELECT key, posting FROM files JOIN postings ON file = number ORDER BY number DESC"
    ).fetchone()
    assert row is not None
    key, posting = row
    assert isinstance(key, bytes)
    assert isinstance(posting, bytes)
    return key, posting


def forged(key: bytes, posting: bytes, index: int, what: bytes) -> Envelope:
    header = Header(
        size_class=3,
        lifetime_class=1,
        created=UnixSeconds(START_S),
        tag=block_tag_of(key, posting, index),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(bytes(32)),
        stamp=bytes(12),
    )
    body = seal_block(
        block_key_of(key, posting, index),
        what,
        associated=header.encode(),
        size_class=3,
        entropy=SeededEntropy(7),
    )
    return sign_envelope(header, body, bytes(32))


def envelopes_of(person: Person) -> list[EnvelopeId]:
    """The envelopes of blocks that are on their way."""
    rows = person.connection.execute(
        "SELECT id FROM outbox JOIN block_envelopes ON envelope = id"
    ).fetchall()
    return [EnvelopeId(id_) for (id_,) in rows if isinstance(id_, bytes)]
