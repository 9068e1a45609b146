"""The route of one request: found for each that there is, and without loading all of them."""

import subprocess
import sys

from mesh.api.finding_routes import route_of
from mesh.api.routes import ROUTES

# The parts that are large, and what they need.
NOT_FOR_A_STATUS = (
    "mesh.commands.groups",
    "mesh.commands.item_commands",
    "mesh.events",
    "mesh.inputs",
    "importlib.metadata",
    "nacl",
)

ASK = """
import sys
from mesh.api.finding_routes import route_of
from mesh.cli.commands import status
from mesh.commands.status import AskStatus
assert route_of(AskStatus).path == "/v1/status"
print(*sys.modules)
"""


def test_every_request_that_has_a_route_is_found() -> None:
    assert all(route_of(route.asks) is route for route in ROUTES)


def test_a_command_that_asks_for_the_status_loads_little_else() -> None:
    # Our own interpreter and program.
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert "mesh.client" in told.stdout.split()
    assert [name for name in NOT_FOR_A_STATUS if name in told.stdout.split()] == []


def test_a_status_without_a_node_loads_no_database_and_no_other_command() -> None:
    ask = "import sys, mesh.node.membership; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loaded = told.stdout.split()
    assert "mesh.node.membership" in loaded
    assert [name for name in ("mesh.inputs", "mesh.storage", "sqlcipher3") if name in loaded] == []
