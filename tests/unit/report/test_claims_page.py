"""The page of claims: verdicts, deciding numbers, published figures beside the truth, and evidence that leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders import Lab, case_facts, cell
from builders_why import claim, default, finding, hypothesis, measurement
from replab.report.data.cells import shown
from replab.report.data.claim_verdicts import counted_words
from replab.report.data.evidence import Index
from replab.report.pages.claims import ClaimPage, ClaimsPage
from replab.report.render import render
from replab.report.views.claims import claim_pages, claims
from replab.store.rows import ScriptRow
from sentences import numbers


def _page(lab: Lab) -> ClaimsPage:
    results = lab.results()
    return claims(results, Index(results, shown(results)))


def test_claims_are_counted_grouped_and_ordered_by_their_ids() -> None:
    page = _page(
        Lab(
            claims=[
                claim("K10", {}),
                claim("A1", {}, "does not hold"),
                claim("K2", {}, "holds in part"),
                claim("K3", {}, "not measurable here"),
            ]
        )
    )
    assert numbers(page.lede) == ["4", "1", "1", "1", "1"]
    assert [(group.title, [card.id for card in group.cards]) for group in page.groups] == [
        ("Claims", ["K2", "K3", "K10"]),
        ("Examples", ["A1"]),
    ]


def test_the_deciding_number_is_a_range_over_the_environments() -> None:
    lab = Lab(
        cells=[cell("exp", environment=name) for name in ("torch-2.13", "tf-1.15")],
        claims=[
            claim("K01", {"torch-2.13": finding(number=0.5), "tf-1.15": finding(number=40.0)}),
            claim("K02", {"torch-2.13": finding(number=3.0), "tf-1.15": finding(number=3.0)}),
            claim("K03", {"torch-2.13": finding(number=3.0), "tf-1.15": finding(number=3.0, unit="%")}),
        ],
    )
    one, two, three = _page(lab).groups[0].cards
    assert (one.figure, one.unit) == ("0.5 … 40", "ULP at most")
    assert one.where.index("torch-2.13") < one.where.index("tf-1.15"), "the least comes first"
    assert (two.figure, two.unit, two.where) == ("3", "ULP at most", "")
    assert (three.figure, [place.number for place in three.places]) == ("", ["3 %", "3 ULP at most"])


def test_the_overview_has_a_row_per_environment_and_a_square_per_claim() -> None:
    lab = Lab(
        cells=[cell("exp", environment=name) for name in ("torch-2.13", "tf-2.21", "tf-1.15")],
        claims=[
            claim("K01", {"tf-2.21": finding("does not hold"), "tf-1.15": finding()}),
            claim("K02", {"torch-2.13": finding("holds in part")}),
        ],
    )
    assert [(name, [place and place.outcome.name for place in row]) for name, row in _page(lab).environments] == [
        ("tf-1.15", ["holds", None]),
        ("tf-2.21", ["does not hold", None]),
        ("torch-2.13", [None, "holds in part"]),
    ]


def test_a_wrong_published_number_stands_beside_the_truth_and_what_was_measured() -> None:
    (card,) = _page(Lab(claims=[claim("A2", {}, "does not hold", published="24", truth="192", measured="192")])).groups[0].cards
    assert (card.published, card.truth, card.measured) == ("24", "192", "192")


def test_every_kind_of_evidence_leads_to_its_place() -> None:
    left, right = cell("exp", environment="tf-2.21"), cell("exp", environment="torch-2.13")
    control = cell("wrong", family="controls", role="control")
    lab = Lab(
        cells=[left, right, control],
        attributions=[hypothesis(left, "epsilon", "1", "2")],
        measurements=[measurement(left, "time_ratio", 0.5)],
        defaults=[default("tf-2.21", "tensorflow", "layer_norm", "epsilon", "0.001")],
    )
    results = lab.results()
    index = Index(results, shown(results))
    found = {
        kind: index.link({"kind": kind, "id": name})
        for kind, name in (
            ("cell", left.id),
            ("pair", f"{left.id} | {right.id}"),
            ("attribution", "ops.exp | hypothesis | tf-2.21:eager | reference | epsilon"),
            ("measurement", f"{left.id} | time_ratio"),
            ("default", "layer_norm.epsilon @ tf-2.21"),
        )
    }
    assert {kind: (link.text, link.href.partition("-")[0]) for kind, link in found.items()} == {
        "cell": ("ops.exp, float32 value, tf-2.21 eager", "op/ops.exp.html#float32"),
        "pair": ("ops.exp, float32 value, tf-2.21 against torch-2.13", "op/ops.exp.html#float32"),
        "attribution": ("epsilon of ops.exp, tf-2.21:eager against reference", "op/ops.exp.html#cause"),
        "measurement": ("time_ratio of ops.exp, float32 value, tf-2.21 eager", "modes.html#ops.exp_float32_d0_tf"),
        "default": ("layer_norm.epsilon in tf-2.21", "defaults.html#layer_norm.epsilon"),
    }
    assert index.link({"kind": "cell", "id": control.id}).href == "controls.html#controls.wrong"


@pytest.mark.parametrize("kind", ["cell", "pair", "attribution", "measurement", "default", "nothing"])
def test_evidence_that_the_site_does_not_hold_has_no_link(kind: str) -> None:
    results = Lab(cells=[cell("exp")]).results()
    link = Index(results, shown(results)).link({"kind": kind, "id": "gone.case:float32:d0@tf-2.21:eager:default:cpu | x | y | z"})
    assert link.href == "" and link.text


@pytest.mark.parametrize("word", ["supported", "refuted", "depends", "not testable here", "perhaps"])
def test_a_word_of_an_older_run_is_shown_and_counted_as_it_is(word: str) -> None:
    page = _page(Lab(claims=[claim("K01", {"tf-2.21": finding(word)}, word), claim("K02", {})]))
    card, _ = page.groups[0].cards
    assert (card.outcome.name, card.outcome.css) == (word, "older")
    assert [place.outcome.name for place in card.places] == [word]
    assert [(outcome.name, many) for outcome, many in page.counts] == [("holds", 1), (word, 1)]
    assert word in page.lede


def test_a_claim_without_any_verdict_says_so() -> None:
    (card,) = _page(Lab(claims=[claim("K01", {}, "")])).groups[0].cards
    assert card.outcome.name == "no verdict"


def test_what_holds_in_part_says_for_which_part() -> None:
    said = finding("holds in part", part="values")
    (card,) = _page(Lab(claims=[claim("K01", {"tf-2.21": said}, "holds in part", part="values, not gradients")])).groups[0].cards
    assert (card.part, [place.part for place in card.places]) == ("values, not gradients", ["values"])


def test_verdicts_are_counted_in_a_sentence() -> None:
    words = ["holds in part"] * 3 + ["holds"] * 15 + ["does not hold", "last bits only"]
    assert counted_words(words) == "15 hold, 1 does not, 3 hold in part and 1 is about last bits only"


def _own_page(lab: Lab) -> ClaimPage:
    results = lab.results()
    (page,) = claim_pages(results, Index(results, shown(results)))
    return page


def test_a_page_says_in_which_case_the_rule_says_what_and_where_it_did() -> None:
    reads = {"holds": "some bits differ", "does not hold": "all bits agree"}
    found = {"tf-1.15": finding(), "tf-2.21": finding("does not hold"), "torch-2.13": finding()}
    page = _own_page(
        Lab(
            cells=[cell("exp", environment=name) for name in found],
            claims=[claim("K01", found, source="A, X", sources={"A": "an answer"}, ran="exp", changes="log", reads=reads)],
        )
    )
    assert [(reading.outcome.name, reading.when, reading.here) for reading in page.readings] == [
        ("holds", "some bits differ", ("tf-1.15", "torch-2.13")),
        ("does not hold", "all bits agree", ("tf-2.21",)),
    ]
    assert page.sources == (("A", "an answer"), ("X", ""))
    assert (page.card.href, page.ran, page.changes) == ("claim/K01.html", "exp", "log")


def test_a_page_parts_the_cases_that_decide_from_the_others() -> None:
    tagged = case_facts("exp", claims=["K01"])
    lab = Lab(
        cells=[cell("exp")],
        cases={"ops": {"cases": {"exp": tagged, "log": tagged, "sin": case_facts("sin", claims=["K02"])}}},
        claims=[claim("K01", {"tf-2.21": finding()}, decides=["ops.e*"])],
    )
    page = _own_page(lab)
    assert [(link.text, bool(link.href)) for link in page.deciding] == [("ops.exp", True)]
    assert [link.text for link in page.beside] == ["ops.log"]
    lab.claims[0]["decides"] = []
    assert [link.text for link in _own_page(lab).deciding] == ["ops.exp", "ops.log"]


def test_a_page_shows_the_first_script_that_its_evidence_has() -> None:
    here, there, other = (cell(name, environment=where) for name, where in (("exp", "tf-2.21"), ("exp", "torch-2.13"), ("log", "tf-2.21")))
    said = finding(evidence=[{"kind": "pair", "id": f"{here.id} | {there.id}", "axis": "framework"}])
    lab = Lab(cells=[here, there, other], claims=[claim("K01", {"tf-2.21": said})])
    assert _own_page(lab).script is None
    lab.scripts = [
        ScriptRow(id=other.id, script="print(0)\n"),
        ScriptRow(id=here.id, reason="too long"),
        ScriptRow(id=there.id, script="print(1)\n"),
    ]
    script = _own_page(lab).script
    assert script is not None
    assert (script.text, script.file, "torch-2.13" in script.shows.text) == ("print(1)\n", "claim-K01.py", True)


def test_a_page_falls_back_on_a_script_of_the_same_case_precision_and_derivative() -> None:
    here, older = cell("exp", environment="tf-2.21"), cell("exp", environment="tf-1.15")
    graph = cell("exp", environment="tf-2.21", mode="session")
    said = finding(evidence=[{"kind": "cell", "id": here.id}])
    lab = Lab(cells=[here, older, graph], claims=[claim("K01", {"tf-2.21": said})], scripts=[ScriptRow(id=older.id, script="print(1)\n")])
    script = _own_page(lab).script
    assert script is not None and "tf-1.15" in script.shows.text
    lab.scripts.append(ScriptRow(id=graph.id, script="print(2)\n"))
    script = _own_page(lab).script
    assert script is not None and script.text == "print(2)\n", "one of the same environment comes first"


def test_sentences_begin_with_a_capital_unless_with_a_name() -> None:
    found = {"tf-1.15": finding(words="dz/dx is 192"), "tf-2.21": finding(words="all agree")}
    page = _own_page(Lab(cells=[cell("exp", environment=name) for name in found], claims=[claim("A2", found)]))
    assert [place.words for place in page.card.places] == ["dz/dx is 192.", "All agree."]


def test_a_group_of_environments_is_told_in_a_sentence_with_the_newest() -> None:
    groups = [
        {"verdict": "holds", "part": "", "environments": ["tf-1.15", "tf-2.21"], "words": "3 of 4"},
        {"verdict": "last bits only", "part": "", "environments": ["torch-2.13"], "words": "0 of 4"},
    ]
    (card,) = _page(Lab(claims=[claim("K01", {}, groups=groups)])).groups[0].cards
    assert [(group.outcome.name, group.where, group.words) for group in card.said] == [
        ("holds", "tf-1.15 and tf-2.21", "3 of 4 (tf-2.21)."),
        ("last bits only", "torch-2.13", "0 of 4."),
    ]


def test_a_claim_of_an_older_run_has_its_page(tmp_path: Path) -> None:
    page = _own_page(Lab(claims=[claim("K01", {"tf-2.21": finding("depends")}, "depends")]))
    assert (page.card.said, page.card.words, page.readings, page.sources) == ((), "depends on the whole.", (), ())
    out = render(Lab(cells=[cell("exp")], claims=[claim("K01", {}, "depends")]).write(tmp_path / "results"), tmp_path / "report").parent
    assert "depends on the whole." in (out / "claim" / "K01.html").read_text(encoding="utf-8")
