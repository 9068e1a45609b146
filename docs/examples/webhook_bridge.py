"""Hands each message that arrives to a local webhook, and sends back what that answers.

    mesh token create bridge --scope send       # shown once
    MESH_URL=http://127.0.0.1:PORT MESH_TOKEN=… \
        python docs/examples/webhook_bridge.py http://127.0.0.1:8000/hook

It needs Python and nothing else, so it may run where Mesh is not installed. The webhook is given
`{"number": 7, "contact": 1, "label": "Ben", "text": "…"}` and may answer `{"text": "…"}`, which is
sent to whoever wrote. What it handled stands in `bridged.txt`, where it was started: what came
while it, the node or the webhook was away is handed over later, in order, each once more if in
doubt.
"""

import http.client
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HANDLED = Path("bridged.txt")
# A node that lives says something every 20 seconds.
SILENCE_S = 45


def ask(url: str, body: object = None, **headers: str) -> dict:
    """Ask by GET, or by POST if there is a body; an OSError says that it did not work."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
        return json.loads(answer.read() or "{}")


def events(node: str, token: dict[str, str]) -> Iterator[bytes]:
    """Yield a line for each event, and for each heartbeat, until the node stops."""
    request = urllib.request.Request(f"{node}/v1/events", headers=token)
    with urllib.request.urlopen(request, timeout=SILENCE_S) as stream:
        yield from (line for line in stream if line.startswith(b"data:"))


def hand_over(node: str, token: dict[str, str], hook: str) -> None:
    """Hand over all that came since the last one."""
    after = int(HANDLED.read_text()) if HANDLED.exists() else 0
    while page := ask(f"{node}/v1/messages?after={after}", **token)["messages"]:
        for message in page:
            if not message["is_mine"]:
                told = {name: message[name] for name in ("number", "contact", "label", "text")}
                if text := ask(hook, told).get("text"):
                    answer = {"contact": message["contact"], "text": text}
                    key = {"Idempotency-Key": f"bridge-{message['number']}"}
                    ask(f"{node}/v1/messages", answer, **token, **key)
            after = message["number"]
            HANDLED.write_text(str(after))


def main() -> None:
    """Bridge until somebody ends it."""
    node, hook = os.environ["MESH_URL"], sys.argv[1]
    token = {"Authorization": f"Bearer {os.environ['MESH_TOKEN']}"}
    while True:
        try:
            for _ in events(node, token):
                hand_over(node, token, hook)
        except (OSError, http.client.HTTPException) as error:
            sys.stderr.write(f"{error}; trying again\n")
            time.sleep(1)


if __name__ == "__main__":
    main()
