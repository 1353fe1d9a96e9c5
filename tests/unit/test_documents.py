"""The documents: their links lead somewhere, and they name no host of a package index and no machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """The anchors of the headings of a page, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        assert place.exists(), f"{path.name} links to {target}"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_an_index_or_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"pypi\.org|pythonhosted|(?<![\w.])/(root|work|home)/", text)


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
DECISION = re.compile(r"# (?P<number>\d{4}) (?P<title>[^\n]+)\n\n(?P<status>Accepted|Superseded by \d{4}), (?P<date>\d{4}-\d\d-\d\d)\.\n\n")


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_its_status_and_context_choice_and_price(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = DECISION.match(text)
    assert head, "begins with: # NNNN Title, a blank line, and: Accepted, YYYY-MM-DD."
    assert head["number"] == path.name[:4]
    for part in ("**Context.**", "**Choice.**", "**Price"):
        assert part in text, f"lacks {part}"


def test_the_index_of_decisions_is_that_of_the_files() -> None:
    """A line each, as the file says it."""
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    lines = []
    for path in DECISIONS:
        head = DECISION.match(path.read_text(encoding="utf-8"))
        assert head
        lines.append(f"| {head['number']} | [{head['title']}]({path.name}) | {head['status'].lower()} | {head['date']} |")
    assert [line for line in index.splitlines() if line.startswith("| 0")] == lines


def test_the_house_in_the_documentation_is_the_one_that_stands() -> None:
    """Every package and module at the top, in the order of the contract of layers."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| `scripts/replab/` |")[2].partition("\n\n")[0]
    told = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    floor = {name: number for number, layer in enumerate(layers) for name in re.split(r" [|:] ", layer)}
    assert sorted(name for line in told for name in line) == sorted(floor)
    floors = [floor[name] for line in told for name in line]
    assert floors == sorted(floors)


LINK = re.compile(r'(?:href|src)="([^"#?:]+)(?:[#?][^"]*)?"')
SAMPLE = ROOT / "docs" / "sample"


def test_the_sample_report_is_whole_small_and_says_nothing_of_the_machine() -> None:
    """``make sample`` makes it anew."""
    pages = sorted(SAMPLE.rglob("*.html"))
    assert SAMPLE / "index.html" in pages
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 6_000_000
    for page in pages:
        text = page.read_text(encoding="utf-8")
        lost = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
        assert lost == [], page
        assert not re.search(r"/(?:home|root|tmp|Users)/", text), page
