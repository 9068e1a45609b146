"""Known cases and named stories of what entries may, through a vault, in several orders."""

from itertools import permutations
from random import Random

import msgspec
import pytest

from mesh.content.entry import Entry, EntryId, Kind, OperationId
from mesh.group.cuts import RunHad
from mesh.group.operations import Operation, Removal, Remove, Role
from mesh.group.settings import setting_change
from mesh.ids import Instant
from mesh.storage.connection import transaction
from tests.group.faults import without
from tests.group.scenarios import (
    KnownEntry,
    KnownGraph,
    Story,
    key_of,
    known_graphs,
    operations_of,
    remove,
    role,
)
from tests.messenger.group_replicas import GroupReplica, SaidInGroup, Thing
from tests.messenger.test_entries_in_any_order import NOW

KIND_OF = {
    "object": Kind.TEXT,
    "change": Kind.REACT,
    "admin": Kind.HIDE,
    "pin": Kind.PIN,
    "timer": Kind.TIMER,
    "retract": Kind.RETRACT,
}
CONTENT_OF = {
    Kind.TEXT: ["a text"],
    Kind.REACT: [["+"]],
    Kind.HIDE: [True],
    Kind.PIN: [True],
    Kind.TIMER: [60],
    Kind.RETRACT: [],
    Kind.POLL: ["which", ["a", "b"], False, 0],
    Kind.VOTE: [[1]],
    Kind.TASK: ["task"],
}
VERDICT = {"counts": ("valid", False), "apart": ("valid", True), "invalid": ("invalid", False)}


def entry(
    kind: Kind,
    ops: list[OperationId],
    *,
    target: bytes = b"",
    content: object = None,
    number: int = 0,
    run: int = 1,
    clock: int = NOW,
    over: list[EntryId] | None = None,
) -> Entry:
    words = CONTENT_OF[kind] if content is None else content
    return Entry(
        kind=kind,
        clock=clock,
        run=run,
        number=number,
        parents=[],
        ops=[bytes(op) for op in ops],
        target=target,
        over=[bytes(id_) for id_ in over or ()],
        timer=0,
        content=msgspec.Raw(msgspec.msgpack.encode(words)),
    )


