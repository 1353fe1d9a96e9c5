"""Whatever stands in a configuration, reading it ends with a lab or with a sentence; and what is accepted can be made."""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from replab.commands.common import changes
from replab.config import generators, loading
from replab.config.settings import DEFAULTS
from replab.errors import LabError
from replab.model import Generator
from replab.plan import planning
from replab.run import inputs
from replab.visible import visible

BOUNDED = dt.timedelta(seconds=60)
"""No configuration takes longer to read, on any machine."""
pytestmark = pytest.mark.property
LAW = settings(
    deadline=BOUNDED, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
)

ENV = 'framework = "numpy"\nversion = "2.4.1"\npython = "3.11"\norder = 1\nmodes = ["eager"]\nrequirements = ["numpy==2.4.1"]\nnote = "n"\nvariables = { A = "1" }\n'
VARIANTS = '[fast]\ntitle = "t"\nthreads = 2\nframeworks = ["numpy>=2.0"]\nmodes = ["eager"]\nvariables.numpy = { A = "1" }\nswitches.torch = { mkldnn = false }\neffect.numpy = { threads = 2 }\n'
EXPERIMENT = """
title = "T"
question = "Q"
shards = 1
variants = true
light = false
[generators]
reals = { kind = "float_range", lo = -3.0, hi = 5.0, zeros = [0.0], positive = false, seed = "s" }
table = { kind = "normal", shape = [3, 2], scale = 1.0 }
few = { kind = "values", values = [1.0, "0x1p-3"], shape = [2], dtype = "float64" }
whole = { kind = "integers", shape = [3], lo = 0, hi = 3, dtype = "int32" }
[subjects.some.factors]
eps = { aligned = 1e-5, alternatives = [1e-3], fit = true, torch = 1e-3 }
[leave_out]
compile = "slow"
[defaults]
dtypes = ["float32"]
[cases]
f = { title = "t", function = "f", inputs = { x = "reals", t = "table" }, parameters = { a = 1.0, b = [1, 2] }, derivatives = 1, elementwise = true, special = true, compile = "values", constants = ["t"], outputs = ["out"], claims = ["K1"], plant = { eps = 2 }, note = "n", subject = "some", modes = ["eager"], modes_note = "n", measure = ["time"], measure_compiled = ["time"], drawn = false, program = false, own_float64 = true }
g = { inputs = { x = { kind = "uniform", shape = [4], lo = 0.0, hi = 1.0 } }, factors = { beta = { aligned = true, numpy = false } } }
"""
CODE = "def f(x, t, a=1.0, b=(), eps=0, beta=0):\n    return x\n\n\ng = f\n"
FILES = {
    "containers/numpy-2.4/env.toml": ENV,
    "containers/groups.toml": 'core = ["numpy-2.4"]\n',
    "config/variants.toml": VARIANTS,
    "experiments/ops/experiment.toml": EXPERIMENT,
    "experiments/ops/reference.py": CODE,
    "experiments/ops/impl_numpy.py": CODE,
}
TOML = [name for name in FILES if name.endswith(".toml")]

PLAIN = (
    st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**12, 10**400])
    | st.floats()
    | st.sampled_from([math.inf, -math.inf, math.nan, 1e308, 5e-324, 0.0, -0.0])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        ["", "all", "auto", "/dev/null/x", "/etc/passwd", "a b", "{x}", "-n", "\x1b[2J", "nan", "0x", "..", "x" * 300, "\u202e"]
    )
    | st.dates()
    | st.datetimes()
    | st.times()
)
VALUE = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def toml(value: object) -> str:
    """A value as TOML writes it, tables in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return (
                json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007F")
                if all(ord(one) < 0x10000 for one in value)
                else _wide(value)
            )
        case dt.date() | dt.time():
            return value.isoformat()
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{toml(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
        case _:
            raise AssertionError(value)


def _wide(text: str) -> str:
    return '"' + "".join(f"\\U{ord(one):08X}" for one in text) + '"'


def document(table: dict[str, Any]) -> str:
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a document something stands."""
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


def lay(root: Path, **changed: Any) -> Path:
    """The small lab, some of whose files have other bytes."""
    for name, text in {**FILES, **changed}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return root


def ends(root: Path, asked: dict[str, Any]) -> bool:
    """Whether a lab came out; else there is a sentence that a terminal can show."""
    try:
        lab = loading.load_lab(asked, root)
    except LabError as error:
        said = str(error)
        assert said.strip()
        assert visible(said) == said
        assert len(said) < 1_000_000
        return False
    json.dumps({**DEFAULTS, **asked})  # the settings go to the steps as JSON
    for batch in planning.batches(lab):
        environment, families, variant = planning.parts(lab, batch)
        for family in families:
            list(planning.cells(family, environment, variant, lab.coverage, batch.device))
    return True


def test_the_small_lab_is_sound(base: Path) -> None:
    assert ends(lay(base), {})


@LAW
@given(st.data())
def test_any_value_at_any_key_of_the_settings_ends_in_a_lab_or_a_sentence(base: Path, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*DEFAULTS, "unknown"]) | st.text(max_size=5) | st.none() | st.integers())
    ends(lay(base), {key: data.draw(VALUE | st.none() | st.binary(max_size=3) | st.text(max_size=5))})


