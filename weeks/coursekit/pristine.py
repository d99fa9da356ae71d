"""Modules as they were before a notebook's code ran, to be put back where a judge's own code is about to run."""

from __future__ import annotations

import builtins
import contextlib
import sys
from collections.abc import Iterable
from types import CellType, FunctionType, ModuleType
from typing import Any

# What is called below, bound here: a notebook may put something else in the place of a builtin.
globals().update({name: value for name, value in vars(builtins).items() if not name.startswith("_")})

PARTS = ("__code__", "__defaults__", "__kwdefaults__")  # of a function, which can be replaced in place
GONE = object()


class Pristine:
    """The definitions of modules: their functions, classes, methods, modules and CONSTANTS, and how to import.

    What else a module holds may change as a notebook works, and is left alone. modules_only: leave Python's builtins
    and its ways to import alone too.
    """

    def __init__(self, names: Iterable[str], modules_only: bool = False) -> None:
        self._modules = {name: sys.modules[name] for name in names if name in sys.modules}
        self._entries: list[tuple[str, Any, str, Any]] = []  # where, a module's names or a class, name, value
        self._classes: list[tuple[str, type, frozenset[str]]] = []  # and the names it had
        self._parts: list[tuple[str, FunctionType, tuple[Any, ...]]] = []
        self._cells: list[tuple[str, CellType, Any]] = []
        self._contents: list[tuple[str, Any, Any]] = []  # constants that can change in place, and a copy
        self._builtins = {} if modules_only else dict(vars(builtins))
        self._names = {name: (vars(module), frozenset(vars(module))) for name, module in self._modules.items()}
        self._kinds = {name: type(module) for name, module in self._modules.items()}
        for name, module in self._modules.items():
            for key, value in list(vars(module).items()):
                if callable(value) or isinstance(value, ModuleType) or key.isupper():
                    self._entries.append((name, vars(module), key, value))
                if key.isupper() and type(value) in (dict, list, set):
                    self._contents.append((f"{name}.{key}", value, value.copy()))
                if getattr(value, "__module__", None) == name:
                    self._keep(f"{name}.{key}", value)
        importing: tuple[list[Any], ...] = () if modules_only else (sys.meta_path, sys.path_hooks, sys.path)
        self._importing: list[tuple[list[Any], list[Any]]] = [(found, list(found)) for found in importing]

    def _keep(self, where: str, value: Any) -> None:
        if isinstance(value, type):
            self._classes.append((where, value, frozenset(vars(value))))
            for key, member in list(vars(value).items()):
                if _is_code(member):
                    self._entries.append((where, value, key, member))
                    self._keep_function(f"{where}.{key}", member)
        else:
            self._keep_function(where, value)

    def _keep_function(self, where: str, value: Any) -> None:
        if isinstance(value, property):
            value = value.fget
        elif isinstance(value, staticmethod | classmethod):
            value = value.__func__
        while value is not None:  # what decorators wrapped, too
            if isinstance(value, FunctionType):
                self._parts.append((where, value, tuple(getattr(value, part) for part in PARTS)))
                for cell in value.__closure__ or ():
                    if callable(inside := _content(cell)):
                        self._cells.append((where, cell, inside))
            value = vars(value).get("__wrapped__") if hasattr(value, "__dict__") else None

    def restore(self) -> list[str]:
        """Put everything back. Returns the dotted names of what had been replaced."""
        theirs = dict(builtins.__dict__)
        builtins.__dict__.update(self._builtins)  # what follows calls them
        replaced = [f"builtins.{key}" for key, value in self._builtins.items() if theirs.get(key, GONE) is not value]
        for found, was in self._importing:
            found[:] = [*was, *(one for one in found if found is sys.path and one not in was)]
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                replaced.append(name)
            if type(module) is not self._kinds[name]:
                with contextlib.suppress(Exception):  # one that will not have it
                    object.__setattr__(module, "__class__", self._kinds[name])
                replaced.append(name)
            names, had = self._names[name]
            for key in (names.keys() & self._builtins.keys()) - had:  # which the module's functions would find first
                del names[key]
                replaced.append(f"{name}.{key}")
        for where, kept, had in self._classes:
            for key in [key for key, value in vars(kept).items() if key not in had and _is_code(value)]:
                type.__delattr__(kept, key)
                replaced.append(f"{where}.{key}")
        for where, holder, key, value in self._entries:
            names = holder if type(holder) is dict else vars(holder)
            if names.get(key, GONE) is not value:
                if names is holder:
                    holder[key] = value
                else:
                    setattr(holder, key, value)
                replaced.append(f"{where}.{key}")
        for where, function, parts in self._parts:
            for part, value in zip(PARTS, parts, strict=True):
                if getattr(function, part) is not value:
                    setattr(function, part, value)
                    replaced.append(where)
        for where, cell, inside in self._cells:
            if _content(cell) is not inside:
                cell.cell_contents = inside
                replaced.append(where)
        for where, constant, was in self._contents:
            now, then = _items(constant), _items(was)
            if len(now) != len(then) or any(a is not b for a, b in zip(now, then, strict=True)):
                constant.clear()
                (constant.extend if type(constant) is list else constant.update)(was)
                replaced.append(where)
        return list(dict.fromkeys(replaced))


def _items(constant: Any) -> list[Any]:
    """What is in a list, a set or a dict, keys and values."""
    return [*constant, *constant.values()] if type(constant) is dict else list(constant)


def _is_code(member: Any) -> bool:
    return callable(member) or isinstance(member, property | staticmethod | classmethod)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing was ever put there
        return None
