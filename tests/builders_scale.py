"""A laboratory of any size on disk: as many environments and families as asked for, all of them real to the configuration and the plan."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = (("numpy", '["eager"]'), ("tensorflow", '["eager", "session", "function"]'), ("torch", '["eager", "script"]'))
IMPL = {"numpy": "import numpy as np", "tf": "import tensorflow as tf", "torch": "import torch"}
CASES = 4


def write_lab(root: Path, environments: int, families: int) -> Path:
    """Write ``root`` with the workflow of this repository and a lab of the given size; returns ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("Snakefile", "rules", "scripts", "profiles", "config", "reports"):
        (root / name).symlink_to(ROOT / name)
    for number in range(environments):
        framework, modes = FRAMEWORKS[number % len(FRAMEWORKS)]
        name = f"{'tf' if framework == 'tensorflow' else framework}-{number}.0"
        folder = root / "containers" / name
        folder.mkdir(parents=True)
        (folder / "env.toml").write_text(
            f'framework = "{framework}"\nversion = "{number}.0"\npython = "3.11"\norder = {number}\nmodes = {modes}\nrequirements = ["x=={number}.0"]\n'
        )
        shutil.copy(ROOT / "containers" / "numpy-2.5" / "cpu.lock", folder / "cpu.lock")
    (root / "containers" / "groups.toml").write_text(f'core = ["{min(p.name for p in (root / "containers").iterdir())}"]\n')
    (root / "experiments" / "defaults").mkdir(parents=True)
    (root / "experiments" / "defaults" / "atlas.toml").symlink_to(ROOT / "experiments" / "defaults" / "atlas.toml")
    for number in range(families):
        folder = root / "experiments" / f"family{number}"
        folder.mkdir()
        cases = "".join(f'case{k} = {{ inputs = {{ x = "bell" }}, derivatives = 1 }}\n' for k in range(CASES))
        (folder / "experiment.toml").write_text(
            f'title = "Family {number}"\nquestion = "How large can a lab be?"\n\n[generators.bell]\nkind = "normal"\nshape = [8]\n\n[cases]\n{cases}'
        )
        functions = "".join(f"\n\ndef case{k}(x):\n    return x * {k + number}\n" for k in range(CASES))
        (folder / "reference.py").write_text(f"import numpy as np\n{functions}")
        for suffix, head in IMPL.items():
            (folder / f"impl_{suffix}.py").write_text(f"{head}\n{functions}")
    return root
