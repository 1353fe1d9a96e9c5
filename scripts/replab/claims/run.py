"""The step of the workflow: claims and sources of discrepancy, from the tables of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from replab import texts
from replab.claims.judge import judge_claims
from replab.claims.sources import sources
from replab.claims.tables import Tables
from replab.model import Family, Limits
from replab.results_folder import ResultsFolder
from replab.run.requests import LIMITS
from replab.store.store import write_atomically


def write(lab_root: Path, results: Path, where: Iterable[Path] | None = None, limits: Limits = LIMITS) -> None:
    """Write ``claims.json`` and ``sources.json`` into ``results``.

    ``where`` are the folders of experiments whose ``claims.toml`` and ``*/claims.py`` count, by default the laboratory's own. ``limits``
    hold for each file of rules and each claim. Raises ``ClaimError`` when a list of claims is faulty.
    """
    tables = Tables.read(results)
    chosen = [lab_root / "experiments"] if where is None else list(where)
    _write(ResultsFolder(results).summary("claims"), judge_claims(tables, chosen, limits))
    _write(ResultsFolder(results).summary("sources"), sources(tables))


def folders(families: Iterable[Family]) -> list[Path]:
    """The folders in which some families lie, each once: where their claims are looked for."""
    return list(dict.fromkeys(family.folder.parent for family in families))


def _write(path: Path, content: object) -> None:
    write_atomically(path, (json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def plain(value: object) -> object:
    """JSON values: numbers that are not finite become null, texts such as every encoding has words for."""
    if isinstance(value, str):
        return texts.plain(value)
    if isinstance(value, dict):
        return {texts.plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
