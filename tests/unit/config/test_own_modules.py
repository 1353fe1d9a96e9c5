"""Modules that a family brings along: which belong to a function, and so to its key."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from replab.config import functions, implementations, own_modules, parsed
from replab.errors import ConfigError
from replab.model import Case, Generator

FILES = {
    "reference.py": "import numpy as np\n\n\ndef plain(x):\n    return np.exp(x)\n\n\ndef layered(x):\n    import layers\n    return layers.dense(x)\n",
    "impl_tf.py": "import numpy as np\nimport tensorflow as tf\nfrom net.blocks import block\n\n\ndef plain(x):\n    return tf.exp(x)\n\n\n"
    "def layered(x):\n    return block(x)\n",
    "impl_torch.py": "import importlib\n\n\ndef plain(x):\n    return x\n\n\ndef layered(x):\n    return importlib.import_module('la' + 'yers').dense(x)\n",
    "layers.py": "import numpy as np\nfrom scales import SCALE\n\n\ndef dense(x):\n    return SCALE * x\n",
    "scales.py": "SCALE = 2.0\n",
    "unused.py": "import scipy\n",
    "net/__init__.py": "from . import shapes\n",
    "net/blocks.py": "from .shapes import wide\nfrom ..other import lost\n\n\ndef block(x):\n    return wide(x)\n",
    "net/shapes.py": "def wide(x):\n    return x\n",
}


@pytest.fixture
def family(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def own(family: Path, file: str, function: str) -> list[str]:
    return [path.relative_to(family).as_posix() for path in functions.family_modules(family / file, function)]


def test_modules_are_followed_from_a_function_through_packages_and_relative_imports(family: Path) -> None:
    assert own(family, "reference.py", "plain") == []
    assert own(family, "reference.py", "layered") == ["layers.py", "scales.py"]
    assert own(family, "impl_tf.py", "plain") == []
    assert own(family, "impl_tf.py", "layered") == ["net/__init__.py", "net/blocks.py", "net/shapes.py"]


def test_a_function_that_makes_the_names_of_modules_depends_on_all(family: Path) -> None:
    assert own(family, "impl_torch.py", "plain") == []
    assert own(family, "impl_torch.py", "layered") == sorted(FILES)


@pytest.mark.parametrize("name", ["layers.py", "scales.py"])
def test_the_hash_of_a_function_is_that_of_what_its_modules_do(family: Path, name: str) -> None:
    before = {function: functions.digest(family / "reference.py", function) for function in ("plain", "layered")}
    (family / name).write_text(FILES[name] + "# a comment\n")
    assert {function: functions.digest(family / "reference.py", function) for function in before} == before
    (family / name).write_text(FILES[name] + "MORE = 1\n")
    assert functions.digest(family / "reference.py", "plain") == before["plain"]
    assert functions.digest(family / "reference.py", "layered") != before["layered"]
    assert "# layers.py\nimport numpy as np" in functions.text(family / "reference.py", "layered")


def test_a_name_that_means_the_same_everywhere_is_no_module_of_a_family(tmp_path: Path) -> None:
    for name in ("random", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text("")
        assert own_modules.path_of(tmp_path, name) is None
    assert own_modules.names(ast.parse("import os, random, numpy.linalg\nfrom torch import nn").body) == frozenset()


def case(function: str) -> Case:
    inputs = {"x": Generator(name="x", kind="float_range", options={})}
    return Case(family="f", name=function, title="", function=function, inputs=inputs, parameters={}, dtypes=("float32",))


def test_numpy_runs_a_reference_whose_modules_need_nothing_more(family: Path) -> None:
    assert implementations.fault(family, case("layered")) == ""
    assert [path.name for path in implementations.paths(family, [case("layered")], "numpy")] == ["layers.py", "reference.py", "scales.py"]
    (family / "scales.py").write_text("import scipy.special\nSCALE = 2.0\n")
    assert "needs scipy" in implementations.fault(family, case("layered"))


def test_a_module_that_is_no_python_is_told_with_its_line(family: Path) -> None:
    (family / "scales.py").write_text("SCALE =\n")
    with pytest.raises(ConfigError, match="is not valid Python") as raised:
        functions.digest(family / "reference.py", "layered")
    assert raised.value.where == f"{family / 'scales.py'}:1"


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nfrom scipy import special  # import\n",
        "import numpy as np, helpers\n",
        "import numpy; import helpers\n",
        "def f():\n    from helpers import x\n",
        "import math\nload = __import__\n",
        "from importlib import reload\n",
        "import numpy as np\nif True: import helpers\n",
        "from numpy import (\n    exp,\n    log,\n)\nfrom numpy import \\\n    sin\n",
        "import math\\\n, helpers\n",
        "import math\ntext = 'one that they import'\n",
    ],
)
def test_plain_imports_are_told_from_others_without_a_look_at_all_syntax(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reference.py"
    path.write_text(text)
    stamp = parsed.stamp_of(path)
    assert own_modules._names_in(path, "", stamp) == own_modules.names(ast.parse(text).body)
