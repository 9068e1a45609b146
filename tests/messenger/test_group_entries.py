"""Entries of groups: whatever comes in whatever order, with whatever operations, all see the same,
and what the rules say.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from mesh.content.check_in import Answer, CheckIn, subject_of, word_of
from mesh.content.entry import Entry, EntryId, Kind, OperationId, has_place, is_change
from mesh.content.fields import InvalidContentError
from mesh.content.kinds import KINDS, OBJECTS, Content, Place, Right, check_about, check_fit
from mesh.content.kinds import content_of as content_in
from mesh.content.name import Name
from mesh.content.register import Value, fold, last_words
from mesh.content.retraction import Hide
from mesh.group.membership import Membership
from mesh.group.operations import Operation, Role
from mesh.group.rights import Rights, deed_of, ends_of
from mesh.ids import VerifyKey
from mesh.messenger.conversations.member_names import recorded
from mesh.messenger.names import member_name
from tests.group.scenarios import PEOPLE, key_of, random_story
from tests.messenger.group_replicas import GroupReplica, SaidInGroup, Thing
from tests.messenger.test_entries_in_any_order import Hand, Model

KINDS_SAID = (0, 0, 1, 2, 3, 4, 5, 77, *range(64, 76))
BESIDE_KINDS = (
    Kind.EDIT,
    Kind.HIDE,
    Kind.VOTE,
    Kind.CLOSE,
    Kind.CHANGE,
    Kind.ANSWER,
    Kind.TIMER,
    Kind.NAME,
)


class GroupHand(Hand):
    """Makes entries of members, former ones and strangers at random, by any operations."""

    def __init__(
        self, seed: int, operations: Sequence[Operation], people: int, kinds: Sequence[int]
    ) -> None:
        super().__init__(seed, (key_of("O"), key_of("A")), kinds)
        self.operations = operations
        self.people = [key_of(name) for name in ("O", "A", "B", "C", "M", "N")[:people]]
        self.in_group: list[tuple[EntryId, SaidInGroup]] = []

    def told(self, count: int) -> list[SaidInGroup]:
        for _ in range(count):
            entry = self.of_group()
            said = SaidInGroup(self.author_of(entry), entry)
            self.in_group.append((said.id(self.operations[0].id), said))
            self.said.append(self.in_group[-1])  # type: ignore[arg-type]  # as one says of two
        return [one for _, one in self.in_group]

    def author_of(self, entry: Entry) -> VerifyKey:
        """Draw an author: for the most part who alone may do it."""
        about = dict(self.in_group).get(EntryId(entry.target))
        is_owned = entry.kind in KINDS and KINDS[Kind(entry.kind)].right is Right.AUTHOR
        if about is not None and is_owned and self.chance.random() < 0.6:
            return about.author
        return self.chance.choice(self.people)

    def of_group(self) -> Entry:
        chance = self.chance
        # By those at which everybody is in; later ones take that away.
        near = self.operations[1:5] if chance.random() < 0.6 else self.operations
        ops = [one.id for one in chance.sample(near, min(len(near), chance.choice((1, 1, 1, 2))))]
        if chance.random() < 0.04:
            ops = chance.choice(([], [OperationId(chance.randbytes(32))]))
        return msgspec.structs.replace(
            self.entry(),
            ops=list(ops),
            run=chance.choice((1, 2)),
            number=chance.randrange(12),
        )

    def content(self, kind: int) -> object:
        chance = self.chance
        match kind:
            case Kind.CHECK_IN:
                asked = [] if chance.random() < 0.5 else chance.sample(self.people, 2)
                return ["well?", [["yes", 0], ["soon", 1], ["help", 2]], asked]
            case Kind.NOTICE:
                return ["all hear", 0, False]
            case Kind.ANSWER:
                subject = b"" if chance.random() < 0.5 else chance.choice(self.people)
                return [chance.randrange(4), "note", "place", subject]
            case Kind.TIMER:
                return [chance.randrange(99)]
            case _:
                return super().content(kind)

    def target(self, kind: int) -> bytes:
        return b"" if kind == Kind.TIMER else super().target(kind)


class GroupModel(Model):
    """Says what is to be shown: from all entries and operations at once, by `mesh/content` and
    `mesh/group` alone.
    """

    def __init__(self, hand: GroupHand) -> None:
        self.said = dict(hand.said)
        self.membership = Membership.of(hand.operations)
        self.uses = Counter(
            (one.author, one.entry.run, one.entry.number)
            for one in self.said.values()
            if one.entry.ops
        )
        self.newer: dict[EntryId, bool] = {}
        self.valid: dict[EntryId, Content] = {}
        self.is_apart: dict[EntryId, bool] = {}
        for id_ in sorted(self.said, key=lambda id_: is_change(self.said[id_].entry.kind)):
            self.judge(id_)
        self.gone = {
            EntryId(self.said[id_].entry.target): None
            for id_ in self.valid
            if self.said[id_].entry.kind == Kind.RETRACT
        }

    def judge(self, id_: EntryId) -> None:
        one, graph = self.said[id_], self.membership.graph
        entry = one.entry
        ops = [OperationId(op) for op in entry.ops]
        if graph.missing(ops):
            return
        if entry.kind not in KINDS:
            named, now = self.membership.named(ops), self.membership.now(ops)
            rights = Rights(
                deed_of(Kind.EDIT, is_own_target=True),
                named.is_in(one.author),
                now.is_in(one.author),
                ends_of(
                    graph,
                    one.author,
                    Role.MEMBER,
                    counting=self.membership.view.acts & ~graph.closure(ops),
                ),
            )
            if self.stands(id_, rights):
                self.newer[id_] = True
            return
        try:
            content = content_in(entry, Place.GROUP)
            about = self.check_about(id_, content) if entry.target else None
        except (InvalidContentError, KeyError):
            return
        is_own = about is None or about == one.author
        deed = deed_of(Kind(entry.kind), is_own_target=is_own)
        if self.stands(id_, self.membership.rights(one.author, deed, ops)):
            self.valid[id_] = content

    def stands(self, id_: EntryId, rights: Rights) -> bool:
        one = self.said[id_]
        run, number = one.entry.run, one.entry.number
        is_twin = self.uses[one.author, run, number] > 1
        standing = rights.standing(run, number, is_twin=is_twin)
        self.is_apart[id_] = standing == "apart"
        return standing != "invalid"

    def check_about(self, id_: EntryId, content: Content) -> VerifyKey:
        """Return whose object a change is about; KeyError if there is none that is valid."""
        one = self.said[id_]
        about_id = EntryId(one.entry.target)
        about, rules = self.said[about_id], KINDS[Kind(one.entry.kind)]
        if about_id in self.newer and not is_change(about.entry.kind):
            if rules.targets != OBJECTS or (
                rules.right is Right.AUTHOR and one.author != about.author
            ):
                raise InvalidContentError("about something else")
            return about.author
        object_ = self.valid[about_id]
        check_about(
            one.entry,
            content,
            author=one.author,
            target=Kind(about.entry.kind),
            target_author=about.author,
        )
        check_fit(content, object_)
        return about.author

    def values(self, target: EntryId, kind: Kind) -> list[Value[Content]]:
        return [value for value in super().values(target, kind) if not self.is_apart[value.id]]

    def check(self, item: dict[str, object]) -> None:
        id_ = EntryId(bytes.fromhex(str(item["id"])))
        assert item["is_apart"] == self.is_apart[id_]
        hidden = fold(self.values(id_, Kind.HIDE))
        if id_ not in self.gone and hidden is not None:
            word = hidden.shown
            if isinstance(word.value, Hide) and word.value.is_on:
                assert (item["gone"], item["text"]) == ("hidden", "")
                assert (
                    msgspec.convert(item["hidden"], dict[str, object])["key"] == word.author.hex()
                )
                return
        assert item["gone"] != "hidden"
        super().check(item)
        check_in = self.valid.get(id_)
        if isinstance(check_in, CheckIn) and id_ not in self.gone:
            told = msgspec.convert(item["check_in"], dict[str, object])
            self.check_roll_up(id_, check_in, told)

    def check_roll_up(self, id_: EntryId, check_in: CheckIn, told: dict[str, object]) -> None:
        ops = [OperationId(op) for op in self.said[id_].entry.ops]
        asked = [VerifyKey(key) for key in check_in.asked] or [
            *self.membership.named(ops).members()
        ]
        people = msgspec.convert(told["people"], list[dict[str, object]])
        assert sorted(str(one["key"]) for one in people) == sorted(key.hex() for key in asked)
        for one in people:
            key = VerifyKey(bytes.fromhex(str(one["key"])))
            answers = [
                Value(each.id, each.author, each.clock, each.over, each.value)
                for each in self.values(id_, Kind.ANSWER)
                if isinstance(each.value, Answer) and subject_of(each.author, each.value) == key
            ]
            word = word_of(check_in, key, answers)
            said = None if word.said is None else (word.said.author.hex(), word.said.value.which)
            answer = one["answer"]
            if answer is not None:
                told_word = msgspec.convert(answer, dict[str, object])
                answer = (told_word["by"], told_word["which"])
            assert answer == said
            assert len(msgspec.convert(one["others"], list[object])) == len(word.calls)

    def find_named(self, key: VerifyKey) -> Value[Content] | None:
        """Return the last word of somebody on his name; None: nothing that counts."""
        told = [one for one in self.values(EntryId(b""), Kind.NAME) if one.author == key]
        return last_words(told).get(key)

    def name(self, key: VerifyKey) -> str | None:
        """Return what somebody told last of himself; None: nothing that counts."""
        word = self.find_named(key)
        if word is None:
            return None
        assert isinstance(word.value, Name)
        return member_name(word.value.name, key)

    @property
    def placed_count(self) -> int:
        return sum(map(self.is_placed, (*self.valid, *self.newer)))

    def is_placed(self, id_: EntryId) -> bool:
        """Say whether an entry stands in the stream: of the names of one author the last does."""
        one = self.said[id_]
        if one.entry.kind == Kind.NAME:
            last = self.find_named(one.author)
            return last is not None and last.id == id_
        return has_place(one.entry.kind)


def shuffled(things: Sequence[Thing], chance: Random) -> list[Thing]:
    found = list(things)
    chance.shuffle(found)
    return found


def picture(seed: int, kinds: Sequence[int] = KINDS_SAID, entries: int = 50) -> int:
    """Let a random group's entries and operations come to three of its members in three orders, and
    hold all of them to the rules; return how many items there were.
    """
    chance = Random(seed)
    operations = random_story(Random(seed), chance.randrange(6, 24))
    hand = GroupHand(seed, operations, chance.randrange(2, 7), kinds)
    said = hand.told(entries)
    create, later = operations[0], operations[1:]
    orders: list[list[Thing]] = [
        [*later, *said],
        [*said, *later],
        shuffled([*later, *said, *said[:7]], chance),
    ]
    model, shown = GroupModel(hand), []
    for name, order in zip(chance.sample(PEOPLE, 3), orders, strict=True):
        replica = GroupReplica(create, key_of(name))
        replica.take(order)
        items = replica.items()
        for item in items:
            model.check(item)
        assert len(items) == model.placed_count
        assert replica.entries.timer(replica.conversation) == model.timer()
        assert replica.is_marked_well()
        for key in hand.people:
            record = recorded(replica.rules.membership, key)
            name = model.name(key) or (member_name(record, key) if record else "")
            assert replica.rules.own_name(key) == name
        shown.append(replica.shown())
    assert shown[0] == shown[1] == shown[2]
    return len(shown[0])


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("kinds", [KINDS_SAID, BESIDE_KINDS], ids=["all", "changes"])
def test_any_order_shows_the_same_to_all_members_and_what_the_rules_say(
    seed: int, kinds: Sequence[int]
) -> None:
    assert picture(seed, kinds) >= 0
