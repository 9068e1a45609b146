"""The loss where room is scarce: a flood pushes itself out, and no one else."""

from mesh.ids import ContactId, EnvelopeId, PostingKey, UnixSeconds
from mesh.limits.posting_keys import FILE_STAMP_BITS_MIN
from mesh.limits.retention import (
    BODY_BYTES_PER_ENVELOPE,
    BODY_BYTES_PER_ENVELOPE_CROWDED,
    PEERS_TOLD_APART_MAX,
)
from mesh.retention.eviction import Eviction, Usage
from mesh.retention.sides import FORMER
from mesh.trust.distance import Depth
from tests.retention.test_eviction import KIB, NOW, key_of, stamped

ADMITTED = 512
BODIES_BYTES_MAX = ADMITTED * BODY_BYTES_PER_ENVELOPE


class Shelf:
    """A machine with bodies of one size, numbered as they come."""

    def __init__(self, **depths: Depth) -> None:
        # Who answers for whom; the first contact for all others.
        self.sponsors: dict[PostingKey, list[ContactId]] = {}
        self.depths = {key_of(ord(name[0])): depth for name, depth in depths.items()}
        self.created: dict[EnvelopeId, UnixSeconds] = {}
        self.eviction = Eviction(
            lambda key, day: self.depths.get(key, Depth.STRANGER),
            self.created.__getitem__,
            lambda key, day: self.sponsors.get(key, [ContactId(1)]),
        )

    def put(self, key: str, count: int, *, size: int = KIB, peer: str = "near") -> None:
        for _ in range(count):
            id_ = EnvelopeId(len(self.created).to_bytes(32))
            self.created[id_] = UnixSeconds(NOW - 10_000 + len(self.created))
            self.eviction.add(
                id_,
                key=stamped(ord(key), 1),
                body_bytes=size,
                created=self.created[id_],
                peer=peer,
            )

    def find_refusal(
        self, key: str, size: int, room: int, *, day: int = 1, admitted: int = ADMITTED
    ) -> str | None:
        return self.eviction.find_refusal(
            stamped(ord(key), day), size, admitted_count=admitted, room_bytes=room
        )

    def squeeze(self, room: int) -> list[int]:
        taken = self.eviction.take_victims(room, NOW, count_max=10_000)
        return [int.from_bytes(id_) for id_ in taken]

    def count(self, depth: Depth) -> int:
        return self.eviction.usage()[depth].bodies_count


def test_a_flood_of_a_stranger_pushes_itself_out() -> None:
    shelf = Shelf(contact=Depth.CONTACT, vouched=Depth.VOUCHED)
    shelf.put("c", 100)
    shelf.put("v", 100)
    shelf.put("h", 50, peer="honest")
    shelf.put("f", 5_000, peer="flooding")
    assert all(number >= 250 for number in shelf.squeeze(1_000 * KIB))
    assert shelf.count(Depth.STRANGER) == 800
    assert (shelf.count(Depth.CONTACT), shelf.count(Depth.VOUCHED)) == (100, 100)


def test_strangers_keep_a_fifth_though_contacts_fill_the_rest() -> None:
    shelf = Shelf(contact=Depth.CONTACT)
    shelf.put("s", 500)
    shelf.put("c", 5_000)
    shelf.squeeze(1_000 * KIB)
    assert (shelf.count(Depth.STRANGER), shelf.count(Depth.CONTACT)) == (200, 800)


def test_authors_further_away_lose_sooner_than_nearer_ones() -> None:
    shelf = Shelf(contact=Depth.CONTACT, vouched=Depth.VOUCHED, outer=Depth.FAR)
    for name in "cvo":
        shelf.put(name, 400)
    shelf.squeeze(1_000 * KIB)
    assert [shelf.count(depth) for depth in (Depth.CONTACT, Depth.VOUCHED, Depth.FAR)] == [
        400,
        400,
        200,
    ]
    shelf.squeeze(500 * KIB)
    assert [shelf.count(depth) for depth in (Depth.CONTACT, Depth.VOUCHED, Depth.FAR)] == [
        325,
        117,
        58,
    ]


