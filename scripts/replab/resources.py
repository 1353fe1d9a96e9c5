"""Where the files are that belong to the lab and are no modules of it: in a checkout below its root, in a wheel inside of the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "checkout"
"""The folder of a wheel that holds them, laid out as a checkout is."""
ROOT = INSTALLED if INSTALLED.is_dir() else PACKAGE.parents[1]
SCRIPTS = PACKAGE.parent
"""Where this package lies."""
SNAKEFILE = ROOT / "Snakefile"
"""The workflow, for Snakemake's ``module``."""
SANDBOX = ROOT / "scripts" / "sandbox"
"""What runs inside of environments, each folder by itself."""


OWN = ("groups.toml", "bases.toml")
"""Files below ``containers`` that a lab has, and the folder of its user has not."""


def root_for(folder: Path) -> Path:
    """Where the lab's own files lie for somebody who works in ``folder``: there, if it is a checkout or the copy of one."""
    return folder if any((folder / "containers" / name).is_file() for name in OWN) else ROOT
