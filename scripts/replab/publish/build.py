"""A finished run → the files of a version, in a folder that nobody sees yet."""

from __future__ import annotations

import json
import platform
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TypedDict, TypeVar

import yaml

from replab import __version__, calling, files, git, resources, sealed
from replab.config import settings as settings_file
from replab.engines.processor import host_platform
from replab.freshness import jobs
from replab.images.build import REVISION, revision
from replab.locks import lab_lock, pins, sbom
from replab.model import Environment, Lab
from replab.publish import crate, manifest, reasons, site_pages, sums
from replab.publish.errors import PublishError
from replab.publish.versions import ABOUT
from replab.report.data import viewmodel
from replab.report.pages import writer
from replab.store import tables
from replab.store.rows import DEFAULTS, PARTS, ManifestRow

TABLES = (*(table.name for table in PARTS), DEFAULTS.name)
FACTS = ("claims", "sources", "cases", "environments", "run", "published")
SOURCES = (*reasons.WORKFLOW, "Makefile", "README.md", "LICENSE", "CITATION.cff")
"""What the published workflow consists of: all that running it again needs."""
MACHINE_OWN = ("results", "cache")
"""Settings that say where something lies on one machine."""
OWN_BASES = "own-bases.lock"
"""A lock of base images that the run was told to use instead of the repository's."""
ELSEWHERE = "elsewhere"
"""Below the published workflow: experiments that lay outside of the repository."""


Kind = TypeVar("Kind")


class AboutEnvironment(TypedDict):
    """What a version says of an environment as it was built for a device."""

    folder: str
    device: str
    framework: str
    version: str
    python: str
    interpreter: dict[str, str]
    engine: str
    status: str
    identity: str
    platform: str
    image: str
    lock_file: str
    lock: str
    """SHA-256 of that file."""
    packages: dict[str, str]


class About(TypedDict):
    """What a version says of itself (``publication.json``)."""

    schema: int
    version: str
    date: str
    ended: str
    """When the run did."""
    headline: str
    notices: list[str]
    """What every page says of it: what was published although something spoke against it."""
    allowed: list[str]
    commit: str
    run_commit: str
    """That of the tree which the tables were made from."""
    replab: str
    snakemake: str
    machine: str
    system: str
    environments: dict[str, AboutEnvironment]
    families: list[str]
    cells: int
    counts: dict[str, int]
    """Cells by how they ended."""
    verdicts: dict[str, int]
    controls: dict[str, list[int]]
    """By kind: how many came out as expected, and of how many."""
    claims: dict[str, int]
    """By verdict."""


def facts(lab: Lab, version: str, *, date: str, notices: Sequence[str], allowed: Sequence[str], headline: str) -> About:
    """What a version says of itself."""
    run, claims = _made(lab.results.summary("run"), dict), _made(lab.results.summary("claims"), list)
    ended = datetime.fromtimestamp(int(lab.results.summary("run").stat().st_mtime), UTC)
    verdicts = Counter(str(row["verdict"]) for row in tables.rows(lab.results.table("cells"), ["verdict", "variant"]) if row["verdict"])
    return {
        "schema": 1,
        "version": version,
        "date": date,
        "ended": ended.isoformat(),
        "headline": headline,
        "notices": list(notices),
        "allowed": sorted(allowed),
        "commit": reasons.commit(lab.root),
        "run_commit": run.get("commit") or "",
        "replab": __version__,
        "snakemake": metadata.version("snakemake"),
        "machine": host_platform(),
        "system": platform.system(),
        "environments": {
            environment.build_name(device): _environment(lab, environment, device) for environment, device in jobs.builds(lab)
        },
        "families": [family.name for family in lab.families],
        "cells": sum(run.get("counts", {}).values()),
        "counts": run.get("counts", {}),
        "verdicts": dict(sorted(verdicts.items())),
        "controls": run.get("controls", {}),
        "claims": dict(sorted(Counter(str(claim.get("verdict")) for claim in claims).items())),
    }


def _made(path: Path, kind: type[Kind]) -> Kind:
    """What a step left as JSON. Raises ``PublishError`` where it is missing, damaged or something else."""
    again = f"Run '{calling.whole_run()}': it is made again"
    try:
        content = json.loads(files.read_bytes(path, limit=sealed.LIMIT, kind=PublishError))
    except FileNotFoundError:
        raise PublishError("is missing", where=str(path), hint=again) from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, kind):
        raise PublishError("is damaged: no JSON of this lab", where=str(path), hint=again)
    return content


