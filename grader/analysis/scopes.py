"""Scopes: what the code of a notebook binds, and which names of a function depend on which (its data flow)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from grader.analysis.cells import TooDeep, Unreadable, tree

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = Function | ast.ClassDef
TIME = "<time>"  # stands for a look at the clock among the names of an expression


def statements(source: str, depth: int = 0) -> list[ast.stmt]:
    """The statements of a cell, and after them those that it holds as text: of a cell magic, of an eval. [] where it is
    no Python, which cannot run either."""
    try:
        body = tree(source).body
    except TooDeep:
        raise
    except Unreadable:
        return []
    inner: list[ast.stmt] = []
    for node in [one for statement in body for one in ast.walk(statement)] if depth < 4 else []:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_cell_magic"),
                args=[_, _, ast.Constant(value=str(text))],
            ):
                inner += _placed(statements(text, depth + 1), node.lineno)
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic"),
                args=[_, ast.Constant(value=str(text))],
            ):
                words = text.split(" ")  # of which the first may be options
                tries = (statements(" ".join(words[first:]), depth + 1) for first in range(min(6, len(words))))
                inner += _placed(next(filter(None, tries), []), node.lineno - 1)
            case ast.Call(
                func=ast.Name(id="eval" | "exec" | "compile")
                | ast.Attribute(attr="eval" | "exec" | "run_cell" | "ex" | "ev" | "run_code"),
                args=[ast.Constant(value=str(text)), *_],
            ):
                inner += _placed(statements(text, depth + 1), node.lineno, flat=True)
    return body + inner


def _placed(body: list[ast.stmt], line: int, flat: bool = False) -> list[ast.stmt]:
    """The statements, moved down by so many lines, or all on that line."""
    for node in (one for statement in body for one in ast.walk(statement)):
        if hasattr(node, "lineno"):
            node.lineno = line if flat else node.lineno + line
    return body


def own_nodes(scope: Definition | ast.Module) -> Iterator[ast.AST]:
    """What is evaluated in a scope, without what the functions and classes defined in it hold."""
    waiting: list[ast.AST] = [scope.body] if isinstance(scope, ast.Lambda) else list(scope.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Definition):
            waiting += getattr(node, "decorator_list", [])
            waiting += [*node.bases, *node.keywords] if isinstance(node, ast.ClassDef) else defaults_of(node).values()
        else:
            waiting += ast.iter_child_nodes(node)


def defaults_of(function: Function) -> dict[str, ast.expr]:
    """{parameter: its default}."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    found = {one.arg: value for one, value in zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True)}
    return found | {one.arg: v for one, v in zip(args.kwonlyargs, args.kw_defaults, strict=True) if v is not None}


def parameters_of(function: Function) -> list[str]:
    """The names of a function's parameters, in their order."""
    args = function.args
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [one.arg for one in every if one]


