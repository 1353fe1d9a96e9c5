"""``replab deploy``."""

from __future__ import annotations

from pathlib import Path

from replab.commands.common import console
from replab.publish import deploy
from replab.publish.site import Site


def run(site: Path, to: str, root: Path) -> None:
    """Bring the site to a folder or a branch, and say which versions were new there. Raises ``DeployError`` or ``TamperedError``."""
    out = console()
    new = deploy.deploy(Site(root=site), to, root, lambda line: out.print(line, markup=False))
    out.print(f"deployed to {to}: {', '.join(new) if new else 'nothing new'}", markup=False)
