"""A person's doings, and what is seen of them: two or three messengers, joined by hand."""

import pytest

from mesh.commands.contacts import AskContacts, ContactAnswer, RenameContact
from mesh.commands.identity import AskIdentity, CreateIdentity, IdentityAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.crypto.kem import PycaKem
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    MessageReceived,
    MessageSent,
    MessageStateChanged,
)
from mesh.ids import PostingKey
from mesh.limits.messages import TEXT_BYTES_MAX
from mesh.messenger.account import Environment
from mesh.messenger.messenger import Messenger
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from tests.entropy import SeededEntropy
from tests.messenger.people import DAY_S, WITHOUT_STAMPS, Clock, Person, acquainted, exchange


def test_before_the_first_run_there_is_nobody_at_home() -> None:
    connection, clock = connect(None, None), Clock()
    migrate_vault(connection)
    with transaction(connection):
        environment = Environment(
            parameters=WITHOUT_STAMPS,
            entropy=SeededEntropy(1),
            kem=PycaKem(),
            is_tag_stored=lambda _tag: False,
            has_body=lambda _tag: False,
        )
        messenger = Messenger(connection, environment, now=clock.now)
        with pytest.raises(UserError) as caught:
            messenger.command(AskContacts(), now=clock.now)
    assert caught.value.kind == "no-identity"
    assert messenger.person is None
    assert messenger.deadline() is None
    assert messenger.summary().name == ""


def test_an_identity_is_made_once_and_survives_a_restart() -> None:
    ann = Person("Ann", Clock())
    before = ann.ask(AskIdentity())
    ann.restart()
    assert ann.ask(AskIdentity()) == before
    assert isinstance(before, IdentityAnswer)
    assert before.name == "Ann"
    with pytest.raises(UserError) as caught:
        ann.ask(CreateIdentity("Eve"))
    assert caught.value.kind == "exists"


@pytest.mark.parametrize(
    "name", ["", "  ", "A\nB", "A\u202eB", "\u200b", "A\x07", "x" * 65, "ü" * 33, "\ud800"]
)
def test_a_name_that_hides_something_is_refused(name: str) -> None:
    with pytest.raises(UserError) as caught:
        Person(name, Clock())
    assert caught.value.kind == "bad-name"


def test_an_invite_makes_two_people_contacts_before_anybody_writes() -> None:
    ann, bob = acquainted(Clock())
    (bob_at_ann,), (ann_at_bob,) = ann.contacts(), bob.contacts()
    assert (bob_at_ann.label, bob_at_ann.name, bob_at_ann.state) == ("Bob", "Bob", "answered")
    assert (ann_at_bob.label, ann_at_bob.name, ann_at_bob.state) == ("Ann", "Ann", "answered")
    assert (bob_at_ann.trust, ann_at_bob.trust) == ("first seen", "known")
    # What repetitions of a first contact would share is erased.
    for table in ("first_contacts", "invitations"):
        assert bob.connection.execute(f"SELECT * FROM {table}").fetchall() == []
    # A hello is no message.
    assert ann.texts() == bob.texts() == []
    assert sum(isinstance(event, ContactAdded) for event in ann.take_events()) == 1


def test_a_message_is_told_to_both_sides_once() -> None:
    ann, bob = acquainted(Clock())
    bob.take_events()
    sent = ann.send("Bob", "good morning")
    assert any(isinstance(event, MessageSent) for event in ann.take_events())
    posted = ann.post()
    for _ in range(3):
        bob.receive(posted)
    told = [event.message for event in bob.take_events() if isinstance(event, MessageReceived)]
    assert [message.text for message in told] == ["good morning"]
    assert told[0].id == sent.id
    assert (told[0].label, told[0].is_mine, told[0].state) == ("Ann", False, "received")
    assert told[0].sent == sent.sent
    assert bob.texts("Ann") == ann.texts("Bob") == ["good morning"]


def test_messages_written_before_the_first_answer_all_arrive() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    for number in range(5):
        bob.send("Ann", f"before {number}")
    posted = bob.post()
    assert len(posted) == 6
    assert len({envelope.header.tag for envelope in posted}) == 6
    ann.receive(reversed(posted))
    exchange(ann, bob)
    bob.send("Ann", "after")
    ann.send("Bob", "answer")
    exchange(ann, bob)
    assert [text for text in ann.texts("Bob") if text != "answer"] == [
        *(f"before {number}" for number in range(5)),
        "after",
    ]
    assert ann.texts("Bob") == bob.texts("Ann")


