"""A whole node that fits on a page: it keeps everything in dictionaries and sends nothing.

It answers every command as the engine would for a profile without peers, so that the API,
the client and the command line are tested against something that really answers.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import msgspec
import trio

from mesh.api.access import Access
from mesh.api.app import Application
from mesh.api.doors import is_over_tcp
from mesh.api.endpoint import Endpoint
from mesh.api.event_log import EventLog
from mesh.api.loopback import LoopbackListener
from mesh.api.page_desk import PageDesk
from mesh.api.server import serve_loopback, serve_unix
from mesh.api.sharing import Sharing
from mesh.api.unix_socket import UnixListener
from mesh.commands.answer import Answer, Done
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AddContact,
    AskContacts,
    ContactAnswer,
    ContactsAnswer,
    RenameContact,
)
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
    ReadItems,
)
from mesh.commands.fields import KeepFor
from mesh.commands.identity import (
    AskIdentity,
    CreateIdentity,
    IdentityAnswer,
    TakenOver,
    TakeOver,
)
from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InviteAnswer,
    InvitesAnswer,
    RevokeInvite,
)
from mesh.commands.item_commands import AskItems, AskItemsByArrival
from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.commands.peers import AddPeer, AskPeers, PeerAnswer, PeersAnswer, RemovePeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.events import (
    ComparisonChanged,
    ContactAdded,
    Event,
    MessageReceived,
    MessageSent,
    MessageStateChanged,
)
from mesh.limits.messages import MOMENT_MAX
from mesh.node.folders import ProfileFolders
from tests.api.small_backup import SmallArchive
from tests.api.small_carrier import SmallCarrier
from tests.api.small_items import author_of, conversation_of, for_texts, items_of, tell
from tests.api.small_people import NOW, SmallPeople
from tests.api.small_vault import SmallVault, login_start_in, small_findings, small_settings


class SmallNode(SmallArchive, SmallVault):
    """Answers commands and writes events into a log."""

    def __init__(self, log: EventLog, *, name: str = "Anna", is_locked: bool = False) -> None:
        self.told: dict[type[Command], Answer] = {}
        self.log = log
        self.name = name
        super().__init__(is_locked=is_locked)
        self.people = SmallPeople()
        self.carrier: SmallCarrier | None = None
        self.invites: dict[int, InviteAnswer] = {}
        self.messages: list[MessageAnswer] = []
        self.keys: dict[str, MessageAnswer] = {}
        self.kept_for: dict[int, KeepFor] = {}
        self.unread: dict[int, bool] = {}
        self.peers: dict[str, PeerAnswer] = {}
        self.links_count = 0
        self.stamp_seconds = 0
        self.carries_at_once = False
        self.delivers_at_once = False
        self.is_disk_stuck = False
        self.forget_backups()
        self.order: tuple[int, ...] = ()
        self.pages_count = 0

    @property
    def contacts(self) -> dict[int, ContactAnswer]:
        return self.people.contacts

    async def ask(self, command: Command) -> Answer:
        await trio.lowlevel.checkpoint()
        return self.answer(command)

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        await trio.lowlevel.checkpoint()
        answers: list[Answer | UserError] = []
        for command in commands:
            try:
                answers.append(self.answer(command))
            except UserError as error:
                answers.append(error)
        return answers

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        while self.is_disk_stuck:  # noqa: ASYNC110 (a thread of the test frees it)
            await trio.sleep(0.01)
        # Made where it is used: most tests carry nothing.
        if self.carrier is None:
            self.carrier = SmallCarrier()
        return await self.carrier.carry_by_hand(command)

    def answer(self, command: Command) -> Answer:
        match command:
            case AskStatus():
                return self.status()
            case AskPeers():
                return PeersAnswer(peers=list(self.peers.values()))
            case AddPeer(address=address):
                self.peers[address] = PeerAnswer(
                    address=address,
                    state="waiting",
                    is_configured=True,
                    is_dialled_by_us=False,
                    connected_seconds=0,
                    bytes_received=0,
                    bytes_sent=0,
                )
                return Done()
            case RemovePeer(address=address):
                if self.peers.pop(address, None) is None:
                    raise UserError("not-found", "This address is not configured.")
                return Done()
            case CreateIdentity(name=name):
                if self.name:
                    raise UserError("exists", "This profile has an identity.")
                self.name = name
                return self.identity()
            case _:
                if self.is_locked:
                    raise UserError("locked", "The vault is locked. Unlock it with: mesh unlock")
                if not self.name:
                    raise UserError("no-identity", "This profile has no identity yet.")
                return self.vault_answer(command)

    def vault_answer(self, command: Command) -> Answer:
        match command:
            case AskIdentity():
                return self.identity()
            case TakeOver():
                return TakenOver(was_former=False)
            case CreateInvite() | RevokeInvite() | AskInvites():
                return self.invite_answer(command)
            case AddContact(link=link, label=label):
                return self.add_contact(link, label)
            case _ if (answer := self.told.get(type(command))) is not None:
                return answer
            case AskContacts():
                return ContactsAnswer(contacts=list(self.contacts.values()))
            case RenameContact(contact=contact, label=label):
                renamed = msgspec.structs.replace(self.find(contact), label=label)
                self.contacts[renamed.id] = renamed
                return renamed
            case AskConversations():
                found = [self.conversation(each) for each in self.contacts.values()]
                return ConversationsAnswer(conversations=found)
            case AskConversation(conversation=named):
                return self.conversation(self.find(named))
            case ChangeConversation(conversation=named, keep_for=keep_for):
                changed = self.find(named)
                self.kept_for[changed.id] = keep_for or self.kept_for.get(changed.id, "30d")
                return self.conversation(changed)
            case SendMessage():
                return self.send(command)
            case AskMessages():
                return self.page(command)
            case AskItems() | AskItemsByArrival():
                return items_of(self.page(for_texts(command)))
            case ReadItems(conversation=named):
                return self.read(self.find(named), command.until, command.only)
            case WithdrawMessage(message=number):
                return self.withdraw(number)
            case _:
                return self.people.answer(command)

    def identity(self) -> IdentityAnswer:
        return IdentityAnswer(name=self.name, key="ab" * 32)

    def status(self) -> StatusAnswer:
        return StatusAnswer(
            name=self.name,
            vault="locked" if self.is_locked else "open",
            mesh="mesh",
            is_closed=False,
            links_count=self.links_count,
            envelopes_count=len(self.messages),
            stored_bytes=1024,
            stored_bytes_max=1024**3,
            contacts_count=len(self.contacts),
            outbox_count=0,
            stamp="being made" if self.stamp_seconds else "ready",
            stamp_seconds=self.stamp_seconds,
            clock_offset_seconds=0,
            notices=[],
            counters={"frames_received": 7},
            locked_since=NOW if self.is_locked else 0,
        )

    def invite_answer(self, command: CreateInvite | RevokeInvite | AskInvites) -> Answer:
        invite: InviteAnswer
        match command:
            case CreateInvite():
                invite = InviteAnswer(
                    id=len(self.invites) + 1,
                    label=command.label,
                    link="mesh:invite/" + "A" * 80,
                    qr="MESH:QR/" + "A2B3" * 20,
                    short_link="mesh:invite/" + "B" * 20,
                    expires=NOW + command.lifetime_s,
                    uses=0,
                    uses_max=command.uses_max,
                    state="open",
                )
            case RevokeInvite(invite=number, tells_closed=tells):
                if number not in self.invites:
                    raise UserError("not-found", f"There is no invite {number}.")
                invite = msgspec.structs.replace(
                    self.invites[number],
                    state="revoked",
                    link="",
                    qr="",
                    short_link="",
                    tells_closed=tells,
                )
            case AskInvites():
                return InvitesAnswer(invites=list(reversed(self.invites.values())))
        self.invites[invite.id] = invite
        return invite

    def add_contact(self, link: str, label: str) -> ContactAnswer:
        if not link.startswith("mesh:"):
            raise UserError("bad-invite", "This is not an invite link.")
        contact = ContactAnswer(
            id=len(self.contacts) + 1,
            label=label or link.removeprefix("mesh:")[:16],
            name=link.removeprefix("mesh:")[:16],
            key=uuid.uuid5(uuid.NAMESPACE_URL, link).hex * 2,
            trust="first seen",
            state="answered",
            messages_count=0,
            unread_count=0,
        )
        if any(other.label == contact.label for other in self.contacts.values()):
            raise UserError("exists", "A contact has this label.")
        self.contacts[contact.id] = contact
        self.log.append(ContactAdded(contact))
        return contact

    def conversation(self, contact: ContactAnswer) -> ConversationAnswer:
        unread = [each for each in self.messages if self.unread.get(each.number)]
        count = sum(each.contact == contact.id for each in unread)
        return conversation_of(contact, count, self.kept_for.get(contact.id, "30d"))

    def find(self, wanted: str | int) -> ContactAnswer:
        return self.people.find(wanted)

    def send(self, command: SendMessage) -> MessageAnswer:
        contact = self.find(command.contact)
        former = self.keys.get(command.idempotency_key)
        if command.idempotency_key and former is not None:
            if (former.contact, former.text) != (contact.id, command.text):
                raise UserError("key-reused", "This key was used for another message.")
            return self.messages[former.number - 1]
        message = self.keep(contact, command.text, is_mine=True)
        if command.keep_for is not None:
            message = msgspec.structs.replace(message, kept_until=MOMENT_MAX, posts_count=1)
            self.messages[-1] = message
        self.keys[command.idempotency_key] = message
        tell(self.log, MessageSent(message))
        if self.carries_at_once:
            self.carry(message.number)
        if self.delivers_at_once:
            self.deliver(message.number)
        return message

    def keep(self, contact: ContactAnswer, text: str, *, is_mine: bool) -> MessageAnswer:
        number = len(self.messages) + 1
        message = MessageAnswer(
            number=number,
            id=f"{number:064x}",
            conversation=contact.id,
            contact=contact.id,
            label=contact.label,
            author=author_of(contact, is_mine=is_mine),
            is_mine=is_mine,
            text=text,
            sent=NOW,
            received=NOW,
            state="queued" if is_mine else "received",
            carriers=0,
        )
        self.messages.append(message)
        self.unread[number] = not is_mine
        return message

    def receive(self, label: str, text: str) -> None:
        """A contact's message arrives."""
        tell(self.log, MessageReceived(self.keep(self.find(label), text, is_mine=False)))

    def carry(self, number: int) -> None:
        """A peer took over a message of ours."""
        carried = msgspec.structs.replace(self.messages[number - 1], state="carried", carriers=1)
        self.messages[number - 1] = carried
        self.log.append(MessageStateChanged(carried))

    def deliver(self, number: int) -> None:
        """The other device gave its token."""
        delivered = msgspec.structs.replace(self.messages[number - 1], state="delivered")
        self.messages[number - 1] = delivered
        self.log.append(MessageStateChanged(delivered))

    def withdraw(self, number: int) -> MessageAnswer:
        if not 0 < number <= len(self.messages):
            raise UserError("not-found", f"There is no message {number}.")
        withdrawn = msgspec.structs.replace(self.messages[number - 1], state="withdrawn")
        self.messages[number - 1] = withdrawn
        return withdrawn

    def read(self, contact: ContactAnswer, until: int, only: Sequence[int]) -> ConversationAnswer:
        """A person has read down to a message, or some of those above alone."""
        for message in self.messages[:until]:
            if message.contact == contact.id and (not only or message.number in only):
                self.unread[message.number] = False
        return self.conversation(contact)

    def take_up(self, label: str) -> None:
        """The other person takes up a comparison."""
        self.log.append(ComparisonChanged(self.people.committed(self.find(label))))

    def page(self, command: AskMessages) -> MessagesAnswer:
        self.pages_count += 1
        contact = self.find(command.contact).id if command.contact else None
        found = [
            message
            for message in self.messages
            if contact in (None, message.contact)
            and self.contacts[message.contact].is_request == command.requests
            and (self.unread[message.number] or not command.unread_only)
        ]
        if command.contact and self.order and not command.by_arrival:
            found.sort(key=lambda message: self.order.index(message.number))
        numbers = [message.number for message in found]
        start = numbers.index(command.after) + 1 if command.after in numbers else 0
        end = len(found) if command.before is None else numbers.index(command.before)
        if command.after is None:
            start = max(0, end - command.limit)
        else:
            end = min(end, start + command.limit)
        page = found[start:end]
        if command.mark_read:
            self.unread |= {message.number: False for message in page}
        older, newer = start > 0, end < len(found)
        has_more = older if command.after is None else newer
        return MessagesAnswer(messages=page, has_more=has_more, has_older=older, has_newer=newer)


