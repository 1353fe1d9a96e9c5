"""The template of sentences and the views that say them."""

from __future__ import annotations

import re
from pathlib import Path

from replab.report.views import sentences

VIEWS = Path(sentences.__file__).parent
TEMPLATE = (VIEWS / "sentences.txt.j2").read_text(encoding="utf-8")


def test_every_sentence_is_said_and_whatever_is_said_is_one() -> None:
    macros = set(re.findall(r"{% macro (\w+)\(", TEMPLATE))
    said = {name for path in VIEWS.glob("*.py") for name in re.findall(r'\bsay\(\s*"(\w+)"', path.read_text(encoding="utf-8"))}
    parts = {name for name in macros if re.search(rf"{{{{[^}}]*\b{name}\(", TEMPLATE)}
    assert said <= macros
    assert macros - said == parts - said


def test_rare_sentences_are_whole() -> None:
    compilers = [("xla", "eager", 1, 2), ("compile", "eager", 0, 2)]
    assert (
        sentences.say("sharing_line", "x", [], (), compilers)
        == "x: xla has the bits of eager in 1 of 2; compile has the bits of eager in 0 of 2."
    )
    assert sentences.say("controls_line", (0, 0), (1, 2)) == "1 of 2 planted mistakes were found."
    assert sentences.say("controls_line", (2, 2), (0, 0)) == "2 of 2 known-equal rewrites came out as rounding."
