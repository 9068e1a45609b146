"""Members of groups who will not hear that they were removed.

Their nodes pass over each operation that removes them, and all that rests on it. So they go on as
before: they write, change the group and make keys under what they hold, signed with a key that
others know to be out. Honest nodes must agree all the same, and seal them nothing any more.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from mesh.group.placed_posts import removed_by
from mesh.group.posts import PostKind, SignedPost, post_kind
from mesh.ids import Instant, VerifyKey
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.membership_keeper import MembershipKeeper, Taken
from sim.kernel.entropy import Chance
from sim.patching import Patch, patched


def drawn_deaf(seed: int, nodes: int, share: float) -> list[int]:
    """Return whose nodes are deaf."""
    chance = Chance(seed, "deaf members")
    return [node for node in range(nodes) if chance.is_true(share)]


def deafening(nodes: list[int], working: Callable[[], int | None]) -> AbstractContextManager[None]:
    """While inside, these nodes hear of no removal of their own."""
    take = MembershipKeeper.take

    def taking(
        keeper: MembershipKeeper, group: Group, posts: Iterable[SignedPost], now: Instant
    ) -> Taken:
        if working() in nodes:
            posts = [each for each in posts if not _removes(each, group.me)]
        return take(keeper, group, posts, now)

    return patched(*([Patch(MembershipKeeper, "take", taking)] if nodes else []))


def _removes(signed: SignedPost, me: VerifyKey) -> bool:
    if post_kind(signed.post) != PostKind.OPERATION or signed.author == me:
        return False
    return me in removed_by(VerifyKey(signed.author), signed.post)
