"""The mail that a node carries for everybody, seen from outside the engine."""

from dataclasses import replace

from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.engine.counters import Counters
from mesh.engine.forwarding.forwarder import Authors, Forwarder
from mesh.engine.settings import EngineSettings, Primitives
from mesh.ids import Instant, LinkId, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.inputs import VaultClosing, VaultOpened
from mesh.limits.admission import DEFERRED_PER_LINK_MAX, STAMP_CHECKS_PER_SECOND
from mesh.limits.messages import CARRIERS_MAX
from mesh.limits.replication import LIVE_SECONDS_MAX
from mesh.limits.timekeeping import CLOCKS_AGREE_SECONDS
from mesh.posting.stamp import mint
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store
from mesh.trust.distance import Depth
from mesh.wire.envelope import SECONDS_PER_DAY, STUB_BYTES, Header, body_bytes, sign_envelope
from mesh.wire.frames import CLOSE_GOING_AWAY, SHORT_ID_BYTES, Close, Frame, Held, IWant, Push
from mesh.wire.parameters import MeshParameters
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts
from tests.engine.test_hostile import envelope
from tests.entropy import SeededEntropy

STAMPED_MESH = MeshParameters(name="stamped", stamp_bits=1, key_quota=9, psk=bytes(32))
NOW = UnixSeconds(1_800_000_000)


def stamped(key: int) -> Push:
    """An envelope whose posting key has paid."""
    seed = bytes([key]) * 32
    posting_key, day = PostingKey(verify_key_of(seed)), NOW // SECONDS_PER_DAY
    header = Header(
        size_class=0,
        lifetime_class=0,
        created=NOW,
        tag=Tag(bytes(16)),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=posting_key,
        stamp=mint(posting_key, day, STAMPED_MESH.stamp_bits, bytes(8)),
    )
    return Push(sign_envelope(header, bytes(body_bytes(0)), seed).data)


class Carrier:
    """The part of an engine that carries, alone; signatures are counted as they are checked."""

    def __init__(self, links: int) -> None:
        connection = connect(None, None)
        migrate_store(connection)
        self.verified: list[bytes] = []
        self.now = Instant(Monotonic(0), NOW * 1_000_000)
        self.forwarder = Forwarder(
            connection=connection,
            settings=EngineSettings(parameters=STAMPED_MESH, stored_bytes_max=1 << 30),
            authors=Authors(
                depth_of=lambda posting_key, day: Depth.STRANGER,
                sponsors_of=lambda posting_key, day: (),
                is_ours=lambda envelope_id, tag, is_new: False,
            ),
            primitives=Primitives(SeededEntropy(1), PycaKem(), self._verify),
            counters=Counters(),
            now=self.now,
        )
        for link in range(1, links + 1):
            self.forwarder.replicator.link_up(LinkId(link), self.now, is_dialled_by_us=False)

    def push(self, link: int, push: Push) -> None:
        self.forwarder.intake.pushed(LinkId(link), push, self.now)

    def pass_time(self) -> list[LinkId]:
        """Until the next stamp may be checked; returns who is told what became of its bodies."""
        pause_us = 1_000_000 // STAMP_CHECKS_PER_SECOND
        self.now = Instant(Monotonic(self.now.monotonic + pause_us), self.now.wall + pause_us)
        self.forwarder.tend(is_clock_steady=False, now=self.now)
        return self.answered()

    def answered(self) -> list[LinkId]:
        self.forwarder.commit(NOW, first_messages=[])
        self.forwarder.note_answers(self.now)
        return [link for link, _ in self.forwarder.held_acks.take(lambda link: True, self.now)]

    def pushes(self, link: int, ahead_s: int) -> list[Frame]:
        """Push over a link after a commit, by a clock that is so far ahead."""
        self.forwarder.commit(UnixSeconds(NOW + ahead_s), first_messages=[])
        frames = self.forwarder.body_sender.frames(
            self.forwarder.replicator.outgoing, LinkId(link), 1 << 20
        )
        return [frame for frame in frames if isinstance(frame, Push)]

    def _verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        self.verified.append(signature)
        return is_signature_valid(key, message, signature)


def test_mail_that_comes_live_goes_on_live_by_every_clock_that_is_not_corrected() -> None:
    for ahead_s, is_live in (
        (0, True),
        (CLOCKS_AGREE_SECONDS, True),
        (LIVE_SECONDS_MAX + 1, False),
    ):
        carrier = Carrier(links=2)
        now = replace(carrier.now, mesh=UnixSeconds(NOW + ahead_s))
        carrier.forwarder.intake.pushed(LinkId(1), stamped(1), now)
        assert carrier.pushes(2, ahead_s) == ([stamped(1)] if is_live else [])


def test_mail_refused_by_a_wrong_clock_comes_when_the_clock_is_corrected() -> None:
    table = Joined("ada", "bob", "cy")
    table.sit("dan", wall_offset_us=9 * 86_400 * 1_000_000)
    introduce(table, "ada", "dan")
    befriend(table, "dan", "ada")
    table.ask("ada", SendMessage("dan", "What day is it?"))
    table.join("ada", "bob")
    table.join("ada", "cy")
    table.join("bob", "cy")
    table.join("dan", "bob")
    table.ask("ada", SendMessage("dan", "Is it Tuesday?"))
    assert status(table, "dan").counters["refused: lapsed"] > 0
    assert texts(table, "dan") == []
    table.join("dan", "cy")
    table.join("dan", "ada")
    table.pass_time(10)
    assert sorted(texts(table, "dan")) == ["Is it Tuesday?", "What day is it?"]


