"""A large file from one daemon to another on one cable, beside rsync on the same disk.

Both end when the bytes are safe on the disk: rsync by `--fsync`, Mesh by its own. rsync writes
them as they are, and Mesh seals them twice, on the way and at rest.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.files import FetchFile, FileAnswer
from mesh.commands.item_commands import AskItems, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from tests.bench.daemons import MIB, cpu_seconds, line, send, start
from tests.bench.table import Row
from tests.integration.nodes import Node, befriend, eventually

WITHIN_S = 600.0


def rows(scratch: Path, mib: int) -> list[Row]:
    """From the question for the file to the last block; one that is handed over by its path."""
    source = scratch / "source.bin"
    with source.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())
    found = []
    if shutil.which("rsync") is not None:
        began = time.monotonic()
        copy = scratch / "copy.bin"
        program = ["rsync", "--whole-file", "--inplace", "--fsync", str(source), str(copy)]
        subprocess.run(program, check=True)
        took = time.monotonic() - began
        copy.unlink()
        found.append(Row("rsync", f"{mib} MiB to the same disk", mib / took, "MiB/s", "no sealing"))
    with line(scratch, 0) as nodes:
        start(nodes)
        first, last = nodes
        befriend(last, first, inviter_label="last")
        send(first, "hello")
        recognised(first, last)
        [author] = last.client.ask(AskContacts(), ContactsAnswer).contacts
        last.run("send", author.label, "hello")
        began = time.monotonic()
        handed = first.client.add_file_at(str(source), source.name, "")
        hashed = time.monotonic() - began
        first.client.ask(WriteItem("last", files=(handed.number,)), ItemAnswer)
        waits = eventually(
            lambda: files(last, author.label), bool, within_s=WITHIN_S, what="the description"
        )[0]
        pids = [node.pid for node in nodes]
        before = [cpu_seconds(pid) for pid in pids]
        began = time.monotonic()
        last.client.ask(FetchFile(waits.number), FileAnswer)
        eventually(
            lambda: files(last, author.label)[0],
            lambda file: file.state == "here",
            within_s=WITHIN_S,
            what="the file",
        )
        took = time.monotonic() - began
        cpu = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        peaks = [peak_bytes(pid) for pid in pids]
    return [
        *found,
        Row("Mesh", f"{mib} MiB from node to node", mib / took, "MiB/s", "sealed at rest"),
        Row("Mesh", f"handing over {mib} MiB", mib / hashed, "MiB/s", "read and hashed once"),
        Row("Mesh", "CPU of who gives", cpu[0] / mib * 1024, "s/GiB"),
        Row("Mesh", "CPU of who fetches", cpu[1] / mib * 1024, "s/GiB"),
        Row("Mesh", "most memory of who gives", peaks[0] / MIB, "MiB", "resident, ever"),
        Row("Mesh", "most memory of who fetches", peaks[1] / MIB, "MiB", "resident, ever"),
    ]


def recognised(first: Node, last: Node) -> None:
    """On a new link the two say who they are at once."""
    last.stop()
    last.start()
    last.wait_until_up()
    eventually(
        lambda: (first.status().contact_links_count, last.status().contact_links_count),
        lambda counts: counts == (1, 1),
        within_s=WITHIN_S,
        what="recognition",
    )


def files(node: Node, chat: str) -> Sequence[FileAnswer]:
    """All files of a conversation."""
    page = node.client.ask(AskItems(chat), ItemsAnswer)
    return [file for item in page.items for file in item.files]


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever held."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024