def test_a_contact_who_floods_pushes_nobody_out_but_himself() -> None:
    shelf = Shelf(insider=Depth.CONTACT, honest=Depth.CONTACT)
    shelf.sponsors[key_of(ord("h"))] = [ContactId(2)]
    shelf.put("h", 100, size=4 * KIB)
    shelf.put("i", 5_000)
    assert all(number >= 100 for number in shelf.squeeze(1_000 * KIB))
    assert shelf.count(Depth.CONTACT) == 100 + 600


def test_who_vouches_for_many_keys_that_flood_takes_nothing_from_those_of_other_contacts() -> None:
    shelf = Shelf(near=Depth.VOUCHED, far=Depth.FAR)
    for name in "nf":
        shelf.sponsors[key_of(ord(name))] = [ContactId(2)]
        shelf.put(name, 50)
    invented = [chr(number) for number in range(130, 230)]
    for place, name in enumerate(invented):
        shelf.depths[key_of(ord(name))] = Depth.FAR if place % 2 else Depth.VOUCHED
        shelf.put(name, 50)
    shelf.put("s", 200, peer="stranger")
    assert all(100 <= number < 5_100 for number in shelf.squeeze(1_000 * KIB))


def test_who_names_the_key_of_a_friend_of_others_does_not_drag_it_along() -> None:
    shelf = Shelf(friend=Depth.VOUCHED, junk=Depth.VOUCHED)
    shelf.sponsors[key_of(ord("f"))] = [ContactId(1), ContactId(2)]
    shelf.put("f", 50)
    shelf.put("j", 40)
    shelf.put("f", 10)
    for name in range(130, 200):
        shelf.depths[key_of(name)] = Depth.VOUCHED
        shelf.put(chr(name), 40)
    assert all(50 <= number < 90 or number >= 100 for number in shelf.squeeze(200 * KIB))


def test_where_there_is_room_every_author_may_keep_as_much() -> None:
    room = 1 << 30
    for depth in (Depth.CONTACT, Depth.VOUCHED, Depth.FAR, Depth.STRANGER):
        most = BODIES_BYTES_MAX
        shelf = Shelf(x=depth)
        refused = shelf.find_refusal("x", most + 1, room, day=1)
        assert refused == "its author has enough here for a day"
        assert shelf.find_refusal("x", most, room, day=1) is None
        shelf.put("x", 1)
        assert shelf.find_refusal("x", most, room, day=1)
        assert shelf.find_refusal("x", most, room, day=2) is None
    shelf = Shelf(x=Depth.OWN)
    assert shelf.find_refusal("x", 1 << 40, room, day=1) is None


