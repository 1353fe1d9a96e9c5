"""What belongs to a function's slice of its file."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest

from replab.config import functions
from replab.errors import ConfigError
from replab.locks import interpreters

ROOT = Path(__file__).resolve().parents[3]

MODULE = """
import numpy as np
from math import tau as turn

SCALE = 2.0
TABLE = {"a": SCALE}


def helper(x):
    return x * SCALE


def first(x, *, slope=0.2):
    return helper(x) + slope


def second(x):
    return np.exp(x)


third = second


if np.__version__ < "2":
    def fourth(x):
        return x
else:
    def fourth(x):
        return turn * x
"""


@pytest.fixture
def digests(tmp_path):
    """Digests of all functions of a source text."""
    count = iter(range(99))

    def of(text):
        path = tmp_path / f"impl_{next(count)}.py"
        path.write_text(text, encoding="utf-8")
        return {name: functions.digest(path, name) for name in ("helper", "first", "second", "third", "fourth")}

    return of


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("SCALE = 2.0", "SCALE = 3.0", {"helper", "first"}),
        ("return x * SCALE", "return SCALE * x", {"helper", "first"}),
        ("slope=0.2", "slope=0.3", {"first"}),
        ("np.exp(x)", "np.expm1(x)", {"second", "third"}),
        ("import numpy as np", "import autograd.numpy as np", {"second", "third", "fourth"}),
        ("tau as turn", "pi as turn", {"fourth"}),
        ('< "2"', '< "3"', {"fourth"}),
        ('TABLE = {"a": SCALE}', 'TABLE = {"b": SCALE}', set()),
        ("def first(x, *,", "# a comment\n\n\ndef first(  x,   *,", set()),
        ("    return x * SCALE", '    """What it does."""\n    return x * SCALE', set()),
        ("third = second", "third = second\nfifth = 5", set()),
        ("third = second", "third = helper", {"third"}),
        ("slope=0.2", "slope=.20", set()),
    ],
)
def test_an_edit_changes_what_depends_on_it(digests, before, after, changed):
    assert MODULE.count(before) == 1
    old, new = digests(MODULE), digests(MODULE.replace(before, after))
    assert {name for name in old if old[name] != new[name]} == changed


def test_decorators_and_defaults_belong_to_a_function(digests):
    old = digests(MODULE.replace("def second", "@helper\ndef second"))
    assert old["second"] != digests(MODULE)["second"]
    assert old["second"] != digests(MODULE.replace("def second", "@helper\ndef second").replace("SCALE = 2.0", "SCALE = 3.0"))["second"]


def test_names_used_through_attributes_are_not_module_names(digests):
    text = MODULE.replace("np.exp(x)", "np.helper(x)")
    assert digests(text)["second"] == digests(text.replace("SCALE = 2.0", "SCALE = 3.0"))["second"]


def test_moving_the_file_changes_nothing(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "impl.py").write_text(MODULE, encoding="utf-8")
    assert functions.digest(tmp_path / "one" / "impl.py", "first") == functions.digest(tmp_path / "two" / "impl.py", "first")


def test_an_edit_of_the_same_file_is_seen(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text(MODULE, encoding="utf-8")
    before = functions.digest(path, "first")
    path.write_text(MODULE.replace("slope=0.2", "slope=0.25"), encoding="utf-8")
    assert functions.digest(path, "first") != before


def test_functions_are_those_of_the_module(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text(MODULE, encoding="utf-8")
    assert {"helper", "first", "second", "third", "fourth"} <= functions.functions(path)
    assert not {"np", "turn"} & functions.functions(path)


def test_faults_name_the_place(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text("def f(x):\n    return (x\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        functions.functions(path)
    assert str(caught.value) == f"{path}:2: is not valid Python: '(' was never closed"
    path.write_text("def f(x):\n    return x\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        functions.digest(path, "g")
    assert str(caught.value) == f"{path}: has no function 'g'"


PROGRAM = '"""What it is for."""\nfrom replab.formats import spacing\nx = 1\n\ndef f(a, b=2):\n    return a + b * x\n'
WORDS_ONLY = {
    "a comment": ("x = 1", "x = 1  # why"),
    "layout": ("x = 1", "x  =  (\n    1\n)"),
    "the docstring of the file": ("What it is for.", "What it is good for."),
    "a docstring": ("    return", '    """The sum."""\n    return'),
    "the meaning of a name": ("x = 1\n", 'x = 1\n"""The first."""\n'),
    "a class with a docstring": ("x = 1\n", "x = 1\n"),
    "a type": ("def f(a, b=2)", "def f(a: float, b: int = 2) -> float"),
    "a module of the lab is moved": ("replab.formats", "replab.ground.formats"),
}
MATTERS = {
    "a number": ("x = 1", "x = 2"),
    "its type": ("x = 1", "x = 1.0"),
    "a default": ("b=2", "b=3"),
    "an operation": ("a + b", "a - b"),
    "an order": ("a + b * x", "(a + b) * x"),
    "what is imported": ("import spacing", "import machine_epsilon as spacing"),
    "where from": ("replab.formats", "numpy"),
    "a statement": ("x = 1", "x = 1\nx += 1"),
    "a decorator": ("def f", "@abs\ndef f"),
    "a text that is used": ("return a", "return 'What it is for.' and a"),
}


@pytest.mark.parametrize(("old", "new"), WORDS_ONLY.values(), ids=WORDS_ONLY)
def test_words_and_layout_are_no_part_of_a_program(tmp_path, old, new):
    (tmp_path / "a.py").write_text(PROGRAM, encoding="utf-8")
    first, function = functions.tree_digest(tmp_path), functions.digest(tmp_path / "a.py", "f")
    (tmp_path / "a.py").write_text(PROGRAM.replace(old, new), encoding="utf-8")
    assert functions.tree_digest(tmp_path) == first
    assert functions.digest(tmp_path / "a.py", "f") == function


@pytest.mark.parametrize(("old", "new"), MATTERS.values(), ids=MATTERS)
def test_what_can_change_a_number_is(tmp_path, old, new):
    (tmp_path / "a.py").write_text(PROGRAM, encoding="utf-8")
    first = functions.tree_digest(tmp_path)
    (tmp_path / "a.py").write_text(PROGRAM.replace(old, new), encoding="utf-8")
    assert PROGRAM.replace(old, new) != PROGRAM
    assert functions.tree_digest(tmp_path) != first


def test_files_of_a_program_have_names(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    first = functions.tree_digest(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert functions.tree_digest(tmp_path) != first


def test_the_probe_and_the_truth_are_the_same_program_with_their_words_taken_out(tmp_path):
    """Their files as the formatter of another Python would write them: every key of every result stays what it was."""
    for place in (ROOT / "scripts" / "sandbox" / "probe", ROOT / "scripts" / "replab" / "truth"):
        bare = tmp_path / place.name
        for path in place.rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            (bare / path.relative_to(place)).parent.mkdir(parents=True, exist_ok=True)
            (bare / path.relative_to(place)).write_text("# bare\n" + ast.unparse(tree), encoding="utf-8")
        assert functions.tree_digest(bare) == functions.tree_digest(place)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.processes
def test_every_version_of_python_that_runs_the_lab_says_the_same(python):
    """A key that the version decides would run everything again after an upgrade of Python."""
    interpreter, _ = interpreters.find_interpreter(python, where="this test")
    place = ROOT / "scripts" / "replab" / "truth"
    told = "import sys, pathlib; from replab.config import functions; print(functions.tree_digest(pathlib.Path(sys.argv[1])))"
    alone = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
    said = subprocess.run([interpreter, "-S", "-c", told, place], env=alone, capture_output=True, text=True, check=True).stdout.strip()
    assert said == functions.tree_digest(place)


CHANGED_INSIDE = {
    "key": ('OPT = {}\nOPT["k"] = 2\n\ndef f(x): return x*OPT["k"]\n'),
    "append": ("L = []\nL.append(2)\n\ndef f(x): return x*L[0]\n"),
    "update": ('CONF = {}\nCONF.update(k=2)\ndef f(x): return x*CONF["k"]\n'),
    "registry": (
        'KERNELS = {}\ndef register(g):\n    KERNELS[g.__name__] = g\n    return g\n@register\ndef twice(x): return 2*x\ndef f(x): return KERNELS["twice"](x)\n'
    ),
    "kernel": ('KER = {}\ndef _kernel(x): return 2*x\nKER["k"] = _kernel\ndef f(x): return KER["k"](x)\n'),
    "global": ("F = 1\ndef _setup():\n    global F\n    F = 2\n_setup()\ndef f(x): return x*F\n"),
    "fill": ('D = {}\ndef _fill(): D["a"] = 2\n_fill()\ndef f(x): return x*D["a"]\n'),
    "fill2": ('D = {}\ndef _fill(): D["a"] = 2\n_ = _fill()\ndef f(x): return x*D["a"]\n'),
    "loop": ("L = [0,0]\nfor i in range(2): L[i] = 2\ndef f(x): return x*L[0]\n"),
    "ns": ("import types\nNS = types.SimpleNamespace()\nNS.k = 2\ndef f(x): return x*NS.k\n"),
    "slice": ("S = [1]\nS[:] = [2]\ndef f(x): return x*S[0]\n"),
    "getattr": ("import sys\nC1 = 2\ndef f(x): return x*sys.modules[__name__].C1\n"),
    "exec": ('C1 = 2\ndef f(x): return eval("x*C1")\n'),
    "np": ('import numpy as np\nnp.seterr(all="ignore" if 2 else "x")\ndef f(x): return x\n'),
    "env": ('import os\nos.environ["A"] = "2"\ndef f(x): return x*int(os.environ["A"])\n'),
    "init": ("R = []\nclass B:\n    def __init_subclass__(cls): R.append(cls)\nclass C(B):\n    k = 2\ndef f(x): return x*R[0].k\n"),
    "dispatch": "import functools, numpy as np\n@functools.singledispatch\ndef h(x): return x\n@h.register(np.ndarray)\ndef _(x): return x*2\ndef f(x): return h(x)\n",
    "dispatch by type": "import functools\n@functools.singledispatch\ndef h(x): return x\n@h.register\ndef _(x: float): return x*2\ndef f(x): return h(x)\n",
    "a registry": "class R:\n    def add(self, g):\n        self.g = g\n        return g\nr = R()\n@r.add\ndef h(x): return x*2\ndef f(x): return r.g(x)\n",
    "subclasses": "class B: pass\nclass D(B):\n    def run(self, x): return x*2\ndef f(x): return B.__subclasses__()[0]().run(x)\n",
    "a second name": "import numpy as np\nT = np.array([1.])\nO = T\nO += 2\ndef f(x): return x*T\n",
    "a class method": "class C:\n    k = 1\n    @classmethod\n    def set(cls, v): cls.k = v\n_ = C.set(2)\ndef f(x): return x*C.k\n",
    "out": "import numpy as np\nW = np.array([1.])\n_H = np.divide(W, 2, out=W)\ndef f(x): return x*W\n",
    "async": "import asyncio\nasync def h(x): return x*2\ndef f(x): return asyncio.run(h(x))\n",
    "a parameter": "def fill(t):\n    t.append(2)\n    return t\nN = []\n_F = fill(N)\ndef f(x): return x*N[0]\n",
    "an inner decorator": "class O: pass\ndef install(kind):\n    def inner(g):\n        setattr(kind, g.__name__, staticmethod(g))\n        return g\n    return inner\n@install(O)\ndef h(x): return x*2\ndef f(x): return O.h(x)\n",
    "match": "match [2]:\n    case [k]: pass\ndef f(x): return x*k\n",
    "a star": "from m2 import *\ndef f(x): return log(x)\n",
    "a field of a class": "import dataclasses, typing\n@dataclasses.dataclass\nclass C:\n    a: typing.ClassVar[float] = 2.0\n    b: float = 1.0\ndef f(x): return x*C(1.0).b\n",
}
"""Files in which other statements than plain assignments say what ``f`` computes."""


@pytest.mark.parametrize("name", CHANGED_INSIDE)
def test_what_a_file_changes_inside_of_its_names_is_part_of_its_functions(name, tmp_path):
    text = CHANGED_INSIDE[name]
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(text)
    after.write_text(text.replace("2", "3"))
    assert functions.digest(before, "f") != functions.digest(after, "f")


def test_a_function_that_another_does_not_reach_is_no_part_of_it(tmp_path):
    text = "def wrap(g): return g\n@wrap\ndef other(x): return 2 * x\nK = [2]\ndef h(x): return x\ndef f(x): return h(x)\n"
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(text)
    after.write_text(text.replace("2", "3"))
    assert functions.digest(before, "f") == functions.digest(after, "f")


def test_what_makes_a_field_of_a_class_none_counts(tmp_path):
    """``typing.ClassVar`` as well as ``ClassVar``: the arguments of the class are others then."""
    text = "import dataclasses, typing\n@dataclasses.dataclass\nclass C:\n    a: float = 2.0\n    b: float = 1.0\ndef f(x): return x * C(3.0).b\n"
    digests = set()
    for number, kind in enumerate(("float", "int", "typing.ClassVar[float]", "ClassVar[float]")):
        path = tmp_path / f"{number}.py"
        path.write_text(text.replace("a: float", f"a: {kind}"))
        digests.add(functions.digest(path, "f"))
    assert len(digests) == 2


def test_a_number_of_thousands_of_digits_is_a_number(tmp_path):
    path = tmp_path / "large.py"
    path.write_text(f"BIG = 0x{'f' * 5000}\ndef f(x): return x * BIG\n")
    first = functions.digest(path, "f")
    path.write_text(f"BIG = 0x{'f' * 4999}e\ndef f(x): return x * BIG\n")
    assert functions.digest(path, "f") != first
