"""``replab article`` with real environments, and blocks that do what they like."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from replab.commands import article
from replab.config.loading import load_lab
from replab.errors import ConfigError, EnvironmentUnavailable
from replab.model import Lab
from replab.results_folder import ResultsFolder

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("REPLAB_CACHE") or REPOSITORY / ".replab")

pytestmark = pytest.mark.environments

TEXT = """
```python
import numpy as np
numbers = np.arange(4)
```
```python
print(numbers.sum(), "<b>&amp;")
```
```python
while True:
    pass
```
```python
input("?")
```
```python
open("left.txt", "w").write("x")
```
```python
import a_package_that_nobody_has
```
```python
this is no Python
```
"""


def lab(tmp_path: Path, names: str = "numpy-2.5,numpy-1.26") -> Lab:
    """The lab with these environments, and results of its own."""
    made = load_lab({"environments": names, "families": "gradients"}, REPOSITORY)
    return replace(made, cache=CACHE, results=ResultsFolder(tmp_path / "results"))


def test_every_block_has_a_clear_end_and_the_page_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "an article.md"
    source.write_text(TEXT)
    made = article.run(lab(tmp_path), source, tmp_path / "page", seconds=3)
    page = made.page.read_text(encoding="utf-8")
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert made.ran == 6
    for words in ("alone: NameError, line 1", "did not end in 3 s", "EOFError, line 1", "SyntaxError, line 1", "prints nothing"):
        assert words in page and words.split(",")[0] in said
    assert "&lt;b&gt;&amp;amp;" in page and "<b>&amp;" not in page
    assert "it left left.txt" in page and "needs a_package_that_nobody_has" in page
    assert str(tmp_path) not in page
    again = article.run(lab(tmp_path), source, tmp_path / "page", seconds=3)
    assert again.page.is_file()


def test_nothing_of_somebody_is_overwritten_and_nothing_runs_where_nothing_can(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    source = tmp_path / "a.md"
    source.write_text("```python\nimport a_package_that_nobody_has\n```\n")
    with pytest.raises(ConfigError, match="is no page of an article"):
        article.run(lab(tmp_path), source, tmp_path / "mine", seconds=3)
    with pytest.raises(EnvironmentUnavailable, match="a_package_that_nobody_has"):
        article.run(lab(tmp_path, "numpy-2.5"), source, tmp_path / "page", seconds=3)
    with pytest.raises(ConfigError, match="must be from 1 to 600"):
        article.run(lab(tmp_path, "numpy-2.5"), source, tmp_path / "page", seconds=0)
    assert not (tmp_path / "page").exists()