def test_any_one_message_of_a_first_contact_is_enough() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    bob.send("Ann", "one")
    bob.send("Ann", "two")
    ann.receive(bob.post()[2:])
    assert ann.texts("Bob") == ["two"]
    exchange(ann, bob)
    assert bob.contacts()[0].state == "answered"


def test_what_is_sent_after_the_answer_bears_new_keys_and_no_tag_of_the_invite() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "one")
    bob.send("Ann", "two")
    one, two = bob.post()
    assert one.header.tag != two.header.tag
    assert one.body != two.body
    ann.receive([two, one])
    assert ann.texts("Bob") == ["one", "two"]


def test_crossing_first_contacts_leave_both_able_to_write() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    ann_link, bob_link = ann.invite().link, bob.invite().link
    bob.add(ann_link)
    ann.add(bob_link)
    ann.send("Bob", "from Ann")
    bob.send("Ann", "from Bob")
    of_ann, of_bob = ann.post(), bob.post()
    ann.receive(of_bob)
    bob.receive(of_ann)
    exchange(ann, bob)
    for number in range(4):
        ann.send("Bob", f"a{number}")
        bob.send("Ann", f"b{number}")
        exchange(ann, bob)
    assert len(ann.contacts()) == len(bob.contacts()) == 1
    assert sorted(ann.texts("Bob")) == sorted(bob.texts("Ann"))
    assert ann.texts("Bob") == bob.texts("Ann")
    assert len(ann.texts("Bob")) == 10


def test_hundreds_of_messages_to_somebody_who_was_away_come_in_any_order() -> None:
    ann, bob = acquainted(Clock())
    for number in range(600):
        ann.send("Bob", str(number))
    posted = ann.post()
    # The window is 256 beyond the highest opened, so most are looked up in the store later.
    bob.receive(reversed(posted))
    assert bob.texts("Ann") == [str(number) for number in range(600)]


def test_both_see_the_same_order_whatever_came_first() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for turn in range(6):
        clock.pass_by(1)
        ann.send("Bob", f"a{turn}")
        bob.send("Ann", f"b{turn}")
    of_ann, of_bob = ann.post(), bob.post()
    ann.receive(reversed(of_bob))
    bob.receive(of_ann[::2] + of_ann[1::2])
    assert ann.texts("Bob") == bob.texts("Ann")
    assert len(ann.texts("Bob")) == 12


def test_a_clock_that_is_ahead_cannot_put_an_answer_above_its_question() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.wall_error_s = 10_000
    bob.send("Ann", "question from tomorrow")
    question = bob.post()
    ann.receive(question)
    clock.pass_by(1)
    ann.send("Bob", "answer")
    ann.send("Bob", "and more")
    bob.receive(reversed(ann.post()))
    assert ann.texts("Bob") == ["question from tomorrow", "answer", "and more"]
    assert bob.texts("Ann") == ann.texts("Bob")


def test_a_parent_that_comes_late_pushes_what_follows_it_down() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.wall_error_s = 10_000
    bob.send("Ann", "first")
    bob.wall_error_s = 0
    clock.pass_by(1)
    bob.send("Ann", "second")
    bob.send("Ann", "third")
    first, second, third = bob.post()
    ann.receive([third])
    ann.receive([second])
    ann.receive([first])
    assert ann.texts("Bob") == bob.texts("Ann") == ["first", "second", "third"]


def test_a_message_before_what_was_read_is_marked_late() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "early")
    early = ann.post()
    clock.pass_by(60)
    ann.send("Bob", "late")
    bob.receive(ann.post())
    bob.ask(AskMessages("Ann", mark_read=True))
    bob.receive(early)
    assert [(one.text, one.is_late) for one in bob.messages("Ann")] == [
        ("early", True),
        ("late", False),
    ]


def test_an_empty_or_too_long_text_is_refused_in_words() -> None:
    ann, _ = acquainted(Clock())
    for text, kind in (
        ("", "empty"),
        ("x" * (TEXT_BYTES_MAX + 1), "too-large"),
        ("\ud800", "bad-text"),
    ):
        with pytest.raises(UserError) as caught:
            ann.send("Bob", text)
        assert caught.value.kind == kind
    assert ann.texts() == []


