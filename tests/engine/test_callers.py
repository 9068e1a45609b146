"""Callers that prove nothing: whom they push out, and how long they hold a place."""

from mesh.effects import Disconnect, Effect
from mesh.ids import Address, LinkId
from mesh.inputs import Connected
from mesh.limits.link import HANDSHAKE_TIMEOUT_MS, HANDSHAKES_PENDING_MAX
from mesh.wire.frames import Prune
from tests.engine.joined import Joined, Seat
from tests.engine.stranger import Stranger


class Watched(Joined):
    """Notes how each stream was closed."""

    def __init__(self, *names: str) -> None:
        self.closed: dict[LinkId, bool] = {}
        super().__init__(*names)

    def call(self, number: int, host: str) -> LinkId:
        """Somebody calls and says nothing."""
        link = LinkId(2_000_000 + number)
        self.strangers[link] = lambda data: None
        self.seats["ada"].inbox.append(Connected(link, None, Address(host, number), ""))
        self.run()
        return link

    def _carry_out(self, seat: Seat, effect: Effect) -> None:
        if isinstance(effect, Disconnect):
            self.closed[effect.link] = effect.is_abrupt
        super()._carry_out(seat, effect)


def test_the_host_with_most_unfinished_handshakes_pushes_out_its_own() -> None:
    table = Watched("ada")
    honest = [table.call(number, f"10.0.5.{number}") for number in range(3)]
    mute = [table.call(10 + number, "10.0.6.6") for number in range(2 * HANDSHAKES_PENDING_MAX)]
    pending = list(table.seats["ada"].engine._links.all)
    assert pending == honest + mute[len(honest) - HANDSHAKES_PENDING_MAX :]
    assert all(table.closed[link] for link in mute[: -len(pending)])


def test_a_handshake_that_did_not_end_in_time_is_closed_at_once() -> None:
    table = Watched("ada")
    mute = table.call(1, "10.0.6.6")
    table.pass_time(HANDSHAKE_TIMEOUT_MS / 1_000)
    assert table.closed == {mute: True}


def test_who_was_told_something_has_time_to_read_it() -> None:
    table = Watched("ada")
    member = Stranger(table, "ada")
    member.send(Prune(), Prune())
    member.send_raw(bytes(100))
    assert table.closed == {member.link_id: False}
