"""Links into groups: with and without approval, used up, expired, revoked, by people."""

import pytest

from mesh.commands.group_links import (
    AnswerKnock,
    AskGroupLinks,
    AskKnocks,
    CreateGroupLink,
    GroupLinkAnswer,
    GroupLinksAnswer,
    JoinGroup,
    KnockAnswer,
    KnocksAnswer,
    RevokeGroupLink,
)
from mesh.commands.groups import (
    AcceptGroup,
    DeclineGroup,
    ForgetGroup,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import WriteItem
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.events import GroupKnocked
from mesh.group import knocking
from mesh.group.entrance import entrance_of
from mesh.group.knocking import KNOCK, encode_knock, encode_letter
from mesh.group.operations import NO_CONSENT, Record, consent
from mesh.group.placed_posts import Knock, PostPlace
from mesh.ids import UnixSeconds
from mesh.messenger.groups import knocks
from mesh.messenger.groups.letters import Addressee
from mesh.messenger.groups.link_door import link_tags
from mesh.messenger.sessions.posting_keys import link_audience
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.ratchet.identity import SEED_BYTES, IdentityKeys, make_bundle
from mesh.ratchet.tags import invite_tag_key
from mesh.storage.connection import transaction
from mesh.wire.invite import parse_group_link
from tests.messenger.doing import do, items_of, refused, stream_of
from tests.messenger.in_groups import crew, inside, member, members_of, names_of, settle, told
from tests.messenger.people import DAY_S, Clock, Person

Patch = pytest.MonkeyPatch


def link_of(person: Person, **fields: object) -> GroupLinkAnswer:
    answer = person.ask(CreateGroupLink("Crew", **fields))  # type: ignore[arg-type]  # as a test says
    assert isinstance(answer, GroupLinkAnswer)
    return answer


def links_of(person: Person) -> list[GroupLinkAnswer]:
    answer = person.ask(AskGroupLinks("Crew"))
    assert isinstance(answer, GroupLinksAnswer)
    return answer.links


def knocks_of(person: Person) -> list[KnockAnswer]:
    answer = person.ask(AskKnocks("Crew"))
    assert isinstance(answer, KnocksAnswer)
    return answer.knocks


def group_of(*names: str) -> list[Person]:
    """Ann has a group alone, the others are strangers to her and to each other."""
    clock = Clock()
    people = [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]
    people[0].ask(MakeGroup("Crew"))
    return people


def pass_by(*people: Person, seconds: int = 40) -> None:
    settle(*people)
    people[0].clock.pass_by(seconds)
    settle(*people)


def texts_of(person: Person) -> list[str]:
    return [one.text for one in items_of(person, "Crew") if one.kind == "text"]


def test_a_stranger_comes_by_a_link_and_talks() -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    assert link.link.startswith("mesh:group/")
    # 51 of them are the key of a closed mesh.
    assert (len(link.qr), link.qr[:7]) == (203 + 51, "MESH:G/")
    joined = bob.ask(JoinGroup(link.link))
    assert told(bob).name == "Crew"
    assert told(bob).state == "joining"
    assert joined is not None
    pass_by(*people)
    assert told(bob).state == "in"
    assert sorted(names_of(ann)) == sorted(names_of(bob)) == ["Ann", "Bob"]
    do(bob, WriteItem("Crew", text="here I am"))
    do(ann, WriteItem("Crew", text="welcome"))
    settle(*people)
    assert texts_of(ann) == texts_of(bob) == ["here I am", "welcome"]
    assert ann.contacts() == bob.contacts() == []
    assert links_of(ann)[0].uses == 1


@pytest.mark.parametrize("form", ["qr", "short_link"])
def test_by_a_qr_code_the_keys_come_over_the_mesh(form: str) -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    bob.ask(JoinGroup(getattr(link, form)))
    pass_by(*people)
    assert told(bob).state == "in"
    assert told(bob).name == "Crew"


def test_many_at_once_come_in_one_add() -> None:
    people = group_of("Ann", "Bob", "Cem", "Dan")
    ann = people[0]
    link = link_of(ann)
    for one in people[1:]:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert [told(one).state for one in people] == ["in"] * 4
    adds = [one.membership for one in stream_of(ann, "Crew") if one.kind == "membership"]
    assert [one.action for one in adds if one is not None] == ["created", "added"]


def test_with_approval_any_admin_admits() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    cem = Person("Cem", ann.clock, seed=9)
    people.append(cem)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    cem.ask(JoinGroup(link_of(ann, needs_approval=True).link, note="From the pier"))
    pass_by(*people)
    assert told(cem).state == "joining"
    (here,), (there,) = knocks_of(ann), knocks_of(bob)
    assert (here.name, here.note, here.link) == ("Cem", "From the pier", 1)
    assert (there.name, there.key, there.link) == ("Cem", here.key, 0)
    assert [event.knock.name for event in bob.events if isinstance(event, GroupKnocked)] == ["Cem"]
    bob.ask(AnswerKnock("Crew", there.knock, is_admitted=True))
    pass_by(*people)
    assert told(cem).state == "in"
    assert member(ann, "Cem").added_by == "Bob"
    assert knocks_of(ann) == knocks_of(bob) == []


def test_who_is_refused_hears_nothing_and_is_asked_about_no_more() -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    bob.ask(JoinGroup(link_of(ann, needs_approval=True).link))
    settle(*people)
    (knock,) = knocks_of(ann)
    ann.post()
    ann.ask(AnswerKnock("Crew", knock.knock, is_admitted=False))
    assert knocks_of(ann) == []
    bob.clock.pass_by(4 * DAY_S)
    settle(*people)
    assert knocks_of(ann) == []
    assert told(bob).state == "joining"
    bob.ask(DeclineGroup("Crew"))
    assert refused(bob, AskKnocks("Crew")) == "not-found"


def come_by(people: list[Person], link: GroupLinkAnswer) -> bool:
    """Bob uses a link; say whether he is in."""
    people[1].ask(JoinGroup(link.link))
    pass_by(*people)
    return told(people[1]).state == "in"


def test_a_link_that_is_revoked_lets_nobody_in() -> None:
    people = group_of("Ann", "Bob")
    link = link_of(people[0])
    people[0].ask(RevokeGroupLink("Crew", link.number))
    assert not come_by(people, link)
    assert [one.state for one in links_of(people[0])] == ["revoked"]
    assert links_of(people[0])[0].link == ""


def test_a_link_admits_as_many_as_it_says() -> None:
    people = group_of("Ann", "Bob", "Cem", "Dan")
    link = link_of(people[0], uses_max=2)
    for one in people[1:]:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert sorted(told(one).state for one in people[1:]) == ["in", "in", "joining"]
    assert [one.state for one in links_of(people[0])] == ["used up"]


def use_late() -> bool:
    """Bob, whose clock is a day behind, uses a link after it expired; say whether he is let in
    though nobody was asked.
    """
    people = group_of("Ann", "Bob")
    ann, bob = people
    link = link_of(ann, lifetime_s=3_600)
    ann.clock.pass_by(DAY_S)
    bob.wall_error_s = -DAY_S
    bob.ask(JoinGroup(link.link))
    pass_by(*people)
    bob.wall_error_s = 0
    pass_by(*people)
    assert [one.name for one in knocks_of(ann)] == ([] if told(bob).state == "in" else ["Bob"])
    return told(bob).state == "in"


def test_by_a_link_that_expired_nobody_comes_unasked(monkeypatch: Patch) -> None:
    assert not use_late()
    monkeypatch.setattr(knocks, "needs_word", lambda row, _came: row.needs_approval)
    assert use_late()


def test_who_can_add_nobody_any_more_lets_nobody_in() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    cem = Person("Cem", ann.clock, seed=9)
    people.append(cem)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    link = link_of(bob)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "member"))
    settle(*people)
    assert [one.state for one in links_of(bob)] == ["ended"]
    cem.ask(JoinGroup(link.link))
    pass_by(*people)
    assert told(cem).state == "joining"
    assert refused(bob, CreateGroupLink("Crew")) == "forbidden"


