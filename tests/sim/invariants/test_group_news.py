"""Events that befall somebody in a group are told, and shown as they are."""

from msgspec.structs import replace

from mesh.commands.contacts import ContactAnswer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.groups import MemberAnswer
from mesh.storage.connection import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.group_news import (
    GroupNews,
    require_declined,
    require_labels,
)
from sim.invariants.groups import require_true_devices
from sim.invariants.invariants import L9, S25
from tests.cli.answers import group
from tests.sim.invariants.test_folding import item
from tests.sim.invariants.test_invariants import broken_by

OUT = group(state="removed")


def test_who_is_out_and_was_not_told_breaks_s25() -> None:
    news = GroupNews()
    news.require_told(1, 1, [OUT])
    news.seen(1, 1, [group()])
    assert broken_by(news.require_told, 1, 1, [OUT]) is S25
    news.require_told(1, 1, [group()])
    # In another life of the node a crash may have taken the word.
    news.require_told(1, 2, [OUT])
    news.told_out(1, OUT.gid)
    news.require_told(1, 1, [OUT])
    news.seen(1, 1, [OUT])
    news.require_told(1, 1, [OUT])


def test_an_invite_that_stands_open_after_it_was_declined_breaks_s25() -> None:
    asked = group(state="invited", inviter="Ada")
    assert broken_by(require_declined, 1, asked, [asked]) is S25
    require_declined(1, asked, [])
    require_declined(1, asked, [replace(asked, state="left")])
    require_declined(1, asked, [replace(asked, inviter="Bea")])


def test_a_contact_who_is_called_otherwise_in_a_group_breaks_s25() -> None:
    contact = ContactAnswer(
        id=3,
        label="Mum",
        name="Ada",
        key="ab" * 32,
        trust="known",
        state="answered",
        is_request=False,
        is_blocked=False,
        introduced_by="",
        messages_count=0,
        unread_count=0,
        looks_like=[],
    )
    member = MemberAnswer(
        member=1,
        key="cd" * 32,
        name="Ada",
        label="Mum",
        contact=3,
        role="member",
        added_by="",
        heard=0,
        is_me=False,
        looks_like=[],
    )
    require_labels(1, [member], [contact])
    assert broken_by(require_labels, 1, [replace(member, label="Ada")], [contact]) is S25
    require_labels(1, [replace(member, label="Ada", contact=0)], [contact])
    require_labels(1, [replace(member, label="Ada", is_me=True)], [contact])


def test_what_is_told_as_read_in_a_group_and_nobody_read_breaks_l9() -> None:
    mine = replace(
        item(is_mine=True, reacted=False), devices=DevicesAnswer(told=1, of=1, silent=0, read=1)
    )
    vault = MemoryDatabase()
    with transaction(vault):
        vault.execute("CREATE TABLE groups (id BLOB, state TEXT)")
        vault.execute("CREATE TABLE entries (id BLOB, is_read INTEGER)")
        vault.execute("INSERT INTO groups VALUES (?, 'in')", (bytes.fromhex(OUT.gid),))
        vault.execute("INSERT INTO entries VALUES (?, 0)", (bytes.fromhex(mine.id),))
    assert broken_by(require_true_devices, 1, OUT.gid, [mine], {2: vault}, []) is L9
    held = replace(mine, devices=DevicesAnswer(told=1, of=1, silent=0, read=0))
    require_true_devices(1, OUT.gid, [held], {2: vault}, [])
    require_true_devices(1, OUT.gid, [mine], {2: vault}, [2])
    with transaction(vault):
        vault.execute("UPDATE entries SET is_read = 1")
    require_true_devices(1, OUT.gid, [mine], {2: vault}, [])
