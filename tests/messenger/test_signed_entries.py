"""Entries of groups as they are signed, come in, are put off, and go out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from mesh.commands.conversations import AskConversation, ConversationAnswer, ReadItems, SetTimer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.item_commands import (
    AskItems,
    AskItemsByArrival,
    EditItem,
    HideItem,
    PinItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.content.entry import Kind, OperationId
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.events import ItemAdded, MessageReceived
from mesh.group.membership import Membership
from mesh.group.operations import (
    NO_CONSENT,
    RULES,
    Add,
    Create,
    Operation,
    Record,
    Role,
    RoleChange,
)
from mesh.group.payload import SignedEntry, is_entry_valid
from mesh.group.posts import GroupId
from mesh.group.settings import SettingsChange
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.limits.content import HIDDEN_KEPT_SECONDS
from mesh.limits.groups import VIEW_PAUSE_MS, VIEWS_PER_AUTHOR_PER_DAY_MAX
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.group_rules import GroupRules, Told
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.conversations.member_names import MemberNames
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import ConversationRow, EntryRow
from mesh.storage.vault.vault import Vault
from tests.group.scenarios import Story, record_of
from tests.messenger.people import Clock, Person
from tests.messenger.test_group_standing import Told as Telling
from tests.messenger.test_group_standing import entry

KEYS = {
    name: SigningKey.from_seed(bytes([number]) * 32)
    for number, name in enumerate(("Ann", "Ben", "Cleo"), 1)
}


def key(name: str) -> VerifyKey:
    return VerifyKey(KEYS[name].verify_key)


def record(name: str) -> Record:
    return Record(key(name), bytes(32), bytes(32), bytes(16), name, NO_CONSENT)


def operation(number: int, action: Create | Add | RoleChange, *parents: OperationId) -> Operation:
    id_ = OperationId(number.to_bytes(32))
    return Operation(id_, key("Ann"), number, number, parents, (), action)


CREW = 2
"""The conversation of the group with all of them, who have no other group."""

CREATE = operation(1, Create(RULES, bytes(16), record("Ann"), SettingsChange(name="Crew")))
ADD = operation(2, Add((record("Ben"), record("Cleo"))), CREATE.id)


@dataclass
class Member:
    """A person with a whole messenger who is in the group; what they write is collected."""

    name: str
    clock: Clock
    person: Person = field(init=False)
    conversation: ConversationId = field(init=False)
    written: list[SignedEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.person = Person(self.name, self.clock)
        with transaction(self.person.connection):
            self.conversation = self.vault.conversations.add_group()
        assert self.conversation == CREW
        self.rules = GroupRules(
            conversation=self.conversation,
            membership=Membership.of([CREATE, ADD]),
            signing=KEYS[self.name],
            authors=self.vault.authors,
            names=MemberNames(self.vault.member_names, self.vault.authors),
        )
        self.groups.entries.rules.of_group = lambda conversation: self.rules
        self.groups.post = self.post

    @property
    def vault(self) -> Vault:
        return Vault(self.person.connection)

    @property
    def groups(self) -> GroupEntries:
        assert self.person.messenger.person is not None
        return self.person.messenger.person.conversations.groups

    def post(self, conversation: ConversationRow, new: NewEntry, now: Instant) -> EntryRow:
        self.written.append(SignedEntry(new.data, new.signature))
        row = msgspec.structs.replace(new.row, state="queued")
        assert self.person.messenger.person is not None
        return self.groups.entries.add(replace(new, row=row), now)

    def do(self, asked: object) -> ItemAnswer:
        answer = self.person.ask(asked)  # type: ignore[arg-type]  # any of the commands
        assert isinstance(answer, ItemAnswer)
        return answer

    def items(self) -> list[ItemAnswer]:
        page = self.person.ask(AskItems(CREW))
        assert isinstance(page, ItemsAnswer)
        return page.items

    def take(self, author: str, *signed: SignedEntry) -> None:
        with transaction(self.person.connection):
            for one in signed:
                new = self.groups.received(self.conversation, key(author), one, self.person.now)
                row = self.groups.entries.add(new, self.person.now)
                assert self.person.messenger.person is not None
                if row.place:
                    self.person.messenger.person.message_pages.tell_added(row)
        self.person._carry_out(self.person.messenger.take_effects())


@pytest.fixture
def crew() -> tuple[Member, Member]:
    clock = Clock()
    return Member("Ann", clock), Member("Ben", clock)


def test_what_a_member_writes_is_signed_and_any_other_takes_it_and_passes_it_on(
    crew: tuple[Member, Member],
) -> None:
    ann, ben = crew
    mine = ann.do(WriteItem(CREW, text="all aboard"))
    poll = ann.do(WriteItem(CREW, "poll", question="when?", options=("now", "later")))
    ann.do(Vote(poll.number, (0,)))
    assert mine.author.key == key("Ann").hex()
    assert mine.devices == DevicesAnswer(told=None, of=2, silent=None)
    group = GroupId(CREATE.id)
    assert all(
        is_entry_valid(one, group=group, author=key("Ann"), verify=is_signature_valid)
        for one in ann.written
    )
    ben.take("Ann", *ann.written)
    shown, asked = ben.items()
    assert (shown.text, shown.author.label, shown.author.is_mine) == ("all aboard", "Ann", False)
    assert (shown.id, shown.devices, shown.is_apart) == (mine.id, None, False)
    assert asked.poll is not None
    assert (asked.poll.options[0].who, asked.poll.of) == (["Ann"], 3)
    told = [type(event) for event in ben.person.events]
    assert told.count(ItemAdded) == 2
    # Programs that know messages alone know nothing of groups.
    assert MessageReceived not in told
    row = ben.vault.entries.message(shown.number)
    assert ben.groups.find_signed(row) == ann.written[0]
    by_arrival = ben.person.ask(AskItemsByArrival(after=0))
    assert isinstance(by_arrival, ItemsAnswer)
    assert [one.id for one in by_arrival.items] == [shown.id, asked.id]
    answer = ben.person.ask(AskConversation(CREW))
    assert isinstance(answer, ConversationAnswer)
    assert (answer.kind, answer.title, answer.contact, answer.unread_count) == (
        "group",
        "Crew",
        0,
        2,
    )
    answer = ben.person.ask(ReadItems(CREW, asked.number))
    assert isinstance(answer, ConversationAnswer)
    assert answer.unread_count == 0


def test_of_the_time_before_only_what_disappears_once_read_is_unread(
    crew: tuple[Member, Member],
) -> None:
    ann, ben = crew
    # It was written before she knew of him, and waited for keys.
    ann.rules.membership = Membership.of([CREATE])
    ann.do(WriteItem(CREW, text="for good"))
    ann.do(WriteItem(CREW, text="for an hour", timer=3_600))
    ben.take("Ann", *ann.written)
    ben.person.tend()
    ben.clock.pass_by(4_000)
    ben.person.tend()
    assert [(one.text, one.disappears) for one in ben.items()] == [
        ("for good", 0),
        ("for an hour", 0),
    ]
    answer = ben.person.ask(AskConversation(CREW))
    assert isinstance(answer, ConversationAnswer)
    assert answer.unread_count == 1
    ben.person.ask(ReadItems(CREW, ben.items()[-1].number))
    ben.person.tend()
    assert ben.items()[-1].disappears == ben.person.now.expiry + 3_600


def test_the_words_of_a_member_cannot_be_another_ones_or_of_another_group(
    crew: tuple[Member, Member],
) -> None:
    ann, ben = crew
    ann.do(WriteItem(CREW, text="I owe you nothing"))
    (signed,) = ann.written
    for author, one in (
        ("Cleo", signed),
        ("Ann", SignedEntry(signed.entry, bytes(64))),
        ("Ann", SignedEntry(signed.entry[:-1] + b"\x00", signed.signature)),
    ):
        with pytest.raises(PeerError):
            ben.take(author, one)
    ben.rules.membership = Membership.of(
        [operation(9, Create(RULES, bytes(16), record("Ann"), SettingsChange(name="Crew")))]
    )
    with pytest.raises(PeerError, match="did not sign"):
        ben.take("Ann", signed)
    assert ben.items() == []


def test_who_has_no_right_is_refused_in_words_and_nothing_is_written(
    crew: tuple[Member, Member],
) -> None:
    ann, ben = crew
    ann.do(WriteItem(CREW, text="hello"))
    ben.take("Ann", *ann.written)
    (item,) = ben.items()
    refused = (
        HideItem(item.number),
        WriteItem(CREW, "notice", text="hear"),
        SetTimer(CREW, 60),
        EditItem(item.number, "other words"),
    )
    kinds = []
    for asked in refused:
        with pytest.raises(UserError) as error:
            ben.person.ask(asked)
        kinds.append(error.value.kind)
    assert kinds == ["not-allowed", "not-allowed", "not-allowed", "not-yours"]
    assert ben.written == []
    # As admin, which he is made.
    raised = operation(3, RoleChange(key("Ben"), Role.ADMIN, None, ()), ADD.id)
    ben.rules.membership.add(raised)
    hidden = ben.do(HideItem(item.number))
    assert (hidden.gone, hidden.text) == ("hidden", "")
    assert hidden.hidden is not None
    assert (hidden.hidden.label, hidden.hidden.is_me) == ("Ben", True)
    assert ben.do(HideItem(item.number, is_on=False)).text == "hello"
    assert ben.do(PinItem(item.number)).is_pinned


def test_what_is_hidden_for_a_week_is_erased_and_not_before(crew: tuple[Member, Member]) -> None:
    ann, _ = crew
    item = ann.do(WriteItem(CREW, text="bad words"))
    other = ann.do(WriteItem(CREW, text="good words"))
    ann.do(HideItem(item.number))
    ann.do(HideItem(other.number))
    ann.do(HideItem(other.number, is_on=False))
    ann.person.tend()
    for seconds, contents in ((HIDDEN_KEPT_SECONDS - 60, 5), (120, 3)):
        ann.clock.pass_by(seconds)
        ann.person.tend()
        count = ann.person.connection.execute("SELECT count(*) FROM contents").fetchone()
        assert count == (contents,)
        assert [one.gone for one in ann.items()] == ["hidden", ""]
    with pytest.raises(UserError, match="an admin hid it"):
        ann.do(HideItem(item.number, is_on=False))


def test_what_is_hidden_anew_is_kept_for_a_week_of_its_own(crew: tuple[Member, Member]) -> None:
    """Another admin's word of long ago is that admin's last one still, and stands no more."""
    ann, ben = crew
    item = ann.do(WriteItem(CREW, text="words"))
    for member in crew:
        raised = operation(3, RoleChange(key("Ben"), Role.ADMIN, None, ()), ADD.id)
        member.rules.membership.add(raised)
    ann.do(HideItem(item.number))
    ann.person.tend()
    ben.take("Ann", *ann.written)
    (theirs,) = ben.items()
    ben.do(HideItem(theirs.number, is_on=False))
    ann.take("Ben", ben.written[-1])
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS + 86_400)
    ann.person.tend()
    assert ann.items()[0].text == "words"
    ben.do(HideItem(theirs.number))
    ann.take("Ben", ben.written[-1])
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS - 60)
    ann.person.tend()
    assert ann.do(HideItem(item.number, is_on=False)).text == "words"
    ann.do(HideItem(item.number))
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS)
    ann.person.tend()
    with pytest.raises(UserError, match="an admin hid it"):
        ann.do(HideItem(item.number, is_on=False))


def test_mesh_time_that_is_put_back_lets_no_hidden_words_be_erased_early(
    crew: tuple[Member, Member],
) -> None:
    ann, _ = crew
    # Neighbours say that it is 30 days earlier than it is.
    ann.person.wall_error_s, ann.person.is_clock_corrected = 30 * 86_400, True
    assert ann.person.now.mesh == ann.person.now.expiry - 30 * 86_400
    item = ann.do(WriteItem(CREW, text="bad words"))
    ann.do(HideItem(item.number))
    ann.clock.pass_by(86_400)
    ann.person.tend()
    assert ann.do(HideItem(item.number, is_on=False)).text == "bad words"
    ann.do(HideItem(item.number))
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS)
    ann.person.tend()
    with pytest.raises(UserError, match="an admin hid it"):
        ann.do(HideItem(item.number, is_on=False))


def test_what_is_hidden_under_a_calendar_that_is_behind_is_not_erased_once_that_is_set_right(
    crew: tuple[Member, Member],
) -> None:
    ann, _ = crew
    # A computer whose clock has no battery.
    ann.person.wall_error_s, ann.person.is_clock_steady = -10 * 86_400, False
    item = ann.do(WriteItem(CREW, text="bad words"))
    ann.do(HideItem(item.number))
    ann.person.tend()
    ann.person.wall_error_s, ann.person.is_clock_steady = 0, True
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS - 60)
    ann.person.tend()
    assert ann.do(HideItem(item.number, is_on=False)).text == "bad words"
    ann.do(HideItem(item.number))
    ann.person.tend()
    ann.clock.pass_by(HIDDEN_KEPT_SECONDS)
    ann.person.tend()
    with pytest.raises(UserError, match="an admin hid it"):
        ann.do(HideItem(item.number, is_on=False))


def test_devices_are_those_that_were_members_and_are_and_their_word_counts(
    crew: tuple[Member, Member],
) -> None:
    ann, _ = crew
    asked: list[list[VerifyKey]] = []

    def told(row: EntryRow, members: Sequence[VerifyKey]) -> Told:
        asked.append(list(members))
        return Told(told=1, silent=0)

    ann.rules.told = told
    item = ann.do(WriteItem(CREW, text="hello"))
    assert item.devices == DevicesAnswer(told=1, of=2, silent=0)
    assert sorted(asked[-1]) == sorted([key("Ben"), key("Cleo")])


def test_rights_that_take_long_to_find_wait_beyond_an_authors_share() -> None:
    story = Story("B", "M")
    heads = [story.last]
    for number in range(VIEWS_PER_AUTHOR_PER_DAY_MAX + 5):
        # Beside each other, so that each asks for a view of its own, but the first, which is known.
        heads.append(story.tell("O", Add((record_of(f"p{number}"),)), story.operations[1].id))
    telling = Telling(story)
    for number, head in enumerate(heads[1:]):
        telling.says("B", entry(Kind.TEXT, [head], number=number))
    replica = telling.replica("O", [*story.operations[1:], *telling.said])
    waiting = "SELECT count(*) FROM entries WHERE verdict = 'waiting'"
    assert replica.connection.execute(waiting).fetchone() == (4,)
    chores = replica.groups.feature().chores
    now = replica.person.now
    for pause_ms, left in (
        (0, 3),
        (0, 3),
        (VIEW_PAUSE_MS, 2),
        (VIEW_PAUSE_MS, 1),
        (VIEW_PAUSE_MS, 0),
    ):
        now = Instant(now.after(pause_ms), now.wall + pause_ms * 1_000)
        with transaction(replica.connection):
            for chore in chores:
                chore.task(now)
        assert replica.connection.execute(waiting).fetchone() == (left,)
    assert len(replica.items()) == len(heads) - 1
