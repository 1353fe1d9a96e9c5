"""Stand-alone scripts: short, complete, with the certified value; and a reason where there is none."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab import resources
from replab.freshness import code
from replab.model import Case, Family
from replab.repro_scripts.literals import literal
from replab.repro_scripts.script import chosen
from replab.repro_scripts.writing import MOST_LINES, Problem, Unfit, in_few_lines, write
from replab.store.rows import CellRow

IMPL = '''"""Implementations."""

import math

import numpy as np


def _half():
    """A helper with a docstring."""
    return 0.5


def halved(x, scale=1.0):
    # a comment
    return x * _half() * scale


def total(x):
    return np.sum(x)


def long(x):
{lines}
    return x
'''


@pytest.fixture
def family(tmp_path: Path) -> Family:
    """A family whose implementation for NumPy is a file."""
    (tmp_path / "impl_numpy.py").write_text(IMPL.format(lines="\n".join(f"    x = x + {n}" for n in range(70))))
    return Family(name="made", folder=tmp_path, title="", question="", cases=(), leave_out={})


def problem(family: Family, function: str = "halved", *, size: int = 100, elementwise: bool = True, **more: Any) -> Problem:
    """A result that is one step off."""
    values = np.linspace(1.0, 2.0, size, dtype=np.float32)
    values[size // 2] = 3.0
    right = np.float32(3.0 * 0.5 * 2.0)
    cell = {
        "id": "made.a:float32:d0@numpy-2.5:eager:default:cpu",
        "key": "",
        "family": "made",
        "case": function,
        "output": "out",
        "environment": "numpy-2.5",
        "framework": "numpy",
        "framework_version": "2.5.1",
        "environment_order": 0,
        "mode": "eager",
        "dtype": "float32",
        "derivative": 0,
        "variant": "default",
        "status": "ok",
        "verdict": "rounding",
        "ulp_max": 1.0,
        "worst_index": str(size // 2),
        "worst_result": f"{float(right).hex()} ({right})",
        "worst_truth": f"{float(np.nextafter(right, np.float32(9))).hex()} (3)",
        "notes": "",
    } | more
    case = Case(
        family="made",
        name=function,
        title="",
        function=function,
        inputs={},
        dtypes=("float32",),
        elementwise=elementwise,
        parameters={"scale": 2.0} if function == "halved" else {},
    )
    return Problem(
        family=family,
        case=case,
        cell=CellRow(**cell),
        inputs=[("x", "float32", values, True)],
        cotangents=[],
        low=0.0,
        recorded=[("numpy-2.5 eager", cell["worst_result"].split()[0]), ("torch-2.13 eager", "0x1.8p+1")],
    )


def ran(text: str, folder: Path) -> list[str]:
    """What a script prints, run by itself."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", str(folder / "script.py")], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.splitlines()


@pytest.mark.processes
def test_a_script_prints_the_result_the_certified_value_and_what_was_recorded(family: Family, tmp_path: Path) -> None:
    lines = ran(write(problem(family)), tmp_path)
    assert [line.split("  ")[0] for line in lines] == ["certified", "this run", "recorded numpy-2.5 eager", "recorded torch-2.13 eager"]
    assert "0x1.8000020000000p+1" in lines[0].replace("0x1.800002p+1", "0x1.8000020000000p+1")
    assert "0x1.8000000000000p+1" in lines[1] and lines[1].endswith(" 1 ULP")


def test_an_elementwise_function_gets_copies_of_its_worst_input_and_no_others(family: Family) -> None:
    text = write(problem(family, size=5000))
    assert 'np.full(64, float.fromhex("0x1.8p+1"), "float32")' in text
    assert len(text.splitlines()) <= MOST_LINES
    assert "b85" not in text


@pytest.mark.processes
def test_other_functions_get_all_their_inputs(family: Family, tmp_path: Path) -> None:
    made = problem(family, "total", size=600, elementwise=False, worst_index="")
    text = write(made)
    assert "b85decode" in text
    total = np.sum(made.inputs[0][2])
    assert float(total).hex() in ran(text, tmp_path)[1]


