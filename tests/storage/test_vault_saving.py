"""A damaged vault, as far as it was saved: its person goes on, in groups and by invites too."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache

import pytest

from mesh.commands.item_commands import WriteItem
from mesh.effects import Reply
from mesh.engine.engine import Engine
from mesh.errors import DamagedError, UserError
from mesh.ids import ConversationId, Instant, Monotonic, RequestId
from mesh.inputs import Asked, VaultOpened
from mesh.storage.connection import connect_to_read, transaction
from mesh.storage.groups_saving import APART_FROM_GROUPS
from mesh.storage.vault.groups import GroupRows
from mesh.storage.vault_saving import Saved, make_whole
from sim.hosts.databases import MemoryDatabase
from sim.hosts.disk_files import KEY, DiskFiles
from sim.hosts.host import Host
from sim.invariants.begun_anew import require_same_answers
from sim.invariants.rot import require_counted, rows_of
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario

pytestmark = pytest.mark.xdist_group("damage")

PAGE = 4096
AT_US = 85_000_000
NODE = 2
MINUTE_US = 60_000_000
LATER_MINUTES = (0, 1, 2, 10, 61, 61, 600, 1_500)
"""When the node is called: its chores are done by then, and what waited has come or been given up.
"""
SEARCHED = os.environ.get("HYPOTHESIS_PROFILE") == "search"
TABLES = (
    "group_members",
    "groups",
    "prekeys",
    "conversations",
    "group_operations",
    "sessions",
    "payloads",
    "authors",
    "entries",
    "group_epochs",
)
"""Of each of these the first page is lost, or nothing but one page; in a search of all tables."""


class Lived:
    """The vault of somebody who did nearly all that can be done, as a file and as rows."""

    def __init__(self) -> None:
        world = World(load_scenario("everyday"), Options(seed=1, is_crypto_real=False))
        world.run_until(AT_US)
        self.host: Host = world.hosts[NODE]
        wall = world.nodes[NODE].calendar.wall(AT_US)
        self.now = Instant(Monotonic(0), wall + MINUTE_US)
        self.rows = rows_of(self.host.vault)
        self.files = DiskFiles()
        self.files.lay("vault", self.host.vault)
        self.whole = self.files.path("vault").read_bytes()
        with closing(connect_to_read(self.files.path("vault"), KEY)) as vault:
            self.pages = {
                str(name): int(str(page))
                for name, page in vault.execute(
                    "SELECT name, rootpage FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
                ).fetchall()
            }

    def saved_without(self, page: int) -> tuple[MemoryDatabase, Saved]:
        """Let one bit of a page flip, and save the rest. Pages count from one."""
        damaged = bytearray(self.whole)
        damaged[(page - 1) * PAGE + 100] ^= 4
        self.files.path("vault").write_bytes(bytes(damaged))
        return self.files.save_vault()


@lru_cache
def lived() -> Lived:
    return Lived()


def opened(vault: MemoryDatabase) -> tuple[Engine, Instant]:
    return lived().host._opened(lived().host.store.copy(), vault, lived().now)


def live_on(vault: MemoryDatabase) -> Iterator[Reply]:
    """Let a node run over a vault for a day, and write into all its conversations meanwhile."""
    engine = lived().host._made(lived().host._entropy, lived().host.store.copy(), lived().now)
    engine.handle([VaultOpened(vault)], lived().now)
    passed_us = 0
    for round_number, minutes in enumerate(LATER_MINUTES):
        passed_us += minutes * MINUTE_US
        now = Instant(Monotonic(passed_us), lived().now.wall + passed_us)
        for _ in range(3):
            engine.handle([], now)
        if round_number != 2:
            continue
        for (number,) in vault.execute("SELECT number FROM conversations").fetchall():
            written = WriteItem(of(number), text="afterwards")
            effects = engine.handle([Asked(RequestId(1_000 + int(str(number))), written)], now)
            yield from (one for one in effects if isinstance(one, Reply))


def lost_pages() -> list[str]:
    rows = lived().rows
    return [name for name in lived().pages if rows.get(name)] if SEARCHED else list(TABLES)


def test_the_vault_holds_what_the_tables_are_about() -> None:
    assert all(lived().rows[name] for name in TABLES)
    assert len(lived().rows["groups"]) >= 3


@pytest.mark.parametrize("table", TABLES)
def test_whoever_lost_a_page_of_a_table_goes_on_with_the_rest(table: str) -> None:
    go_on_without(table)


@pytest.mark.skipif(not SEARCHED, reason="every table takes some minutes")
def test_whoever_lost_a_page_of_any_table_goes_on_with_the_rest() -> None:
    for table in lost_pages():
        go_on_without(table)


def go_on_without(table: str) -> None:
    try:
        vault, saved = lived().saved_without(lived().pages[table])
    except DamagedError:
        # Who somebody is stands in one row: without it there is nobody to go on.
        if table != "identity":
            raise
        return
    assert require_counted(NODE, lived().rows, rows_of(vault), saved) > 0
    assert {one.name for one in saved.tables if one.lost} == {table}
    assert saved.is_out_of_groups == (table not in APART_FROM_GROUPS)
    states = {row.state for row in GroupRows(vault).all()}
    assert states <= {"left"} if saved.is_out_of_groups else "in" in states
    # Everything that can be asked is asked of both, and answered.
    (engine, now), (other, _) = opened(vault.copy()), opened(vault.copy())
    assert require_same_answers(NODE, engine, other, now) > 20
    told = [one.answer for one in live_on(vault)]
    assert told
    refused = [one for one in told if isinstance(one, UserError)]
    assert len(refused) < len(told), refused


def test_a_conversation_of_a_group_goes_with_the_group() -> None:
    vault, saved = lived().saved_without(lived().pages["groups"])
    (lost,) = [one for one in saved.tables if one.name == "groups"]
    assert lost.copied == 0
    query = "SELECT count(*) FROM conversations WHERE kind = 'group'"
    assert vault.execute(query).fetchone() == (0,)
    assert dict(saved.dropped)["conversations"] == lost.lost


def test_an_invite_whose_keys_are_lost_is_closed() -> None:
    vault, _ = lived().saved_without(lived().pages["prekeys"])
    assert vault.execute("SELECT count(*) FROM prekeys").fetchone() == (0,)
    former = lived().host.vault.execute("SELECT count(*) FROM invites WHERE secret IS NOT NULL")
    assert former.fetchone() != (0,)
    query = "SELECT count(*) FROM invites WHERE secret IS NOT NULL"
    assert vault.execute(query).fetchone() == (0,)


def test_an_operation_whose_parent_is_lost_goes() -> None:
    """One page holds several of them here, so a row is lost by itself."""
    vault = lived().host.vault.copy()
    rows = vault.execute(
        "SELECT conversation, count(*) FROM group_operations GROUP BY conversation ORDER BY 2 DESC"
    ).fetchall()
    (group, count), *_ = rows
    assert int(str(count)) >= 4
    before = [row.operation for row in GroupRows(vault).operations(of(group))]
    lost = before[1]
    vault.execute("PRAGMA foreign_keys = OFF").fetchall()
    with transaction(vault):
        vault.execute("DELETE FROM group_operations WHERE id = ?", (lost.id,))
        make_whole(vault, is_out_of_groups=True)
    kept = [row.operation for row in GroupRows(vault).operations(of(group))]
    assert kept[0] == before[0]
    known = {one.id for one in kept}
    assert all(set(one.parents) <= known for one in kept)
    assert len(kept) < len(before) - 1
    (engine, now), (other, _) = opened(vault.copy()), opened(vault.copy())
    assert require_same_answers(NODE, engine, other, now) > 20
    assert list(live_on(vault.copy()))


def of(number: object) -> ConversationId:
    return ConversationId(int(str(number)))
