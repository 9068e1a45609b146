"""The end of a comparison: no more is said than is known by then."""

from collections.abc import Iterator

import msgspec
import pytest

from mesh.cli.commands.compare import see_through
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.errors import UserError
from tests.api.small_people import EMOJI, NUMBERS

CLEO = NearbyPersonAnswer(id=2, name="Cleo", state="asked by us")


def stepped(state: str, *, contact: int = 0) -> NearbyPersonAnswer:
    return msgspec.structs.replace(CLEO, state=state, emoji=EMOJI, numbers=NUMBERS, contact=contact)


def carry(*steps: NearbyPersonAnswer, verdict: bool = True, confirmed: str = "compare") -> None:
    """Play the steps of the other side; `confirmed`: where it stands after our verdict."""

    def played() -> Iterator[NearbyPersonAnswer]:
        yield from steps

    see_through(
        Terminal(Choices()),
        CLEO,
        who="Cleo",
        confirm=lambda is_equal: stepped(confirmed),
        steps=played(),
        verdict=verdict,
        is_settled=lambda told: told.state == "failed" or told.contact != 0,
    )


def test_nobody_is_called_verified_before_they_are_a_contact(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UserError) as caught:
        carry(stepped("compare"), stepped("matched"))
    assert caught.value.kind == "timeout"
    assert "is verified" not in capsys.readouterr().err
    carry(stepped("compare"), stepped("matched"), stepped("matched", contact=7))
    assert "You and Cleo see the same: Cleo is verified." in capsys.readouterr().err


def test_a_match_of_which_no_contact_came_has_failed() -> None:
    with pytest.raises(UserError, match="came to nothing") as caught:
        carry(stepped("compare"), stepped("matched"), stepped("failed"))
    assert caught.value.kind == "comparison-failed"


def test_who_never_took_it_up_is_not_said_to_see_something_else() -> None:
    with pytest.raises(UserError, match="before there was anything to see") as caught:
        carry(msgspec.structs.replace(CLEO, state="failed"))
    assert "do not see the same" not in str(caught.value)


def test_only_who_says_so_is_said_to_see_something_else() -> None:
    with pytest.raises(UserError, match="do not see the same, as you say"):
        carry(stepped("compare"), verdict=False, confirmed="failed")
    says_no = msgspec.structs.replace(stepped("failed"), failure="said there")
    for steps in ((stepped("compare"), says_no), (stepped("compare"), stepped("compare"), says_no)):
        with pytest.raises(UserError, match="Cleo says that it differs: do not trust this key"):
            carry(*steps)
    with pytest.raises(UserError, match="before there was anything to see"):
        carry(says_no)
    with pytest.raises(UserError, match="If they see something else"):
        carry(stepped("compare"), stepped("failed"))
