"""A daemon that is locked goes on in a new program: nothing of a person is in its memory."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import msgspec
import pytest

from mesh.api.own_requests import Lock, Unlock
from mesh.api.stream import GoingAway, Happened, Hello, Resync, StreamObject
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.contacts import AddContact, AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.daemon.detached import command_line, environment_of_daemon
from mesh.daemon.start_order import SUCCEEDS
from mesh.daemon.succession import Succession, received
from mesh.errors import MeshError, UserError
from mesh.events import VaultLocked
from mesh.ids import EnvelopeId, Tag
from mesh.messenger.messenger import Ours
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import WrappedKey
from mesh.node.private_memory import may_keep_out_of_swap
from mesh.storage.connection import connect
from tests.daemon.memory import found_in_memory, require_memory
from tests.daemon.processes import Household, port_of, stop
from tests.integration.nodes import eventually

PASSPHRASE = "zebra cobalt orchid lantern"
LABEL = "a label that nobody else uses"
WITHIN_S = 60.0

LETTERS_COUNT = 40
LETTERS = [
    " ".join(
        f"line {line} of letter {number} that nobody else wrote" for line in range(20 * number)
    )
    for number in range(1, LETTERS_COUNT)
]
"""From one kilobyte to forty: what is freed of the larger ones is not given out again piecewise."""
PIECES = {f"letter {n}": f"line 7 of letter {n} that".encode() for n in range(1, LETTERS_COUNT)}


def secrets(folders: ProfileFolders) -> dict[str, bytes]:
    """Return what opens, holds or shows what is of a profile, by other means than its daemon's."""
    key = WrappedKey.decode(folders.vault_key_file.read_bytes(), "").unwrap(PASSPHRASE)
    vault = connect(folders.vault_file, key)
    columns = {
        "seed": "SELECT seed FROM identity",
        "invite": "SELECT secret FROM invites WHERE secret IS NOT NULL",
        "prekey": "SELECT private FROM prekeys WHERE private <> x''",
        "link key": "SELECT link_key FROM rendezvous ORDER BY number DESC LIMIT 1",
        "tag key": "SELECT out_key FROM sessions",
        # The keys of the chains stand in it.
        "ratchet": "SELECT substr(ratchet, 1, 48) FROM sessions",
    }
    found = {
        "passphrase": PASSPHRASE.encode(),
        "key": bytes(key),
        "typed key": key.hex().encode(),
        "label": LABEL.encode(),
    }
    for name, sql in columns.items():
        row = vault.execute(sql).fetchone()
        assert row is not None
        assert isinstance(row[0], bytes)
        found[name] = row[0]
    vault.close()
    return found


Processes = tuple["subprocess.Popen[bytes]", "subprocess.Popen[bytes]"]


def linked(household: Household) -> Processes:
    """Start Anna and Ben, who are contacts and linked."""
    for name in ("anna", "ben"):
        household.make(name, PASSPHRASE)
    first, second = (
        household.start(name, name=name.title(), passphrase=PASSPHRASE) for name in ("anna", "ben")
    )
    anna, ben = household.client("anna"), household.client("ben")
    anna.ask(AddPeer(address=f"127.0.0.1:{port_of(second)}"), Done)
    link = anna.ask(CreateInvite(label=LABEL), InviteAnswer).link
    ben.ask(AddContact(link=link, label="Anna"), ContactAnswer)
    ben.ask(SendMessage(contact="Anna", text="hello"), MessageAnswer)
    eventually(lambda: texts(anna), lambda seen: seen == ["hello"], within_s=WITHIN_S, what="mail")
    return first, second


def write_letters(anna: Client, ben: Client) -> None:
    """Let Anna get letters, write some, and look at all of them while more come."""
    [contact] = anna.ask(AskContacts(), ContactsAnswer).contacts
    watching = threading.Thread(target=lambda: list(takewhile(is_not_lock, anna.events())))
    watching.start()
    for number, letter in enumerate(LETTERS):
        writer, to = (anna, contact.label) if number % 4 == 0 else (ben, "Anna")
        writer.ask(SendMessage(contact=to, text=letter), MessageAnswer)
        texts(anna)
    eventually(
        lambda: set(texts(anna)),
        lambda seen: seen >= set(LETTERS),
        within_s=WITHIN_S,
        what="the letters",
    )


def is_not_lock(told: StreamObject) -> bool:
    return not (isinstance(told, Happened) and isinstance(told.event, VaultLocked))


def texts(client: Client) -> list[str]:
    page = client.ask(AskMessages(contact="", limit=100, by_arrival=True), MessagesAnswer)
    return [message.text for message in page.messages]


def epoch_of(client: Client) -> str:
    hello = next(client.events())
    assert isinstance(hello, Hello)
    return hello.epoch


