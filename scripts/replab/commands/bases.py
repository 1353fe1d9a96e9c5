"""``replab bases build``: stand-ins for base images, for machines that reach no public registry."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from replab.commands.common import console
from replab.images import local
from replab.model import Lab


def run(lab: Lab, registry: str, out: Path, mirror: str) -> None:
    """Make the bases that the selected environments need; raises what ``local.build`` raises."""
    keys = sorted({environment.base_key() for environment in lab.environments})
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    local.build(lab.root, lab.cache, registry, out, keys, today, console().print, mirror)
    console().print(f"wrote {out}; use it with --config bases={out}")
