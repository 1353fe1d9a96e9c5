"""Which files of the lab each step of the workflow consists of: found by following imports, so that no list can be forgotten."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PACKAGE = "replab"
STEPS: dict[str, str] = {
    "defaults": "replab.steps.defaults",
    "published": "replab.steps.published",
    "inputs": "replab.steps.inputs",
    "truth": "replab.steps.truth",
    "judge": "replab.steps.judge",
    "tables": "replab.steps.tables",
    "claims": "replab.claims.run",
    "elsewhere": "replab.steps.elsewhere",
    "report": "replab.report.render",
}
"""The module that a step begins in."""
APART = (
    "replab.freshness",
    "replab.engines",
    "replab.images",
    "replab.run.supervise",
    "replab.run.cgroup",
    "replab.locks.pins",
    "replab.config.loading",
    "replab.config.settings",
    "replab.config.environments",
    "replab.config.variants",
    "replab.config.families",
    "replab.config.cases",
    "replab.config.factors",
    "replab.config.subjects",
    "replab.config.records",
    "replab.config.values",
    "replab.config.faults",
    "replab.opening",
    "replab.progress",
    "replab.parallel",
    "replab.results_folder",
)
"""What is not followed: modules that plan jobs, build environments, start sandboxes, read the configuration, show progress or know where
files lie. What they found reaches a step by files that are its inputs, or by the plan."""
SHOWING = ("replab.report", "replab.publish")
"""What the last two steps begin in: they show what a run found, and no number of it depends on them."""
IMPORT = re.compile(rf"^[ \t]*(?:from ({PACKAGE}[\w.]*) import (?:\(([^)]*)\)|([^\n#]*))|import ({PACKAGE}[\w.]*))", re.MULTILINE)


@functools.cache
def of_step(scripts: Path, step: str) -> tuple[Path, ...]:
    """The files below the folder ``scripts`` that a step consists of, sorted."""
    return tuple(closure(scripts, [STEPS[step]]))


def only_shows(scripts: Path) -> list[str]:
    """The parts of the package (folders and files at its top) that no step before the report consists of, in any of their modules.

    A part, and not a module, is the measure: some modules are named where no import tells (the launcher of a container, what rules of
    claims use).
    """
    package = scripts / PACKAGE
    steps = (module for step, module in STEPS.items() if step != "report")
    workflow = (f"{PACKAGE}.workflow.{path.stem}" for path in (package / "workflow").glob("*.py"))
    used = {path.relative_to(package).parts[0] for path in closure(scripts, [*steps, *workflow], apart=SHOWING)}
    return sorted(path.name for path in package.iterdir() if path.name not in used and (path.suffix or any(path.glob("*.py"))))


def closure(scripts: Path, modules: Iterable[str], apart: Sequence[str] = APART) -> list[Path]:
    """The files that ``modules`` consist of and import, wherever in them an import stands, and the templates beside them.

    Modules ``apart`` end the way.
    """
    paths: dict[str, Path] = {}
    templates: set[Path] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name in paths or any(name == prefix or name.startswith(f"{prefix}.") for prefix in apart):
            continue
        path = _file(scripts, name)
        if path is None:  # not a module but a name in one
            continue
        paths[name] = path
        templates |= set(path.parent.glob("*.j2"))
        queue += [name.rpartition(".")[0]] if "." in name else []
        queue += imports(path.read_text(encoding="utf-8"))
    return sorted({*paths.values(), *templates})


def imports(text: str) -> Iterator[str]:
    """The modules of the lab that a source imports, and names in them, which may be modules too."""
    for module, several, few, whole in IMPORT.findall(text):
        if whole:
            yield whole
            continue
        yield module
        yield from (f"{module}.{name.split(' as ')[0].strip()}" for name in (several or few).replace("\n", ",").split(",") if name.strip())


def _file(scripts: Path, module: str) -> Path | None:
    stem = scripts / module.replace(".", "/")
    return next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
