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
import builtins
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nbformat import NotebookNode

from grader.analysis.scopes import (
    FUNCTIONS,
    SCOPES,
    TIME,
    Flow,
    Scope,
    as_run,
    defaults_of,
    keys_in,
    names_in,
    own_nodes,
    parameters_of,
    root_of,
    statements,
    targets_of,
)
from grader.course.questions import grade_id, is_answer, is_graded

MOST_CHARACTERS = 200_000  # of what a student wrote
MOST_FLAGS = 40
MOST_PATHS = 8  # that one name may stand for
LINE = 100  # characters of a line that are shown

STACK = "looks at the call stack"
PROCESS = "looks at the process or its environment"
KERNEL = "reaches for the kernel or the judge"
MEMORY = "looks through the objects in memory"
TRACE = "watches calls from outside"
CLOCK = "decides by the clock"
COUNT = "keeps count of its calls"
CHECKS = "looks at the course's checks or references"
REPLACE = "replaces a part of {}"
COMPUTED = "uses a name or code that is put together as it runs"

# what a dotted name that is used may not be
PATHS = {
    STACK: r"inspect\.(stack|trace|currentframe|getouterframes|getinnerframes|getframeinfo)"
    r"|traceback\.(extract_stack|format_stack|print_stack|walk_stack|StackSummary)"
    r"|sys\.(_getframe|_getframemodulename|_current_frames|_current_exceptions)|faulthandler\.dump_traceback",
    PROCESS: r"(os|posix)\.(environb?|getenvb?|getp?pid|getpgid|getpgrp|getsid|getlogin|getuid|uname|fork)"
    r"|sys\.(modules|argv|orig_argv|meta_path|path_hooks|path_importer_cache|gettrace|getprofile)"
    r"|threading\.(enumerate|current_thread|main_thread|active_count|activeCount|currentThread|get_ident|get_native_id)"
    r"|_thread\.get_(ident|native_id)|multiprocessing\.(current_process|parent_process|active_children)"
    r"|asyncio\.(current_task|all_tasks)|(psutil|resource|platform)\.\w+|getpass\.getuser|uuid\.getnode"
    r"|socket\.(gethostname|getfqdn|gethostbyname)",
    KERNEL: r"get_ipython\(\)\.(kernel|parent|events|ast_transformers|input_transform\w*|execution_count)"
    r"|get_ipython\(\)\.set_custom_exc|(coursekit\.(judged|pristine|student|checks)|grader|ipykernel)(\.\w+)*|builtins\.__builtins__",
    MEMORY: r"gc\.(get_objects|get_referrers|get_referents|callbacks)|_?ctypes(\.\w+)*|sys\.getrefcount",
    TRACE: r"(sys|threading)\.(settrace|setprofile|settrace_all_threads|setprofile_all_threads)"
    r"|sys\.(monitoring|addaudithook|call_tracing)",
    CHECKS: r"LAB\.(checks|probes|references?|oracles?|solutions?)(\.\w+)*|(LAB|coursekit)(\.\w+)*\._[a-z]\w*"
    r"|(LAB|coursekit)(\.\w+)*\.__(file|path|spec|loader|globals|code|closure|wrapped)__",
    REPLACE.format("a library, by mock"): r"(unittest\.)?mock\.(patch|patch\..*)|pytest\.MonkeyPatch",
    COMPUTED: r"marshal\.loads?|types\.CodeType|runpy\.\w+",
}
# what it may not be in an answer: there are uses for it elsewhere
IN_ANSWERS = {
    CHECKS: r"LAB\.parts(\.\w+)*",
    PROCESS: r"subprocess\.\w+|os\.(popen|system|exec\w+|spawn\w+|posix_spawn\w*)|pty\.\w+",
}
TIMES = re.compile(
    r"time\.(time|perf_counter|monotonic|process_time|thread_time)(_ns)?|time\.(clock_gettime|localtime|gmtime|ctime"
    r"|strftime|asctime)(_ns)?|datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today|timeit\.default_timer"
    r"|os\.times|pandas\.Timestamp\.(now|today|utcnow)"
)
SOURCES = re.compile(
    r"inspect\.(getsource\w*|getfile|getmodule|getclosurevars|getmembers)|pkgutil\.\w+"
    r"|importlib\.(util\.find_spec|resources\.\w+|machinery\.\w+)"
)

