"""Opens a lab: reads its configuration, and looks for a GPU where the settings leave that to the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from replab import resources
from replab.config.loading import load_lab
from replab.config.settings import DEFAULTS
from replab.engines.gpus import gpus
from replab.model import Lab


def open_lab(settings: Mapping[str, object], folder: Path, root: Path | None = None, *, checked: bool = False) -> Lab:
    """The lab that the settings mean for somebody who works in ``folder`` on this machine; ``root``: another lab's own files than its.

    ``checked``: as for ``load_lab``, which says everything of what is written and nothing of the machine. Raises ``ConfigErrors``.
    """
    lab = load_lab(settings, root or resources.root_for(folder), folder, checked=checked)
    automatic = settings.get("devices", DEFAULTS["devices"]) == "auto"
    return replace(lab, cuda=bool(gpus())) if automatic else lab
