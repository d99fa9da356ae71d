"""Answers that are suspiciously alike, for a person to look at. Nothing here changes a grade, or is meant to.

Two answers are compared as fingerprints of their normalised syntax trees: k-grams of tokens, of which winnowing keeps
some, so that a shared passage of WINDOW + K - 1 tokens is always seen (Schleimer, Wilkerson, Aiken 2003, "Winnowing:
local algorithms for document fingerprinting", sections 3 and 5.1). Names that the answer itself gives, literals,
docstrings, comments, annotations, imports, layout and the order of keywords and of the operands of + and * make no
difference.

What the released notebook holds does not count. Each other fingerprint counts log2((n + 2) / d) bits, where d of the n
who answered have it: what everyone writes is next to nothing, what only two write is much, and a small class has to
agree on more before it means anything.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import itertools
import math
import re
import statistics
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nbformat import NotebookNode

from grader.analysis.introspection import flags
from grader.course.files import write_atomically
from grader.course.notebooks import released_notebook
from grader.course.questions import answers_in, grade_id, is_answer
from grader.course.syllabus import Course, CourseError, Week
from grader.reporting import html
from grader.reporting.titles import question_titles, words
from grader.submissions import loading
from grader.submissions.loading import NotGradable
from grader.submissions.reconcile import reconcile

K = 10  # tokens of a fingerprint
WINDOW = 4  # fingerprints in a row, of which at least one is kept
ALIKE = 0.6  # overlap of two answers from which a question counts and is shown
WORTH_A_LOOK = 8.0  # bits that two answers must share for that, too
LEAST_BITS = 30.0  # of all questions that count; see `enough`
MOST_PAIRS = 60  # on the page
MOST_CHARACTERS = 40_000  # of an answer
MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)


class Token(NamedTuple):
    """A node of a syntax tree. line: from 1, in the answer's source."""

    text: str
    line: int


# --- one answer -------------------------------------------------------------------------------------------------------


def tokens(source: str) -> list[Token]:
    """The normalised syntax tree, flattened from the top. Raises SyntaxError, also for what is too deep to be read."""
    if len(source) > MOST_CHARACTERS:
        raise SyntaxError(f"longer than {MOST_CHARACTERS} characters")
    try:
        with warnings.catch_warnings(action="ignore"):  # of the student's escapes and comparisons
            tree = ast.parse(MAGIC.sub("", source))
        flattener = _Flattener(_own_names(tree))
        return [token for statement in tree.body for token in flattener.flat(statement)]
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


def _own_names(tree: ast.AST) -> set[str]:
    """The names that this code binds itself, and so could have called anything."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
    return found


class _Flattener:
    """Flattens nodes from the top. own: names that the code binds itself, which all read "own"."""

    def __init__(self, own: set[str]) -> None:
        self.own = own

    def flat(self, node: ast.AST) -> list[Token]:
        return self._expression(node) if isinstance(node, ast.expr) else self._other(node)

    def _made(self, node: ast.AST, text: str, *parts: ast.AST | None) -> list[Token]:
        """A node's own token, and those of its parts."""
        flat = (self.flat(part) for part in parts if part is not None)
        return [Token(text, getattr(node, "lineno", 0)), *itertools.chain(*flat)]

    def _in_any_order(self, node: ast.AST, text: str, *parts: ast.AST) -> list[Token]:
        """The same, with the parts in an order of their own: `a + b` reads as `b + a`."""
        flat = sorted((self.flat(part) for part in parts), key=lambda some: [token.text for token in some])
        return [Token(text, getattr(node, "lineno", 0)), *itertools.chain(*flat)]

    def _expression(self, node: ast.expr) -> list[Token]:
        match node:
            case ast.Constant(value=str() | bytes()):
                return self._made(node, "text")
            case ast.Constant(value=value):
                return self._made(node, "None" if value is None else "constant")
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return self._made(node, "constant")
            case ast.JoinedStr(values=values):
                return self._made(node, "text", *(one for one in values if isinstance(one, ast.FormattedValue)))
            case ast.Name(id=name):
                return self._made(node, "own" if name in self.own else name)
            case ast.Attribute(value=value, attr=attribute):
                return self._made(node, f".{attribute}", value)
            case ast.Call(func=function, args=arguments, keywords=keywords):
                return self._made(node, "call", function, *arguments, *sorted(keywords, key=lambda one: one.arg or ""))
            case ast.BinOp(left=left, op=operator, right=right):
                how = self._in_any_order if isinstance(operator, COMMUTATIVE) else self._made
                return how(node, type(operator).__name__, left, right)
            case ast.BoolOp(op=operator, values=values):
                return self._in_any_order(node, type(operator).__name__, *values)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as operator], comparators=[right]):
                return self._in_any_order(node, type(operator).__name__, left, right)
            case ast.Compare(left=left, ops=[ast.Gt() | ast.GtE() as operator], comparators=[right]):
                return self._made(node, type(operator).__name__.replace("Gt", "Lt"), right, left)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._made(node, type(operator).__name__, left, right)
        return self._made(node, type(node).__name__, *ast.iter_child_nodes(node))

    def _other(self, node: ast.AST) -> list[Token]:
        """Statements, and what is neither statement nor expression."""
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Import() | ast.ImportFrom() | ast.expr_context():
                return []
            case ast.keyword(arg=name, value=value):
                return self._made(node, f"{name}=", value)
            case ast.AugAssign(target=target, op=operator, value=value):
                same = ast.copy_location(ast.BinOp(target, operator, value), node)
                return self._made(node, "assign", target, same)
            case ast.AnnAssign(target=target, value=annotated):
                return self._made(node, "assign", target, annotated) if annotated else []
            case ast.Assign(targets=[ast.Name()], value=ast.Lambda(args=given, body=body)):
                return self._made(node, "function", given, ast.copy_location(ast.Return(body), body))
            case ast.Assign(targets=targets, value=value):
                return self._made(node, "assign", *targets, value)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._made(node, "function", *node.decorator_list, node.args, *node.body)
            case ast.arguments():
                every = [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]
                defaults = [value for value in (*node.defaults, *node.kw_defaults) if value]
                found = [Token("argument", one.lineno) for one in every if one]
                return [*found, *itertools.chain(*map(self.flat, defaults))]
        return self._made(node, type(node).__name__, *ast.iter_child_nodes(node))


