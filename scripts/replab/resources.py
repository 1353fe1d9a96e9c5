"""Where the files are that belong to the lab and are no modules of it: in a checkout below its root, in a wheel inside of the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "checkout"
"""The folder of a wheel that holds them, laid out as a checkout is."""
ROOT = INSTALLED if INSTALLED.is_dir() else PACKAGE.parents[1]
SCRIPTS = PACKAGE.parent
"""Where this package lies."""
SANDBOX = ROOT / "scripts" / "sandbox"
"""What runs inside of environments, each folder by itself."""
