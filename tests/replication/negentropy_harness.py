"""A process that speaks the line protocol of the reference suite of Negentropy.

Who has the repository hoytech/negentropy adds to `harnessTypeToCmd` in its `test/Utils.pm`

    } elsif ($harnessType eq 'mesh') {
        return 'python3 -m tests.replication.negentropy_harness';

and runs, in its folder `test`, `PYTHONPATH=/path/to/this/repository perl test.pl cpp,mesh`, with
the Python of the environment first in PATH (`python3 dev.py shell-path`). One line in, lines out;
all fields are separated by commas. The argument `daemon` splits ranges as a node does, and not
as the reference, whose delta tests want the same bytes.
"""

import os
import sys

from mesh.replication.negentropy import (
    SPLIT_DAEMON,
    SPLIT_REFERENCE,
    Difference,
    Reconciliation,
)
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex


def main() -> None:
    """Answer each line of standard input."""
    keys: list[bytes] = []
    split = SPLIT_DAEMON if sys.argv[1:] == ["daemon"] else SPLIT_REFERENCE
    frame_bytes_max = int(os.environ.get("FRAMESIZELIMIT") or 0)
    side = Reconciliation(SeenIndex())
    is_client = False
    for line in sys.stdin:
        command, *fields = line.rstrip("\n").split(",")
        match command:
            case "item":
                keys.append(
                    int(fields[0]).to_bytes(CREATED_BYTES, "big") + bytes.fromhex(fields[1])
                )
            case "seal":
                side = Reconciliation(SeenIndex(keys), split=split, frame_bytes_max=frame_bytes_max)
            case "initiate":
                is_client = True
                _say(f"msg,{side.initiate().hex()}")
            case "msg":
                message = bytes.fromhex(fields[0])
                if is_client:
                    _learn(side, message)
                else:
                    _say(f"msg,{side.respond(message).hex()}")
            case _:
                raise SystemExit(f"unknown command: {command}")


def _learn(side: Reconciliation, message: bytes) -> None:
    difference = Difference()
    answer = side.learn(message, difference)
    for id_ in difference.have:
        _say(f"have,{id_.hex()}")
    for id_ in difference.need:
        _say(f"need,{id_.hex()}")
    _say("done" if answer is None else f"msg,{answer.hex()}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
