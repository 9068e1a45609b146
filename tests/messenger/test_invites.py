"""Invites: used, used up, revoked, expired, renewed; over a link, or a QR code and the mesh."""

import itertools

import pytest

from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InviteAnswer,
    InvitesAnswer,
    RevokeInvite,
)
from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from mesh.events import ContactAdded, InviteChanged, MessageStateChanged, NoticeRaised
from mesh.limits.invites import INVITE_KEPT_SECONDS, INVITE_TAGS, INVITES_MAX
from mesh.storage.connection import transaction
from mesh.wire.invite import LINK_PREFIX, QR_PREFIX
from mesh.wire.parameters import MeshParameters
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange


def people(*names: str) -> tuple[Clock, list[Person]]:
    clock = Clock()
    return clock, [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]


def state(person: Person) -> str:
    answer = person.ask(AskInvites())
    assert isinstance(answer, InvitesAnswer)
    return answer.invites[0].state


def test_an_invite_for_one_is_used_up_by_the_first_and_founds_no_second() -> None:
    _, (ann, bob, eve) = people("Ann", "Bob", "Eve")
    invite = ann.invite()
    bob.add(invite.link)
    eve.add(invite.link)
    exchange(ann, bob)
    assert state(ann) == "used up"
    ann.receive(eve.post())
    assert [contact.name for contact in ann.contacts()] == ["Bob"]
    assert ann.dropped() == {"a first contact by an invite that is used up": 1}
    # Her person is told, once: whom she meant may be the second.
    eve.send("Ann", "is this your invite?")
    ann.receive(eve.post())
    (notice,) = [event for event in ann.take_events() if isinstance(event, NoticeRaised)]
    assert notice.sentence.startswith("Eve (key ")
    assert "your invite 1, which is used up, and was not let in" in notice.sentence
    # Who used it in time goes on.
    bob.send("Ann", "still here")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["still here"]


def test_what_becomes_of_an_invite_is_told_without_its_link() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite(uses_max=2)
    bob.add(invite.link)
    exchange(ann, bob)
    ann.ask(RevokeInvite(invite.id))
    ann.ask(RevokeInvite(invite.id))
    told = [event.invite for event in ann.take_events() if isinstance(event, InviteChanged)]
    assert [(one.uses, one.state) for one in told] == [(0, "open"), (1, "open"), (1, "revoked")]
    assert {(one.id, one.link, one.qr) for one in told} == {(invite.id, "", "")}
    assert [one.short_link for one in told] == ["", "", ""]


def test_an_invite_for_three_founds_three() -> None:
    _, (ann, *others) = people("Ann", "Bob", "Cem", "Dora")
    invite = ann.invite(uses_max=3)
    for other in others:
        other.add(invite.link)
        exchange(ann, other)
    assert [contact.name for contact in ann.contacts()] == ["Bob", "Cem", "Dora"]
    assert state(ann) == "used up"


def test_a_revoked_invite_founds_nothing_and_tells_no_link() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite()
    bob.add(invite.link)
    revoked = ann.ask(RevokeInvite(invite.id))
    assert isinstance(revoked, InviteAnswer)
    assert (revoked.state, revoked.link, revoked.qr) == ("revoked", "", "")
    assert revoked.short_link == ""
    exchange(ann, bob)
    assert ann.contacts() == []
    assert bob.contacts()[0].state == "invited"
    with pytest.raises(UserError) as caught:
        ann.ask(RevokeInvite(99))
    assert caught.value.kind == "not-found"


def test_who_wrote_before_the_invite_expired_is_welcome_afterwards() -> None:
    clock, (ann, bob, eve) = people("Ann", "Bob", "Eve")
    invite = ann.invite(uses_max=2, lifetime_s=3 * DAY_S)
    bob.add(invite.link)
    in_time = bob.post()
    clock.pass_by(4 * DAY_S)
    assert state(ann) == "expired"
    with pytest.raises(UserError) as caught:
        eve.add(invite.link)
    assert caught.value.kind == "invite-expired"
    ann.receive(in_time)
    assert [contact.name for contact in ann.contacts()] == ["Bob"]


