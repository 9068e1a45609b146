"""Freed memory that is kept: what is taken again costs no page faults."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from mesh.node.freed_memory import keep_freed_memory
%s
def batch():
    return len(b"".join([bytes(16_400) for _ in range(16)]) + bytes(260_000))
for _ in range(10):
    batch()
began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - began)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told")
def test_a_batch_takes_the_memory_of_the_one_before_without_page_faults() -> None:
    assert faults("keep_freed_memory()") < 100 < faults("")


def faults(first: str) -> int:
    program = [sys.executable, "-c", PROGRAM % first]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
