"""The code of a whole notebook as one syntax tree: which cell a node is of, what answers use, what names stand for."""

from __future__ import annotations

import ast
import builtins
from typing import NamedTuple

from nbformat import NotebookNode

from grader.analysis.scopes import Definition, Function, Scope, Value, names_in, statements
from grader.course.questions import is_answer, is_graded

MOST_PATHS = 8  # that one name may stand for


class Program:
    """The code cells of a notebook, as one syntax tree.

    cells: {node: index of its cell}.   parent: {node: the one it stands in}.   own: {index: cell} of what the student
    wrote, and `answers` the indices of those that are answers.   scopes: all, the notebook's (`top`) first.
    reached: scopes of the functions and classes of answers, and of those that they use, wherever they are defined.
    methods: names of methods that the notebook gives another name, as in `double = Double().method`.
    """

    def __init__(self, notebook: NotebookNode, own: dict[int, NotebookNode]) -> None:
        self.own, self.answers = own, {index for index, cell in own.items() if is_answer(cell)}
        self.cells: dict[ast.AST, int] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        tree = ast.Module([], [])
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and not is_graded(cell):
                body = statements(cell.source)
                tree.body += body
                self._place(body, index)
        self.top = Scope(tree, None)
        self.scopes = [self.top]
        for scope in self.scopes:  # which grows
            self.scopes += [Scope(node, scope) for node in scope.nodes if isinstance(node, Definition)]
        self.scope_of: dict[ast.AST, Scope] = {scope.node: scope for scope in self.scopes}
        self.reached = self._reached()
        nodes = [value.node for values in self.top.bound.values() for value in values if isinstance(value, Value)]
        self.methods = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        self._known: dict[tuple[Scope, str], set[str]] = {}

    def _place(self, body: list[ast.stmt], index: int) -> None:
        for node in (one for statement in body for one in ast.walk(statement)):
            # contexts and operators are the same few objects everywhere
            if node not in self.cells or not isinstance(node, ast.expr_context | ast.operator):
                self.cells[node] = index
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node

    def _reached(self) -> list[Scope]:
        found: set[ast.AST] = {scope.node for scope in self.scopes[1:] if self.cells[scope.node] in self.answers}
        names: dict[str, None] = {}
        for node, cell in self.cells.items():
            if cell in self.answers:
                names |= names_in(node)
        waiting = list(names)
        while waiting:
            for value in self.top.bound.get(waiting.pop(), ()):
                if not isinstance(value, Value):
                    continue
                for node in ast.walk(value.node):
                    if isinstance(node, Definition):
                        found.add(node)
                    for name in names_in(node):
                        if name not in names:
                            names[name] = None
                            waiting.append(name)
        return [scope for scope in self.scopes[1:] if scope.node in found]

    def paths(self, node: ast.AST | None, scope: Scope) -> set[str]:
        """The dotted paths that an expression may stand for: `np.mean` is numpy.mean. Empty for what was computed."""
        match node:
            case ast.Name(id=name):
                return self._named(name, scope)
            case ast.Attribute(value=value, attr=attribute):
                return {f"{path}.{attribute}" for path in self.paths(value, scope)}
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.paths(value, scope)
            case ast.IfExp(body=one, orelse=other):
                return self.paths(one, scope) | self.paths(other, scope)
            case ast.BoolOp(values=values):
                return set().union(*(self.paths(value, scope) for value in values))
            case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars")), slice=key):
                return set().union(*(self._named(name, scope) for name in self.strings(key, scope) or ()))
            case ast.Subscript(value=value, slice=key):
                names = self.strings(key, scope) or set()
                found: set[str] = set()
                for path in self.paths(value, scope):
                    if path == "sys.modules":
                        found |= names
                    elif path.endswith(".__dict__"):
                        found |= {path.removesuffix("__dict__") + name for name in names}
                return found
            case ast.Call(func=function, args=arguments):
                return self._called(function, arguments, scope)
        return set()

    def _called(self, function: ast.expr, arguments: list[ast.expr], scope: Scope) -> set[str]:
        if isinstance(function, ast.Call) and arguments:  # operator.attrgetter("name")(thing)
            if "operator.attrgetter" in self.paths(function.func, scope) and function.args:
                names = self.strings(function.args[0], scope) or ()
                return {f"{path}.{name}" for path in self.paths(arguments[0], scope) for name in names}
            return set()
        found: set[str] = set()
        for called in self.paths(function, scope):
            if called == "builtins.getattr" and len(arguments) > 1:
                names = self.strings(arguments[1], scope) or ()
                found |= {f"{path}.{name}" for path in self.paths(arguments[0], scope) for name in names}
            elif called in ("builtins.__import__", "importlib.import_module", "importlib.__import__") and arguments:
                found |= self.strings(arguments[0], scope) or set()
            elif called == "builtins.vars" and arguments:
                found |= {f"{path}.__dict__" for path in self.paths(arguments[0], scope)}
            elif called.rpartition(".")[2] == "get_ipython":
                found.add("get_ipython()")
        return found

    def _named(self, name: str, scope: Scope) -> set[str]:
        holder = scope.holder(name)
        if holder is None:
            starred = {f"{module}.{name}" for module in self.top.stars} if self.top.stars else set()
            if name in ("get_ipython", "display"):
                return {*starred, name}
            return {*starred, f"builtins.{name}"} if hasattr(builtins, name) or name == "__builtins__" else starred
        key = (holder, name)
        if key not in self._known:
            self._known[key] = set()  # a name that stands for itself stands for nothing
            found: set[str] = set()
            for value in holder.bound[name]:
                if isinstance(value, str):
                    found.add(value)
                elif value and not isinstance(value.node, Definition):
                    found |= self.paths(value.node, value.scope)
            self._known[key] = set(sorted(found)[:MOST_PATHS])
        return self._known[key]

    def strings(self, node: ast.AST, scope: Scope, depth: int = 0) -> set[str] | None:
        """The texts that an expression may be, where they are written out somewhere; else None."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.Name(id=name) if depth < 4 and (holder := scope.holder(name)):
                found: set[str] = set()
                for value in holder.bound[name]:
                    texts = self.strings(value.node, value.scope, depth + 1) if isinstance(value, Value) else None
                    if texts is None:
                        return None
                    found |= texts
                return found
        return None

    def values(self, name: str, scope: Scope) -> list[Value]:
        """The expressions and definitions that a name may stand for."""
        holder = scope.holder(name)
        return [value for value in holder.bound[name] if isinstance(value, Value)] if holder else []

    def is_function(self, name: str, scope: Scope) -> bool:
        """Whether a name may be a function that the notebook defines."""
        return any(isinstance(value.node, Function) for value in self.values(name, scope))

    # --- where a node stands --------------------------------------------------------------------------------------

    def definition_around(self, node: ast.AST | None) -> ast.AST | None:
        """The function or class that a node stands in, or is; None where that is the notebook."""
        while node is not None and not isinstance(node, Definition):
            node = self.parent.get(node)
        return node

    def is_of_answer(self, node: ast.AST) -> bool:
        """Whether a node stands in an answer, or in a function or class that one uses."""
        return self.cells[node] in self.answers or self.definition_around(node) in {one.node for one in self.reached}

    def statement_around(self, node: ast.AST) -> ast.AST:
        """The statement that an expression stands in."""
        while isinstance(node, ast.expr) and node in self.parent:
            node = self.parent[node]
        return node


class Flag(NamedTuple):
    """Something for a person to look at.

    cell: its index in the notebook.  line: from 1.  what: a phrase.  detail: the name that gave it away.
    """

    cell: int
    line: int
    what: str
    detail: str


class Flags:
    """What is found in the code that the student wrote; of a node in any other cell nothing is noted."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: set[Flag] = set()

    def add(self, node: ast.AST, what: str, detail: str) -> None:
        cell = self.program.cells.get(node)
        if cell in self.program.own:
            self.found.add(Flag(cell, getattr(node, "lineno", 1), what, detail[:80]))
