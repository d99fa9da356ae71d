"""Code that looks at who calls it, for a person to look at. Nothing here changes a grade, or is meant to.

An answer that is right only while it is judged must tell the judge's calls from the notebook's: by the call stack, the
process, the clock, a count of its calls, or by the course's own checks; or it changes what the judge uses. Each leaves
traces in the text. They are read from the syntax trees of what the student wrote, through other names for the same
thing. Lines that stand in the release are nobody's doing.

What any notebook may do is not flagged where nothing of an answer depends on it: the clock counts in functions that an
answer uses and where it decides something, a variable where calls change it and it decides something.
"""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

from grader.analysis.cells import MOST_CHARACTERS, TooDeep, python
from grader.analysis.introspection_rules import (
    CHANGES,
    CHECKS,
    COMPUTED,
    COUNT,
    DELICATE,
    ELSEWHERE,
    IN_ANSWERS,
    IN_STRINGS,
    PATHS,
    PLAIN_WORDS,
    PROCESS,
    REPLACE,
    SETTINGS,
    SHELL,
    SHOWS,
    SOURCES,
    STACK,
    STREAMS,
    WORD,
    WORDS,
)
from grader.analysis.program import Flag, Flags, Program
from grader.analysis.purity import Purity
from grader.analysis.scopes import Scope, root_of
from grader.course.questions import grade_id, is_answer, is_graded

MOST_FLAGS = 40
MOST_SHOWN = 100  # characters of a line


def flags(notebook: NotebookNode, released: NotebookNode, helper: str = "") -> list[str]:
    """What a person should look at in the code of a student, a line each; [] where there is nothing.

    notebook: rebuilt on the release.   helper: the week's helper package. Never raises.
    """
    untouched = {cell.source for cell in released.cells}
    own = {
        index: cell
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.source not in untouched and not is_graded(cell)
    }
    if not own:
        return []
    if sum(len(cell.source) for cell in own.values()) > MOST_CHARACTERS:
        return ["The code is too long to be looked through."]
    try:
        found = _found(Program(notebook, own), helper)
        as_run_lines = {
            flag.cell: [line.strip() for line in python(own[flag.cell].source).splitlines()] for flag in found
        }
    except (TooDeep, RecursionError, MemoryError):
        return ["The code is nested too deeply to be looked through."]
    except Exception as error:  # a fault of ours must not cost anybody the grade
        return [f"The code could not be looked through: {type(error).__name__}: {error}"]
    given = {line.strip() for cell in released.cells for line in cell.source.splitlines()}
    lines, seen = [], set()
    for flag in sorted(found):
        in_cell = as_run_lines[flag.cell]
        is_given = 0 < flag.line <= len(in_cell) and in_cell[flag.line - 1] in given
        if flag[:3] not in seen and not is_given:
            seen.add(flag[:3])
            lines.append(_in_words(flag, own[flag.cell]))
    more = len(lines) - MOST_FLAGS
    return lines[:MOST_FLAGS] + ([f"And {more} more."] if more > 0 else [])


def _in_words(flag: Flag, cell: NotebookNode) -> str:
    lines = cell.source.splitlines()
    text = lines[flag.line - 1].strip() if 0 < flag.line <= len(lines) else ""
    shown = text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"
    where = grade_id(cell) if is_answer(cell) else f"cell {flag.cell + 1}"
    return f"{where}, line {flag.line}, {flag.what} ({flag.detail}): `{shown}`"


def _found(program: Program, helper: str) -> set[Flag]:
    """Everything there is to look at."""
    found = Flags(program)
    names = _Names(program, found, helper)
    for scope in program.scopes:
        for node in scope.nodes:
            if program.cells.get(node) in program.own:
                names.look(node, scope)
    Purity(program, found).look()
    return found.found


