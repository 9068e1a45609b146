"""Conversations: who answers, when, and that everybody has somebody."""

from itertools import pairwise
from statistics import median

from sim.eavesdropping.chats import ChatLaws, Chats, drawn_pairs
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop

HOUR_US = 3_600_000_000


def _chatted(laws: ChatLaws, hours: int) -> list[tuple[int, int, int]]:
    loop = Loop(tick_us=1_000)
    wrote: list[tuple[int, int, int]] = []

    def write(author: int, reader: int) -> None:
        wrote.append((loop.now, author, reader))
        chats.shown(author, reader)

    chats = Chats(loop, laws, Chance(1, "chats"), hours * HOUR_US, write)
    chats.plan([(0, 1)], 0)
    loop.run_until(hours * HOUR_US)
    return wrote


def test_conversations_have_their_length_and_replies_their_median() -> None:
    laws = ChatLaws(every_s=36_000, spread=0, messages=6, again_share=0, reply_s=60)
    wrote = _chatted(laws, 20_000)
    gaps_s = [(later[0] - one[0]) / 1e6 for one, later in pairwise(wrote)]
    replies = [gap for gap in gaps_s if gap < 1_800]
    conversations = len(wrote) - len(replies)
    assert 1_800 < conversations < 2_200
    assert 5 < len(wrote) / conversations < 7
    assert 54 < median(replies) < 66


def test_who_was_written_to_answers() -> None:
    wrote = _chatted(ChatLaws(every_s=360_000, spread=0, messages=50, again_share=0), 1_000)
    turns = [one[1] != later[1] for one, later in pairwise(wrote)]
    assert sum(turns) / len(turns) > 0.95


def test_everybody_knows_somebody() -> None:
    for seed in range(20):
        pairs = drawn_pairs(range(15), 2.0, Chance(seed, "pairs"))
        assert {person for pair in pairs for person in pair} == set(range(15))
        assert 15 <= len(pairs) <= 20
        assert all(one < other for one, other in pairs)
