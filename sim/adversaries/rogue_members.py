"""Members of groups whose nodes do what no honest one does; each way aims at one rule of groups.

- *numbers-backwards*: they number what they say from above, so that numbers stay free below for
  what they say after somebody removed them. A cut must tell its holes.
- *asks-at-once*: they ask at once for all that others name and they lack, also for what was said
  before they came. Only what all readers of an answer might have is given.
- *keys-when-out*: once they know that they are removed they make keys for the time after, newer
  than those of honest people. Nobody writes under keys that were made by who is out.
- *takes-numbers*: they seal something under the next number of everybody else. Only what the owner
  of a number signed for its place uses it up.

A rogue is a real node for all else, and its person goes on as before. That it seals to members
alone, and that what it writes is read, nobody demands; what it passes on, and all that honest nodes
seal, show and read, is held to every invariant.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

from mesh.crypto.entropy import Entropy
from mesh.group.bodies import content_size_class, seal_body
from mesh.group.chains import Place
from mesh.group.payload import make_payload, payload_bytes
from mesh.group.repair import asked_after
from mesh.ids import Instant, VerifyKey
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.groups import needs
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_sealer import GroupSealer
from mesh.messenger.groups.upkeep import Upkeep
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.posting_keys import group_audience
from mesh.storage.vault.group_people import UnsealedRow
from mesh.storage.vault.rows import ConversationRow, EntryRow
from mesh.wire.envelope import LIFETIME_WEEK
from sim.adversaries.deaf_members import deafening, drawn_deaf
from sim.kernel.entropy import Chance
from sim.patching import Patch, patched
from sim.schema.group_table import GroupTable, RogueWay

FREE_COUNT: Final = 8
"""Of so many numbers the highest is used first, then the next below."""

ASKED_S: Final = 1
Working = Callable[[], int | None]
"""The node that works at this moment."""


class RogueMembers:
    """The rogues of one world, drawn from its seed, and those who are deaf."""

    def __init__(self, seed: int, nodes: int, table: GroupTable | None, working: Working) -> None:
        chance = Chance(seed, "rogue members")
        share = 0 if table is None else table.rogue_share
        self._deaf = drawn_deaf(seed, nodes, 0 if table is None else table.deaf_share)
        self.nodes = [node for node in range(nodes) if chance.is_true(share)]
        self._ways: Collection[RogueWay] = () if table is None else table.rogue_ways
        self._working = working

    def is_at_work(self) -> bool:
        """Say whether what happens at this moment is a rogue's doing."""
        return self._working() in self.nodes

    @property
    def are_taking_numbers(self) -> bool:
        """Say whether something is sealed under numbers of others."""
        return bool(self.nodes) and "takes-numbers" in self._ways

    @contextmanager
    def acting(self) -> Iterator[None]:
        """While inside, their nodes do all this, and those who are deaf hear of no removal."""
        patches = {
            "numbers-backwards": self._numbering,
            "asks-at-once": self._asking,
            "keys-when-out": self._making_keys,
            "takes-numbers": self._taking_numbers,
        }
        ways = self._ways if self.nodes else ()
        with deafening(self._deaf, self._working), patched(*(patches[way]() for way in ways)):
            yield

    def _numbering(self) -> Patch:
        compose = Entries.compose

        def composing(
            entries: Entries,
            conversation: ConversationRow,
            statement: Statement,
            row: EntryRow,
            ops: Iterable[bytes] = (),
        ) -> NewEntry:
            named = tuple(ops)
            # Only what is said in a group names operations.
            if named and conversation.run and self.is_at_work():
                count = number_backwards(conversation.written_count)
                conversation = replace(conversation, written_count=count)
            return compose(entries, conversation, statement, row, named)

        return Patch(Entries, "compose", composing)

    def _asking(self) -> Patch:
        def asking(rank: int, entropy: Entropy, *, is_waited_for: bool) -> int:
            after = asked_after(rank, entropy, is_waited_for=is_waited_for)
            return ASKED_S if self.is_at_work() else after

        return Patch(needs, "asked_after", asking)

    def _making_keys(self) -> Patch:
        tend = Upkeep._tend

        def tending(upkeep: Upkeep, now: Instant) -> None:
            tend(upkeep, now)
            if self.is_at_work():
                for group in upkeep._groups.all:
                    self._make_keys(upkeep, group, now)

        return Patch(Upkeep, "_tend", tending)

    def _make_keys(self, upkeep: Upkeep, group: Group, now: Instant) -> None:
        """Make keys for those who are in, once, newer than what they made for the same."""
        is_out = group.row.state == "removed" and bool(group.members)
        has_made = any(
            epoch.maker == group.me and group.me not in group.recipients(epoch)
            for epoch in group.epochs
        )
        if is_out and not has_made:
            # The second has the next turn, and so is newer than what the others may make.
            upkeep._epochs.make(group, now)
            made = upkeep._epochs.make(group, now)
            upkeep._posting.tell_epoch(group, made, now)
            upkeep._posting.flush(group, now, pause=Pause.SOON)

    def _taking_numbers(self) -> Patch:
        seal = GroupSealer.seal

        def sealing(
            sealer: GroupSealer,
            group: Group,
            epoch: HeldEpoch,
            row: UnsealedRow,
            now: Instant,
            pause: Pause,
        ) -> None:
            seal(sealer, group, epoch, row, now, pause)
            if self.is_at_work() and row.entry is not None:
                for member in group.members:
                    if member != group.me:
                        _take_number(sealer, group, epoch, member, now)

        return Patch(GroupSealer, "seal", sealing)


def number_backwards(count: int) -> int:
    """Return the number under which a rogue says its n-th thing: of each few the highest first."""
    few, place = divmod(count - 1, FREE_COUNT)
    return count if count < 1 else few * FREE_COUNT + FREE_COUNT - place


def _take_number(
    sealer: GroupSealer, group: Group, epoch: HeldEpoch, member: VerifyKey, now: Instant
) -> None:
    """Seal controls of nobody under the next number of somebody else."""
    chain = sealer._key_rows.find_chain(epoch.number, member)
    if chain is None or not sealer.can_seal(group, now):
        return
    place = Place(chain.next, chain.chain, chain.tag_key)
    length = payload_bytes([], [])
    size_class = content_size_class(length)
    assert size_class is not None

    def body_of(header: bytes) -> bytes:
        payload = make_payload(group.signing, group.gid, header=header, controls=[], entries=[])
        return seal_body(
            place.message_key,
            payload.encode(),
            header=header,
            size_class=size_class,
            entropy=sealer._entropy,
        )

    sealed = sealer._sealing.seal_for_group(
        group_audience(group.conversation),
        place.tag,
        (size_class, LIFETIME_WEEK),
        body_of,
        now.mesh,
    )
    sealer._transit.post(sealed, None, pause=Pause.SOON, now=now)