def test_who_comes_after_the_invite_expired_waits_as_a_request() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite(lifetime_s=DAY_S).link)
    bob.send("Ann", "we met at the lake")
    bob.post()
    # They meet after eight days, when all of it has lapsed.
    clock.pass_by(8 * DAY_S)
    ann.tend()
    bob.tend()
    exchange(ann, bob)
    (guest,) = ann.contacts()
    assert (guest.name, guest.is_request) == ("Bob", True)
    assert ann.texts("Bob") == ["we met at the lake"]
    assert bob.contacts()[0].state == "answered"
    assert state(ann) == "used up"


def test_thirty_days_after_an_invite_expired_nothing_under_it_is_sealed_or_opened() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite(lifetime_s=DAY_S).link)
    bob.ask(SendMessage("Ann", "in vain", keep_for="until-delivered"))
    bob.post()
    for _ in range(4):
        clock.pass_by(8 * DAY_S)
        bob.tend()
    posted = bob.post()
    assert posted == []
    clock.pass_by(DAY_S)
    bob.tend()
    assert bob.messages("Ann")[0].state == "expired"
    assert ann.contacts() == []


@pytest.mark.parametrize("ending", ["revoked", "used up"])
def test_who_comes_after_an_invite_was_closed_is_not_let_in(ending: str) -> None:
    clock, (ann, bob, eve) = people("Ann", "Bob", "Eve")
    invite = ann.invite(lifetime_s=DAY_S)
    bob.add(invite.link)
    bob.post()
    if ending == "revoked":
        ann.ask(RevokeInvite(invite.id))
    else:
        eve.add(invite.link)
        ann.receive(eve.post())
    before = len(ann.contacts())
    clock.pass_by(8 * DAY_S)
    ann.tend()
    bob.tend()
    exchange(ann, bob)
    assert len(ann.contacts()) == before
    assert ann.dropped() == {f"a first contact by an invite that is {ending}": 1}


def test_keys_of_a_closed_invite_are_erased_a_month_later() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite()
    bob.add(invite.link)
    first = bob.post()
    ann.receive(first)
    exchange(ann, bob)
    assert first[0].header.tag in ann.messenger.parts.tag_index
    clock.pass_by(INVITE_KEPT_SECONDS + DAY_S)
    ann.tend()
    assert first[0].header.tag not in ann.messenger.parts.tag_index
    rows = ann.connection.execute("SELECT secret, prekey FROM invites").fetchall()
    assert rows == [(None, None)]
    invites = ann.connection.execute("SELECT count(*) FROM prekeys WHERE contact IS NULL")
    assert invites.fetchall() == [(0,)]
    assert state(ann) == "used up"
    ann.restart()
    bob.send("Ann", "contacts stay")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["contacts stay"]


def test_a_first_contact_played_again_is_refused() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite(uses_max=5).link)
    bob.send("Ann", "once")
    first = bob.post()
    for _ in range(2):
        ann.receive(first)
        ann.restart()
    ann.receive(first)
    assert ann.texts("Bob") == ["once"]
    assert ann.dropped() == {"a message that was opened before": 2}
    answer = ann.ask(AskInvites())
    assert isinstance(answer, InvitesAnswer)
    assert answer.invites[0].uses == 1


def test_terms_of_an_invite_have_bounds() -> None:
    _, (ann,) = people("Ann")
    for command in (
        CreateInvite(uses_max=0),
        CreateInvite(uses_max=1_001),
        CreateInvite(lifetime_s=0),
        CreateInvite(lifetime_s=366 * DAY_S),
        CreateInvite(address_hint="nowhere"),
        CreateInvite(address_hint="host:99999"),
        CreateInvite(address_hint="ho st:80"),
        CreateInvite(label="a\nb"),
    ):
        with pytest.raises(UserError):
            ann.ask(command)
    answer = ann.ask(CreateInvite(label="party", address_hint="[fe80::1]:4000"))
    assert isinstance(answer, InviteAnswer)
    assert answer.label == "party"
    assert answer.link.startswith(LINK_PREFIX)
    assert answer.qr.startswith(QR_PREFIX)
    assert len(answer.qr) < len(answer.link) // 4


def test_there_are_at_most_so_many_invites() -> None:
    _, (ann,) = people("Ann")
    for _ in range(INVITES_MAX):
        ann.invite()
    with pytest.raises(UserError) as caught:
        ann.invite()
    assert caught.value.kind == "too-many"


def test_after_a_restart_every_tag_of_an_invite_is_expected_again() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().link)
    first = bob.post()
    ann.restart()
    assert len(ann.messenger.parts.tag_index) == INVITE_TAGS
    ann.receive(first)
    assert len(ann.contacts()) == 1


