"""The names of a group of many: what a list of them, and a line of one, costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mesh.database import Cursor
from mesh.storage.vault.member_names import MemberNameRows
from mesh.storage.vault.vault import Vault
from tests.messenger.in_groups import crew, inside, members_of, names_of
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_renames import write_name
from tests.messenger.test_many_contacts import Counting


@dataclass(slots=True)
class Noting(Counting):
    """A connection that notes what it is asked of names."""

    of_names: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        if "field = 'name'" in sql and sql.startswith("SELECT") and "data" in sql:
            self.of_names.append((sql, tuple(parameters)))
        return self.inside.execute(sql, parameters)


def noted(person: Person) -> Noting:
    person.connection = noting = Noting(person.connection)
    person.restart()
    noting.of_names.clear()
    return noting


def test_the_names_of_all_members_are_read_at_once() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan")
    for one, name in zip(people, ("Anna", "Bobby", "Cemal", "Danny"), strict=True):
        write_name(one, name)
        exchange(*people)
    noting = noted(people[0])
    assert len(members_of(people[0])) == 4
    assert len(noting.of_names) == 1
    # Another piece of work reads them anew, and sees what came.
    write_name(people[1], "Robert")
    exchange(*people)
    assert names_of(people[0]) == ["Anna", "Robert", "Cemal", "Danny"]


def test_the_name_before_is_found_in_the_order_of_an_index() -> None:
    ann, bob = people = crew("Ann", "Bob")
    for number in range(30):
        write_name(bob, f"Bob {number}")
    exchange(*people)
    noting = noted(ann)
    group = inside(ann)
    key = inside(bob).me
    row = Vault(noting.inside).authors.find(group.conversation, key)
    assert row is not None
    last = MemberNameRows(noting).find(group.conversation, key)
    assert last is not None
    entry = Vault(noting.inside).entries.message(last.entry)
    noting.of_names.clear()
    rows = MemberNameRows(noting)
    before = rows.find_before(group.conversation, key, row.number, (entry.clock, entry.id))
    assert before is not None
    assert b"Bob 28" in before
    assert len(noting.of_names) == 2
    for sql, parameters in noting.of_names:
        plan = noting.inside.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        assert "TEMP B-TREE" not in str(plan)
        assert "register_values_in_order" in str(plan)
