"""Tags as a state machine: generations, windows, restarts, erasure, over a mesh that does anything.

Two sides write on one session; what arrives before its tag is expected lies in the store, and is
found when the window moves. Whatever the order, everything opens once as long as it lives.
"""

from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mesh.crypto.kem import PycaKem
from mesh.ids import EnvelopeId, Instant, Monotonic, Tag, UnixSeconds, VerifyKey
from mesh.limits.sessions import RENDEZVOUS_TAGS, TAG_KEY_KEPT_SECONDS, TAG_WINDOW
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import OfSession, TagIndex
from mesh.ratchet.double_ratchet import Awaiting, Ratchet
from mesh.ratchet.first_contact import Roots
from mesh.storage.vault.rows import NEW_CONTACT, ContactRow
from mesh.storage.vault.vault import Vault
from mesh.wire.ratchet_header import RatchetHeader
from sim.hosts.databases import new_vault
from tests.entropy import SeededEntropy
from tests.ratchet.side import opened, sealed
from tests.searching import examples, only_in_search

KEM = PycaKem()
START = Instant(Monotonic(0), 0)
LIFETIME_S = 7 * 86_400
WHO = st.integers(0, 1)


@dataclass
class Mail:
    """A message on the mesh."""

    writer: int
    text: bytes
    tag: Tag
    box_key: bytes
    header: RatchetHeader
    box: bytes
    lapses: UnixSeconds
    is_delivered: bool = False
    is_opened: bool = False


@dataclass
class Side:
    """One person's sessions over a vault, and the store of the node."""

    vault: Vault
    entropy: SeededEntropy
    sessions: Sessions = field(init=False)
    expected: TagIndex = field(init=False)
    store: dict[Tag, Mail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def session(self) -> Session:
        """The only one."""
        (found,) = self.sessions.of_contact(self.vault.contacts.contacts()[0].id)
        return found

    def restart(self) -> None:
        """Read everything from the rows."""
        self.expected = TagIndex()
        self.sessions = Sessions(
            self.vault.sessions,
            self.expected,
            sealed_mail=SealedMail(
                self.vault.sealed,
                self.expected,
                is_tag_stored=self.store.__contains__,
                has_body=self.store.__contains__,
                tell_changed=lambda _contact: None,
            ),
            entropy=self.entropy,
            kem=KEM,
        )

    def look(self, tag: Tag, now: UnixSeconds) -> None:
        """Open what is in the store under an expected tag, and what that makes expected."""
        wanted = [tag]
        while wanted:
            for one in wanted:
                self._open(one, now)
            wanted = [one for one in self.expected.take_wanted() if one in self.store]

    def _open(self, tag: Tag, now: UnixSeconds) -> None:
        place, mail = self.expected.find(tag), self.store.get(tag)
        if place is None or mail is None:
            return
        owner, index = place
        assert isinstance(owner, OfSession)
        session = self.session
        assert session.box_key(owner.generation, index) == mail.box_key
        found = self.sessions.receive(session, mail.header, now)
        if isinstance(found, Awaiting):
            assert self.sessions.tags.awaits(session, tag, EnvelopeId(bytes(tag) * 2))
            return
        assert opened(found.message_key, mail.header, mail.box) == mail.text
        self.sessions.opened(session, found, now)
        self.sessions.tags.used(session, owner.generation, index, tag, mail.header, now)
        assert not mail.is_opened, "a message was opened twice"
        mail.is_opened = True


def two_sides(seed: int) -> tuple[Side, Side]:
    """The founder and the other, of one session."""
    random = Random(seed)
    roots = Roots(
        ratchet=random.randbytes(32),
        tags=random.randbytes(32),
        header_key=random.randbytes(32),
        session_id=random.randbytes(16),
    )
    private, kem_seed, now = random.randbytes(32), random.randbytes(64), UnixSeconds(0)
    responder = Ratchet.responder(
        roots.ratchet, private, their_kem_key=KEM.public_key(kem_seed), mesh_now=now
    )
    initiator = Ratchet.initiator(roots.ratchet, responder.public, kem_seed=kem_seed, mesh_now=now)
    sides = []
    for ratchet, is_founder in ((initiator, True), (responder, False)):
        connection = new_vault()
        # One transaction for the whole life: nothing here fails half-way.
        connection.execute("BEGIN")
        side = Side(Vault(connection), SeededEntropy(random.getrandbits(32)))
        contact = side.vault.add_contact(
            ContactRow(
                id=NEW_CONTACT,
                label="other",
                name="other",
                verify_key=VerifyKey(bytes(32)),
                agreement_key=None,
                trust="known",
                first_trust="known",
                state="answered",
                bundle=None,
            )
        )
        side.sessions.found(roots, contact.id, ratchet, is_begun_here=is_founder, created=now)
        sides.append(side)
    return sides[0], sides[1]


class Tags(RuleBasedStateMachine):
    """Two sides, one mesh, and one clock."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        """The first contact has founded the session on both sides."""
        self.sides = two_sides(seed)
        self.now = UnixSeconds(0)
        self.mails: list[Mail] = []
        self.has_erased = False

    @rule(writer=WHO, count=st.sampled_from((1, 1, 3, 30, 150)))
    def write(self, writer: int, count: int) -> None:
        """Some messages in a row."""
        for _ in range(count):
            mail = written(self.sides[writer], writer, len(self.mails), self.now)
            if mail is None:
                return
            self.mails.append(mail)

    @precondition(lambda self: self.mails)
    @rule(data=st.data())
    def deliver_one(self, data: st.DataObject) -> None:
        """Any message, also for the second time."""
        self.deliver([data.draw(st.sampled_from(self.mails), label="mail")])

    @precondition(lambda self: self.mails)
    @rule(reader=WHO, seed=st.integers(0, 2**16), share=st.sampled_from((0.1, 0.9, 1.0)))
    def deliver_many_in_any_order(self, reader: int, seed: int, share: float) -> None:
        """Two halves of the mesh meet."""
        random = Random(seed)
        arriving = [one for one in self.mails if one.writer != reader and random.random() < share]
        random.shuffle(arriving)
        self.deliver(arriving)

    @precondition(lambda self: self.mails)
    @rule(reader=WHO)
    def deliver_the_newest(self, reader: int) -> None:
        """So that chains and generations go on."""
        self.deliver([one for one in self.mails if one.writer != reader][-1:])

    @rule(hours=st.sampled_from((1, 25, 24 * 20)))
    def wait(self, hours: int) -> None:
        """A day makes a post-quantum step due, and with it a generation."""
        self.now = UnixSeconds(self.now + 3_600 * hours)

    @rule()
    def erase(self) -> None:
        """Erase what nothing can live under any more, and nothing else."""
        for side in self.sides:
            side.sessions.erase_old(replace(START, expiry=self.now))

    @rule(who=WHO)
    def restart(self, who: int) -> None:
        """The rows hold everything."""
        side = self.sides[who]
        before, ratchet = sorted(side.expected.all()), side.session.ratchet
        side.restart()
        assert sorted(side.expected.all()) == before
        assert side.session.ratchet == ratchet

    @invariant()
    def what_is_opened_is_not_expected(self) -> None:
        """An opened message's tag is used up."""
        for mail in getattr(self, "mails", ()):
            if mail.is_opened:
                assert mail.tag not in self.sides[1 - mail.writer].expected

    def deliver(self, mails: list[Mail]) -> None:
        """Carry mail that still lives to its reader's store."""
        for mail in mails:
            if mail.lapses > self.now:
                mail.is_delivered = True
                side = self.sides[1 - mail.writer]
                side.store[mail.tag] = mail
                side.look(mail.tag, self.now)

    def teardown(self) -> None:
        """No tag came twice; and all that lives and can be reached opens."""
        mails: list[Mail] = getattr(self, "mails", [])
        assert len({mail.tag for mail in mails}) == len(mails)
        self.deliver(mails)
        self.deliver(mails)
        living = [mail for mail in mails if mail.lapses > self.now]
        if len(living) == len(mails):
            assert all(mail.is_opened for mail in mails)


def written(side: Side, writer: int, number: int, now: UnixSeconds) -> Mail | None:
    """The next message of a side, if it already can write."""
    session = side.session
    if not session.ratchet.can_send:
        return None
    sending, tag, box_key = side.sessions.step_under_tag(session, now)
    text = b"%d" % number
    box = sealed(sending.message_key, sending.header, text)
    return Mail(writer, text, tag, box_key, sending.header, box, UnixSeconds(now + LIFETIME_S))


def test_tags_keep_their_promises() -> None:
    run_state_machine_as_test(Tags, settings=examples(20))


# A thousand pass several windows; five times as many only do so more often.
@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=only_in_search)])
def test_all_of_many_messages_in_random_order_are_opened(count: int) -> None:
    founder, other = two_sides(count)
    mails = []
    for number in range(count):
        mail = written(founder, 0, number, UnixSeconds(0))
        assert mail is not None
        mails.append(mail)
    Random(count).shuffle(mails)
    for mail in mails:
        other.store[mail.tag] = mail
        other.look(mail.tag, UnixSeconds(0))
    assert all(mail.is_opened for mail in mails)
    assert len(other.expected) == TAG_WINDOW + RENDEZVOUS_TAGS, "beside them only the rendezvous"


