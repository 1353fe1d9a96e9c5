"""What the rules of the workflow name as made from: modules and files that a family brings along among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from replab.config.loading import load_lab
from replab.plan import planning
from replab.workflow import snakefile

ROOT = Path(__file__).resolve().parents[3]
TABLE = """
title = "Mine"
question = "?"

[cases]
twice = { inputs = { x = { kind = "file", path = "weights.npy" } }, dtypes = ["float32"] }
"""


def test_modules_and_files_of_a_family_are_among_what_its_jobs_read(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "net").mkdir(parents=True)
    np.save(folder / "weights.npy", np.ones(3))
    texts = {
        "experiment.toml": TABLE,
        "reference.py": "import scales\n\n\ndef twice(x):\n    return scales.TWO * x\n",
        "scales.py": "TWO = 2.0\n",
        "impl_torch.py": "import net\n\n\ndef twice(x):\n    return net.twice(x)\n",
        "net/__init__.py": "def twice(x):\n    return 2 * x\n",
        "unused.py": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    environments = ["numpy-2.5", "torch-2.13"]
    lab = load_lab({"experiments": str(tmp_path), "families": "mine", "environments": environments}, ROOT, tmp_path)
    (family,) = lab.families
    assert snakefile.sources(lab, family) == [f"mine/{name}" for name in ("experiment.toml", "weights.npy", "reference.py", "scales.py")]
    assert snakefile.references(lab, family) == ["mine/reference.py", "mine/scales.py"]
    files = {batch.environment: snakefile.implementations(lab, batch) for batch in planning.batches(lab) if batch.variant == "default"}
    assert files == {"numpy-2.5": ["mine/reference.py", "mine/scales.py"], "torch-2.13": ["mine/impl_torch.py", "mine/net/__init__.py"]}
