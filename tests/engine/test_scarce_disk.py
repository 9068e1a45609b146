"""A disk that is nearly full: strangers' mail is not kept, and no peer sees which of it is ours."""

from mesh.commands.contacts import AddContact, AskContacts, ContactsAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import SendMessage
from mesh.ids import EnvelopeId
from mesh.inputs import DiskMeasured
from mesh.limits.storage import DISK_FULL_BYTES, DISK_SCARCE_BYTES
from mesh.storage.store.store import Store
from mesh.wire.envelope import decode_envelope
from mesh.wire.frames import Held, IHave, IWant, Push, Stubs, split_entries, split_short_ids
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import introduce, status
from tests.engine.test_hostile import envelope

ROOMY = 1 << 40


def measured(table: Joined, name: str, free_bytes: int) -> None:
    table.seats[name].inbox.append(DiskMeasured(free_bytes))
    table.run()
    table.seats[name].inbox.append(DiskMeasured(free_bytes))
    table.run()


def first_contact_to_ada(table: Joined) -> bytes:
    """Return what Cy writes under an invite of Ada, whom nobody answers for yet."""
    introduce(table, "ada", "cy")
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.join("cy", "via")
    table.ask("cy", AddContact(invite.link))
    table.ask("cy", SendMessage("ada", "hello"))
    table.run()
    store = Store(table.seats["via"].store)
    [found] = list(store.envelopes_bytes([row.id for row in store.index_rows()]).values())[:1]
    return found


def answers_to(
    table: Joined, brought: bytes, *, free_bytes: int
) -> tuple[list[str], list[str], list[str]]:
    """Return what is told to who brings an envelope, to who asks for it then, and to a third."""
    measured(table, "ada", free_bytes)
    bringer, other = Stranger(table, "ada"), Stranger(table, "ada", number=2)
    id_ = decode_envelope(brought).id
    bringer.send(Push(brought))
    table.pass_time(5)
    bringer.send(IWant(ids=id_))
    table.pass_time(5)
    return (
        [kind for one in bringer.heard if (kind := about(one, id_))],
        [
            type(one).__name__
            for one in bringer.heard
            if isinstance(one, Stubs) or about(one, id_) == "pushed"
        ],
        [kind for one in other.heard if (kind := about(one, id_))],
    )


def about(frame: object, id_: EnvelopeId) -> str:
    if isinstance(frame, Held):
        if id_[:8] in split_short_ids(frame.held):
            return "held"
        return "refused" if id_[:8] in split_short_ids(frame.refused) else ""
    if isinstance(frame, IHave):
        return "announced" if id_ in dict(split_entries(frame.entries)) else ""
    return "pushed" if isinstance(frame, Push) and id_ == decode_envelope(frame.envelope).id else ""


def test_of_strangers_mail_peers_hear_the_same_whether_it_is_ours_or_not() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    told_of_ours = answers_to(table, ours, free_bytes=DISK_SCARCE_BYTES - 1)
    told_of_others = answers_to(table, envelope(1), free_bytes=DISK_SCARCE_BYTES - 1)
    assert told_of_ours == told_of_others == (["refused"], ["Stubs"], [])
    contacts = table.ask("ada", AskContacts())
    assert isinstance(contacts, ContactsAnswer)
    assert len(contacts.contacts) == 1, "ours was opened all the same"
    assert status(table, "ada").disk == "scarce"


def test_with_room_the_same_mail_is_held_and_announced() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    held, given, told = answers_to(table, ours, free_bytes=ROOMY)
    assert (held[0], given[0]) == ("held", "Push")
    assert told


def test_a_full_disk_refuses_all_alike_and_asks_again_when_there_is_room() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    count = status(table, "ada").envelopes_count
    assert answers_to(table, ours, free_bytes=DISK_FULL_BYTES - 1) == (["refused"], [], [])
    told = answers_to(table, envelope(1), free_bytes=DISK_FULL_BYTES - 1)
    assert told == (["refused"], [], [])
    table.join("ada", "via")
    assert status(table, "ada").envelopes_count == count
    measured(table, "ada", ROOMY)
    table.pass_time(60)
    assert status(table, "ada").envelopes_count > count
    contacts = table.ask("ada", AskContacts())
    assert isinstance(contacts, ContactsAnswer)
    assert len(contacts.contacts) == 1


def test_who_was_never_open_since_its_start_refuses_the_same_on_a_scarce_disk() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    table.restart("ada")
    table.seats["ada"].inbox.clear()
    told = answers_to(table, ours, free_bytes=DISK_SCARCE_BYTES - 1)
    assert told == (["refused"], ["Stubs"], [])


def test_what_a_scarce_disk_refused_is_asked_for_when_there_is_room() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    table.restart("ada")
    seat = table.seats["ada"]
    unlock, seat.inbox = seat.inbox, []
    kept = status(table, "ada").carried[-1].envelopes_count
    answers_to(table, ours, free_bytes=DISK_SCARCE_BYTES - 1)
    table.join("ada", "via")
    assert status(table, "ada").carried[-1].envelopes_count == kept
    measured(table, "ada", ROOMY)
    table.pass_time(10)
    assert status(table, "ada").carried[-1].envelopes_count > kept
    seat.inbox += unlock
    table.pass_time(10)
    contacts = table.ask("ada", AskContacts())
    assert isinstance(contacts, ContactsAnswer)
    assert len(contacts.contacts) == 1
