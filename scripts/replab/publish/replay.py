"""Runs a published version again, from nothing but what was published, and says how many results came back bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from replab import files, jsons, sealed
from replab.publish import site_pages, verify, versions
from replab.publish.changes import packages
from replab.publish.errors import ReplayError, TamperedError
from replab.publish.replayed import CellReplayed, Compared, EnvironmentReplayed, Replayed, Request
from replab.report.data.words import count, plural
from replab.store import tables

KINDS = ("same", "within", "other", "unsteady")
PLATFORM = ("machine", "C library", "processor", "instruction sets", "compiler")
"""The words of a platform, in their order."""
LAST_LINES = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to replay."""

    cells: str = "*"
    out: Path | None = None
    cache: Path | None = None
    """Where built environments lie that may be used; ``None`` builds all of them anew."""
    cores: int = 0
    engine: str = ""
    signers: Path | None = None
    agreed: Callable[[str], None]
    """Asked before code runs that nobody of ``signers`` signed; raises ``NotTrusted``."""


def replay(folder: Path, options: Options, say: Callable[[str], None]) -> Replayed:
    """Run the version in ``folder`` again and render how it went; returns what was found (``replay.json``).

    Raises ``TamperedError`` when the version is not as it was published, ``ReplayError`` when it cannot be run.
    """
    published = versions.read(folder)
    checked = verify.version(verify.Folder(folder), options.signers)
    if checked.faults:
        raise TamperedError("; ".join(checked.faults[: verify.SHOWN]), where=str(folder), hint="Get it again from where it was published")
    commit, machine = (published.about.get(name) or f"no {name}" for name in ("commit", "machine"))
    say(f"{published.version}: {checked.files} files as published at {commit} on {machine}; {checked.signer or 'nobody signed it'}")
    say("its code will run with your rights")
    if options.signers is None:
        options.agreed(f"{published.version}: run its code?")
    out = (options.out or Path("replay") / published.version).resolve()
    answer = _rerun(folder.resolve(), out, options, say)
    try:
        report = _found(published, answer, options)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        problem = f"its code gave an answer that this lab cannot read: {type(error).__name__}"
        raise ReplayError(problem, where=str(out / "answer.json")) from None
    aside = out / "page"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        site_pages.write_replay(aside, report, lines(report))
        (aside / "replay.json").write_text(json.dumps(report, sort_keys=True, indent=1) + "\n", encoding="utf-8")
        for path in aside.iterdir():
            path.replace(out / path.name)
    except OSError as error:
        raise ReplayError(f"cannot be written: {error.strerror or error}", where=str(out), hint="Free some space") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _rerun(folder: Path, out: Path, options: Options, say: Callable[[str], None]) -> dict[str, object]:
    """Start the published code on a copy of the published workflow."""
    root = out / "workflow"
    try:
        for stale in (root, out / "results", *(() if options.cache else (out / "environments",))):
            shutil.rmtree(stale, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder / "workflow", root, copy_function=shutil.copyfile)
        settings = sealed.decoded((folder / "plan" / "settings.json").read_bytes())
        if settings is None:
            raise ReplayError("is no table of settings", where=str(folder / "plan" / "settings.json"))
        settings |= {"results": str(out / "results"), "cache": str(options.cache.resolve() if options.cache else out / "environments")}
        settings |= {"engine": options.engine} if options.engine else {}
        request: Request = {"root": str(root), "settings": settings, "cells": options.cells, "version": str(folder), "cores": options.cores}
        (out / "request.json").write_text(json.dumps(request, sort_keys=True, indent=1), encoding="utf-8")
    except OSError as error:
        raise ReplayError(f"cannot be written: {error.strerror}", where=str(out), hint="Choose another folder: --out") from None
    (out / "answer.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "replab.publish.rerun", str(out / "request.json"), str(out / "answer.json")]
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "scripts")},
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            last = [*last[-LAST_LINES:], line.rstrip()]
            say(f"  {line.rstrip()}")
    if process.returncode or not (out / "answer.json").is_file():
        problem = next((line for line in reversed(last) if line.startswith("replab: ")), last[-1] if last else "it said nothing")
        raise ReplayError(problem.removeprefix("replab: "), where=str(folder), hint="'replab doctor' says what this machine lacks")
    try:
        return sealed.decoded(files.read_bytes(out / "answer.json", limit=sealed.LIMIT, kind=ReplayError)) or {}
    except FileNotFoundError:
        return {}


