"""The rules of entries of groups, each with the line that keeps it and what notices without it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from mesh.content import check_in, kinds, poll
from mesh.content.entry import Kind
from mesh.messenger.conversations import (
    effects,
    entries,
    folding,
    group_rules,
    history,
    item_answers,
    judging,
    writing,
)
from mesh.storage.vault import changes, registers
from tests.group.faults import Fault
from tests.messenger import test_at_hand as hands
from tests.messenger import test_boards as boards
from tests.messenger import test_entries as texts
from tests.messenger import test_entries_in_any_order as orders
from tests.messenger import test_group_standing as stories
from tests.messenger import test_group_talk as talk
from tests.messenger import test_history as chains
from tests.messenger import test_hostile_entries as hostile
from tests.messenger.test_group_entries import BESIDE_KINDS, picture


@dataclass(frozen=True)
class Noticed:
    """A rule, the line that keeps it, what stands instead, and a story or a random group that shows
    it.
    """

    rule: str
    module: ModuleType
    line: str
    instead: str
    by: Callable[[], object]

    @property
    def fault(self) -> Fault:
        """The rule taken away."""
        return Fault(self.rule, self.module, self.line, self.instead)


_unbounded = partial(
    hostile.test_what_breaks_the_bounds_of_its_kind_is_never_shown, Kind.TASK, ["x" * 501]
)
_in_any_order = orders.test_any_order_shows_the_same_on_both_sides_and_what_the_rules_say


FAULTS = [
    Noticed(
        "what breaks a bound of its kind is invalid",
        kinds,
        "    content.check()\n",
        "    pass\n",
        _unbounded,
    ),
    Noticed(
        "membership is named in groups only",
        judging,
        "if entry.ops and rules.place is not Place.GROUP:",
        "if False:",
        _unbounded,
    ),
    Noticed(
        "a kind is said where it may be said",
        kinds,
        "if place not in rules.places:",
        "if False:",
        hostile.test_a_change_of_the_wrong_kind_of_object_or_of_a_change_is_nothing,
    ),
    Noticed(
        "nobody takes back what another made with a newer version",
        judging,
        "is_foreign = rules.right is Right.AUTHOR and row.author != target.author",
        "is_foreign = False",
        partial(_in_any_order, 2, orders.ALL),
    ),
    Noticed(
        "votes and answers fit what they are about",
        judging,
        "check_fit(content, about)",
        "pass",
        partial(_in_any_order, 0, orders.ALL),
    ),
    Noticed(
        "a change waits for its object",
        judging,
        "if waits is None and not entry.target:",
        "if waits is None:",
        texts.test_changes_that_come_before_their_object_wait_for_it,
    ),
    Noticed(
        "what waited for an object is judged when it comes",
        entries,
        "is_awaited = self._wake(row, now)",
        "is_awaited = False",
        texts.test_changes_that_come_before_their_object_wait_for_it,
    ),
    Noticed(
        "of one author a value counts that no other of his names",
        registers,
        'f"WHERE {of_author} AND is_own_named = 0 {greatest_first} LIMIT 1)"',
        'f"WHERE {of_author} {greatest_first} LIMIT 1)"',
        partial(_in_any_order, 0, orders.ALL),
    ),
    Noticed(
        "of one author one value counts",
        registers,
        '(is_last = 1 OR entry = {last})"',
        'entry = {last}"',
        texts.test_reactions_are_of_each_person_and_can_be_taken_back,
    ),
    Noticed(
        "of what stands the greatest is shown",
        registers,
        'greatest_first = "ORDER BY clock DESC, id DESC"',
        'greatest_first = "ORDER BY clock, id"',
        partial(_in_any_order, 0, orders.ALL),
    ),
    Noticed(
        "what a value names stands no more",
        registers,
        "(value.conversation, value.target, value.holder, id_, value.author)",
        '(value.conversation, value.target, value.holder, b"", value.author)',
        boards.test_a_task_is_changed_by_both_and_tells_what_stands_beside,
    ),
    Noticed(
        "what is named does not stand beside what names it",
        registers,
        'f"{words} AND is_named = 0 {greatest_first}"',
        'f"{words} {greatest_first}"',
        boards.test_a_task_is_changed_by_both_and_tells_what_stands_beside,
    ),
    Noticed(
        "a change waits for an object that waits",
        judging,
        "if waits is None and target is not None and not _is_awaited(target):",
        "if waits is None and target is not None:",
        stories.test_who_was_removed_still_takes_back_his_own_words,
    ),
    Noticed(
        "a number that is used twice is covered by no cut",
        judging,
        "is_twin=self._authors.is_twin(row)",
        "is_twin=False",
        stories.test_a_number_that_is_used_again_slips_under_no_cut,
    ),
    Noticed(
        "the first of two with one number is judged anew when the second comes",
        entries,
        "for twin in self._authors.twins(row):",
        "for twin in ():",
        stories.test_a_number_that_is_used_again_slips_under_no_cut,
    ),
    Noticed(
        "what waited for an object that waited is judged with it",
        entries,
        'if judged.verdict != "waiting" and not is_change(row.kind):',
        "if False:",
        stories.test_who_was_removed_still_takes_back_his_own_words,
    ),
    Noticed(
        "an object that waited stands in the stream when it is judged",
        entries,
        'if has_place(row.kind) and judged.verdict in ("valid", "unknown"):',
        "if False:",
        stories.test_what_waits_for_an_operation_gets_its_number_when_it_comes,
    ),
    Noticed(
        "a change that is apart has no effect",
        effects,
        "elif not judged.is_apart:",
        "elif True:",
        stories.test_who_was_removed_elsewhere_is_shown_and_marked_and_changes_nothing,
    ),
    Noticed(
        "a close that is apart ends nothing",
        effects,
        "if not row.is_apart and isinstance(content",
        "if isinstance(content",
        stories.test_a_close_that_counts_no_more_lets_votes_count_again,
    ),
    Noticed(
        "a poll ends at a clock, however far ahead its moment lies",
        poll,
        "min(moment * _CLOCK_PER_SECOND, 1 << CLOCK_BITS)",
        "moment * _CLOCK_PER_SECOND",
        stories.test_a_poll_beyond_the_last_clock_ends_never_again_when_its_close_counts_no_more,
    ),
    Noticed(
        "a vote that is apart is not counted when the poll is counted anew",
        effects,
        "            if row.is_apart:\n                continue\n",
        "",
        stories.test_a_vote_that_is_apart_stays_so_when_the_poll_ends,
    ),
    Noticed(
        "a change that counts no more loses its effect",
        effects,
        "else:\n            self._registers.remove(row.number)",
        "else:\n            pass",
        stories.test_what_somebody_had_replaced_stands_again_when_he_counts_no_more,
    ),
    Noticed(
        "what a value named stands again when it counts no more",
        registers,
        "(is_named, is_own_named, found.entry)",
        "(True, is_own_named, found.entry)",
        stories.test_what_somebody_had_replaced_stands_again_when_he_counts_no_more,
    ),
    Noticed(
        "an author's word before the last is the last again",
        registers,
        "        self._settle(value)\n        return value",
        "        return value",
        stories.test_of_two_words_of_one_the_cut_lets_the_first_count,
    ),
    Noticed(
        "what is hidden is shown when its hiding counts no more",
        effects,
        "if not (is_title or isinstance(content, Edit | Hide)):",
        "if not (is_title or isinstance(content, Edit)):",
        partial(stories.test_admins_hide_and_members_do_not, "A"),
    ),
    Noticed(
        "a retraction that waits for operations takes nothing back",
        effects,
        "if judged.waits == row.target and isinstance(content, Retract):",
        'if judged.verdict == "waiting" and isinstance(content, Retract):',
        stories.test_a_retraction_by_who_was_no_member_takes_nothing_back,
    ),
    Noticed(
        "a retraction by who was no member takes nothing back",
        judging,
        "if waits is None and self._has_no_right(row, rules):",
        "if False:",
        stories.test_a_retraction_by_who_was_no_member_takes_nothing_back,
    ),
    Noticed(
        "edits are dropped for a retraction that waits for its object alone",
        changes,
        "AND verdict = 'waiting' AND waits = target",
        "",
        stories.test_a_retraction_by_who_was_no_member_takes_nothing_back,
    ),
    Noticed(
        "a check-in asks who was a member by the operations that it names",
        folding,
        "self._labels.members(row.conversation, ops_of(row))",
        "self._labels.members(row.conversation)",
        partial(picture, 3),
    ),
    Noticed(
        "what somebody may is found anew when operations come",
        group_rules,
        "acts_count != self._acts_count or",
        "",
        stories.test_who_was_removed_elsewhere_is_shown_and_marked_and_changes_nothing,
    ),
    Noticed(
        "what an admin hides has no words",
        item_answers,
        "hidden = self._entries.find_hidden(row)",
        "hidden = None",
        partial(stories.test_admins_hide_and_members_do_not, "A"),
    ),
    Noticed(
        "where settings change everybody is judged anew",
        entries,
        "authors.values() if keys is None else _of_keys(authors, keys)",
        "_of_keys(authors, keys or ())",
        stories.test_who_wrote_by_a_setting_that_is_void_is_apart,
    ),
    Noticed(
        "who is concerned by an operation is judged anew",
        entries,
        "return [authors[key] for key in dict.fromkeys(keys) if key in authors]",
        "return []",
        stories.test_a_vote_of_who_is_removed_and_brought_back_goes_and_comes,
    ),
    Noticed(
        "of a newer kind it is known that members alone say it",
        group_rules,
        "is_named=self.membership.named(ops).is_in(author)",
        "is_named=True",
        partial(picture, 11),
    ),
    Noticed(
        "a name is that of who told it",
        kinds,
        'return Register(b"", Field.NAME, author)',
        'return Register(b"", Field.NAME)',
        partial(picture, 0, BESIDE_KINDS),
    ),
    Noticed(
        "one's admins close another's poll",
        judging,
        "is_led = rules.place is Place.GROUP or row.author == target.author",
        "is_led = row.author == target.author",
        stories.test_a_close_that_counts_no_more_lets_votes_count_again,
    ),
    Noticed(
        "same author is not same side",
        history,
        "self._rows.heads_of(row.conversation, row.author)",
        "self._rows.heads(row.conversation)",
        stories.test_of_each_author_one_head_is_named_and_nobody_fills_the_places,
    ),
    Noticed(
        "where no word stands the greatest is shown",
        registers,
        "        if not standing:\n            standing =",
        "        if False:\n            standing =",
        orders.test_where_no_word_stands_the_greatest_is_shown,
    ),
    Noticed(
        "a late vote takes nothing from one in time",
        effects,
        "return ends is not None and vote.clock >= ends",
        "return False",
        boards.test_a_poll_is_voted_closed_and_counts_late_votes_apart,
    ),
    Noticed(
        "what is said of oneself comes before what others say",
        check_in,
        "own if own is not None else next(iter(others), None)",
        "next(iter(others), own)",
        boards.test_a_check_in_shows_what_each_said_and_a_call_for_help,
    ),
    Noticed(
        "a call for help by another stands beside one's own word",
        check_in,
        "and level_of(check_in, other.value) is Level.HELP",
        "and False",
        boards.test_a_check_in_shows_what_each_said_and_a_call_for_help,
    ),
    Noticed(
        "what was open is not when it is done",
        effects,
        "if moves(content):",
        "if False:",
        hands.test_what_stands_changes_with_whatever_may_change_it,
    ),
    Noticed(
        "a value names one's own words before what else stands",
        registers,
        "for value in (*mine, *standing)",
        "for value in (*standing, *mine)",
        boards.test_a_value_names_ones_own_word_before_what_else_stands,
    ),
    Noticed(
        "a late parent moves any number of entries",
        history,
        "None if is_last else (end[0], end[1] + bytes(1))",
        "None",
        chains.test_a_late_parent_moves_any_number_of_messages,
    ),
    Noticed(
        "what is named before it comes is named",
        registers,
        "replace(value, is_own_named=is_own_named, is_named=is_named)",
        "value",
        partial(_in_any_order, 3, orders.REGISTERED),
    ),
    Noticed(
        "of two values of one clock the greater id's is shown",
        registers,
        'greatest_first = "ORDER BY clock DESC, id DESC"',
        'greatest_first = "ORDER BY clock DESC, entry DESC"',
        partial(_in_any_order, 2, orders.REGISTERED),
    ),
    Noticed(
        "a vote that was counted before the close came is late as well",
        effects,
        "is_counted = ends is None or row.clock < ends",
        "is_counted = True",
        boards.test_a_poll_is_voted_closed_and_counts_late_votes_apart,
    ),
    Noticed(
        "of one author so many heads are remembered",
        history,
        "for head in same[:-HEADS_OF_AUTHOR_MAX]:",
        "for head in ():",
        chains.test_of_one_author_so_many_heads_are_remembered,
    ),
    Noticed(
        "of one author one head is named",
        history,
        "            chosen.setdefault(head.author, head)\n    for",
        "            chosen[head.position] = head\n    for",
        chains.test_nobody_fills_the_places_of_parents_with_what_follows_nothing,
    ),
    Noticed(
        "an entry waits for the operations that it names",
        group_rules,
        "        if missing is not None:\n            return missing\n",
        "        if missing is not None:\n            return None\n",
        stories.test_what_waits_for_an_operation_gets_its_number_when_it_comes,
    ),
    Noticed(
        "what a newer version says is told as that and kept",
        judging,
        'return self._standing(Judged("unknown", entry, is_kept=not is_of_gone), row, rules)',
        "return _INVALID",
        hostile.test_what_a_newer_mesh_says_is_told_as_that_and_kept,
    ),
    Noticed(
        "a clock puts nothing above its parents",
        history,
        "position = max(message.clock, max(known.values(), default=-1) + 1)",
        "position = message.clock",
        partial(_in_any_order, 2, orders.REGISTERED),
    ),
    Noticed(
        "what one entry cannot name is named by further ones",
        writing,
        "            if not wanted:\n                return\n            named =",
        "            return\n            named =",
        talk.test_what_one_entry_cannot_name_is_named_by_further_ones,
    ),
]
