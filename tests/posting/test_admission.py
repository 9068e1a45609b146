"""Admission: the same verdict at every node, dear checks last and within their budget."""

import dataclasses
import random
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import is_signature_valid
from mesh.ids import EnvelopeId, Instant, Monotonic, UnixSeconds
from mesh.limits.admission import STAMP_CHECKS_PER_SECOND
from mesh.posting import admission as judging
from mesh.posting.admission import Accept, Admission, Defer, Refuse, Verdict
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, mint, proof_bits
from mesh.wire.envelope import LIFETIME_SECONDS, Envelope, StampedKey
from mesh.wire.parameters import MeshParameters
from tests.posting.envelopes import DAY, NOON, at, envelope, posting_key

QUOTA = 5
UNSTAMPED = MeshParameters(name="test", stamp_bits=0, key_quota=QUOTA)
STAMPED = MeshParameters(name="test", stamp_bits=1, key_quota=QUOTA)
FAR_AHEAD = Refuse("created too far ahead", is_fault=False)
EXPIRED = Refuse("lapsed", is_fault=False)
BAD_SIGNATURE = Refuse("bad signature", is_fault=True)
BAD_STAMP = Refuse("bad stamp", is_fault=True)
OVER_QUOTA = Refuse("over the quota of its stamp", is_fault=False)
ACCEPTED = Accept(pushed_out=None)
NOW = at(1_000)