def test_where_room_is_scarce_an_author_further_away_may_keep_less() -> None:
    for depth, each in [
        (Depth.CONTACT, BODY_BYTES_PER_ENVELOPE),
        (Depth.VOUCHED, BODY_BYTES_PER_ENVELOPE // 2),
        (Depth.FAR, BODY_BYTES_PER_ENVELOPE // 4),
        (Depth.STRANGER, BODY_BYTES_PER_ENVELOPE_CROWDED),
    ]:
        shelf = Shelf(x=depth)
        shelf.put("s", 1, size=64 * KIB)
        crowded = 64 * KIB
        assert shelf.find_refusal("x", ADMITTED * each, crowded) is None
        assert shelf.find_refusal("x", ADMITTED * each + 1, crowded)


def test_a_strangers_key_may_keep_less_where_room_is_scarce() -> None:
    shelf = Shelf()
    shelf.put("s", 80, size=64 * KIB)
    most = ADMITTED * BODY_BYTES_PER_ENVELOPE_CROWDED
    roomy, crowded = 100 * 80 * 64 * KIB // 70 + 1, 100 * 80 * 64 * KIB // 71
    assert shelf.find_refusal("t", most + 1, roomy) is None
    assert shelf.find_refusal("t", most + 1, crowded)
    assert shelf.find_refusal("t", most, crowded) is None


def test_a_stamp_that_admits_more_may_keep_more() -> None:
    shelf = Shelf(c=Depth.CONTACT)
    room = 1 << 30
    for bits in range(6, 13):
        most = BODY_BYTES_PER_ENVELOPE << bits
        assert shelf.find_refusal("c", most, room, admitted=1 << bits) is None
        assert shelf.find_refusal("c", most + 1, room, admitted=1 << bits)


def test_each_stamp_of_a_key_has_room_of_its_own() -> None:
    shelf = Shelf()
    shelf.put("s", 64, size=16 * KIB)
    first, second = stamped(ord("s"), 1), stamped(ord("s"), 1)._replace(nonce=b"another ")
    refusals = [
        shelf.eviction.find_refusal(one, KIB, admitted_count=64, room_bytes=1 << 30)
        for one in (first, second)
    ]
    assert [one is None for one in refusals] == [False, True]


def test_the_blocks_of_a_file_fit_where_room_is_scarce_under_a_stamp_for_files_and_no_smaller() -> (
    None
):
    blocks_count, block_bytes = 15, 64 * KIB
    for bits in (FILE_STAMP_BITS_MIN - 1, FILE_STAMP_BITS_MIN):
        shelf = Shelf()
        shelf.put("s", blocks_count - 1, size=block_bytes)
        refusal = shelf.find_refusal("s", block_bytes, KIB, admitted=1 << bits)
        assert (refusal is None) == (bits == FILE_STAMP_BITS_MIN)


def test_however_many_peers_come_only_so_many_are_told_apart() -> None:
    shelf = Shelf()
    for number in range(3 * PEERS_TOLD_APART_MAX):
        shelf.put("s", 1 + number % 3, peer=f"neighbour {number}")
    places = {shelf.eviction.place_of(id_) for id_ in shelf.created}
    assert len(places) == PEERS_TOLD_APART_MAX + 1
    assert (Depth.STRANGER, FORMER, key_of(ord("s"))) in places
    count = len(shelf.created)
    assert shelf.count(Depth.STRANGER) == count
    assert len(shelf.squeeze(0)) == count


def test_bodies_of_former_peers_are_counted_and_go_oldest_first() -> None:
    shelf = Shelf()
    for number in range(2 * PEERS_TOLD_APART_MAX):
        for size in (KIB, 4 * KIB):
            shelf.put("s", 1, size=size, peer=f"neighbour {number}")
    used = 2 * PEERS_TOLD_APART_MAX * 5 * KIB
    assert shelf.eviction.usage()[Depth.STRANGER] == Usage(4 * PEERS_TOLD_APART_MAX, used)
    left, room, author = BODIES_BYTES_MAX - used, 1 << 30, key_of(ord("s"))
    assert shelf.find_refusal("s", left, room) is None
    assert shelf.find_refusal("s", left + 1, room)
    place = (Depth.STRANGER, FORMER, author)
    former = [int.from_bytes(id_) for id_ in shelf.created if shelf.eviction.place_of(id_) == place]
    assert len(former) == 2 * PEERS_TOLD_APART_MAX
    # Every second one is of 4 KiB, and these go first; the former peers hold the most.
    assert shelf.squeeze(used - 40 * KIB) == former[1:20:2]
    shelf.depths[author] = Depth.CONTACT
    shelf.eviction.look_again()
    left_count = 4 * PEERS_TOLD_APART_MAX - 10
    assert shelf.eviction.usage()[Depth.CONTACT] == Usage(left_count, used - 40 * KIB)
    assert shelf.count(Depth.STRANGER) == 0


def test_who_becomes_a_stranger_weighs_on_who_brought_his_mail() -> None:
    shelf = Shelf(c=Depth.CONTACT, d=Depth.CONTACT)
    shelf.put("c", 4, peer="near")
    shelf.put("d", 4, peer="near")
    shelf.put("s", 6, peer="other")
    shelf.depths.clear()
    shelf.eviction.look_again()
    assert shelf.squeeze(13 * KIB) == [0]


def test_where_own_mail_has_too_much_all_shares_shrink_in_turn() -> None:
    shelf = Shelf(contact=Depth.CONTACT, vouched=Depth.VOUCHED, own=Depth.OWN)
    shelf.put("o", 6)
    shelf.put("c", 1)
    shelf.put("v", 3)
    # Nobody else has more than a share: the further away, the sooner.
    assert [shelf.squeeze(room * KIB) for room in (9, 8, 7, 6)] == [[7], [8], [9], [6]]
