"""Modules as they were before a notebook's code ran, to be put back where a judge's own code is about to run."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

PARTS = ("__code__", "__defaults__", "__kwdefaults__")  # of a function, which can be replaced in place


class Pristine:
    """The definitions of modules: their functions, classes, methods, modules and CONSTANTS, and how to import.

    What else a module holds may change as a notebook works, and is left alone.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._modules = {name: sys.modules[name] for name in names if name in sys.modules}
        self._entries: list[tuple[str, Any, str, Any]] = []  # where, the module or class, name, value
        self._parts: list[tuple[str, FunctionType, tuple[Any, ...]]] = []
        for name, module in self._modules.items():
            for key, value in list(vars(module).items()):
                if callable(value) or isinstance(value, ModuleType) or key.isupper():
                    self._entries.append((name, module, key, value))
                if getattr(value, "__module__", None) == name:
                    self._keep(f"{name}.{key}", value)
        self._builtins = dict(vars(builtins))
        self._importing = [(found, list(found)) for found in (sys.meta_path, sys.path_hooks, sys.path)]

    def _keep(self, where: str, value: Any) -> None:
        if isinstance(value, type):
            for key, member in list(vars(value).items()):
                if callable(member) or isinstance(member, property | staticmethod | classmethod):
                    self._entries.append((where, value, key, member))
                    self._keep_function(f"{where}.{key}", member)
        else:
            self._keep_function(where, value)

    def _keep_function(self, where: str, value: Any) -> None:
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, FunctionType):
            self._parts.append((where, value, tuple(getattr(value, part) for part in PARTS)))

    def restore(self) -> list[str]:
        """Put everything back. Returns the dotted names of what had been replaced."""
        theirs = dict(builtins.__dict__)
        builtins.__dict__.update(self._builtins)  # what follows calls them
        replaced = [f"builtins.{key}" for key, value in self._builtins.items() if theirs.get(key, self) is not value]
        for found, was in self._importing:
            found[:] = [*was, *(one for one in found if found is sys.path and one not in was)]
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                replaced.append(name)
        for where, holder, key, value in self._entries:
            if vars(holder).get(key, self) is not value:
                setattr(holder, key, value)
                replaced.append(f"{where}.{key}")
        for where, function, parts in self._parts:
            for part, value in zip(PARTS, parts, strict=True):
                if getattr(function, part) is not value:
                    setattr(function, part, value)
                    replaced.append(where)
        return list(dict.fromkeys(replaced))