# names that mean one thing only, whatever they are an attribute of, and in a string too
WORDS = {
    STACK: r"_getframe|_getframemodulename|_current_frames|currentframe|getouterframes|getinnerframes|extract_stack"
    r"|format_stack|walk_stack|findCaller|f_back|f_code|f_globals|f_locals|f_builtins|f_lineno|tb_frame|gi_frame|cr_frame|ag_frame",
    PROCESS: r"environb?|getenvb?|getppid|gethostname|orig_argv",
    KERNEL: r"shell_handlers|judge_request|judge_reply|judged|JudgedKernel|IPythonKernel|__builtins__|CROSSMODAL_\w+",
    MEMORY: r"get_objects|get_referrers|get_referents|__subclasses__|ctypes",
    TRACE: r"settrace|setprofile",
}
WORD = re.compile(r"[A-Za-z_]\w*")
IN_STRINGS = {
    PROCESS: r"(^|[^\w.])/proc(/|$)|^proc$",
    KERNEL: r"coursekit\.(judged|student|pristine)|CROSSMODAL_",
    CHECKS: r"\w+_lab[./](checks|reference)|(^|/)checks(\.py|/)|(^|/)LAB(/|$)|LAB[./](checks|reference)",
}
PLAIN_WORDS = {"judged", "environ", "environb", "ctypes"}  # in a string they may be English
DELICATE = "sys|os|posix|inspect|traceback|gc|threading|builtins|coursekit|importlib|time|datetime|get_ipython\\(\\)"
SETTINGS = re.compile(r"\b(options|config|settings|backends)\b")
SHELL = re.compile(r"(?:^|[|;&`(])\s*(printenv|env|ps)\b")
ELSEWHERE = re.compile("colab|kaggle", re.IGNORECASE)  # who asks for these asks where the notebook runs, as many do
STREAMS = {"sys.stdout", "sys.stderr", "sys.path", "sys.dont_write_bytecode", "sys.displayhook"}
SHOWS = {"builtins.print", "IPython.display.display", "display"}
ITERATORS = re.compile(r"itertools\.\w+|builtins\.(iter|enumerate|zip|map|filter|reversed|open)")
CHANGES = {
    *("append", "appendleft", "add", "extend", "insert", "update", "setdefault", "put", "put_nowait", "set", "write"),
    *("pop", "popitem", "popleft", "remove", "discard", "clear", "subtract", "rotate", "send", "__next__"),
    *("__setitem__", "__iadd__"),
}


class Flag(NamedTuple):
    """cell: its index in the notebook.  line: from 1.  what: a phrase.  detail: the name that gave it away."""

    cell: int
    line: int
    what: str
    detail: str


def flags(notebook: NotebookNode, released: NotebookNode, helper: str = "") -> list[str]:
    """What a person should look at in the code of a student, a line each; [] where there is nothing.

    notebook: rebuilt on the release.   helper: the week's helper package. Never raises.
    """
    given = {line.strip() for cell in released.cells for line in cell.source.splitlines()}
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
        found = _Code(notebook, own, helper).flags()
        read = {flag.cell: as_run(own[flag.cell].source) for flag in found}
    except (RecursionError, MemoryError):
        return ["The code is nested too deeply to be looked through."]
    except Exception as error:  # a fault of ours must not cost anybody the grade
        return [f"The code could not be looked through: {type(error).__name__}: {error}"]
    runs = {cell: [line.strip() for line in source.splitlines()] for cell, source in read.items()}
    told, seen = [], set()
    for cell, line, what, detail in sorted(found):
        if (cell, line, what) in seen or (0 < line <= len(runs[cell]) and runs[cell][line - 1] in given):
            continue
        seen.add((cell, line, what))
        lines = own[cell].source.splitlines()
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        where = grade_id(own[cell]) if is_answer(own[cell]) else f"cell {cell + 1}"
        shown = text if len(text) <= LINE else text[: LINE - 1] + "…"
        told.append(f"{where}, line {line}, {what} ({detail}): `{shown}`")
    more = len(told) - MOST_FLAGS
    return told[:MOST_FLAGS] + ([f"And {more} more."] if more > 0 else [])


