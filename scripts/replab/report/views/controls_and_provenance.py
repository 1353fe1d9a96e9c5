"""The pages about the lab itself: its controls, and where the numbers come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replab import calling
from replab.contract.summaries import RunSummary
from replab.formats import FORMATS
from replab.model import Status, Verdict, is_as_expected
from replab.report.data.cells import CellView, Work, places_in_words, views
from replab.report.data.evidence import Index, control_anchor
from replab.report.data.links import case_title, work_path
from replab.report.data.results import Results
from replab.report.data.words import (
    MISSING,
    OUTCOMES,
    derivative_name,
    flatten,
    framework_name,
    listing,
    natural,
    number,
    percent,
    plural,
    seconds,
    slug,
)
from replab.report.pages.pages import AccusedReference, ControlRow, ControlsPage, EnvironmentEntry, ProvenancePage, ReasonRow
from replab.report.pages.parts import Link
from replab.report.views.other_platforms import elsewhere
from replab.store.rows import CellRow

MOST_MISSES = 8
"""Cells of one control that are listed when it did not come out as expected."""

_KINDS = {
    "rounding": ("Known-equal rewrites", "The same function, written another way: only rounding may separate it from the reference."),
    "semantic": ("Planted mistakes", "A small mistake, made on purpose: the verdict must be that another function is computed."),
}


def controls(results: Results) -> ControlsPage:
    """Every control with what was expected and what came out. The score at the top is that of the run."""
    rows: Sequence[CellRow] = [row for row in results.cells if row.role == "control"]
    grouped: dict[tuple[str, str], list[CellView]] = defaultdict(list)
    for cell in views(rows):
        grouped[cell.work.family, cell.work.case].append(cell)
    made, idle = [], 0
    for (family, case), cells in sorted(grouped.items()):
        ran = [cell for cell in cells if cell.ok]
        idle += len(cells) - len(ran)
        expect = cells[0].worst.expect or "rounding"
        found = Counter(cell.outcome.name for cell in ran)
        good = sum(is_as_expected(expect, cell.outcome.name) for cell in ran)
        misses = [
            f"{cell.place.label}, {cell.work.dtype}, derivative {cell.work.derivative}: {cell.outcome.name}, z {number(cell.worst.z_max)} "
            f"(limit {number(cell.worst.z_limit)})"
            for cell in ran
            if not is_as_expected(expect, cell.outcome.name)
        ]
        made.append(
            ControlRow(
                name=f"{family}.{case}",
                anchor=control_anchor(family, case),
                title=case_title(results, family, case) or cells[0].worst.title,
                expect=OUTCOMES[expect],
                factor=cells[0].worst.factor,
                found=tuple((OUTCOMES[name], found[name]) for name in sorted(found, key=lambda name: OUTCOMES[name].severity)),
                good=good,
                total=len(ran),
                misses=(
                    *misses[:MOST_MISSES],
                    *([f"and {plural(len(misses) - MOST_MISSES, 'other')}"] if len(misses) > MOST_MISSES else []),
                ),
            )
        )
    scores = results.run.get("controls") or {}
    listed = []
    for kind, (title, text) in _KINDS.items():
        good, total = (int(value or 0) for value in (scores.get(kind) or (0, 0))[:2])
        listed.append((title, good, total, text))
    made.sort(key=lambda row: (row.good == row.total, row.expect.name, row.name))
    return ControlsPage(
        accused=tuple(accused(results)),
        scores=tuple(listed),
        rows=tuple(made),
        not_run=f"{plural(idle, 'cell')} of controls gave no result." if idle else "",
    )


def accused(results: Results) -> Iterator[AccusedReference]:
    """Results that every framework, and more than one, gives alike against the reference, and that nothing explains.

    One framework that differs from a definition computes something else; where all of them differ in the same way, the reference is the
    one to look at first. Not where a cause is proved, nor where the numbers only leave the range of their format.
    """
    by_dtype: dict[tuple[str, str, int, str], dict[str, list[CellRow]]] = defaultdict(lambda: defaultdict(list))
    for row in results.cells:
        if row.role == "result" and row.mode == "eager" and row.status == Status.OK:
            by_dtype[row.family, row.case, row.derivative, row.output][row.dtype].append(row)
    for (family, case, derivative, output), dtypes in sorted(by_dtype.items()):
        against = [rows for rows in dtypes.values() if _agree_against(rows) and not _beyond_range(rows, dtypes)]
        if against:
            against.sort(key=lambda rows: -FORMATS[rows[0].dtype].precision)
            first = against[0][0]
            given = f" at {first.worst_inputs}" if first.worst_inputs else ""
            told = f"{first.worst_result}{given}, and the reference {first.worst_truth}" if first.worst_result else ""
            yield AccusedReference(
                case=Link(text=f"{family}.{case}", href=work_path(Work(family, case, derivative, first.dtype))),
                what=f"{derivative_name(derivative)} {output}",
                dtypes=listing([rows[0].dtype for rows in against]),
                frameworks=listing(sorted({framework_name(row.framework) for rows in against for row in rows})),
                said=": ".join(filter(None, (first.why, told))),
            )


def _agree_against(rows: Sequence[CellRow]) -> bool:
    """Whether all results are the same at the worst element, from several frameworks, and none is what the reference says."""
    wrong = all(row.verdict in (Verdict.SEMANTIC, Verdict.INCOMPARABLE) and not row.cause for row in rows)
    places = {(row.worst_index, row.worst_result) for row in rows}
    return wrong and len(places) == 1 and len({row.framework for row in rows}) > 1


def _beyond_range(rows: Sequence[CellRow], dtypes: Mapping[str, Sequence[CellRow]]) -> bool:
    """Whether infinities and NaN are all that is wrong, and gone in a format of wider range: something on the way overflowed there.

    A gradient of 60 000 in float16 is infinite when it is an infinite derivative times a cotangent. A reference that is wrong about NaN or
    infinity is so in every format.
    """
    if not all(row.verdict == Verdict.INCOMPARABLE and (row.nan_mismatch or row.inf_mismatch) for row in rows):
        return False
    own = FORMATS[rows[0].dtype].emax
    wider = [row for dtype, others in dtypes.items() if FORMATS[dtype].emax > own for row in others]
    return bool(wider) and not any(row.verdict == Verdict.INCOMPARABLE for row in wider)


def _text(value: Any) -> str:
    """One line: ``name openblas, threads 1; name mkl, threads 1`` for a list of tables."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "; ".join(_text(item) for item in value) or MISSING
    return ", ".join(f"{name} {text}" if name else text for name, text in flatten(value)) or MISSING


