"""What ``replab cell`` tells: for readers of a narrow terminal, of a pipe, and for programs."""

from __future__ import annotations

import csv
import io
import json
import threading
from typing import Any

import pytest

from builders import cell
from replab.commands import cell_results, common
from replab.commands.cell_results import Asked, tell
from replab.errors import ConfigError
from replab.store.rows import CellRow, PairRow

LONG = "hard_swish_scaled"


def rows() -> list[CellRow]:
    """One result of each kind."""
    return [
        cell(LONG, environment="torch-2.13", mode="compile", dtype="bfloat16", verdict="rounding", ulp_max=0.5, z_max=1.0),
        cell(LONG, environment="tf-2.21", verdict="semantic", ulp_max=3.9e46, z_max=3.9e46, cause="epsilon+flatten_order"),
        cell("exp", environment="torch-2.13", verdict="accuracy", ulp_max=39.0, z_max=31.5),
        cell("exp", environment="tf-2.21", verdict="accuracy", ulp_max=17.0, z_max=31.5),
        cell("exp", environment="tf-2.21", mode="xla", status="skipped", reason="xla is slow", verdict=""),
        cell("exp", environment="tf-2.21", mode="session", status="error", reason="ValueError: no", verdict=""),
    ]


PAIR = PairRow(
    axis="framework",
    left="ops.exp:float32:d0@tf-2.21:eager:default:cpu",
    right="ops.exp:float32:d0@torch-2.13:eager:default:cpu",
    output="out",
    verdict="semantic",
    cause="slope",
    ulp_max=22.0,
    z_max=float("nan"),
    rel_max=1e-6,
)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)


def said(capsys: pytest.CaptureFixture[str], *, pairs: tuple[PairRow, ...] = (PAIR,), **asked: Any) -> str:
    tell(rows(), pairs, Asked(**asked))
    return "".join(part for part in capsys.readouterr().out.split("\x1b[0m") if part).replace("\x1b[1m", "")


def test_a_narrow_terminal_has_a_line_for_each_cell_below_its_case(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.rstrip() for line in said(capsys).splitlines()]
    table = lines[: lines.index("")]
    assert [line.split()[0] for line in table] == [
        "cell",
        "ops.exp",
        "float32:d0@tf-2.21:session",
        "float32:d0@torch-2.13:eager",
        "float32:d0@tf-2.21:eager",
        f"ops.{LONG}",
        "float32:d0@tf-2.21:eager",
        "cause:",
        "bfloat16:d0@torch-2.13:compile",
    ]
    assert max(map(len, table)) <= 80
    assert table[7].strip() == "cause: epsilon+flatten_order"


def test_a_pipe_and_a_wish_for_width_have_whole_ids_times_and_bits(
    narrow: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "bits" in said(capsys, wide=True).splitlines()[0]
    monkeypatch.delenv("FORCE_COLOR")
    lines = said(capsys).splitlines()
    assert lines[0].split() == ["cell", "verdict", "max", "ULP", "z", "limit", "time", "bits"]
    assert lines[1].split()[:2] == ["ops.exp:float32:d0@tf-2.21:session:default:cpu", "error"]
    assert "semantic (epsilon+flatten_order)" in lines[2]


def test_what_comes_nearest_is_told_where_no_cause_is_named(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    near = "the reference comes nearest with epsilon = 0.001, which leaves 1.20% of the difference"
    tell([cell("exp", environment="tf-2.21", verdict="semantic", shown_by=near)], (), Asked())
    text = capsys.readouterr().out
    assert f"ops.exp:float32:d0@tf-2.21:eager: no cause is named; {near}" in " ".join(text.split())


def test_what_was_left_out_is_counted_and_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys)
    assert ":xla" not in text
    assert "1 skipped: xla is slow" in text
    at = next(n for n, line in enumerate(text.splitlines()) if line.startswith("environment"))
    assert [line.split() for line in text.splitlines()[at : at + 3]] == [
        ["environment", "cells", "rounding", "accuracy", "semantic", "skipped", "error"],
        ["tf-2.21", "4", "1", "1", "1", "1"],
        ["torch-2.13", "2", "1", "1"],
    ]


def test_the_two_frameworks_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys)
    assert "ops.exp:float32:d0 out, tf-2.21 and torch-2.13  semantic       22  –" in text
    assert "ops.exp:float32:d0 out, tf-2.21 and torch-2.13: cause slope" in text
    assert "pair" not in said(capsys, pairs=())


def test_only_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """The counts below are of all cells."""
    lines = said(capsys, failed=True, pairs=()).splitlines()
    assert [line.split()[1] for line in lines[1 : lines.index("")]] == ["error", "semantic", "accuracy", "accuracy"]
    assert any(line.split()[:2] == ["tf-2.21", "4"] for line in lines)
    tell(rows()[:1], (), Asked(failed=True))
    assert "no cell failed, and rounding explains every result" in capsys.readouterr().out


def test_programs_get_every_field_and_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, format="json"), parse_constant=pytest.fail)
    assert [row["status"] for row in told["cells"]] == ["error", "ok", "ok", "ok", "ok", "skipped"]
    assert tuple(told["cells"][0]) == cell_results.FIELDS
    assert (told["pairs"][0]["verdict"], told["pairs"][0]["z_max"]) == ("semantic", None)
    table = list(csv.DictReader(io.StringIO(said(capsys, format="csv"))))
    assert [row["id"] for row in table] == [row["id"] for row in told["cells"]]
    assert table[1]["cause"] == "epsilon+flatten_order"


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"there is no format 'xml'\. Known: table, json, csv"):
        Asked(format="xml").check()


def test_a_pipe_is_told_what_is_done_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines on stderr, so that those on stdout stay what was asked for."""
    told, lines = threading.Event(), list[str]()

    def take(_console: object, text: str, **_: object) -> None:
        lines.append(text)
        if "second" in text:
            told.set()

    monkeypatch.setattr(common.Plain, "print", take)
    with common.doing("first", interval=0.01) as say:
        say("second")
        assert told.wait(60)
    assert lines[-1].startswith("replab: second (")
    assert not [one for one in threading.enumerate() if one.name == "replab-doing"]


def test_the_first_output_that_departs_and_what_to_do_about_open_results_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "z = 20 is beyond the limit 8, and there is no run in another precision to tell why"
    net = [
        cell("net", environment="tf-2.21", output=name, verdict=verdict)
        for name, verdict in (("z", "rounding"), ("b", "semantic"), ("a", "semantic"))
    ]
    open_ = [cell(name, environment="tf-2.21", mode="session", verdict="beyond", why=reason) for name in ("exp", "log")]
    tell([*net, *open_], (), Asked())
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "ops.net:float32:d0@tf-2.21:eager: the first output that departs: b (semantic), after z" in lines
    assert "2 beyond: '--config coverage=full' runs every mode in float64 as well, which tells why" in lines