class _Names:
    """Looks at nodes one by one, for what they name or replace."""

    def __init__(self, program: Program, flags: Flags, helper: str) -> None:
        self.program, self.flags = program, flags
        lab = rf"(?:{re.escape(helper)}|\w+_lab)" if helper else r"\w+_lab"
        self.course = re.compile(rf"({lab}|coursekit|tinyworld)(\..*)?")
        self.delicate = re.compile(rf"({lab}|{DELICATE})(\.|$)")
        self.path_rules = {what: re.compile(rule.replace("LAB", lab)) for what, rule in PATHS.items()}
        self.answer_rules = {what: re.compile(rule.replace("LAB", lab)) for what, rule in IN_ANSWERS.items()}
        self.string_rules = {what: re.compile(rule.replace("LAB", lab)) for what, rule in IN_STRINGS.items()}
        self.word_rules = {what: re.compile(rule) for what, rule in WORDS.items()}

    def look(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    self._mention(node, {alias.name})
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    self._word(node, alias.name)
                    self._mention(node, {f"{module}.{alias.name}"})
            case ast.Name():
                if isinstance(node.ctx, ast.Load):
                    self._mention(node, self.program.paths(node, scope))
                if node.id in ("In", "_ih", "_oh") and scope in self.program.reached and not scope.holder(node.id):
                    self.flags.add(node, COUNT, node.id)
            case ast.Attribute(value=value, attr=attribute):
                self._word(node, attribute)
                above = self.program.parent.get(node)
                if attribute == "__next__" and not (isinstance(above, ast.Call) and above.func is node):
                    self.flags.add(node, COUNT, attribute)
                if attribute == "cache_info" and scope in self.program.reached:
                    self.flags.add(node, COUNT, attribute)
                if isinstance(node.ctx, ast.Load):
                    self._mention(node, self.program.paths(node, scope))
                else:
                    self._replaced(node, value, attribute, scope)
            case ast.Subscript(value=value):
                if isinstance(node.ctx, ast.Load):
                    self._mention(node, self.program.paths(node, scope))
                else:
                    for path in self.program.paths(value, scope):
                        if path == "sys.modules" or path.endswith((".__dict__", "__builtins__")):
                            self.flags.add(node, REPLACE.format(path.removesuffix(".__dict__")), path)
            case ast.Call():
                self._mention(node, self.program.paths(node, scope))
                self._call(node, scope)
            case ast.Constant(value=str() | bytes() as text):
                self._text(node, text if isinstance(text, str) else text.decode("latin-1"))
            case ast.Try(body=body, handlers=handlers):
                caught = [one for handler in handlers if handler.type for one in ast.walk(handler.type)]
                if any("builtins.RecursionError" in self.program.paths(one, scope) for one in caught):
                    called = [one.func for part in body for one in ast.walk(part) if isinstance(one, ast.Call)]
                    if any(isinstance(one, ast.Name) and self.program.is_function(one.id, scope) for one in called):
                        self.flags.add(node, STACK, "RecursionError")

    def _mention(self, node: ast.AST, paths: set[str]) -> None:
        for path in paths:
            for what, rule in self.path_rules.items():
                if rule.fullmatch(path) and not (what == PROCESS and self._harmless(node)):
                    self.flags.add(node, what, path)
            for what, rule in self.answer_rules.items():
                if rule.fullmatch(path) and self.program.is_of_answer(node):
                    self.flags.add(node, what, path)

    def _harmless(self, node: ast.AST) -> bool:
        """Whether a look at the process can be of no use to an answer: it sets a variable of the environment, asks for
        Colab, or shows what it finds."""
        above = self.program.parent.get(node)
        match above:
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value) if value is node:
                return not isinstance(self.program.parent.get(above), ast.AugAssign)
            case ast.Attribute(attr="update" | "setdefault" | "pop" | "clear"):
                call = self.program.parent.get(above)
                if call is not None and isinstance(self.program.parent.get(call), ast.Expr):
                    return True
            case ast.alias() | ast.Import() | ast.ImportFrom():
                return True
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True  # its use will be seen
        statement = self.program.statement_around(node)
        if self.program.is_of_answer(node):
            return False
        asked = [n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if isinstance(statement, ast.Assign | ast.If | ast.Expr) and asked and self._about_elsewhere(node):
            return True
        if not isinstance(statement, ast.Expr) or self.program.definition_around(statement) is not None:
            return False
        value = statement.value
        if isinstance(value, ast.Call) and not (self.program.paths(value.func, self.program.top) & SHOWS):
            return any(
                self.path_rules[PROCESS].match(path) for path in self.program.paths(value.func, self.program.top)
            )
        return True

    def _about_elsewhere(self, node: ast.AST) -> bool:
        """Whether it is asked for a name of Colab's: `"google.colab" in sys.modules`, `os.environ.get("COLAB_GPU")`."""
        above = self.program.parent.get(node)
        if isinstance(above, ast.Attribute):
            above = self.program.parent.get(above)
        match above:
            case (
                ast.Compare(left=ast.Constant(value=str(text)))
                | ast.Call(args=[ast.Constant(value=str(text)), *_])
                | ast.Subscript(slice=ast.Constant(value=str(text)))
            ):
                return bool(ELSEWHERE.search(text))
        return False

    def _word(self, node: ast.AST, word: str) -> None:
        for what, rule in self.word_rules.items():
            if rule.fullmatch(word) and not (what == PROCESS and self._harmless(node)):
                self.flags.add(node, what, word)

    def _text(self, node: ast.Constant, text: str) -> None:
        above = self.program.parent.get(node)
        if isinstance(above, ast.Expr):
            return  # a docstring
        for what, rule in self.string_rules.items():
            if found := rule.search(text):
                self.flags.add(node, what, found[0].strip())
        for word in set(WORD.findall(text)) - PLAIN_WORDS:
            self._word(node, word)
        match above:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=how)):
                if how in ("system", "getoutput") and (found := SHELL.search(text)):
                    self.flags.add(node, PROCESS, found[1])

    def _call(self, node: ast.Call, scope: Scope) -> None:
        arguments = node.args
        called = self.program.paths(node.func, scope)
        first = self.program.paths(arguments[0], scope) if arguments else set()
        if {"builtins.getattr", "operator.attrgetter"} & called and arguments:
            by_path = "builtins.getattr" in called
            name = arguments[1] if by_path and len(arguments) > 1 else arguments[0]
            if self.program.strings(name, scope) is None and not (
                by_path and self._ordinary(arguments[0], name, first)
            ):
                self.flags.add(node, COMPUTED, sorted(called)[0])
        for path in called & {
            *("builtins.__import__", "importlib.import_module", "importlib.__import__"),
            *("builtins.eval", "builtins.exec", "builtins.compile"),
            *("get_ipython().run_cell", "get_ipython().ex", "get_ipython().ev", "get_ipython().run_code"),
        }:
            if arguments and self.program.strings(arguments[0], scope) is None:
                self.flags.add(node, COMPUTED, path)
        if "functools.partial" in called and "builtins.next" in first:
            self.flags.add(node, COUNT, "next")
        if "inspect.getmembers" in called and first:
            self.flags.add(node, COMPUTED, "inspect.getmembers")
        match node:
            case ast.Call(func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value="env"), *_]):
                if not isinstance(self.program.parent.get(node), ast.Expr):
                    self.flags.add(node, PROCESS, "%env")
        setter = isinstance(node.func, ast.Attribute) and node.func.attr in ("__setattr__", "__delattr__")
        if (called & {"builtins.setattr", "builtins.delattr"} or setter) and first:
            self.flags.add(node, REPLACE.format(sorted(first)[0]), "setattr")
        if "builtins.vars" in called and first and not first <= {"builtins.object"}:
            self.flags.add(node, REPLACE.format(sorted(first)[0]), "vars")
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            for path in self.program.paths(node.func.value, scope):
                if path.endswith(".__dict__") or path == "sys.modules":
                    self.flags.add(node, REPLACE.format(path.removesuffix(".__dict__")), path)
        about = first | (self.program.strings(arguments[0], scope) or set() if arguments else set())
        if any(map(SOURCES.fullmatch, called)) and any(map(self.course.fullmatch, about)):
            self.flags.add(node, CHECKS, sorted(called)[0])

    def _ordinary(self, thing: ast.expr, name: ast.expr, paths: set[str]) -> bool:
        """Whether a getattr is as in ordinary code: by a name that was passed, or `f"layer{i}"` of self, a library."""
        if any(map(self.delicate.match, paths)):
            return False
        root = root_of(thing)
        prefixed = isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant)
        return isinstance(name, ast.Name) or (root is not None and root.id == "self") or (bool(paths) and prefixed)

    def _replaced(self, node: ast.Attribute, base: ast.expr, attribute: str, scope: Scope) -> None:
        statement = self.program.parent.get(node)
        value = getattr(statement, "value", None)
        for path in self.program.paths(base, scope):
            whole = f"{path}.{attribute}"
            ours = bool(self.course.fullmatch(path)) or path.partition(".")[0] in ("builtins", "get_ipython()", "sys")
            if whole in STREAMS:
                continue
            plain = isinstance(value, ast.Constant) and (value.value is not None or SETTINGS.search(path))
            if not ours and (plain or attribute.isupper()):
                continue  # a setting, such as torch.backends.cudnn.benchmark
            self.flags.add(node, REPLACE.format(path), whole)
        match base:
            case ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=name)]) if name != "self":
                self.flags.add(node, REPLACE.format(f"the class of {name}"), attribute)
            case ast.Attribute(value=ast.Name(id=name), attr="__class__") if name != "self":
                self.flags.add(node, REPLACE.format(f"the class of {name}"), attribute)
