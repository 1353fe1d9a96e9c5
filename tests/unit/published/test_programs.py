"""Programs of articles: their list, their parts, and what becomes of hostile ones in a sandbox that really runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from replab.errors import ConfigError
from replab.published.programs import FOLDER, imported, load, parts
from replab.published.running import SCRIPT, Outcome

ROOT = Path(__file__).parents[3]


def test_every_program_of_the_list_is_there_and_every_file_is_in_the_list() -> None:
    listed = load(ROOT / FOLDER)
    assert len(listed) == 19
    assert {one.path for one in listed} == set((ROOT / FOLDER).glob("*.py"))
    assert all(one.title and one.printed and one.why.endswith(".") for one in listed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\ntitle = "x"\nwhy = "y"\nprinted = "z"\n', "there is no such program"),
        ("[b]\ntitle = 3\n", "are texts"),
        ("b = 3\n", "are texts"),
        ('[b]\nafter = ["gone"]\n', "there is no such program"),
        ("[b\n", "TOML"),
    ],
)
def test_a_wrong_list_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "published.toml").write_text(text)
    (tmp_path / "b.py").write_text("")
    with pytest.raises(ConfigError, match=said):
        load(tmp_path)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a\nimport b.c\n", [(1, 3, ("a", "b"))]),
        ("from a import x\n# %%\ndef f():\n    from b.c import d\n", [(1, 1, ("a",)), (2, 5, ("b",))]),
        ("from . import x\n", [(1, 2, ())]),
        ("# %%\nimport a", [(1, 2, ("a",))]),
        ("this is no Python", [(1, 1, ())]),
        ("x = '\\d'\nimport a", [(1, 2, ("a",))]),
        ("", [(1, 1, ())]),
    ],
)
def test_a_program_is_divided_at_its_marks(source: str, expected: list[tuple[int, int, tuple[str, ...]]]) -> None:
    assert [(part.first, part.last, part.imports) for part in parts(source)] == expected


def test_imports_are_found_wherever_they_stand() -> None:
    assert imported("try:\n    import a\nexcept ImportError:\n    import b as c\n") == ("a", "b")


def test_an_outcome_that_is_none_is_refused() -> None:
    for odd in ([], {}, {"state": 3}, None, {"state": "ok"}):
        with pytest.raises((ValueError, TypeError, KeyError)):
            Outcome.from_json(odd)


HOSTILE = {
    "well": ("print('yes')", "ok", "", "yes\n"),
    "fails": ("x = 1\n\nraise ValueError('no ' * 3)", "error", "ValueError", ""),
    "within": ("def f():\n    return {}['a']\nprint('before')\nf()", "error", "KeyError", "before\n"),
    "asks": ("input('name? ')", "error", "EOFError", None),
    "no_python": ("this is no Python", "error", "SyntaxError", ""),
    "leaves": ("import sys\nsys.exit('enough')", "error", "SystemExit", ""),
    "leaves_well": ("import sys\nprint('a')\nsys.exit()", "ok", "", "a\n"),
    "kills": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "crashed", "", ""),
    "loops": ("while True:\n    pass", "timeout", "", ""),
    "needs": ("import a_package_that_nobody_has", "absent", "", ""),
    "half": ("print('one')\n# %%\nimport a_package_that_nobody_has\nprint('two')", "ok", "", "one\n"),
    "writes": ("open('left.txt', 'w').write('x')", "ok", "", ""),
    "takes_stdout": ("import sys\nsys.stdout = None", "ok", "", ""),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What became of every hostile program, run by the runner itself."""
    folder = tmp_path_factory.mktemp("programs")
    asked = []
    for name, (source, *_) in HOSTILE.items():
        (folder / f"{name}.py").write_text(source)
        divided = [[part.first, part.last, *part.imports] for part in parts(source)]
        asked.append({"id": name, "before": [], "file": str(folder / f"{name}.py"), "parts": divided})
    much = folder / "much.py"
    much.write_text("for number in range(200000):\n    print('line', number)")
    asked.append({"id": "much", "before": [], "file": str(much), "parts": [[1, 2]]})
    (folder / "later.py").write_text("print(kept)")
    (folder / "first.py").write_text("kept = 7\nraise RuntimeError")
    asked.append({"id": "later", "before": [str(folder / "first.py")], "file": str(folder / "later.py"), "parts": [[1, 1]]})
    (folder / "request.json").write_text(json.dumps({"imports": ["json", "a_package_that_nobody_has"], "seconds": 5, "programs": asked}))
    (folder / "out").mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "request.json"), str(folder / "out")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return {one["id"]: Outcome.from_json(json.loads((folder / "out" / f"{one['id']}.json").read_text())) for one in asked}


@pytest.mark.processes
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_program_does_has_a_clear_outcome(outcomes: dict[str, Outcome], name: str) -> None:
    _, state, error, printed = HOSTILE[name]
    found = outcomes[name]
    assert (found.state, found.error) == (state, error)
    assert printed is None or found.printed == printed


@pytest.mark.processes
def test_lines_files_and_what_is_lacking_are_told(outcomes: dict[str, Outcome]) -> None:
    assert (outcomes["fails"].line, outcomes["fails"].message) == (3, "no no no ")
    assert outcomes["within"].line == 4 - 2  # the last line of the program itself on the way
    assert "nobody to answer" in outcomes["asks"].message
    assert outcomes["writes"].files == ("left.txt",)
    assert outcomes["half"].lacking == ("a_package_that_nobody_has",)
    assert outcomes["needs"].message == "a_package_that_nobody_has"
    assert "9" in outcomes["kills"].message


@pytest.mark.processes
def test_what_is_printed_without_end_is_cut_in_the_middle(outcomes: dict[str, Outcome]) -> None:
    much = outcomes["much"]
    assert much.characters > 1e6 > len(much.printed)
    assert much.printed.startswith("line 0\n") and much.printed.endswith("line 199999\n") and "left out" in much.printed


@pytest.mark.processes
def test_a_program_goes_on_from_the_one_before_it_however_that_ended(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["later"].printed == "7\n"
    assert "first.py ended in RuntimeError" in outcomes["later"].before


def test_what_is_said_of_errors_names_types_of_errors() -> None:
    """What the sentence of a program calls by the name of an exception is one of Python's or of a framework's."""
    named = {word for one in load(ROOT / FOLDER) for word in re.findall(r"\b[A-Z]\w+Error\b", one.why)}
    assert named == {"OperatorNotAllowedInGraphError", "AttributeError", "NameError", "RuntimeError", "ValueError"}
