"""The word of a peer that it holds a body: it counts where it was given, and shows nobody whose."""

from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.ids import EnvelopeId
from mesh.limits.retirements import RETIREMENTS_GATHERED_MS
from mesh.storage.connection import changes_count
from mesh.wire.envelope import decode_envelope
from mesh.wire.frames import FLAG_BACKLOG, Held, IHave, Push, Stem, join_entries
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce
from tests.engine.test_hostile import envelope


def writing() -> Joined:
    """A node that can write to somebody who is away."""
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello"))
    table.pass_time(10)
    table.stop("ada")
    table.pass_time(12)
    return table


def given(stranger: Stranger) -> list[EnvelopeId]:
    """The bodies that a peer was given."""
    return [
        decode_envelope(frame.envelope).id
        for frame in stranger.heard
        if isinstance(frame, Push | Stem)
    ]


def carriers(table: Joined) -> int:
    """Return what the author is told of who carries the last message."""
    answer = table.ask("cy", AskMessages(contact="ada", limit=1_000))
    assert isinstance(answer, MessagesAnswer)
    return answer.messages[-1].carriers


def said(*ids: EnvelopeId) -> Held:
    return Held(held=b"".join(id_[:8] for id_ in ids), refused=b"")


def vault_writes(table: Joined, *frames: Held, stranger: Stranger) -> int:
    vault = table.seats["cy"].vault
    before = changes_count(vault)
    stranger.send(*frames)
    return changes_count(vault) - before


def test_a_word_about_what_was_written_here_costs_no_commit_at_once() -> None:
    """The commit of an author told within one look whose an envelope is."""
    table = writing()
    stranger = Stranger(table, "cy")
    table.ask("cy", SendMessage("ada", "Whose is this?"))
    (written,) = given(stranger)
    foreign = envelope(1)
    Stranger(table, "cy", number=2).send(Push(foreign))
    table.pass_time(2 * RETIREMENTS_GATHERED_MS / 1000)
    assert given(stranger)[-1] == decode_envelope(foreign).id
    assert vault_writes(table, said(written), stranger=stranger) == 0
    assert carriers(table) == 0
    table.pass_time(RETIREMENTS_GATHERED_MS / 1000)
    assert carriers(table) == 1


def test_words_about_ours_about_others_and_about_nothing_lead_to_the_same_writes() -> None:
    counts: dict[str, int] = {}
    for about in ("ours", "others", "ours again"):
        table = writing()
        stranger = Stranger(table, "cy")
        table.ask("cy", SendMessage("ada", "Whose is this?"))
        Stranger(table, "cy", number=2).send(Push(envelope(1)))
        table.pass_time(30)
        written, foreign = given(stranger)
        vault = table.seats["cy"].vault
        stranger.send(said(foreign if about == "others" else written))
        before = changes_count(vault) > 0
        assert before
        commits = 0
        last = changes_count(vault)
        for _ in range(60):
            table.pass_time(0.2)
            commits += changes_count(vault) != last
            last = changes_count(vault)
        counts[about] = commits
    assert counts["ours"] == counts["others"] == counts["ours again"] == 1


def test_a_word_counts_only_where_the_body_was_given_and_once() -> None:
    table = writing()
    first = Stranger(table, "cy", number=1)
    table.ask("cy", SendMessage("ada", "Who has it?"))
    (written,) = given(first)
    liars = [Stranger(table, "cy", number=number) for number in range(2, 8)]
    for liar in liars:
        liar.send(said(written))
    table.pass_time(12)
    assert carriers(table) == 0, "none of them was given it"
    first.send(said(written))
    first.send(said(written))
    table.pass_time(12)
    assert carriers(table) == 1


def test_who_announces_as_new_what_we_wrote_carries_it_too() -> None:
    table = writing()
    giver = Stranger(table, "cy", number=1)
    table.ask("cy", SendMessage("ada", "Who has it?"))
    (written,) = given(giver)
    other = Stranger(table, "cy", number=2)
    entries = join_entries([(written, 0)])
    other.send(IHave(entries=entries, flags=FLAG_BACKLOG))
    table.pass_time(12)
    assert carriers(table) == 0, "backlog is no word of a commit"
    other.send(IHave(entries=entries, flags=0))
    other.send(IHave(entries=entries, flags=0))
    table.pass_time(12)
    assert carriers(table) == 1
