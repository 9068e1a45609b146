"""The smallest world in which something befalls users: it runs in a fifth of a second.

For tests of what is done *with* worlds (swept, shrunk, kept, told of), which run one again and
again. `told-twice` and `tag-unread` break their invariants in it at once.
"""

from typing import Final

THREE_USERS: Final = """
schema = 1
name = "small"
summary = "Three people write to each other for ten seconds, and one may crash."
nodes = 3
settle_s = 30

[workload]
boot_within_s = 1
befriend_between_s = [2, 3]
contacts = 1
write_between_s = [5, 15]
messages_per_second = 2
text_letters = [10, 100]

[[faults]]
kind = "crashes"
between_s = [6, 12]
share = 0.5
"""
