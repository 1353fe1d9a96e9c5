"""The pages of made-up runs, byte for byte: what a report says, and how, is read here and nowhere asserted sentence by sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import accepted
import builders_gold
from replab import calling
from replab.report.render import render

GOLDEN = Path(__file__).parents[2] / "golden" / "report"
TOP = (
    "index",
    "causes",
    "claims",
    "matrix",
    "upgrade",
    "port",
    "recurrent",
    "training",
    "modes",
    "defaults",
    "controls",
    "provenance",
    "glossary",
)
PAGES = {
    "whole": (
        builders_gold.whole,
        (
            *(f"{name}.html" for name in TOP),
            "op/ops.layer_norm.html",
            "claim/K10.html",
            "data/matrix.js",
            "data/port-tf-2.21-to-torch-2.13.js",
            "data/upgrade-tf-1.15-to-tf-2.21.js",
        ),
    ),
    "nothing": (builders_gold.nothing, tuple(f"{name}.html" for name in TOP if name != "glossary")),
    "one_framework": (builders_gold.one_framework, ("index.html",)),
}
"""A made-up run, and those of its files that are golden: one of each kind."""


def scrubbed(text: str) -> str:
    """A page without what depends on where the lab is installed."""
    return text.replace(calling.anywhen("snakemake"), "snakemake").replace(calling.anywhen("replab"), "replab")


@pytest.mark.parametrize("name", PAGES)
def test_golden_pages_say_what_was_accepted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``make accept`` writes them anew."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})  # pages are written by this process
    lab, files = PAGES[name]
    out = render(lab().write(tmp_path / "results"), tmp_path / "report").parent
    accepted.check({file: scrubbed((out / file).read_text(encoding="utf-8")) for file in files}, GOLDEN / name)


def test_a_difference_is_shown_by_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLAB_ACCEPT", raising=False)
    line = "<p>" + "".join(f"<b>element {place}</b>" for place in range(200)) + "</p>"
    (tmp_path / "page.html").write_text(f"<html>\n{line}\n</html>\n", encoding="utf-8")
    (tmp_path / "gone.html").write_text("gone\n", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception) as caught:
        accepted.check({"page.html": f"<html>\n{line.replace('element 7<', 'word 7<')}\n</html>\n"}, tmp_path)
    told = str(caught.value)
    assert [text for text in told.splitlines() if text.startswith(("-", "+"))] == ["-gone", "-element 7", "+word 7"]


def test_what_is_made_is_accepted_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone.html").write_text("gone\n", encoding="utf-8")
    monkeypatch.setenv("REPLAB_ACCEPT", "1")
    accepted.check({"op/page.html": "new\n"}, tmp_path)
    monkeypatch.delenv("REPLAB_ACCEPT")
    accepted.check({"op/page.html": "new\n"}, tmp_path)
    assert not (tmp_path / "gone.html").exists()