def _differs(asked: str, found: str) -> bool:
    """A version found is another one than that asked for; ``2.13.0+cpu`` is ``2.13.0``, ``3.11.9`` is ``3.11``."""
    if MISSING in {asked, found}:
        return False
    return not (found == asked or found.startswith((f"{asked}.", f"{asked}+", f"{asked} ")))


def _package_version(packages: Mapping[str, Any], framework: str) -> str:
    wanted = {"tensorflow": ("tensorflow-cpu", "tensorflow"), "torch": ("torch",), "numpy": ("numpy",)}.get(framework, (framework,))
    lowered = {str(name).lower().replace("_", "-"): str(version) for name, version in packages.items()}
    return next((lowered[name] for name in wanted if name in lowered), "")


def _blas(observed: Mapping[str, Any]) -> str:
    """The linear algebra libraries that the process had loaded: ``OpenBLAS 0.3.34, kernels SkylakeX, 1 thread``."""
    found = []
    for _, facts in sorted((observed.get("libraries") or {}).items()):
        if isinstance(facts, dict) and facts.get("config"):
            name = " ".join(str(facts["config"]).split()[:2])
            core = f", kernels {facts['core']}" if facts.get("core") else ""
            threads = f", {plural(int(facts['threads']), 'thread')}" if facts.get("threads") else ""
            found.append(f"{name}{core}{threads}")
    return "; ".join(dict.fromkeys(found)) or MISSING


def _interpreter(entry: Mapping[str, Any]) -> str:
    """Which Python it was, down to its bytes where those of this machine were used, else what it says of itself."""
    told = entry.get("interpreter") or (entry.get("observed") or {}).get("python") or {}
    if not isinstance(told, dict) or not told.get("build"):
        return MISSING
    words = [f"{told.get('implementation')} {told.get('version')} ({told['build']})", str(told.get("compiler") or "")]
    hashes = [(told.get("name"), told.get("sha256")), ("its library", told.get("library_sha256"))]
    return ", ".join(filter(None, [*words, *(f"{name} is SHA-256 {str(digest)[:16]}…" for name, digest in hashes if digest)]))


