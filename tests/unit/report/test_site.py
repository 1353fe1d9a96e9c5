"""The whole site as files: whole, deterministic, escaped, with links that lead somewhere."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote_plus, unquote

import pytest

from builders import HOSTILE, Lab, cell, hostile, realistic
from replab.errors import StoreError
from replab.report.data import viewmodel
from replab.report.data.results import ReportError
from replab.report.pages import writer
from replab.report.pages.pages import OperationPage
from replab.report.pages.writer import script_json
from replab.report.render import TEMPLATES, render


class Page(HTMLParser):
    """What a test wants to know of a page: ids, links, elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.labels: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id" and value is not None:
                self.ids.append(value)
            if name == "aria-labelledby" and value is not None:
                self.labels.append(value)
            if name in {"href", "src"} and value is not None:
                self.links.append(value)
            assert not name.startswith("on"), f"a handler in markup: {name}"


def _pages(out: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.html"))}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _choices(page: Path) -> list[list[str]]:
    """Pairs that a page of two environments offers: left, right, file."""
    found = re.search(r'id="between-index">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(found.group(1))["pairs"] if found else []


def _loaded(file: Path) -> tuple[str, dict]:
    """What the script of a pair says: its own name and its data."""
    text = file.read_text(encoding="utf-8")
    name, data = json.loads("[" + text.removeprefix("REPLAB_BETWEEN(").removesuffix(");\n") + "]")
    return name, data


LABS = {
    "realistic": lambda: realistic(names=("exp", "sigmoid", "gelu", "matmul", "max", "lstsq", "hard_sigmoid", "layer_norm", "softmax")),
    "hostile": hostile,
    "empty": Lab,
    "nothing ran": lambda: Lab(cells=[cell("exp", status="error", reason="it raised")]),
}


@pytest.fixture(params=LABS, ids=str)
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A rendered report of each made-up run."""
    return render(LABS[request.param]().write(tmp_path / "results"), tmp_path / "results" / "report").parent


@pytest.mark.processes
def test_every_link_and_anchor_leads_somewhere_in_the_site(report: Path) -> None:
    pages = _pages(report)
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), f"{path.name} uses an id twice"
        assert set(page.labels) <= set(page.ids), f"{path.name} names a label that is not there"
        for link in page.links:
            assert not re.match(r"[a-z]+:|//|/", link), f"{path.name} leaves the site: {link}"
            file, _, anchor = link.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.is_file(), f"{path.name} → {link}"
            if target.name in {"upgrade.html", "port.html"} and "=" in anchor:
                assert anchor in {f"from={quote_plus(left)}&to={quote_plus(right)}" for left, right, _ in _choices(target)}
            elif anchor and target.name != "matrix.html":
                assert unquote(anchor) in pages[target].ids, f"{path.name} → {link}"


@pytest.mark.processes
def test_the_addresses_inside_the_matrix_lead_somewhere(report: Path) -> None:
    pages = _pages(report)
    data = json.loads((report / "data" / "matrix.js").read_text(encoding="utf-8").removeprefix("window.REPLAB_MATRIX=").removesuffix(";\n"))
    for case, _, _, codes, _, _, _, panel in data["rows"]:
        target = pages[report / data["cases"][case]["href"]]
        assert panel in target.ids
        for code, column in zip(codes, data["columns"], strict=True):
            assert code == " " or f"{panel}-{column['slug']}" in target.ids


@pytest.mark.processes
def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    results = realistic(names=("exp", "sigmoid", "max")).write(tmp_path / "results")
    render(results, tmp_path / "one")
    render(results, tmp_path / "two")
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


@pytest.mark.processes
def test_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    lab = realistic(names=("exp", "sigmoid", "max", "layer_norm", "matmul", "hard_sigmoid"))
    render(lab.write(tmp_path / "straight"), tmp_path / "one")
    for rows in (lab.cells, lab.pairs, lab.curves, lab.attributions, lab.measurements, lab.defaults, lab.claims, lab.sources):
        rows.reverse()
    render(lab.write(tmp_path / "turned"), tmp_path / "two")
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    assert [name for name in one if one[name] != two.get(name)] == []


def test_markup_in_any_string_stays_text(tmp_path: Path) -> None:
    out = render(hostile().write(tmp_path / "results"), tmp_path / "report").parent
    planted = 0
    for name, content in _files(out).items():
        if name.startswith("static/"):
            continue
        text = content.decode()
        assert HOSTILE not in text, name
        assert "<script>alert" not in text, name
        planted += text.count("&lt;script&gt;alert") + text.count("\\u003cscript\\u003ealert")
    assert planted > 200
    for name in ("causes.html", "claims.html", "modes.html", "defaults.html"):
        assert (out / name).read_text(encoding="utf-8").count("&lt;script&gt;alert") > 10, name
    for path, page in _pages(out).items():
        inline = page.tags.count("script") - sum(link.endswith(".js") for link in page.links)
        assert inline == path.read_text(encoding="utf-8").count('<script type="application/json"'), path.name


@pytest.mark.processes
def test_every_pair_of_environments_has_its_file_and_its_lines_lead_to_cells(report: Path) -> None:
    pages = {path.relative_to(report).as_posix(): page for path, page in _pages(report).items()}
    for page in ("upgrade.html", "port.html"):
        for left, right, file in _choices(report / page):
            name, data = _loaded(report / file)
            assert (name, data["left"], data["right"]) == (file, left, right)
            for row in data["rows"]:
                target = pages[data["texts"][row[1]]]
                assert {data["texts"][row[8]], data["texts"][row[11]]} <= set(target.ids)
            for href in [link for one in data.get("settings", ()) for link in (one[1], one[7]) if link]:
                path, _, anchor = href.partition("#")
                assert not anchor or anchor in pages[path].ids


def test_json_for_a_script_element_cannot_end_it() -> None:
    text = str(script_json({"a": "</script><!--", "b": "\u2028&"}))
    assert "<" not in text and "\u2028" not in text and "&" not in text
    assert json.loads(text) == {"a": "</script><!--", "b": "\u2028&"}


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"a": float("nan")})


def test_missing_tables_are_named(tmp_path: Path) -> None:
    folder = realistic(names=("exp",)).write(tmp_path / "results")
    (folder / "pairs.parquet").unlink()
    (folder / "run.json").unlink()
    with pytest.raises(ReportError) as caught:
        render(folder, tmp_path / "report")
    assert str(caught.value) == f"{folder}: no pairs.parquet, run.json here. Run 'make run' first: it writes the tables"
    assert not (tmp_path / "report").exists()


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    folder = realistic(names=("exp",)).write(tmp_path / "results")
    (folder / "cells.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StoreError, match=r"cells\.parquet: is damaged"):
        render(folder, tmp_path / "report")


def test_a_report_that_fails_half_way_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = realistic(names=("exp",)).write(tmp_path / "results")
    render(folder, tmp_path / "report")
    before = _files(tmp_path / "report")

    def break_off(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(writer.shutil, "copytree", break_off)
    with pytest.raises(OSError, match="no space left"):
        render(folder, tmp_path / "report")
    assert _files(tmp_path / "report") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.processes
def test_a_second_report_replaces_the_first_whole(tmp_path: Path) -> None:
    render(realistic(names=("exp", "sigmoid")).write(tmp_path / "a"), tmp_path / "report")
    render(realistic(names=("exp",)).write(tmp_path / "b"), tmp_path / "report")
    assert sorted(path.name for path in (tmp_path / "report" / "op").iterdir()) == ["ops.exp.html"]


def test_templates_escape_and_know_every_name() -> None:
    env = writer.environment_of(TEMPLATES)
    assert env.autoescape is True
    assert env.undefined.__name__ == "StrictUndefined"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cases with `compile = true` and `x`", "cases with <code>compile = true</code> and <code>x</code>"),
        ("`<b>` & `", "<code>&lt;b&gt;</code> &amp; `"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, expected: str) -> None:
    assert writer.coded(text) == expected


@pytest.mark.processes
def test_a_page_that_cannot_be_made_in_any_process_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of cases are written by several processes: one that fails is not passed over, and the report before it stays."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2})
    pages = viewmodel.site(realistic().results())
    out = writer.publish(pages, tmp_path / "report", TEMPLATES)
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}

    def broken() -> OperationPage:
        raise ValueError("no such page")

    with pytest.raises(ValueError, match="no such page"):
        writer.publish(dataclasses.replace(pages, operations=(broken, *pages.operations)), tmp_path / "report", TEMPLATES)
    assert {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()} == before
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})
    alone = writer.publish(pages, tmp_path / "alone", TEMPLATES).parent
    assert {path.relative_to(alone): path.read_bytes() for path in alone.rglob("*") if path.is_file()} == {
        path.relative_to(out.parent): data for path, data in before.items()
    }
