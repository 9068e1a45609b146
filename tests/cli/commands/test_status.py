"""The words of `mesh status` about what is carried, and why not more."""

from msgspec.structs import replace

from mesh.cli.commands.status import lines_of
from mesh.commands.status import CarriedAnswer, KnownKeysAnswer, StatusAnswer


def answer(
    *, carried: list[CarriedAnswer], refused: dict[str, int], limits: list[str]
) -> StatusAnswer:
    """A node with nothing else to say."""
    return StatusAnswer(
        name="Ada",
        vault="open",
        mesh="mesh",
        is_closed=False,
        links_count=2,
        envelopes_count=9,
        stored_bytes=7_168 + 9 * 195,
        headers_bytes=9 * 195,
        stored_bytes_max=1024**3,
        contacts_count=1,
        outbox_count=0,
        stamp="ready",
        clock_offset_seconds=0,
        notices=[],
        counters={},
        carried=carried,
        refused=refused,
        limits=limits,
    )


def test_status_says_for_whom_mail_is_carried_and_why_not_more() -> None:
    told = answer(
        carried=[
            CarriedAnswer(whom="own", envelopes_count=0, bytes=0, share_bytes=100),
            CarriedAnswer(whom="contacts", envelopes_count=2, bytes=2_048, share_bytes=250),
            CarriedAnswer(whom="strangers", envelopes_count=5, bytes=5_120, share_bytes=200),
        ],
        refused={"lapsed": 1, "its author has enough here for a day": 14},
        limits=["The battery is low."],
    )
    lines = lines_of(told, "default", is_verbose=False)
    assert not any(line.startswith("share") for line in lines)
    assert "share      own: 0 B of 100 B" in lines_of(told, "default", is_verbose=True)
    at = lines.index("carries    7 envelopes, 8.7 KiB of 1.0 GiB")
    assert lines[at + 1 : at + 3] == [
        "for        contacts 2 (2.0 KiB), strangers 5 (5.0 KiB)",
        "headers    of 9 envelopes known (1.7 KiB)",
    ]
    first = lines.index("refused    14: its author has enough here for a day")
    assert lines[first + 1 : first + 3] == [
        "refused    1: lapsed",
        "limited    The battery is low.",
    ]


def test_a_node_that_carries_nothing_says_nothing_of_it() -> None:
    told = replace(answer(carried=[], refused={}, limits=[]), envelopes_count=0)
    lines = lines_of(told, "default", is_verbose=False)
    assert not any(line.startswith(("for ", "headers ", "refused ", "limited ")) for line in lines)


def test_who_waits_apart_is_told_beside_the_contacts() -> None:
    told = answer(carried=[], refused={}, limits=[])
    assert "contacts   1" in lines_of(told, "default", is_verbose=False)
    for count, words in ((1, "1 more waits"), (2, "2 more wait")):
        lines = lines_of(replace(told, requests_count=count), "default", is_verbose=False)
        assert f"contacts   1 ({words} apart: mesh requests)" in lines


def test_status_says_whose_mail_is_known_and_that_a_node_started_locked_knows_nobodys() -> None:
    open_ = answer(carried=[], refused={}, limits=[])
    known = KnownKeysAnswer(contacts=2, friends_of_contacts=1, further=0)
    lines = lines_of(replace(open_, known_keys=known), "default", is_verbose=False)
    assert "knows      keys of today: 2 of contacts, 1 of contacts of theirs" in lines
    nobody = KnownKeysAnswer(contacts=0, friends_of_contacts=0, further=0)
    lines = lines_of(replace(open_, known_keys=nobody), "default", is_verbose=False)
    assert not any(line.startswith("knows ") for line in lines)
    lines = lines_of(replace(open_, vault="locked"), "default", is_verbose=False)
    assert "knows      nobody's mail: it is locked" in lines
