"""What ``import replab`` offers to others: its names, its arguments and its types stay."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import replab

OPTIONS = "again=None, factors=None, candidates=(), wrt=None, cotangents=None, elementwise=False, correctly_rounded=False, seconds=120.0"
SURFACE = {
    "judge": f"(result, reference, inputs, *, {OPTIONS}) -> Judgement",
    "compare": f"(a, b, reference, inputs, *, {OPTIONS}) -> Comparison",
    "truth": (
        "(reference, inputs, dtype='float32', *, wrt=None, cotangents=None, elementwise=False, seconds=120.0) -> Truth | tuple[Truth, ...]"
    ),
    "ulp": "(a, b) -> NDArray[np.float64]",
    "open": "(folder='results') -> Results",
    "assert_explained": f"(actual, reference, *inputs, {OPTIONS}) -> None",
}
VALUES = {
    "Judgement": "advice atol bound cause compared dtype explained limit lines output outputs rtol searched searching ulp verdict why worst z",
    "Comparison": "advice atol cause explained first limit lines rtol second ulp verdict worst z",
    "Output": "atol bound elements envelope limit name rtol shrink ulp verdict why worst z",
    "Element": "index inputs result truth",
    "Truth": "bound dtype exact lines low method nearest sigma value",
    "Results": "array attributions cells curves defaults explain folder pairs table tables",
}


def _signature(function: object) -> str:
    found = inspect.signature(function)  # type: ignore[arg-type]
    bare = [one.replace(annotation=one.empty) for one in found.parameters.values()]
    returned = f" -> {found.return_annotation}" if found.return_annotation is not found.empty else ""
    return str(found.replace(parameters=bare, return_annotation=found.empty)) + returned


@pytest.mark.parametrize("name", SURFACE)
def test_functions_keep_their_arguments(name: str) -> None:
    assert _signature(getattr(replab, name)) == SURFACE[name]


@pytest.mark.parametrize("name", VALUES)
def test_what_is_answered_keeps_its_fields(name: str) -> None:
    kind = getattr(replab, name)
    named = {*dir(kind), *getattr(kind, "__dataclass_fields__", ()), *({"folder"} if name == "Results" else ())}
    assert " ".join(sorted(one for one in named if not one.startswith("_"))) == VALUES[name]


def test_everything_that_is_offered_has_a_type_and_a_docstring(root: Path) -> None:
    stub = ast.parse((root / "scripts" / "replab" / "__init__.pyi").read_text())
    (listed,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(listed)) == sorted(replab.__all__) == dir(replab)
    assert {*SURFACE, *VALUES, "InputError", "TruthError", "__version__"} == {*replab.__all__}
    assert all(getattr(replab, name).__doc__ for name in replab.__all__)


def test_packages_of_the_lab_do_not_take_the_place_of_functions_of_the_same_name() -> None:
    from replab.compare import metrics
    from replab.judge import verdicts
    from replab.truth import certify

    assert [one.__name__ for one in (metrics, verdicts, certify)] == [
        "replab.compare.metrics",
        "replab.judge.verdicts",
        "replab.truth.certify",
    ]
    assert all(inspect.isfunction(getattr(replab, name)) for name in ("compare", "judge", "truth"))


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="module 'replab' has no attribute 'jugde'"):
        replab.jugde  # noqa: B018


@pytest.mark.processes
def test_importing_it_imports_nothing_else_and_judging_neither_pandas_nor_anything_of_the_workflow() -> None:
    program = """
import sys
import replab
assert "numpy" not in sys.modules
import numpy as np
assert replab.judge(np.ones(2, np.float32), lambda x: x + 1, np.zeros(2, np.float32)).verdict == "identical"
heavy = "pandas pyarrow snakemake rich typer jinja2 altair sklearn docker uv rocrate cyclonedx safetensors".split()
print(*(name for name in heavy if name in sys.modules))
"""
    file = Path(__file__).parent / "program.py"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import linecache\nsource = {program!r}\nlinecache.cache['<program>'] = (len(source), None, source.splitlines(True), '<program>')\nexec(compile(source, '<program>', 'exec'))",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
