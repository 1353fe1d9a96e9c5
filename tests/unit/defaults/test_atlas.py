"""The atlas of defaults: its file, its faults, what introspection reads, and what follows from the rows."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from replab.defaults import atlas, reading, rows as default_rows
from replab.errors import ConfigErrors
from replab.model import FRAMEWORKS, Environment
from replab.store.rows import DefaultRow

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "sandbox" / "atlas" / "introspect.py"


@pytest.fixture(scope="module")
def introspect() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replab_introspect", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(name: str, framework: str, order: int) -> Environment:
    return Environment(name=name, framework=framework, version="1.0", python="3.11", modes=("eager",), requirements=(), order=order)


def written(tmp_path: Path, text: str) -> tuple[atlas.Api, ...]:
    path = tmp_path / "atlas" / "atlas.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return atlas.load(path)


SMALL = """
[norm]
title = "Normalisation"
group = "layers"
tensorflow = "tf.keras.layers.Norm"
torch = { names = ["torch.nn.Norm"], arguments = { size = 4 } }
[norm.parameters]
epsilon = { tensorflow = "epsilon", torch = "instance:eps" }
momentum = { tensorflow = "momentum", torch = "instance:momentum", compare = { torch = "one_minus" }, note = "of the old or the new" }
reduction = { tensorflow = ["reduction", "reduce"], torch = "reduction", compare = { tensorflow = { sum_over_batch_size = "mean" } } }
weight = { torch = "source:weight" }
"""


def test_the_atlas_pairs_sixty_apis_at_least() -> None:
    found = atlas.load(ROOT / atlas.ATLAS)
    assert len(found) >= 60
    assert len({api.name for api in found}) == len(found)
    paired = [p for api in found for p in api.parameters if len(p.readings) > 1]
    assert len(paired) >= 100
    for framework in FRAMEWORKS:
        assert sum(framework in api.sides for api in found) >= 30


def test_an_api_becomes_sides_parameters_and_readings(tmp_path: Path) -> None:
    (api,) = written(tmp_path, SMALL)
    assert api.sides["tensorflow"] == atlas.Side(names=("tf.keras.layers.Norm",))
    assert api.sides["torch"].arguments == {"size": 4}
    epsilon, _, reduction, weight = api.parameters
    assert epsilon.readings["torch"] == atlas.Reading(way="instance", names=("eps",))
    assert reduction.readings["tensorflow"] == atlas.Reading(way="signature", names=("reduction", "reduce"))
    assert weight.readings == {"torch": atlas.Reading(way="source", names=("weight",))}


def test_a_request_says_where_to_look_and_nothing_of_what_values_mean(tmp_path: Path) -> None:
    text = json.dumps(reading.request(written(tmp_path, SMALL)))
    assert "one_minus" not in text and "of the old" not in text
    request = json.loads(text)["apis"][0]
    assert request["sides"]["torch:source"]["names"] == ["torch.nn.Norm.reset_parameters"]
    assert request["sides"]["torch:instance"]["arguments"] == {"size": 4}
    assert request["sides"]["tensorflow:signature"]["arguments"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("torch = {", "pytorch = {"), "atlas/atlas.toml: norm: unknown key 'pytorch'. Did you mean 'torch'?"),
        (('title = "Normalisation"', ""), "atlas/atlas.toml: norm: needs a title"),
        (('"tf.keras.layers.Norm"', '"torch.Norm"'), "atlas/atlas.toml: norm.tensorflow: 'torch.Norm' does not begin with 'tf.'"),
        (
            ('"instance:eps"', '"instanse:eps"'),
            "norm.parameters.epsilon.torch: there is no way 'instanse' to read a default. Did you mean 'instance'?",
        ),
        (('"one_minus"', '"one-minus"'), "norm.parameters.momentum: there is no conversion 'one-minus'. Did you mean 'one_minus'?"),
        (('{ torch = "source:weight" }', '{ numpy = "weight" }'), "norm.parameters.weight: the API has no side 'numpy'"),
        (('["reduction", "reduce"]', '["reduction", "config:reduce"]'), "is to be read in more than one way"),
        (('["reduction", "reduce"]', "[]"), "must be a name or a list of names, not []"),
        (("[norm.parameters]", "[norm.parameter]"), "norm: needs parameters"),
        (("compare = { torch", "compare = { numpy"), "compare names 'numpy', where the parameter has no name"),
    ],
)
def test_faults_of_the_atlas_are_told_with_their_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in SMALL
    with pytest.raises(ConfigErrors) as raised:
        written(tmp_path, SMALL.replace(*change))
    assert message in str(raised.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        written(tmp_path, SMALL.replace('title = "Normalisation"', "").replace("instance:eps", "by:eps"))
    assert len(raised.value.faults) == 2


def test_a_file_that_is_no_toml_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="is not valid TOML"):
        written(tmp_path, "[norm")


# --- reading, in this process: of NumPy and of plain Python ------------------------------------------------------------------------------


@pytest.mark.processes
def test_numpy_is_read_by_the_real_program(tmp_path: Path) -> None:
    """The program as sandboxes run it, on the NumPy of the lab."""
    text = """
    [std]
    title = "s"
    group = "g"
    numpy = ["numpy.there_is_no_such_name", "numpy.std"]
    torch = "torch.std"
    [std.parameters]
    ddof = { numpy = "ddof", torch = "unbiased" }
    lost = { numpy = ["gone", "away"] }
    data = { numpy = "a" }
    [gone]
    title = "g"
    group = "g"
    numpy = ["numpy.one", "numpy.other"]
    torch = "torch.gone"
    [gone.parameters]
    x = { numpy = "x" }
    [floats]
    title = "f"
    group = "g"
    numpy = { names = ["numpy.array"], arguments = { "0" = { tensor = [1.0, 2.0] } } }
    torch = "torch.tensor"
    [floats.parameters]
    dtype = { numpy = "result:dtype" }
    values = { numpy = "result:result" }
    [rank]
    title = "r"
    group = "g"
    numpy = "numpy.linalg.matrix_rank"
    torch = "torch.rank"
    call = { "0" = { tensor = [[1.0, 0.0], [0.0, 1e-7]], dtype = "float32" } }
    [rank.parameters]
    tolerance = { numpy = "tol", outcomes = { "0.0" = 2, "max(m, n)*eps" = 1 } }
    cut = { numpy = "call:", outcomes = { "none" = 2, "some" = 1 } }
    fails = { numpy = "hermitian", call = { none = 1 }, outcomes = { true = 2, false = 1 } }
    """
    found = written(tmp_path, "\n".join(line.strip() for line in text.splitlines()))
    (tmp_path / "request.json").write_text(json.dumps(reading.request(found)))
    out = tmp_path / "out.json"
    argv = [sys.executable, str(SCRIPT), "--atlas", str(tmp_path / "request.json"), "--framework", "numpy", "--out", str(out)]
    subprocess.run(argv, check=True, capture_output=True, text=True)
    answer = json.loads(out.read_text(encoding="utf-8"))
    rows = {(row.api, row.parameter): row for row in default_rows.rows(found, environment("numpy-9", "numpy", 9), answer)}
    assert rows["std", "ddof"].value == "0"
    assert (rows["std", "ddof"].api_name, rows["std", "ddof"].source) == ("numpy.std", "signature")
    assert (rows["std", "data"].value, rows["std", "data"].status) == ("required", "required")
    assert (rows["std", "lost"].value, rows["std", "lost"].reason) == ("absent", "numpy.std has no gone nor away")
    assert rows["gone", "x"].reason == "there is no numpy.one nor numpy.other"
    assert (rows["rank", "tolerance"].value, rows["rank", "tolerance"].effective) == ("null", '"max(m, n)*eps"')
    assert (rows["rank", "cut"].value, rows["rank", "cut"].source) == ('"some"', "call")
    assert rows["rank", "fails"].value == "false"
    assert rows["rank", "fails"].reason.startswith("a call tells nothing: ")
    assert (rows["floats", "dtype"].value, rows["floats", "values"].value) == ('"float64"', "[1.0, 2.0]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1e-05"),
        (float("inf"), '"inf"'),
        ((1, 1), "[1, 1]"),
        (True, "true"),
        (None, "null"),
        (len, '"len"'),
        ({"class_name": "Zeros", "config": {"b": 1, "a": None}, "module": "keras"}, '{"a": null, "b": 1, "class": "Zeros"}'),
        (object(), '"object"'),
    ],
)
def test_values_have_one_text(introspect: ModuleType, value: Any, text: str) -> None:
    assert introspect.text(value) == text


@pytest.mark.parametrize(
    ("doc", "parameter", "found"),
    [
        ("f(x1, x2, dim=1, eps=1e-8) -> Tensor\n\nMore.", "eps", ("read", 1e-8)),
        ("f(input, size=(1, 2), *, mode='none') -> Tensor", "size", ("read", (1, 2))),
        ("f(input, size=(1, 2), *, mode='none') -> Tensor", "mode", ("read", "none")),
        ("torch.f(input: Tensor, rtol: float = 1e-05) -> bool", "rtol", ("read", 1e-5)),
        ("f(input, dim, keepdim=False)", "dim", ("required", None)),
        ("f(input, out=torch.strided)", "out", ("read", "torch.strided")),
        ("Computes f.\n\nf(input, k=3) -> Tensor", "k", ("read", 3)),
    ],
)
def test_docstrings_of_c_functions_are_read(introspect: ModuleType, doc: str, parameter: str, found: tuple[str, Any]) -> None:
    target = type("Target", (), {"__doc__": doc})
    assert introspect.by_docstring("torch.f", target, parameter)[:2] == found


def test_a_docstring_without_the_parameter_says_nothing(introspect: ModuleType) -> None:
    target = type("Target", (), {"__doc__": "f(input, k=3) -> Tensor"})
    assert introspect.by_docstring("torch.f", target, "eps") is None


def test_initialisers_are_read_from_the_source(introspect: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "layer.py"
    path.write_text(
        "class Layer:\n"
        "    def reset_parameters(self):\n"
        "        # init.uniform_(self.weight) is a comment\n"
        "        init.kaiming_uniform_(self.weight,\n"
        "                              a=math.sqrt(5))\n"
        "        if self.bias is not None:\n"
        "            init.uniform_(self.bias, -bound, bound)\n"
    )
    spec = importlib.util.spec_from_file_location("layer_of_a_test", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layer_of_a_test"] = module
    spec.loader.exec_module(module)
    method = module.Layer.reset_parameters
    assert introspect.by_source(method, "weight")[1] == "init.kaiming_uniform_(self.weight, a=math.sqrt(5))"
    assert introspect.by_source(method, "bias")[1] == "init.uniform_(self.bias, -bound, bound)"
    assert introspect.by_source(method, "gamma") is None


# --- what follows from rows --------------------------------------------------------------------------------------------------------------


CALLED = """
[act]
title = "Activation"
group = "layers"
call = { "0" = { tensor = [-1.0] } }
tensorflow = "tf.nn.act"
torch = { names = ["torch.act"], part = "0" }
[act.parameters]
rcond = { tensorflow = "rcond", torch = "rtol", outcomes = { null = [1.0, 2.0], "1e-15" = [1.0, 2.5], "max(m, n)*eps" = [1.0, 0.0] } }
slope = { tensorflow = "call:", torch = "slope", call = { "0" = 7 }, outcomes = { "0.01" = -0.01, "1" = -1 } }
"""


def called(status: str = "read", **told: Any) -> dict[str, Any]:
    """What introspection may have found for ``rcond`` of ``CALLED``, and nothing of ``slope``."""
    row = {"api": "act", "api_name": "x", "source": "signature", "reason": ""}
    rcond = row | {"parameter": "rcond", "value": "null", "status": status} | told
    return {"rows": [rcond, row | {"parameter": "slope", "value": None, "status": "absent", "reason": "none"}]}


def test_none_on_two_sides_is_what_a_call_shows(tmp_path: Path) -> None:
    found = written(tmp_path, CALLED)
    one, other = environment("tf-1", "tensorflow", 1), environment("torch-1", "torch", 1)

    def apart(left: str, right: str) -> list[tuple[str, str]]:
        rows = [*default_rows.rows(found, one, called(called=left)), *default_rows.rows(found, other, called(called=right))]
        return [(each.left_value, each.right_value) for each in default_rows.differences(rows, [one, other])]

    assert apart("[1.0, 2.0000001]", "[1.0, 1.9999999]") == []
    assert apart("[1.0, 2.0]", "[[1.0], [0.0]]") == [("null", '"max(m, n)*eps"')]
    assert apart("[1.0, 2.5]", "[1.0, 0.0]") == [("1e-15", '"max(m, n)*eps"')]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"called": "[1.0, 2.2]"}, 'a call gives [1.0, 2.2], which none of the values null, 1e-15, "max(m, n)*eps" gives'),
        ({"called": "[1.0]"}, 'a call gives [1.0], which none of the values null, 1e-15, "max(m, n)*eps" gives'),
        ({"called": '["nan", 2.0]'}, 'a call gives ["nan", 2.0], which none of the values null, 1e-15, "max(m, n)*eps" gives'),
        ({"not_called": "TypeError: no"}, "a call tells nothing: TypeError: no"),
    ],
)
def test_a_call_that_tells_nothing_says_so_and_leaves_what_is_declared(tmp_path: Path, told: dict[str, str], reason: str) -> None:
    (row, _) = default_rows.rows(written(tmp_path, CALLED), environment("tf-1", "tensorflow", 1), called(**told))
    assert (row.value, row.comparable, row.effective, row.reason) == ("null", "null", "", reason)


def test_what_has_no_name_is_read_from_a_call(tmp_path: Path) -> None:
    found = written(tmp_path, CALLED)
    one = environment("tf-1", "tensorflow", 1)
    answered = called()
    for value, expected in (("[-1.0]", ("1.0", "read")), ("[-0.5]", ("absent", "absent"))):
        answered["rows"][1] |= {"value": value, "status": "read", "source": "call"}
        row = list(default_rows.rows(found, one, answered))[1]
        assert (row.value, row.status) == expected
        assert row.effective == ("1.0" if value == "[-1.0]" else "")


def test_a_step_between_versions_is_told_by_what_calls_show(tmp_path: Path) -> None:
    found = written(tmp_path, CALLED)
    older, newer = environment("tf-1", "tensorflow", 1), environment("tf-2", "tensorflow", 2)
    rows = [*default_rows.rows(found, older, called(called="[1, 2]")), *default_rows.rows(found, newer, called(called="[1, 0]"))]
    assert [(step.before, step.after) for step in default_rows.drift(rows, [older, newer])] == [("null", '"max(m, n)*eps"')]


def test_a_request_says_what_to_call(tmp_path: Path) -> None:
    request = reading.request(written(tmp_path, CALLED))["apis"][0]  # type: ignore[index]
    assert request["sides"]["torch:call:"]["call"] == {"0": {"tensor": [-1.0]}}
    assert request["sides"]["torch:call:"]["part"] == "0"
    assert request["sides"]["tensorflow:call:slope"]["call"] == {"0": 7}
    slope = request["parameters"][1]["sides"]
    assert slope["tensorflow"] == {"side": "tensorflow:call:slope", "names": [""]}
    assert slope["torch"] == {"side": "torch:signature", "names": ["slope"], "called": "torch:call:slope"}
    assert "max(m" not in json.dumps(request)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('call = { "0" = { tensor = [-1.0] } }', ""),
            "act.parameters.rcond: has outcomes and no call of tensorflow that they come out of",
        ),
        ((', outcomes = { "0.01" = -0.01, "1" = -1 }', ""), "act.parameters.slope: a call says nothing of tensorflow without outcomes"),
        (('"0.01" = -0.01, ', ""), "act.parameters.slope: outcomes must be a table of two values or more"),
        (('"1" = -1 }', '"1" = "minus one" }'), "act.parameters.slope: the outcome of 1 must be a number or a list of numbers"),
        (('part = "0"', 'parts = "0"'), "act.torch: unknown key 'parts'. Did you mean 'part'?"),
        (('call = { "0" = 7 }', "call = 7"), "act.parameters.slope: call must be a table"),
    ],
)
def test_faults_of_calls_are_told_with_their_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in CALLED
    with pytest.raises(ConfigErrors) as raised:
        written(tmp_path, CALLED.replace(*change))
    assert message in str(raised.value)


def test_outcomes_of_the_atlas_tell_values_apart() -> None:
    """Each is far enough from the others for the formats and kernels of every framework."""
    for api in atlas.load(ROOT / atlas.ATLAS):
        for parameter in api.parameters:
            for value, numbers in parameter.outcomes.items():
                result = json.dumps([float(np.float32(one)) for one in numbers] if api.name != "softplus" else list(numbers))
                assert default_rows._by_outcome(result, parameter) == (value, ""), (api.name, parameter.name, value)


def answer(**values: Any) -> dict[str, Any]:
    """What introspection may have found for ``SMALL``; None: absent."""
    found = []
    for parameter in ("epsilon", "momentum", "reduction", "weight"):
        value = values.get(parameter)
        row = {
            "api": "norm",
            "parameter": parameter,
            "api_name": "x",
            "source": "signature",
            "reason": "",
            "value": value,
            "status": "read",
        }
        if value is None or value == "required":
            row |= {"value": None, "status": value or "absent"}
        found.append(row)
    return {"rows": found}


ENVIRONMENTS = [
    environment("tf-1", "tensorflow", 1),
    environment("tf-2", "tensorflow", 2),
    environment("tf-3", "tensorflow", 3),
    environment("torch-1", "torch", 1),
    environment("torch-2", "torch", 2),
]


def table(tmp_path: Path, *answers: dict[str, Any]) -> list[DefaultRow]:
    found = written(tmp_path, SMALL)
    return [row for one, each in zip(ENVIRONMENTS, answers, strict=True) for row in default_rows.rows(found, one, each)]


def test_drift_is_a_value_that_changes_comes_or_goes_between_neighbours(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        answer(epsilon="0.001", momentum="0.99"),
        answer(epsilon="1e-05", momentum="0.99", reduction='"auto"'),
        answer(epsilon="1e-05", momentum="0.99", reduction='"sum_over_batch_size"'),
        answer(epsilon="1e-05", momentum="0.1", reduction="required"),
        answer(epsilon="1e-05", momentum="0.1", reduction='"mean"'),
    )
    found = [(step.parameter, step.older, step.newer, step.before, step.after) for step in default_rows.drift(rows, ENVIRONMENTS)]
    assert found == [
        ("epsilon", "tf-1", "tf-2", "0.001", "1e-05"),
        ("reduction", "tf-1", "tf-2", "absent", '"auto"'),
        ("reduction", "tf-2", "tf-3", '"auto"', '"sum_over_batch_size"'),
        ("reduction", "torch-1", "torch-2", "required", '"mean"'),
    ]


def test_another_spelling_of_a_number_is_no_drift(tmp_path: Path) -> None:
    rows = table(tmp_path, answer(epsilon="1"), answer(epsilon="1.0"), answer(epsilon="1"), answer(), answer())
    assert default_rows.drift(rows, ENVIRONMENTS) == []


def test_true_is_not_one(tmp_path: Path) -> None:
    rows = table(tmp_path, answer(epsilon="1"), answer(epsilon="true"), answer(epsilon="true"), answer(), answer())
    assert [step.after for step in default_rows.drift(rows, ENVIRONMENTS)] == ["true"]


def test_differences_compare_the_newest_versions_in_one_convention(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        answer(epsilon="7"),
        answer(epsilon="7"),
        answer(epsilon="0.001", momentum="0.99", reduction='"sum_over_batch_size"'),
        answer(epsilon="7", momentum="0.99"),
        answer(epsilon="1e-05", momentum="0.1", reduction='"mean"'),
    )
    found = {each.parameter: each for each in default_rows.differences(rows, ENVIRONMENTS)}
    # the reductions mean the same; momentum 0.99 of the old statistics is 0.01 of the new ones
    assert sorted(found) == ["epsilon", "momentum"]
    assert (found["epsilon"].left, found["epsilon"].right) == ("tf-3", "torch-2")
    assert (found["momentum"].left_value, found["momentum"].right_value, found["momentum"].note) == ("0.99", "0.1", "of the old or the new")


def test_equal_defaults_in_two_conventions_are_no_difference(tmp_path: Path) -> None:
    rows = table(tmp_path, answer(), answer(), answer(momentum="0.9"), answer(), answer(momentum="0.1"))
    assert default_rows.differences(rows, ENVIRONMENTS) == []


def test_what_one_side_lacks_is_no_difference(tmp_path: Path) -> None:
    rows = table(tmp_path, answer(), answer(), answer(epsilon="0.001"), answer(epsilon="1"), answer())
    assert default_rows.differences(rows, ENVIRONMENTS) == []
