"""Settings: values of a scenario that a command replaces.

A setting is a dotted path into the scenario, such as `wire.loss` or `faults.0.share`, and the value
that it takes, or the values that it takes in turn. Another `kind` makes another table, in which
all else is as if nobody had said it; the next number of a list makes one more.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias, TypeGuard

import msgspec

from mesh.errors import UserError
from sim.schema.scenario import Scenario, scenario_from

Value: TypeAlias = bool | int | float | str

KIND: Final = "kind"
"""What says which of several tables one is."""


def with_settings(scenario: Scenario, settings: Mapping[str, Value]) -> Scenario:
    """The scenario with some of its values replaced; UserError says which cannot be."""
    if not settings:
        return scenario
    # From JSON tuples come as lists, which take another value.
    tree: object = msgspec.json.decode(msgspec.json.encode(scenario))
    for path, value in settings.items():
        _replace(tree, path, value)
    try:
        return scenario_from(tree)
    except ValueError as error:
        said = ", ".join(f"{path} = {value}" for path, value in settings.items())
        raise UserError("bad-setting", f"The scenario does not take {said}: {error}.") from None


def parse_settings(texts: Sequence[str]) -> dict[str, list[Value]]:
    """Read `path=value,value`; UserError says what is wrong."""
    settings: dict[str, list[Value]] = {}
    for text in texts:
        path, is_there, values = text.partition("=")
        if not (path and is_there and values):
            raise UserError("bad-setting", f"{text!r} is not of the form wire.loss=0,0.1.")
        settings[path.strip()] = [_parse_value(each.strip()) for each in values.split(",")]
    return settings


def text_of(value: Value) -> str:
    """A value as `parse_settings` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _replace(tree: object, path: str, value: Value) -> None:
    steps = path.split(".")
    for step, following in pairwise(steps):
        if following == KIND:
            _put(tree, step, {KIND: value}, path)
            return
        if following.isdecimal() and _is_said_in_part(tree):
            # A range of which nothing is said yet.
            tree.setdefault(step, [])
        tree = _child(tree, step, path)
    _put(tree, steps[-1], value, path)


def _put(tree: object, step: str, value: object, path: str) -> None:
    if isinstance(tree, list) and step == str(len(tree)):
        tree.append(value)
    elif _is_said_in_part(tree):
        tree[step] = value
    else:
        _child(tree, step, path)
        if isinstance(tree, dict):
            tree[step] = value
        elif isinstance(tree, list):
            tree[int(step)] = value


def _is_said_in_part(tree: object) -> TypeGuard[dict[str, object]]:
    """Say whether a table has a kind: it may not hold all its keys, and what fits is seen later."""
    return isinstance(tree, dict) and KIND in tree


def _child(tree: object, step: str, path: str) -> object:
    if isinstance(tree, dict) and step in tree:
        return tree[step]
    if isinstance(tree, list) and step.isdecimal() and int(step) < len(tree):
        return tree[int(step)]
    meant = ""
    if isinstance(tree, dict):
        known = ", ".join(tree)
        near = difflib.get_close_matches(step, tree, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
    else:
        known = f"0 to {len(tree) - 1}" if isinstance(tree, list) and tree else "nothing"
    raise UserError("bad-setting", f"In {path} there is no {step!r}{meant}; there is: {known}.")


def _parse_value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return text
