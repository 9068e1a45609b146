"""The common parts of all tests: Hypothesis profiles, and what network namespaces need.

`HYPOTHESIS_PROFILE=search` looks long and at random for a counterexample; the profile that runs
otherwise is short and always draws the same examples. `MESH_REQUIRE=netns,npm,chromium` turns the
skipping of tests that this machine cannot run (for want of namespaces, of Node and a package from
npm, or of a browser) into a failure, so that CI cannot lose them unseen.
"""

import functools
import gc
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mesh.node import profile

NETNS = ("netns-1", "netns-2")
"""The groups of tests with network namespaces: each has a worker, where several run."""

settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    # Key generation is slow and shared runners are slower; pytest's timeout is the bound.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search",
    max_examples=2_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure() -> None:
    """Keep what closes a vault from slowing down all databases of this process until its end.

    SQLCipher overwrites all memory that it frees once that was asked for, and nothing takes it
    back. A node that locks its vault executes itself anew; the tests after the first that closes
    one would take two to ten times as long. `tests/node/test_closing.py` holds that it is asked
    for, in a process of its own, and `tests/daemon/test_locking.py` what comes of it.
    """
    pytest.MonkeyPatch().setattr(profile, "overwrite_freed_memory", lambda vault: None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Send the tests with network namespaces to two workers, to both as many in all.

    They wait more than they work; but three at a time would wait for each other. Those of a file
    stay together, since they share nodes; one folder after the other is dealt out.
    """
    alone = [item for item in items if item.get_closest_marker("netns")]
    counts = Counter(item.path for item in alone)
    loads = dict.fromkeys(NETNS, 0)
    groups: dict[Path, str] = {}
    for path in sorted(counts, key=lambda path: (path.parent, -counts[path], path)):
        groups[path] = min(loads, key=loads.__getitem__)
        loads[groups[path]] += counts[path]
    for item in alone:
        item.add_marker(pytest.mark.xdist_group(groups[item.path]))


def pytest_collection_finish() -> None:
    """Spare the collector what was imported and collected, which stays until the end.

    It is most of the heap, and each world of the simulator begins with a full collection.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test with network namespaces run only where it can, and beside one other at most."""
    if item.get_closest_marker("netns") is None:
        return
    missing = missing_for_namespaces()
    if missing is not None:
        if "netns" in os.environ.get("MESH_REQUIRE", "").split(","):
            pytest.fail(f"MESH_REQUIRE asks for network namespaces, but {missing}")
        # Only root on Linux can run these; a laptop runs all the others.
        pytest.skip(f"no network namespaces: {missing}")
    if "PYTEST_XDIST_WORKER" in os.environ and not item.nodeid.endswith(NETNS):
        pytest.fail("tests with network namespaces need --dist loadgroup, or -n 0")


@functools.cache
def missing_for_namespaces() -> str | None:
    """Return in words what keeps this machine from making network namespaces, if anything does."""
    if sys.platform != "linux":
        return "this is not Linux"
    if os.geteuid() != 0:
        return "this is not root"
    for program in ("ip", "nft", "unshare"):
        if shutil.which(program) is None:
            return f"the program {program} is missing"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "the kernel refuses to make one"