def test_who_left_comes_back_by_a_link_as_somebody_new() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    before = inside(bob).me
    bob.ask(LeaveGroup("Crew"))
    settle(*people)
    bob.ask(JoinGroup(link.link))
    pass_by(*people)
    assert told(bob).state == "in"
    assert inside(bob).me != before
    assert len(members_of(ann)) == 2


def test_one_node_that_restarts_meanwhile_goes_on() -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    bob.ask(JoinGroup(link.qr))
    bob.restart()
    ann.restart()
    settle(*people)
    ann.restart()
    bob.restart()
    pass_by(*people)
    assert told(bob).state == "in"


def test_a_link_says_nothing_of_who_made_it() -> None:
    (ann,) = group_of("Ann")
    first, second = link_of(ann), link_of(ann)
    for link in (first, second):
        text = "".join((link.link, link.qr, link.short_link))
        assert ann.wired.identity.keys.verify_key.hex() not in text
    rows = ann.connection.execute("SELECT DISTINCT bundle, secret FROM group_links").fetchall()
    assert len(rows) == 2
    keys = {envelope.header.posting_key for envelope in ann.post()}
    # The bundles of two links are posted by two keys, and neither is that of the group.
    assert len(keys) >= 2


def knock_for_another() -> bool:
    """Mal knocks with a record of Bob's key, which Bob did not sign; say whether that is taken."""
    people = group_of("Ann", "Bob", "Mal")
    ann, bob, mal = people
    link = link_of(ann, needs_approval=True)
    bob.ask(JoinGroup(link.link))
    mal.ask(JoinGroup(link.link))
    group, other = inside(mal), inside(bob)
    own = mal.wired.groups.keepers.leaves.own_long(group)[0][0]
    stolen = bob.wired.groups.keepers.leaves.own_long(other)[0][0]
    parsed = parse_group_link(link.link, is_signature_valid)
    made = Record(
        other.me,
        other.keys.identity_key,
        blake2b_256(stolen.encode()),
        entrance_of(bytes(32)),
        "Bob",
        NO_CONSENT,
    )
    signed = consent(group.signing, group.gid, made)
    assert parsed.bundle is not None
    with transaction(mal.connection):
        mal.wired.groups.letters.post(
            group.keys,
            own,
            Addressee(parsed.bundle, invite_tag_key(parsed.secret), 3),
            encode_letter(KNOCK, encode_knock(group.gid, signed, "")),
            audience=link_audience(group.conversation, is_ours=False),
            now=mal.now,
        )
    ann.receive(mal.post())
    return any(one.key == other.me.hex() for one in knocks_of(ann))


