"""Bugs that are planted on purpose, to show that the simulator finds them.

`mesh/` has no hook for any of these. While a world runs, a bug puts another function in the place
of one by its name, or it stands between an engine and its driver and changes an effect.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from mesh.commands.messages import MessageState
from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.effects import Effect, Emit
from mesh.engine.forwarding import retirements
from mesh.engine.forwarding.intake import Intake
from mesh.events import MessageReceived, MessageStateChanged
from mesh.ids import Instant, LinkId
from mesh.messenger.sessions import sealing
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet import first_contact
from mesh.ratchet.tags import TagReceiver
from mesh.replication.replicator import Replicator
from mesh.storage.store.store import Store
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.envelope import TOKEN_BYTES, Header, envelope_id_of
from mesh.wire.frames import Frame, NegClose, NegMessage, NegOpen, Push, Root
from mesh.wire.retirement import Retirement
from sim.bugs.discreet import DISCREET
from sim.bugs.felt import FELT
from sim.bugs.felt_choices import CHOICES
from sim.bugs.felt_rest import REST
from sim.bugs.group_mutants import GROUP_MUTANTS
from sim.bugs.injection import Bug, ChangedEffects
from sim.bugs.letter_mutants import LETTER_MUTANTS
from sim.bugs.mutants import MUTANTS
from sim.bugs.rotten import ROTTEN
from sim.bugs.slow_group_mutants import SLOW_GROUP_MUTANTS
from sim.patching import Patch

# --- Effects ------------------------------------------------------------------------------------


def _told_as_delivered(effect: Effect) -> list[Effect]:
    """A neighbour has it, so it must have arrived."""
    match effect:
        case Emit(MessageStateChanged(message=message)) if message.state == "carried":
            delivered = msgspec.structs.replace(message, state="delivered")
            return [Emit(MessageStateChanged(delivered))]
        case _:
            return [effect]


def _told_twice(effect: Effect) -> list[Effect]:
    """Every message is told again whose number ends with seven."""
    match effect:
        case Emit(MessageReceived(message=message)) if message.number % 10 == 7:
            return [effect, effect]
        case _:
            return [effect]


# --- Functions ----------------------------------------------------------------------------------


def _without_anti_entropy(spreading: Replicator, link: LinkId, frame: Frame, now: Instant) -> None:
    """The frames by which two stores are compared are dropped: what was missed stays missed."""
    if not isinstance(frame, NegOpen | NegMessage | NegClose | Root):
        _RECEIVED(spreading, link, frame, now)


_RECEIVED: Final = Replicator.received


def _nonce_of_the_key(message_key: bytes, payload: bytes, entropy: Entropy) -> bytes:
    """A programmer may think: a key is used once, so any nonce will do."""
    return blake2b(message_key, b"", b"mesh/msg/nonce", 12)


def _expecting_no_more(receiver: TagReceiver, expected_to: int) -> TagReceiver:
    """The window is stepped when it is made, and never again."""
    return _EXPECTING(receiver, expected_to) if receiver.expected_to == 0 else receiver


_EXPECTING: Final = TagReceiver.expecting


def _unlooked_at(key: bytes, nonce: bytes, associated: bytes, sealed: bytes) -> bytes:
    """ChaCha20 as in RFC 8439, and no Poly1305: nobody looks whether the tag is right."""
    stream = Cipher(ChaCha20(key, (1).to_bytes(4, "little") + nonce), mode=None).decryptor()
    return stream.update(sealed[: -aead.TAG_BYTES])


def _never_erased(rows: SessionRows, session: bytes, public: bytes, number: int) -> None:
    """A key that was kept for a message stays when the message has come."""


def _any_token(header: Header, token: bytes) -> bool:
    """A programmer may think: who knows the id will not lie."""
    return True


def _pushed_and_forged(intake: Intake, link: LinkId, push: Push, now: Instant) -> None:
    """A neighbour brought an envelope; say of every eighth that somebody has opened it."""
    _PUSHED(intake, link, push, now)
    envelope = envelope_id_of(push.envelope)
    if envelope[0] % 8 == 0:
        intake.retirements.ours([Retirement(envelope, bytes(TOKEN_BYTES))], now)


_PUSHED: Final = Intake.pushed


def _proven_and_unsaid(transit: Transit, message: EntryRow, state: MessageState) -> None:
    """The evidence is taken, the envelope let go, and nobody thinks of what the author reads."""


def _making_room(store: Store, retirements: Sequence[Retirement]) -> None:
    """Now and then the oldest body goes too, and is taken for one that never came."""
    _RETIRE(store, retirements)
    database = vars(store)["_connection"]
    if any(one.envelope[0] % 16 == 0 for one in retirements):
        oldest = database.execute(_OLDEST_BODY).fetchone()
        if oldest is not None:
            store.drop_bodies([oldest[1]])
            database.execute("INSERT INTO missing VALUES (?)", oldest[:1])


_RETIRE: Final = Store.retire
_OLDEST_BODY: Final = """
    SELECT arrival, id FROM envelopes JOIN bodies USING (arrival) ORDER BY arrival LIMIT 1
"""


NO_BUG: Final = Bug("The engine as it is.")

BUGS: Final[Mapping[str, Bug]] = {
    **MUTANTS,
    **GROUP_MUTANTS,
    **SLOW_GROUP_MUTANTS,
    **LETTER_MUTANTS,
    **DISCREET,
    **FELT,
    **CHOICES,
    **REST,
    **ROTTEN,
    "no-anti-entropy": Bug(
        "Nodes never compare what they hold.",
        patches=(Patch(Replicator, "received", _without_anti_entropy),),
    ),
    "told-as-delivered": Bug(
        "What a neighbour carries is shown as delivered.",
        inject=lambda engine: ChangedEffects(engine, _told_as_delivered),
    ),
    "told-twice": Bug(
        "Some messages are told twice.", inject=lambda engine: ChangedEffects(engine, _told_twice)
    ),
    "plain-nonce": Bug(
        "The nonce of a message depends on its key alone.",
        patches=(
            Patch(sealing, "nonce_of", _nonce_of_the_key),
            Patch(first_contact, "nonce_of", _nonce_of_the_key),
        ),
    ),
    "tag-unread": Bug(
        "Messages are opened without a look at the tag of their box.",
        patches=(Patch(aead, "open_sealed", _unlooked_at),),
    ),
    "key-kept": Bug(
        "The key of a message that came late stays after it was used.",
        patches=(Patch(SessionRows, "erase_skipped", _never_erased),),
    ),
    "still-window": Bug(
        "The window of expected tags never moves.",
        patches=(Patch(TagReceiver, "expecting", _expecting_no_more),),
    ),
    "proof-unsaid": Bug(
        "What proves that a message was delivered is taken, and its author reads nothing of it.",
        patches=(Patch(Transit, "_opened_by_them", _proven_and_unsaid),),
    ),
    "oldest-body-gone": Bug(
        "Now and then the oldest body goes, is taken for one that never came, and not asked for.",
        patches=(Patch(Store, "retire", _making_room),),
    ),
    "any-token": Bug(
        "Tokens that retire an envelope are not checked, and some nodes forge them.",
        patches=(
            Patch(retirements, "is_token_of", _any_token),
            Patch(Intake, "pushed", _pushed_and_forged),
        ),
    ),
}
"""By the names that `--bug` takes."""