@pytest.mark.parametrize("text", ["qr", "short link"])
@pytest.mark.parametrize("order", ["bundle first", "bundle later"])
def test_a_qr_code_waits_for_the_bundle_that_stands_on_the_mesh(order: str, text: str) -> None:
    _, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite()
    qr = invite.qr if text == "qr" else invite.short_link
    (bundle,) = ann.post()
    assert bundle.header.lifetime_class == 1
    if order == "bundle first":
        bob.receive([bundle])
    added = bob.add(qr, "Ann from the fair")
    if order == "bundle first":
        bob.receive([])
    else:
        assert added.state == "waiting for their key"
        assert bob.send("Ann from the fair", "first").state == "awaiting-key"
        assert bob.post() == []
        bob.restart()
        bob.receive([bundle])
        changes = [one for one in bob.take_events() if isinstance(one, MessageStateChanged)]
        assert changes[-1].message.state == "queued"
    assert bob.contacts()[0].state == "invited"
    bob.send("Ann from the fair", "second")
    exchange(ann, bob)
    assert ann.texts("Bob")[-1] == "second"
    assert len(ann.texts("Bob")) == (1 if order == "bundle first" else 2)
    assert bob.contacts()[0].name == "Ann"
    assert bob.contacts()[0].label == "Ann from the fair"


def test_another_bundle_under_the_tags_of_an_invite_is_dropped() -> None:
    _, (ann, bob, eve) = people("Ann", "Bob", "Eve")
    qr = ann.invite().qr
    bob.add(qr)
    (bundle,) = ann.post()
    # Eve has seen the QR code too, and posts her own bundle under its secret.
    eve_invite = eve.invite()
    secret = ann.connection.execute("SELECT secret FROM invites").fetchone()
    assert secret is not None
    with_secret = "UPDATE invites SET secret = ?, posts_count = 0, posted_until = 0"
    with transaction(eve.connection):
        eve.connection.execute(with_secret, secret)
    eve.post()
    eve.tend()
    (forged,) = eve.post()
    assert forged.header.tag == bundle.header.tag
    bob.receive([forged])
    assert bob.contacts()[0].state == "waiting for their key"
    assert list(bob.dropped()) == ["another bundle than the invite promised"]
    bob.receive([bundle])
    assert bob.contacts()[0].state == "invited"
    assert eve_invite.state == "open"


def test_the_link_of_a_qr_code_that_waits_brings_the_bundle() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite()
    bob.add(invite.qr, "Ann")
    bob.send("Ann", "waiting")
    assert bob.add(invite.link).state == "invited"
    exchange(ann, bob)
    assert ann.texts("Bob") == ["waiting"]


def test_a_bundle_is_posted_again_before_it_lapses_until_the_invite_expires() -> None:
    clock, (ann,) = people("Ann")
    ann.invite(lifetime_s=100 * DAY_S)
    posted = ann.post()
    for _ in range(110):
        clock.pass_by(DAY_S)
        ann.tend()
        posted += ann.post()
    assert len(posted) == 4
    assert len({one.header.tag for one in posted}) == 4
    assert len({one.header.posting_key for one in posted}) == 4
    lapses = [one.header.lapses for one in posted]
    for earlier, later in itertools.pairwise(posted):
        assert later.header.created < earlier.header.lapses
    assert lapses == sorted(lapses)


def test_what_is_public_is_signed_by_another_posting_key_than_letters() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().link)
    exchange(ann, bob)
    ann.send("Bob", "hello")
    keys = [
        one.header.posting_key for one in ann.store.envelopes.values() if one.header.lifetime_class
    ]
    own = [key for key in keys if ann.messenger.parts.posting_keys.is_own(key)]
    assert len(set(own)) == 2


def test_an_invite_that_cannot_work_is_refused_in_words() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    other_mesh = Person("Cem", clock, seed=9, parameters=MeshParameters(name="test", stamp_bits=0))
    link = ann.invite(uses_max=3).link
    bob.add(link)
    exchange(ann, bob)
    for person, text, kind in (
        (ann, link, "bad-invite"),
        (other_mesh, link, "bad-invite"),
        (bob, other_mesh.invite().link, "bad-invite"),
        (bob, link, "exists"),
        (bob, link[:-9], "bad-invite"),
        (bob, "hello", "bad-invite"),
    ):
        with pytest.raises(UserError) as caught:
            person.add(text)
        assert caught.value.kind == kind
    with pytest.raises(UserError) as caught:
        other_mesh.add(Person("Dora", clock, seed=5).invite().link, "x" * 65)
    assert len(bob.contacts()) == 1