def test_a_peer_without_room_does_not_say_that_it_holds_a_message() -> None:
    table = Joined("ada", "cy")
    table.sit("full", stored_bytes_max=0)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("cy", "full")
    table.ask("cy", SendMessage("ada", "Hold this."))
    assert status(table, "full").counters["evicted"] > 0
    answer = table.ask("cy", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    assert (answer.messages[0].state, answer.messages[0].carriers) == ("queued", 0)


def test_envelopes_that_wait_for_a_stamp_check_cost_no_more_signatures_by_waiting() -> None:
    carrier = Carrier(links=1)
    for key in range(1, 6):
        carrier.push(1, stamped(key))
    answers = [carrier.answered()] + [carrier.pass_time() for _ in range(4)]
    assert answers == [[LinkId(1)]] * 5, "one stamp a turn"
    # Each once, as it comes: with its stamp a signature that held is not checked again.
    assert len(carrier.verified) == 5


def test_no_more_than_a_few_envelopes_of_a_link_wait_for_a_stamp_check() -> None:
    carrier = Carrier(links=1)
    # The first one is checked as it comes.
    for key in range(1, 1 + DEFERRED_PER_LINK_MAX + 4):
        carrier.push(1, stamped(key))
    for _ in range(DEFERRED_PER_LINK_MAX + 4):
        carrier.pass_time()
    assert carrier.forwarder.store.envelopes_count == 1 + DEFERRED_PER_LINK_MAX


def test_a_link_that_keeps_pushing_new_keys_does_not_take_the_turn_of_who_waits() -> None:
    carrier = Carrier(links=2)
    carrier.push(1, stamped(1))
    carrier.push(2, stamped(2))
    assert carrier.answered() == [LinkId(1)]
    pause_us = 1_000_000 // STAMP_CHECKS_PER_SECOND
    carrier.now = Instant(Monotonic(pause_us), carrier.now.wall + pause_us)
    carrier.push(1, stamped(3))
    carrier.forwarder.tend(is_clock_steady=False, now=carrier.now)
    assert carrier.answered() == [LinkId(2)]


def test_what_a_peer_sends_before_it_closes_in_one_piece_counts() -> None:
    table = Joined("ada")
    stranger = Stranger(table, "ada")
    stranger.send(Push(envelope(1)), Close(CLOSE_GOING_AWAY), Push(envelope(2)))
    assert status(table, "ada").envelopes_count == 1
    assert status(table, "ada").links_count == 0


def test_a_peer_that_comes_back_under_new_keys_is_counted_within_a_bound() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.ask("cy", SendMessage("ada", "Who carries this?"))
    rows = table.seats["cy"].store.execute("SELECT id FROM envelopes").fetchall()
    ids = [row[0] for row in rows if isinstance(row[0], bytes)]
    short_ids = b"".join(id_[:SHORT_ID_BYTES] for id_ in ids)
    for number in range(CARRIERS_MAX + 8):
        stranger = Stranger(table, "cy", number=number)
        stranger.send(IWant(ids=b"".join(ids)))
        stranger.send(Held(held=short_ids, refused=b""), Close(CLOSE_GOING_AWAY))
    answer = table.ask("cy", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    assert answer.messages[0].carriers == CARRIERS_MAX
    count = table.seats["cy"].vault.execute("SELECT count(*) FROM carriers").fetchone()
    assert count == (CARRIERS_MAX,)


def test_what_is_ours_is_not_evicted_while_the_vault_is_locked() -> None:
    table = Joined("ada")
    table.sit("box", stored_bytes_max=96 * 1024)
    introduce(table, "ada", "box")
    befriend(table, "ada", "box")
    table.join("ada", "box")
    box = table.seats["box"]
    table.ask("box", SendMessage("ada", "Written here."))
    ours = box.store.execute("SELECT arrival FROM envelopes").fetchall()
    box.inbox.append(VaultClosing())
    table.run()
    table.ask("ada", SendMessage("box", "While you were away."))
    stranger = Stranger(table, "box")
    for number in range(160):
        stranger.send(Push(envelope(number)))
    assert status(table, "box").counters["evicted"] > 0
    bodies = box.store.execute("SELECT arrival FROM bodies").fetchall()
    assert ours[-1] in bodies
    box.inbox.append(VaultOpened(box.vault))
    table.run()
    assert "While you were away." in texts(table, "box")


def test_junk_under_a_tag_of_ours_is_evicted_like_any_other_mail() -> None:
    """Or who floods a node with a tag would see by what stays whose tag it is."""
    table = Joined("ada")
    table.sit("box", stored_bytes_max=16 * 1024)
    introduce(table, "ada", "box")
    befriend(table, "ada", "box")
    table.join("ada", "box")
    messenger = table.seats["box"].engine._vault.messenger
    assert messenger is not None
    tag = next(iter(messenger.parts.tag_index._places))
    stranger = Stranger(table, "box")
    for number in range(64):
        stranger.send(Push(envelope(number, tag=tag)))
    assert status(table, "box").stored_bytes <= 16 * 1024 + 64 * STUB_BYTES
    table.ask("ada", SendMessage("box", "Mail."))
    assert texts(table, "box") == ["Mail."]