def _table(value: Any, key: str) -> Any:
    """A member of a table; the thing itself when it is no table."""
    return value.get(key) if isinstance(value, dict) else value


def _isolation(entry: Mapping[str, Any]) -> tuple[str, str, bool, list[tuple[str, str]]]:
    """Promised, found, whether a promise is broken, and every point in words with what was found."""
    policy, seen = entry.get("isolation") or {}, (entry.get("observed") or {}).get("isolation") or {}
    if not seen:
        return MISSING, MISSING, False, []
    words, promised = policy.get("points") or {}, policy.get("promised") or []
    open_points = [point for point, found in sorted(seen.items()) if found != "holds"]
    found = f"all {len(seen)} points hold" if not open_points else f"{len(seen) - len(open_points)} of {len(seen)} points hold"
    lines = []
    for point, text in sorted(seen.items()):
        lines.append((f"isolation: {words.get(point, point)}", f"{text}{' (promised)' if point in promised else ''}"))
    if "pids" in promised:
        lines += [(f"isolation: limit on {name}", str(value)) for name, value in sorted((policy.get("limits") or {}).items())]
    return f"{plural(len(promised), 'point')} promised", found, bool(set(open_points) & set(promised)), lines


def _environment(name: str, entry: Mapping[str, Any]) -> EnvironmentEntry:
    asked, observed = entry.get("asked") or {}, entry.get("observed") or {}
    packages = observed.get("packages") or {}
    framework = str(asked.get("framework") or "")
    version, python = str(asked.get("version") or MISSING), str(asked.get("python") or MISSING)
    found_version, found_python = _package_version(packages, framework) or MISSING, _text(_table(observed.get("python"), "version"))
    promised, isolated, broken, isolation = _isolation(entry)
    facts = (
        (framework_name(framework) or "framework", version, found_version, _differs(version, found_version)),
        ("Python", python, found_python, _differs(python, found_python)),
        ("C library", MISSING, _text(_table(observed.get("platform"), "libc")), False),
        ("linear algebra", MISSING, _blas(observed), False),
        ("interpreter", MISSING, _interpreter(entry), False),
        ("processor", MISSING, _text(_table(observed.get("cpu"), "model")), False),
        ("system", MISSING, _text(_table(observed.get("platform"), "distribution")), False),
        ("switches", _text(asked.get("variables")), _text(observed.get("switches")), False),
        ("image", MISSING, str((entry.get("image") or {}).get("digest") or MISSING), False),
        ("isolation", promised, isolated, broken),
        ("modes", _text(asked.get("modes")), MISSING, False),
        ("requirements", _text(asked.get("requirements")), MISSING, False),
    )
    details = flatten({key: value for key, value in observed.items() if key not in {"packages", "schema", "switches", "isolation"}})
    details += isolation
    if entry.get("build_seconds") is not None:
        details.append(("time to build", seconds(entry["build_seconds"])))
    return EnvironmentEntry(
        name=name,
        anchor=f"env-{slug(name)}",
        framework=framework,
        available=entry.get("status") != "unavailable",
        reason=str(entry.get("reason") or ""),
        note=str(asked.get("note") or ""),
        facts=facts,
        packages=tuple(sorted((str(key), str(value)) for key, value in packages.items())),
        details=tuple(details),
        lock=str(entry.get("lock_sha256") or ""),
        pins=f"containers/{name}/{'cuda' if 'cuda' in (asked.get('devices') or []) else 'cpu'}.lock",
    )