def test_the_longest_text_arrives_and_the_size_class_is_the_smallest_that_fits() -> None:
    ann, bob = acquainted(Clock())
    for text in ("x", "x" * 2_000, "x" * TEXT_BYTES_MAX):
        ann.send("Bob", text)
    posted = ann.post()
    assert [envelope.header.size_class for envelope in posted] == [1, 2, 3]
    bob.receive(posted)
    assert [len(text) for text in bob.texts("Ann")] == [1, 2_000, TEXT_BYTES_MAX]


def test_a_repeated_send_is_one_message_even_after_a_restart() -> None:
    ann, bob = acquainted(Clock())
    first = ann.send("Bob", "once", key="k1")
    assert ann.send("Bob", "once", key="k1") == first
    ann.restart()
    assert ann.send("Bob", "once", key="k1").number == first.number
    with pytest.raises(UserError) as caught:
        ann.send("Bob", "twice", key="k1")
    assert caught.value.kind == "key-reused"
    exchange(ann, bob)
    assert bob.texts("Ann") == ["once"]


def test_mesh_time_that_is_put_back_lets_no_key_of_a_send_be_forgotten_early() -> None:
    ann, _ = acquainted(Clock())
    # Neighbours say that it is 60 days earlier than it is.
    ann.wall_error_s, ann.is_clock_corrected = 60 * DAY_S, True
    ann.tend()
    first = ann.send("Bob", "once", key="k1")
    for _ in range(29):
        ann.clock.pass_by(DAY_S)
        ann.tend()
    assert ann.send("Bob", "once", key="k1").number == first.number
    for _ in range(32):
        ann.clock.pass_by(DAY_S)
        ann.tend()
    assert ann.send("Bob", "once", key="k1").number > first.number


def test_a_sealed_message_is_posted_again_until_the_store_has_it() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "kept")
    taken = ann.messenger.parts.transit.unposted(10, ann.now)
    ann.restart()
    assert ann.messenger.parts.transit.deadline() is not None
    assert [one.id for one in ann.messenger.parts.transit.unposted(10, ann.now)] == [
        one.id for one in taken
    ]
    assert ann.messenger.parts.transit.is_on_its_way(taken[0].id)
    assert ann.messenger.parts.posting_keys.is_own(taken[0].header.posting_key)
    assert not ann.messenger.parts.posting_keys.is_own(PostingKey(bytes(32)))
    bob.receive(ann.post())
    ann.restart()
    assert ann.messenger.parts.transit.unposted(10, ann.now) == []
    assert (ann.messenger.deadline() or 0) <= ann.now.monotonic
    assert ann.messenger.parts.transit.is_on_its_way(taken[0].id)
    assert bob.texts("Ann") == ["kept"]


def test_a_message_is_carried_by_as_many_peers_as_said_so() -> None:
    ann, _ = acquainted(Clock())
    assert ann.send("Bob", "far away").state == "queued"
    posted = ann.post()
    for peer in (b"a" * 32, b"b" * 32, b"a" * 32):
        ann.carried_by(peer, posted)
    (message,) = ann.messages("Bob")
    assert (message.state, message.carriers) == ("carried", 2)
    changes = [one for one in ann.take_events() if isinstance(one, MessageStateChanged)]
    assert [change.message.carriers for change in changes][-2:] == [1, 2]
    ann.restart()
    ann.carried_by(b"c" * 32, posted)
    assert ann.messages("Bob")[0].carriers == 3


def test_a_message_expires_after_thirty_days_and_with_its_last_envelope() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.send("Bob", "too late")
    posted = ann.post()
    assert ann.messenger.summary().outbox_count == 1
    for _ in range(5):
        assert ann.messages("Bob")[0].state == "queued"
        clock.pass_by(7 * 86_400 + 10)
        ann.tend()
        ann.tend()
        newest = ann.post()
        if ann.messages("Bob")[0].state == "queued":
            posted = newest
    assert ann.messages("Bob")[0].state == "expired"
    assert not any(ann.messenger.parts.transit.is_on_its_way(one.id) for one in posted)
    assert ann.messenger.summary().outbox_count == 0
    # What a peer says afterwards changes nothing.
    ann.carried_by(b"a" * 32, posted)
    assert ann.messages("Bob")[0].state == "expired"
    bob.receive(posted)
    assert bob.texts("Ann") == ["too late"]


def test_contacts_are_found_by_label_number_and_key() -> None:
    ann, _ = acquainted(Clock())
    (contact,) = ann.contacts()
    for named in (
        "Bob",
        "bob",
        str(contact.id),
        contact.key,
        contact.key[:8],
        contact.key[:9].upper(),
    ):
        assert ann.send(named, "found").contact == contact.id
    for named in ("Bo", "99", contact.key[:7], "", "\ud800", "9" * 40):
        with pytest.raises(UserError) as caught:
            ann.send(named, "lost")
        assert caught.value.kind == "not-found"


