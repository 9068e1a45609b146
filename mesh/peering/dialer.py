"""The times at which a node dials, and what it makes of links that begin and end.

Implements `docs/protocol/peering.md`. A live machine: it hears what discovery saw and how dials
and links fared, and answers with `Dial` effects and with whether a link may stay. Its parts are
`target_table` (what could be dialled), `dials` (what is under way), `dial_policy` (whom to dial),
`swap_schedule` (when one link is swapped for another) and `open_links` (which links stay).

Theory of operation. Everything that could be dialled is a *target*: an announced instance with
its addresses, an address typed by a person, one remembered from an earlier run, or one that a
peer told of. A target is *linked* while an open link is known to lead to it: by the dial that
made it, by the link key that the target showed before, or by the instance name inside the Hello of
a link from one of its addresses. A node links to all targets while they are few. Of many it dials
three and accepts what comes; if that makes fewer than six it dials further ones by and by; and at
least two per network, so that a laptop on two networks always bridges them. Now and then it swaps
one of its links for another: so two groups that each had links enough before they met still join.
Failures back off, doubled, with jitter; of two nodes that see each other at the same moment the one
with the smaller instance name dials first.
"""

from collections.abc import Sequence

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.effects import Dial
from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic, earliest
from mesh.inputs import OwnAddress
from mesh.limits.peering import (
    DIAL_BACKOFF_MAX_MS,
    DIAL_JITTER_MS,
    DIALS_CONCURRENT_MAX,
    LINK_SETTLED_MS,
    LINK_SWAP_INTERVAL_MS,
    LINK_TURNED_AWAY_MS,
    LINKS_FILL_PAUSE_MS,
)
from mesh.peering.dial_policy import DialPolicy
from mesh.peering.dials import Dials
from mesh.peering.open_links import OpenLink, OpenLinks
from mesh.peering.segments import FAR
from mesh.peering.swap_schedule import SwapSchedule
from mesh.peering.target_table import TargetTable
from mesh.peering.targets import Source, Target


