"""Rogues in groups: who is one is drawn, and what they number backwards uses no number twice."""

from sim.adversaries.rogue_members import FREE_COUNT, RogueMembers, number_backwards
from sim.schema.group_table import GroupTable


def rogues(table: GroupTable | None, working: int | None = None) -> RogueMembers:
    return RogueMembers(1, 20, table, lambda: working)


def test_so_many_are_rogues_as_the_table_says() -> None:
    assert rogues(None).nodes == rogues(GroupTable()).nodes == []
    half = rogues(GroupTable(rogue_share=0.5)).nodes
    assert 0 < len(half) < 20
    assert rogues(GroupTable(rogue_share=0.5)).nodes == half
    assert rogues(GroupTable(rogue_share=1), working=3).is_at_work()
    assert not rogues(GroupTable(rogue_share=1)).is_at_work()
    assert not rogues(GroupTable(rogue_share=1, rogue_ways=("asks-at-once",))).are_taking_numbers


def test_numbers_go_backwards_and_none_is_used_twice() -> None:
    numbers = [number_backwards(count) for count in range(1 + 3 * FREE_COUNT)]
    assert numbers[:3] == [0, FREE_COUNT, FREE_COUNT - 1]
    assert sorted(numbers) == list(range(1 + 3 * FREE_COUNT))
