"""Our comparison and an independent one from npm, as processes, both ways, as the reference tests.

What the reference suite does between two languages is done here between ours, with both of its
splits, and `npm_peer`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.replication import npm_peer

ROOT = Path(__file__).parents[2]
OURS = [sys.executable, "-m", "tests.replication.negentropy_harness"]
COMMANDS = {"reference split": OURS, "daemon split": [*OURS, "daemon"]}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    try:
        return npm_peer.command(tmp_path_factory.mktemp("npm"))
    except npm_peer.NotThereError as error:
        if "npm" in os.environ.get("MESH_REQUIRE", "").split(","):
            pytest.fail(f"MESH_REQUIRE asks for the package from npm, but {error}")
        pytest.skip(f"no peer from npm: {error}")


@dataclass
class Side:
    """One process that speaks the line protocol."""

    process: "subprocess.Popen[str]"
    items: dict[str, int] = field(default_factory=dict)
    have: list[str] = field(default_factory=list)
    need: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def seal(self) -> None:
        self.say("".join(f"item,{at},{id_}\n" for id_, at in self.items.items()) + "seal\n")

    def hear(self) -> str | None:
        """The message of the next answer, or None if it is done."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, _, value = line.rstrip("\n").partition(",")
            match kind:
                case "have":
                    self.have.append(value)
                case "need":
                    self.need.append(value)
                case "done":
                    return None
                case _:
                    assert kind == "msg"
                    return value
        raise AssertionError("the process has ended")


@contextmanager
def running(command: list[str], frame_bytes_max: int = 0) -> Iterator[Side]:
    environment = {**os.environ, "FRAMESIZELIMIT": str(frame_bytes_max)}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Side(process)
        process.kill()


SETS = {
    "all are the client's": (1, 0, 0, 0, 0),
    "all are the server's": (0, 1, 0, 0, 0),
    "all are common": (0, 0, 1, 0, 0),
    "some differ": (1, 1, 40, 0, 0),
    "many differ, in frames": (1, 1, 5, 6_000, 20_000),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("split", COMMANDS)
@pytest.mark.parametrize("is_ours_first", [True, False], ids=["we begin", "they begin"])
def test_both_implementations_learn_what_differs(
    peer: list[str], name: str, split: str, *, is_ours_first: bool
) -> None:
    *shares, limit_client, limit_server = SETS[name]
    commands = [COMMANDS[split], peer] if is_ours_first else [peer, COMMANDS[split]]
    with (
        running(commands[0], limit_client) as client,
        running(commands[1], limit_server) as server,
    ):
        random = Random(name)
        for _ in range(2_000):
            at, id_ = 1_677_970_534 + random.randrange(2_000), random.randbytes(32).hex()
            [owners] = random.choices([(client,), (server,), (client, server)], shares)
            for owner in owners:
                owner.items[id_] = at
        client.seal()
        server.seal()
        client.say("initiate\n")
        for _ in range(200):
            message = client.hear()
            if message is None:
                break
            assert len(message) <= 2 * limit_client or not limit_client
            server.say(f"msg,{message}\n")
            answer = server.hear()
            assert answer is not None
            assert len(answer) <= 2 * limit_server or not limit_server
            client.say(f"msg,{answer}\n")
        else:
            pytest.fail("they come to no end")
        assert set(client.have) == client.items.keys() - server.items.keys()
        assert set(client.need) == server.items.keys() - client.items.keys()
        assert (server.have, server.need) == ([], []), "only who begins learns"


@pytest.mark.parametrize("split", COMMANDS)
def test_a_later_version_is_answered_with_ours_which_then_is_spoken(split: str) -> None:
    answers = []
    for is_asked_first in (False, True):
        with running(COMMANDS[split]) as server:
            server.items = {"ee" * 32: 12_345}
            server.seal()
            if is_asked_first:
                server.say("msg,62aabbccddeeff\n")
                assert server.hear() == "61"
            server.say("msg,6100000200\n")
            answers.append(server.hear())
    assert answers[0] == answers[1] == "6100000201" + "ee" * 32
