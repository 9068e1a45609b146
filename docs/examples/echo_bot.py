"""Answers each message once, also what came while it was away.

    python docs/examples/echo_bot.py            # beside a node that runs; --profile as everywhere

It needs Mesh itself and nothing else. What it handled stands in `handled.txt`, where it was
started.
"""

import argparse
from pathlib import Path

from mesh.api.doors import door_of
from mesh.client import Client
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.node.folders import profile_folders

HANDLED = Path("handled.txt")


def main() -> None:
    """Answer until somebody ends it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--profile", default="default")
    client = Client(door_of(profile_folders(options.parse_args().profile)))
    after = int(HANDLED.read_text()) if HANDLED.exists() else 0
    # Each event is a reason to ask for what came after the last number that was handled.
    for _ in client.follow():
        while page := client.ask(AskMessages(after=after), MessagesAnswer).messages:
            for message in page:
                if not message.is_mine:
                    # The key makes an answer that is repeated after a crash one message.
                    key = f"answer-{message.number}"
                    answer = SendMessage(message.contact, f"You said: {message.text}", key)
                    client.ask(answer, MessageAnswer)
                after = message.number
                HANDLED.write_text(str(after))


if __name__ == "__main__":
    main()