def _processors(environments: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What the processes saw; one line where all saw the same."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, entry in sorted(environments.items(), key=lambda item: natural(item[0])):
        cpu = (entry.get("observed") or {}).get("cpu")
        if isinstance(cpu, dict):
            found[_text(cpu.get("model")), _text(cpu.get("flags"))].append(name)
    return tuple((model, flags, listing(names, 12)) for (model, flags), names in found.items())


def _switches(results: Results) -> tuple[tuple[str, str, str, int], ...]:
    """The arithmetic switches of this run, with the cells that ran under each."""
    counted = Counter(row.variant for row in {row.id: row for row in (*results.cells, *results.varied)}.values() if row.status == "ok")
    known = results.run.get("variants")
    told = known if isinstance(known, dict) else {}
    return tuple(
        (name, _text(_table(told.get(name), "title")), _text(_table(told.get(name), "question")), counted[name])
        for name in sorted({*told, *counted} - {""}, key=lambda name: (name != "default", name))
    )


def _steps(run: RunSummary) -> tuple[tuple[str, str], ...]:
    """How to get these numbers again, from a clone of the repository."""
    commit = str(run.get("commit") or "").removesuffix("-dirty")
    options = [
        f"{key}={','.join(value) if isinstance(value, list) else value}"
        for key in ("environments", "families", "experiments", "coverage", "points", "engine")
        if (value := run.get(key)) and value != [key]  # families lie in `experiments` by themselves
    ]
    steps = [("the code as it was", f"git checkout {commit}")] if commit else []
    steps += [("the lab itself, from its lock", "make setup")]
    steps += [("the whole run", f"{calling.anywhen('snakemake')} --cores all{' --config ' + ' '.join(options) if options else ''}")]
    lab = calling.anywhen()
    return (*steps, ("one cell", f"{lab} cell 'ops.exp:float32:d0@*'"), ("what this machine can run", f"{lab} doctor"))


def _times(run: RunSummary) -> tuple[tuple[str, str], ...]:
    wall, floor = run.get("wall_seconds"), run.get("floor_seconds")
    lines = [("wall time", seconds(wall)), ("floor: (imports + time inside cells) / cores", seconds(floor))]
    if wall and floor:
        lines.append(("wall time / floor", number(wall / floor)))
    lines += [
        ("time inside cells", seconds(run.get("seconds_in_cells"))),
        ("imports of frameworks", seconds(run.get("import_seconds"))),
        ("cores", str(run.get("cores") or MISSING)),
    ]
    return tuple(lines)


def _reasons(cells: Sequence[CellView]) -> tuple[ReasonRow, ...]:
    grouped: dict[tuple[int, str, str], list[CellView]] = defaultdict(list)
    for cell in cells:
        if not cell.ok:
            grouped[cell.outcome.severity, cell.outcome.name, cell.explanation].append(cell)
    return tuple(
        ReasonRow(
            outcome=members[0].outcome,
            reason=reason or "no reason was recorded",
            count=len(members),
            where=places_in_words(cell.place for cell in members),
            cases=listing(sorted({cell.work.label for cell in members}), 8),
        )
        for (_, _, reason), members in sorted(grouped.items(), key=lambda item: (-item[0][0], -len(item[1]), item[0][2]))
    )


def provenance(results: Results, cells: tuple[CellView, ...], index: Index) -> ProvenancePage:
    """What was asked for, what was found, how long it took, and why cells gave no result."""
    run = results.run
    facts = [
        ("version of the lab", str(run.get("version") or MISSING)),
        ("commit", str(run.get("commit") or MISSING)),
        ("engine", str(run.get("engine") or MISSING)),
        ("environments", _text(run.get("environments"))),
        ("families", _text(run.get("families"))),
        ("coverage", _text(run.get("coverage"))),
        ("points of an elementwise input", _text(run.get("points"))),
    ]
    statuses = run.get("counts") or Counter(cell.worst.status for cell in cells)
    total = sum(int(value) for value in statuses.values())
    return ProvenancePage(
        facts=tuple(facts),
        times=_times(run),
        statuses=tuple(
            (f"{name} ({percent(int(value), total)})", int(value))
            for name, value in sorted(statuses.items(), key=lambda item: (-int(item[1]), item[0]))
        ),
        reasons=_reasons(cells),
        environments=tuple(
            _environment(name, entry) for name, entry in sorted(results.environments.items(), key=lambda item: natural(item[0]))
        ),
        command=str(run.get("command") or "make run"),
        machine=tuple(flatten(run.get("machine") or {})),
        elsewhere=elsewhere(results, index),
        steps=_steps(run),
        processors=_processors(results.environments),
        switches=_switches(results),
    )