def test_a_label_is_unique_and_the_name_stays_theirs() -> None:
    clock = Clock()
    ann, _ = acquainted(clock)
    other = Person("Bob", clock, seed=3)
    other.add(ann.invite().link)
    exchange(ann, other)
    assert [one.label for one in ann.contacts()] == ["Bob", "Bob 2"]
    with pytest.raises(UserError) as caught:
        ann.ask(RenameContact("Bob 2", "Bob"))
    assert caught.value.kind == "exists"
    renamed = ann.ask(RenameContact("Bob 2", "Robert"))
    assert isinstance(renamed, ContactAnswer)
    assert (renamed.label, renamed.name) == ("Robert", "Bob")
    assert ann.send("Robert", "you").label == "Robert"


def test_pages_of_messages_and_what_was_read() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for number in range(7):
        ann.send("Bob", str(number))
    exchange(ann, bob)
    assert bob.contacts()[0].unread_count == 7

    def page(**fields: int | str | bool) -> tuple[list[str], bool]:
        # A mapping of mixed values cannot be matched to the fields by their types.
        answer = bob.ask(AskMessages(**fields))  # type: ignore[arg-type]
        assert isinstance(answer, MessagesAnswer)
        return [message.text for message in answer.messages], answer.has_more

    assert page(contact="Ann", limit=3) == (["4", "5", "6"], True)
    assert page(contact="", limit=7) == ([str(number) for number in range(7)], False)
    first = bob.messages("Ann")[0].number
    assert page(contact="Ann", after=first, limit=2) == (["1", "2"], True)
    assert page(contact="Ann", after=first + 6) == ([], False)
    assert page(contact="Ann", limit=2, mark_read=True) == (["5", "6"], True)
    assert page(contact="Ann", unread_only=True) == ([str(number) for number in range(5)], False)
    assert bob.contacts()[0].unread_count == 5
    assert bob.contacts()[0].messages_count == 7


def test_a_refused_command_leaves_nothing_behind() -> None:
    ann, bob = acquainted(Clock())
    with pytest.raises(UserError):
        ann.ask(SendMessage("Bob", "x" * 70_000, "key"))
    assert ann.send("Bob", "fine", key="key").text == "fine"
    exchange(ann, bob)
    assert bob.texts("Ann") == ["fine"]


def test_secrets_are_in_no_repr() -> None:
    ann, _ = acquainted(Clock())
    seed = ann.connection.execute("SELECT seed FROM identity").fetchone()
    assert seed is not None
    assert isinstance(seed[0], bytes)
    person = ann.wired
    keys = person.identity.keys
    shown = repr(person) + repr(keys) + repr(person.identity) + repr(ann.messenger._vault)
    shown += repr(ann.messenger.parts) + repr(person.outbox._sealing)
    shown += "".join(
        repr(signer)
        for signers in ann.messenger.parts.posting_keys._signers.values()
        for signer in signers
    )
    for secret in (seed[0], keys.signing_seed, keys.identity_private):
        assert repr(secret) not in shown
        assert secret.hex() not in shown


def test_a_restart_loses_no_place_in_the_chains_of_tags() -> None:
    ann, bob = acquainted(Clock())
    tags = []
    for number in range(150):
        ann.send("Bob", str(number))
        tags += [envelope.header.tag for envelope in ann.post()]
        if number % 10 == 0:
            ann.restart()
    assert len(set(tags)) == 150
    posted = [one for one in ann.store.envelopes.values() if one.header.tag in dict.fromkeys(tags)]
    missing = posted[3]
    bob.receive(posted[:3] + posted[4:])
    expected_count = len(bob.messenger.parts.tag_index)
    bob.restart()
    # The second step was used up whole and the first was not: neither is expected anew.
    assert len(bob.messenger.parts.tag_index) == expected_count
    bob.receive([missing])
    assert bob.texts("Ann") == [str(number) for number in range(150)]


def test_how_far_the_store_was_read_survives_a_restart() -> None:
    ann = Person("Ann", Clock())
    assert ann.messenger.read_mark == 0
    with transaction(ann.connection):
        ann.messenger.set_read_mark(17)
    ann.restart()
    assert ann.messenger.read_mark == 17
