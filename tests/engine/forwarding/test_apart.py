"""Mail of ours outside the store: what is kept, how much, and for how long."""

from mesh.engine.forwarding.apart import Apart
from mesh.ids import EnvelopeId, Tag
from mesh.limits.retention import APART_BYTES_MAX
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store
from mesh.storage.store.store import Store
from mesh.wire.envelope import SIZE_BYTES, Envelope, decode_envelope
from tests.engine.test_hostile import envelope

OURS = Tag(b"ours".ljust(16))


def is_ours(envelope_id: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
    return tag == OURS and is_new


def sealed(number: int, *, tag: Tag = OURS, size_class: int = 3) -> Envelope:
    return decode_envelope(envelope(number, tag=tag, size_class=size_class))


def apart_from_nothing() -> Apart:
    connection = connect(None, None)
    migrate_store(connection)
    return Apart(Store(connection), is_ours)


def test_only_what_is_ours_is_kept_and_told_once_as_new() -> None:
    apart = apart_from_nothing()
    ours, theirs = sealed(1), sealed(2, tag=Tag(b"theirs".ljust(16)))
    for one in (ours, theirs, ours):
        apart.refused(one)
    assert apart.take_new() == [ours]
    assert apart.take_new() == []
    assert apart.sealed_under((OURS, theirs.header.tag)) == [ours]
    assert apart.sealed([ours.id, theirs.id]) == {ours.id: ours}
    assert apart.has_sealed_under(OURS)
    assert not apart.has_sealed_under(theirs.header.tag)
    apart.drop(ours.id)
    assert ours.id not in apart
    assert apart.all() == []


def test_what_was_opened_before_it_was_told_is_not_new() -> None:
    apart = apart_from_nothing()
    ours = sealed(1)
    apart.refused(ours)
    apart.drop(ours.id)
    assert apart.take_new() == []


def test_a_flood_under_a_tag_of_ours_fills_no_more_than_its_bound() -> None:
    apart = apart_from_nothing()
    most = APART_BYTES_MAX // SIZE_BYTES[3]
    flood = [sealed(number) for number in range(most + 5)]
    for one in flood:
        apart.refused(one)
    assert apart.all() == flood[5:]
