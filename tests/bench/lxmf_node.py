"""One LXMF peer on Reticulum in a process of its own, driven by JSON lines.

It runs under whatever Python has the packages `rns` and `lxmf`, and uses nothing else beside the
standard library. Times in its lines are of the system's monotonic clock, in seconds, which is
the same for all processes of a machine.

    lxmf_node.py FOLDER        FOLDER holds `config` for Reticulum, and what is stored

It answers one line to each command: `{"do": "announce"}`, `{"do": "know", "hash": HEX}` (waits
for the announce of that destination), `{"do": "send", "hash": HEX, "text": TEXT}`,
`{"do": "usage"}`, `{"do": "stop"}`; and tells of each message that arrives.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import LXMF
import RNS

POLL_S = 0.005

_writing = threading.Lock()


def tell(**fields: object) -> None:
    """Write one line."""
    with _writing:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def arrived(message: LXMF.LXMessage) -> None:
    """Tell of a message."""
    tell(what="arrived", at=time.monotonic(), text=message.content_as_string())


def identity_in(folder: Path) -> RNS.Identity:
    """The identity of a former run, or a new one."""
    path = folder / "identity"
    if path.exists():
        return RNS.Identity.from_file(str(path))
    identity = RNS.Identity()
    identity.to_file(str(path))
    return identity


def send(router: LXMF.LXMRouter, source: RNS.Destination, to: bytes, text: str) -> None:
    """Hand one message to the router, to be delivered over a link with a receipt."""
    recipient = RNS.Identity.recall(to)
    destination = RNS.Destination(
        recipient, RNS.Destination.OUT, RNS.Destination.SINGLE, "lxmf", "delivery"
    )
    message = LXMF.LXMessage(destination, source, text, "", desired_method=LXMF.LXMessage.DIRECT)
    began = time.monotonic()
    router.handle_outbound(message)
    tell(what="sent", at=began, text=text)


def know(to: bytes) -> None:
    """Wait until a destination's announce has come and there is a path to it."""
    while RNS.Identity.recall(to) is None or not RNS.Transport.has_path(to):
        time.sleep(POLL_S)
    tell(what="known", at=time.monotonic())


def main(folder: Path) -> None:
    """Set up, then obey until told to stop or until there is no one to obey."""
    RNS.Reticulum(str(folder), loglevel=RNS.LOG_ERROR)
    router = LXMF.LXMRouter(storagepath=str(folder / "lxmf"), autopeer=False)
    source = router.register_delivery_identity(identity_in(folder))
    router.register_delivery_callback(arrived)
    tell(what="up", at=time.monotonic(), hash=source.hash.hex())
    for line in sys.stdin:
        order = json.loads(line)
        match order["do"]:
            case "announce":
                router.announce(source.hash)
                tell(what="announced", at=time.monotonic())
            case "know":
                know(bytes.fromhex(order["hash"]))
            case "send":
                send(router, source, bytes.fromhex(order["hash"]), order["text"])
            case "usage":
                usage = os.times()
                tell(what="usage", cpu_s=usage.user + usage.system)
            case "stop":
                break
            case other:
                tell(what="not understood", do=other)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
