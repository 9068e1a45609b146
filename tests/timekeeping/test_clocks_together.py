"""Clocks that tell each other the time: whom one believes, what is said again, and how it ends."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.ids import LinkId
from mesh.limits.timekeeping import TIME_INTERVAL_MS, TIMES_PER_LINK_MAX
from mesh.timekeeping.mesh_time import ToldTime
from tests.timekeeping.clocks import DAY, HOUR, TRUE, Laptop


def test_who_follows_others_is_no_witness() -> None:
    laptop = Laptop()
    laptop.hear(0, 573 * DAY)
    for link in range(1, 6):
        laptop.hear(link, 573 * DAY, is_vouched=False)
    assert laptop.mesh_error_s == 0


def test_a_clock_that_is_certainly_wrong_or_corrected_is_not_vouched_for() -> None:
    assert Laptop().told.is_vouched
    assert Laptop(-DAY).told.is_vouched, "nobody can tell yet"
    assert not Laptop(-TRUE).told.is_vouched
    wrong = Laptop(-DAY)
    wrong.hear_all(0, 0, 0)
    assert not wrong.told.is_vouched
    wrong.error_s = 0
    assert wrong.told.is_vouched, "it was set right"


def test_without_links_that_vouch_an_early_clock_yields_to_one_that_follows_and_then_stays() -> (
    None
):
    laptop = Laptop(-TRUE)
    laptop.hear(0, is_vouched=False)
    assert abs(laptop.mesh_error_s) <= 10
    laptop.hear(1, DAY, is_vouched=False)
    assert abs(laptop.mesh_error_s) <= 10
    laptop.hear(2, 2 * DAY)
    assert laptop.mesh_error_s == 2 * DAY, "it yields to who vouches"
    laptop.hear(3, 4 * DAY)
    assert laptop.mesh_error_s == 2 * DAY


def test_after_a_correction_the_time_is_said_again_on_links_that_heard_another_one() -> None:
    laptop = Laptop(-DAY)
    laptop.hear_all(0, 0)
    assert laptop.say() == []
    laptop.hear(2)
    laptop.hear(3)
    assert laptop.say() == [0, 1, 2], "the fourth was told by our Hello"
    assert laptop.say() == []
    laptop.hear_all(10, 20, 30)
    assert laptop.say() == [], "a difference below ten minutes is left alone"


def test_after_a_jump_the_time_is_said_again() -> None:
    laptop = Laptop()
    laptop.hear(0)
    laptop.pass_time(HOUR)
    assert laptop.say() == []
    laptop.error_s = DAY
    assert laptop.say() == []
    laptop.clock.at(laptop.now)
    assert laptop.say() == [0]


@settings(max_examples=200)
@given(st.data())
def test_whatever_fewer_liars_than_right_clocks_say_a_right_clock_is_not_moved(
    data: st.DataObject,
) -> None:
    right_count = data.draw(st.integers(1, 4))
    # The own clock is one of those that are right.
    liars_count = data.draw(st.integers(1, right_count))
    laptop = Laptop()
    for link in range(right_count):
        laptop.hear(link, data.draw(st.integers(-250, 250)))
    lies = st.sampled_from([700, -700, 1_200, -1_200, DAY, -DAY, 4_000 * DAY, -4_000 * DAY, -TRUE])
    liars = range(right_count, right_count + liars_count)
    for link in data.draw(st.permutations(liars)):
        laptop.hear(link, data.draw(lies), is_vouched=data.draw(st.booleans()))
        assert abs(laptop.mesh_error_s) <= 600
    for link in data.draw(st.lists(st.sampled_from(liars), max_size=20)):
        laptop.passed_s += data.draw(st.integers(0, 20))
        laptop.hear_again(link, data.draw(lies), is_vouched=data.draw(st.booleans()))
        assert abs(laptop.mesh_error_s) <= 600


def test_what_is_said_again_takes_the_place_of_what_was_said() -> None:
    laptop = Laptop()
    laptop.hear_all(DAY, DAY, DAY)
    assert laptop.mesh_error_s == DAY
    laptop.hear_again(0)
    laptop.hear_again(1)
    assert laptop.mesh_error_s == 0


def test_a_word_of_a_link_that_does_not_stand_is_passed_over() -> None:
    laptop = Laptop(-TRUE)
    laptop.hear_again(0)
    assert laptop.mesh_error_s == -TRUE


def test_corrections_that_follow_each_other_are_said_at_intervals_and_the_last_one_always() -> None:
    laptop = Laptop(-TRUE)
    laptop.hear(0, -5 * DAY)
    assert laptop.say() == [0]
    laptop.hear_again(0)
    assert laptop.say() == []
    assert laptop.clock.deadline() == TIME_INTERVAL_MS * 1000
    laptop.passed_s = TIME_INTERVAL_MS // 1000
    assert laptop.say() == [0]
    assert laptop.clock.deadline() is None


def test_a_peer_who_says_a_new_time_every_second_moves_nobody_for_long() -> None:
    laptop = Laptop(-TRUE)
    laptop.hear(0, -5 * DAY)
    said = 0
    for second in range(100):
        laptop.passed_s += 1
        laptop.hear_again(0, second * DAY)
        said += len(laptop.say())
    assert abs(laptop.mesh_error_s - (TIMES_PER_LINK_MAX - 1) * DAY) <= 10
    assert said <= TIMES_PER_LINK_MAX


class Group:
    """Laptops and the links between some of them; words travel in any order."""

    def __init__(self, errors_s: list[int], links: list[tuple[int, int]]) -> None:
        self.laptops = [Laptop(error_s) for error_s in errors_s]
        self.links = links
        self.words_count = 0
        # From whom, to whom, over which link, and what.
        self.travelling: list[tuple[int, int, ToldTime]] = []

    def open(self, link: int) -> None:
        """Both say Hello, as their time is now."""
        one, other = (self.laptops[end] for end in self.links[link])
        told, heard = one.told, other.told
        one.clock.observe(LinkId(link), heard, said=told, now=one.now)
        other.clock.observe(LinkId(link), told, said=heard, now=other.now)

    def say(self) -> None:
        """Whoever has to says its time again."""
        for index, laptop in enumerate(self.laptops):
            for link, told in laptop.clock.take_told(laptop.now):
                one, other = self.links[link]
                self.travelling.append((other if index == one else one, link, told))
                self.words_count += 1

    def carry(self, place: int) -> None:
        """One of the words on the way arrives."""
        to, link, told = self.travelling.pop(place)
        laptop = self.laptops[to]
        laptop.clock.observe_again(LinkId(link), told, laptop.now)

    def settle(self, data: st.DataObject | None) -> int:
        """Go on until nobody has anything to say; return how many rounds that took."""
        rounds = 0
        self.say()
        while self.travelling or any(one.clock.deadline() is not None for one in self.laptops):
            rounds += 1
            # All at once and in order, or some of them and in any order.
            count = len(self.travelling)
            arriving = count if data is None or count < 2 else data.draw(st.integers(1, count))
            for _ in range(arriving):
                left = len(self.travelling)
                self.carry(0 if data is None else data.draw(st.integers(0, left - 1)))
            for laptop in self.laptops:
                laptop.passed_s += TIME_INTERVAL_MS // 1000
            self.say()
        return rounds


errors = st.sampled_from([0, 0, 0, 5 * DAY, 40 * DAY, -30 * DAY, -TRUE, 5 - TRUE, 2 * HOUR])


@settings(max_examples=150)
@given(st.data())
def test_any_group_of_clocks_comes_to_rest_after_a_bounded_number_of_words(
    data: st.DataObject,
) -> None:
    errors_s = data.draw(st.lists(errors, min_size=2, max_size=9))
    pairs = [(a, b) for b in range(len(errors_s)) for a in range(b)]
    links = data.draw(st.lists(st.sampled_from(pairs), unique=True, max_size=16))
    group = Group(errors_s, links)
    is_told_between = data.draw(st.booleans())
    for link in range(len(links)):
        group.open(link)
        if is_told_between:
            group.say()
    rounds = group.settle(data if data.draw(st.booleans()) else None)
    most = 2 * TIMES_PER_LINK_MAX * len(links)
    assert group.words_count <= most
    # In each round a word arrives, or after an interval one that waited is said.
    assert rounds <= 2 * most + 1
    before = [laptop.mesh_error_s for laptop in group.laptops]
    group.say()
    assert group.travelling == []
    assert [laptop.mesh_error_s for laptop in group.laptops] == before


def test_two_groups_that_know_only_each_other_stop_correcting_each_other() -> None:
    group = Group([0] * 4 + [5 * DAY] * 4, [(a, b) for a in range(4) for b in range(4, 8)])
    for link in range(16):
        group.open(link)
    assert group.settle(None) <= TIMES_PER_LINK_MAX + 1


@settings(max_examples=60)
@given(st.data())
def test_where_all_meet_all_the_right_clocks_win_if_they_are_most_and_the_wrong_ones_differ(
    data: st.DataObject,
) -> None:
    wrong = data.draw(
        st.lists(
            st.sampled_from([5 * DAY, 40 * DAY, -30 * DAY, -TRUE, 5 - TRUE, 900 * DAY]),
            unique=True,
            min_size=1,
            max_size=4,
        )
    )
    right_count = data.draw(st.integers(max(2, 4 - len(wrong)), 5))
    errors_s = data.draw(st.permutations([*wrong, *[0] * right_count]))
    pairs = [(a, b) for b in range(len(errors_s)) for a in range(b)]
    group = Group(errors_s, data.draw(st.permutations(pairs)))
    for link in range(len(pairs)):
        group.open(link)
        group.say()
    group.settle(data)
    assert [abs(laptop.mesh_error_s) <= 60 for laptop in group.laptops] == [True] * len(errors_s)