class Counted:
    """A judge whose Argon2id checks are counted; they are done all the same."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, parameters: MeshParameters = STAMPED
    ) -> None:
        self.admission = Admission(parameters, is_signature_valid)
        self.checks_count = 0
        monkeypatch.setattr(judging, "proof_bits", self._proof_bits)

    def judge(self, judged: Envelope, now: Instant = NOW) -> Verdict:
        """A verdict at noon."""
        return self.admission.judge(judged, now=now)

    def _proof_bits(self, key: StampedKey) -> int:
        self.checks_count += 1
        return proof_bits(key)


def judge(judged: Envelope, *, mesh_now: int = NOON, expiry_now: int = 0) -> Verdict:
    """The verdict of a fresh node of the mesh without stamps."""
    admission = Admission(UNSTAMPED, is_signature_valid)
    expiry = UnixSeconds(expiry_now or mesh_now)
    return admission.judge(
        judged, now=Instant(NOW.monotonic, NOW.wall, UnixSeconds(mesh_now), expiry)
    )


@cache
def minted(author: int) -> bytes:
    """A good stamp of one bit."""
    return mint(posting_key(author), DAY, 1, bytes(8))


def stamped(author: int, *, number: int = 0) -> Envelope:
    """An envelope of an author with a good stamp."""
    return envelope(number, author=author, stamp=minted(author))


@cache
def falsely_stamped(author: int) -> Envelope:
    """An envelope whose stamp passes the cheap check and not the dear one."""
    key = posting_key(author)
    nonce = next(
        nonce
        for nonce in (number.to_bytes(8, "big") for number in range(64))
        if not proof_bits(StampedKey(key, DAY, nonce)) >= 1
    )
    stamp = next(
        stamp
        for stamp in (nonce + c.to_bytes(4, "big") for c in range(1 << 24))
        if is_precheck_valid(key, DAY, stamp)
    )
    return envelope(author=author, stamp=stamp)


def kept_by(envelopes: list[Envelope], parameters: MeshParameters = UNSTAMPED) -> set[EnvelopeId]:
    """The ids that a node holds after these envelopes have come in this order, one a second."""
    admission = Admission(parameters, is_signature_valid)
    kept: set[EnvelopeId] = set()
    for second, one in enumerate(envelopes, 1):
        match admission.judge(one, now=at(1_000 * second)):
            case Accept(pushed_out=pushed_out):
                kept.add(one.id)
                kept.discard(pushed_out or EnvelopeId(b""))
            case verdict:
                assert verdict == OVER_QUOTA
    return kept


def test_a_good_envelope_is_accepted() -> None:
    assert judge(envelope()) == ACCEPTED


def test_an_envelope_may_be_created_a_day_ahead_and_no_further() -> None:
    assert judge(envelope(created=NOON + 86_400)) == ACCEPTED
    assert judge(envelope(created=NOON + 86_400 + 10)) == FAR_AHEAD


@pytest.mark.parametrize("lifetime_class", range(3))
def test_an_envelope_is_accepted_until_its_lifetime_is_over(lifetime_class: int) -> None:
    living = envelope(lifetime_class=lifetime_class)
    end = NOON + LIFETIME_SECONDS[lifetime_class]
    assert judge(living, mesh_now=end - 1) == ACCEPTED
    assert judge(living, mesh_now=end) == EXPIRED
    # Neighbours who move mesh time keep nothing out.
    assert judge(living, mesh_now=end, expiry_now=NOON) == ACCEPTED
    assert judge(living, mesh_now=NOON - 32 * 86_400, expiry_now=NOON) == ACCEPTED


def test_a_forged_signature_is_a_fault() -> None:
    good = envelope()
    for forged in (
        dataclasses.replace(good, signature=bytes(64)),
        dataclasses.replace(good, signature=envelope(1).signature),
        dataclasses.replace(good, body=b"x" + good.body[1:]),
    ):
        assert judge(forged) == BAD_SIGNATURE


@given(st.permutations(range(12)))
def test_the_lowest_ids_of_a_key_stay_in_whatever_order_they_come(order: list[int]) -> None:
    envelopes = [envelope(number) for number in range(12)]
    lowest = {EnvelopeId(one) for one in sorted(one.id for one in envelopes)[:QUOTA]}
    assert kept_by([envelopes[place] for place in order]) == lowest


def test_the_quota_of_the_open_mesh_keeps_its_512_lowest_ids() -> None:
    envelopes = [envelope(number) for number in range(600)]
    lowest = {EnvelopeId(one) for one in sorted(one.id for one in envelopes)[:512]}
    parameters = MeshParameters(name="test", stamp_bits=0)
    for seed in range(2):
        random.Random(seed).shuffle(envelopes)
        assert kept_by(envelopes, parameters) == lowest


@cache
def several_stamps() -> dict[bytes, int]:
    """Stamps of one key, of different worth, and what each admits."""
    admitted: dict[bytes, int] = {}
    for bits in (1, 3):
        for start in range(64):
            stamp = mint(posting_key(1), DAY, bits, start.to_bytes(8, "big"))
            worth = proof_bits(StampedKey(posting_key(1), DAY, stamp[:8]))
            if worth == bits:
                admitted[stamp] = 1 << bits
                break
    assert sorted(admitted.values()) == [2, 8]
    return admitted


@cache
def under_several_stamps() -> list[Envelope]:
    """Twelve envelopes under each stamp."""
    return [envelope(number, stamp=stamp) for stamp in several_stamps() for number in range(12)]


def kept_by_the_greatest(envelopes: list[Envelope]) -> set[EnvelopeId]:
    """The ids that would be held if the greatest stamp seen were the quota of its key."""
    kept: list[EnvelopeId] = []
    greatest = 0
    for one in envelopes:
        greatest = max(greatest, several_stamps()[one.header.stamp])
        kept = sorted([*kept, one.id])[:greatest]
    return set(kept)


@given(st.permutations(range(24)))
def test_the_lowest_ids_of_each_stamp_stay_in_whatever_order_they_come(order: list[int]) -> None:
    envelopes = under_several_stamps()
    lowest: set[EnvelopeId] = set()
    for stamp, admitted in several_stamps().items():
        ids = sorted(one.id for one in envelopes if one.header.stamp == stamp)
        lowest.update(ids[:admitted])
    assert kept_by([envelopes[place] for place in order], STAMPED) == lowest


def test_a_quota_by_the_greatest_stamp_seen_would_not_converge() -> None:
    envelopes = under_several_stamps()
    small_first = sorted(envelopes, key=lambda one: several_stamps()[one.header.stamp])
    assert kept_by_the_greatest(small_first) != kept_by_the_greatest(small_first[::-1])
    assert kept_by(small_first, STAMPED) == kept_by(small_first[::-1], STAMPED)


def test_another_c_for_the_same_work_admits_no_more() -> None:
    stamp = min(several_stamps(), key=lambda one: several_stamps()[one])
    nonce, first = stamp[:8], int.from_bytes(stamp[8:], "big")
    other = next(
        one
        for one in (nonce + c.to_bytes(4, "big") for c in range(first + 1, 1 << 24))
        if is_precheck_valid(posting_key(1), DAY, one)
    )
    envelopes = [envelope(number, stamp=one) for one in (stamp, other) for number in range(4)]
    assert len(kept_by(envelopes, STAMPED)) == 2


def test_a_stamp_below_the_least_of_the_mesh_is_bad_and_one_above_is_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch, MeshParameters(name="test", stamp_bits=2))
    verdicts = {
        several_stamps()[stamp]: counted.judge(envelope(stamp=stamp), at(1_000 * second))
        for second, stamp in enumerate(several_stamps(), 1)
    }
    assert verdicts == {2: BAD_STAMP, 8: ACCEPTED}
    again = [counted.judge(envelope(9, stamp=stamp), at(9_000)) for stamp in several_stamps()]
    assert (again, counted.checks_count) == ([BAD_STAMP, ACCEPTED], 2)


def test_own_envelopes_count_by_what_their_stamp_admits_and_cost_nobody_a_check() -> None:
    admission = Admission(STAMPED, is_signature_valid)
    stamp = min(several_stamps(), key=lambda one: several_stamps()[one])
    ids = sorted((envelope(number, stamp=stamp) for number in range(3)), key=lambda one: one.id)
    assert [admission.admit_own(one) for one in ids] == [ACCEPTED, ACCEPTED, OVER_QUOTA]
    assert admission.judge(stamped(2), now=NOW) == ACCEPTED


def test_each_key_and_each_day_has_a_quota_of_its_own() -> None:
    admission = Admission(UNSTAMPED, is_signature_valid)
    for author in (1, 2):
        for created in (NOON, NOON - 86_400):
            for number in range(QUOTA):
                judged = envelope(number, author=author, created=created)
                assert admission.judge(judged, now=NOW) == ACCEPTED


def test_what_was_stored_before_a_restart_counts_after_it() -> None:
    envelopes = sorted((envelope(number) for number in range(QUOTA + 1)), key=lambda one: one.id)
    admission = Admission(UNSTAMPED, is_signature_valid)
    for one in envelopes[1:]:
        admission.load(one.header.stamped_key, one.id)
    verdict = admission.judge(envelopes[0], now=NOW)
    assert verdict == Accept(pushed_out=envelopes[-1].id)
    assert admission.judge(envelopes[-1], now=NOW) == OVER_QUOTA


def test_what_expired_makes_room() -> None:
    envelopes = sorted((envelope(number) for number in range(QUOTA + 1)), key=lambda one: one.id)
    admission = Admission(UNSTAMPED, is_signature_valid)
    for one in envelopes[:-1]:
        admission.load(one.header.stamped_key, one.id)
    admission.forget(envelopes[0].header.stamped_key, envelopes[0].id)
    assert admission.judge(envelopes[-1], now=NOW) == ACCEPTED


def test_what_expired_makes_room_for_one_and_no_more() -> None:
    envelopes = sorted((envelope(number) for number in range(QUOTA + 2)), key=lambda one: one.id)
    admission = Admission(UNSTAMPED, is_signature_valid)
    for one in envelopes[:QUOTA]:
        assert admission.admit_own(one) == ACCEPTED
    # Of another key, of another day, or never known: that makes no room.
    gone, key = envelopes[0], envelopes[0].header.stamped_key
    admission.forget(key._replace(posting_key=posting_key(2)), gone.id)
    admission.forget(key._replace(day=key.day + 1), gone.id)
    admission.forget(key._replace(nonce=b"another "), gone.id)
    admission.forget(key, envelopes[QUOTA].id)
    assert admission.judge(envelopes[QUOTA], now=NOW) == OVER_QUOTA
    admission.forget(key, gone.id)
    assert admission.judge(envelopes[QUOTA], now=NOW) == ACCEPTED
    assert admission.judge(envelopes[QUOTA + 1], now=NOW) == OVER_QUOTA


def test_own_envelopes_share_a_quota_with_what_came_and_with_no_other_key_or_day() -> None:
    envelopes = sorted((envelope(number) for number in range(QUOTA + 1)), key=lambda one: one.id)
    admission = Admission(UNSTAMPED, is_signature_valid)
    for one in envelopes[:-1]:
        assert admission.admit_own(one) == ACCEPTED
    assert admission.judge(envelopes[-1], now=NOW) == OVER_QUOTA
    for other in (envelope(author=2), envelope(created=NOON - 86_400)):
        assert admission.admit_own(other) == ACCEPTED


def test_what_is_forgotten_twice_or_was_never_known_changes_nothing() -> None:
    admission = Admission(UNSTAMPED, is_signature_valid)
    for _ in range(2):
        admission.forget(envelope().header.stamped_key, envelope().id)
    assert admission.judge(envelope(), now=NOW) == ACCEPTED


def test_own_envelopes_count_towards_the_quota_of_their_key() -> None:
    envelopes = sorted((envelope(number) for number in range(QUOTA + 1)), key=lambda one: one.id)
    admission = Admission(UNSTAMPED, is_signature_valid)
    for one in envelopes[:-1]:
        assert admission.admit_own(one) == ACCEPTED
    assert admission.admit_own(envelopes[-1]) == OVER_QUOTA


def test_a_mesh_without_stamps_refuses_an_envelope_with_one() -> None:
    assert judge(envelope(stamp=b"\1" + bytes(11))) == BAD_STAMP


def test_a_stamp_is_checked_once_and_its_verdict_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    for number in range(3):
        assert isinstance(counted.judge(stamped(1, number=number)), Accept | Refuse)
    assert counted.checks_count == 1
    for _ in range(3):
        assert counted.judge(falsely_stamped(2), at(2_000)) == BAD_STAMP
    assert counted.checks_count == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: dataclasses.replace(one, signature=bytes(64)),
        lambda _: envelope(stamp=NO_STAMP),
        lambda _: envelope(stamp=b"\xff" * 12),
        lambda _: envelope(created=NOON + 90_000),
        lambda _: envelope(created=NOON - 8 * 86_400),
    ],
    ids=["bad signature", "no stamp", "false c", "too far ahead", "lapsed"],
)
def test_what_can_be_refused_cheaply_never_reaches_argon2(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Envelope], Envelope]
) -> None:
    counted = Counted(monkeypatch)
    assert isinstance(counted.judge(spoil(stamped(1))), Refuse)
    assert counted.checks_count == 0
    # Nor has it used up the budget of anybody else.
    assert counted.judge(stamped(2)) == ACCEPTED


def test_a_flood_of_stamps_is_checked_within_the_budget_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    waiting = [stamped(author) for author in range(1, 9)]
    checked: list[int] = []
    for milliseconds in range(1_000, 1_500, 10):
        before = counted.checks_count
        judged = {one.id: counted.judge(one, at(milliseconds)) for one in waiting}
        waiting = [one for one in waiting if judged[one.id] == Defer()]
        checked += [milliseconds] * (counted.checks_count - before)
    assert (waiting, len(checked)) == ([], 8)
    pauses = [later - earlier for earlier, later in pairwise(checked)]
    assert min(pauses) >= 1_000 // STAMP_CHECKS_PER_SECOND


def test_the_deadline_is_when_a_deferred_stamp_can_be_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    assert counted.judge(stamped(1)) == ACCEPTED
    assert counted.judge(stamped(2)) == Defer()
    deadline = counted.admission.deadline()
    early = Instant(Monotonic(deadline - 1), NOW.wall)
    assert counted.judge(stamped(2), early) == Defer()
    assert counted.judge(stamped(2), Instant(deadline, NOW.wall)) == ACCEPTED


def test_remembered_verdicts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "STAMP_VERDICTS_REMEMBERED", 2)
    counted = Counted(monkeypatch)
    for turn, author in enumerate((1, 2, 3, 1)):
        assert counted.judge(stamped(author), at(1_000 * turn + 1_000)) != Defer()
    assert counted.checks_count == 4


def test_the_signature_of_what_does_not_enter_is_checked_once_and_a_bounded_number_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "SIGNATURES_REMEMBERED", 2)
    checked: list[bytes] = []

    def verify(key: bytes, signed: bytes, signature: bytes) -> bool:
        checked.append(signature)
        return is_signature_valid(key, signed, signature)

    admission = Admission(UNSTAMPED, verify)
    envelopes = sorted((envelope(number) for number in range(QUOTA + 3)), key=lambda one: one.id)
    over = envelopes[QUOTA:]
    for one in (*envelopes, *reversed(over[1:])):
        verdict = admission.judge(one, now=NOW)
        assert verdict == (OVER_QUOTA if one in over else ACCEPTED)
    assert len(checked) == len(envelopes)
    assert admission.judge(over[0], now=NOW) == OVER_QUOTA
    assert len(checked) == len(envelopes) + 1
    admission.forget(envelopes[0].header.stamped_key, envelopes[0].id)
    assert admission.judge(over[0], now=NOW) == ACCEPTED
    assert len(checked) == len(envelopes) + 1
