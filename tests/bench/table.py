"""Figures and how they are printed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: whose, what, how much of which unit, and what it may be compared with."""

    who: str
    what: str
    value: float
    unit: str
    note: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


HEAD = "| who | what | value | note |\n| --- | --- | ---: | --- |"


def formatted(row: Row) -> str:
    """A row of the Markdown table that begins with `HEAD`."""
    return f"| {row.who} | {row.what} | {_number(row.value)} {row.unit} | {row.note} |"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