def _found(published: versions.Published, answer: Mapping[str, object], options: Options) -> Replayed:
    """Counts, environments, and every output that did not come back with a likely reason."""
    verdicts = _verdicts(published.folder)
    environments: list[EnvironmentReplayed] = []
    reasons: dict[str, list[str]] = {}
    cells = [Compared.told(row) for row in jsons.tables(answer["cells"])]
    here = {name: jsons.table(described) for name, described in jsons.table(answer["environments"]).items()}
    for name, facts in sorted(here.items()):
        counts = Counter(cell.kind for cell in cells if cell.place == name)
        differences = different(published.environments[name], facts)
        how = "from the cache, by the same lock" if options.cache else "built anew from the published lock"
        if facts["status"] != "ok":
            how = f"not available here: {facts['reason']}"
        reasons[name] = differences
        environments.append({"name": name, "how": how, "counts": {kind: counts[kind] for kind in KINDS}, "differences": differences})
    shown: list[CellReplayed] = []
    for cell in cells:
        if cell.kind == "same":
            continue
        before = verdicts.get((cell.id, cell.output), "") or cell.published_status
        after = cell.here_verdict or cell.here_status
        after += f": {cell.here_reason}" if cell.here_reason else ""
        shown.append(
            {
                "id": cell.id,
                "output": cell.output,
                "kind": cell.kind,
                "published": f"{before} {cell.published_bits[:12]}".strip(),
                "here": f"{after} {cell.here_bits[:12]}".strip(),
                "reason": _reason(cell, reasons.get(cell.place, [])),
            }
        )
    counts = Counter(cell.kind for cell in cells)
    return {
        "schema": 1,
        "version": published.version,
        "cells_asked": options.cells,
        "total": len(cells),
        "counts": {kind: counts[kind] for kind in KINDS},
        "environments": environments,
        "cells": shown,
        "notices": published.notices,
        "machine": str(published.about["machine"]),
        "command": f"replab replay {published.version}" + (f" --cells '{options.cells}'" if options.cells != "*" else ""),
    }


def _verdicts(folder: Path) -> dict[tuple[str, str], str]:
    rows = tables.rows(folder / "tables" / "cells.parquet", ["id", "output", "verdict"])
    return {(str(row["id"]), str(row["output"])): str(row["verdict"] or "") for row in rows}


def different(published: Mapping[str, object], here: Mapping[str, object]) -> list[str]:
    """What differs between the environment as published and as it is here, the likeliest cause of other bits first."""
    observed = jsons.table(here.get("observed") or {})
    libraries = packages(jsons.table(published["packages"]), jsons.table(observed.get("packages") or {})) if here["status"] == "ok" else []
    differences = [f"other library: {text}" for text in libraries]
    sides = [dict(zip(PLATFORM, str(facts.get("platform") or "").split(), strict=False)) for facts in (published, here)]
    for part in ("processor", "instruction sets", "C library", "compiler", "machine"):
        old, new = (side.get(part, "") for side in sides)
        if old != new and here["status"] == "ok":
            differences.append(f"other {part}: {old or 'none'} → {new or 'none'}")
    pythons = [jsons.table(facts["interpreter"]) for facts in (published, here) if facts.get("interpreter")]
    if len(pythons) == 2 and pythons[0] != pythons[1]:
        differences.append("other interpreter: " + " → ".join(f"{facts.get('version')} ({facts.get('build')})" for facts in pythons))
    if published["engine"] != here.get("engine"):
        differences.append(f"other engine: {published['engine']} → {here.get('engine')}")
    return differences


def _reason(cell: Compared, differences: list[str]) -> str:
    """Why an output may not have come back; ``unknown`` is an answer."""
    if cell.kind == "unsteady":
        return "repeated runs on one machine give other bits"
    if cell.here_status != cell.published_status:
        return cell.here_reason or "; ".join(differences) or "unknown: the same lock, processor and C library"
    return "; ".join(differences) or "unknown: the same lock, processor and C library"


def lines(replayed: Replayed) -> list[str]:
    """How it went, in sentences: the share of equal bits first. What is not repeatable is set aside."""
    counts, total = replayed["counts"], replayed["total"]
    counted = total - counts["unsteady"]
    share = "100 %" if counts["same"] == counted else f"{min(99.9, 100 * counts['same'] / max(1, counted)):.1f} %"
    sentences = [f"{replayed['version']}: {count(counts['same'])} of {plural(counted, 'result')} came back bit for bit ({share})"]
    if counts["within"]:
        sentences.append(f"{plural(counts['within'], 'result')} with other bits, within what rounding explains.")
    if counts["other"]:
        sentences.append(f"{plural(counts['other'], 'result')} did not come back.")
    if counts["unsteady"]:
        sentences.append(f"{plural(counts['unsteady'], 'result')} set aside: known not to repeat.")
    reasons = Counter(cell["reason"] for cell in replayed["cells"] if cell["kind"] in ("within", "other"))
    sentences += [f"Likely reason of {number}: {reason}." for reason, number in reasons.most_common(3)]
    return sentences
