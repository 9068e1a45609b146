"""Whatever a node said is stored outlives a power cut at any moment."""

import random
import threading

import pytest

from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.errors import UserError
from tests.integration.nodes import Node, eventually
from tests.integration.row import Row
from tests.searching import seeds

pytestmark = pytest.mark.netns

KILLS = 8
SENDS_BETWEEN_KILLS = 5
KILL_WITHIN_S = 0.5
KILL_WHILE_STARTING_WITHIN_S = 2.0
GONE = ("not-running", "stopping", "locked", "timeout")
"""What a client is told by a daemon that was killed, or that starts."""


class Writer:
    """Someone who sends one text after another and insists until told that it is stored."""

    def __init__(self, node: Node, contact: str) -> None:
        self.node = node
        self.told: list[str] = []
        self._contact = contact

    def send_next(self) -> bool:
        """Try once to have the next text stored; the same text again if that came to nothing."""
        text = f"{self.node.name} writes {len(self.told)}"
        sent = SendMessage(contact=self._contact, text=text, idempotency_key=text)
        try:
            answer = self.node.client.ask(sent, MessageAnswer)
        except UserError as error:
            if error.kind not in GONE:
                raise
            return False
        assert answer.text == text
        self.told.append(text)
        return True


@pytest.mark.parametrize("seed", seeds(1, in_search=50))
def test_a_kill_at_any_moment_loses_nothing_that_was_stored(row: Row, seed: int) -> None:
    draw = random.Random(seed)
    cleo_to_anna, anna_to_cleo = Writer(row.cleo, "anna"), Writer(row.anna, row.introduce())
    for _ in range(KILLS):
        kill_while_writing(draw, row, (cleo_to_anna, anna_to_cleo))
    row.wait_until_linked()
    assert cleo_to_anna.told
    assert anna_to_cleo.told
    check_arrived(row.anna, ["hello", *cleo_to_anna.told])
    check_arrived(row.cleo, anna_to_cleo.told)
    assert written_by(row.cleo) == sorted(["hello", *cleo_to_anna.told])
    assert written_by(row.anna) == sorted(anna_to_cleo.told)


def check_arrived(reader: Node, wanted: list[str]) -> None:
    """Wait until a reader has all of these, and nothing twice."""
    eventually(
        lambda: sorted(reader.received_texts()),
        lambda texts: texts == sorted(wanted),
        within_s=60,
        what=f"everything that was stored, once, at {reader.name}",
    )


def written_by(node: Node) -> list[str]:
    """Return what a node's own list of sent messages holds."""
    return sorted(message.text for message in node.messages() if message.is_mine)


def kill_while_writing(draw: random.Random, row: Row, writers: tuple[Writer, Writer]) -> None:
    """Kill one of the three while two write, perhaps again while it starts, and start it."""
    victim = draw.choice(row.all)
    cut = threading.Timer(draw.uniform(0, KILL_WITHIN_S), victim.kill)
    cut.start()
    for _ in range(SENDS_BETWEEN_KILLS):
        for writer in writers:
            writer.send_next()
    cut.join()
    if draw.random() < 0.5:
        victim.start()
        again = threading.Timer(draw.uniform(0, KILL_WHILE_STARTING_WITHIN_S), victim.kill)
        again.start()
        again.join()
    victim.start()
    victim.wait_until_up()
    for writer in writers:
        assert writer.send_next()


def test_a_send_repeated_with_its_key_is_one_message_across_a_kill(row: Row) -> None:
    cleo = row.introduce()
    first = row.anna.answer(MessageAnswer, "send", cleo, "--key", "order-17", "two boxes")
    row.anna.kill()
    row.anna.start()
    row.anna.wait_until_up()
    again = row.anna.answer(MessageAnswer, "send", cleo, "--key", "order-17", "two boxes")
    assert again.id == first.id
    other = row.anna.attempt("send", cleo, "--key", "order-17", "three boxes")
    assert other.returncode == 1
    assert len(other.stderr.strip().splitlines()) == 1
    row.anna.run("send", cleo, "and that is all")
    texts = eventually(
        row.cleo.received_texts,
        lambda texts: "and that is all" in texts and "two boxes" in texts,
        within_s=60,
        what="both messages",
    )
    assert sorted(texts) == ["and that is all", "two boxes"]