def grams(found: Sequence[Token]) -> list[int]:
    """The hash of each K tokens in a row."""
    texts = [token.text.encode("utf-8", "replace") for token in found]
    digests = (hashlib.blake2b(b" ".join(texts[at : at + K]), digest_size=8) for at in range(len(texts) - K + 1))
    return [int.from_bytes(digest.digest()) for digest in digests]


def fingerprints(found: Sequence[Token]) -> dict[int, set[int]]:
    """{fingerprint: lines it stands on}. Winnowing: of each WINDOW hashes the least, the last of equals."""
    hashes = [(value, -at) for at, value in enumerate(grams(found))]
    kept: dict[int, set[int]] = defaultdict(set)
    for first in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        value, place = min(hashes[first : first + WINDOW])
        kept[value] |= {token.line for token in found[-place : -place + K] if token.line}
    return dict(kept)


# --- a class ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A student's answer to a question. prints: without what the release holds.  given: lines of the released one."""

    source: str
    prints: dict[int, set[int]]
    given: frozenset[str] = frozenset()


class Line(NamedTuple):
    text: str
    marked: bool


@dataclass(frozen=True)
class Match:
    """A question on which two are alike.

    overlap: the part of the bits of the one with fewer that they share.   sides: both sources, by line.
    """

    question: str
    title: str
    overlap: float
    bits: float
    sides: tuple[list[Line], list[Line]]


@dataclass(frozen=True)
class Pair:
    """Two students. overlap: over all questions that both answered.  matches: questions to look at, clearest first."""

    students: tuple[str, str]
    overlap: float
    matches: list[Match]

    @property
    def bits(self) -> float:
        return sum(match.bits for match in self.matches)


@dataclass(frozen=True)
class Findings:
    """pairs: to look at, clearest first.  overlaps: of every pair of the class, for what is usual in it.

    left_out: what could not be compared, a line each.  flags: {student: what `introspection.flags` says of the code}.
    """

    students: list[str]
    pairs: list[Pair]
    overlaps: list[float]
    left_out: list[str]
    flags: dict[str, list[str]] = field(default_factory=dict)


def find(course: Course, week: Week, watch: Callable[[Sequence[str]], Iterable[str]] = lambda names: names) -> Findings:
    """Compare the answers of everyone who handed in. watch: shows progress over the names. Raises CourseError."""
    students, left_out, flagged = course.students(week), [], {}
    if len(students) < 2:
        raise CourseError(f"there are {len(students)} submissions of {week.slug}; it takes two to compare")
    answers: dict[str, dict[str, Answer]] = defaultdict(dict)  # {question: {student: Answer}}
    released = {one.name: released_notebook(course, one) for one in week.notebooks}
    known = {name: _given(notebook) for name, notebook in released.items()}
    for student in watch(students):
        for one in week.notebooks:
            try:
                loaded = loading.load(loading.find(course, one, student))
                notebook = reconcile(loaded.notebook, released[one.name], {}).notebook
            except NotGradable as error:
                left_out.append(f"{student}: {error}")
                continue
            if not course.classic and (lines := flags(notebook, released[one.name], one.helper)):
                flagged[student] = lines
            stubs = answers_in(released[one.name])
            for question, source in _code_answers(notebook).items():
                if source.strip() == stubs.get(question, "").strip():
                    continue
                try:
                    prints = fingerprints(tokens(source))
                except SyntaxError:
                    left_out.append(f"{student}, {one.prefix}{question}: not valid Python")
                    continue
                own = {value: lines for value, lines in prints.items() if value not in known[one.name]}
                given = frozenset(line.strip() for line in stubs.get(question, "").splitlines())
                answers[one.prefix + question][student] = Answer(source, own, given)
    found = compare(students, answers, question_titles(course, week), left_out)
    return replace(found, flags=flagged)


