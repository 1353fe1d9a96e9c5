"""Import statements of a reference: the family's own modules are read by the lab as the reference is, all others are Python's."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path

from replab.config import own_modules


class FamilyModule(types.ModuleType):
    """A module of a family, as a reference imports it."""


class Importer:
    """``__import__`` of a reference and of the modules beside it."""

    def __init__(self, folder: Path, builtins: Mapping[str, object], run: Callable[[FamilyModule, Path], None]) -> None:
        """``builtins``: the built-in names, whose ``__import__`` gets what is no module of the family in ``folder``.

        ``run`` fills one that is, from its file.
        """
        self._folder, self._run = folder, run
        self._others: Callable[..., object] = builtins["__import__"]  # type: ignore[assignment]  # as Python has it
        self.builtins = {**builtins, "__import__": self}
        """The built-in names of the reference and of its modules."""
        self._loaded: dict[str, FamilyModule] = {}

    def __call__(
        self,
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        wanted: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> object:
        """What an import statement gets; arguments as those of Python's ``__import__``."""
        absolute = _absolute(name, str((globals_ or {}).get("__package__") or ""), level)
        if not absolute or own_modules.path_of(self._folder, absolute.partition(".")[0]) is None:
            return self._others(name, globals_, locals_, wanted, level)
        parts = absolute.split(".")
        packages = [self._load(".".join(parts[: count + 1])) for count in range(len(parts))]
        if not wanted:
            return packages[0]
        for one in wanted:
            if one != "*" and not hasattr(packages[-1], one) and own_modules.path_of(self._folder, f"{absolute}.{one}"):
                self._load(f"{absolute}.{one}")
        return packages[-1]

    def _load(self, name: str) -> FamilyModule:
        if name in self._loaded:
            return self._loaded[name]
        path = own_modules.path_of(self._folder, name)
        if path is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        made = self._loaded[name] = FamilyModule(name)
        package, _, last = name.rpartition(".")
        made.__dict__.update(
            {"__file__": str(path), "__package__": name if path.name == "__init__.py" else package, "__builtins__": self.builtins}
        )
        try:
            self._run(made, path)
        except BaseException:
            del self._loaded[name]
            raise
        if package:
            setattr(self._loaded[package], last, made)
        return made


def _absolute(name: str, package: str, level: int) -> str:
    """The name that a relative one stands for in a module of ``package``; empty where it leads out of the family."""
    if not level:
        return name
    above = package.split(".")[: len(package.split(".")) - level + 1] if package else []
    return ".".join([*above, *([name] if name else [])]) if above else ""


__all__ = ["FamilyModule", "Importer"]
