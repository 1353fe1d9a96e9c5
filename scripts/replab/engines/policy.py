"""The isolation policy of container engines: ``containers/policy.toml``, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from replab import files, resources
from replab.errors import ConfigError

FILE = resources.ROOT / "containers" / "policy.toml"
POINTS = (
    "container",
    "network",
    "root",
    "output",
    "inputs",
    "user",
    "capabilities",
    "privileges",
    "processes",
    "memory",
    "cpus",
    "pids",
    "environment",
)
"""Every point, each with a check of the same name in the probe (a test ties the two)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a sandbox may do."""

    processes: int
    seconds: int
    """The life of a sandbox; the time of a cell is limited by the supervisor."""
    scratch_mb: int
    open_files: int
    from_image: tuple[str, ...]
    """Variables that an image may set for its processes."""
    fixed: Mapping[str, str]
    points: Mapping[str, str]
    """Each point in words."""


@cache
def load_policy(path: Path = FILE) -> Policy:
    """The policy; raises ``ConfigError`` with the place of its first fault."""
    where = "/".join(path.parts[-2:])
    try:
        data = files.read_toml(path, where=where)
    except FileNotFoundError:
        raise ConfigError("does not exist", where=where, hint="Container engines start nothing without a policy") from None
    try:
        limits, environment, points = data["limits"], data["environment"], data["points"]
        numbers = {name: limits[name] for name in ("processes", "seconds", "scratch_mb", "open_files")}
        fixed, from_image = environment["fixed"], environment["from_image"]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"lacks {error}", where=where) from None
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ConfigError(f"must be a positive whole number, not {value!r}", where=f"{where}: limits.{name}")
    if set(points) != set(POINTS):
        odd = sorted(set(points) ^ set(POINTS))
        raise ConfigError(f"there must be one sentence for each check; look at {', '.join(odd)}", where=f"{where}: points")
    return Policy(**numbers, from_image=tuple(from_image), fixed=dict(fixed), points={name: str(points[name]) for name in POINTS})
