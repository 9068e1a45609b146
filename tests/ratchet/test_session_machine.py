"""A session as a state machine: two ratchets, a mesh that does anything, thieves and old backups.

What holds at every moment: what opens is what was written, and opens once; what does not open
changes nothing; and who has copied a whole state opens nothing of the chains that the other side
begins after it has seen a key made since.
"""

from dataclasses import dataclass, field
from random import Random

from hypothesis import settings
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
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.ratchet.double_ratchet import Ratchet
from tests.ratchet.side import Posted, Side, is_refused, pair

KEM = PycaKem()
WHO = st.integers(0, 1)


@dataclass
class Letter:
    """A message. `to_public` is the key of its reader that its chain was begun with."""

    writer: int
    text: bytes
    posted: Posted
    to_public: bytes
    is_opened: bool = False
    waited: bool = False


@dataclass(frozen=True)
class Backup:
    """A whole state of one side, and what it had opened and written by then."""

    ratchet: Ratchet
    skipped: dict[tuple[bytes, int], bytes]
    opened: tuple[int, ...]
    publics: tuple[bytes, ...]


@dataclass
class Person:
    """One side, all public keys that it ever showed, and its backup."""

    side: Side
    publics: list[bytes] = field(default_factory=list)
    backup: Backup | None = None
    was_put_back: bool = False


