"""The keys of three requests, written down: results that lie in a store are found again only as long as what is hashed stays equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from replab.config.loading import load_lab
from replab.plan import planning
from replab.run import requests

ROOT = Path(__file__).resolve().parents[3]
PINNED = {
    (
        "numpy-2.5",
        "default",
        "small.square:float32:d2@numpy-2.5:eager:default:cpu",
    ): "8917aed2fc9e959c1a0cd8c723cd18ea2a88744d850fa3e54fcb8dca2a86128e",
    (
        "tf-2.21",
        "default",
        "small.square:float32:d1@tf-2.21:function:default:cpu",
    ): "a1eadf2fa6ef89739b141420f048c1ea6699d41b36f6d569814140607e2c44f9",
    (
        "numpy-2.5",
        "repeat",
        "small.tanh:float32:d1@numpy-2.5:eager:repeat:cpu",
    ): "f488f059c9e07130a61a335368a655ea68d127898c48d923a7e83bbeb3b60bf4",
}


@pytest.mark.parametrize(("environment", "variant", "name"), PINNED)
@pytest.mark.processes
def test_a_request_keeps_its_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: str, variant: str, name: str) -> None:
    monkeypatch.setattr(requests, "probe_version", lambda: "0" * 64)  # its code may change, and keys with it
    settings = {"families": "small", "experiments": "tests/pipeline/families", "environments": environment, "points": 16}
    lab = load_lab(settings, ROOT)
    (family,), (where,) = lab.families, lab.environments
    how = next(one for one in lab.variants if one.name == variant)
    index = requests.write_inputs(family, 16, tmp_path)
    built = {"identity": "i", "platform": "p", "engine": "uv"}
    made = requests.requests(family, where, how, index, built, planning.cells(family, where, how, lab.coverage, "cpu"))
    keys = {one.id: one.key for _, one in made}
    assert keys[name] == PINNED[environment, variant, name]
