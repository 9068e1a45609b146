"""A link that announces earlier than others push is found out, and no other."""

from mesh.ids import LinkId
from mesh.limits.replication import RACE_INTERVAL_MS, RACES_JUDGED, RECENT_IDS_MAX
from mesh.replication.link_races import LinkRaces
from tests.replication.meshes import at, id_of

LAZY, OTHER = LinkId(1), LinkId(2)
MINUTE = RACE_INTERVAL_MS


def raced(
    link_races: LinkRaces, *, ahead_ms: int, count: int = RACES_JUDGED, first: int = 0
) -> None:
    """`LAZY` announces so long before the push; `OTHER` announces what is here."""
    for number in range(first, first + count):
        link_races.announced(LAZY, id_of(number), at(number), is_here=False)
        link_races.pushed(id_of(number), lambda link: 10, at(number + ahead_ms))
        link_races.announced(OTHER, id_of(number), at(number + ahead_ms), is_here=True)


def test_who_is_faster_in_most_races_is_named_once_a_minute() -> None:
    link_races = LinkRaces()
    raced(link_races, ahead_ms=30)
    due = link_races.deadline()
    assert due is not None
    assert link_races.take_faster(at(MINUTE - 1)) is None
    assert link_races.take_faster(at(MINUTE + 100)) == LAZY
    assert link_races.take_faster(at(2 * MINUTE + 100)) is None, "its record has ended"
    assert link_races.deadline() is None, "without new mail there is nothing to look at"


def test_who_is_a_little_faster_or_in_few_races_is_not_named() -> None:
    link_races = LinkRaces()
    raced(link_races, ahead_ms=15)
    assert link_races.take_faster(at(MINUTE + 100)) is None, "the body would have taken as long"
    link_races = LinkRaces()
    raced(link_races, ahead_ms=30, count=RACES_JUDGED - 1)
    assert link_races.take_faster(at(MINUTE + 100)) is None
    link_races = LinkRaces()
    raced(link_races, ahead_ms=30, count=RACES_JUDGED // 2)
    raced(link_races, ahead_ms=0, count=RACES_JUDGED // 2, first=1_000)
    assert link_races.take_faster(at(MINUTE + 2_000)) is None, "half is not most"


def test_a_link_that_is_gone_is_not_named() -> None:
    link_races = LinkRaces()
    raced(link_races, ahead_ms=30)
    link_races.link_down(LAZY)
    assert link_races.take_faster(at(MINUTE + 100)) is None


def test_announcements_of_what_never_comes_are_bounded() -> None:
    link_races = LinkRaces()
    for number in range(RECENT_IDS_MAX + 10):
        link_races.announced(LAZY, id_of(number), at(0), is_here=False)
    assert len(link_races._announced) == RECENT_IDS_MAX
