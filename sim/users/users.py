"""The users of a world: they make identities, befriend one another, and know their contacts.

What they write and read is in `sim.users.mail_workload`. Everything that a node tells its user
goes to the message log, which holds it against what was written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AcceptRequest,
    AskContacts,
    ContactAnswer,
    ContactsAnswer,
    SetReadReceipts,
    VerifyContact,
)
from mesh.commands.identity import CreateIdentity, IdentityAnswer
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    Event,
    GroupLeft,
    ItemAdded,
    ItemChanged,
    MemberWrote,
    MessageReceived,
    MessageSent,
    MessageStateChanged,
    NoticeRaised,
)
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from sim.hosts.host import Host
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.blocking import Blocking
from sim.invariants.exclusion import Exclusion
from sim.invariants.files import SentFiles
from sim.invariants.group_news import GroupNews
from sim.invariants.groups import groups_of
from sim.invariants.member_letters import MemberLetterLog
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.scenario import Scenario
from sim.users.blocks import Blocks
from sim.users.friendships import Friendships
from sim.users.user import User

Told = Callable[[User, MessageAnswer | ItemAnswer], None]
"""(whose message, what their node says of it): an item where its words are gone."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Those who are told of what users see."""

    told: Told
    shown: Callable[[User, LoggedMessage], None]
    reach: Callable[[str], None]
    """Told of the coverage goals that users reach."""

    blocking: Blocking
    """Told of whom they block."""


def _nobody(_: Answer) -> None:
    """Nothing follows from the answer."""


