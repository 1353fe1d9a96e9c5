"""The page of claims: verdicts, deciding numbers, published figures beside the truth, and evidence that leads somewhere."""

from __future__ import annotations

import pytest

from builders import Lab, cell
from builders_why import claim, default, finding, hypothesis, measurement
from replab.report.data.cells import shown
from replab.report.data.claim_verdicts import counted_words
from replab.report.data.evidence import Index
from replab.report.pages.claims import ClaimsPage
from replab.report.views.claims import claims
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
