"""Small doors to drive: programs that are whole, though they are no messenger."""

from collections.abc import Sequence

from mesh.commands.answer import Done
from mesh.commands.peers import AddPeer
from mesh.commands.status import AskStatus
from mesh.effects import Disconnect, Effect, Emit, Reply, SendBytes
from mesh.errors import UserError
from mesh.events import LinkOpened, NoticeRaised
from mesh.ids import Instant, Monotonic
from mesh.inputs import Asked, BytesReceived, Connected, Input


class Echo:
    """Sends back what it receives, ends a link that says `bye`, and answers commands."""

    def __init__(self) -> None:
        self.batches: list[list[Input]] = []
        self.links_count = 0
        self.wakes: list[Monotonic] = []
        self.next_wake: Monotonic | None = None

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Answer each input; note when it was due and woken."""
        self.batches.append(list(batch))
        if self.next_wake is not None and now.monotonic >= self.next_wake:
            self.wakes.append(now.monotonic)
            self.next_wake = None
        return [effect for happened in batch for effect in self._answers(happened)]

    def deadline(self) -> Monotonic | None:
        """Return when it wants to be woken."""
        return self.next_wake

    def _answers(self, happened: Input) -> list[Effect]:
        match happened:
            case Connected():
                self.links_count += 1
                return [Emit(LinkOpened(str(happened.address), self.links_count))]
            case BytesReceived(link, b"bye"):
                return [SendBytes(link, b"farewell"), Disconnect(link, "bye")]
            case BytesReceived(link, data):
                return [SendBytes(link, data)]
            case Asked(request, AddPeer(address)):
                error = UserError("bad-address", f"{address} is no address.")
                return [Emit(NoticeRaised(address)), Reply(request, error)]
            case Asked(request, AskStatus()):
                return [Reply(request, Done())]
            case _:
                return []
