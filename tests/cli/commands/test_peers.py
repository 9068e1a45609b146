"""`mesh peers`: the nodes around, as a table."""

from mesh.cli.commands.peers import row
from mesh.commands.peers import PeerAnswer
from tests.api.small_node import Running
from tests.cli.conftest import Mesh


def peer(**fields: object) -> PeerAnswer:
    """Return an address without a link."""
    known: dict[str, object] = {
        "address": "192.168.1.20:41730",
        "state": "waiting",
        "is_configured": True,
        "is_dialled_by_us": False,
        "connected_seconds": 0,
        "bytes_received": 0,
        "bytes_sent": 0,
    }
    return PeerAnswer(**{**known, **fields})  # type: ignore[arg-type] # each field has its type


def test_an_address_without_a_link_leaves_empty_what_nobody_knows(
    mesh: Mesh, node: Running
) -> None:
    assert mesh("peer", "add", "192.168.1.20:41730").code == 0
    told = mesh("peers")
    assert "192.168.1.20:41730" in told.out
    assert "<nothing>" not in told.out


def test_a_link_says_over_which_interface_it_goes() -> None:
    assert row(peer(state="linked", interface="eth0"))[5] == "eth0"
    assert row(peer(state="linked"))[5] == ""