@LAW
@given(
    st.sampled_from(list(DEFAULTS)),
    st.text(max_size=20)
    | st.sampled_from(
        [
            "1e400",
            ".nan",
            ".inf",
            "[5]",
            "[1",
            "&a [*a]",
            "2020-99-99",
            "!!binary x",
            "=",
            "? [a]",
            "0b",
            "9" * 5000,
            "[" * 3000,
            "!!python/name:os.system",
            "1:99:99",
        ]
    ),
)
def test_any_text_given_on_the_command_line_ends_in_a_lab_or_a_sentence(base: Path, key: str, text: str) -> None:
    lay(base)
    try:
        asked = changes([f"{key}={text}"])
    except LabError:
        return
    ends(base, asked)


@LAW
@given(st.data())
def test_any_value_at_any_key_of_any_file_ends_in_a_lab_or_a_sentence(base: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(TOML))
    table = copy.deepcopy(tomllib.loads(FILES[name]))
    for _ in range(data.draw(st.integers(1, 2))):
        *outer, key = data.draw(st.sampled_from(places(table)))
        inner: Any = table
        for step in outer:
            inner = inner[step]
        match data.draw(st.sampled_from(["value", "value", "value", "more", "gone"])):
            case "value":
                inner[key] = data.draw(VALUE)
            case "more" if isinstance(inner, dict):
                inner[data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=6))] = data.draw(VALUE)
            case _ if isinstance(inner, dict):
                del inner[key]
            case _:
                inner.append(data.draw(VALUE))
        if not places(table):
            break
    text = document(table)
    tomllib.loads(text)
    ends(lay(base, **{name: text}), {})


@LAW
@given(
    st.sampled_from(sorted(FILES)),
    st.integers(0),
    st.binary(min_size=1, max_size=8)
    | st.sampled_from([b"[" * 5000, b"-" * 5000 + b"1", b"\xff", b"\0", b"(" * 150, b"x+" * 4000 + b"x", b"9" * 9000]),
    st.booleans(),
)
def test_any_bytes_in_any_file_end_in_a_lab_or_a_sentence(base: Path, name: str, place: int, more: bytes, instead: bool) -> None:
    data = FILES[name].encode()
    place %= len(data)
    ends(lay(base, **{name: data[:place] + more + data[place + (len(more) if instead else 0) :]}), {})


KINDS_OF_FILES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "huge": lambda path: path.write_bytes(b"#" * (5 << 20)),
}


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_said_and_never_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    lay(tmp_path)
    (tmp_path / name).unlink()
    KINDS_OF_FILES[kind](tmp_path / name)
    assert not ends(tmp_path, {"environments": "all"}) or (name, kind) == ("config/variants.toml", "a link to nothing")
    shutil.rmtree(tmp_path / name.partition("/")[0])


NUMBER = st.sampled_from([0, 1, 2, 3, 5, -1, -3, 8, 64, 200, 10**12]) | st.sampled_from(
    [0.0, -0.5, 1e-10, 2e-10, 1.0, 65.0, 70.0, 1e5, 1e39, -1e308, 1e308, math.inf, -math.inf, math.nan]
)
OPTION: dict[str, st.SearchStrategy[Any]] = {
    "shape": st.lists(st.integers(0, 6), max_size=4) | st.just([3, 4]) | st.just([10**6, 10**6]),
    "dtype": st.sampled_from(["int32", "int64", "bool", "float64", "float16", "x"]),
    "values": st.lists(NUMBER | st.sampled_from(["nan", "inf", "0x1p-3", "-0.0", "one", "1.5"]) | st.booleans(), max_size=6),
    "positive": st.booleans(),
    "zeros": st.lists(NUMBER, max_size=3),
    "name": st.sampled_from(["digits", "diabetes", "iris"]),
    "part": st.sampled_from(["x", "y", "one_hot", "z"]),
    "seed": st.text(max_size=3) | st.integers(),
    "n": st.integers(-1, 9),
    "levels": st.integers(-1, 9),
    "rows": st.integers(-1, 2000),
    "start": st.integers(-1, 2000),
    "condition": st.sampled_from([0, 0.5, 1, 10.0, 1e8, math.inf]),
}


@LAW
@given(st.data())
def test_what_the_check_of_options_accepts_can_be_made_and_holds_numbers(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(generators.KINDS)))
    known = generators.KINDS[kind]
    names = data.draw(st.sets(st.sampled_from(sorted([*known, "seed"])))) | {name for name, one in known.items() if one.required}
    options = {name: data.draw(OPTION.get(name, NUMBER)) for name in sorted(names)}
    dtype, derivative = data.draw(st.sampled_from(sorted(generators.NORMAL))), data.draw(st.booleans())
    if any(True for _ in generators.faults(kind, options)) or (
        kind == "float_range" and generators.empty_window(options, [dtype], derivatives=derivative)
    ):
        with pytest.raises(LabError):
            raise next((LabError(problem) for _, problem in generators.faults(kind, options)), LabError("an empty window"))
        return
    made = inputs.generate(Generator(name="g", kind=kind, options=options), dtype, points=64, derivative=derivative)
    assert made.size > 0
    if kind != "float_range":
        assert made.size <= generators.size(kind, options)
    if made.dtype.kind == "f":
        assert not np.isnan(made).all()
