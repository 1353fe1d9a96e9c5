"""Whatever words a command gets, it ends with an exit code of the table and a sentence that nobody had to foresee in vain."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from replab.cli import main
from replab.visible import visible

pytestmark = pytest.mark.property
ROOT = Path(__file__).resolve().parents[2]
CODES = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8"), re.MULTILINE)}
FILES = {
    "containers/numpy-2.4/env.toml": 'framework = "numpy"\nversion = "2.4.1"\npython = "3.11"\norder = 1\nmodes = ["eager"]\nrequirements = ["numpy==2.4.1"]\n',
    "config/config.yaml": "environments: all\n",
    "experiments/ops/reference.py": "def f(x):\n    return x\n",
    "experiments/ops/impl_numpy.py": "def f(x):\n    return x\n",
    "experiments/ops/experiment.toml": 'title = "T"\nquestion = "Q"\n[cases]\nf = { inputs = { x = { kind = "normal", shape = [3] } } }\n',
    "results/cells.parquet": "no table",
    "results/run.json": "[" * 5000,
    "site/versions.json": "[1]",
    "site/1.0.0/publication.json": '{"version": "1.0.0"}',
    "x.bundle": "no bundle",
    "other/1.0.0/publication.json": "[]",
    "results/batches/numpy-2.4--ops--default.json": '{"cells": [1]}',
    "results/store/cells/ab/x.safetensors": "x",
}
"""A small lab in which much is damaged."""
COMMANDS = ("list", "plan", "explain", "new", "images", "platforms", "verify", "publish", "replay", "bundle", "merge", "deploy")
"""All but those that build, run or ask an index."""
WORDS = st.sampled_from(
    [
        "",
        " ",
        ".",
        "..",
        "/",
        "*",
        "-",
        "--",
        "cells",
        "cases",
        "families",
        "environments",
        "ops.f",
        "ops.f:float32:d0@numpy-2.4:eager:default:cpu",
        "[",
        "[!",
        "@@::",
        "1.0.0",
        "1.0.1",
        "site",
        "other",
        "results",
        "x.bundle",
        "pipe",
        "loop",
        "nowhere",
        "http://[",
        "http://127.0.0.1:1",
        "file:///etc",
        "/dev/null",
        "/dev/null/x",
        "/etc/passwd",
        "a\0b",
        "\x1b[2J",
        "\u202e",
        "\udcff",
        "ü",
        "x" * 5000,
        "origin#",
        "#pages",
        "-x#y",
        "ext::sh#b",
        "list",
        "check",
        "save",
        "load",
        "9" * 5000,
        "{a}",
        "$(id)",
        "'",
        '"',
        "\n",
    ]
)
OPTIONS = st.sampled_from(
    [
        "-e",
        "-f",
        "-c",
        "--out",
        "--site",
        "--to",
        "--cells",
        "--signers",
        "--sign",
        "--allow",
        "--folder",
        "--remove",
        "--trust",
        "--cached",
        "--cores",
        "--engine",
        "--estimate",
        "--wrong",
    ]
)
SETTINGS = st.sampled_from(
    [
        "points=.nan",
        "points=1e400",
        "environments=",
        "results=/etc/passwd",
        "results=site",
        "=",
        "x",
        "families=[[]]",
        "engine=host",
        "variants=default",
        "cache=pipe/x",
    ]
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("commands")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    return root


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.sampled_from(COMMANDS), st.lists(WORDS | OPTIONS | st.tuples(st.just("-c"), SETTINGS), max_size=5))
def test_any_words_end_in_a_code_of_the_table_and_a_sentence(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, words: list[str | tuple[str, str]]
) -> None:
    monkeypatch.chdir(lab)
    monkeypatch.setenv("REPLAB_TRACEBACK", "1")  # what nobody foresaw is raised, and seen here
    monkeypatch.setattr("sys.stdin", None)
    arguments = [word for one in words for word in ((one,) if isinstance(one, str) else one)]
    code = main([command, *arguments])
    said = capsys.readouterr()
    assert code in CODES
    if code > 2:
        assert said.err.startswith("replab: ")
        assert visible(said.err) == said.err
    assert visible(said.out) == said.out