def test_nobody_knocks_for_another(monkeypatch: Patch) -> None:
    assert not knock_for_another()
    monkeypatch.setattr(knocking, "check_record", lambda *_, **__: None)
    assert knock_for_another()


def come_when_used_up() -> bool:
    """Cem comes by a link for one by which Bob came; say whether he is let in."""
    people = group_of("Ann", "Bob", "Cem")
    ann, bob, cem = people
    link = link_of(ann, uses_max=1)
    bob.ask(JoinGroup(link.link))
    pass_by(*people)
    cem.ask(JoinGroup(link.link))
    pass_by(*people)
    return told(cem).state == "in"


def test_nobody_comes_by_a_link_that_is_used_up(monkeypatch: Patch) -> None:
    assert not come_when_used_up()
    monkeypatch.setattr(knocks, "is_closed", lambda *_: False)
    monkeypatch.setattr(knocks, "uses_left", lambda _: 9)
    assert come_when_used_up()


def test_who_was_removed_comes_by_no_link_under_the_same_key() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    key = inside(bob).me
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    bob.ask(JoinGroup(link.link))
    assert inside(bob).me != key


def knocked_at_what_is_forgotten() -> tuple[list[Person], GroupLinkAnswer]:
    """Ann leaves and forgets the group into which she had a link."""
    people = group_of("Ann", "Bob")
    ann = people[0]
    link = link_of(ann)
    ann.ask(LeaveGroup("Crew"))
    ann.ask(ForgetGroup("Crew"))
    return people, link


def test_a_knock_at_a_link_of_a_forgotten_group_stops_nobody(monkeypatch: Patch) -> None:
    people, link = knocked_at_what_is_forgotten()
    assert not any(
        tag in people[0].messenger.parts.tag_index
        for _, tag in link_tags(parse_group_link(link.link, is_signature_valid).secret)
    )
    # Nor where its tags are still known.
    monkeypatch.setattr(TagIndex, "forget_owners", lambda *_: None)
    people, link = knocked_at_what_is_forgotten()
    people[1].ask(JoinGroup(link.link))
    pass_by(*people)
    assert told(people[1]).state == "joining"