def test_a_generation_goes_31_days_after_a_later_one_was_used() -> None:
    founder, other = two_sides(7)
    hello = written(founder, 0, 0, UnixSeconds(0))
    lost = written(founder, 0, 1, UnixSeconds(0))
    assert hello is not None
    assert lost is not None
    other.store[hello.tag] = hello
    other.look(hello.tag, UnixSeconds(0))
    answer = written(other, 1, 2, UnixSeconds(0))
    assert answer is not None
    founder.store[answer.tag] = answer
    founder.look(answer.tag, UnixSeconds(0))
    # The founder has opened the step and writes under the next generation.
    new = written(founder, 0, 3, UnixSeconds(0))
    assert new is not None
    other.store[new.tag] = new
    other.look(new.tag, UnixSeconds(0))
    assert new.is_opened
    assert new.header.tags_before == 2
    # Of the former generation nothing is expected but what was lost.
    assert lost.tag in other.expected
    assert len(other.expected) == 1 + TAG_WINDOW + 2 * RENDEZVOUS_TAGS
    other.sessions.erase_old(replace(START, expiry=UnixSeconds(TAG_KEY_KEPT_SECONDS - 1)))
    assert lost.tag in other.expected
    other.sessions.erase_old(replace(START, expiry=UnixSeconds(TAG_KEY_KEPT_SECONDS)))
    assert lost.tag not in other.expected
    # Nobody told the other side here that the founder was heard under it.
    assert len(other.expected) == TAG_WINDOW + 2 * RENDEZVOUS_TAGS
