"""Captures that no engine made: worlds of which it is known what can be told from them."""

from pathlib import Path
from random import Random

import msgspec

from sim.eavesdropping.capturing import FORMAT, Header, PostTruth, Truth
from sim.eavesdropping.recorder import pack

NODES = 8
RELAY = 7
PAIRS = [(0, 1), (2, 3), (4, 5), (1, 6)]
DAY_S = 1_800_000_000 // 86_400 * 86_400


def plant(folder: Path, seed: int, *, is_author_first: bool, posts_count: int = 60) -> None:
    """One world. All mention each envelope within milliseconds: its author first, or anybody."""
    draw = Random(seed)
    people = range(RELAY)
    links = {node: node + 1 for node in people}
    seen: list[object] = [[0, "open", links[node], node, True] for node in people]
    heard: list[object] = [[0, "open", links[node], RELAY, node] for node in people]
    posts: dict[str, PostTruth] = {}
    messages: list[tuple[int, int, int]] = []
    at = 0
    author, reader = PAIRS[0]
    for number in range(posts_count):
        if number % 6 == 0:
            # Somebody else begins to talk.
            at += draw.randrange(400_000_000, 900_000_000)
            author, reader = draw.choice(PAIRS)
        else:
            at += draw.randrange(20_000_000, 60_000_000)
            author, reader = reader, author
        id_ = f"{seed:06x}{number:010x}"
        told = at + draw.randrange(70_000_000, 90_000_000)
        for first, when, kind in ((author, at, "post"), (reader, told, "done")):
            order = [node for node in people if node != first]
            draw.shuffle(order)
            order.insert(0 if is_author_first else draw.randrange(RELAY), first)
            for rank, node in enumerate(order):
                moment = when + rank * 3_000
                seen.append(_frame(moment, links[node], id_, kind, author, seed, rank))
        heard.append([at, "record", links[author], 1, 1_100])
        posts[id_] = PostTruth(author=author, at=at, reader=reader, told=told, is_read_token=True)
        messages.append((at, author, reader))
    seen.sort(key=lambda line: line[0] if isinstance(line, list) else 0)
    heard.sort(key=lambda line: line[0] if isinstance(line, list) else 0)
    truth = Truth(
        format=FORMAT,
        seed=seed,
        mode="chats",
        nodes=NODES,
        relay=RELAY,
        contacts=PAIRS,
        made=[],
        posts=posts,
        messages=messages,
    )
    folder.mkdir(parents=True, exist_ok=True)
    name = f"world-{seed:06d}"
    reach = [(one, other) for other in range(NODES) for one in range(other)]
    for observer, lines in (("relay", seen), ("listener", heard)):
        header = Header(
            format=FORMAT,
            observer="relay" if observer == "relay" else "listener",
            seed=seed,
            mode="chats",
            nodes=NODES,
            relay=RELAY,
            reach=reach,
            hours=2,
            ground="planted",
            settings=[],
        )
        (folder / f"{name}.{observer}.jsonl.gz").write_bytes(pack([header, *lines]))
    (folder / f"{name}.truth.json").write_bytes(msgspec.json.encode(truth))


def _frame(
    at: int, link: int, id_: str, kind: str, author: int, seed: int, rank: int
) -> list[object]:
    if kind == "done":
        detail: dict[str, object] = {"retired": [[id_, f"e{id_[1:]}"]]}
        return [at, "in", link, "Retired", 52, detail]
    if rank:
        return [at, "in", link, "IHave", 38, {"entries": [[id_, 0]], "flags": 0}]
    envelope = {
        "id": id_,
        "key": f"{seed:08x}{author:08x}",
        "tag": id_,
        "created": DAY_S + 36_000,
        "bytes": 1_024,
        "lifetime": 1,
    }
    return [at, "in", link, "Push", 1_029, {"envelopes": [envelope]}]
