"""Bounds of groups: their operations, who is in them, and what a node spends on them.

Those of an operation never change: all nodes must agree on what counts, so other bounds are other
rules, which a *create* names. Texts are counted in bytes of UTF-8.
"""

POST_BYTES_MAX = 65_279
"""A post and its signature fill the body of an envelope of 64 KiB; what carries other posts holds
less of them."""

OPERATION_BYTES_MAX = 24_576
"""An operation as a post: 64 records take 16 KiB, the longest cut of one person 11 KiB. Beside an
announcement for 1,000 who have no leaf it leaves room in a page; and each fits a supply."""

GROUP_ENTRY_BYTES_MAX = 64_512
"""An entry of a group: with what a supply takes beside it it fits an envelope, so that any member
can pass it on. The longest text takes 60,000."""

SEQ_BITS = 32
"""A person's operations and announcements in one group: more than a key ever makes."""

OPERATION_PARENTS_MAX = 8
"""Heads that one operation names. Where there are more, an empty *set* joins them."""

OPERATION_SEEN_MAX = 4
"""Entries that one operation names: as many as an entry has parents."""

PERSONS_PER_OPERATION_MAX = 64
"""Records of one *add*, and people of one *remove*: what one press does, in 16 KiB."""

UNDO_MAX = 8
"""Last operations of somebody that still count. His own chain has one end, unless two copies of
his vault wrote."""

HAD_RUNS_MAX = 32
"""Runs of one author in a cut, the last written in: a run begins when a backup is put back."""

HAD_HOLES_MAX = 16
"""Gaps in what is known of one run; where a seventeenth begins, the cut ends."""

MEMBER_NAME_BYTES_MAX = 64
"""A member's name, as long as any name."""

GROUP_NAME_BYTES_MAX = 64
"""A group's name is a line."""

ABOUT_BYTES_MAX = 512
"""What a group is for, in a few sentences."""

HISTORY_DAYS_MAX = 30
"""What is older than the longest lifetime on the mesh is given to nobody who comes later."""

LIFETIME_CLASS_MAX = 2
"""The lifetime classes of envelopes."""

MEMBERS_MAX = 1_000
"""Above it nobody adds. It is not a rule: two sides of a cut may pass it together. No announcement
is for more, so until some are out no epoch is made."""

OWNERS_MAX = 8
"""An owner cannot be removed, so there are few. Nobody makes a ninth; where two sides did, it
holds."""

OPERATIONS_MAX = 20_000
"""Operations that count: beyond it a group is copied. Their ancestors take 25 MB as bits. Who
leaves, removes or lowers somebody passes it: that ends where there is nobody left to do it to."""

VOID_OPERATIONS_PER_AUTHOR_MAX = 256
"""Operations of one author that do not count and are kept, since a later cut may bring them back;
above it the newest go."""

SOLVE_ROUNDS_MAX = 16
"""Rounds in which it is settled which operations count. Random hostile graphs take at most 4. Two
owners who work together can make one that never settles: all stop after as many, at the same
answer."""

VIEWS_PER_AUTHOR_PER_DAY_MAX = 64
"""Sets of operations, new here, that entries of one author have us solve at once in a day: 6 s at
the worst. More wait, at 1 % of the time."""

VIEW_PAUSE_MS = 10_000
"""Between two sets of operations that are solved beyond an author's share: the worst take 0.1 s, a
hundredth of it."""

VIEWS_KEPT_MAX = 1_024
"""Sets of operations of one group of which it is known what counts: at most 5 MB."""

CLOSING_AFTER_SECONDS = 7 * 86_400
"""What who left had on his way comes in a week; then his account is closed with what is here."""

HEADS_ANNOUNCED_MAX = 64
"""Operations that an announcement names: its recipients are the members after exactly these."""

SAID_BYTES_PER_DAY_MAX = 16_777_216
"""Bytes of entries of one member of a group that enter the vault in a day, as much as of a contact,
and the same for all members. The rest stays sealed until the day is over."""

GROUPS_MAX = 256
"""Groups of one profile, those that it was asked into among them."""

INVITES_OF_CONTACT_MAX = 16
"""Groups into which one contact asks us and of which we have not said anything: each is a row and a
line on a screen."""

INVITE_NOTE_BYTES_MAX = 512
"""What an invite says beside the name of the group: a few sentences."""

INVITED_KEPT_SECONDS = 30 * 86_400
"""So long an invite waits for an answer, on both sides: what is older comes as a surprise."""

WAITING_POSTS_PER_AUTHOR_MAX = 256
"""Operations of one author that wait for others, and of all whom nobody added that is known of;
further ones come again when they are asked for. Who joins takes in `OPERATIONS_MAX` of each."""

