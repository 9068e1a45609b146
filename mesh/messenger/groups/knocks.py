"""People at the links of a group, who are let in or not.

Implements `docs/protocol/groups.md`, section "By a link". Who knocks is added by the node of the
link's maker, or, where it needs approval, by that of any member who may add.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from mesh.commands.group_links import AnswerKnock, AskKnocks, KnockAnswer, KnocksAnswer
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.knocking import KNOCK, check_record, decode_knock
from mesh.group.leaves import check_long_leaf
from mesh.group.operations import Record
from mesh.group.payload import KNOCKS_OVER
from mesh.group.placed_posts import Knock, PostPlace
from mesh.ids import Instant, Monotonic, UnixSeconds, VerifyKey
from mesh.limits.groups import (
    KNOCK_KEPT_SECONDS,
    KNOCKS_AT_ONCE_MAX,
    KNOCKS_GATHERED_SECONDS,
    KNOCKS_MAX,
    KNOCKS_OF_ONE_MAX,
    KNOCKS_RETRIED_MS,
)
from mesh.limits.messages import CONTROL_BYTES_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.letters import Letters, open_letter
from mesh.messenger.groups.link_door import (
    is_closed,
    is_known,
    link_bundle,
    link_keys,
    link_secrets,
    may_add,
    may_add_later,
    needs_word,
    uses_left,
)
from mesh.messenger.groups.which_group import WhichGroup
from mesh.messenger.names import is_fair_name
from mesh.messenger.pauses import Pause
from mesh.messenger.pending_events import GroupNews
from mesh.ratchet.tags import invite_tag_key
from mesh.storage.vault.group_links import GroupLinkRow, KnockRow
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.envelope import LIFETIME_MONTH, Envelope

_NO_PLACE = PostPlace(bytes(8), 0)
_PREFIX_BYTES: Final = 8
_OVER_MAX: Final = CONTROL_BYTES_MAX // _PREFIX_BYTES

_records = msgspec.msgpack.Decoder(Record)


class Knocks:
    """Takes knocks, and lets in who may come."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        changes: Changes,
        posting: GroupPosting,
        letters: Letters,
        contacts: Contacts,
    ) -> None:
        self._rows = account.vault.group_links
        self._entropy = account.entropy
        self._kem = account.kem
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._which = WhichGroup(keepers.groups)
        self._changes = changes
        self._posting = posting
        self._letters = letters
        self._contacts = contacts
        # What stood there when the vault was closed is looked at.
        self._deadline: Monotonic | None = Monotonic(0) if keepers.groups.all else None
        # By a link by which somebody came just now others come from then on: by then who came has
        # said hello. What is wrapped for who did not takes 20 times as much.
        self._next: dict[int, Monotonic] = {}

    def feature(self) -> Feature:
        """People at links."""
        return Feature(
            commands=[
                command(AskKnocks, self._ask_knocks),
                command(AnswerKnock, self._answer_knock),
            ],
            chores=[Chore(self._tend)],
            cleanups=[self._drop_old],
            deadline=lambda: self._deadline,
        )

    # --- Who knocks ---------------------------------------------------------------------------

    def knocked(self, link: int, index: int, envelope: Envelope, now: Instant) -> None:
        """Somebody stands at a link of ours; PeerError if it is not open to him."""
        row = self._rows.find(link)
        if row is None or row.secret is None:
            raise PeerError("a knock at a link of which the keys are erased")
        group = self._groups.find(row.conversation)
        if group is None or not group.is_in or not may_add_later(group):
            raise PeerError("a knock at a link of a group in which we add nobody")
        if is_closed(row, envelope.header.created):
            raise PeerError("a knock at a link that is closed")
        received = open_letter(
            envelope,
            invite_tag_key(row.secret),
            index,
            identity=link_keys(row),
            bundles=[(link_bundle(row.bundle), link_secrets(row))],
            kem=self._kem,
        )
        if received.letter.kind != KNOCK:
            raise PeerError("a letter at a link that is no knock")
        bundle = received.bundle
        if bundle is None:
            raise PeerError("a knock without a bundle")
        knock = decode_knock(received.letter.data, bundle, verify=is_signature_valid)
        if knock.gid != group.gid:
            raise PeerError("a knock for another group")
        new = self._take(group, knock.record, bundle, knock.note, link=link, now=now)
        if needs_word(row, now.mesh):
            post = Knock(1, 9, 0, _NO_PLACE, knock.record, bundle.encode(), knock.note)
            self._posting.queue(group, post, None, now)
            self._posting.flush(group, now, pause=Pause.SOON)
        self._tell(group, new)
        self._deadline = Monotonic(0)

    def told(self, group: Group, member: VerifyKey, knock: Knock, now: Instant) -> None:
        """A member says that somebody stands at a link of his; PeerError if that cannot be."""
        if not may_add(group, member):
            raise PeerError("a knock at a link of somebody who may add nobody")
        bundle = decode_bundle(knock.bundle, is_signature_valid)
        check_record(knock.record, bundle, group.gid, verify=is_signature_valid)
        teller = -self._groups.person(group, member).number
        self._tell(group, self._take(group, knock.record, bundle, knock.note, link=teller, now=now))

    def close(self, group: Group, link: GroupLinkRow, now: Instant) -> None:
        """A link of ours admits nobody any more: who waits there is forgotten, by all who were told
        of him.
        """
        waiting = [row for row in self._rows.knocks(group.conversation) if row.link == link.number]
        for row in waiting:
            self._rows.drop_knock(row.number)
        told = [row.member[:_PREFIX_BYTES] for row in waiting if needs_word(link, row.came)]
        if told and group.row.state == "in":
            names = b"".join(told[:_OVER_MAX])
            # It lives as long as the knock: else who comes back later is told of him alone.
            self._posting.note(
                group,
                [(KNOCKS_OVER, names)],
                pause=Pause.SOON,
                lifetime_class=LIFETIME_MONTH,
                now=now,
            )

    def over(self, group: Group, member: VerifyKey, data: bytes, now: Instant) -> None:
        """A member says of whom he told that they are to be let in by nobody; of whom nothing came
        yet, that is kept until it does.
        """
        if not data or len(data) % _PREFIX_BYTES:
            raise PeerError("malformed word on people at a link")
        names = [data[at : at + _PREFIX_BYTES] for at in range(0, len(data), _PREFIX_BYTES)]
        teller = -self._groups.person(group, member).number
        early = dict.fromkeys(names)
        for row in self._rows.knocks(group.conversation):
            # Of those whom others told of he has nothing to say.
            if row.link == teller and (name := row.member[:_PREFIX_BYTES]) in early:
                del early[name]
                if not row.is_over:
                    self._rows.drop_knock(row.number)
                    self._pending_events.group_changed(group.conversation)
        for name in early:
            self._keep_over(group, name, teller, now)

    def _keep_over(self, group: Group, name: bytes, teller: int, now: Instant) -> None:
        """Keep that somebody is over of whom we hear later; of too many the first are dropped."""
        kept = [row for row in self._rows.knocks(group.conversation) if row.is_over]
        of_him = [row for row in kept if row.link == teller]
        if len(of_him) >= KNOCKS_OF_ONE_MAX:
            self._rows.drop_knock(of_him[0].number)
        else:
            self._make_room(kept)
        self._rows.add_knock(
            KnockRow(
                number=0,
                conversation=group.conversation,
                member=_key_of_over(name, teller),
                link=teller,
                record=b"",
                bundle=b"",
                note="",
                came=now.mesh,
                is_refused=True,
            )
        )

    def _take(
        self,
        group: Group,
        record: Record,
        bundle: Bundle,
        note: str,
        *,
        link: int,
        now: Instant,
    ) -> KnockRow | None:
        """Keep somebody who knocks; None: it was over before we heard of him."""
        check_long_leaf(bundle, entropy=self._entropy, kem=self._kem)
        if not is_fair_name(record.name) or not all(
            letter.isprintable() or letter == "\n" for letter in note
        ):
            raise PeerError("a knock whose words no screen shows")
        member, rows = VerifyKey(record.key), self._rows.knocks(group.conversation)
        for row in rows:
            if row.is_over and row.member == _key_of_over(member[:_PREFIX_BYTES], link):
                # Of this one knock: he may knock anew at another link.
                self._rows.drop_knock(row.number)
                return None
        knocks = [row for row in rows if not row.is_over]
        if is_known(group, member) or any(one.member == member for one in knocks):
            raise PeerError("a knock by somebody who was in the group, or stands there already")
        if sum(one.link == link for one in knocks) >= self._waiting_max(link, now):
            raise PeerError("too many stand at one link, or one member tells of too many")
        if link < 0:
            self._make_room(knocks)
        row = KnockRow(
            number=0,
            conversation=group.conversation,
            member=member,
            link=link,
            record=msgspec.msgpack.encode(record),
            bundle=bundle.encode(),
            note=note,
            came=now.mesh,
        )
        return self._rows.add_knock(row)

    def _waiting_max(self, number: int, now: Instant) -> int:
        """Return how many may wait at a link, or by the word of one member. At a link that admits
        by itself they wait for seconds, and who finds no place knocks again after days.
        """
        link = self._rows.find(number)
        if link is None or needs_word(link, now.mesh):
            return KNOCKS_OF_ONE_MAX
        return max(KNOCKS_OF_ONE_MAX, uses_left(link))

    def _make_room(self, knocks: Sequence[KnockRow]) -> None:
        """Drop the first of who told of the most, where those of whom members told are too many."""
        told = Counter(one.link for one in knocks if one.link < 0)
        if told.total() >= KNOCKS_MAX:
            ((most, _),) = told.most_common(1)
            self._rows.drop_knock(next(one.number for one in knocks if one.link == most))

    def _tell(self, group: Group, row: KnockRow | None) -> None:
        if row is not None and self._waits_for_word(row):
            news = GroupNews("knock", number=row.number)
            self._pending_events.group_changed(group.conversation, news)

    def _waits_for_word(self, row: KnockRow) -> bool:
        """Say whether a person is asked; else who knocks is let in by itself."""
        link = self._rows.find(row.link)
        return link is None or needs_word(link, row.came)

    def waiting(self, group: Group) -> list[KnockRow]:
        """Those about whom our person has something to say."""
        return [
            row
            for row in self._rows.knocks(group.conversation)
            if not row.is_refused and not is_known(group, row.member) and self._waits_for_word(row)
        ]

    def find_knock(self, group: Group, number: int) -> KnockAnswer | None:
        """Return what is told of somebody who stands at a link."""
        found = [row for row in self.waiting(group) if row.number == number]
        return self._answer_of(found[0]) if found else None

    def _ask_knocks(self, asked: AskKnocks, now: Instant) -> KnocksAnswer:
        group = self._which.member_of(asked.group)
        return KnocksAnswer(knocks=[self._answer_of(row) for row in self.waiting(group)])

    def _answer_of(self, row: KnockRow) -> KnockAnswer:
        name = _records.decode(row.record).name
        return KnockAnswer(
            knock=row.number,
            name=name,
            key=row.member.hex(),
            note=row.note,
            came=row.came,
            link=max(0, row.link),
            looks_like=self._contacts.look_alikes(name, but=None),
        )

    def _answer_knock(self, asked: AnswerKnock, now: Instant) -> KnocksAnswer:
        """Admit or refuse somebody. Nobody is told of a refusal."""
        group = self._which.member_of(asked.group)
        found = [row for row in self.waiting(group) if row.number == asked.knock]
        if not found:
            raise UserError("not-found", f"Nobody stands at a link under the number {asked.knock}.")
        if asked.is_admitted:
            self._admit(group, found, now)
        else:
            self._rows.refuse(found[0].number)
        return self._ask_knocks(AskKnocks(asked.group), now)

    # --- Letting in ---------------------------------------------------------------------------

    def _admit(self, group: Group, knocks: Sequence[KnockRow], now: Instant) -> int:
        """Add who knocked, and welcome each at his entrance; return how many these are. UserError
        if we may add nobody.
        """
        records = [_records.decode(row.record) for row in knocks]
        made, count = self._changes.add_all(
            group, records, now, bundles=[row.bundle for row in knocks]
        )
        let_in = knocks[:count]
        wraps = {row.member: made.welcomes[row.member] for row in let_in}
        self._letters.welcome(group, made.signed, wraps, now)
        for row in let_in:
            self._came_in(group, row, now)
        return count

    def _came_in(self, group: Group, row: KnockRow, now: Instant) -> None:
        """Somebody is in who came by a link: if it is one of ours, it is used once more."""
        self._rows.drop_knock(row.number)
        link = self._rows.find(row.link)
        if link is not None:
            link = replace(link, uses=link.uses + 1)
            self._rows.put(link)
            if uses_left(link) < 1:
                self.close(group, link, now)

    def _drop_old(self, now: Instant) -> None:
        """Forget who waited for too long, and who was refused as long ago."""
        self._rows.drop_knocks_before(UnixSeconds(now.expiry - KNOCK_KEPT_SECONDS))

    def _tend(self, now: Instant) -> None:
        """Let in who needs no approval, and post letters that wait."""
        self._deadline = None
        for group in self._groups.all:
            if group.row.state == "in" and group.is_in:
                self._tend_knocks(group, now)
        for conversation in self._letters.waiting():
            waiting = self._groups.find(conversation)
            if waiting is not None:
                self._letters.flush(waiting, now)

    def _tend_knocks(self, group: Group, now: Instant) -> None:
        by_link: dict[int, list[KnockRow]] = {}
        for row in self._rows.knocks(group.conversation):
            if row.is_over:
                continue
            if row.member in group.members:
                # Another member let them in: that is a use of the link too.
                self._came_in(group, row, now)
            elif is_known(group, row.member):
                self._rows.drop_knock(row.number)
            elif not self._waits_for_word(row):
                by_link.setdefault(row.link, []).append(row)
        for link, knocks in by_link.items():
            due = self._next.get(link, now.monotonic)
            if len(knocks) < KNOCKS_AT_ONCE_MAX:
                left = knocks[0].came + KNOCKS_GATHERED_SECONDS - now.mesh
                due = max(due, now.after(left * 1_000))
            if due > now.monotonic:
                self._look_again(due)
                continue
            self._let_in(group, link, knocks, now)

    def _let_in(self, group: Group, link: int, knocks: Sequence[KnockRow], now: Instant) -> None:
        """Add those who gathered at a link, as many as it still admits; the rest goes unheard."""
        row = self._rows.find(link)
        left = 0 if row is None else uses_left(row)
        count, wanted = 0, knocks[: min(left, KNOCKS_AT_ONCE_MAX)]
        try:
            if wanted:
                count = self._admit(group, wanted, now)
        except UserError:
            if may_add_later(group):
                self._look_again(now.after(KNOCKS_RETRIED_MS))
                return
            # We may add nobody any more: the link ends with its maker's role, and by a full group.
            left = 0
        for late in knocks[left:]:
            self._rows.drop_knock(late.number)
        if 0 < count < len(wanted):
            # There was no room for all: those who are left are looked at anew.
            self._look_again(Monotonic(0))
            return
        self._next = {each: due for each, due in self._next.items() if due > now.monotonic}
        self._next[link] = now.after(KNOCKS_GATHERED_SECONDS * 1_000)
        if left > count and len(knocks) > count:
            self._look_again(self._next[link])

    def _look_again(self, at: Monotonic) -> None:
        self._deadline = at if self._deadline is None else min(self._deadline, at)


def _key_of_over(name: bytes, teller: int) -> VerifyKey:
    """Return under which key it is kept that somebody is over: each member speaks for his own."""
    return VerifyKey(name + teller.to_bytes(8, "big", signed=True))