class Told:
    """A group's story, and what its people say in it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.said: list[SaidInGroup] = []

    def says(self, author: str, said: Entry) -> EntryId:
        self.said.append(SaidInGroup(key_of(author), said))
        return self.said[-1].id(self.story.create)

    def replica(self, name: str, order: list[Thing]) -> GroupReplica:
        replica = GroupReplica(self.story.operations[0], key_of(name))
        replica.take(order)
        return replica

    def replicas(self) -> list[GroupReplica]:
        """Members who got all of it in different orders."""
        operations: list[Thing] = [*self.story.operations[1:]]
        mixed: list[Thing] = [*self.said, *operations]
        Random(1).shuffle(mixed)
        return [
            self.replica("O", [*operations, *self.said]),
            self.replica("A", [*self.said[::-1], *operations]),
            self.replica("M", mixed),
        ]


# --- The known answers --------------------------------------------------------------------------


def known_entries(
    graph: KnownGraph,
) -> tuple[list[Operation], list[tuple[KnownEntry, SaidInGroup]]]:
    """Return a known graph and its entries: changes are about a first text, of who began it."""
    operations, beginner = operations_of(graph), graph.ops[0].author
    ids = [operation.id for operation in operations]
    first = SaidInGroup(key_of(beginner), entry(Kind.TEXT, [ids[0]], number=1 << 30, run=9))
    is_first = KnownEntry(
        beginner,
        "object",
        [0],
        9,
        1 << 30,
        named=True,
        now=True,
        ends=[],
        covered=[],
        verdict="counts",
    )
    found = [(is_first, first)]
    for place, known in enumerate(graph.entries):
        kind = KIND_OF[known.right]
        said = entry(
            kind,
            [ids[op] for op in known.ops],
            target=b"" if kind in (Kind.TEXT, Kind.TIMER) else first.id(ids[0]),
            number=known.number,
            run=known.run,
            clock=NOW + place,
        )
        found.append((known, SaidInGroup(key_of(known.author), said)))
    return operations, found


@pytest.mark.parametrize("graph", known_graphs("group-entries"), ids=lambda graph: graph.name)
def test_known_entries_have_their_known_answers_in_a_vault(graph: KnownGraph) -> None:
    operations, entries = known_entries(graph)
    # Of anybody else a retraction of the first text is invalid by that alone.
    beginner = graph.ops[0].author
    told: list[Thing] = [said for _, said in entries]
    later: list[Thing] = [*operations[1:]]
    mixed = [*told, *later]
    Random(len(mixed)).shuffle(mixed)
    for order in ([*later, *told], [*told, *later], mixed):
        replica = GroupReplica(operations[0], key_of("O"))
        replica.take(order)
        for known, said in entries:
            row = replica.row(said.id(operations[0].id))
            if known.right != "retract" or known.author == beginner:
                assert (row.verdict, row.is_apart) == VERDICT[known.verdict], known


# --- Stories ------------------------------------------------------------------------------------


def removed_at_once() -> tuple[Told, OperationId]:
    """B is removed, and does not know it yet."""
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    story.tell("O", remove("B"))
    return Told(story), known


def talk_on_unmarked() -> bool:
    """13 of the attacks: B, who was removed, writes and reacts under what he still has."""
    told, known = removed_at_once()
    mine = told.says("M", entry(Kind.TEXT, [known], number=1))
    text = told.says("B", entry(Kind.TEXT, [known], content=["from B"], number=1))
    told.says("B", entry(Kind.REACT, [known], target=mine, number=2))
    told.says("B", entry(Kind.PIN, [known], target=mine, number=3))
    found = []
    for replica in told.replicas():
        items = {str(item["id"]): item for item in replica.items()}
        assert items[text.hex()]["text"] == "from B"
        found.append(
            (
                items[text.hex()]["is_apart"],
                items[mine.hex()]["reactions"],
                items[mine.hex()]["is_pinned"],
            )
        )
    assert found.count(found[0]) == len(found)
    return found[0] != (True, [], False)


def test_who_was_removed_elsewhere_is_shown_and_marked_and_changes_nothing() -> None:
    assert not talk_on_unmarked()
    with without("who is removed is ended"):
        assert talk_on_unmarked()


def test_who_was_removed_still_takes_back_his_own_words() -> None:
    told, known = removed_at_once()
    text = told.says("B", entry(Kind.TEXT, [known], content=["from B"], number=1))
    told.says("B", entry(Kind.EDIT, [known], target=text, content=["other", [], []], number=2))
    told.says("B", entry(Kind.RETRACT, [known], target=text, number=3))
    for replica in told.replicas():
        (item,) = replica.items()
        assert (item["gone"], item["text"]) == ("retracted", "")
        assert replica.connection.execute("SELECT count(*) FROM texts").fetchone() == (0,)


def test_a_retraction_by_who_was_no_member_takes_nothing_back() -> None:
    story = Story("A", "B", "M")
    known = story.last
    # What B wrote until then is known.
    out = story.tell("O", Remove((Removal(key_of("B"), None, (RunHad(1, 3, ()),)),)))
    told = Told(story)
    text = told.says("B", entry(Kind.TEXT, [known], content=["from B"], number=1))
    told.says("B", entry(Kind.EDIT, [known], target=text, content=["other", [], []], number=2))
    told.says("B", entry(Kind.RETRACT, [out], target=text, number=4))
    operations: list[Thing] = [*story.operations[1:]]
    for said in permutations(told.said):
        for order in ([*operations, *said], [*said, *operations]):
            (item,) = told.replica("O", [*order]).items()
            assert (item["gone"], item["text"]) == ("", "other")


@pytest.mark.parametrize("by", ["A", "M"])
def test_admins_hide_and_members_do_not(by: str) -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    text = told.says("B", entry(Kind.TEXT, [known], content=["bad words"], number=1))
    told.says("B", entry(Kind.REACT, [known], target=text, number=2))
    hide = told.says(by, entry(Kind.HIDE, [known], target=text, number=1))
    for replica in told.replicas():
        (item,) = replica.items()
        found = replica.vault.search.find('"bad"', (), conversation=None, before=1 << 40, limit=9)
        if by == "M":
            assert (item["gone"], item["text"], len(found)) == ("", "bad words", 1)
            assert replica.row(hide).verdict == "invalid"
            continue
        assert (item["gone"], item["text"], found) == ("hidden", "", [])
        assert msgspec.convert(item["hidden"], dict[str, object])["label"] in ("A", "Me")
        assert item["reactions"] == []


def test_what_was_hidden_is_shown_again_by_who_sees_it_and_when_the_admin_was_none() -> None:
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    text = told.says("M", entry(Kind.TEXT, [known], number=1))
    hide = told.says("A", entry(Kind.HIDE, [known], target=text, number=1))
    hidden = GroupReplica(story.operations[0], key_of("O"))
    hidden.take([*story.operations[1:], *told.said])
    assert hidden.items()[0]["gone"] == "hidden"
    # A removal that comes late, and did not know of it.
    story.tell("O", remove("A"), known)
    hidden.take([story.operations[-1]])
    assert (hidden.items()[0]["gone"], hidden.items()[0]["text"]) == ("", "a text")
    told.says("O", entry(Kind.HIDE, [known], target=text, content=[False], number=1, over=[hide]))
    for replica in told.replicas():
        assert replica.items()[0]["gone"] == ""


def test_a_close_that_counts_no_more_lets_votes_count_again() -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    poll = told.says("M", entry(Kind.POLL, [known], number=1))
    told.says("A", entry(Kind.CLOSE, [known], target=poll, content=[NOW + 5], number=1))
    told.says("B", entry(Kind.VOTE, [known], target=poll, number=1, clock=NOW + 9))
    first = told.replica("O", [*story.operations[1:], *told.said])
    closed = msgspec.convert(first.items()[0]["poll"], dict[str, object])
    assert (closed["voters_count"], closed["late_count"], closed["of"]) == (0, 1, 4)
    story.tell("O", role("A", Role.MEMBER), known)
    first.take([story.operations[-1]])
    for replica in (first, *told.replicas()):
        open_ = msgspec.convert(replica.items()[0]["poll"], dict[str, object])
        assert (open_["voters_count"], open_["late_count"], open_["closes"]) == (1, 0, 0)


def test_a_poll_beyond_the_last_clock_ends_never_again_when_its_close_counts_no_more() -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    question = ["which", ["a", "b"], False, (1 << 40) - 1]
    poll = told.says("M", entry(Kind.POLL, [known], number=1, content=question))
    told.says("M", entry(Kind.CLOSE, [known], target=poll, content=[NOW + 5], number=2))
    told.says("B", entry(Kind.VOTE, [known], target=poll, number=1, clock=NOW + 9))
    first = told.replica("O", [*story.operations[1:], *told.said])
    story.tell("O", remove("M"), known)
    first.take([story.operations[-1]])
    for replica in (first, *told.replicas()):
        open_ = msgspec.convert(replica.items()[0]["poll"], dict[str, object])
        assert (open_["voters_count"], open_["late_count"]) == (1, 0)


def test_a_vote_of_who_is_removed_and_brought_back_goes_and_comes() -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    poll = told.says("M", entry(Kind.POLL, [known], number=1))
    vote = told.says("B", entry(Kind.VOTE, [known], target=poll, number=1))
    replica = told.replica("O", [*story.operations[1:], *told.said])

    def voters() -> object:
        return msgspec.convert(replica.items()[0]["poll"], dict[str, object])["voters_count"]

    assert voters() == 1
    out = story.tell("A", remove("B"), known)
    replica.take([story.operations[-1]])
    assert (voters(), replica.row(vote).is_apart) == (0, True)
    # The admin who did it is removed by somebody who does not accept it.
    story.tell("O", remove("A", undo=[]), out)
    replica.take([story.operations[-1]])
    assert (voters(), replica.row(vote).is_apart) == (1, False)
    for other in told.replicas():
        assert other.shown() == replica.shown()


def test_a_vote_that_is_apart_stays_so_when_the_poll_ends() -> None:
    told, known = removed_at_once()
    poll = told.says("M", entry(Kind.POLL, [known], number=1))
    told.says("B", entry(Kind.VOTE, [known], target=poll, number=1))
    told.says("O", entry(Kind.VOTE, [known], target=poll, number=1))
    told.says("M", entry(Kind.CLOSE, [known], target=poll, content=[NOW + 5], number=2))
    for replica in told.replicas():
        poll_told = msgspec.convert(replica.items()[0]["poll"], dict[str, object])
        assert (poll_told["voters_count"], poll_told["late_count"]) == (1, 0)


def test_what_somebody_had_replaced_stands_again_when_he_counts_no_more() -> None:
    told, known = removed_at_once()
    text = told.says("M", entry(Kind.TEXT, [known], number=1))
    off = told.says("O", entry(Kind.PIN, [known], target=text, content=[False], number=1))
    on = told.says("M", entry(Kind.PIN, [known], target=text, number=2, clock=NOW + 1))
    over = [off, on]
    told.says(
        "B",
        entry(Kind.PIN, [known], target=text, content=[False], number=1, clock=NOW + 2, over=over),
    )
    for replica in told.replicas():
        assert replica.items()[0]["is_pinned"] is True
    before = GroupReplica(told.story.operations[0], key_of("M"))
    before.take([*told.story.operations[1:-1], *told.said])
    assert before.items()[0]["is_pinned"] is False
    before.take(told.story.operations[-1:])
    assert before.items()[0]["is_pinned"] is True


def test_of_two_words_of_one_the_cut_lets_the_first_count() -> None:
    story = Story("A", "B", "M")
    known = story.last
    told = Told(story)
    text = told.says("M", entry(Kind.TEXT, [known], number=1))
    first = told.says("B", entry(Kind.PIN, [known], target=text, number=2))
    told.says("B", entry(Kind.PIN, [known], target=text, content=[False], number=3, over=[first]))
    early = told.replica("O", [*story.operations[1:], *told.said])
    assert early.items()[0]["is_pinned"] is False
    story.tell("O", Remove((Removal(key_of("B"), None, (RunHad(1, 3, ()),)),)))
    early.take(story.operations[-1:])
    for replica in (early, *told.replicas()):
        assert replica.items()[0]["is_pinned"] is True


def test_who_wrote_by_a_setting_that_is_void_is_apart() -> None:
    story = Story("A", "M")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("O", setting_change({"write": "admins"}))
    opened = story.tell("A", setting_change({"write": "members"}))
    told = Told(story)
    text = told.says("M", entry(Kind.TEXT, [opened], number=1))
    early = told.replica("O", [*story.operations[1:], *told.said])
    assert early.items()[0]["is_apart"] is False
    story.tell("O", remove("A", undo=[]))
    early.take(story.operations[-1:])
    for replica in (early, *told.replicas()):
        assert replica.row(text).is_apart is True


def test_of_each_author_one_head_is_named_and_nobody_fills_the_places() -> None:
    story = Story("A", "B", "M")
    known = story.last
    told = Told(story)
    for number in range(70):
        told.says("B", entry(Kind.TEXT, [known], content=[f"b{number}"], number=number))
    ids = {
        name: told.says(name, entry(Kind.TEXT, [known], number=1, clock=NOW + 5)) for name in "AMO"
    }
    replica = told.replica("O", [*story.operations[1:], *told.said])
    parents = replica.history.ancestry_of_next(replica.conversation, NOW >> 16).parents
    assert bytes(parents[0]) == bytes(ids["O"])
    assert {*map(bytes, ids.values())} < {*map(bytes, parents)}
    assert len(parents) == 4
    heads = replica.connection.execute("SELECT count(*) FROM heads").fetchone()
    # Of B 64, and one of each other.
    assert heads == (67,)


def test_a_number_that_is_used_again_slips_under_no_cut() -> None:
    story = Story("A", "B", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    first = told.says("B", entry(Kind.TEXT, [known], content=["one"], number=1))
    story.tell("O", Remove((Removal(key_of("B"), None, (RunHad(1, 2, ()),)),)), known)
    for replica in told.replicas():
        assert replica.row(first).is_apart is False
    second = told.says("B", entry(Kind.TEXT, [known], content=["two"], number=1))
    for replica in told.replicas():
        assert replica.row(first).is_apart is replica.row(second).is_apart is True


def test_what_waits_for_an_operation_gets_its_number_when_it_comes() -> None:
    story = Story("B", "M")
    known = story.last
    told = Told(story)
    early = told.says("B", entry(Kind.TEXT, [known], content=["early"], number=1))
    other = told.says("O", entry(Kind.TEXT, [story.create], content=["other"], number=1))
    change = told.says("B", entry(Kind.REACT, [known], target=early, number=2))
    replica = told.replica("O", [*told.said])
    assert [item["id"] for item in replica.items()] == [other.hex()]
    assert [replica.row(id_).verdict for id_ in (early, change)] == ["waiting", "waiting"]
    replica.take([*story.operations[1:]])
    numbers = {str(item["id"]): item["number"] for item in replica.items()}
    assert set(numbers) == {early.hex(), other.hex()}
    assert int(str(numbers[early.hex()])) > int(str(numbers[other.hex()]))
    item = next(item for item in replica.items() if item["id"] == early.hex())
    assert len(msgspec.convert(item["reactions"], list[object])) == 1
    unread = replica.vault.conversations.summary(replica.conversation).unread_count
    assert unread == 1


def test_what_is_about_a_change_is_invalid_whatever_that_waits_for() -> None:
    story = Story("A", "B", "M")
    known = story.last
    told = Told(story)
    text = told.says("M", entry(Kind.TEXT, [known], number=1))
    change = told.says("B", entry(Kind.REACT, [known], target=text, number=1))
    about = told.says("B", entry(Kind.REACT, [known], target=change, number=2))
    operations: list[Thing] = [*story.operations[1:]]
    for said in permutations(told.said):
        for order in ([*operations, *said], [*said, *operations]):
            replica = told.replica("O", order)
            verdicts = [replica.row(id_).verdict for id_ in (change, about)]
            assert verdicts == ["valid", "invalid"]


def test_what_waits_costs_rows_and_crowds_nothing_out() -> None:
    story = Story("B", "M")
    told = Told(story)
    for number in range(300):
        ghost = OperationId(number.to_bytes(32))
        told.says("B", entry(Kind.TEXT, [ghost], number=number))
    text = told.says("M", entry(Kind.TEXT, [story.last], number=1))
    replica = told.replica("O", [*story.operations[1:], *told.said])
    assert [item["id"] for item in replica.items()] == [text.hex()]
    assert replica.vault.conversations.summary(replica.conversation).unread_count == 1


@pytest.mark.parametrize("passed_s", [1_000, 4_000])
def test_the_time_of_what_waits_does_not_run_before_somebody_can_read_it(passed_s: int) -> None:
    story = Story("A", "M")
    late = story.tell("O", role("A", Role.ADMIN))
    told = Told(story)
    text = told.says("M", msgspec.structs.replace(entry(Kind.TEXT, [late]), timer=3_600))
    replica = told.replica("O", [*story.operations[1:-1], *told.said])
    assert replica.row(text).verdict == "waiting"

    def tend(passed_s: int) -> None:
        now, erasing = replica.person.now, replica.entries.erasing
        later = Instant(now.after(passed_s * 1_000), now.wall + passed_s * 1_000_000)
        with transaction(replica.connection):
            erasing.start_timers(later)
            erasing.expire_running(later)
            erasing.expire(later)

    tend(0)
    tend(passed_s)
    replica.take([story.operations[-1]])
    tend(passed_s)
    row = replica.row(text)
    assert (row.is_read, row.disappears, row.gone) == (False, 0, "")
    assert [item["text"] for item in replica.items()] == ["a text"]
    # Nobody reads it, so it stays.
    tend(8_000)
    assert replica.row(text).gone == ""


def test_settings_rule_who_writes_by_the_operations_that_an_entry_names() -> None:
    story = Story("A", "M")
    before = story.last
    story.tell("O", setting_change({"write": "admins"}))
    told = Told(story)
    old = told.says("M", entry(Kind.TEXT, [before], content=["old"], number=1))
    new = told.says("M", entry(Kind.TEXT, [story.last], content=["new"], number=2))
    for replica in told.replicas():
        assert [item["id"] for item in replica.items()] == [old.hex()]
        assert replica.row(new).verdict == "invalid"
