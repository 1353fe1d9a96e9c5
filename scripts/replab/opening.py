"""Opens a lab: reads its configuration, and looks for a GPU where the settings leave that to the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from replab.config.loading import load_lab
from replab.config.settings import DEFAULTS
from replab.engines.gpus import gpus
from replab.model import Lab


def open_lab(settings: Mapping[str, Any], root: Path, *, checked: bool = False) -> Lab:
    """The lab that the settings and the files below ``root`` mean on this machine.

    ``checked``: as for ``load_lab``, which says everything of what is written and nothing of the machine. Raises ``ConfigErrors``.
    """
    lab = load_lab(settings, root, checked=checked)
    automatic = settings.get("devices", DEFAULTS["devices"]) == "auto"
    return replace(lab, cuda=bool(gpus())) if automatic else lab
