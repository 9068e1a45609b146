"""Bounds of a group's keys: leaves, epochs, wraps, chains, and the posts that bring them."""

from typing import Final

from mesh.limits.groups import MEMBERS_MAX

DAY_SECONDS: Final = 86_400
"""Periods of keys are counted in days of mesh time."""

SHORT_LEAF_INTERVAL_SECONDS: Final = DAY_SECONDS
"""A new short leaf at most once a day: each costs 104 bytes in a text and a signature."""

SHORT_LEAF_KEPT_SECONDS: Final = 8 * DAY_SECONDS
"""Its private half outlives the next one so long: who wraps may have last heard the owner five days
ago, and the page needs time to arrive."""

SHORT_LEAF_USED_SECONDS: Final = 5 * DAY_SECONDS
"""To whom was heard within so long a wrap goes by the short leaf; to others by the bundle, since
who was cut off may have erased the short one."""

SHORT_LEAF_WAITS_SECONDS: Final = DAY_SECONDS
"""So long a new short leaf waits for a payload in which it costs no larger size class."""

LONG_LEAF_SECONDS: Final = 30 * DAY_SECONDS
"""A new bundle after so long: with the links that hang on it, healing from a quantum computer."""

LONG_LEAF_LARGE_SECONDS: Final = 60 * DAY_SECONDS
"""The same in a large group, where each bundle is 4 KiB on every relay."""

LARGE_GROUP_MEMBERS: Final = 250
"""Above so many members a group is large: bundles are renewed less often."""

LONG_LEAF_KEPT_SECONDS: Final = 60 * DAY_SECONDS
"""The private halves of a bundle outlive the next one so long: who is away for two months is
written to by the one before."""

ENTRANCE_TAGS: Final = 16
"""Tags of a member's entrance: all are expected always, so each costs a place in the table."""

ENTRY_HEADS_MAX: Final = 64
"""Heads of what was said that a need or a hello names; who writes after what he read has few."""

TURN_MAX: Final = (1 << 32) - 1
"""The last turn. Epochs that share it are told apart by their maker's role and their id."""

TURNS_PER_DAY_MAX: Final = 8
"""Epochs of a plain member with a turn above 0 under which is written in a day. All are opened: the
bound keeps one who makes epochs without end from moving everybody each time."""

SEED_KEPT_SECONDS: Final = 7 * DAY_SECONDS
"""So long a seed waits for operations that its heads name: by then they were asked for in vain."""

OPEN_EPOCHS_MAX: Final = 64
"""Epochs of one group whose chains are held: one a week, for a year of somebody's absence, and
those that both sides of a partition made."""

WINDOWS: Final = ((32, 64), (250, 16), (MEMBERS_MAX, 8))
"""Numbers expected of each author beyond the highest opened, by how many members an epoch has at
most: 12,000 tags for 1,000 members take 2 MB."""

WINDOW_OF_RECENT: Final = 64
"""The same for who wrote within a day, however large the group."""

RECENT_SECONDS: Final = DAY_SECONDS
"""Who wrote within so long may be writing on."""

CHAIN_NUMBERS_MAX: Final = 1 << 20
"""Numbers of one chain: 512 posts a day, for years. A chain ends here."""

PASSED_MAX: Final = 4_096
"""Numbers that a chain passes over at once, when a hello says where it stands: five milliseconds.
Nobody writes more between two hellos by one posting key a day."""

SKIPPED_PER_CHAIN_MAX: Final = 1_024
"""Keys kept for numbers of one chain that have not come; the oldest go first. A hostile author who
leaves holes costs 80 bytes for each 64 envelopes of his, and no more than this."""

CHAIN_KEPT_SECONDS: Final = 31 * DAY_SECONDS
"""A receiving chain outlives the first word of its author in a later epoch so long: the longest
lifetime of an envelope and a day of clocks. Kept keys of numbers that did not come live as long."""

REMOVED_KEPT_SECONDS: Final = 7 * DAY_SECONDS
"""The chain of a removed member goes so long after his removal is known: what members wrote under
his operations may name his words."""