def targets_of(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """(target, value) of what a node binds. The value is what the target is, or what it is made from: see `_exact`."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            pairs = [(target, value)]
        case ast.AugAssign(target=target, value=value):
            pairs = [(target, value)]
        case ast.For(target=target, iter=values) | ast.AsyncFor(target=target, iter=values):
            pairs = _one_by_one(target, values)
        case ast.comprehension(target=target, iter=values):
            pairs = _one_by_one(target, values)
        case ast.withitem(optional_vars=ast.expr() as target, context_expr=value):
            pairs = [(target, value)]
        case _:
            return []
    flat = []
    while pairs:
        target, value = pairs.pop()
        if isinstance(target, ast.Starred):
            pairs.append((target.value, value))
        elif isinstance(target, ast.Tuple | ast.List):
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            same = parts if len(parts) == len(target.elts) else [value] * len(target.elts)
            pairs += zip(target.elts, same, strict=True)
        else:
            flat.append((target, value))
    return flat


def _exact(node: ast.AST, value: ast.expr) -> bool:
    """Whether a target that a node binds is the value, and no part or sum of it."""
    match node:
        case ast.Assign(targets=[*targets], value=whole):
            return whole is not value or not any(isinstance(one, ast.Tuple | ast.List) for one in targets)
        case ast.For(iter=values) | ast.AsyncFor(iter=values) | ast.comprehension(iter=values):
            return values is not value
    return not isinstance(node, ast.AugAssign)


def _one_by_one(target: ast.expr, values: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """What a loop binds: each element, where they are written out."""
    each = values.elts if isinstance(values, ast.Tuple | ast.List | ast.Set) else [values]
    return [(target, value) for value in each]


def root_of(node: ast.AST) -> ast.Name | None:
    """`state` of `state.count[0]`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node if isinstance(node, ast.Name) else None


class Value(NamedTuple):
    """An expression or a definition, with the scope that it stands in."""

    node: ast.AST
    scope: Scope


class Scope:
    """A function, a class or the whole notebook.

    bound: {name: what it may stand for}, each a dotted path ("numpy.mean"), a Value, or None for what is not known.
    nodes: see `own_nodes`.   stars: modules of which everything is imported.   of_notebook, of_outer: names declared
    global and nonlocal.   top: the scope of the whole notebook.
    """

    def __init__(self, node: Definition | ast.Module, outer: Scope | None) -> None:
        self.node, self.outer = node, outer
        self.nodes = list(own_nodes(node))
        self.bound: dict[str, list[str | Value | None]] = defaultdict(list)
        self.stars: list[str] = []
        self.of_notebook = {name for one in self.nodes if isinstance(one, ast.Global) for name in one.names}
        self.of_outer = {name for one in self.nodes if isinstance(one, ast.Nonlocal) for name in one.names}
        self.top: Scope = outer.top if outer else self
        if isinstance(node, Function) and outer:
            defaults = defaults_of(node)
            for name in parameters_of(node):
                self.bound[name] += [Value(defaults[name], outer), None] if name in defaults else [None]
        for one in self.nodes:
            self._bind(one)

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.split(".")[0]  # `import os.path` binds os
                    self._add(alias.asname or first, alias.name if alias.asname else first)
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    if alias.name == "*":
                        self.stars.append(module or "")
                    else:
                        self._add(alias.asname or alias.name, f"{module or ''}.{alias.name}")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._add(name, Value(node, self))
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._add(name, None)
            case ast.AnnAssign(target=ast.Name(id=name), value=None):
                self._add(name, None)
            case _:
                for target, value in targets_of(node):
                    if isinstance(target, ast.Name):
                        self._add(target.id, Value(value, self) if _exact(node, value) else None)

    def _add(self, name: str, value: str | Value | None) -> None:
        place = self.top if name in self.of_notebook else self.holder(name) if name in self.of_outer else self
        (place or self).bound[name].append(value)

    def holder(self, name: str) -> Scope | None:
        """The scope whose variable a name is here; None where nothing binds it."""
        if name in self.of_notebook:
            return self.top if name in self.top.bound else None
        scope: Scope | None = self.outer if name in self.of_outer else self
        while scope and not (name in scope.bound and (scope is self or not isinstance(scope.node, ast.ClassDef))):
            scope = scope.outer
        return scope


class Flow:
    """Which names of a function depend on which, and what decides in it: tests, comparisons, indices, remainders.

    An attribute of a name is a name of its own too, `f.calls`, and TIME stands for a look at the clock.
    """

    def __init__(self, function: ast.AST, times: set[ast.AST]) -> None:
        self.to: dict[str, set[str]] = defaultdict(set)
        self.decisive: set[str] = set()
        self.returned: set[str] = keys_in(function.body, times) if isinstance(function, ast.Lambda) else set()
        for node in ast.walk(function):
            for target, value in targets_of(node):
                if isinstance(target, ast.Name):
                    for key in keys_in(value, times):
                        self.to[key].add(target.id)
            match node:
                case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
                    self.decisive |= keys_in(test, times)
                case ast.Compare() | ast.BoolOp():
                    self.decisive |= keys_in(node, times)
                case ast.Subscript(slice=index):
                    self.decisive |= keys_in(index, times)
                case ast.BinOp(op=ast.Mod() | ast.FloorDiv()):
                    self.decisive |= keys_in(node, times)
                case ast.comprehension(ifs=tests):
                    self.decisive |= set().union(*(keys_in(test, times) for test in tests))
                case ast.Match(subject=subject):
                    self.decisive |= keys_in(subject, times)
                case ast.match_case(guard=ast.expr() as guard):
                    self.decisive |= keys_in(guard, times)
                case ast.Return(value=ast.expr() as value):
                    self.returned |= keys_in(value, times)

    def reaches(self, start: set[str]) -> set[str]:
        """Those names, and all that depend on them."""
        found, waiting = set(start), list(start)
        while waiting:
            for name in self.to.get(waiting.pop(), ()):
                if name not in found:
                    found.add(name)
                    waiting.append(name)
        return found


def keys_in(expression: ast.AST, times: set[ast.AST]) -> set[str]:
    """The names of an expression as `Flow` knows them. times: the nodes that look at the clock."""
    found = set()
    for node in ast.walk(expression):
        if node in times:
            found.add(TIME)
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
    return found


def names_in(node: ast.AST) -> dict[str, None]:
    """The name that this node alone is or defines."""
    match node:
        case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name: None}
    return {}