def lock(client: Client) -> None:
    """Lock, and wait for the next program, whose streams of events are others."""
    former = epoch_of(client)
    client.ask(Lock(), Done)

    def epoch() -> str:
        try:
            return epoch_of(client)
        except UserError as error:
            # A stream may still have come to the former program, as it ended.
            return former if error.kind == "stopping" else error.kind

    eventually(epoch, lambda now: now != former, within_s=60, what="the next program")


def test_nothing_of_a_person_is_in_the_memory_of_a_locked_daemon(household: Household) -> None:
    process, _ = linked(household)
    require_memory(process.pid)
    client = household.client("anna")
    write_letters(client, household.client("ben"))
    wanted = secrets(household.folders("anna")) | PIECES
    # A search that works finds all of them here, and of an open one what the daemon needs.
    assert found_in_memory(os.getpid(), wanted) == set(wanted)
    needed = {"typed key", "seed", "invite", "prekey", "link key", "letter 30"}
    assert found_in_memory(process.pid, wanted) >= needed
    lock(client)
    assert found_in_memory(process.pid, wanted) == set()
    client.ask(Unlock(PASSPHRASE), Done)
    assert set(texts(client)) >= set(LETTERS)
    assert found_in_memory(process.pid, wanted) >= {"typed key", "seed", "letter 30"}
    lock(client)
    assert found_in_memory(process.pid, wanted) == set()


def test_the_next_program_is_the_same_process_with_the_same_doors(household: Household) -> None:
    anna, ben = linked(household)
    folders = household.folders("anna")
    client, other = household.client("anna"), household.client("ben")
    port, token = port_of(anna), folders.token_file.read_text()
    files_counts = []
    for _ in range(3):
        lock(client)
        assert client.ask(AskStatus(), StatusAnswer).vault == "locked"
        assert (port_of(anna), folders.token_file.read_text()) == (port, token)
        with pytest.raises(UserError) as caught:
            household.start("anna", passphrase=None)
        assert caught.value.kind == "already-running"
        client.ask(Unlock(PASSPHRASE), Done)
        other.ask(SendMessage(contact="Anna", text="are you there?"), MessageAnswer)
        files_counts.append(len(os.listdir(f"/proc/{anna.pid}/fd")))
    eventually(
        lambda: texts(client).count("are you there?"),
        lambda count: count == 3,
        within_s=WITHIN_S,
        what="the messages",
    )
    # Nothing of one program is left open in the next.
    assert files_counts[-1] <= files_counts[0] + 2
    assert (stop(anna), stop(ben)) == (0, 0)
    for left in (folders.socket_file, folders.token_file, folders.endpoint_file):
        assert not left.exists()


def test_links_are_made_again_within_a_second(household: Household) -> None:
    linked(household)
    client, other = household.client("anna"), household.client("ben")
    starts, gaps = [], []
    for _ in range(3):
        eventually(lambda: is_linked(other), bool, within_s=WITHIN_S, what="a link")
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", "import mesh.daemon.running"], check=True)
        starts.append(time.monotonic() - begun)
        client.ask(Lock(), Done)
        wait_closely(lambda: not is_linked(other))
        left = time.monotonic()
        wait_closely(lambda: is_linked(other))
        gaps.append(time.monotonic() - left)
        client.ask(Unlock(PASSPHRASE), Done)
    # A second where the machine has time; in any case hardly more than Python needs to start.
    assert min(gaps) < max(1.0, 2 * min(starts)), (gaps, starts)


def wait_closely(holds: Callable[[], bool]) -> None:
    """Look every 20 ms: `eventually` looks less often where looks take long."""
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def is_linked(client: Client) -> bool:
    return any(peer.state == "linked" for peer in client.ask(AskPeers(), PeersAnswer).peers)


def test_who_follows_events_is_told_of_the_lock_and_goes_on_in_the_next_program(
    household: Household,
) -> None:
    linked(household)
    client = household.client("anna")
    told: list[StreamObject] = []
    stream = client.events()
    first = next(stream)
    assert isinstance(first, Hello)
    client.ask(Lock(), Done)
    told = list(stream)
    assert Happened in {type(each) for each in told}
    *_, last = (each for each in told if isinstance(each, Happened))
    assert last.event == VaultLocked()
    assert told[-1] == GoingAway(is_back_soon=True)
    # At once, and without a failure: the door stands open while nobody stands in it.
    again = client.events(after=last.seq, epoch=first.epoch)
    hello, resync = next(again), next(again)
    assert isinstance(hello, Hello)
    assert hello.epoch != first.epoch
    assert isinstance(resync, Resync)


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.4])
def test_a_signal_while_one_program_follows_the_other_stops_in_order(
    household: Household, delay_s: float
) -> None:
    household.make("anna", PASSPHRASE)
    process = household.start("anna", name="Anna", passphrase=PASSPHRASE)
    household.client("anna").ask(Lock(), Done)
    time.sleep(delay_s)
    assert stop(process, signal.SIGTERM) in (0, -signal.SIGTERM)
    # Whenever it came, nothing is in the way of the next start.
    household.start("anna", passphrase=PASSPHRASE)
    assert household.client("anna").ask(AskStatus(), StatusAnswer).vault == "open"


