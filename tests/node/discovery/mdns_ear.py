"""Listens to multicast DNS on a host, asks for an address in each way, and prints what it hears.

It ends so many seconds after the first word of whom it asks, who may take long to begin.
"""

import socket
import struct
import sys
import time

GROUP, PORT = "224.0.0.251", 5353
BEGINS_WITHIN_S = 60
UNICAST_WANTED = 0x8000


def question(name: str, *, class_bits: int) -> bytes:
    """A question for all records of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return (
        struct.pack("!6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 255, class_bits)
    )


def opened(own: str, port: int) -> socket.socket:
    """A socket that hears the group, or one that only asks."""
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ear.bind(("", port))
    if port:
        joined = socket.inet_aton(GROUP) + socket.inet_aton(own)
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    ear.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    ear.settimeout(0.1)
    return ear


own, target, name, seconds = sys.argv[1:]
ears = [opened(own, PORT), opened(own, 0)]
ends = time.monotonic() + BEGINS_WITHIN_S
has_begun = False
asked_at = 0.0
sys.stdout.write("ready\n")
sys.stdout.flush()
while time.monotonic() < ends:
    if time.monotonic() - asked_at > 1:
        asked_at = time.monotonic()
        for ear in ears:
            for asked in (name, f"{name}._mesh-node._tcp"):
                ear.sendto(question(f"{asked}.local", class_bits=1), (GROUP, PORT))
                ear.sendto(question(f"{asked}.local", class_bits=1 | UNICAST_WANTED), (GROUP, PORT))
                ear.sendto(question(f"{asked}.local", class_bits=1), (target, PORT))
    for ear in ears:
        try:
            packet, source = ear.recvfrom(9_000)
        except TimeoutError:
            continue
        if source[0] == target and not has_begun:
            has_begun = True
            ends = time.monotonic() + float(seconds)
        sys.stdout.write(f"{source[0]} {packet.hex()}\n")