def test_a_label_that_is_taken_is_refused_and_a_name_that_is_taken_gets_a_number() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().link, "Friend")
    second = Person("Ann", clock, seed=7)
    with pytest.raises(UserError) as caught:
        bob.add(second.invite().link, "Friend")
    assert caught.value.kind == "exists"
    third = Person("Ann", clock, seed=8)
    assert bob.add(second.invite().link).label == "Ann"
    assert bob.add(third.invite().link).label == "Ann 2"


def test_somebody_who_never_answered_can_be_added_by_a_newer_invite() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite(lifetime_s=DAY_S).link)
    bob.post()  # and it is lost
    clock.pass_by(2 * DAY_S)
    with pytest.raises(UserError) as caught:
        bob.send("Ann", "hello?")
    assert caught.value.kind == "invite-expired"
    newer = ann.invite()
    assert bob.add(newer.link).state == "invited"
    with pytest.raises(UserError) as caught:
        bob.add(newer.link)
    assert caught.value.kind == "exists"
    bob.send("Ann", "hello!")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["hello!"]
    assert bob.contacts()[0].state == "answered"
    assert len(bob.contacts()) == 1


def test_messages_that_wait_for_a_bundle_expire_with_the_invite() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite(lifetime_s=DAY_S).qr, "Ann")
    bob.send("Ann", "never sealed")
    clock.pass_by(2 * DAY_S)
    bob.tend()
    assert bob.messages("Ann")[0].state == "awaiting-key"
    # They may come as long as somebody has them and the inviter could open what is sealed to them.
    clock.pass_by(INVITE_KEPT_SECONDS)
    bob.tend()
    assert bob.messages("Ann")[0].state == "expired"
    assert bob.messenger.summary().outbox_count == 0


def test_a_contact_that_was_only_scanned_may_write_first() -> None:
    _, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().qr, "Ann")
    bob.send("Ann", "waiting")
    ann.add(bob.invite().link)
    ann.send("Bob", "hello")
    # Bob never sees the bundle that Ann posted, only her letters.
    letters = [one for one in ann.post() if one.header.posting_key != _public_key(ann)]
    bob.receive(letters)
    assert bob.contacts()[0].state == "answered"
    assert "hello" in bob.texts("Ann")
    ann.receive(bob.post())
    assert sorted(ann.texts("Bob")) == ["hello", "waiting"]


def _public_key(person: Person) -> bytes:
    row = person.connection.execute("SELECT public FROM posting_keys WHERE audience = 1").fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    return row[0]


def test_the_inviter_is_told_of_the_new_contact_once() -> None:
    ann, bob = acquainted(Clock())
    added = [event.contact for event in ann.take_events() if isinstance(event, ContactAdded)]
    assert [contact.name for contact in added] == ["Bob"]
    added = [event.contact for event in bob.take_events() if isinstance(event, ContactAdded)]
    assert [contact.name for contact in added] == ["Ann"]


def test_an_invite_for_many_lives_a_month_and_one_for_one_a_year() -> None:
    ann = Person("Ann", Clock())
    ann.invite(lifetime_s=365 * DAY_S)
    ann.invite(uses_max=2, lifetime_s=30 * DAY_S)
    for uses_max, lifetime_s in ((2, 30 * DAY_S + 1), (1, 365 * DAY_S + 1)):
        with pytest.raises(UserError, match="lives 1 second to"):
            ann.invite(uses_max=uses_max, lifetime_s=lifetime_s)


def test_two_months_after_an_invite_for_many_nothing_opens_what_was_sealed_to_it() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    invite = ann.invite(uses_max=1_000, lifetime_s=30 * DAY_S)
    bob = Person("Bob", clock, seed=2)
    bob.add(invite.link)
    recorded = bob.post()
    clock.pass_by(60 * DAY_S + 1)
    ann.tend()
    # Whoever steals the vault now has what Ann's own node has: it opens nothing of it.
    ann.receive(recorded)
    assert ann.contacts() == []
    rows = ann.connection.execute("SELECT secret, prekey FROM invites").fetchall()
    assert rows == [(None, None)]
    assert ann.connection.execute("SELECT count(*) FROM prekeys").fetchone() == (0,)
