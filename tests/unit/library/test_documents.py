"""The notebook and the file of tests in ``docs`` run as they stand."""

from __future__ import annotations

import ast
import json
import linecache
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def shown(root: Path) -> list[Any]:
    """What the cells of the notebook show: the values of their last expressions."""
    book = json.loads((root / "docs" / "judge_an_array.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    found = []
    for number, cell in enumerate(one for one in book["cells"] if one["cell_type"] == "code"):
        text, file = "".join(cell["source"]), f"<ipython-input-{number}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # as IPython does it
        tree = ast.parse(text, file)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, file, "exec"), names)
        if isinstance(last, ast.Expr):
            found.append(eval(compile(ast.Expression(last.value), file, "eval"), names))
    return found


def test_the_notebook_shows_what_its_text_says(shown: list[Any]) -> None:
    right, coarse, _, other, printed, (values, bound, ulp) = shown
    assert (right.verdict, coarse.verdict, other.verdict, printed) == ("rounding", "accuracy", "semantic", None)
    assert other.cause.startswith("epsilon = 1e-05 where the reference has epsilon = 0.001")
    assert values.shape == (3,)
    assert bound < 1e-20
    assert ulp > 1000


def test_the_notebook_holds_no_outputs(root: Path) -> None:
    book = json.loads((root / "docs" / "judge_an_array.ipynb").read_text(encoding="utf-8"))
    assert not [one for one in book["cells"] if one.get("outputs") or one.get("execution_count")]


def test_the_file_of_tests_passes_as_it_stands(pytester: pytest.Pytester, root: Path) -> None:
    pytester.makepyfile(test_softplus=(root / "docs" / "test_softplus.py").read_text(encoding="utf-8"))
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:rerunfailures")
    done.assert_outcomes(passed=4)
    done.stdout.fnmatch_lines(["replab judged 3 results: 3 rounding; *"])
