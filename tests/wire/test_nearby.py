"""Steps of people nearby: any bytes are a step, an unknown step, or a peer's fault."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.nearby import NEARBY_BOX_BYTES_MAX, NEARBY_LINK_CHARACTERS_MAX
from mesh.wire.nearby import (
    Compared,
    Declined,
    Identified,
    Invited,
    Proved,
    ProvedStep,
    Step,
    decode_proved_step,
    decode_step,
    encode_step,
)

Decode = Callable[[bytes], Step | ProvedStep | None]

steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Compared, st.integers(0, 255), st.binary(max_size=60), st.text(max_size=10)),
    st.builds(Proved, st.binary(max_size=60)),
    st.builds(Declined),
)
proved_steps: st.SearchStrategy[ProvedStep] = st.one_of(
    st.builds(Identified, st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64)),
    st.builds(Invited, st.text(max_size=60)),
)
pairs = st.one_of(
    st.tuples(steps, st.just(decode_step)), st.tuples(proved_steps, st.just(decode_proved_step))
)
decoders = st.sampled_from([decode_step, decode_proved_step])


@given(pairs)
def test_a_step_is_read_as_it_was_written(pair: tuple[Step | ProvedStep, Decode]) -> None:
    step, decode = pair
    assert decode(encode_step(step)) == step


@given(decoders, st.binary(max_size=80))
def test_any_bytes_are_a_step_or_a_fault(decode: Decode, data: bytes) -> None:
    _step_or_fault(decode, data)


@given(pairs, st.data())
def test_a_damaged_step_is_a_step_or_a_fault(
    pair: tuple[Step | ProvedStep, Decode], data: st.DataObject
) -> None:
    step, decode = pair
    encoded = bytearray(encode_step(step))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    _step_or_fault(decode, bytes(encoded))


@given(pairs, st.data())
def test_a_cut_step_is_a_fault(pair: tuple[Step | ProvedStep, Decode], data: st.DataObject) -> None:
    step, decode = pair
    encoded = encode_step(step)
    with pytest.raises(PeerError):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(pairs)
def test_fields_of_a_later_version_are_skipped(pair: tuple[Step | ProvedStep, Decode]) -> None:
    step, decode = pair
    encoded = encode_step(step)
    assert decode(bytes((encoded[0] + 1,)) + encoded[1:] + b"\xc3") == step


@pytest.mark.parametrize("decode", [decode_step, decode_proved_step])
def test_a_step_of_an_unknown_type_is_skipped(decode: Decode) -> None:
    assert decode(b"\x92\x7f\xc0") is None
    assert decode(encode_step(Invited("")) if decode is decode_step else b"\x91\x03") is None


@pytest.mark.parametrize(
    "step, decode",
    [
        (Compared(256, b"", "Ann"), decode_step),
        (Compared(1, bytes(129), "Ann"), decode_step),
        (Compared(1, b"", "a" * 65), decode_step),
        (Proved(bytes(NEARBY_BOX_BYTES_MAX + 1)), decode_step),
        (Identified(bytes(31), bytes(64)), decode_proved_step),
        (Identified(bytes(32), bytes(65)), decode_proved_step),
        (Invited("a" * (NEARBY_LINK_CHARACTERS_MAX + 1)), decode_proved_step),
    ],
)
def test_a_field_beyond_its_bound_is_a_fault(step: Step | ProvedStep, decode: Decode) -> None:
    with pytest.raises(PeerError):
        decode(encode_step(step))


def test_a_name_that_is_no_text_is_a_fault() -> None:
    encoded = msgspec.msgpack.encode([1, 16, b"", "name"])
    with pytest.raises(PeerError):
        decode_step(encoded.replace(b"name", b"n\xff\xffe"))


def _step_or_fault(decode: Decode, data: bytes) -> None:
    try:
        step = decode(data)
    except PeerError:
        return
    if step is not None:
        assert decode(encode_step(step)) == step