def test_a_locked_node_keeps_its_program_where_its_settings_are_wrong(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    client = household.client("anna")
    epoch = epoch_of(client)
    with household.folders("anna").config_file.open("a") as config:
        config.write("listen_prot = 1\n")
    client.ask(Lock(), Done)
    assert client.ask(AskStatus(), StatusAnswer).vault == "locked"
    assert epoch_of(client) == epoch
    assert "the memory of the locked node is not made anew" in household.log("anna")


def test_what_is_not_to_be_evicted_comes_to_the_next_program() -> None:
    ours = Ours(frozenset([EnvelopeId(b"e" * 32)]), frozenset([Tag(b"t" * 16)]))
    kept, told = os.open(os.devnull, os.O_RDONLY), os.memfd_create("told")
    handed_on = Succession.of(
        ours,
        profile="anna",
        link_sockets=[kept],
        unix_socket=None,
        loopback_sockets=[],
        owner_token="a token",
    )
    os.set_inheritable(kept, True)
    os.write(told, msgspec.msgpack.encode(msgspec.structs.replace(handed_on, lock=kept)))
    came = received(told)
    assert (came.ours, came.owner_token, came.is_stop_wanted) == (ours, "a token", False)
    # A program that this one starts gets nothing of it.
    assert not os.get_inheritable(kept)
    os.close(kept)


def test_a_node_goes_on_locked_where_another_version_handed_on(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    told = os.memfd_create("told")
    os.write(told, msgspec.msgpack.encode({"profile": "anna", "listeners": [3]}))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
        process = subprocess.Popen(
            [*command_line("anna"), SUCCEEDS, str(told)],
            env=environment_of_daemon(),
            pass_fds=(told, listener.fileno()),
        )
        household.processes.append(process)
    os.close(told)
    status = eventually(
        lambda: told_status(household.client("anna")),
        lambda status: status is not None,
        within_s=WITHIN_S,
        what="a node that goes on",
    )
    assert status is not None
    assert status.vault == "locked"
    # Nobody waits any more in what was inherited.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
    assert stop(process) == 0


def told_status(client: Client) -> StatusAnswer | None:
    """The status of a node; None while it does not answer."""
    try:
        return client.ask(AskStatus(), StatusAnswer)
    except MeshError:
        return None


def test_no_other_program_of_the_person_may_look_into_a_daemon(household: Household) -> None:
    process = household.start("anna", passphrase=None)
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
    status = Path(f"/proc/{process.pid}/status").read_text()
    locked, present = (int(status.split(f"{name}:")[1].split()[0]) for name in ("VmLck", "VmRSS"))
    assert (locked >= present) == may_keep_out_of_swap()


LOOKING = """
import ctypes, os, resource, sys
from mesh.node.private_memory import keep_memory_private
os.setgid(65534), os.setuid(65534)
ready, done = os.pipe(), os.pipe()
looked_at = os.fork()
if not looked_at:
    # As every program is at its start: whoever gives up rights is closed to others by that.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    %s
    os.write(ready[1], b"!"), os.close(done[1]), os.read(done[0], 1), os._exit(0)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
os.read(ready[0], 1)
try:
    open(f"/proc/{looked_at}/mem", "rb").close()
    print("seen")
except PermissionError:
    print("refused")
os.close(done[1]), os.waitpid(looked_at, 0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a user of its own")
@pytest.mark.parametrize("does, sees", [("pass", "seen"), ("keep_memory_private()", "refused")])
def test_a_program_of_the_same_user_sees_no_memory(does: str, sees: str) -> None:
    program = [sys.executable, "-c", LOOKING % does]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [sees]


def test_who_unlocks_while_a_lock_ends_waits_for_the_next_program(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    client = household.client("anna")
    refused: list[str] = []

    def unlock(after_s: float) -> None:
        time.sleep(after_s)
        try:
            client.ask_until_back(Unlock(PASSPHRASE), Done)
        except UserError as error:
            refused.append(error.kind)

    impatient = [threading.Thread(target=unlock, args=(0.03 * number,)) for number in range(3)]
    for one in impatient:
        one.start()
    client.ask(Lock(), Done)
    unlock(0)
    for one in impatient:
        one.join()
    assert refused == []
    assert client.ask(AskStatus(), StatusAnswer).vault == "open"
