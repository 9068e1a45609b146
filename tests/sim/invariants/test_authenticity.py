"""A text that is shown without a proof breaks S1, whatever the node believes of it."""

from dataclasses import replace

import pytest

from mesh.wire.envelope import Envelope
from sim.invariants.authenticity import Authenticity
from sim.invariants.invariants import S1, BrokenInvariant
from tests.sim.invariants.test_nonce_reuse import envelope

MARKER = "c0ffee00c0ffee00"
TEXT = f"0000004 {MARKER} hello".encode()


def authenticity(node: int | None = 2) -> Authenticity:
    # The third machine is a second one of the first user.
    return Authenticity(marker=MARKER, owners=[0, 1, 0], working=lambda: node)


def test_a_letter_that_came_out_of_a_box_of_its_reader_breaks_nothing() -> None:
    proved = authenticity()
    proved.box_opened(b"\x93" + TEXT + b"\0\0")
    proved.require_opened(0, 4)
    for user, message in ((1, 4), (0, 5)):
        with pytest.raises(BrokenInvariant) as caught:
            proved.require_opened(user, message)
        assert caught.value.invariant is S1


def test_a_box_that_nobodys_engine_opened_proves_nothing() -> None:
    proved = authenticity(node=None)
    proved.box_opened(TEXT)
    with pytest.raises(BrokenInvariant, match="the tag of no box"):
        proved.require_opened(0, 4)


def test_an_envelope_that_nobody_signed_breaks_s1() -> None:
    signed: Envelope = envelope(1, 1)
    proved = authenticity()
    with pytest.raises(BrokenInvariant, match="S1: an envelope is opened that nobody signed"):
        proved.envelope_opened(replace(signed, signature=bytes(64)))
    assert proved.signatures_count == 1
