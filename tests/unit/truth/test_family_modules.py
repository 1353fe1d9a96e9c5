"""References that import modules of their own: read by the lab in every interpretation as the reference itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flint import arb

from replab.errors import TruthError
from replab.formats import FORMATS
from replab.truth.certify import certify
from replab.truth.reference import Problem

FILES = {
    "reference.py": """
import numpy as np
import layers
from net.blocks import block as wide
from net import *


def third(x): return layers.THIRD * x
def scaled(x): return wide(x)
def starred(x): return twice(x)
def late(x):
    from layers import dense
    return dense(x)
def lost(x):
    from layers import nothing
    return x
def dug(x): return layers.__dict__["dense"](x)
def rounded(x): return layers.rounded(x)
def fails(x): return layers.fails(x)
def missing(x):
    import net.nowhere
    return x
""",
    "layers.py": """
import numpy as np
THIRD = 1.0 / 3.0
def dense(x): return np.exp(x) * np.sqrt(2.0)
def rounded(x): return np.asarray(np.exp(x), dtype="float32")
def fails(x):
    return np.nothing_like_it(x)
""",
    "net/__init__.py": "from .blocks import twice\n",
    "net/blocks.py": "import numpy as np\nfrom scipy import special\nfrom layers import THIRD\n\ndef twice(x): return 2 * x\n"
    "def block(x): return special.erf(x) * THIRD\n",
}


@pytest.fixture
def problem(tmp_path: Path) -> Callable[..., Problem]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def made(function: str, derivative: int = 0) -> Problem:
        inputs = {"x": np.array([0.5, 1.25])}
        cotangents = [[np.ones(2)]][:derivative]
        differentiable = ("x",) if derivative else ()
        path = tmp_path / "reference.py"
        return Problem(
            path=path,
            function=function,
            parameters={},
            inputs=inputs,
            differentiable=differentiable,
            derivative=derivative,
            cotangents=cotangents,
        )

    return made


def test_constants_of_a_module_are_not_rounded_where_truth_is_certified(problem: Callable[..., Problem]) -> None:
    (values,) = problem("third").balls(128)
    assert values[0].overlaps(arb(1) / 6)
    assert values[0].rad() < 1e-35
    assert problem("third").plain()[0].tolist() == [0.5 * (1.0 / 3.0), 1.25 * (1.0 / 3.0)]


@pytest.mark.parametrize("function", ["scaled", "starred", "late"])
@pytest.mark.parametrize("derivative", [0, 1])
def test_modules_packages_and_late_imports_have_a_truth_and_an_envelope(
    problem: Callable[..., Problem], function: str, derivative: int
) -> None:
    (truth,) = certify(problem(function, derivative), "float32", elementwise=True)
    assert np.allclose(truth.high, problem(function, derivative).plain()[0], rtol=1e-12)
    assert (truth.bound <= 1e-16).all()
    (values,), _ = problem(function, derivative).perturbed(FORMATS["float32"], 1, 4)
    assert values.shape == (4, 2)


@pytest.mark.parametrize(
    ("function", "where", "said"),
    [
        ("lost", "reference.py:15: `from layers import nothing`", "cannot import name 'nothing'"),
        ("dug", "reference.py:17: ", "references cannot use __dict__"),
        ("rounded", "layers.py:5: ", "a value cannot become a plain number"),
        ("fails", "layers.py:7: `return np.nothing_like_it(x)`", "references cannot use np.nothing_like_it"),
        ("missing", "reference.py:21: `import net.nowhere`", "No module named 'net.nowhere'"),
    ],
)
def test_what_a_module_may_not_do_is_told_with_its_line(problem: Callable[..., Problem], function: str, where: str, said: str) -> None:
    with pytest.raises(TruthError) as raised:
        problem(function).balls(128)
    assert said in raised.value.problem
    assert where in raised.value.where


def test_nothing_is_left_of_a_module_from_one_certified_evaluation_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text("import numpy as np\nimport memory\ndef f(x): return memory.next(x)\n")
    (tmp_path / "memory.py").write_text("CALLS = []\ndef next(x):\n    CALLS.append(1)\n    return x * len(CALLS)\n")
    asked = Problem(
        path=tmp_path / "reference.py",
        function="f",
        parameters={},
        inputs={"x": np.ones(1)},
        differentiable=(),
        derivative=0,
        cotangents=[],
    )
    assert [float(asked.balls(64)[0][0]) for _ in range(3)] == [1.0, 1.0, 1.0]
