"""Cells, batches and shards: complete, in order, and the same whatever order files are found in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from replab import ids
from replab.commands.common import planned
from replab.model import MODES, Batch, Case, Cell, Cuda, Environment, Factor, Family, Generator, Lab, Limits, Variant
from replab.plan import planning
from replab.results_folder import ResultsFolder
from replab.run.requests import requests


def case(name, **more):
    given = {
        "family": "ops",
        "title": name,
        "function": name,
        "inputs": {"x": Generator(name="r", kind="float_range", options={})},
        "parameters": {},
        "dtypes": ("float32", "float64"),
    }
    return Case(**given | {"name": name} | more)


def environment(name, framework, order=0, modes=None):
    return Environment(
        name=name, framework=framework, version="1.0", python="3.11", modes=modes or MODES[framework], requirements=("x==1.0",), order=order
    )


def family(folder, cases, **more):
    return Family(**{"name": "ops", "folder": folder, "title": "", "question": "", "cases": tuple(cases), "leave_out": {}} | more)


@pytest.fixture
def folder(tmp_path):
    for file in ("impl_numpy.py", "impl_torch.py"):
        (tmp_path / file).touch()
    return tmp_path


def lab(folder, families, environments, variants=("default",)):
    return Lab(
        root=folder,
        folder=folder,
        results=ResultsFolder(folder / "results"),
        cache=folder / "cache",
        engine="uv",
        environments=tuple(environments),
        families=tuple(families),
        variants=tuple(Variant(name=name) for name in variants),
        coverage="full",
        points=100,
        limits=Limits(seconds=1.0, memory_mb=1),
    )


NUMPY, TF, TORCH = environment("numpy-2.5", "numpy"), environment("tf-2.21", "tensorflow"), environment("torch-2.13", "torch")


def test_a_batch_needs_an_implementation(folder):
    found = planning.batches(lab(folder, [family(folder, [case("exp")])], [TORCH, TF, NUMPY]))
    assert found == (
        Batch(environment="numpy-2.5", family="ops", variant="default"),
        Batch(environment="torch-2.13", family="ops", variant="default"),
    )


def test_batches_do_not_depend_on_the_order_they_are_found_in(folder):
    families = [family(folder, [case("exp")], name=name, variants=True) for name in ("b", "a", "c")]
    forward = planning.batches(lab(folder, families, [NUMPY, TORCH], ("default", "zeta", "alpha")))
    assert forward == planning.batches(lab(folder, families[::-1], [TORCH, NUMPY], ("alpha", "zeta", "default")))
    assert len(forward) == 18


def test_cells_come_mode_by_mode_with_the_expensive_one_last(folder):
    cells = list(planning.cells(family(folder, [case("exp"), case("log")]), TORCH, Variant(name="default"), "full", "cpu"))
    modes = [cell.mode for cell in cells]
    assert list(dict.fromkeys(modes)) == ["eager", "script", "compile"]
    assert modes == sorted(modes, key=["eager", "script", "compile"].index)
    assert [cell.case.name for cell in cells if cell.mode == "eager"] == ["exp"] * 3 + ["log"] * 3


def test_every_id_is_there_once(folder):
    cells = list(
        planning.cells(
            family(folder, [case("exp", derivatives=2), case("log", derivatives=1), case("log.special", special=True)]),
            TORCH,
            Variant(name="default"),
            "full",
            "cpu",
        )
    )
    names = [str(ids.cell_id(cell)) for cell in cells]
    assert len(names) == len(set(names)) == 3 * (3 * 3 + 3 * 2 + 3)


@pytest.mark.parametrize(
    ("dtypes", "derivatives", "expected"),
    [
        (("float32", "float64"), 0, [("float32", "", 0), ("float64", "float32", 0), ("float64", "", 0)]),
        (("float32",), 1, [("float32", "", 0), ("float32", "", 1)]),
        (("float64", "float16"), 0, [("float64", "", 0), ("float16", "", 0)]),
        (("int64",), 0, [("int64", "", 0)]),
    ],
)
def test_float32_is_followed_by_its_escalation_where_float64_is_there(dtypes, derivatives, expected):
    assert list(planning.coordinates(case("exp", dtypes=dtypes, derivatives=derivatives))) == expected


def test_what_is_left_out_says_why(folder):
    cases = [case("exp", compile="all", derivatives=2), case("log")]
    cells = list(
        planning.cells(
            family(folder, cases, leave_out={"compile": "each costs seconds", "script": "not today"}),
            TORCH,
            Variant(name="default"),
            "quick",
            "cpu",
        )
    )
    reasons = {str(ids.cell_id(cell)): cell.left_out for cell in cells}
    text = "compile is run for float32 up to derivative 1 only, since it builds every function anew (coverage: quick)"
    assert {reasons[name] for name in reasons if ":eager:" in name} == {""}
    assert {reasons[name] for name in reasons if ":script:" in name} == {"not today"}
    assert (
        reasons["ops.exp:float32:d0@torch-2.13:compile:default:cpu"] == reasons["ops.exp:float32:d1@torch-2.13:compile:default:cpu"] == ""
    )
    assert (
        reasons["ops.exp:float32:d2@torch-2.13:compile:default:cpu"]
        == reasons["ops.exp:float64/float32:d0@torch-2.13:compile:default:cpu"]
        == text
    )
    assert reasons["ops.log:float32:d0@torch-2.13:compile:default:cpu"] == "each costs seconds"


def reasons(folder, one, coverage="quick"):
    """(mode, dtype with grid, order) → why it is left out, of one case in PyTorch."""
    cells = planning.cells(family(folder, [one]), TORCH, Variant(name="default"), coverage, "cpu")
    return {(cell.mode, f"{cell.dtype}/{cell.grid}".rstrip("/"), cell.derivative): cell.left_out for cell in cells}


def test_a_case_can_be_compiled_for_its_values_only(folder):
    found = reasons(folder, case("softmax", compile="values", derivatives=1, dtypes=("float32",)))
    assert found["compile", "float32", 0] == ""
    assert found["compile", "float32", 1] == "compile compiles every function for seconds: this one is run for its values (coverage: quick)"
    assert found["script", "float32", 1] == ""
    assert reasons(folder, case("softmax", compile="values", derivatives=1, dtypes=("float32",)), "full")["compile", "float32", 1] == ""


def test_float64_can_be_run_on_the_numbers_of_float32_alone(folder):
    one = case("mlp", own_float64=False)
    found = reasons(folder, one)
    assert (
        found["eager", "float64", 0]
        == "float64 is run on the numbers of float32 here, which tells rounding from other causes (coverage: quick)"
    )
    assert found["eager", "float64/float32", 0] == found["eager", "float32", 0] == ""
    assert list(planning.judged(one, "quick")) == [("float32", 0)]
    assert list(planning.judged(one, "full")) == [("float32", 0), ("float64", 0)]
    assert reasons(folder, case("mlp", own_float64=False, dtypes=("float64",)))["eager", "float64", 0] == ""  # it has no other


def test_formats_of_16_bits_are_run_up_to_the_first_derivative(folder):
    one = case("exp", derivatives=2, dtypes=("float32", "bfloat16"))
    found = reasons(folder, one)
    assert found["eager", "bfloat16", 1] == found["eager", "float32", 2] == ""
    assert found["eager", "bfloat16", 2] == "bfloat16 is run up to derivative 1 (coverage: quick)"
    assert ("bfloat16", 2) not in planning.judged(one, "quick")
    assert ("bfloat16", 2) in planning.judged(one, "full")


def test_variants_are_for_families_that_ask_for_them(folder):
    plain, varied = family(folder, [case("exp")], name="ops"), family(folder, [case("exp")], name="arithmetic", variants=True)
    found = [ids.batch_id(one) for one in planning.batches(lab(folder, [plain, varied], [TORCH], ("default", "threads-2")))]
    assert found == ["torch-2.13--arithmetic--default", "torch-2.13--arithmetic--threads-2", "torch-2.13--ops--default"]


def test_a_variant_is_only_where_it_means_something(folder):
    one = lab(folder, [family(folder, [case("exp")], variants=True)], [NUMPY, TORCH])
    only = Variant(name="flush", frameworks={"torch": "<0.9"})
    assert not only.applies(TORCH) and not only.applies(NUMPY)
    elsewhere = dataclasses.replace(one, variants=(Variant(name="default"), Variant(name="flush", frameworks={"torch": ">=1.0"})))
    assert [ids.batch_id(batch) for batch in planning.batches(elsewhere)] == [
        "numpy-2.5--ops--default",
        "torch-2.13--ops--default",
        "torch-2.13--ops--flush",
    ]


def test_repeats_share_one_process_for_all_families(folder):
    families = [family(folder, [case("exp", derivatives=2)], name="ops"), family(folder, [case("sum")], name="arithmetic", variants=True)]
    one = lab(folder, families, [TORCH], ("default", "repeat"))
    assert ids.batch_id(planning.batches(one)[0]) == "torch-2.13--all--repeat"
    assert planning.members(one, planning.batches(one)[0]) == tuple(families)
    ops, arithmetic = (
        [str(ids.cell_id(cell)) for cell in planning.cells(family, TORCH, Variant(name="repeat"), "full", "cpu")] for family in families
    )
    assert ops == ["ops.exp:float32:d0@torch-2.13:eager:repeat:cpu", "ops.exp:float32:d1@torch-2.13:eager:repeat:cpu"]
    assert len(arithmetic) == 3  # every mode


def test_a_case_can_name_its_modes(folder):
    cells = list(
        planning.cells(
            family(folder, [case("train", modes=("eager",), modes_note="a loop in Python")]), TORCH, Variant(name="default"), "full", "cpu"
        )
    )
    assert {cell.mode: cell.left_out for cell in cells} == {"eager": "", "script": "a loop in Python", "compile": "a loop in Python"}


def test_cases_with_aligned_factors_are_run_eagerly_and_nowhere_else(folder):
    aligned = case("adam.aligned-epsilon", base="adam", aligned=("epsilon",), modes=("eager",))
    cells = list(planning.cells(family(folder, [aligned]), TORCH, Variant(name="default"), "full", "cpu"))
    assert {cell.mode for cell in cells} == {"eager"}


@pytest.mark.parametrize("count", [1, 31, 48, 49, 100])
def test_shards_share_the_cases_and_keep_special_values_with_their_case(folder, count):
    cases = [one for k in range(count) for one in (case(f"c{k}"), case(f"c{k}.special", base=f"c{k}", special=True))]
    whole = family(folder, cases)
    parts = [planning.shard_cases(whole, shard) for shard in range(planning.shards(whole))]
    assert sorted(one.name for part in parts for one in part) == sorted(one.name for one in cases)
    for part in parts:
        names = {one.name for one in part}
        assert all((f"{name}.special" in names) for name in names if not name.endswith(".special"))
    assert len(parts) == max(1, round(count / planning.CASES_PER_SHARD))


def test_no_shard_is_empty(folder):
    for count in range(1, 200, 7):
        whole = family(folder, [one for k in range(count) for one in (case(f"c{k}"), case(f"c{k}.special", base=f"c{k}", special=True))])
        assert all(planning.shard_cases(whole, shard) for shard in range(planning.shards(whole)))


@pytest.mark.processes
def test_planning_needs_no_numpy(tmp_path):
    import subprocess
    import sys

    code = "import sys; from replab.plan import planning; from replab.config import loading; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_partly_aligned_runs_are_made_in_float32_only():
    factors = {"a": Factor(aligned=1), "b": Factor(aligned=2)}
    partly, wholly = (case("adam.x", base="adam", factors=factors, aligned=aligned, derivatives=1) for aligned in (("a",), ("a", "b")))
    assert list(planning.coordinates(partly)) == [("float32", "", 0), ("float32", "", 1)]
    assert len(list(planning.coordinates(wholly))) == 6


def test_a_whole_program_is_repeated_in_a_new_process_and_not_in_the_same(folder):
    def asked(one, variant="default", mode="eager", dtype="float32", grid=""):
        cell = Cell(case=one, dtype=dtype, grid=grid, derivative=0, environment="torch-2.13", framework="torch", mode=mode, variant=variant)
        index = {one.name: {name: {"value": {"inputs": [], "cotangents": []}} for name in ("float32", "float64")}}
        (folder / "impl_torch.py").write_text(f"def {one.function}(x):\n    return x\n")
        ((_, request),) = requests(family(folder, [one]), TORCH, Variant(name=variant), index, {}, [cell])
        return request.once

    training = case("sgd", program=True)
    assert asked(training) and asked(training, "repeat") and asked(training, dtype="float64", grid="float32")
    assert not asked(training, mode="script")  # no new process repeats that
    assert not asked(case("sgd.aligned-rate", function="sgd", program=True, base="sgd", aligned=("rate",)))
    assert not asked(case("exp"))


def test_what_costs_a_compilation_each_time_can_be_measured_elsewhere_only(folder):
    def measured(one, mode):
        cell = Cell(
            case=one, dtype="float32", grid="", derivative=0, environment="torch-2.13", framework="torch", mode=mode, variant="default"
        )
        index = {one.name: {"float32": {"value": {"inputs": [], "cotangents": []}}}}
        (folder / "impl_torch.py").write_text(f"def {one.function}(x):\n    return x\n")
        ((_, request),) = requests(family(folder, [one]), TORCH, Variant(name="default"), index, {}, [cell])
        return request.measure

    chain = case("chain", measure=("time", "retrace"), measure_compiled=("time",))
    assert measured(chain, "eager") == measured(chain, "script") == ["time", "retrace"]
    assert measured(chain, "compile") == ["time"]
    assert measured(case("mlp", measure=("time", "retrace")), "compile") == ["time", "retrace"]


def test_what_can_be_listed_and_run_singly_is_what_the_batches_run_on_every_device(folder):
    """A command that asks for cells sees each of the processor and each of the GPU once."""
    both = dataclasses.replace(TORCH, devices=("cpu", "cuda"), cuda=Cuda(architectures=("8.0",), driver="525"))
    one = dataclasses.replace(lab(folder, [family(folder, [case("exp", dtypes=("float32",))])], [both, NUMPY]), cuda=True)
    names = [str(ids.cell_id(cell)) for cell in planned(one)]
    modes = [("numpy-2.5", "eager", "cpu"), *(("torch-2.13", mode, device) for device in ("cpu", "cuda") for mode in MODES["torch"])]
    assert names == [f"ops.exp:float32:d0@{name}:{mode}:default:{device}" for name, mode, device in modes]
    assert [str(ids.cell_id(cell)) for cell in planned(one, "ops.exp@torch-2.13:*:default:cuda")] == [
        name for name in names if name.endswith(":cuda")
    ]


def test_a_lab_is_asked_for_its_parts_by_name(folder):
    both = dataclasses.replace(TORCH, devices=("cpu", "cuda"))
    one = lab(folder, [family(folder, [case("exp")])], [NUMPY, both], ("default", "repeat"))
    assert (one.environment("torch-2.13"), one.family("ops"), one.variant("repeat")) == (both, one.families[0], Variant(name="repeat"))
    assert one.build_at("torch-2.13") == (both, "cpu") and one.build_at("torch-2.13@cuda") == (both, "cuda")
    for ask in (one.environment, one.family, one.variant, one.build_at):
        with pytest.raises(LookupError, match=r"numpy-2\.5@cuda"):
            ask("numpy-2.5@cuda")
