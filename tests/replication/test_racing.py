"""A link that announces earlier than others push is found out, and no other."""

from mesh.ids import LinkId
from mesh.limits import RACE_INTERVAL_MS, RACES_JUDGED, RECENT_IDS_MAX
from mesh.replication.racing import Racing
from tests.replication.meshes import at, id_of

LAZY, OTHER = LinkId(1), LinkId(2)
MINUTE = RACE_INTERVAL_MS


def raced(racing: Racing, *, ahead_ms: int, count: int = RACES_JUDGED, first: int = 0) -> None:
    """`LAZY` announces so long before the push; `OTHER` announces what is here."""
    for number in range(first, first + count):
        racing.announced(LAZY, id_of(number), at(number), is_here=False)
        racing.pushed(id_of(number), lambda link: 10, at(number + ahead_ms))
        racing.announced(OTHER, id_of(number), at(number + ahead_ms), is_here=True)


def test_who_is_faster_in_most_races_is_named_once_a_minute() -> None:
    racing = Racing()
    raced(racing, ahead_ms=30)
    due = racing.deadline()
    assert due is not None
    assert racing.take_faster(at(MINUTE - 1)) is None
    assert racing.take_faster(at(MINUTE + 100)) == LAZY
    assert racing.take_faster(at(2 * MINUTE + 100)) is None, "its record has ended"
    assert racing.deadline() is None, "without new mail there is nothing to look at"


def test_who_is_a_little_faster_or_in_few_races_is_not_named() -> None:
    racing = Racing()
    raced(racing, ahead_ms=15)
    assert racing.take_faster(at(MINUTE + 100)) is None, "the body would have taken as long"
    racing = Racing()
    raced(racing, ahead_ms=30, count=RACES_JUDGED - 1)
    assert racing.take_faster(at(MINUTE + 100)) is None
    racing = Racing()
    raced(racing, ahead_ms=30, count=RACES_JUDGED // 2)
    raced(racing, ahead_ms=0, count=RACES_JUDGED // 2, first=1_000)
    assert racing.take_faster(at(MINUTE + 2_000)) is None, "half is not most"


def test_a_link_that_is_gone_is_not_named() -> None:
    racing = Racing()
    raced(racing, ahead_ms=30)
    racing.link_down(LAZY)
    assert racing.take_faster(at(MINUTE + 100)) is None


def test_announcements_of_what_never_comes_are_bounded() -> None:
    racing = Racing()
    for number in range(RECENT_IDS_MAX + 10):
        racing.announced(LAZY, id_of(number), at(0), is_here=False)
    assert len(racing._announced) == RECENT_IDS_MAX
