"""Tells systemd how the daemon is doing (`Type=notify`); silent where nobody asked."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send one state, such as `READY=1`, to the socket that systemd named."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path or not hasattr(socket, "AF_UNIX"):
        return
    # A leading @ stands for the zero byte of an abstract socket.
    address = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.send(state.encode())