HELLOS_PER_WEEK: Final = 2
"""Tags of hellos a week, of each member in each epoch: at joining, and one more."""

HELLO_INTERVAL_SECONDS: Final = 7 * DAY_SECONDS
"""Who wrote nothing else for so long says hello, or nobody would seal to his short leaf."""

HELLO_SPREAD_SECONDS: Final = DAY_SECONDS
"""Before or after it, by chance: hellos of a group should not come in one hour."""

WHO_TOKENS_STEP: Final = 32
"""Tokens of contacts are filled to a multiple of this, so that they do not count contacts."""

WHO_TOKENS_MAX: Final = 256
"""Tokens in one hello, 2 KiB: who has more contacts is recognised by as many of them."""

HEARD_SECONDS: Final = 14 * DAY_SECONDS
"""Makers are ranked among those heard within so long: a rank of somebody who is gone only waits."""

RANK_PAUSE_SECONDS: Final = 30
"""Between the first eight ranks. Several times what news takes to everybody: with a pause no longer
than that, two halves of 60 make 57 epochs where 3 are enough."""

RANKS_SLOW: Final = 8
"""So many ranks wait for one another; behind them are enough that shorter pauses do."""

RANK_PAUSE_LATER_SECONDS: Final = 5
"""Between the later ranks: the last of 1,000 makes an epoch after an hour and a half."""

RENEWAL_PAUSE_SECONDS: Final = 3_600
"""Between ranks where an epoch is only old: nobody waits for that."""

EPOCH_WRITTEN_SECONDS: Final = 7 * DAY_SECONDS
"""An epoch in which somebody wrote is followed by another after so long: healing takes a week."""

EPOCH_SILENT_SECONDS: Final = 30 * DAY_SECONDS
"""The same where nobody wrote: pages live no longer."""

COMPLAINT_OF_MEMBER_SECONDS: Final = 6 * 3_600
"""Epochs that one member has others make by saying that he cannot open the one in use."""

COMPLAINT_SECONDS: Final = 3_600
"""The same for all members together."""

WRAPS_TRIED_MAX: Final = 4
"""Wraps with one hint that are tried in a page: an honest page has one, and anybody can put a
thousand copies into another."""

WRAP_SECRETS_MAX: Final = 16
"""Secrets by which one maker wraps for us, those founded last: pages come in any order, and one may
rest on a secret that another one came after. A maker founds one with each epoch until he hears of
us, and who makes many takes the room of his own."""

PAGE_POSTS_MAX: Final = 64
"""Operations in one key page: those that the epoch is for, mostly one."""

SUPPLY_POSTS_MAX: Final = 512
"""Signed posts in one supply: 64 KiB hold no more of the shortest."""

SUPPLY_ENTRIES_MAX: Final = 512
"""Entries in one supply, for the same reason."""

SUPPLY_BUNDLES_MAX: Final = 47
"""Bundles in one supply, for the same reason."""

SUPPLY_HAD_MAX: Final = MEMBERS_MAX
"""Authors of whom one supply tells what is here: everybody."""

NEED_IDS_MAX: Final = 64
"""Ids that one need asks for: 2 KiB. Who lacks more asks for these first."""

NEED_CANNOT_MAX: Final = 64
"""Epochs that one need says cannot be opened: all that may be open."""

NEED_HELD_MAX: Final = OPEN_EPOCHS_MAX
"""Epochs that one need says are held."""

ENDED_MAX: Final = 4
"""Epochs in which an author says to write no more, in one control: 48 bytes."""

SUPPLIED_BUNDLES = 16
"""Bundles that a newcomer gets, of the most senior: who makes an epoch asks for others."""

WRITTEN_IN_SECONDS = 3 * DAY_SECONDS
"""Who wrote in a group within so long gets stamps for it ahead: what he writes next waits for none.
Others work five seconds for the day on which they say hello."""

LIARS_MAX: Final = 4_096
"""Posting keys of the last two days that are remembered because something under the chain of
another was sealed by them: each costs its maker a stamp. Half a megabyte."""