def _code_answers(notebook: NotebookNode) -> dict[str, str]:
    return {
        grade_id(cell) or "": cell.source for cell in notebook.cells if is_answer(cell) and cell.cell_type == "code"
    }


def _given(released: NotebookNode) -> set[int]:
    """Every hash of the code that everyone got: which of them an answer keeps depends on what stands around."""
    found = set()
    for cell in released.cells:
        with contextlib.suppress(SyntaxError):
            found |= set(grams(tokens(cell.source))) if cell.cell_type == "code" else set()
    return found


def compare(
    students: Sequence[str],
    answers: Mapping[str, Mapping[str, Answer]],
    titles: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> Findings:
    """Compare everyone with everyone. answers: {question: {student: Answer}}. Takes n x n numbers for n students."""
    place = {student: number for number, student in enumerate(sorted(students))}
    shared = np.zeros((len(place), len(place)), np.float32)  # bits that two have in common
    possible = np.zeros_like(shared)  # the most that they could have
    alike: dict[tuple[str, str], list[tuple[float, float, str]]] = defaultdict(list)  # bits, overlap, question
    worth = {question: _worth(given) for question, given in answers.items()}
    for question, given in answers.items():
        names = sorted(given)
        common, least = _bits(names, given, worth[question])
        where = np.ix_([place[name] for name in names], [place[name] for name in names])
        shared[where] += common
        possible[where] += least
        for i, j in np.argwhere(np.triu((common >= ALIKE * least) & (common >= WORTH_A_LOOK), 1)):
            overlap = min(1.0, float(common[i, j] / least[i, j]))
            alike[names[i], names[j]].append((float(common[i, j]), overlap, question))
    whole = np.divide(shared, possible, out=np.zeros_like(shared), where=possible > 0)
    pairs = []
    for (a, b), found in alike.items():
        if sum(bits for bits, *_ in found) >= enough(len(students)):
            matches = [
                Match(
                    q, titles.get(q) or words(q), overlap, bits, _side_by_side(answers[q][a], answers[q][b], worth[q])
                )
                for bits, overlap, q in sorted(found, reverse=True)
            ]
            pairs.append(Pair((a, b), float(whole[place[a], place[b]]), matches))
    pairs.sort(key=lambda pair: (-pair.bits, pair.students))
    overlaps = np.sort(whole[np.triu(possible > 0, 1)])
    return Findings(list(students), pairs, overlaps.tolist(), list(left_out))


def enough(count: int) -> float:
    """Bits that two of so many must have in common: with the number of pairs grows what some have by chance."""
    return LEAST_BITS + math.log2(max(1, count * (count - 1) / 2))


def _worth(given: Mapping[str, Answer]) -> dict[int, float]:
    """{fingerprint: bits}."""
    count = Counter(value for answer in given.values() for value in answer.prints)
    return {value: math.log2((len(given) + 2) / holders) for value, holders in count.items()}


def _bits(
    names: Sequence[str], given: Mapping[str, Answer], worth: Mapping[int, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Bits that each two have in common, and the most that they could: (n, n) each, in the order of `names`."""
    own = np.array([sum(worth[value] for value in given[name].prints) for name in names], np.float32)
    of_one = math.log2(len(names) + 2)  # bits of what no other has, and so cannot be shared
    several = [value for value, bits in worth.items() if bits < of_one - 1e-9]
    column = {value: number for number, value in enumerate(several)}
    table = np.zeros((len(names), len(column)), np.float32)
    for row, name in enumerate(names):
        for value in set(given[name].prints) & set(column):
            table[row, column[value]] = math.sqrt(worth[value])
    return table @ table.T, np.minimum.outer(own, own)


def _side_by_side(a: Answer, b: Answer, worth: Mapping[int, float]) -> tuple[list[Line], list[Line]]:
    """Both sources, with the lines marked that they share and not half of the class has."""
    common = {value for value in set(a.prints) & set(b.prints) if worth[value] >= 1}

    def marked(answer: Answer) -> list[Line]:
        lines = set().union(*(answer.prints[value] for value in common))
        numbered = enumerate(answer.source.splitlines(), 1)
        return [Line(text, number in lines and text.strip() not in answer.given) for number, text in numbered]

    return marked(a), marked(b)


# --- the page ---------------------------------------------------------------------------------------------------------


def write(course: Course, week: Week, found: Findings) -> Path:
    """Write the page, beside the class report. Returns its path."""
    path = course.report(week).with_name("similar.html")
    write_atomically(path, page(course, week, found))
    return path


def page(course: Course, week: Week, found: Findings) -> str:
    """The page as HTML."""
    overlaps = found.overlaps or [0.0]
    return html.render(
        "similar.html",
        course=course,
        week=week,
        found=found,
        pairs=found.pairs[:MOST_PAIRS],
        median=statistics.median(overlaps),
        high=overlaps[min(len(overlaps) - 1, math.ceil(0.95 * len(overlaps)) - 1)],
        alike=ALIKE,
        enough=enough(len(found.students)),
    )
