"""All chores of everyday life, in the order in which they have their turns."""

from collections.abc import Mapping
from typing import Final

from sim.users.chores import Chore
from sim.users.contact_chores import CONTACT_CHORES
from sim.users.group_chores import GROUP_CHORES
from sim.users.item_chores import ITEM_CHORES
from sim.users.timed_chores import TIMED_CHORES

CHORES: Final[Mapping[str, Chore]] = {
    **CONTACT_CHORES,
    **ITEM_CHORES,
    **GROUP_CHORES,
    **TIMED_CHORES,
}
"""By name: whoever it falls to begins it. Those at the end have no turn."""