class Dialer:
    """The dials of a node and their ends. `targets` and `links` are all that it knows of."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self.links = OpenLinks(entropy)
        self.targets = TargetTable(entropy, self.links)
        self._dials = Dials(entropy, self.targets)
        self._policy = DialPolicy(self.targets, self._dials, self.links)
        self._fill_at: Monotonic | None = None
        self._swaps = SwapSchedule(entropy)
        self._swap_dial: DialId | None = None
        self._deadline: Monotonic | None = None
        # Of which table the deadline was found; None if anything else has changed since.
        self._deadline_version: int | None = None

    def rename(self, instance: str, now: Instant) -> None:
        """This node announces itself by another name from now on."""
        self.targets.rename(instance)
        if self._swaps.at is None:
            self._swaps.begin_anew(now)

    def networks_seen(self, addresses: Sequence[OwnAddress]) -> None:
        """Discovery knows on which networks this machine is."""
        self._changed()
        self.targets.networks_seen()
        self.links.networks_seen(addresses)

    @property
    def is_short(self) -> bool:
        """Say whether more links are wanted than those in sight give, or some that lead far
        away.
        """
        return self._policy.is_thin or self.links.is_scarce(FAR)

    def peer_seen(self, instance: str, addresses: Sequence[Address], now: Instant) -> None:
        """Discovery heard an announcement, perhaps not for the first time."""
        is_new = self.targets.peer_seen(instance, addresses, now)
        if is_new and not self._policy.is_small:
            self._changed()
            self._swaps.target_seen(len(self.targets), now)

    def network_changed(self, now: Instant) -> None:
        """On another network old failures mean nothing, and who was in sight is not.

        Discovery begins anew too, and tells of those who are still there.
        """
        self.targets.network_changed()
        self.woke(now)

    def woke(self, now: Instant) -> None:
        """Everything may have changed meanwhile: dial at once, and wait for no former dial."""
        self._changed()
        self._dials.begin_anew(now)

    def dial_failed(self, dial: DialId, now: Instant) -> None:
        """A dial, or the handshake after it, came to nothing."""
        self._changed()
        target = self._dials.failed(dial, now)
        if target is not None:
            self._dials.back_off(target, now)

    def find_instance(self, dial: DialId) -> str | None:
        """Return by which name the node announced itself to which a dial goes."""
        target = self._dials.find_target(dial)
        is_announced = target is not None and target.source is Source.ANNOUNCED
        return target.name if target is not None and is_announced else None

    def is_welcome(self, address: Address, dial: DialId | None) -> bool:
        """Say whether one more link may stay beside the open ones, or in the place of one of
        them.
        """
        target = self._dials.find_target(dial) if dial is not None else None
        if target is not None and target.source is Source.CONFIGURED:
            return True
        return self.links.has_room(address, is_dialled=dial is not None, room=self._policy.room)

    def link_up(
        self,
        link: LinkId,
        dial: DialId | None,
        *,
        remote_key: LinkKey,
        instance: str,
        address: Address,
        now: Instant,
    ) -> None:
        """A link is ready and stays."""
        self._changed()
        target = self._dials.finish(dial) if dial is not None else None
        if target is not None:
            target.remote_key = remote_key
        is_swap = dial is not None and dial == self._swap_dial
        self.links.up(
            link,
            OpenLink(
                remote_key=remote_key,
                instance=instance,
                address=address,
                network=self.links.network_of(address),
                target=target.name if target is not None else None,
                opened_at=now.monotonic,
                is_dialled=dial is not None,
                is_configured=target is not None and target.source is Source.CONFIGURED,
                is_swap=is_swap,
            ),
        )
        self._wait_for_callers(now)

    def duplicate_found(self, dial: DialId, remote_key: LinkKey) -> None:
        """A dial led to a node that another open link leads to already."""
        self._changed()
        target = self._dials.finish(dial)
        if target is not None:
            target.remote_key = remote_key

    def self_found(self, dial: DialId | None, now: Instant) -> None:
        """A dial led to ourselves, or the other side said so.

        What a person typed stays: on another network the address is somebody else's again.
        """
        self._changed()
        target = self._dials.finish(dial) if dial is not None else None
        if target is None:
            return
        if target.source is Source.CONFIGURED:
            target.not_before = now.after(DIAL_BACKOFF_MAX_MS)
        else:
            self.targets.own_address_found(target)

    def brought_backlog(self, link: LinkId, now: Instant) -> None:
        """A link brought much old mail that nobody else had: we were apart from a part."""
        one = self.links.find(link)
        if one is None or self._policy.is_small:
            return
        is_young = now.monotonic - one.opened_at < LINK_SWAP_INTERVAL_MS * 1000
        if is_young and one.is_dialled:
            self._changed()
            self._swaps.backlog_came(now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended: its target may be dialled again, at once if the link had lasted."""
        self._changed()
        closed = self.links.down(link)
        if closed is None:
            return
        self._wait_for_callers(now)
        for target in list(self.targets):
            if closed.leads_to(target):
                self._wait_after(closed, target, now)
                self.targets.drop_former(target.addresses)

    def find_surplus(self) -> LinkId | None:
        """The link that yields to the newest one, if it has to take a place."""
        return self.links.find_surplus(room=self._policy.room)

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        if self._deadline_version != self.targets.version:
            self._deadline_version = self.targets.version
            moments: list[Monotonic | None] = [one.not_before for one in self._policy.wanted()]
            if not self._policy.is_small:
                moments += [self._swaps.at, self._find_fill_at()]
            self._deadline = earliest(moments)
            if len(self._dials) >= DIALS_CONCURRENT_MAX:
                self._deadline = None
        return self._deadline

    def is_patient_again(self, now: Instant) -> bool:
        """Say whether hosts may be tried again, of which no deadline speaks."""
        return self._dials.is_patient_again(now)

    def deadline_passed(self, now: Instant) -> list[Dial]:
        """The dials that are due."""
        if self._dials.pass_time(now):
            self._changed()
        deadline = self.deadline()
        if deadline is None or deadline > now.monotonic:
            return []
        self._changed()
        dials: list[Dial] = []
        policy = self._policy
        due = [target for target in policy.wanted() if target.not_before <= now.monotonic]
        wants = policy.wants()
        for target in sorted(due, key=lambda target: (target.source.value, target.rank)):
            if len(self._dials) >= DIALS_CONCURRENT_MAX:
                break
            if policy.is_wanted(target, wants):
                dials.append(self._dials.begin(target, policy.next_address(target)))
                wants = policy.wants()
        fill_at = self._find_fill_at()
        if not policy.is_small and fill_at is not None and fill_at <= now.monotonic:
            dials += self._dial_another(now)
        if self._swaps.at is not None and self._swaps.at <= now.monotonic:
            self._swaps.begin_anew(now)
            dials += self._dials_to_swap(now)
        return dials

    def _dial_another(self, now: Instant) -> list[Dial]:
        """One more dial than is wanted, of anybody in sight."""
        others = [one for one in self._policy.others() if one.not_before <= now.monotonic]
        if not others:
            return []
        target = others[uniform_below(self._entropy, len(others))]
        return [self._dials.begin(target, self._policy.next_address(target))]

    def _dials_to_swap(self, now: Instant) -> list[Dial]:
        """One dial more; when it has become a link, another one is a surplus."""
        if self._policy.is_small or self._policy.is_thin or self._dials:
            return []
        dials = self._dial_another(now)
        self._swap_dial = dials[0].dial if dials else None
        return dials

    def _find_fill_at(self) -> Monotonic | None:
        """Return when one more is dialled because too few have called."""
        if self._fill_at is None or self._dials or not self._policy.is_thin:
            return None
        others = [target.not_before for target in self._policy.others()]
        return max(self._fill_at, min(others)) if others else None

    def _wait_for_callers(self, now: Instant) -> None:
        """Links arise while others dial; only who still has too few of them dials further."""
        pause_ms = LINKS_FILL_PAUSE_MS + uniform_below(self._entropy, LINKS_FILL_PAUSE_MS)
        self._fill_at = now.after(pause_ms)

    def _wait_after(self, closed: OpenLink, target: Target, now: Instant) -> None:
        """Note when a target may be dialled again, to which a link that has ended led."""
        if closed.is_turned_away:
            pause_ms = LINK_TURNED_AWAY_MS + uniform_below(self._entropy, LINK_TURNED_AWAY_MS)
            target.not_before = now.after(pause_ms)
        elif now.monotonic - closed.opened_at >= LINK_SETTLED_MS * 1000:
            target.failures_count = 0
            target.not_before = now.after(uniform_below(self._entropy, DIAL_JITTER_MS))
        else:
            self._dials.back_off(target, now)

    def _changed(self) -> None:
        """The deadline has to be found anew; it is asked for far more often than it changes."""
        self._deadline_version = None