def test_a_script_is_whole_and_stays_within_its_lines(family: Family) -> None:
    text = write(problem(family, "total", size=20, elementwise=False, worst_index=""))
    assert "def _half" not in text and "def total" in text and "import math" not in text
    ast.parse(text)
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize(("function", "size", "said"), [("long", 100, "72 of code"), ("total", 6000, "6,000 numbers of input")])
def test_what_does_not_fit_says_why(family: Family, function: str, size: int, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        write(problem(family, function, size=size, elementwise=False, worst_index="" if function == "total" else "0"))


@pytest.mark.processes
def test_values_that_no_distance_describes_are_printed_plainly(family: Family, tmp_path: Path) -> None:
    lines = ran(write(problem(family, worst_truth="nan (nan)")), tmp_path)
    assert lines[0] == "certified  nan"
    assert lines[2] == "recorded   0x1.8000000000000p+1  numpy-2.5 eager"


def test_the_newest_is_shown_and_an_older_one_where_it_is_much_worse() -> None:
    def at(order: int, ulp: float, verdict: str = "accuracy", mode: str = "eager") -> CellRow:
        return CellRow(environment_order=order, ulp_max=ulp, verdict=verdict, mode=mode, id=f"{order}{mode}", output="out")

    new = at(2, 5.0)
    assert chosen([at(1, 9.0), new, at(2, 5.0, mode="xla")]) == [new]
    assert chosen([at(1, 1e8), new]) == [new, at(1, 1e8)]
    assert chosen([at(1, 2.0, "semantic"), new]) == [new, at(1, 2.0, "semantic")]


def test_parameters_that_are_not_finite_are_written_as_python_reads_them() -> None:
    parameters = {"ord": float("inf"), "other": [float("-inf"), {"deep": float("nan")}], "name": "x", "count": 3, "half": 0.5}
    text = literal(parameters)
    assert repr(eval(text)) == repr(parameters)
    assert literal({"name": "x", "count": 3, "half": 0.5}) == "{'name': 'x', 'count': 3, 'half': 0.5}"


def test_an_implementation_that_cannot_be_decoded_has_no_script(family: Family) -> None:
    path = family.folder / "impl_numpy.py"
    path.write_bytes(path.read_bytes() + b"# \xff\n")
    with pytest.raises(Unfit, match="is not there, or cannot be read"):
        write(problem(family))


MODES = {"numpy": ("eager",), "tensorflow": ("eager", "session", "function", "xla"), "torch": ("eager", "script", "traced", "compile")}
FILES = {"numpy": "impl_numpy.py", "tensorflow": "impl_tf.py", "torch": "impl_torch.py"}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("derivative", [0, 1, 2])
@pytest.mark.parametrize(("framework", "mode"), [(framework, mode) for framework, modes in MODES.items() for mode in modes])
def test_every_way_to_call_is_a_whole_program(family: Family, framework: str, mode: str, derivative: int, dtype: str) -> None:
    (family.folder / FILES[framework]).write_text(IMPL.format(lines="    pass"))
    about = {
        "framework": framework,
        "mode": "script" if mode == "traced" else mode,
        "notes": mode,
        "dtype": dtype,
        "derivative": derivative,
    }
    made = problem(family, **about, output="grad_x" if derivative else "out")
    made = replace(made, cotangents=[[("float32", np.ones(100, np.float32))]] * derivative)
    if (mode, dtype) == ("session", "bfloat16"):
        with pytest.raises(Unfit, match="a session takes bfloat16 only"):
            write(made)
        return
    text = write(made)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    used = {"weights", "WHERE"} if derivative else set()
    assert {"inputs", "outputs", "result", "halved", "PARAMETERS", *used} <= names
    assert {"weights", "WHERE"} & names == used
    assert "\n\n\n\n" not in text and not any(line != line.rstrip() for line in text.splitlines())
    assert (dtype == "bfloat16") == (">> 16" in text)


GRAPHS = [("tensorflow", mode, 0) for mode in ("session", "function", "xla")] + [("tensorflow", "session", 2), ("torch", "compile", 0)]


@pytest.mark.parametrize(("framework", "mode", "derivative"), GRAPHS)
def test_what_a_graph_computes_otherwise_is_shown_in_few_lines(family: Family, framework: str, mode: str, derivative: int) -> None:
    """Only the function and what it calls, and a line that prints the result beside the certified value."""
    (family.folder / FILES[framework]).write_text(IMPL.format(lines="    pass"))
    about = {"framework": framework, "mode": mode, "derivative": derivative, "output": "grad_x" if derivative else "out"}
    made = replace(problem(family, **about, verdict="beyond"), cotangents=[[("float32", np.ones(100, np.float32))]] * derivative)
    text = in_few_lines(made)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert {"inputs", "halved", "_half", "PARAMETERS", "graph"} <= names and "total" not in text
    assert len(text.splitlines()) <= 30 < len(write(made).splitlines())
    assert text.splitlines()[-1].startswith('print("in a graph", graph if') and "certified" in text.splitlines()[-1]


@pytest.mark.parametrize("more", [{"verdict": "rounding"}, {"mode": "eager"}, {"dtype": "float16"}, {"mode": "function", "derivative": 1}])
def test_few_lines_are_of_graphs_that_are_beyond_rounding(family: Family, more: dict[str, Any]) -> None:
    assert in_few_lines(problem(family, **({"framework": "tensorflow", "mode": "session", "verdict": "beyond"} | more))) == ""


def test_a_local_name_calls_no_function(family: Family) -> None:
    (family.folder / "impl_tf.py").write_text("def mean(x):\n    return x\n\n\ndef total(x):\n    mean = x + 1.0\n    return mean\n")
    text = in_few_lines(problem(family, "total", framework="tensorflow", mode="function", verdict="semantic"))
    assert "def total" in text and "def mean" not in text


def test_templates_are_among_the_files_of_the_step_that_fills_them() -> None:
    names = {path.name for path in code.of_step(resources.SCRIPTS, "judge")}
    assert {"script.py.j2", "in_few_lines.py.j2", *(f"{framework}.py.j2" for framework in MODES)} <= names
