"""A backup put back on another machine, and the former one started again beside it."""

import contextlib
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest

from mesh.api.own_requests import AskBackup
from mesh.cli.failures import Exit
from mesh.commands.backup import BackupAnswer, Restored
from mesh.commands.identity import IdentityAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.limits.backup import COPY_WAKE_MS
from mesh.messenger.onboarding.machines import FORMER, OTHER_RUNS
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, begin, eventually, start_all, start_relays
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns

AT_ONCE = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
WITHIN_S = 60.0


def passphrase_file(node: Node, text: str = "correct horse battery staple") -> str:
    path = node.home / "backup.pass"
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def back_up(node: Node, file: Path) -> None:
    told = node.attempt("backup", str(file), "--yes", "--passphrase-file", passphrase_file(node))
    assert told.returncode == 0, told.stderr
    assert "keeps what it holds now" in told.stderr
    assert file.stat().st_mode & 0o777 == 0o600


def put_back(node: Node, file: Path) -> Restored:
    told = node.run("restore", str(file), "--passphrase-file", passphrase_file(node), "--json")
    return msgspec.json.decode(told, type=Restored)


def wait_for(node: Node, text: str) -> None:
    eventually(node.received_texts, lambda texts: text in texts, within_s=WITHIN_S, what=text)


def test_a_backup_goes_on_elsewhere_and_the_former_machine_harms_nothing(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    bridge = desk.bridge("left")
    places = [desk.laptop(bridge) for _ in range(3)]
    anna, ben = (
        make_node(places[at], name, more=AT_ONCE) for at, name in enumerate(("Anna", "Ben"))
    )
    other = make_node(places[2], "Annas-other", more=AT_ONCE)
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="anna")
    eventually(
        lambda: anna.run("contacts"), lambda told: ben.name in told, within_s=WITHIN_S, what="Ben"
    )
    anna.run("send", ben.name, "before the backup")
    ben.run("send", "anna", "an answer")
    wait_for(ben, "before the backup")
    wait_for(anna, "an answer")
    desk.cut(places[1], bridge)
    anna.run("send", ben.name, "not delivered yet")

    file = tmp_path / "anna.backup"
    back_up(anna, file)
    anna.stop()

    found = put_back(other, file)
    assert (found.name, found.contacts_count, found.undelivered_count) == (anna.name, 1, 1)
    refused = other.attempt("restore", str(file), "--passphrase-file", passphrase_file(other))
    assert refused.returncode == Exit.FAILED
    assert "already" in refused.stderr
    other.start()
    other.wait_until_up()
    assert other.answer(IdentityAnswer, "id").name == anna.name
    texts = [message.text for message in other.messages(ben.name)]
    assert texts == ["before the backup", "an answer", "not delivered yet"]
    desk.heal(places[1], bridge)
    wait_for(ben, "not delivered yet")
    other.run("send", ben.name, "from the other machine")
    wait_for(ben, "from the other machine")
    ben.run("send", "anna", "to the other machine")
    wait_for(other, "to the other machine")

    check_former(anna, other, ben)


def check_former(anna: Node, other: Node, ben: Node) -> None:
    """Somebody starts the former machine again: it harms nothing."""
    anna.start()
    anna.wait_until_up()
    eventually(
        anna.status,
        lambda status: status.is_former_machine and FORMER in status.notices,
        within_s=WITHIN_S,
        what="the former machine knows",
    )
    assert "former machine" in anna.run("status")
    sent = anna.attempt("send", ben.name, "from the former machine")
    assert sent.returncode == Exit.NOT_ALLOWED
    assert "former machine" in sent.stderr
    eventually(
        other.status,
        lambda status: OTHER_RUNS in status.notices,
        within_s=WITHIN_S,
        what="the present machine knows",
    )
    for number in range(3):
        ben.run("send", "anna", f"still {number}")
        wait_for(other, f"still {number}")
        other.run("send", ben.name, f"yes {number}")
        wait_for(ben, f"yes {number}")
    assert "still 0" not in anna.received_texts()
    assert [
        note for note in ben.run("contact", "show", "anna").splitlines() if "copy" in note
    ] == []
    # A restart forgets nothing of it.
    anna.stop()
    anna.start()
    anna.wait_until_up()
    assert anna.status().is_former_machine
    told = anna.attempt("up")
    assert "former machine" in told.stderr


def part_of(file: Path) -> Path:
    """Return where a backup is written until it is whole."""
    return file.with_name(f"{file.name}.part")


def killed_at(node: Node, file: Path, written_bytes: int) -> bool:
    """Kill a backup that has written so much; False if it was whole before one looked."""
    before = file.read_bytes()
    part_of(file).unlink(missing_ok=True)
    with begin(
        node, "backup", str(file), "--yes", "--passphrase-file", passphrase_file(node)
    ) as command:
        while command.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if part_of(file).stat().st_size >= written_bytes:
                    break
            time.sleep(0.005)
        command.kill()
    if command.returncode == 0 or not part_of(file).exists():
        return False
    assert file.read_bytes() == before
    return True


def test_a_command_that_is_killed_leaves_the_former_file_and_a_copy_goes_with_a_wipe(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    anna = make_node(desk.laptop(desk.bridge("left")), "Anna", more=AT_ONCE)
    start_all(anna)
    for number in range(300):
        anna.client.ask(SendMessage("me", f"{number} " + "x" * 50_000), MessageAnswer)
    file = tmp_path / "anna.backup"
    back_up(anna, file)
    assert len(file.read_bytes()) > 15_000_000
    for wait_bytes in (0, 1_000_000, 10_000_000):
        eventually(
            partial(killed_at, anna, file, wait_bytes),
            lambda is_killed: is_killed,
            within_s=3 * WITHIN_S,
            what=f"a backup that was killed behind {wait_bytes} bytes",
        )
    # What was left of them is no trouble.
    before = file.read_bytes()
    anna.client.ask(SendMessage("me", "one more"), MessageAnswer)
    back_up(anna, file)
    assert not part_of(file).exists()
    assert file.read_bytes() != before

    state = eventually(
        lambda: anna.client.ask(AskBackup(), BackupAnswer),
        lambda answer: answer.copied > 0,
        # It is looked for once in so long.
        within_s=COPY_WAKE_MS / 1_000 + WITHIN_S,
        what="the automatic copy",
    )
    copy = Path(state.copy_file)
    other = make_node(desk.laptop(), "Annas-other")
    kept = tmp_path / "kept.backup"
    kept.write_bytes(copy.read_bytes())
    assert put_back(other, kept).messages_count >= 300
    anna.stop()
    anna.run("wipe", "--yes")
    assert not copy.exists()
    assert not anna.folders.data.exists()


def test_a_relay_is_put_back_as_a_relay(desk: Desk, make_node: NodeMaker, tmp_path: Path) -> None:
    bridge = desk.bridge("left")
    box, other = (make_node(desk.laptop(bridge), name) for name in ("Box", "Other"))
    start_relays(box)
    box.run("peer", "add", "192.0.2.7:41730")
    file = tmp_path / "box.backup"
    back_up(box, file)
    box.stop()
    assert put_back(other, file).is_relay
    other.start("--relay")
    other.wait_until_up()
    assert other.status().vault == "none"
    assert "192.0.2.7:41730" in other.run("peers")
