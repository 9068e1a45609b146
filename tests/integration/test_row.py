"""Three laptops in a row: found without an address, and a message carried by one who cannot
read it.
"""

import secrets
import socket
import time
from functools import partial

import pytest

from mesh.commands.identity import IdentityAnswer
from mesh.commands.messages import MessageAnswer, MessagesAnswer
from mesh.commands.peers import PeerAnswer, PeersAnswer
from mesh.database import Connection
from mesh.node.profile import Profile
from tests.integration.networks import Desk, socket_in
from tests.integration.nodes import PASSPHRASE, Node, befriend, eventually, hear, start_all
from tests.integration.row import ARRIVES_WITHIN_S, LINKED_WITHIN_S, NodeMaker, Row, wait_for_text
from tests.integration.traces import Capture, markers_in_files, markers_in_memory

pytestmark = pytest.mark.netns


def key_of(node: Node) -> bytes:
    """A person's identity key."""
    return bytes.fromhex(node.answer(IdentityAnswer, "id").key)


def rows_with(connection: Connection, markers: list[bytes]) -> list[bytes]:
    """Those of the markers that stand in any column of any table."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    cells = [
        cell if isinstance(cell, bytes) else str(cell).encode()
        for (table,) in tables
        for cells in connection.execute(f'SELECT * FROM "{table}"').fetchall()
        for cell in cells
    ]
    return [marker for marker in markers if any(marker in cell for cell in cells)]


def test_laptops_find_each_other_and_nobody_typed_an_address(
    desk: Desk, make_node: NodeMaker
) -> None:
    left, right = desk.bridge("left"), desk.bridge("right")
    anna = make_node(desk.laptop(left), "Anna")
    ben = make_node(desk.laptop(left, right), "Ben")
    cleo = make_node(desk.laptop(right), "Cleo")
    start_all(anna, ben, cleo)
    for node, count in ((anna, 1), (ben, 2), (cleo, 1)):
        peers = eventually(
            partial(linked_peers, node),
            partial(are, count),
            within_s=LINKED_WITHIN_S,
            what=f"the peers of {node.name}",
        )
        assert not any(peer.is_configured for peer in peers)


def are(count: int, found: list[PeerAnswer]) -> bool:
    """Say whether there are so many: of two links to one of them, one soon goes."""
    return len(found) == count


def linked_peers(node: Node) -> list[PeerAnswer]:
    """Return what `mesh peers` says of the neighbours that have a link."""
    peers = node.answer(PeersAnswer, "peers").peers
    return [peer for peer in peers if peer.state == "linked"]


def test_a_message_is_carried_by_one_who_can_neither_read_it_nor_tell_whose_it_is(
    row: Row,
) -> None:
    first, piped, answer = (f"text {secrets.token_hex(12)}" for _ in range(3))
    planted = secrets.token_hex(16).encode()
    with Capture(row.desk.hub) as capture:
        plant_on_the_wire(row, planted)
        befriend(row.anna, row.cleo, inviter_label="anna")
        with row.anna.tail("--after", "0") as tail:
            assert row.cleo.answer(MessageAnswer, "send", "anna", first).text == first
            row.cleo.run("send", "anna", stdin=piped)
            hear(tail, first, piped)
        told = row.anna.answer(MessagesAnswer, "read").messages
        assert [message.text for message in told] == [first, piped]
        label = told[0].label
        row.anna.run("send", label, answer)
        wait_for_text(row.cleo, answer)
        assert answer in row.cleo.run("read", "anna")

        secrets_of_others = [
            *(text.encode() for text in (first, piped, answer)),
            *(node.name.encode() for node in (row.anna, row.cleo)),
            *(key for node in (row.anna, row.cleo) for key in forms(key_of(node))),
        ]
        assert capture.find([planted]) == [planted]
        assert capture.lost_frames_count() == 0
        assert capture.find(secrets_of_others) == []

    assert markers_in_memory(row.anna.pid, secrets_of_others), "the scan of memory finds nothing"
    own_name = row.ben.name.encode()
    assert markers_in_memory(row.ben.pid, [own_name]) == [own_name]
    assert markers_in_memory(row.ben.pid, secrets_of_others) == []
    assert len(row.ben.messages()) == 0
    assert row.ben.status().envelopes_count >= 3
    assert row.ben.logs()
    for marker in secrets_of_others:
        assert marker not in row.ben.logs().encode()
    check_files(row, secrets_of_others)


def check_files(row: Row, secrets_of_others: list[bytes]) -> None:
    """Ben's files hold nothing of the others, also when his databases are opened with his keys."""
    for node in row.all:
        node.stop()
    planted = row.ben.home / "planted"
    planted.write_bytes(b"x" + secrets_of_others[0])
    found = markers_in_files(row.ben.home, secrets_of_others)
    assert found == [(planted, secrets_of_others[0])]
    with Profile.held(row.anna.folders) as anna:
        vault = anna.open_vault(PASSPHRASE)
        # Shows that the search through tables finds what is there.
        assert rows_with(vault, secrets_of_others[:3]) == secrets_of_others[:3]
        vault.close()
    with Profile.held(row.ben.folders) as ben:
        for database in (ben.open_store(), ben.open_vault(PASSPHRASE)):
            assert rows_with(database, secrets_of_others) == []
            database.close()


def forms(key: bytes) -> list[bytes]:
    """A key as it would stand in memory, in JSON and in a log."""
    return [key, key.hex().encode()]


def plant_on_the_wire(row: Row, planted: bytes) -> None:
    """Send what the capture has to find, once over each bridge."""
    for node, bridge in ((row.anna, row.left), (row.cleo, row.right)):
        sender = socket_in(node.namespace, socket.AF_INET, socket.SOCK_DGRAM)
        sender.sendto(planted, (row.desk.address(row.ben.namespace, bridge), 9))
        sender.close()


def test_a_message_waits_with_a_neighbour_while_the_other_two_are_never_on_together(
    row: Row,
) -> None:
    cleo = row.introduce()
    row.cleo.stop()
    row.anna.run("send", cleo, "for when you are back")
    eventually(
        lambda: row.anna.messages()[-1],
        lambda message: message.state == "carried" and message.carriers == 1,
        within_s=ARRIVES_WITHIN_S,
        what="Ben has it",
    )
    row.anna.stop()
    row.cleo.start()
    row.cleo.wait_until_up()
    wait_for_text(row.cleo, "for when you are back", within_s=LINKED_WITHIN_S + ARRIVES_WITHIN_S)


def test_what_both_sides_of_a_cut_wrote_arrives_once_when_it_heals(row: Row) -> None:
    cleo = row.introduce()
    row.desk.cut(row.cleo.namespace, row.right)
    from_anna = [f"from Anna {number}" for number in range(10)]
    from_cleo = [f"from Cleo {number}" for number in range(10)]
    for to_cleo, to_anna in zip(from_anna, from_cleo, strict=True):
        row.anna.run("send", cleo, to_cleo)
        row.cleo.run("send", "anna", to_anna)
    assert row.cleo.received_texts() == []
    row.desk.heal(row.cleo.namespace, row.right)
    healed = time.monotonic()
    wait_for_text(row.cleo, from_anna[-1], within_s=60)
    wait_for_text(row.anna, from_cleo[-1], within_s=60)
    eventually(
        lambda: (sorted(row.cleo.received_texts()), sorted(row.anna.received_texts())),
        lambda texts: texts == (sorted(from_anna), sorted(["hello", *from_cleo])),
        within_s=60,
        what=f"everything once, {time.monotonic() - healed:.0f} s after it healed",
    )
