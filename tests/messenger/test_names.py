"""Names: what may stand in one, and a label that nobody has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.messenger.names import checked_name, free_label, is_fair_name, is_name

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"


@pytest.mark.parametrize("letter", BIDI_CONTROLS + FILLERS + "\u200b\u200d\u00ad\ufeff\n\x00\u2028")
def test_what_hides_or_turns_text_is_in_no_name(letter: str) -> None:
    for name in (f"An{letter}n", f"{letter}Ann", f"Ann{letter}", letter):
        assert not is_name(name)
    with pytest.raises(UserError) as caught:
        checked_name(f"An{letter}n", "The label")
    assert caught.value.kind == "bad-name"
    assert str(caught.value).startswith("The label")


@pytest.mark.parametrize("name", ["Ann", "José", "Алиса", "राम", "محمد", "陈", "Ann ❤️", "O'Neil"])
def test_people_may_be_called_as_they_are(name: str) -> None:
    assert checked_name(f" {name} ", "The name") == name


@pytest.mark.parametrize(
    "name",
    [
        "✓ Bob",
        "Bob ✔️",
        "☑ Bob",
        "Bob ✅",
        "🔒 Bob",
        "Bob (verified)",
        "Bob [VERIFIED]",
        "Bob · Verified",
        "Bob (v\u0435r\u0456fied)",
        "Bob (veriﬁed)",
        "Bob ｛ｖｅｒｉｆｉｅｄ｝",
        "Bob (known)",
        "Bob (first seen)",
        "Bob [blocked]",
        "√ Bob",
        "✖ Bob",
        "Bob (verifled)",
        "Bob (ver1fied)",
        "Bob · verif1ed",
        "Bob ver|fied",
        "Bob (ᴠᴇʀɪꜰɪᴇᴅ)",
        "Bob 🅅🄴🅁🄸🄵🄸🄴🄳",
        "Bob 🆅🅴🆁🅸🅵🅸🅴🅳",
        "Bob 🅥🅔🅡🅘🅕🅘🅔🅓",
        "Bob (Ꮩеrіfіеd)",
        "Bob (𝐯𝐞𝐫𝐢𝐟𝐢𝐞𝐝)",
        "Bob (v e r i f i e d)",
        "Bob (first  seen)",
        "Bob (first-seen)",
        "Bob ( known )",
        "Bob (kn0wn)",
        "Bob 【known】",
        "Bob «new keys»",
        "Bob (b1ocked)",
        "\U00010102 Bob",
        "Bob \u26bf",
        "Bob \u26e8",
        "Bob (\u1d20\u1d07\u0280\u026a\u0493\u026a\u1d07\u1d05)",
        "Bob veri\u0493ied",
    ],
)
def test_no_name_imitates_a_mark(name: str) -> None:
    assert not is_fair_name(name)
    with pytest.raises(UserError, match="which only Mesh sets"):
        checked_name(name, "The label")


@pytest.mark.parametrize(
    "name",
    [
        "Bob (work)",
        "Unverified",
        "Known Unknown",
        "Ann 🚲🌧️",
        "X",
        "Ann 1",
        "W|M",
        "Seen (first)",
        "(un)known",
        "Ann (((",
    ],
)
def test_what_looks_like_no_mark_is_a_name(name: str) -> None:
    assert is_fair_name(name)
    assert checked_name(name, "The label") == name


@given(wanted=st.text(min_size=1, max_size=80), taken=st.lists(st.text(max_size=80)))
def test_a_free_label_is_free_and_fits(wanted: str, taken: list[str]) -> None:
    wanted = wanted.encode(errors="replace")[:NAME_BYTES_MAX].decode(errors="ignore")
    label = free_label(wanted, taken.__contains__)
    assert label not in taken
    assert len(label.encode()) <= NAME_BYTES_MAX