def test_a_link_of_who_was_somebody_else_in_the_group_ends() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "owner"))
    settle(*people)
    link = link_of(ann)
    tags = link_tags(parse_group_link(link.link, is_signature_valid).secret)
    ann.ask(LeaveGroup("Crew"))
    settle(*people)
    assert all(tag in ann.messenger.parts.tag_index for _, tag in tags)
    bob.ask(InviteToGroup("Crew", contacts=("Ann",)))
    settle(*people)
    assert told(ann).state == "invited"
    ann.ask(AcceptGroup("Crew"))
    settle(*people)
    assert not any(tag in ann.messenger.parts.tag_index for _, tag in tags)


def make_up_knocks(teller: Person, count: int) -> None:
    """Tell the group of people at a link of ours whom nobody ever saw."""
    group, now = inside(teller), teller.now
    end, kem = UnixSeconds(now.mesh + DAY_S), PycaKem()
    for number in range(count):
        keys = IdentityKeys.from_seed(teller.entropy.draw(SEED_BYTES))
        bundle, _ = make_bundle(
            keys, valid_from=now.mesh, valid_to=end, entropy=teller.entropy, kem=kem
        )
        record = Record(
            keys.verify_key,
            keys.identity_key,
            blake2b_256(bundle.encode()),
            entrance_of(bytes(32)),
            f"Nobody {number}",
            NO_CONSENT,
        )
        signed = consent(SigningKey.from_seed(keys.signing_seed), group.gid, record)
        post = Knock(1, 9, 0, PostPlace(bytes(8), 0), signed, bundle.encode(), "")
        with transaction(teller.connection):
            teller.wired.groups.posting.queue(group, post, None, now)
            teller.wired.groups.posting.flush(group, now)


def tells_of_people(*, as_admin: bool) -> tuple[list[Person], int]:
    """Mal tells of three; return of how many Ann's person is asked."""
    people = crew("Ann", "Mal")
    ann, mal = people
    if as_admin:
        ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
        settle(*people)
    make_up_knocks(mal, 3)
    settle(*people)
    return people, len(knocks_of(ann))


def test_who_may_add_nobody_tells_of_nobody_at_a_link(monkeypatch: Patch) -> None:
    assert tells_of_people(as_admin=True)[1] == 3
    assert tells_of_people(as_admin=False)[1] == 0
    monkeypatch.setattr(knocks, "may_add", lambda *_: True)
    assert tells_of_people(as_admin=False)[1] == 3


def test_who_tells_of_many_closes_no_links(monkeypatch: Patch) -> None:
    monkeypatch.setattr(knocks, "KNOCKS_OF_ONE_MAX", 2)
    people, count = tells_of_people(as_admin=True)
    ann, mal = people
    assert count == 2
    for one in knocks_of(ann):
        ann.ask(AnswerKnock("Crew", one.knock, is_admitted=False))
    cem = Person("Cem", ann.clock, seed=9)
    people.append(cem)
    cem.ask(JoinGroup(link_of(ann).link))
    pass_by(*people)
    assert told(cem).state == "in"
    # Those who were refused are forgotten with time.
    ann.clock.pass_by(31 * DAY_S)
    settle(*people)
    make_up_knocks(mal, 1)
    settle(*people)
    assert [one.name for one in knocks_of(ann)] == ["Nobody 0"]


def test_of_too_many_that_members_tell_of_who_told_most_loses_his(monkeypatch: Patch) -> None:
    monkeypatch.setattr(knocks, "KNOCKS_MAX", 3)
    people = crew("Ann", "Bob", "Mal")
    ann, bob, mal = people
    for name in ("Bob", "Mal"):
        ann.ask(SetMemberRole("Crew", member(ann, name).member, "admin"))
        settle(*people)
    make_up_knocks(mal, 3)
    settle(*people)
    first = {one.key for one in knocks_of(ann)}
    make_up_knocks(bob, 1)
    settle(*people)
    assert len(knocks_of(ann)) == 3
    assert len({one.key for one in knocks_of(ann)} & first) == 2


def test_who_waits_at_one_link_in_great_number_closes_no_other(monkeypatch: Patch) -> None:
    monkeypatch.setattr(knocks, "KNOCKS_OF_ONE_MAX", 2)
    people = group_of("Ann", "Bob", "Cem", "Dan", "Eve")
    ann = people[0]
    link = link_of(ann, needs_approval=True)
    for one in people[1:4]:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert len(knocks_of(ann)) == 2
    people[4].ask(JoinGroup(link_of(ann).link))
    pass_by(*people)
    assert told(people[4]).state == "in"
