"""A member who asks for much, again and again, costs those who answer no more than so much."""

import pytest

from mesh.content.entry import OperationId
from mesh.group.placed_posts import Supply, decode_placed
from mesh.limits.group_repair import (
    ANSWER_BYTES_PER_DAY_MAX,
    ASKED_AGAIN,
    ASKED_TWICE_AFTER,
    NEEDS_PER_HOUR_MAX,
)
from mesh.messenger.groups import supplies
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from tests.messenger.in_groups import crew, inside, settle
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_hostile_posts import heads_of, pass_on, set_nothing
from tests.messenger.test_group_needs import MINUTE_S, ask_for, give, pass_by, without_receipts
from tests.messenger.test_group_unasked import many_taken_back, supply

Patch = pytest.MonkeyPatch


def given_by(person: Person, patch: Patch) -> list[Supply]:
    """Collect what somebody supplies from now on."""
    posting, given = person.wired.groups.posting, list[Supply]()
    queue = GroupPosting._queue

    def collected(self: GroupPosting, *args: object, **more: object) -> None:
        data = args[2]
        if self is posting and isinstance(data, bytes):
            post = decode_placed(data)
            if isinstance(post, Supply):
                given.append(post)
        queue(self, *args, **more)  # type: ignore[arg-type]  # as they came

    patch.setattr(GroupPosting, "_queue", collected)
    return given


def bytes_of(given: list[Supply]) -> int:
    return sum(len(post.post) for supply in given for post in supply.posts)


def two_and_long_operations(count: int) -> tuple[list[Person], list[bytes]]:
    people = crew("Ann", "Mal")
    _, mal = people
    without_receipts(*people)
    operations, heads = list[bytes](), heads_of(mal)
    for number in range(count):
        made = set_nothing(mal, 100 + number, heads, padding=24_000)
        pass_on(mal, [made])
        heads = (OperationId(made.id),)
        operations.append(made.id)
    settle(*people)
    return people, operations


def test_a_small_need_makes_nobody_post_megabytes(monkeypatch: Patch) -> None:
    people, operations = two_and_long_operations(30)
    ann, mal = people
    given = given_by(ann, monkeypatch)
    for id_ in operations[-5:]:
        ask_for(mal, id_.hex())
        pass_by(*people, seconds=2 * MINUTE_S, step=30)
    assert ANSWER_BYTES_PER_DAY_MAX - 25_000 < bytes_of(given) <= ANSWER_BYTES_PER_DAY_MAX


def test_what_was_asked_for_a_moment_ago_is_given_again_later_only(monkeypatch: Patch) -> None:
    people, (id_,) = two_and_long_operations(1)
    ann, mal = people
    given = given_by(ann, monkeypatch)
    for _ in range(4):
        ask_for(mal, id_.hex())
        pass_by(*people, seconds=2 * MINUTE_S, step=30)
    once = bytes_of(given)
    assert 24_000 < once < 26_000
    # Who lost the answer asks again later.
    assert ASKED_AGAIN[0] // 2 >= ASKED_TWICE_AFTER
    ann.clock.pass_by(ASKED_AGAIN[0] - 8 * MINUTE_S)
    ask_for(mal, id_.hex())
    pass_by(*people, seconds=2 * MINUTE_S, step=30)
    assert bytes_of(given) == 2 * once


def test_needs_of_what_is_nowhere_count_and_bundles_are_read_once_for_each(
    monkeypatch: Patch,
) -> None:
    ann, mal = people = crew("Ann", "Mal")
    read = []
    bundles = LeavesKeeper.bundles

    def counted(self: LeavesKeeper, *args: object) -> object:
        if self is ann.wired.groups.keepers.leaves:
            read.append(args)
        return bundles(self, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(LeavesKeeper, "bundles", counted)
    for _ in range(NEEDS_PER_HOUR_MAX + 3):
        ask_for(mal, *(mal.entropy.draw(32).hex() for _ in range(20)))
    exchange(*people)
    assert len(read) == NEEDS_PER_HOUR_MAX


def test_what_takes_words_back_uses_up_no_room_for_what_takes_back_others(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(supplies, "ANSWER_BYTES_PER_DAY_MAX", 400)
    people, words = many_taken_back(6)
    ann, _, mal = people
    given = given_by(ann, monkeypatch)
    for some in (words[:4], words[4:]):
        supply(mal, inside(mal).me, *some)
        give(mal, ann)
        pass_by(ann, seconds=3 * MINUTE_S)
    assert [len(each.entries) for each in given] == [4, 2]
