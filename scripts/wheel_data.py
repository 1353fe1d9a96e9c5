"""Puts into a wheel what the lab reads and is no module of it, laid out as in a checkout (``replab/resources.py`` finds it there).

A build hook of hatchling. An editable installation needs none of it: there the checkout itself is read.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACES = (
    "scripts/step.py",
    "scripts/sandbox",
    "scripts/contract",
    "Snakefile",
    "rules",
    "profiles",
    "config",
    "containers",
    "experiments",
    "reports/templates",
    "reports/static",
    "reports/publication",
    "requirements.lock",
    "cluster.lock",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CITATION.cff",
)


class CheckoutInWheel(BuildHookInterface):
    """Adds ``PLACES`` to a wheel of the standard kind."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; ``version`` is its kind."""
        if version == "standard":
            build_data["force_include"].update({path: f"replab/checkout/{path}" for path in PLACES})
