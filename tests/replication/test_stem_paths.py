"""The path of a posting key."""

from mesh.ids import Instant, LinkId, LinkKey, Monotonic, PostingKey, UnixSeconds
from mesh.limits.stems import (
    STEM_DROPPED_PAUSE_MS,
    STEM_DROPS_MAX,
    STEM_GO_ON_PERCENT,
    STEM_LINK_YOUNG_MS,
    STEM_SETTLING_MS,
)
from mesh.replication.stem_paths import ENVELOPES, RETIREMENTS, StemPaths
from mesh.wire.envelope import SECONDS_PER_DAY
from tests.entropy import SeededEntropy

START = Instant(Monotonic(0), 1_800_000_000_000_000)
KEYS = [PostingKey(bytes([key]) * 32) for key in range(200)]


def later(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), START.wall + ms * 1000)


def link_up(paths: StemPaths, link: int, now: Instant = START, *, is_able: bool = True) -> None:
    paths.link_up(LinkId(link), LinkKey(bytes([link]) * 32), now, is_able=is_able)


def with_links(count: int, seed: int = 1) -> StemPaths:
    paths = StemPaths(SeededEntropy(seed), lambda link: False)
    for link in range(1, count + 1):
        link_up(paths, link)
    return paths


def choices(
    paths: StemPaths,
    came_by: int | None = None,
    label: bytes = ENVELOPES,
    now: Instant = START,
) -> list[int | None]:
    link = None if came_by is None else LinkId(came_by)
    return [paths.find_next(key, label, link, (), now) for key in KEYS]


def test_a_key_takes_one_link_and_keys_take_all() -> None:
    paths = with_links(8)
    first = choices(paths)
    assert first == choices(paths)
    counts = [first.count(link) for link in range(1, 9)]
    assert min(counts) > len(KEYS) // 20, counts


def test_the_path_hangs_on_the_node_the_link_and_what_it_is() -> None:
    paths = with_links(8)
    for others in (
        choices(with_links(8, seed=2)),
        choices(paths, came_by=8),
        choices(paths, label=RETIREMENTS),
    ):
        same = sum(one == other for one, other in zip(choices(paths), others, strict=True))
        assert same < len(KEYS) // 3


def test_nothing_goes_back_by_the_link_by_which_it_came() -> None:
    paths = with_links(3)
    assert 2 not in choices(paths, came_by=2)
    assert choices(with_links(1), came_by=1) == [None] * len(KEYS)


def test_a_link_that_ends_moves_its_own_keys_only_and_one_that_comes_takes_its_share() -> None:
    paths = with_links(8)
    before = choices(paths)
    paths.link_down(LinkId(5))
    after = choices(paths)
    for old, new in zip(before, after, strict=True):
        assert new == old if old != 5 else new not in (5, None)
    link_up(paths, 9)
    moved = [new for old, new in zip(after, choices(paths), strict=True) if new != old]
    assert set(moved) == {9}
    assert len(moved) < len(KEYS) // 4


def test_a_young_link_is_left_out_but_not_by_who_has_just_arrived() -> None:
    paths = with_links(4)
    now = later(STEM_SETTLING_MS + 1)
    link_up(paths, 5, now)
    assert 5 not in choices(paths, now=now)
    assert 5 in choices(paths, now=later(STEM_SETTLING_MS + 1 + STEM_LINK_YOUNG_MS))
    for link in range(1, 5):
        paths.link_down(LinkId(link))
    assert set(choices(paths, now=now)) == {5}, "there is no other"


def test_a_link_that_drops_what_it_gets_is_passed_over_for_a_while() -> None:
    paths = with_links(3)
    for _ in range(STEM_DROPS_MAX - 1):
        paths.dropped(LinkId(2), START)
    paths.heard(LinkId(2))
    paths.dropped(LinkId(2), START)
    assert 2 in choices(paths), "it has kept its word in between"
    for _ in range(STEM_DROPS_MAX - 1):
        paths.dropped(LinkId(2), START)
    assert 2 not in choices(paths)
    assert 2 in choices(paths, now=later(STEM_DROPPED_PAUSE_MS))


def test_a_peer_of_the_first_version_is_passed_no_stem() -> None:
    paths = with_links(2)
    link_up(paths, 3, is_able=False)
    assert 3 not in choices(paths)


def test_own_mail_is_passed_on_and_of_the_keys_of_others_so_many() -> None:
    paths = with_links(3)
    assert all(paths.goes_on(key, ENVELOPES, None, START) for key in KEYS)
    went_on = [paths.goes_on(key, ENVELOPES, LinkId(1), START) for key in KEYS]
    assert went_on == [paths.goes_on(key, ENVELOPES, LinkId(1), START) for key in KEYS]
    assert abs(sum(went_on) * 100 // len(KEYS) - STEM_GO_ON_PERCENT) < 10


def test_each_day_has_paths_of_its_own() -> None:
    paths = with_links(8)
    tomorrow = Instant(START.monotonic, START.wall, UnixSeconds(START.mesh + SECONDS_PER_DAY))
    assert choices(paths) != choices(paths, now=tomorrow)