class Sessions(RuleBasedStateMachine):
    """Two people, with post-quantum steps or without."""

    @initialize(seed=st.integers(0, 2**32), is_post_quantum=st.booleans())
    def begin(self, seed: int, is_post_quantum: bool) -> None:
        """A first message can be written."""
        sides = pair(Random(seed), kem=KEM, is_post_quantum=is_post_quantum)
        self.people = tuple(Person(side) for side in sides)
        self.people[1].publics.append(sides[1].ratchet.public)
        self.letters: list[Letter] = []

    @rule(writer=WHO, count=st.sampled_from((1, 1, 2, 20)))
    def write(self, writer: int, count: int) -> None:
        """Some messages, all on one chain."""
        person = self.people[writer]
        for _ in range(count):
            if not person.side.can_send:
                return
            text = b"%d" % len(self.letters)
            posted = person.side.seal(text)
            to_public = person.side.ratchet.their_public
            assert to_public is not None
            if posted.header.public not in person.publics:
                person.publics.append(posted.header.public)
            self.letters.append(Letter(writer, text, posted, to_public))

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def deliver_anything(self, data: st.DataObject) -> None:
        """Any message, also one that was delivered before."""
        self.deliver(data.draw(st.sampled_from(self.letters), label="letter"))

    @precondition(lambda self: self.letters)
    @rule(reader=WHO)
    def deliver_the_newest(self, reader: int) -> None:
        """So that chains go on."""
        for letter in reversed(self.letters):
            if letter.writer != reader:
                self.deliver(letter)
                return

    @precondition(lambda self: self.letters)
    @rule(reader=WHO)
    def deliver_all_from_the_last(self, reader: int) -> None:
        """Deliver to an absent one everything at once, in the worst order."""
        for letter in reversed(self.letters):
            if letter.writer != reader:
                self.deliver(letter)

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def deliver_a_forgery(self, data: st.DataObject) -> None:
        """One changed bit in the box, or a header from another message."""
        letter = data.draw(st.sampled_from(self.letters), label="letter")
        other = data.draw(st.sampled_from(self.letters), label="header of")
        header, sealed = letter.posted.header, letter.posted.sealed
        if other.posted.header != header and data.draw(st.booleans(), label="other header"):
            forged = Posted(other.posted.header, sealed)
        else:
            bit = data.draw(st.integers(0, 8 * len(sealed) - 1), label="bit")
            number = int.from_bytes(sealed, "big") ^ 1 << bit
            forged = Posted(header, number.to_bytes(len(sealed), "big"))
        side = self.people[1 - letter.writer].side
        before, kept = side.ratchet, dict(side.skipped)
        assert is_refused(side, forged) or side.ratchet == before
        assert (side.ratchet, side.skipped) == (before, kept)

    @rule(hours=st.sampled_from((1, 23, 24)))
    def wait(self, hours: int) -> None:
        """A day makes post-quantum steps due."""
        for person in self.people:
            person.side.mesh_now = UnixSeconds(person.side.mesh_now + hours * 3_600)

    @rule(who=WHO)
    def back_up(self, who: int) -> None:
        """Copy everything: what a backup has, and what a thief would take."""
        person = self.people[who]
        opened = tuple(
            place
            for place, letter in enumerate(self.letters)
            if letter.writer != who and letter.is_opened
        )
        person.backup = Backup(
            person.side.ratchet, dict(person.side.skipped), opened, tuple(person.publics)
        )

    @precondition(lambda self: any(person.backup for person in self.people))
    @rule(data=st.data())
    def a_thief_tries_all_in_any_order(self, data: st.DataObject) -> None:
        """The thief records everything, and knows the whole state of back then."""
        who = data.draw(
            st.sampled_from([who for who in (0, 1) if self.people[who].backup is not None])
        )
        backup = self.people[who].backup
        assert backup is not None
        thief = Side(backup.ratchet, kem=KEM, seed=0)
        thief.skipped = dict(backup.skipped)
        letters = [one for one in self.letters if one.writer != who]
        Random(data.draw(st.integers(0, 2**16), label="order")).shuffle(letters)
        for letter in letters * 2:
            if letter.to_public not in backup.publics:
                assert opens(thief, letter) is None, "an old state opened a message of a new chain"
            else:
                opens(thief, letter)

    @precondition(lambda self: any(person.backup for person in self.people))
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        """A disk is rolled back: that side may open again what it had not opened by then."""
        who = data.draw(
            st.sampled_from([who for who in (0, 1) if self.people[who].backup is not None])
        )
        person = self.people[who]
        assert person.backup is not None
        person.side.ratchet = person.backup.ratchet
        person.side.skipped = dict(person.backup.skipped)
        person.was_put_back = True
        for place, letter in enumerate(self.letters):
            if letter.writer != who:
                letter.is_opened = place in person.backup.opened

    @invariant()
    def kept_keys_are_of_messages_that_did_not_open(self) -> None:
        """The key of what was opened is kept nowhere."""
        if not hasattr(self, "people") or any(person.was_put_back for person in self.people):
            return
        for letter in self.letters:
            if letter.is_opened:
                name = letter.posted.header.public, letter.posted.header.number
                assert name not in self.people[1 - letter.writer].side.skipped

    def deliver(self, letter: Letter) -> None:
        """Deliver a message, and say whether it should open."""
        reader = self.people[1 - letter.writer]
        text = opens(reader.side, letter)
        if letter.is_opened:
            assert text is None, "a message was opened twice"
        elif text is not None:
            letter.is_opened = True
        elif not any(person.was_put_back for person in self.people):
            header = letter.posted.header
            is_waiting = header.is_post_quantum and not header.kem_part
            assert is_waiting, "a message that is new was refused"

    def teardown(self) -> None:
        """Without rollbacks, all that was written opens in the end."""
        if not hasattr(self, "people") or any(person.was_put_back for person in self.people):
            return
        for _ in range(2):
            for letter in self.letters:
                self.deliver(letter)
        assert all(letter.is_opened for letter in self.letters)


def opens(side: Side, letter: Letter) -> bytes | None:
    """The text, if it opens; it is the one that was written, and else nothing has changed."""
    before, kept = side.ratchet, dict(side.skipped)
    try:
        text = side.open(letter.posted)
    except PeerError:
        text = None
    if text is None:
        assert (side.ratchet, side.skipped) == (before, kept)
    else:
        assert text == letter.text
    return text


def test_sessions_keep_their_promises() -> None:
    usual = settings()
    run_state_machine_as_test(Sessions, settings=settings(max_examples=4 * usual.max_examples))


def test_a_thief_reads_until_both_sides_have_exchanged_fresh_keys() -> None:
    anna, bert = pair(Random(1), kem=KEM, is_post_quantum=True)
    assert bert.open(anna.seal(b"hello")) == b"hello"
    thief = Side(bert.ratchet, kem=KEM, seed=0)
    read = anna.seal(b"read by the thief")
    assert thief.open(read) == bert.open(read) == b"read by the thief"
    assert anna.open(bert.seal(b"with a fresh key of Bert")) is not None
    hidden = anna.seal(b"with a fresh key of Anna")
    assert is_refused(thief, hidden)
    assert bert.open(hidden) == b"with a fresh key of Anna"
