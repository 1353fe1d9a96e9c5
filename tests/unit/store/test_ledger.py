"""What jobs read and made, by hash: every change is noticed, whatever times say."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from replab.errors import StoreError
from replab.freshness import code, jobs
from replab.store import ledger, tables
from replab.store.ledger import Ledger
from replab.store.rows import JUDGED

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def lab(folder: Path) -> tuple[Ledger, Path, Path]:
    """A job that read a source and made a table."""
    results, source = folder / "results", folder / "impl.py"
    results.mkdir(exist_ok=True)
    source.write_text("x = 1\n")
    made = results / "batches" / "one.json"
    made.parent.mkdir(exist_ok=True)
    made.write_text('{"cells": [1, 2, 3]}')
    book = Ledger(results, folder)
    book.write("batch--one", read={book.name(source): book.check(source)}, made=[made], terms="{}")
    return Ledger(results, folder), source, made


def keep_times(path: Path, data: bytes) -> None:
    """Other bytes, in place, with the times of before."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_nothing_changed_is_no_fault(tmp_path: Path) -> None:
    """All files as they were noted."""
    book, _, made = lab(tmp_path)
    assert book.fault("batch--one", "{}") == ""
    assert ledger.load_json(made) == {"cells": [1, 2, 3]}


def test_an_edited_source_is_a_fault_whatever_its_time_says(tmp_path: Path) -> None:
    """Contents decide."""
    book, source, _ = lab(tmp_path)
    keep_times(source, b"x = 2\n")
    assert book.fault("batch--one", "{}") == "impl.py has changed since"


def test_a_source_that_was_only_touched_is_none(tmp_path: Path) -> None:
    """Times decide nothing, also those of the future."""
    book, source, made = lab(tmp_path)
    for path in (source, made):
        os.utime(path, (2_500_000_000, 2_500_000_000))
    assert book.fault("batch--one", "{}") == ""
    book.refresh("batch--one")
    fresh = Ledger(book.results, tmp_path)
    noted = fresh.noted(made)
    assert noted is not None and noted.stat[1] == 2_500_000_000_000_000_000, "the new times are noted, so that it is hashed once"


def test_other_settings_are_a_fault(tmp_path: Path) -> None:
    """Whatever else a job depends on."""
    book, _, _ = lab(tmp_path)
    assert book.fault("batch--one", '{"coverage": "full"}') == "it was made with other settings"


def test_a_file_that_it_would_read_now_and_did_not_read_is_a_fault(tmp_path: Path) -> None:
    """The plan may have grown."""
    book, _, _ = lab(tmp_path)
    assert book.fault("batch--one", "{}", [book.results / "batches" / "two.json"]) == "it did not read batches/two.json"


def test_a_job_without_a_note_is_a_fault(tmp_path: Path) -> None:
    """A file that nobody noted may be anything."""
    book, _, _ = lab(tmp_path)
    assert book.fault("batch--two", "{}") == "nothing says how it was made"


def test_the_results_may_be_moved_as_a_whole(tmp_path: Path) -> None:
    """Files of the results are noted by their place below them."""
    book, _, _ = lab(tmp_path)
    book.results.rename(tmp_path / "elsewhere")
    assert Ledger(tmp_path / "elsewhere", tmp_path).fault("batch--one", "{}") == ""


def test_a_reader_of_a_missing_file_is_told_so(tmp_path: Path) -> None:
    """One sentence with the file."""
    book, _, made = lab(tmp_path)
    made.unlink()
    with pytest.raises(StoreError, match=r"one\.json: is missing. Run the workflow again"):
        ledger.load_json(made)
    assert book.fault("batch--one", "{}") == "batches/one.json is missing"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Of the file, by its reader and at the start; of the note, which then counts as none."""
    folder = tmp_path_factory.mktemp("flip")
    book, _, made = lab(folder)
    victim = data.draw(st.sampled_from([made, book.results / "ledger" / "batch--one.json"]))
    whole = victim.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(0, 8))
    damaged = whole[:place] if change == 8 else whole[:place] + bytes([whole[place] ^ (1 << change)]) + whole[place + 1 :]
    keep_times(victim, damaged)
    if victim == made:
        with pytest.raises(StoreError, match="is damaged"):
            ledger.load_json(made)
    assert Ledger(book.results, folder).fault("batch--one", "{}") != ""
    assert [path for path, _ in Ledger(book.results, folder).damaged()] == [victim]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_table_that_travels_alone_never_gives_other_rows(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Pages carry checksums: without any note, a flipped bit in the rows is an error and never another value."""
    path = tmp_path_factory.mktemp("table") / "cells.parquet"
    rows = pa.table({"id": [f"ops.exp:{n}" for n in range(400)], "ulp_max": [float(n) * 1.7 for n in range(400)]})
    tables.write_table(path, rows)
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    place = data.draw(st.integers(4, len(whole) - footer - 1))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[place + 1 :])
    try:
        found = tables.load(path)
    except StoreError as error:
        assert "cells.parquet" in str(error)  # noqa: PT017 (most flips end here, some in a part that says nothing)
    else:
        assert found.equals(rows)


def test_parts_that_judging_writes_have_one_list() -> None:
    """Planning names them without importing what reads tables."""
    assert tuple(JUDGED) == jobs.JUDGED


def test_the_code_of_a_step_is_all_that_it_imports() -> None:
    """What Python itself finds when the modules of a step are imported, but what is left out with a reason."""
    import ast

    for step, module in code.STEPS.items():
        found = {path.relative_to(SCRIPTS).as_posix() for path in code.of_step(SCRIPTS, step)}
        wanted, queue = set(), [module]
        while queue:
            name = queue.pop()
            place = next(
                (p for p in (SCRIPTS / name.replace(".", "/") / "__init__.py", SCRIPTS / f"{name.replace('.', '/')}.py") if p.is_file()),
                None,
            )
            if place is None or place in wanted or any(name == one or name.startswith(f"{one}.") for one in code.APART):
                continue
            wanted.add(place)
            for node in ast.walk(ast.parse(place.read_text())):
                if isinstance(node, ast.Import):
                    queue += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    queue += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        missing = {path.relative_to(SCRIPTS).as_posix() for path in wanted} - found
        assert not missing, f"{step} reads {missing}"


def test_what_only_shows_is_what_no_step_before_the_report_imports(tmp_path: Path) -> None:
    texts = {
        "workflow/steps.py": "def report():\n    from replab.report.render import render\n",
        "steps/judge.py": "from replab.compare import ulp\n",
        "compare/ulp.py": "",
        "compare/never_imported.py": "",
        "report/render.py": "from replab.colours import red\n",
        "colours.py": "red = 1\n",
        "commands/explain.py": "",
    }
    for name, text in texts.items():
        (tmp_path / "replab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "replab" / name).write_text(text)
    assert code.only_shows(tmp_path) == ["colours.py", "commands", "report"]


def test_what_is_left_out_of_the_code_of_steps_exists() -> None:
    """A name that no module has any more leaves nothing out."""
    for name in code.APART:
        stem = SCRIPTS / name.replace(".", "/")
        assert stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file(), name
