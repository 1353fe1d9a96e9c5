"""Requests and records fit their schemas, and the two sides agree on what they both know."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "probe"))
from probe_requests import Answers, RequestBuilder, run_probe  # noqa: E402 (its folder is on the path from here on)

from replab import model, sealed  # noqa: E402
from replab.contract import request as asked  # noqa: E402 (as above)
from replab.store import store  # noqa: E402

PROBE = ROOT / "scripts" / "sandbox" / "probe"


def schema(name: str) -> jsonschema.Draft202012Validator:
    text = json.loads((ROOT / "scripts" / "contract" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(text)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RequestBuilder, Answers]:
    """A request for NumPy and what the probe made of it, under the interpreter of these tests."""
    builder = RequestBuilder(tmp_path_factory.mktemp("contract"), "numpy-host", "numpy")
    builder.add("square", inputs={"x": np.arange(40_000.0)})
    builder.add("square", label=".half", dtype="float16")
    builder.add("mixed", inputs={"x": [1.0, -2.0]}, outputs=["square", "positive"])
    builder.add("largest", inputs={"x": [1.0, 5.0]})
    builder.add("broken")
    builder.add("refused")
    builder.add("square", label=".slope", derivative=1, cotangents=[{"out": [1.0]}])
    return builder, run_probe(Path(sys.executable), builder)


@pytest.mark.processes
def test_requests_fit_their_schema(run: tuple[RequestBuilder, Answers]) -> None:
    schema("request").validate(json.loads(sealed.seal(run[0].request())))


@pytest.mark.processes
def test_a_request_with_an_unknown_dtype_does_not_fit(run: tuple[RequestBuilder, Answers]) -> None:
    wrong = json.loads(sealed.seal(run[0].request()))
    wrong["cells"] = [{**wrong["cells"][0], "dtype": "float8"}]
    with pytest.raises(jsonschema.ValidationError, match="'float8' is not one of"):
        schema("request").validate(wrong)


@pytest.mark.processes
def test_records_fit_their_schema(run: tuple[RequestBuilder, Answers]) -> None:
    builder, answers = run
    statuses = set()
    for cell in builder.cells:
        record = dict(answers.result(cell["key"]).record)
        schema("record").validate(record)
        statuses.add(record["status"])
    assert statuses == {"ok", "error", "unsupported"}


@pytest.mark.processes
def test_both_sides_seal_a_request_in_the_same_way(run: tuple[RequestBuilder, Answers]) -> None:
    """Whatever a parameter can be: the probe reads what the host wrote, and refuses it with one character changed."""
    sys.path.insert(0, str(PROBE))
    from main import unsealed

    request = {**run[0].request(), "parameters": [1e-07, 0.1, 1e300, -0.0, 10**30, "é\ud800", None, [True, {}]]}
    text = sealed.seal(request).decode()
    assert unsealed(text) == request
    for place in range(0, len(text), 97):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        with pytest.raises(ValueError):
            unsealed(changed)


def test_records_of_the_supervisor_fit_their_schema(tmp_path: Path) -> None:
    place = store.Store(tmp_path)
    place.write_failure("0" * 64, "an.id", "crashed", "the process was killed by SIGABRT", 1.5)
    schema("record").validate(dict(place.read("0" * 64).record))


@pytest.mark.processes
def test_the_safetensors_library_reads_what_the_probe_wrote(run: tuple[RequestBuilder, Answers]) -> None:
    builder, answers = run
    for cell in builder.cells:
        held = load_file(answers.folder / f"{cell['key']}.safetensors")
        for tensor in answers.result(cell["key"]).tensors:
            if tensor.name in held:
                assert held[tensor.name].tobytes() == tensor.values.tobytes()
    (blob,) = (answers.folder / "blobs").iterdir()
    assert (load_file(blob)["data"] == np.arange(40_000.0) ** 2).all()


def test_schemas_name_what_the_model_names() -> None:
    request: dict[str, Any] = schema("request").schema  # type: ignore[assignment]
    record: dict[str, Any] = schema("record").schema  # type: ignore[assignment]
    cell = request["properties"]["cells"]["items"]["properties"]
    assert record["properties"]["status"]["enum"] == [status.value for status in model.Status]
    assert request["properties"]["framework"]["enum"] == list(model.FRAMEWORKS)
    assert cell["dtype"]["enum"] == list(model.DTYPES)
    assert set(cell["mode"]["enum"]) == {mode for modes in model.MODES.values() for mode in modes}
    carried = record["properties"]["outputs"]["items"]["properties"]["dtype"]["enum"]
    assert set(carried) == set(store.DTYPE_OF.values())


def test_the_schema_of_requests_is_the_one_of_their_classes() -> None:
    """``python -m replab.contract.request > scripts/contract/request.schema.json`` writes it again."""
    assert (ROOT / "scripts" / "contract" / "request.schema.json").read_text(encoding="utf-8") == asked.schema_text()


def test_a_request_of_the_lab_fits_its_schema(tmp_path: Path) -> None:
    """With a cell that has inputs, cotangents and everything that is optional."""
    tensor = {"name": "x", "sha256": "0" * 64, "dtype": "float32", "shape": [2]}
    cell = asked.CellRequest(
        key="1" * 64,
        id="f.case:float32:d1@numpy-2.5:eager:default:cpu",
        case="case",
        impl="/f/impl_numpy.py",
        function="case",
        parameters={"a": 1},
        dtype="float32",
        mode="eager",
        derivative=1,
        outputs=["out"],
        inputs=[{**tensor, "differentiable": True}],
        cotangents=[[tensor]],
        measure=["peak"],
    )
    request = asked.Request(
        environment="numpy-2.5", framework="numpy", inputs="/data", variant="default", threads=1, switches={}, device="cpu", cells=[cell]
    )
    sealed_one = json.loads(sealed.seal(request.to_json()))
    schema("request").validate(sealed_one)
    del sealed_one["cells"][0]["inputs"][0]["differentiable"]
    with pytest.raises(jsonschema.ValidationError, match="'differentiable' is a required property"):
        schema("request").validate(sealed_one)


def test_the_probe_imports_nothing_of_the_lab_and_runs_on_old_interpreters() -> None:
    own = {path.stem for path in PROBE.glob("*.py")}
    allowed = own | {"numpy", "tensorflow", "torch"} | set(sys.stdlib_module_names)
    for path in sorted(PROBE.glob("*.py")):
        tree = ast.parse(path.read_text(), feature_version=(3, 6))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path.name