WAITING_BYTES_MAX = 16_777_216
"""Operations of one group that wait: as long as nearly all of `OPERATIONS_MAX` are."""

WAITING_KEPT_SECONDS = 30 * 86_400
"""So long an operation waits: what it waits for was then asked for in vain by everybody."""

BRIEFING_BYTES_MAX = 262_144
"""The board that a newcomer gets, and so much again of what was said lately: eight envelopes of
64 KiB in all, once for all who come together.
"""

BRIEFING_ENTRIES_READ_MAX = 4_000
"""Entries that are looked at for what was said lately: more than fit it if each is a short text."""

GROUP_LINKS_MAX = 16
"""Links of one profile into one group that are open: each is 256 tags."""

GROUP_LINK_TAGS = 256
"""Tags under which knocks at one link come, from a random one on: any number may stand under each,
so this bounds nothing but the memory for them.
"""

GROUP_LINK_LIFETIME_SECONDS_MAX = 30 * 86_400
"""Its private halves live as long and a week: who steals them opens knocks that were recorded."""

KNOCKS_MAX = 1_000
"""Knocks of one group of which members told and that wait: as many as it may have members. As many
words are kept that one is over which did not come yet."""

KNOCKS_OF_ONE_MAX = 250
"""Knocks that wait at one link of ours, or of which one member told: who has a link that is in many
hands, or wants to fill the list, closes no other link by that. At a link that needs no approval as
many wait as it still admits, 1,000 at most: that takes seconds, and who found no place would knock
again after days only."""

KNOCK_KEPT_SECONDS = GROUP_LINK_LIFETIME_SECONDS_MAX
"""So long a knock waits for a word, refused ones too: no link is open longer, so after that who
knocks anew has another one."""

KNOCKS_GATHERED_SECONDS = 30
"""Who comes by a link within so long comes with one epoch and one briefing. So much lies between
two epochs for one link, too: by then who came with the first has said hello, and what is wrapped
for him takes 57 bytes in place of 1,149.
"""

KNOCKS_RETRIED_MS = 180_000
"""After so long they are tried again whom nobody could let in, since too much was changed in the
group at once: admins need some minutes to bring its sides together."""

KNOCKS_AT_ONCE_MAX = 256
"""So many who wait at a link come in without waiting for more, and no more than these with one
epoch: each epoch costs all operations and more anew, and to let 256 in takes the node of who adds
them 0.5 s, in which it does nothing else.
"""

ACCEPTS_AT_ONCE_MAX = KNOCKS_AT_ONCE_MAX
"""So many contacts who accepted, and whom we may add only now, come in with one epoch, for the same
reason."""

RIDING_RECORDS_MAX = 8
"""Of so many who are added the operation rides in the pages of their epoch, in 2 kB of each. Those
of more are supplied under it once, to all: 64 of them would be 13 kB more in each page.
"""

WELCOME_REPEATED_SECONDS = 3 * 86_400
"""So long nobody hears who was added until the one who added him welcomes him again. For who was
cut off by a backup it doubles each time: each welcome costs an epoch."""

WELCOMES_REPEATED_MAX = 4
"""So often he does it; and so many others do it, once each: then the newcomer is gone for good."""

WELCOME_BY_OTHERS_SECONDS = 7 * 86_400
"""So long the first of the others waits; each further one a day more, so that news comes first."""

WELCOMES_KEPT_SECONDS = 30 * 86_400
"""Beyond it nobody but who added somebody welcomes him, nor who cut him off by a backup: it is as
long as a consent is awaited."""

WELCOMES_PER_DAY_MAX = 32
"""Letters to who was not heard that a node posts in a group in a day: 512 KiB. Who adds keys that
nobody has would else have everybody write to them."""

KNOCK_REPEATED_SECONDS = 3 * 86_400
"""So long a knock goes unanswered until it is repeated, as long as the link is open."""

HAD_BELIEVED_SECONDS = 31 * 86_400
"""So long after we came in, who added us is believed what he has of each member: what he supplies
lives for 30 days, and is owed for hours at most. Later, or of anybody else, it could lift the cut
of whoever is removed next."""

BRIEFING_INTERVAL_SECONDS = 3_600
"""The time in which newcomers of a group are told no more than `BRIEFING_BYTES_PER_INTERVAL_MAX`;
who comes beyond that is told when it is over."""

BRIEFING_BYTES_PER_INTERVAL_MAX = 2 * BRIEFING_BYTES_MAX
"""What one newcomer gets at most. A thousand who come one after another would else cost as many
boards of 256 KiB; a small board goes to each."""