# --- the notebook as one syntax tree ----------------------------------------------------------------------------------


class _Code:
    """The code of a notebook, with what stands in a student's cells and what an answer can come to."""

    def __init__(self, notebook: NotebookNode, own: dict[int, NotebookNode], helper: str) -> None:
        self.own, self.answers = own, {index for index, cell in own.items() if is_answer(cell)}
        lab = rf"(?:{re.escape(helper)}|\w+_lab)" if helper else r"\w+_lab"
        self.course = re.compile(rf"({lab}|coursekit|tinyworld)(\..*)?")
        self.delicate = re.compile(rf"({lab}|{DELICATE})(\.|$)")
        self.paths_of = {what: re.compile(rule.replace("LAB", lab)) for what, rule in PATHS.items()}
        self.in_answers = {what: re.compile(rule.replace("LAB", lab)) for what, rule in IN_ANSWERS.items()}
        self.strings_of = {what: re.compile(rule.replace("LAB", lab)) for what, rule in IN_STRINGS.items()}
        self.words = {what: re.compile(rule) for what, rule in WORDS.items()}
        tree = ast.Module([], [])
        self.cell: dict[ast.AST, int] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code" or is_graded(cell):
                continue
            body = statements(cell.source)
            tree.body += body
            for node in (one for statement in body for one in ast.walk(statement)):
                if node not in self.cell or not isinstance(node, ast.expr_context | ast.operator):
                    self.cell[node] = index
                for child in ast.iter_child_nodes(node):
                    self.parent[child] = node
        self.top = Scope(tree, None)
        self.scopes = [self.top]
        for scope in self.scopes:  # which grows
            self.scopes += [Scope(node, scope) for node in scope.nodes if isinstance(node, SCOPES)]
        self.scope_of = {scope.node: scope for scope in self.scopes}
        self._known: dict[tuple[int, str], set[str]] = {}
        self.reached = self._reached()
        values = [value[0] for many in self.top.bound.values() for value in many if isinstance(value, tuple)]
        self.methods = {value.attr for value in values if isinstance(value, ast.Attribute)}
        self.found: set[Flag] = set()

    def flags(self) -> set[Flag]:
        """Everything there is to look at."""
        for scope in self.scopes:
            for node in scope.nodes:
                if self.cell.get(node) in self.own:
                    self._look(node, scope)
        times = {
            node
            for scope in self.scopes
            for node in scope.nodes
            if isinstance(node, ast.Name | ast.Attribute)
            and any(map(TIMES.fullmatch, self.paths(node, scope)))
            or isinstance(node, ast.Call)
            and self._is_now(node, scope)
        }
        functions = [scope for scope in self.reached if isinstance(scope.node, FUNCTIONS)]
        flows = {scope: Flow(scope.node, times) for scope in functions}
        self._clock(flows, times)
        self._counts(flows)
        return self.found

    def _is_now(self, node: ast.Call, scope: Scope) -> bool:
        texts = {one.value for one in node.args if isinstance(one, ast.Constant)} & {"now", "today"}
        return bool(texts and self.paths(node.func, scope) & {"numpy.datetime64", "pandas.Timestamp"})

    def _flag(self, node: ast.AST, what: str, detail: str) -> None:
        if self.cell.get(node) in self.own:
            self.found.add(Flag(self.cell[node], getattr(node, "lineno", 1), what, detail[:80]))

    def _reached(self) -> list[Scope]:
        """The functions and classes of answers, and those that they use, wherever the student defined them."""
        found = {scope.node for scope in self.scopes[1:] if self.cell[scope.node] in self.answers}
        names: dict[str, None] = {}
        for node, cell in self.cell.items():
            if cell in self.answers:
                names |= names_in(node)
        waiting = list(names)
        while waiting:
            for value in self.top.bound.get(waiting.pop(), ()):
                if not isinstance(value, tuple):
                    continue
                for node in ast.walk(value[0]):
                    if isinstance(node, SCOPES):
                        found.add(node)
                    for name in names_in(node):
                        if name not in names:
                            names[name] = None
                            waiting.append(name)
        return [scope for scope in self.scopes[1:] if scope.node in found]

    # --- what names stand for -------------------------------------------------------------------------------------

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
                names, found = self.strings(key, scope) or (), set()
                for path in self.paths(value, scope):
                    if path == "sys.modules":
                        found |= set(names)
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
        found = set()
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
        key = (id(holder), name)
        if key not in self._known:
            self._known[key] = set()  # a name that stands for itself stands for nothing
            found: set[str] = set()
            for value in holder.bound[name]:
                if isinstance(value, str):
                    found.add(value)
                elif value and not isinstance(value[0], SCOPES):
                    found |= self.paths(*value)
            self._known[key] = set(sorted(found)[:MOST_PATHS])
        return self._known[key]

    def strings(self, node: ast.AST, scope: Scope, depth: int = 0) -> set[str] | None:
        """The texts that an expression may be, where they are written out somewhere; else None."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.Name(id=name) if depth < 4 and (holder := scope.holder(name)):
                found = set()
                for value in holder.bound[name]:
                    texts = self.strings(*value, depth + 1) if isinstance(value, tuple) else None
                    if texts is None:
                        return None
                    found |= texts
                return found
        return None

    # --- one node -------------------------------------------------------------------------------------------------

    def _look(self, node: ast.AST, scope: Scope) -> None:
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
                    self._mention(node, self.paths(node, scope))
                if node.id in ("In", "_ih", "_oh") and scope in self.reached and not scope.holder(node.id):
                    self._flag(node, COUNT, node.id)
            case ast.Attribute(value=value, attr=attribute):
                self._word(node, attribute)
                above = self.parent.get(node)
                if attribute == "__next__" and not (isinstance(above, ast.Call) and above.func is node):
                    self._flag(node, COUNT, attribute)
                if attribute == "cache_info" and scope in self.reached:
                    self._flag(node, COUNT, attribute)
                if isinstance(node.ctx, ast.Load):
                    self._mention(node, self.paths(node, scope))
                else:
                    self._replaced(node, value, attribute, scope)
            case ast.Subscript(value=value):
                if isinstance(node.ctx, ast.Load):
                    self._mention(node, self.paths(node, scope))
                else:
                    for path in self.paths(value, scope):
                        if path == "sys.modules" or path.endswith((".__dict__", "__builtins__")):
                            self._flag(node, REPLACE.format(path.removesuffix(".__dict__")), path)
            case ast.Call():
                self._mention(node, self.paths(node, scope))
                self._call(node, scope)
            case ast.Constant(value=str() | bytes()):
                self._text(node)
            case ast.Try(body=body, handlers=handlers):
                caught = [one for handler in handlers if handler.type for one in ast.walk(handler.type)]
                if any("builtins.RecursionError" in self.paths(one, scope) for one in caught):
                    called = [one.func for part in body for one in ast.walk(part) if isinstance(one, ast.Call)]
                    if any(isinstance(one, ast.Name) and self._is_own_function(one.id, scope) for one in called):
                        self._flag(node, STACK, "RecursionError")

    def _is_own_function(self, name: str, scope: Scope) -> bool:
        holder = scope.holder(name)
        values = holder.bound[name] if holder else ()
        return any(isinstance(value, tuple) and isinstance(value[0], FUNCTIONS) for value in values)

    def _mention(self, node: ast.AST, paths: set[str]) -> None:
        for path in paths:
            for what, rule in self.paths_of.items():
                if rule.fullmatch(path) and not (what == PROCESS and self._harmless(node)):
                    self._flag(node, what, path)
            for what, rule in self.in_answers.items():
                if rule.fullmatch(path) and self._in_answer(node):
                    self._flag(node, what, path)

    def _in_answer(self, node: ast.AST) -> bool:
        return self.cell[node] in self.answers or self._function(node) in {scope.node for scope in self.reached}

    def _function(self, node: ast.AST | None) -> ast.AST | None:
        while node is not None and not isinstance(node, SCOPES):
            node = self.parent.get(node)
        return node

    def _harmless(self, node: ast.AST) -> bool:
        """Whether a look at the process can be of no use to an answer: it sets a variable of the environment, asks for
        Colab, or shows what it finds."""
        above = self.parent.get(node)
        match above:
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value) if value is node:
                return not isinstance(self.parent.get(above), ast.AugAssign)
            case ast.Attribute(attr="update" | "setdefault" | "pop" | "clear") if isinstance(
                self.parent.get(self.parent.get(above)), ast.Expr
            ):
                return True
            case ast.alias() | ast.Import() | ast.ImportFrom():
                return True
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True  # its use will be seen
        statement = node
        while isinstance(statement, ast.expr) and statement in self.parent:
            statement = self.parent[statement]
        if self._in_answer(node):
            return False
        asked = [n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if isinstance(statement, ast.Assign | ast.If | ast.Expr) and asked and self._about_elsewhere(node):
            return True
        if not isinstance(statement, ast.Expr) or self._function(statement) is not None:
            return False
        value = statement.value
        if isinstance(value, ast.Call) and not (self.paths(value.func, self.top) & SHOWS):
            return any(self.paths_of[PROCESS].match(path) for path in self.paths(value.func, self.top))
        return True

    def _about_elsewhere(self, node: ast.AST) -> bool:
        """Whether it is asked for a name of Colab's: `"google.colab" in sys.modules`, `os.environ.get("COLAB_GPU")`."""
        above = self.parent.get(node)
        if isinstance(above, ast.Attribute):
            above = self.parent.get(above)
        match above:
            case (
                ast.Compare(left=ast.Constant(value=str(text)))
                | ast.Call(args=[ast.Constant(value=str(text)), *_])
                | ast.Subscript(slice=ast.Constant(value=str(text)))
            ):
                return bool(ELSEWHERE.search(text))
        return False

    def _word(self, node: ast.AST, word: str) -> None:
        for what, rule in self.words.items():
            if rule.fullmatch(word) and not (what == PROCESS and self._harmless(node)):
                self._flag(node, what, word)

    def _text(self, node: ast.Constant) -> None:
        above = self.parent.get(node)
        if isinstance(above, ast.Expr):
            return  # a docstring
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        for what, rule in self.strings_of.items():
            if found := rule.search(text):
                self._flag(node, what, found[0].strip())
        for word in set(WORD.findall(text)) - PLAIN_WORDS:
            self._word(node, word)
        match above:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=how)):
                if how in ("system", "getoutput") and (found := SHELL.search(text)):
                    self._flag(node, PROCESS, found[1])

    def _call(self, node: ast.Call, scope: Scope) -> None:
        arguments = node.args
        called = self.paths(node.func, scope)
        first = self.paths(arguments[0], scope) if arguments else set()
        if {"builtins.getattr", "operator.attrgetter"} & called and arguments:
            by_path = "builtins.getattr" in called
            name = arguments[1] if by_path and len(arguments) > 1 else arguments[0]
            if self.strings(name, scope) is None and not (by_path and self._ordinary(arguments[0], name, first)):
                self._flag(node, COMPUTED, sorted(called)[0])
        for path in called & {
            *("builtins.__import__", "importlib.import_module", "importlib.__import__"),
            *("builtins.eval", "builtins.exec", "builtins.compile"),
            *("get_ipython().run_cell", "get_ipython().ex", "get_ipython().ev", "get_ipython().run_code"),
        }:
            if arguments and self.strings(arguments[0], scope) is None:
                self._flag(node, COMPUTED, path)
        if "functools.partial" in called and "builtins.next" in first:
            self._flag(node, COUNT, "next")
        if "inspect.getmembers" in called and first:
            self._flag(node, COMPUTED, "inspect.getmembers")
        match node:
            case ast.Call(func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value="env"), *_]):
                if not isinstance(self.parent.get(node), ast.Expr):
                    self._flag(node, PROCESS, "%env")
        setter = isinstance(node.func, ast.Attribute) and node.func.attr in ("__setattr__", "__delattr__")
        if (called & {"builtins.setattr", "builtins.delattr"} or setter) and first:
            self._flag(node, REPLACE.format(sorted(first)[0]), "setattr")
        if "builtins.vars" in called and first and not first <= {"builtins.object"}:
            self._flag(node, REPLACE.format(sorted(first)[0]), "vars")
        changer = isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES
        if changer:
            for path in self.paths(node.func.value, scope):
                if path.endswith(".__dict__") or path == "sys.modules":
                    self._flag(node, REPLACE.format(path.removesuffix(".__dict__")), path)
        about = first | (self.strings(arguments[0], scope) or set() if arguments else set())
        if any(map(SOURCES.fullmatch, called)) and any(map(self.course.fullmatch, about)):
            self._flag(node, CHECKS, sorted(called)[0])

    def _ordinary(self, thing: ast.expr, name: ast.expr, paths: set[str]) -> bool:
        """Whether a getattr is as in ordinary code: by a name that was passed, or `f"layer{i}"` of self, a library."""
        if any(map(self.delicate.match, paths)):
            return False
        root = root_of(thing)
        prefixed = isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant)
        return isinstance(name, ast.Name) or (root is not None and root.id == "self") or (bool(paths) and prefixed)

    def _replaced(self, node: ast.Attribute, base: ast.expr, attribute: str, scope: Scope) -> None:
        statement = self.parent.get(node)
        value = getattr(statement, "value", None)
        for path in self.paths(base, scope):
            whole = f"{path}.{attribute}"
            ours = bool(self.course.fullmatch(path)) or path.partition(".")[0] in ("builtins", "get_ipython()", "sys")
            if whole in STREAMS:
                continue
            plain = isinstance(value, ast.Constant) and (value.value is not None or SETTINGS.search(path))
            if not ours and (plain or attribute.isupper()):
                continue  # a setting, such as torch.backends.cudnn.benchmark
            self._flag(node, REPLACE.format(path), whole)
        match base:
            case ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=name)]) if name != "self":
                self._flag(node, REPLACE.format(f"the class of {name}"), attribute)
            case ast.Attribute(value=ast.Name(id=name), attr="__class__") if name != "self":
                self._flag(node, REPLACE.format(f"the class of {name}"), attribute)

    # --- clock and counts -----------------------------------------------------------------------------------------

    def _clock(self, flows: dict[Scope, Flow], times: set[ast.AST]) -> None:
        late = {TIME}  # names of the notebook that depend on the clock
        while True:
            new = set()
            for name, values in self.top.bound.items():
                for value in values:
                    if name in late or not isinstance(value, tuple):
                        continue
                    if isinstance(value[0], FUNCTIONS):
                        scope = self.scope_of[value[0]]
                        flow = flows.get(scope)
                        if flow and flow.reaches(late - set(scope.bound)) & flow.returned:
                            new.add(name)
                    elif not isinstance(value[0], ast.ClassDef) and keys_in(value[0], times) & late:
                        new.add(name)
            if not new:
                break
            late |= new
        for scope, flow in flows.items():
            if flow.reaches(late - set(scope.bound)) & flow.decisive:
                seen = [n for n in ast.walk(scope.node) if n in times or isinstance(n, ast.Name) and n.id in late]
                for node in [n for n in seen if n in times] or seen[:1]:
                    self._flag(node, CLOCK, ast.unparse(node))

    def _counts(self, flows: dict[Scope, Flow]) -> None:
        changed: dict[tuple[Scope, str], list[tuple[ast.AST, str]]] = defaultdict(list)
        for scope in flows:
            for node in scope.nodes:
                for key, how in self._changes(node, scope):
                    changed[key].append((node, how))
        for (holder, key), changes in changed.items():
            name = key.partition(".")[0]
            always = any(how in ("default", "function", "next") for _, how in changes)
            uses = self._uses(flows, holder, name, key)
            if all(how != "next" for _, how in changes) and uses and all(map(self._as_memo, uses)):
                continue
            decided = always or any(
                (flow.reaches({key}) & (flow.decisive | flow.returned))
                for scope, flow in flows.items()
                if scope.holder(name) is holder
            )
            for node, _ in changes if decided else ():
                self._flag(node, COUNT, key)

    def _changes(self, node: ast.AST, scope: Scope) -> Iterator[tuple[tuple[Scope, str], str]]:
        """(variable, how) of what a node of a function changes that outlives the call."""
        touched: list[ast.expr] = [target for target, _ in targets_of(node)]
        by_next = False
        match node:
            case ast.For(iter=ast.Name() as values) | ast.comprehension(iter=ast.Name() as values):
                holder = scope.holder(values.id)
                for value in holder.bound[values.id] if holder else ():
                    if isinstance(value, tuple) and isinstance(value[0], ast.Call):
                        called = self.paths(value[0].func, value[1])
                        if any(map(ITERATORS.fullmatch, called)) or self._is_generator(value[0].func, value[1]):
                            touched.append(ast.Attribute(values, "__next__", ast.Load()))
                            by_next = True
            case ast.Delete(targets=targets):
                touched += targets
            case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in CHANGES:
                touched.append(ast.Attribute(value, attribute, ast.Load()))
                by_next = attribute in ("__next__", "send")
            case ast.Call(func=function, args=[thing, *_]):
                called = self.paths(function, scope)
                by_next = bool(called & {"builtins.next", "builtins.anext"})
                if called & {"builtins.setattr", "builtins.delattr"} and len(node.args) > 1:
                    names = self.strings(node.args[1], scope) or {"?"}
                    touched += [ast.Attribute(thing, name, ast.Store()) for name in names]
                elif by_next or called & {"operator.setitem", "operator.iadd"}:
                    touched.append(ast.Attribute(thing, "__next__", ast.Load()))
        for target in touched:
            if (
                isinstance(target, ast.Subscript)
                and isinstance(target.value, ast.Call)
                and ("builtins.globals" in self.paths(target.value.func, scope))
            ):
                self._flag(node, COUNT, "globals()")
            root = root_of(target)
            if root is None or self.paths(root, scope):
                continue
            holder = scope.holder(root.id)
            if isinstance(target, ast.Name):
                declared = root.id in scope.of_notebook | scope.of_outer
                if declared and holder and self._lasts(holder, scope):
                    yield (holder, root.id), "name"
                continue
            if holder is None:
                continue
            first = _first_attribute(target, root)
            if holder is scope:
                default = defaults_of(scope.node).get(root.id)
                if default is not None and _is_mutable(default):
                    yield (holder, root.id), "next" if by_next else "default"
                elif self._outlives(scope) and root.id == next(iter(parameters_of(scope.node)), "") and first:
                    yield (holder, f"{root.id}.{first}"), "next" if by_next else "object"
            elif self._lasts(holder, scope):
                values = [value[0] for value in holder.bound[root.id] if isinstance(value, tuple)]
                if any(isinstance(value, SCOPES) for value in values) and first:
                    how = "function" if any(isinstance(value, FUNCTIONS) for value in values) else "object"
                    yield (holder, f"{root.id}.{first}"), "next" if by_next else how
                else:
                    yield (holder, root.id), "next" if by_next else "object"

    def _lasts(self, holder: Scope, scope: Scope) -> bool:
        """Whether a variable of `holder` outlives a call of `scope`: it is the notebook's, or that of a function that
        returns the inner one."""
        if holder is self.top:
            return True
        if not isinstance(holder.node, FUNCTIONS):
            return False
        inner = scope
        while inner.outer is not holder and inner.outer is not None:
            inner = inner.outer
        name = getattr(inner.node, "name", "")
        for node in ast.walk(holder.node):
            if isinstance(node, ast.Return) and node.value is not None:
                for one in ast.walk(node.value):
                    called = isinstance(above := self.parent.get(one), ast.Call) and above.func is one
                    if one is inner.node or isinstance(one, ast.Name) and one.id == name and not called:
                        return True
        return isinstance(holder.node, ast.Lambda) and holder.node.body is inner.node

    def _outlives(self, scope: Scope) -> bool:
        """Whether a function is a method, and what it is called on outlives the call: an answer in itself, as
        `double = Double()` or `double = Double().method`, or a class."""
        name = getattr(scope.node, "name", "")
        if not name or not isinstance(scope.outer.node, ast.ClassDef):
            return False
        decorators = [one.id for one in scope.node.decorator_list if isinstance(one, ast.Name)]
        return name == "__call__" or "classmethod" in decorators or name in self.methods

    def _is_generator(self, function: ast.expr, scope: Scope) -> bool:
        holder = scope.holder(function.id) if isinstance(function, ast.Name) else None
        values = [value[0] for value in holder.bound[function.id] if isinstance(value, tuple)] if holder else []
        return any(isinstance(one, ast.Yield) for value in values for one in _own_nodes_of(value))

    def _uses(self, flows: Iterable[Scope], holder: Scope, name: str, key: str) -> list[ast.AST]:
        """Where functions of answers use a variable: its name, or the attribute of it that is meant."""
        found: list[ast.AST] = []
        for scope in flows:
            if scope.holder(name) is not holder:
                continue
            for node in scope.nodes:
                if isinstance(node, ast.Name) and node.id == name:
                    above = self.parent.get(node)
                    if key == name:
                        found.append(node)
                    elif isinstance(above, ast.Attribute) and f"{name}.{above.attr}" == key:
                        found.append(above)
        return found

    def _as_memo(self, use: ast.AST) -> bool:
        """Whether this use of a container is that of a cache: by a key that depends on the arguments."""
        above = self.parent.get(use)
        match above:
            case ast.Subscript(value=value, slice=key) if value is use:
                return not isinstance(key, ast.Constant) and not isinstance(self.parent.get(above), ast.AugAssign)
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()]):
                return not isinstance(key, ast.Constant) and key is not use
            case ast.Attribute(attr="get" | "setdefault"):
                call = self.parent.get(above)
                return isinstance(call, ast.Call) and bool(call.args) and not isinstance(call.args[0], ast.Constant)
            case ast.Call(args=arguments) if any(one is use for one in arguments):
                return isinstance(above.func, ast.Name) and not hasattr(builtins, above.func.id)
            case ast.keyword():
                return True
        return False


def _own_nodes_of(value: ast.AST) -> Iterator[ast.AST]:
    return own_nodes(value) if isinstance(value, FUNCTIONS) else iter(())


def _first_attribute(target: ast.AST, root: ast.Name) -> str:
    """`count` of `state.count[0]`."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        if target.value is root:
            return target.attr if isinstance(target, ast.Attribute) and target.attr not in CHANGES else ""
        target = target.value
    return ""


def _is_mutable(default: ast.expr) -> bool:
    return not isinstance(default, ast.Constant | ast.Name | ast.Attribute | ast.Lambda | ast.UnaryOp | ast.Tuple)
