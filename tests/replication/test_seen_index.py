"""The index against a plain sorted list."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mesh.replication.seen_index import BLOCK_KEYS_MAX, CREATED_BYTES, SeenIndex

created = st.integers(0, 40)
numbers = st.integers(0, 200)


def key_of(seconds: int, number: int) -> bytes:
    return seconds.to_bytes(8, "big") + number.to_bytes(32, "big")


class Indexes(RuleBasedStateMachine):
    """Everything that one can do with an index, and with a list beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.index = SeenIndex()
        self.keys: list[bytes] = []

    @rule(seconds=created, number=numbers)
    def add(self, seconds: int, number: int) -> None:
        key = key_of(seconds, number)
        assert self.index.add(key) == (key not in self.keys)
        if key not in self.keys:
            self.keys = sorted([*self.keys, key])

    @rule(seconds=created, first=numbers, count=st.integers(1, 2 * BLOCK_KEYS_MAX))
    def add_many(self, seconds: int, first: int, count: int) -> None:
        for number in range(first, first + count):
            self.index.add(key_of(seconds, number))
        more = [key_of(seconds, number) for number in range(first, first + count)]
        self.keys = sorted(dict.fromkeys(self.keys + more))

    @rule(seconds=created, number=numbers)
    def remove(self, seconds: int, number: int) -> None:
        key = key_of(seconds, number)
        assert self.index.remove(key) == (key in self.keys)
        self.keys = [one for one in self.keys if one != key]

    @rule()
    def remove_all(self) -> None:
        for key in self.keys:
            assert self.index.remove(key)
        self.keys = []

    @rule()
    def build_anew(self) -> None:
        self.index = SeenIndex(reversed(self.keys))

    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        lower = data.draw(st.integers(0, len(self.keys)))
        upper = data.draw(st.integers(lower, len(self.keys)))
        ids = [int.from_bytes(key[CREATED_BYTES:], "little") for key in self.keys[lower:upper]]
        assert list(self.index.keys(lower, upper)) == self.keys[lower:upper]
        assert self.index.sum(lower, upper) == sum(ids) % 2**256
        if upper < len(self.keys):
            assert self.index.key(upper) == self.keys[upper]
        bound = key_of(data.draw(created), data.draw(numbers))[: data.draw(st.integers(0, 40))]
        assert self.index.rank(bound) == sum(key < bound for key in self.keys)
        probe = key_of(data.draw(created), data.draw(numbers))
        assert (probe in self.index) == (probe in self.keys)

    @invariant()
    def length_is_right(self) -> None:
        assert len(self.index) == len(self.keys)


TestIndexes = Indexes.TestCase
TestIndexes.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
