"""Keys, nonces and tags that meet twice are found, wherever they are used."""

import pytest

from mesh.crypto import aead
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.messenger.groups.link_door import link_tags
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope, Header, body_bytes, sign_envelope
from sim.hosts.databases import MemoryDatabase
from sim.invariants.invariants import S8, BrokenInvariant
from sim.invariants.nonce_reuse import NonceReuse, observe_outbox
from sim.observers.ciphers import observing_cipher
from sim.run.world import Options, opened_world
from sim.schema.scenario import load_scenario

KEY, NONCE = bytes(32), bytes(12)
SECRET = bytes(range(16))
ENTRANCE_TAGS = entrance_tags(entrance_of(SECRET))


def envelope(tag: int | Tag, nonce: int, filling: int = 0) -> Envelope:
    header = Header(
        size_class=0,
        lifetime_class=1,
        created=UnixSeconds(0),
        tag=Tag(bytes([tag]) * 16) if isinstance(tag, int) else tag,
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(bytes(32)),
        stamp=bytes(12),
    )
    body = bytes([nonce]) * 12 + bytes([filling]) * (body_bytes(0) - 12)
    return sign_envelope(header, body, bytes(32))


def vault_with(*envelopes: Envelope) -> MemoryDatabase:
    vault = MemoryDatabase()
    with transaction(vault):
        vault.execute("CREATE TABLE outbox (number INTEGER PRIMARY KEY, data BLOB)")
    observe_outbox(vault)
    seal_in(vault, *envelopes)
    return vault


def seal_in(vault: MemoryDatabase, *envelopes: Envelope) -> None:
    with transaction(vault):
        rows = [(each.data,) for each in envelopes]
        vault.executemany("INSERT INTO outbox (data) VALUES (?)", rows)


def test_a_key_that_meets_a_nonce_with_another_text_breaks_s8() -> None:
    with observing_cipher(NonceReuse().sealed):
        first = aead.seal(KEY, NONCE, b"", b"one text")
        assert aead.seal(KEY, NONCE, b"", b"one text") == first
        with pytest.raises(BrokenInvariant) as caught:
            aead.seal(KEY, NONCE, b"", b"another text")
        assert caught.value.invariant is S8
        with pytest.raises(BrokenInvariant):
            aead.seal(KEY, NONCE, b"other data", b"one text")


def test_watching_changes_no_box_and_ends() -> None:
    before = aead.seal(KEY, NONCE, b"data", b"text")
    with observing_cipher(NonceReuse().sealed):
        assert aead.open_sealed(KEY, NONCE, b"data", before) == b"text"
        assert aead.seal(KEY, NONCE, b"data", b"text") == before
    aead.seal(KEY, NONCE, b"data", b"another")


def test_a_tag_that_a_node_uses_again_breaks_s8() -> None:
    nonce_reuse = NonceReuse()
    nonce_reuse.collect(1, 1, vault_with(envelope(1, 1), envelope(2, 1)))
    with pytest.raises(BrokenInvariant) as caught:
        nonce_reuse.collect(1, 1, vault_with(envelope(1, 2)))
    assert caught.value.invariant is S8


def test_a_node_that_was_put_back_may_use_a_tag_again_but_never_with_the_same_nonce() -> None:
    nonce_reuse = NonceReuse()
    nonce_reuse.may_repeat_tags(1)
    nonce_reuse.collect(1, 1, vault_with(envelope(1, 1), envelope(1, 2)))
    assert nonce_reuse.tags_repeated == 1
    with pytest.raises(BrokenInvariant) as caught:
        # A second machine of the same user.
        nonce_reuse.collect(9, 1, vault_with(envelope(1, 2, filling=1)))
    assert caught.value.invariant is S8


def test_what_was_rolled_back_was_never_sealed_and_what_was_collected_is_not_again() -> None:
    nonce_reuse = NonceReuse()
    vault = vault_with(envelope(1, 1))
    nonce_reuse.collect(1, 1, vault)
    vault.execute("BEGIN")
    vault.execute("INSERT INTO outbox (data) VALUES (?)", (envelope(1, 1, filling=1).data,))
    vault.execute("ROLLBACK")
    nonce_reuse.collect(1, 1, vault)
    seal_in(vault, envelope(3, 1))
    nonce_reuse.collect(1, 1, vault)
    assert nonce_reuse.tags_repeated == 0


@pytest.mark.parametrize(
    "table, tags", [("group_links", link_tags(SECRET)), ("groups", ENTRANCE_TAGS)]
)
def test_many_may_write_under_one_tag_of_a_door_but_never_with_the_same_nonce(
    table: str, tags: list[tuple[int, Tag]]
) -> None:
    _, tag = tags[3]
    giver = vault_with()
    with transaction(giver):
        giver.execute("CREATE TABLE group_links (secret BLOB)")
        giver.execute("CREATE TABLE groups (seed BLOB)")
        giver.execute(f"INSERT INTO {table} VALUES (?)", (SECRET,))
    nonce_reuse = NonceReuse()
    nonce_reuse.learn_doors([giver])
    nonce_reuse.collect(1, 1, vault_with(envelope(tag, 1)))
    nonce_reuse.collect(2, 2, vault_with(envelope(tag, 2)))
    with pytest.raises(BrokenInvariant):
        nonce_reuse.collect(3, 3, vault_with(envelope(tag, 2, filling=1)))
    # As for any tag of which no vault says that it is of a door.
    unknowing = NonceReuse()
    unknowing.learn_doors([vault_with()])
    unknowing.collect(1, 1, vault_with(envelope(tag, 1)))
    with pytest.raises(BrokenInvariant):
        unknowing.collect(2, 2, vault_with(envelope(tag, 2)))


@pytest.mark.world
def test_doors_are_known_though_nobody_looks_into_vaults() -> None:
    # Whoever leaves a group within a minute has forgotten it before anybody looks.
    scenario = load_scenario("shrunk/founded-in-vain")
    with opened_world(scenario, Options(1, is_crypto_real=False)) as world:
        world.run_until(round(scenario.workload.write_between_s[1] * 1_000_000))
        known, nonce_reuse = NonceReuse(), world.observers.nonce_reuse
        known.learn_doors(host.vault for host in world.hosts.values())
        doors = known._doors
        assert len(doors) > 2
        assert doors.items() <= nonce_reuse._doors.items()