def _environment(lab: Lab, environment: Environment, device: str) -> AboutEnvironment:
    """What is known of an environment as it was built for a device."""
    path = lab.results.environment(environment.build_name(device))
    seen = _made(path, dict) if files.is_there(path) else {}
    observed, lock = seen.get("observed") or {}, pins.lock_of(environment, device)
    return {
        "folder": environment.name,
        "device": device,
        "framework": environment.framework,
        "version": environment.version,
        "python": environment.python,
        "interpreter": dict(seen.get("interpreter") or {}),
        "engine": str(seen.get("engine") or ""),
        "status": str(seen.get("status") or ""),
        "identity": str(seen.get("identity") or ""),
        "platform": str(seen.get("platform") or ""),
        "image": str((seen.get("image") or {}).get("digest") or ""),
        "lock_file": lock.name if lock.is_file() else "",
        "lock": sums.of_file(lock) if lock.is_file() else "",
        "packages": dict(sorted((observed.get("packages") or {}).items())),
    }


def build(lab: Lab, settings: Mapping[str, object], folder: Path, about: About, rows: Sequence[ManifestRow]) -> None:
    """Write every file of a version but the list of hashes and its signature into ``folder``, which is empty.

    ``settings`` are those of the run, ``rows`` those of the store's manifest. Equal results, sources and ``about`` give equal bytes.
    """
    _copy([*map(lab.results.table, TABLES), *map(lab.results.summary, FACTS)], folder / "tables")
    site = viewmodel.site(viewmodel.load(lab.results.root))
    about["headline"] = site.answer.lede
    writer.publish(site, folder / "report", lab.root / "reports" / "templates", notices=about["notices"])
    _locks(lab, folder / "locks")
    manifest.write(folder / manifest.PATH, rows)
    published = workflow(lab, settings, folder / "workflow")
    _json(folder / "plan" / "settings.json", published)
    _bills(lab, about, folder / "sbom")
    citation = _citation(lab.root / "CITATION.cff", about)
    (folder / "CITATION.cff").write_text(yaml.safe_dump(citation, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    if (lab.root / "LICENSE").is_file():
        shutil.copyfile(lab.root / "LICENSE", folder / "LICENSE")
    _json(folder / ABOUT, about)
    (folder / crate.README).write_text(_readme(about), encoding="utf-8")
    site_pages.write_version(folder, about)
    crate.write(folder, about, citation, published)


def workflow(lab: Lab, settings: Mapping[str, object], target: Path) -> dict[str, object]:
    """Copy the workflow, and the experiments that lie elsewhere; returns the settings with which the copy runs as the original did."""
    for name, path in _sources(lab.root).items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    places = []
    for number, text in enumerate(settings_file.words(settings.get("experiments", ["experiments"]))):
        source = (lab.root / "experiments" if text == settings_file.BUILT_IN else lab.folder / text).resolve()
        if source.is_relative_to(lab.root.resolve()) and (target / source.relative_to(lab.root.resolve())).is_dir():
            places.append(source.relative_to(lab.root.resolve()).as_posix())
            continue
        name = f"{ELSEWHERE}/{number}"
        for family in lab.families:
            if family.folder.resolve().parent == source:
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(family.folder, target / name / family.name, ignore=ignored, copy_function=shutil.copyfile)
        if (source / "claims.toml").is_file() and (target / name).is_dir():
            shutil.copyfile(source / "claims.toml", target / name / "claims.toml")
        places += [name] if (target / name).is_dir() else []
    for environment in lab.environments:  # the copy is in no repository, and images are labelled with it
        (target / "containers" / environment.name / REVISION).write_text(f"{revision(lab.root, environment)}\n", encoding="utf-8")
    kept = {key: value for key, value in settings.items() if key not in MACHINE_OWN}
    if lab.bases is not None:
        (target / ELSEWHERE).mkdir(exist_ok=True)
        shutil.copyfile(lab.bases, target / ELSEWHERE / OWN_BASES)
        kept["bases"] = f"{ELSEWHERE}/{OWN_BASES}"
    return kept | {
        "devices": "cuda" if lab.cuda else "cpu",
        "experiments": places,
        "environments": ",".join(pinned.name for pinned in lab.environments),
        "families": ",".join(family.name for family in lab.families),
        "coverage": lab.coverage,
        "points": lab.points,
    }


def _sources(root: Path) -> dict[str, Path]:
    """The workflow's own files by their names in a checkout: those that git knows or would add, or all that are there without git."""
    listed = git.answer(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES)
    if listed is None:
        paths = [path for name in SOURCES for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))]
        names = [path.relative_to(root).as_posix() for path in paths if path.is_file()]
    else:
        names = [name for name in listed.split("\0") if name]
    hidden = [name for name in names if any(part == "__pycache__" or part.startswith(".") for part in Path(name).parts)]
    files = {name: root / name for name in sorted({*names} - {*hidden}) if (root / name).is_file() and not (root / name).is_symlink()}
    if root == resources.INSTALLED:
        package_files = [*resources.PACKAGE.rglob("*.py"), *resources.PACKAGE.rglob("*.j2")]
        modules = [path for path in package_files if not path.is_relative_to(resources.INSTALLED)]
        modules += (resources.SCRIPTS / "snakemake_logger_plugin_replab").rglob("*.py")
        files |= {f"scripts/{path.relative_to(resources.SCRIPTS).as_posix()}": path for path in modules}
    return files


