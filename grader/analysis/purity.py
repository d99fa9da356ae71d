"""Answers whose result depends on the clock or on how often they were called, and not on their arguments alone.

The clock counts in functions that an answer uses, and where it decides something; a variable where calls change it and
it decides something. One that is used as a cache is, by keys that depend on the arguments, decides nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from grader.analysis.introspection_rules import CHANGES, CLOCK, COUNT, ITERATORS, TIMES
from grader.analysis.program import Flags, Program
from grader.analysis.scopes import (
    TIME,
    Definition,
    Flow,
    Function,
    Scope,
    Value,
    defaults_of,
    keys_in,
    own_nodes,
    parameters_of,
    root_of,
    targets_of,
)


class Variable(NamedTuple):
    """A variable that outlives a call: the scope it belongs to, and its name, or "name.attribute" of what it holds."""

    holder: Scope
    key: str

    @property
    def name(self) -> str:
        return self.key.partition(".")[0]


class Change(NamedTuple):
    """Where a function changes a variable. how: "name", "default", "function" (its attribute), "object", "next"."""

    variable: Variable
    node: ast.AST
    how: str


class Purity:
    """Looks at the functions of answers, and of those that they use."""

    def __init__(self, program: Program, flags: Flags) -> None:
        self.program, self.flags = program, flags
        self.times = {node for scope in program.scopes for node in scope.nodes if self._is_time(node, scope)}
        functions = [scope for scope in program.reached if isinstance(scope.node, Function)]
        self.flows = {scope: Flow(scope.node, self.times) for scope in functions}

    def look(self) -> None:
        """Flag what is not pure."""
        self._clock()
        self._counts()

    def _is_time(self, node: ast.AST, scope: Scope) -> bool:
        """Whether a node looks at the clock, or is the function that does."""
        match node:
            case ast.Name() | ast.Attribute():
                return any(map(TIMES.fullmatch, self.program.paths(node, scope)))
            case ast.Call(func=function, args=arguments):
                texts = {one.value for one in arguments if isinstance(one, ast.Constant)} & {"now", "today"}
                called = self.program.paths(function, scope) if texts else set()
                return bool(called & {"numpy.datetime64", "pandas.Timestamp"})
        return False

    def _clock(self) -> None:
        late = self._depending_on_the_clock()
        for scope, flow in self.flows.items():
            if flow.reaches(late - set(scope.bound)) & flow.decisive:
                looks = [node for node in ast.walk(scope.node) if node in self.times]
                names = [node for node in ast.walk(scope.node) if isinstance(node, ast.Name) and node.id in late]
                for node in looks or names[:1]:
                    self.flags.add(node, CLOCK, ast.unparse(node))

    def _depending_on_the_clock(self) -> set[str]:
        """The names of the notebook whose value, or what they return, depends on the clock; and TIME."""
        late = {TIME}
        while new := {
            name
            for name, values in self.program.top.bound.items()
            if name not in late and any(isinstance(one, Value) and self._is_late(one, late) for one in values)
        }:
            late |= new
        return late

    def _is_late(self, value: Value, late: set[str]) -> bool:
        if isinstance(value.node, Function):
            scope = self.program.scope_of[value.node]
            flow = self.flows.get(scope)
            return flow is not None and bool(flow.reaches(late - set(scope.bound)) & flow.returned)
        return not isinstance(value.node, ast.ClassDef) and bool(keys_in(value.node, self.times) & late)

    # --- variables that calls change ------------------------------------------------------------------------------

    def _counts(self) -> None:
        changed: dict[Variable, list[Change]] = defaultdict(list)
        for scope in self.flows:
            for node in scope.nodes:
                for change in self._changes(node, scope):
                    changed[change.variable].append(change)
        for variable, changes in changed.items():
            kinds = {change.how for change in changes}
            uses = self._uses(variable)
            if "next" not in kinds and uses and all(map(self._as_cache, uses)):
                continue
            if kinds & {"default", "function", "next"} or self._decides(variable):
                for change in changes:
                    self.flags.add(change.node, COUNT, variable.key)

    def _decides(self, variable: Variable) -> bool:
        """Whether what a function does or returns depends on a variable."""
        return any(
            flow.reaches({variable.key}) & (flow.decisive | flow.returned)
            for scope, flow in self.flows.items()
            if scope.holder(variable.name) is variable.holder
        )

    def _changes(self, node: ast.AST, scope: Scope) -> Iterator[Change]:
        """What a node of a function changes that outlives the call."""
        targets, by_next = self._touched(node, scope)
        for target in targets:
            match target:
                case ast.Subscript(value=ast.Call(func=function)) if "builtins.globals" in self.program.paths(
                    function, scope
                ):
                    self.flags.add(node, COUNT, "globals()")
            if found := self._outliving(target, scope):
                variable, how = found
                yield Change(variable, node, "next" if by_next and how != "name" else how)

    def _touched(self, node: ast.AST, scope: Scope) -> tuple[list[ast.expr], bool]:
        """What a node binds or changes, and whether it takes the next of an iterator."""
        touched = [target for target, _ in targets_of(node)]
        match node:
            case ast.For(iter=ast.Name() as iterator) | ast.comprehension(iter=ast.Name() as iterator):
                if any(self._is_iterator(value) for value in self.program.values(iterator.id, scope)):
                    return [*touched, ast.Attribute(iterator, "__next__", ast.Load())], True
            case ast.Delete(targets=targets):
                return [*touched, *targets], False
            case ast.Call(func=ast.Attribute(value=thing, attr=method)) if method in CHANGES:
                return [*touched, ast.Attribute(thing, method, ast.Load())], method in ("__next__", "send")
            case ast.Call(func=function, args=[thing, *others]):
                called = self.program.paths(function, scope)
                by_next = bool(called & {"builtins.next", "builtins.anext"})
                if called & {"builtins.setattr", "builtins.delattr"} and others:
                    names = self.program.strings(others[0], scope) or {"?"}
                    touched += [ast.Attribute(thing, name, ast.Store()) for name in names]
                elif by_next or called & {"operator.setitem", "operator.iadd"}:
                    touched.append(ast.Attribute(thing, "__next__", ast.Load()))
                return touched, by_next
        return touched, False

    def _outliving(self, target: ast.expr, scope: Scope) -> tuple[Variable, str] | None:
        """The variable that a target is, or is in, and how it is changed; None where it does not outlive the call."""
        root = root_of(target)
        if root is None or self.program.paths(root, scope):
            return None
        holder = scope.holder(root.id)
        if holder is None:
            return None
        if isinstance(target, ast.Name):
            declared = root.id in scope.of_notebook | scope.of_outer
            return (Variable(holder, root.id), "name") if declared and self._lasts(holder, scope) else None
        first = _first_attribute(target, root)
        if holder is scope:
            return self._in_parameter(root.id, first, scope)
        if not self._lasts(holder, scope):
            return None
        nodes = [value.node for value in self.program.values(root.id, scope)]
        if first and any(isinstance(node, Definition) for node in nodes):
            how = "function" if any(isinstance(node, Function) for node in nodes) else "object"
            return Variable(holder, f"{root.id}.{first}"), how
        return Variable(holder, root.id), "object"

    def _in_parameter(self, name: str, attribute: str, scope: Scope) -> tuple[Variable, str] | None:
        """The same of what a parameter holds: a default that is made once, or the object of a method."""
        if not isinstance(scope.node, Function):
            return None
        default = defaults_of(scope.node).get(name)
        if default is not None and _is_mutable(default):
            return Variable(scope, name), "default"
        if self._outlives(scope) and name == next(iter(parameters_of(scope.node)), "") and attribute:
            return Variable(scope, f"{name}.{attribute}"), "object"
        return None

    def _lasts(self, holder: Scope, scope: Scope) -> bool:
        """Whether a variable of `holder` outlives a call of `scope`: it is the notebook's, or that of a function that
        returns the inner one."""
        if holder is self.program.top:
            return True
        if not isinstance(holder.node, Function):
            return False
        inner = scope
        while inner.outer is not holder and inner.outer is not None:
            inner = inner.outer
        name = getattr(inner.node, "name", "")
        for node in ast.walk(holder.node):
            if isinstance(node, ast.Return) and node.value is not None:
                for one in ast.walk(node.value):
                    above = self.program.parent.get(one)
                    called = isinstance(above, ast.Call) and above.func is one
                    if one is inner.node or isinstance(one, ast.Name) and one.id == name and not called:
                        return True
        return isinstance(holder.node, ast.Lambda) and holder.node.body is inner.node

    def _outlives(self, scope: Scope) -> bool:
        """Whether a function is a method, and what it is called on outlives the call: an answer in itself, as
        `double = Double()` or `double = Double().method`, or a class."""
        function = scope.node
        in_class = scope.outer is not None and isinstance(scope.outer.node, ast.ClassDef)
        if not in_class or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
        decorators = [one.id for one in function.decorator_list if isinstance(one, ast.Name)]
        return function.name == "__call__" or "classmethod" in decorators or function.name in self.program.methods

    def _is_iterator(self, value: Value) -> bool:
        """Whether an expression makes an iterator, which goes on where it stopped: `itertools.count()`, a generator."""
        if not isinstance(value.node, ast.Call):
            return False
        function, scope = value.node.func, value.scope
        if any(map(ITERATORS.fullmatch, self.program.paths(function, scope))):
            return True
        made_by = self.program.values(function.id, scope) if isinstance(function, ast.Name) else []
        functions = [one.node for one in made_by if isinstance(one.node, Function)]
        return any(isinstance(node, ast.Yield) for one in functions for node in own_nodes(one))

    def _uses(self, variable: Variable) -> list[ast.AST]:
        """Where functions of answers use a variable: its name, or the attribute of it that is meant."""
        found: list[ast.AST] = []
        for scope in self.flows:
            if scope.holder(variable.name) is not variable.holder:
                continue
            for node in scope.nodes:
                if isinstance(node, ast.Name) and node.id == variable.name:
                    above = self.program.parent.get(node)
                    if variable.key == variable.name:
                        found.append(node)
                    elif isinstance(above, ast.Attribute) and f"{variable.name}.{above.attr}" == variable.key:
                        found.append(above)
        return found

    def _as_cache(self, use: ast.AST) -> bool:
        """Whether this use of a container is that of a cache: by a key that depends on the arguments."""
        above = self.program.parent.get(use)
        match above:
            case ast.Subscript(value=value, slice=key) if value is use:
                return not isinstance(key, ast.Constant) and not isinstance(
                    self.program.parent.get(above), ast.AugAssign
                )
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()]):
                return not isinstance(key, ast.Constant) and key is not use
            case ast.Attribute(attr="get" | "setdefault"):
                call = self.program.parent.get(above)
                return isinstance(call, ast.Call) and bool(call.args) and not isinstance(call.args[0], ast.Constant)
            case ast.Call(args=arguments) if any(one is use for one in arguments):
                return isinstance(above.func, ast.Name) and not hasattr(builtins, above.func.id)
            case ast.keyword():
                return True
        return False


def _first_attribute(target: ast.AST, root: ast.Name) -> str:
    """`count` of `state.count[0]`."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        if target.value is root:
            return target.attr if isinstance(target, ast.Attribute) and target.attr not in CHANGES else ""
        target = target.value
    return ""


def _is_mutable(default: ast.expr) -> bool:
    return not isinstance(default, ast.Constant | ast.Name | ast.Attribute | ast.Lambda | ast.UnaryOp | ast.Tuple)