class Users:
    """Everybody, and whom they know. `spares` are second machines: (node, whose)."""

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        nodes: Sequence[VirtualNode],
        spares: Sequence[tuple[VirtualNode, int]],
        scenario: Scenario,
        message_log: MessageLog,
        listeners: Listeners,
    ) -> None:
        self._loop = loop
        self._workload = workload = scenario.workload
        self._only = only = scenario.only
        self._message_log = message_log
        self._listeners = listeners
        reach = listeners.reach
        self._chance = Chance(seed, "workload")
        self._habits = Chance(seed, "habits")
        self._past = Chance(seed, "met before")
        self._dates = Chance(seed, "dates")
        self._nodes_by_key: dict[str, int] = {}
        self.refusals: dict[str, int] = {}
        self.exclusion = Exclusion()
        self.blocks = Blocks(listeners.blocking)
        self.group_news = GroupNews()
        self.member_letters = MemberLetterLog()
        self.sent_files = SentFiles()
        self.planned = message_log.planned
        self.met_before: list[tuple[int, int]] = []
        """Pairs that are contacts when the world begins, once all is planned."""

        refused = partial(_refused, self.refusals)
        self.everybody = [User(node.index, node, loop, refused, reach) for node in nodes]
        self._by_node = {user.index: user for user in self.everybody}
        self.present = [user for user in self.everybody if only.has_node(user.index)]
        for spare, index in spares:
            self._by_node[spare.index] = User(index, spare, loop, refused, reach)
        self.friendships = Friendships(
            loop=loop,
            everybody=self.everybody,
            chance=self._chance,
            habits=self._habits,
            crossing_within_us=_us(workload.crossing_within_s),
            know=self._know,
            reach=reach,
        )
        for user in self.everybody:
            user.is_reader = self._habits.is_true(workload.read_share)

    def plan(self, late: Mapping[int, int]) -> None:
        """Plan boots and friendships; some are switched on `late`."""
        workload, chance = self._workload, self._chance
        for user in self.everybody:
            when = chance.below(_us(workload.boot_within_s) + 1)
            when = late.get(user.index, when)
            if self._only.has_node(user.index):
                self._loop.at(when, partial(self._first_boot, user))
        for one, other in self.friendships.draw(workload.contacts):
            when = chance.between(*map(_us, workload.befriend_between_s))
            is_crossing = self._habits.is_true(workload.crossing_share)
            is_met = self._past.is_true(workload.met_before_share)
            if not (self._only.has_node(one.index) and self._only.has_node(other.index)):
                continue
            if is_met:
                self.met_before.append((one.index, other.index))
            else:
                befriend = self.friendships.cross if is_crossing else self.friendships.befriend
                self._loop.at(when, partial(befriend, one, other))

    def have_met(self, keys: Mapping[int, str]) -> None:
        """These have an identity when the world begins, and find their contacts in their vaults."""
        for node, key in keys.items():
            self.everybody[node].identity_key = key
            self._nodes_by_key[key] = node

    def user_at(self, node: int) -> User:
        """Return who sits at a node."""
        return self._by_node[node]

    @property
    def are_waiting(self) -> bool:
        """Say whether something asked has no answer yet."""
        return any(user.is_waiting for user in self.everybody)

    def are_mutual(self, one: User, other: User) -> bool:
        """Say whether both have each other, as they are now, among their contacts."""
        return bool(
            one.contacts.get(other.index) == other.identity_key
            and other.contacts.get(one.index) == one.identity_key
        )

    # --- Faults of theirs -------------------------------------------------------------------------

    def booted_again(self, node: int) -> None:
        """After a restart users look whom they know and what they missed, and ask again."""
        user = self._by_node[node]
        if not user.node.is_up:
            # Its disk still fails.
            return
        user.ask_again()
        if user.identity_key:
            self.look_around(user)
            self._catch_up(user)

    def rolled_back(self, node: int) -> None:
        """A vault was put back: what its user asked is asked no more."""
        self.member_letters.forget(node)
        self._by_node[node].forget(is_identity_lost=False)
        self.exclusion.forget(node)

    def saved(self, node: int) -> None:
        """Those of whom too little is left in a vault that was saved wait apart, and its
        user lets them in.
        """
        user = self._by_node[node]
        if user.node.is_up and user.identity_key:
            user.ask(AskContacts(), partial(self._meet_again, user))

    def wiped(self, node: int) -> None:
        """Everything is lost: the same user begins anew, and befriends again whom they knew."""
        user = self._by_node[node]
        self.member_letters.forget(node)
        user.forget(is_identity_lost=True)
        self.exclusion.forget(node)
        name = f"person {user.index} again"
        user.ask(CreateIdentity(name), partial(self._named_again, user))

    def cloned(self, spare: int) -> None:
        """A second machine runs: its user knows whom the first one knows."""
        user = self._by_node[spare]
        user.identity_key = self._by_node[user.index].identity_key
        self.look_around(user)

    def lose(self, node: int) -> None:
        """A computer failed for ever, and its user asks nothing any more."""
        user = self._by_node[node]
        user.leave()
        self.present = [other for other in self.present if other is not user]

    def look_around(self, user: User) -> None:
        """Ask whom this node knows."""
        user.ask(AskContacts(), partial(self._know_all, user))

    # --- What their nodes tell them ---------------------------------------------------------------

    def happened(self, node: int, event: Event) -> None:
        """A node tells its user something."""
        user = self._by_node[node]
        match event:
            case MessageReceived(message=message):
                self._listeners.blocking.require_silent(node, message.contact, "a message")
                self._show(user, message)
            case ItemAdded(item=item) if item.author.is_mine:
                self._message_log.planned.sent(node, item, self._loop.now)
            case ItemAdded(item=item):
                self._listeners.blocking.require_silent(node, item.conversation, "an item")
            case MessageSent(message=message):
                self._message_log.message_of(user.index, message.text)
            case MessageStateChanged(message=message):
                self._listeners.told(user, message)
            case ItemChanged(item=item) if item.gone and item.author.is_mine:
                self._listeners.told(user, item)
            case ContactAdded(contact=contact):
                if not user.is_clone:
                    self.exclusion.require_out(user.index, contact.key)
                self._know(user, contact)
                self._welcome(user, contact)
            case GroupLeft(group=group):
                self.group_news.told_out(node, group.gid)
            case ContactChanged(contact=contact):
                self._know(user, contact)
            case MemberWrote(group=group, letter=letter):
                host = user.node.host
                # Into another release's engine nobody sees.
                if isinstance(host, Host) and host.engine is not None:
                    known = groups_of(host.engine)
                    me = next((one.me for one in known if one.gid.hex() == group.gid), None)
                    self.member_letters.shown(node, group.gid, me, letter)
            case NoticeRaised(sentence=sentence) if "clock" in sentence:
                if self._workload.sets_clock_s is not None:
                    user.look_at_date(self._dates.between(*map(_us, self._workload.sets_clock_s)))
            case _:
                pass

    def _show(self, user: User, message: MessageAnswer) -> None:
        user.seen_to = max(user.seen_to, message.number)
        author = user.authors.get(message.contact)
        now = self._loop.now
        logged = self._message_log.show(
            user.index, author, message.text, now, is_clone=user.is_clone
        )
        self._listeners.blocking.require_not_meanwhile(
            user.node.index, message.contact, logged.number
        )
        if author is not None and not self.everybody[author].node.is_up:
            self._listeners.reach("author-away")
        self._listeners.shown(user, logged)

    def _catch_up(self, user: User) -> None:
        """A crash may have come between a commit and its event."""
        command = AskMessages(after=user.seen_to, limit=MESSAGES_PER_PAGE_MAX)
        user.ask(command, partial(self._missed, user))

    def _missed(self, user: User, answer: Answer, *, is_lost: bool = True) -> None:
        """Read what no event told, because it was lost (`is_lost`) or there was none."""
        assert isinstance(answer, MessagesAnswer)
        for message in answer.messages:
            is_known = self._message_log.message_of(user.index, message.text).is_shown
            if not (message.is_mine or is_known):
                if is_lost:
                    self._listeners.reach("caught-up")
                self._show(user, message)
            user.seen_to = max(user.seen_to, message.number)
        if answer.has_more:
            self._catch_up(user)

    def _know(self, user: User, contact: ContactAnswer) -> None:
        node = self._nodes_by_key.get(contact.key)
        if node is None:
            return
        user.authors[contact.id] = node
        # Who wiped their disk is written to under their new identity only.
        if contact.key == self.everybody[node].identity_key:
            user.contacts[node] = contact.key

    def _know_all(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, ContactsAnswer)
        user.contacts.clear()
        for contact in answer.contacts:
            self._know(user, contact)

    def _welcome(self, user: User, contact: ContactAnswer) -> None:
        if contact.is_request:
            user.ask(AcceptRequest(contact.key), partial(self._let_in, user))
        if user.is_reader:
            user.ask(SetReadReceipts(contact.key, is_on=True), _nobody)
            self._message_log.choices.speak(user.index, self._nodes_by_key.get(contact.key, -1))
        if self._workload.verify_share and self._habits.is_true(self._workload.verify_share):
            user.ask(VerifyContact(contact.key), _nobody)

    def _let_in(self, user: User, answer: Answer) -> None:
        """Somebody waits apart no more: no event told what they wrote meanwhile."""
        assert isinstance(answer, ContactAnswer)
        if answer.messages_count:
            command = AskMessages(contact=answer.key, limit=MESSAGES_PER_PAGE_MAX)
            user.ask(command, partial(self._missed, user, is_lost=False))

    # --- Identities and friendships ---------------------------------------------------------------

    def _first_boot(self, user: User) -> None:
        if user.is_gone:
            return
        if user.identity_key:
            user.ask(AskContacts(), partial(self._meet_again, user))
        else:
            user.ask(CreateIdentity(f"person {user.index}"), partial(self._named, user))
        user.node.boot()
        user.ask_again()

    def _meet_again(self, user: User, answer: Answer) -> None:
        self._know_all(user, answer)
        assert isinstance(answer, ContactsAnswer)
        for contact in answer.contacts:
            self._welcome(user, contact)

    def _named(self, user: User, answer: Answer) -> None:
        assert isinstance(answer, IdentityAnswer)
        user.identity_key = answer.key
        self._nodes_by_key[answer.key] = user.index

    def _named_again(self, user: User, answer: Answer) -> None:
        self._named(user, answer)
        for friend in user.friends:
            when = self._chance.between(1_000_000, 10_000_000)
            self._loop.after(when, partial(self.friendships.befriend, user, self.everybody[friend]))


def _refused(refusals: dict[str, int], command: Command, error: UserError) -> None:
    """Count it by its command and kind."""
    kind = f"{type(command).__name__}: {error.kind}"
    refusals[kind] = refusals.get(kind, 0) + 1


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