def _copy(sources: Iterable[Path], target: Path) -> None:
    target.mkdir(parents=True)
    for path in sources:
        if not path.is_file():
            raise PublishError(f"the run left no {path.name}", where=str(path.parent), hint=f"Run '{calling.whole_run()}' first")
        shutil.copyfile(path, target / path.name)


def _locks(lab: Lab, target: Path) -> None:
    """Every environment as asked for and as locked, what images and bases are pinned to, and the lab's own lock."""
    for environment in lab.environments:
        (target / environment.name).mkdir(parents=True)
        for path in sorted(path for path in environment.folder.iterdir() if path.is_file() and path.suffix in (".toml", ".lock")):
            shutil.copyfile(path, target / environment.name / path.name)
    shared = [path for path in (lab.root / "containers").iterdir() if path.is_file() and path.suffix in (".toml", ".lock")]
    for path in sorted([*shared, *lab.root.glob("*.lock")]):
        shutil.copyfile(path, target / path.name)
    if lab.bases is not None:
        shutil.copyfile(lab.bases, target / OWN_BASES)


def _bills(lab: Lab, about: About, target: Path) -> None:
    target.mkdir(parents=True)
    for environment in lab.environments:
        described = about["environments"][environment.name]
        properties = {"replab:framework": environment.framework, "replab:engine": described["engine"]}
        properties |= {"replab:image": described["image"]} if described["image"] else {}
        for lock in sorted(environment.folder.glob("*.lock")):
            suffix = "" if lock.name == environment.lock.name else f".{lock.stem}"
            text = sbom.of_lock(environment.name, environment.version, lock, python=environment.python, properties=properties)
            (target / f"{environment.name}{suffix}.cdx.json").write_text(text, encoding="utf-8")
    lab_locked = lab.root / lab_lock.LOCK
    if lab_locked.is_file():
        project = tomllib.loads((lab.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        text = sbom.of_lock(project["name"], project["version"], lab_locked, python=platform.python_version())
        (target / "lab.cdx.json").write_text(text, encoding="utf-8")


def _citation(path: Path, about: About) -> dict[str, object]:
    """The repository's own citation, of this version."""
    written: dict[str, object] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text: dict[str, object] = {
        "cff-version": "1.2.0",
        "message": "If these results help your work, please cite them as below.",
        "title": "replab",
        "authors": [{"name": "The replab developers"}],
    } | written
    text |= {"type": "dataset", "title": f"{text['title']}, results {about['version']}", "version": about["version"]}
    text["date-released"] = about["date"]
    if about["commit"]:
        text["commit"] = about["commit"]
    text["message"] = "If these results help your work, please cite them as below."
    return text


def _readme(about: About) -> str:
    """What the folder is, for somebody who meets it without its site."""
    version = about["version"]
    lines = [
        f"# replab, results {version}",
        "",
        str(about["headline"]),
        "",
        *(f"> {notice}" for notice in about["notices"]),
        "Open `index.html` in a browser. `SHA256SUMS` has the hash of every file, `ro-crate-metadata.json` says what each is,",
        "`workflow/` is the code that ran, `locks/` the environments it ran in.",
        "",
        f"    replab verify {version}     # every hash, and the signature if there is one",
        f"    replab replay {version}     # builds the environments again, runs again, counts equal bits",
        "",
    ]
    return "\n".join(lines)


def _json(path: Path, value: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