class Running:
    """A small node behind its API in a thread of its own, for clients that block."""

    def __init__(
        self, folders: ProfileFolders, *, name: str = "Anna", is_locked: bool = False
    ) -> None:
        self.folders = folders
        self.log: EventLog
        self.node: SmallNode
        self._name = name
        self._is_locked = is_locked
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=[self._serve])
        self._token: trio.lowlevel.TrioToken

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stopping = trio.Event()
        self.log = EventLog(uuid.uuid4().hex)
        self.node = SmallNode(self.log, name=self._name, is_locked=self._is_locked)
        self.folders.state.mkdir(parents=True, exist_ok=True)
        access = Access(self.folders.door_file)
        desk = PageDesk(small_findings, login_start_in(self.folders.state), Sharing())
        settings = small_settings(self.folders.state / "config.toml")
        application = Application(
            self.node, self.log, self.node, access, desk, settings, self._stopping.set
        )
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._listen, application)
                self._ready.set()
        finally:
            self.folders.endpoint_file.unlink(missing_ok=True)
            self._ready.set()

    async def _listen(
        self,
        application: Application,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen at the door that MESH_API names, as a daemon does."""
        if not is_over_tcp():
            socket, stopping = UnixListener.bind(self.folders.socket_file), self._stopping
            await serve_unix(application, socket, stopping=stopping, task_status=task_status)
            return
        listener = LoopbackListener.bind(0)
        await application.access.admit_owner(self.folders.token_file)
        endpoint = Endpoint(pid=os.getpid(), started=0, version="test", port=listener.port)
        self.folders.endpoint_file.write_bytes(msgspec.json.encode(endpoint))
        await application.access.listens_at(listener.port)
        await serve_loopback(
            application, listener, stopping=self._stopping, task_status=task_status
        )

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        # It may have been stopped through its API already.
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._stopping.set)
        self.wait_until_stopped()

    def wait_until_stopped(self) -> None:
        self._thread.join()

    def receive(self, label: str, text: str) -> None:
        """Let a contact's message arrive."""
        self._token.run_sync_soon(self.node.receive, label, text)

    def receive_on_subscription(self, label: str, text: str) -> None:
        """Let a contact's message arrive once somebody listens."""
        self.on_subscription(partial(self.node.receive, label, text))

    def happen_while_tailed(self, event: Event, label: str, text: str) -> None:
        """Let something happen, and then a message come, once `mesh tail` knows what was there."""

        def happen() -> None:
            self.log.append(event)
            self.node.receive(label, text)

        self.on_subscription(happen, pages_count=2)

    def on_subscription(self, happen: Callable[[], None], *, pages_count: int = 0) -> None:
        """Do something in the node's own thread once somebody listens and has read pages."""

        async def wait() -> None:
            while self.log.subscribers_count == 0 or self.node.pages_count < pages_count:
                await trio.lowlevel.checkpoint()
            happen()

        self._token.run_sync_soon(trio.lowlevel.spawn_system_task, wait)


@contextmanager
def running(
    folders: ProfileFolders, *, name: str = "Anna", is_locked: bool = False
) -> Iterator[Running]:
    """Run a small node for as long as the block runs."""
    node = Running(folders, name=name, is_locked=is_locked)
    node.start()
    try:
        yield node
    finally:
        node.stop()
