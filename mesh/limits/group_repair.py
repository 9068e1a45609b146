"""Bounds of repair in groups: who asks for what is missing, and who answers. Times in seconds."""

from typing import Final

from mesh.limits.group_keys import DAY_SECONDS, NEED_IDS_MAX

ASKED_AFTER: Final = 60
"""An entry that waits for an operation is not shown: so the first rank asks after a minute."""

ASKED_RANK_PAUSE: Final = 20
"""Between ranks that ask for the same: an answer to the first comes before the second asks."""

ASKED_AFTER_MAX: Final = 1_200
"""The last rank asks after so long. What nobody waits for is asked for within it, by chance."""

ASKED_AFTER_MIN: Final = 600
"""Nobody asks sooner for what nobody waits for: most of it is on its way."""

ASKED_AGAIN: Final = (3_600, 6 * 3_600, DAY_SECONDS)
"""After so long it is asked for again; then it is a gap: nobody here has it."""

PUT_OFF: Final = 3_600
"""So long the same need of somebody else puts off ours, once: its answer may be for both."""

NEEDS_PER_HOUR_MAX: Final = 6
"""Needs of one member that are answered in an hour, and that a node posts."""

NEED_EPOCHS_MAX: Final = 4
"""Epochs under which one need is told beside the one in use: those by which the trouble came."""

WANTED_MAX: Final = 4_096
"""Things that are missing in one group and known to be. A hostile author names what never was:
each costs a row, and no more than so many."""

WANTED_SHARE_MAX: Final = WANTED_MAX // 8
"""Of them so many by the word of one member: beyond it his oldest gaps make room, and where all are
too many, those of who named the most. Nobody else's are pushed out by him."""

WANTED_OF_ONE_MAX: Final = NEED_IDS_MAX // 4
"""Of what one member named so many stand in a need, as long as others named something: or he would
fill it with what never was."""

ANSWERED_AFTER: Final = 2
"""The first rank answers after so long."""

ANSWER_RANK_PAUSE: Final = 20
"""Between ranks that answer: what the first says comes to all before the second speaks."""

ANSWERERS_HEARD: Final = DAY_SECONDS
"""Ranks are counted among those heard within so long."""

ANSWERS_WAITING_MAX: Final = 1_024
"""Answers that wait for their time in one group: what is asked beyond is asked again."""

ANSWER_BYTES_MAX: Final = 65_536
"""Entries that one need is answered by: what lies between what it names and what its author has."""

ANSWER_EPOCHS_MAX: Final = 4
"""Epochs of before under which one need is answered, the newest: each is looked through for what
may be given under it."""

ANSWER_BYTES_PER_DAY_MAX: Final = 8 * ANSWER_BYTES_MAX
"""Entries, operations and bundles handed to one member in a day, since any member may ask for all
that he could read."""

ASKED_TWICE_AFTER: Final = 1_800
"""What a member asks for again sooner is not given again. Nodes ask again after an hour; half of it
is left for needs that were long under way."""

TWINS_GIVEN_PER_DAY_MAX: Final = 16
"""Entries with a number that was used twice, of one author, that are given unasked in a day."""

UNASKED_PER_DAY_MAX: Final = 512
"""Words that take back, or hide, given unasked in a day because of what one member supplied: as
many as one supply holds. Honest members supply nothing that they know to be taken back."""

BACK_STEPS_MAX: Final = 1_000
"""Entries that are looked at for one answer, on the way back from what is asked for."""

HANDED_AFTER: Final = 600
"""Who writes under an older epoch for so long may have lost the page: before, it is on its way."""

HANDED_AGAIN: Final = DAY_SECONDS
"""An epoch is handed to one member once in so long, since he may write on without need of it."""

MADE_ANEW_AFTER: Final = 2 * HANDED_AFTER
"""Where who made the epoch in use is away, nobody can hand it on: it is made anew after so long."""

MADE_FOR_LOST_AFTER: Final = 60
"""Who welcomed us though we are in has lost his keys: others make an epoch for him after so long,
since several may have lost theirs, or one that he can open may be on its way."""

HAND_BYTES_MAX: Final = 14_000
"""Operations that ride in a hand: with its wrap they fill an envelope of 16 KiB at most."""

POSTED_PASSED: Final = 1_024
"""Numbers of operations and announcements that a vault passes which went back: more than anybody
makes in the time of a backup."""

OWN_PASSED_MAX: Final = 1_024
"""Numbers of our own chain that are passed at once where something of ours stands under
them already."""

CALLING_RANKS: Final = 8
"""Ranks that call who is silent: enough that one of them is there each week."""

CALLED_EPOCHS_MAX: Final = 4
"""Epochs under which a node calls in a week: each is an envelope."""
