"""The errors of a scenario, in a sentence: which key, what it takes, what was perhaps meant.

A scenario is decoded strictly by its types. Where that fails, the same types are walked beside the
tables of the file until the first value is found that does not fit.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import inspect

NEVER_REVERSED: Final = ("area_m", "flaps_s")
"""Pairs of numbers that are not the two ends of a range."""


def find_error(tables: object, kind: type[msgspec.Struct]) -> str | None:
    """The first thing that is wrong with these tables; None if they fit."""
    return _find(tables, _type_of(kind), "")


@lru_cache
def _type_of(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def _find(value: object, kind: inspect.Type, path: str) -> str | None:
    match kind:
        case inspect.StructType():
            return _find_in_table(value, kind, path)
        case inspect.UnionType():
            return _find_in_union(value, kind, path)
        case inspect.TupleType(item_types=items):
            if not isinstance(value, list) or len(value) != len(items):
                return f"{path} must be a list of {len(items)}, and is {_shown(value)}"
            return _find_in_items(value, items, path) or _find_reversed(value, path)
        case inspect.VarTupleType(item_type=item):
            if not isinstance(value, list):
                return f"{path} must be a list, and is {_shown(value)}"
            if kind.min_length is not None and len(value) < kind.min_length:
                return f"{path} must have {kind.min_length} members at least"
            return _find_in_items(value, [item] * len(value), path)
        case inspect.LiteralType(values=values):
            if value in values:
                return None
            if str(value) in map(str, values):
                other = "without quotes" if isinstance(value, str) else "in quotes"
                return f"{path} = {_shown(value)} must be written {other}"
            allowed = [str(each) for each in values]
            return f"{path} = {_shown(value)} is none of {', '.join(allowed)}" + _meant(
                value, allowed
            )
        case inspect.IntType() | inspect.FloatType():
            return _find_in_number(value, kind, path)
        case inspect.StrType():
            return None if isinstance(value, str) else f"{path} must be a text in quotes"
        case inspect.BoolType():
            is_fitting = isinstance(value, bool)
            return None if is_fitting else f"{path} must be true or false, and is {_shown(value)}"
        case _:
            return None


def _find_in_table(value: object, kind: inspect.StructType, path: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{path or 'a scenario'} must be a table, and is {_shown(value)}"
    fields = {field.encode_name: field for field in kind.fields}
    known = [*fields, *([kind.tag_field] if kind.tag_field else [])]
    for key in value:
        if key not in known:
            place = f"in {path} " if path else ""
            names = ", ".join(sorted(known))
            return f"{place}there is no key {key!r}{_meant(key, known)}; there are: {names}"
    for name, field in fields.items():
        here = f"{path}.{name}" if path else name
        if name not in value:
            if field.required:
                return f"{here} is missing"
            continue
        complaint = _find(value[name], field.type, here)
        if complaint is not None:
            return complaint
    return None


def _find_in_union(value: object, kind: inspect.UnionType, path: str) -> str | None:
    if value is None and any(isinstance(each, inspect.NoneType) for each in kind.types):
        return None
    tables = [each for each in kind.types if isinstance(each, inspect.StructType)]
    tagged = {str(each.tag): each for each in tables if each.tag is not None}
    if isinstance(value, Mapping) and tagged:
        tag_field = next(iter(tagged.values())).tag_field
        assert tag_field is not None
        if tag_field not in value:
            return f"{path} must say its {tag_field}: one of {', '.join(sorted(tagged))}"
        tag = value[tag_field]
        chosen = tagged.get(tag) if isinstance(tag, str) else None
        if chosen is None:
            said = f"{path}.{tag_field} = {_shown(tag)}"
            return f"{said} is none of {', '.join(sorted(tagged))}" + _meant(tag, tagged)
        return _find_in_table(value, chosen, path)
    if isinstance(value, Mapping) and tables:
        return _find_in_table(value, tables[0], path)
    others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    complaints = [_find(value, each, path) for each in others]
    return None if None in complaints else complaints[0]


def _find_in_items(
    values: Sequence[object], kinds: Sequence[inspect.Type], path: str
) -> str | None:
    for number, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        complaint = _find(value, kind, f"{path}[{number}]")
        if complaint is not None:
            return complaint
    return None


def _find_in_number(
    value: object, kind: inspect.IntType | inspect.FloatType, path: str
) -> str | None:
    is_whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return f"{path} must be a {'whole ' if is_whole else ''}number, and is {_shown(value)}"
    if not math.isfinite(value):
        return f"{path} must be a number that ends, and is {value}"
    limits = [
        (kind.ge is None or value >= kind.ge, f"{kind.ge} at least"),
        (kind.gt is None or value > kind.gt, f"more than {kind.gt}"),
        (kind.le is None or value <= kind.le, f"{kind.le} at most"),
        (kind.lt is None or value < kind.lt, f"less than {kind.lt}"),
    ]
    for is_kept, limit in limits:
        if not is_kept:
            return f"{path} must be {limit}, and is {value}"
    return None


def _find_reversed(value: Sequence[object], path: str) -> str | None:
    """A range that ends before it begins."""
    name = path.rpartition(".")[2]
    if len(value) != 2 or name in NEVER_REVERSED:
        return None
    first, last = value
    if isinstance(first, int | float) and isinstance(last, int | float) and first > last:
        return f"{path} = [{first}, {last}] ends before it begins"
    return None


def _meant(word: object, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
