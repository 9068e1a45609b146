"""The rules of what counts and of what entries may, each with the line that keeps it."""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType

from mesh.group import cuts, graph, members, membership, rights, solving


@dataclass(frozen=True)
class Fault:
    """A rule, and the line without which it is not kept."""

    rule: str
    module: ModuleType
    line: str
    instead: str


FAULTS = [
    Fault(
        "who created the group is an owner",
        members,
        "if person.created & acts and not steps:",
        "if False:",
    ),
    Fault(
        "who steps down is no owner",
        members,
        "if person.created & acts and not steps:",
        "if person.created & acts:",
    ),
    Fault(
        "who steps down after a gift is no owner",
        members,
        "any(not steps & ~gift.ancestors for",
        "any(True for",
    ),
    Fault(
        "who is made an owner again after stepping down is one",
        members,
        "any(not steps & ~gift.ancestors for",
        "any(not steps for",
    ),
    Fault(
        "who left is no owner",
        members,
        "if person.leaves & acts:\n            return False\n        steps",
        "if False:\n            return False\n        steps",
    ),
    Fault("of several last roles the least holds", members, "min(min(act.role", "min(max(act.role"),
    Fault(
        "a role holds until another one follows it",
        members,
        "last = self.graph.latest(roles)",
        "last = list(self.graph.of(roles))",
    ),
    Fault(
        "who was removed is gone",
        members,
        "if (person.removals | person.leaves) & acts:",
        "if person.leaves & acts:",
    ),
    Fault(
        "who left is gone",
        members,
        "if (person.removals | person.leaves) & acts:",
        "if person.removals & acts:",
    ),
    Fault(
        "who was never added is not in",
        members,
        "return bool((person.created | person.adds | person.given) & acts)",
        "return True",
    ),
    Fault(
        "who was given a role is in",
        members,
        "(person.created | person.adds | person.given)",
        "(person.created | person.adds)",
    ),
    Fault(
        "the last value of a setting holds",
        members,
        "last = self.graph.latest(setters)",
        "last = list(self.graph.of(setters))",
    ),
    Fault(
        "of two values the higher role's holds",
        members,
        "return view.role(act.author), act.operation.id",
        "return Role.MEMBER, act.operation.id",
    ),
    Fault(
        "of two values of one rank the greater id's holds",
        members,
        "key=self._authority, reverse=True",
        "key=lambda act: self._authority(act)[0], reverse=True",
    ),
    Fault(
        "a member is in by an add that counts",
        members,
        "records if act & self.acts), None)",
        "records), None)",
    ),
    Fault("makers are ranked by role", members, "(-member.role, member.order)", "member.order"),
    Fault(
        "makers of one role are ranked by admission",
        members,
        "(-member.role, member.order)",
        "(-member.role, member.key)",
    ),
    Fault("who is not in does nothing", solving, "if not view.is_in(act.author):", "if False:"),
    Fault(
        "nothing is done to who was never added",
        solving,
        "if act.target is not None and not _is_known",
        "if False and not _is_known",
    ),
    Fault(
        "who was added in vain may be given a role",
        solving,
        "not _is_known(act.about, act.ancestors)",
        "not _is_known(act.about, view.acts)",
    ),
    Fault(
        "one's own role only goes down",
        solving,
        "return role < view.role(act.author)",
        "return True",
    ),
    Fault(
        "only owners give roles",
        solving,
        "if not view.is_owner(act.author):\n                return False\n            return role",
        "if view.role(act.author) < 1:\n                return False\n            return role",
    ),
    Fault(
        "an owner is not removed by an owner",
        solving,
        "if view.is_owner(act.target):\n        return False\n    gifts",
        "if False:\n        return False\n    gifts",
    ),
    Fault(
        "a gift of ownership stands against a removal beside it",
        solving,
        "return not gifts or not gifts & view.graph.besides(act)",
        "return True",
    ),
    Fault(
        "plain members remove nobody",
        solving,
        "Role.ADMIN:\n        return False\n    if view.role(act.target)",
        "-1:\n        return False\n    if view.role(act.target)",
    ),
    Fault(
        "an admin removes plain members only",
        solving,
        "if view.role(act.target) > Role.MEMBER:\n        return False",
        "if False:\n        return False",
    ),
    Fault(
        "an owner who raises somebody stands against his removal beside it",
        solving,
        "if raises and raises & view.graph.besides(act):",
        "if False:",
    ),
    Fault(
        "a removal by who fell is void",
        solving,
        "return not _is_revoked(view.graph, act, Role.ADMIN, counting)",
        "return True",
    ),
    Fault(
        "plain members set nothing",
        solving,
        "if view.role(act.author) < Role.ADMIN:\n                return False",
        "if False:\n                return False",
    ),
    Fault(
        "a setting by who fell is void",
        solving,
        "return not _is_revoked(graph, act, Role.ADMIN, counting)",
        "return True",
    ),
    Fault("who may not add adds nobody", solving, "if view.role(act.author) < need:", "if False:"),
    Fault(
        "members add where it is so set",
        solving,
        'is_admins = (view.setting("add") or ADD_DEFAULT) == "admins"',
        "is_admins = True",
    ),
    Fault(
        "an add by who fell is void",
        solving,
        "return not _is_revoked(graph, act, need, counting)",
        "return True",
    ),
    Fault(
        "what an owner adds or sets is not void by anything",
        solving,
        "view.is_owner(act.author):\n                return True\n            need = adding_role",
        "False:\n                return True\n            need = adding_role",
    ),
    Fault("who is removed falls", solving, "ending = act.by.removals", "ending = 0"),
    Fault("who is lowered falls", solving, "ending |= act.by.lowerings", "pass"),
    Fault(
        "who is lowered adds on where members add",
        solving,
        "if need > Role.MEMBER:\n        ending",
        "if True:\n        ending",
    ),
    Fault(
        "who knew of his fall and was raised again acts on",
        solving,
        "ending &= counting & ~act.ancestors",
        "ending &= counting",
    ),
    Fault(
        "a void removal makes nobody fall",
        solving,
        "ending &= counting & ~act.ancestors",
        "ending &= ~act.ancestors",
    ),
    Fault(
        "what the remover knew stays",
        graph,
        "return act.ancestors\n        found",
        "return 0\n        found",
    ),
    Fault("what an undo does not name is void", graph, "if act.undo is None:", "if True:"),
    Fault(
        "what an undo names stays, with all before it",
        graph,
        "self.closure(known) & act.ancestors",
        "0",
    ),
    Fault(
        "rounds go on until nothing changes",
        solving,
        "for _ in range(SOLVE_ROUNDS_MAX):",
        "for _ in range(1):",
    ),
    Fault(
        "an act is judged anew when what it rests on changed",
        solving,
        "return act.ancestors | by.removals | by.lowerings | about.gifts | about.raises",
        "return act.ancestors",
    ),
    Fault(
        "of a removal each person is judged alone",
        membership,
        "            if counts(self.graph, act, counting):",
        "            if all(counts(self.graph, each, counting) for each in self.graph.of(acts)):",
    ),
    Fault(
        "what undoes something is solved anew",
        membership,
        "return own if follows_all and not undoes else 0",
        "return own if follows_all else 0",
    ),
    Fault(
        "what stands beside others is solved anew",
        membership,
        "return own if follows_all and not undoes else 0",
        "return own if not undoes else 0",
    ),
    Fault(
        "an entry is judged by what it names",
        membership,
        "return View(self.graph, self._counting_among(self.graph.closure(operations)))",
        "return self.now(operations)",
    ),
    Fault(
        "an entry is judged by all that is known as well",
        membership,
        "now=self.now(operations)",
        "now=self.named(operations)",
    ),
    Fault(
        "what an entry names does not end it",
        membership,
        "counting=self._solution.acts & ~acts",
        "counting=self._solution.acts",
    ),
    Fault(
        "a void removal ends nothing",
        membership,
        "counting=self._solution.acts & ~acts",
        "counting=self.graph.all & ~acts",
    ),
    Fault(
        "who is removed is ended",
        rights,
        "acts = person.removals & counting\n    if need",
        "acts = 0\n    if need",
    ),
    Fault("who is lowered is ended", rights, "acts |= person.lowerings & counting", "pass"),
    Fault(
        "who is lowered writes on as a member",
        rights,
        "if need > Role.MEMBER:\n        acts",
        "if True:\n        acts",
    ),
    Fault(
        "who gives up a role himself is not ended",
        graph,
        "if act.target == act.author:\n            target.steps |= bit\n            return",
        "if act.target == act.author:\n            target.steps |= bit",
    ),
    Fault(
        "of one remover the last word holds",
        rights,
        "if not followed.get(act.author, 0) & act.bit:",
        "if True:",
    ),
    Fault(
        "of several removers all hold",
        rights,
        "followed[act.author] = followed.get(act.author, 0) | act.ancestors",
        "followed[act.author] = -1",
    ),
    Fault("a number used twice is not covered", rights, "not is_twin and is_covered", "is_covered"),
    Fault(
        "holes are not covered",
        cuts,
        "return number < self.below and not (at and number < self.holes[at - 1].end)",
        "return number < self.below",
    ),
    Fault(
        "what came later is not covered",
        cuts,
        "return number < self.below and not (",
        "return not (",
    ),
    Fault(
        "other runs are not covered",
        cuts,
        "any(each.run == run and each.has(number)",
        "any(each.has(number)",
    ),
    Fault(
        "one's own words are taken back always",
        rights,
        "if self.deed is Deed.RETRACT:",
        "if False:",
    ),
    Fault(
        "in a closed group nobody writes",
        rights,
        'if deed is not Deed.RETRACT and view.setting("closed") == "yes":',
        "if False:",
    ),
    Fault(
        "in a closed group one's words are taken back",
        rights,
        'if deed is not Deed.RETRACT and view.setting("closed") == "yes":',
        'if view.setting("closed") == "yes":',
    ),
    Fault(
        "the timer is the admins'",
        rights,
        "_ADMINS_BY_DEFAULT: Final = (Deed.TIMER,)",
        "_ADMINS_BY_DEFAULT: Final = ()",
    ),
    Fault(
        "who may not write, does not",
        rights,
        "return view.role(key) >= role_needed(view, deed)",
        "return True",
    ),
]


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Run the module with another line in place of the one that keeps a rule."""
    source = inspect.getsource(fault.module)
    assert source.count(fault.line) == 1, fault.rule
    changed = ModuleType(fault.module.__name__)
    exec(compile(source.replace(fault.line, fault.instead), "planted", "exec"), changed.__dict__)
    kept = {name: getattr(fault.module, name) for name in constants(fault.module)}
    codes = [(one, one.__code__, other.__code__) for one, other in pairs(fault.module, changed)]
    for one, _, code in codes:
        one.__code__ = code
    for name in kept:
        setattr(fault.module, name, getattr(changed, name))
    try:
        yield
    finally:
        for one, code, _ in codes:
            one.__code__ = code
        for name, value in kept.items():
            setattr(fault.module, name, value)


def constants(module: ModuleType) -> list[str]:
    """Return the names of a module's values that are no functions and classes."""
    return [name for name in ("_ABOUT", "_ADMINS_BY_DEFAULT") if hasattr(module, name)]


def pairs(one: ModuleType, other: ModuleType) -> Iterator[tuple[FunctionType, FunctionType]]:
    """Yield the functions and methods that a module defines, each with its changed one."""
    for name, value in vars(one).items():
        if getattr(value, "__module__", None) != one.__name__:
            continue
        if isinstance(value, FunctionType):
            yield value, getattr(other, name)
        elif isinstance(value, type):
            for key, method in vars(value).items():
                if isinstance(method, FunctionType) and method.__code__.co_filename == one.__file__:
                    yield method, vars(getattr(other, name))[key]


@contextmanager
def without(*rules: str) -> Iterator[None]:
    """Take rules away by the names that they have above."""
    by_name = {fault.rule: fault for fault in FAULTS}
    with ExitStack() as planted_ones:
        for rule in rules:
            planted_ones.enter_context(planted(by_name[rule]))
        yield
