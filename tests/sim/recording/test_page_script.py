"""The functions of a run's page that need no document, called in Node."""

import json
import subprocess
from importlib.resources import files

import pytest

from tests.programs import where_is

FIGURES = (files("sim.recording") / "page_files" / "figures.js").read_text(encoding="utf-8")


def called(expression: str) -> object:
    """Return what an expression over these functions is, by way of JSON."""
    script = f"{FIGURES}\nprocess.stdout.write(JSON.stringify({expression}));"
    node = where_is("node", required_as="npm")
    done = subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: object = json.loads(done.stdout)
    return told


def test_times_are_said_in_the_unit_that_fits() -> None:
    us = [0, 1_499, 999_499, 1_000_000, 12_345_678, 119_000_000, 120_000_000, 3_661_000_000]
    said = called(f"{us}.concat([9e9, 864e8 * 3]).map(seconds)")
    assert said == [
        *["0 ms", "1 ms", "999 ms", "1.0 s", "12 s", "119 s", "2 min", "61 min 1 s"],
        *["2.5 h", "3.0 d"],
    ]


def test_text_of_a_run_cannot_become_part_of_the_page() -> None:
    said = called("""escape(`<b title="x">&</b>`)""")
    assert said == "&lt;b title=&quot;x&quot;&gt;&amp;&lt;/b&gt;"


def test_a_node_is_on_from_its_start_to_its_end() -> None:
    said = called(
        "((isUp) => [[1, 5], [1, 10], [1, 29], [1, 30], [2, 99]].map(([n, at]) => isUp(n, at)))"
        "(powerIn([[10, 1, true], [30, 1, false], [40, 1, true]]))"
    )
    assert said == [False, True, True, False, False]


def test_a_link_that_ends_and_comes_again_stands_twice() -> None:
    said = called("spansOf([[5, 1, 2, true], [9, 1, 2, false], [11, 1, 2, true]], 20)")
    assert said == [[1, 2, 5, 9], [1, 2, 11, 21]]


def test_shares_of_nodes_that_have_an_envelope_are_counted_by_each_limit() -> None:
    assert called("sharesBy([0, 10, 20], [[0, 10, 30], [0, 20]], 4)") == [
        [0.25, 0.25],
        [0.25, 0.5],
        [0.5, 0.5],
    ]


def test_what_was_sent_between_looks_is_a_rate_of_the_largest_and_of_all_others() -> None:
    looks = [
        {"at_us": at_us, "bytes_by_frame": sums}
        for at_us, sums in (
            (1_000_000, {"Push": 100}),
            (3_000_000, {"Push": 500, "IHave": 20, "Ping": 6}),
        )
    ]
    said = called(f"""ratesOf({json.dumps(looks)}, ["Push", "IHave", "Ping"], 1)""")
    assert said == [[3_000_000, [200, 13]]]


def test_the_way_of_an_envelope_is_the_tree_of_first_arrivals() -> None:
    # Node 9 had it from somebody who is not known, so it stands by itself.
    arrivals = [[0, 7, -1], [5, 1, 7], [6, 2, 7], [9, 3, 2], [10, 3, 1], [11, 4, 2], [12, 9, 8]]
    said = called(
        "((tree) => [tree.order, [...tree.depth], [...tree.rows], tree.leaves])"
        f"(treeOf({arrivals}))"
    )
    assert said == [
        [*arrivals[:4], [11, 4, 2], [12, 9, -1]],
        [[7, 0], [1, 1], [2, 1], [3, 2], [4, 2], [9, 0]],
        [[1, 0], [3, 1], [4, 2], [9, 3], [2, 1.5], [7, 0.75]],
        4,
    ]


def test_the_way_along_a_line_of_many_nodes_is_drawn_too() -> None:
    line = "[...Array(50000).keys()].map((node) => [node, node, node - 1])"
    said = called(f"((tree) => [tree.leaves, tree.depth.get(49999)])(treeOf({line}))")
    assert said == [1, 49_999]


def test_what_led_to_the_last_row_of_a_node_is_found_across_nodes() -> None:
    # (at, number, kind, node, peer, cause): 4 came from 2, which followed 0; 3 led to nothing.
    rows = [
        [0, 0, "boot", 1, -1, -1],
        [0, 1, "boot", 2, -1, -1],
        [5, 2, "SendBytes", 1, 2, -1],
        [5, 3, "boot", 3, -1, -1],
        [9, 4, "BytesReceived", 2, 1, 2],
    ]
    assert called(f"[...causesOf({json.dumps(rows)}, 2, 200)].sort()") == [0, 1, 2, 4]
    assert called(f"[...causesOf({json.dumps(rows)}, 2, 1)]") == [4]


@pytest.mark.parametrize("links,is_ring", [([], True), ([[0, 0, 1, True]], False)])
def test_nodes_are_laid_out_within_the_picture_and_near_whom_they_are_linked_to(
    links: list[list[object]], *, is_ring: bool
) -> None:
    nodes = 3_000 if is_ring else 12
    said = called(
        f"((at) => [at.size, [...at.values()].every(([x, y]) => x > 0 && x < 1 && y > 0 && y < 1),"
        f" Math.hypot(at.get(0)[0] - at.get(1)[0], at.get(0)[1] - at.get(1)[1])])"
        f"(layOut([...Array({nodes}).keys()], {json.dumps(links)}))"
    )
    assert isinstance(said, list)
    assert said[:2] == [nodes, True]
    assert said[2] < 0.5


def test_the_largest_of_a_million_values_is_found() -> None:
    assert called("largest(Array(1e6).fill(3).concat(5), 1)") == 5
    assert called("[largest([], 1), smallest([4, 2, 9]), logTicks(1500, 2e5)]") == [
        1,
        2,
        [10_000, 100_000],
    ]
