"""Files in groups that nobody gives, or that are withdrawn: what is asked, expected and posted."""

from mesh.commands.groups import LeaveGroup
from mesh.commands.messages import WithdrawMessage
from mesh.group.payload import FILE_WANTED
from mesh.limits.files import (
    FILE_GATHER_SECONDS,
    FILE_GIVEN_UP_SECONDS,
    FILE_WANTED_MAX,
    REPOSTED_BLOCKS_PER_DAY_MAX,
)
from mesh.wire.file_controls import FileWanted
from tests.messenger.doing import DAY_S
from tests.messenger.in_groups import crew, settle
from tests.messenger.people import exchange
from tests.messenger.sending_files import content, is_block
from tests.messenger.test_group_files import ASKED_S, lost_by, say, state_of, wait, write


def test_what_nobody_gives_is_paused_whatever_others_miss_of_it() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = write(ann, content())
    lost_by([bob], people)
    for _ in range(FILE_WANTED_MAX):
        bob.clock.pass_by(ASKED_S)
        bob.tend()
    bob.post()
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS - DAY_S)
    bob.tend()
    say(ann, FILE_WANTED, FileWanted(bytes.fromhex(said.id), 0, 15).encode())
    settle(*people)
    assert state_of(bob, said) == ("fetching", 0)
    wait(DAY_S, bob)
    assert state_of(bob, said) == ("paused", 0)


def test_nothing_is_expected_for_ever_where_we_are_no_members() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = write(ann, content())
    lost_by([bob], people)
    bob.ask(LeaveGroup("Crew"))
    bob.clock.pass_by(FILE_GIVEN_UP_SECONDS)
    bob.tend()
    assert state_of(bob, said) == ("paused", 0)


def test_who_withdraws_a_text_posts_nothing_of_it_again() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = write(ann, content())
    lost_by([bob], people)
    ann.ask(WithdrawMessage(said.number))
    bob.clock.pass_by(ASKED_S)
    bob.tend()
    exchange(*people)
    wait(FILE_GATHER_SECONDS, ann)
    assert not [one for one in ann.post() if is_block(one)]
    assert not ann.connection.execute("SELECT * FROM postings WHERE is_again").fetchall()
    settle(*people)
    assert state_of(bob, said) == ("fetching", 0)


def test_who_misses_a_file_hundreds_of_times_stops_no_node() -> None:
    ann, bob = crew("Ann", "Bob")
    said = write(ann, content(9))
    kept = ann.post()
    bob.receive(kept[:1])
    assert state_of(bob, said) == ("fetching", 0)
    missed = FileWanted(bytes.fromhex(said.id), 0, 1).encode()
    for _ in range(6):
        for _ in range(REPOSTED_BLOCKS_PER_DAY_MAX):
            say(ann, FILE_WANTED, missed)
        ann.clock.pass_by(DAY_S)
        ann.tend()
        bob.receive([one for one in ann.post() if one not in kept])
    bob.tend()
    assert state_of(bob, said) == ("fetching", 0)
