"""Addresses as people write them, and those that invites tell."""

import pytest

from mesh.commands.contacts import AddContact
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.engine.parts.addresses import BY_NETWORK, parse_address
from mesh.errors import UserError
from mesh.storage.store.link_state import LinkStateRows
from tests.engine.joined import Joined


@pytest.mark.parametrize(
    "text", ["", "host", "host:0", "host:99999", "a b:1", "::1:80", ":80", "[fe80::1%x]:1"]
)
def test_a_bad_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("text", ["10.0.0.1:41730", "[fe80::1%3]:41730", "box.local:80"])
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(parse_address(text)) == text


def invited(*hints: str) -> tuple[list[str], bytes]:
    """Return whom Bob dials after he added an invite with these hints, and what he keeps of it."""
    table = Joined("ada", "bob")
    for name in ("ada", "bob"):
        table.ask(name, CreateIdentity(name.title()))
    invite = table.ask("ada", CreateInvite(address_hint=" ".join(hints)))
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    peers = table.ask("bob", AskPeers())
    assert isinstance(peers, PeersAnswer)
    kept = LinkStateRows(table.seats["bob"].store).find_setting(BY_NETWORK)
    return [each.address for each in peers.peers], kept or b""


@pytest.mark.parametrize(
    "hint",
    [
        "ben-7f3a.track.example:443",
        "box.example:41730",
        "127.0.0.1:41730",
        "192.168.7.1:80",
        "0.0.0.0:41730",
        "224.0.0.251:5353",
        "[::1]:41730",
        "[::ffff:127.0.0.1]:41730",
    ],
)
def test_an_invite_sends_nobody_to_names_to_this_machine_or_to_other_doors(hint: str) -> None:
    assert invited(hint) == ([], b"")


def test_of_an_invite_what_is_the_same_from_everywhere_is_kept_and_the_rest_dialled() -> None:
    dialled, kept = invited("192.168.7.20:41730", "[fd00::7]:41730", "9.9.9.9:41730")
    assert sorted(dialled) == ["192.168.7.20:41730", "9.9.9.9:41730", "[fd00::7]:41730"]
    # And of no more worth than what others say.
    assert kept == b"- ?9.9.9.9:41730"
