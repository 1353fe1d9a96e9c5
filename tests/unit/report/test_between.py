"""Two environments against each other: what was measured, what is proved where nobody measured, what matters first, what to set."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from builders import Lab, cell, pair, realistic, subsets
from builders_why import hypothesis
from replab.report.data.cells import shown
from replab.report.data.evidence import Index
from replab.report.pages.between import BetweenPage, BetweenPair
from replab.report.views.between import Between, Difference, Ends
from replab.report.views.matrix import CODES
from replab.report.views.upgrade_and_port import port, upgrade
from replab.report.views.what_to_set import Settings, settings
from replab.store.rows import CellRow, DefaultRow
from sentences import numbers

ORDERS = {"tf-1.15": 0, "tf-2.4": 1, "tf-2.21": 2, "torch-1.4": 0, "torch-2.13": 1, "numpy-2.4": 0}
NAMES = {code: name for name, code in CODES.items()}
NOTHING = Settings(settings=(), stays=(), untried=())


def at(environment: str, case: str = "a", **more: Any) -> CellRow:
    """A cell of a made-up version line."""
    return cell(case, environment=environment, environment_order=ORDERS[environment], **more)


def between(lab: Lab) -> Between:
    """As the report makes it."""
    return Between(lab.results(), shown(lab.results()))


def upgraded(lab: Lab) -> BetweenPage:
    """The page of upgrades."""
    return upgrade(lab.results(), between(lab))


def only(lab: Lab, left: str, right: str) -> Difference:
    """The one difference of two environments."""
    (one,) = between(lab).differences(Ends(left, right))
    return one


def lines(one: BetweenPair) -> list[dict[str, Any]]:
    """The rows of a pair, unpacked."""
    texts = one.data["texts"]
    return [
        {
            "work": texts[row[0]],
            "detail": texts[row[2]],
            "modes": texts[row[3]],
            "verdict": NAMES[row[4]],
            "apart": row[5],
            "left": f"{texts[row[1]]}#{texts[row[8]]}",
            "sense": texts[row[12]],
            "cause": texts[row[13]],
            "weight": row[14],
            "special": row[15],
        }
        for row in one.data["rows"]
    ]


def test_what_was_compared_is_told_as_it_was_measured() -> None:
    left, right = at("tf-1.15", bits="1", ulp_max=9.0), at("tf-2.4", bits="2", ulp_max=2.0)
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "version", verdict="accuracy", ulp_max=7.0, cause="the kernel of tf-1.15")])
    one = only(lab, "tf-1.15", "tf-2.4")
    assert (one.outcome.name, one.ulp, one.measured, one.cause) == ("accuracy", 7.0, True, "the kernel of tf-1.15")


def test_versions_that_were_not_compared_are_bounded_by_the_steps_between_them() -> None:
    cells = [at(name, bits=name, ulp_max=40.0) for name in ("tf-1.15", "tf-2.4", "tf-2.21")]
    steps = [
        pair(a, b, "version", verdict="rounding", ulp_max=size) for a, b, size in ((cells[0], cells[1], 3.0), (cells[1], cells[2], 4.0))
    ]
    one = only(Lab(cells=cells, pairs=steps), "tf-1.15", "tf-2.21")
    assert (one.outcome.name, one.ulp, one.measured) == ("rounding", 7.0, False)


def test_frameworks_that_were_not_compared_are_bounded_through_the_newest_of_each() -> None:
    cells = {name: at(name, bits=name, ulp_max=1e6) for name in ("tf-2.4", "tf-2.21", "torch-1.4", "torch-2.13")}
    ways = (("tf-2.4", "tf-2.21", "version", 2.0), ("tf-2.21", "torch-2.13", "framework", 8.0), ("torch-1.4", "torch-2.13", "version", 1.0))
    pairs = [pair(cells[a], cells[b], axis, verdict="rounding", ulp_max=size) for a, b, axis, size in ways]
    one = only(Lab(cells=list(cells.values()), pairs=pairs), "tf-2.4", "torch-1.4")
    assert (one.ulp, one.measured) == (11.0, False)


def test_without_steps_the_distances_from_the_truth_are_the_bound() -> None:
    lab = Lab(cells=[at("tf-1.15", bits="1", ulp_max=9.0, verdict="accuracy"), at("tf-2.21", bits="2", ulp_max=2.0)])
    one = only(lab, "tf-1.15", "tf-2.21")
    assert (one.outcome.name, one.ulp, one.measured) == ("accuracy", 11.0, False)


def test_equal_bits_are_equal_whoever_compared_them() -> None:
    one = only(Lab(cells=[at("tf-1.15", bits="same"), at("tf-2.21", bits="same")]), "tf-1.15", "tf-2.21")
    assert (one.outcome.name, one.ulp, one.measured, one.weight) == ("identical", 0.0, True, 0.0)


def test_two_that_both_depart_from_the_truth_stay_open_where_nobody_compared_them() -> None:
    lab = Lab(cells=[at(name, bits=name, verdict="semantic", ulp_max=1e9) for name in ("tf-1.15", "tf-2.21")])
    assert only(lab, "tf-1.15", "tf-2.21").outcome.name == "inconclusive"


@pytest.mark.parametrize(
    ("verdict", "sides", "ulp", "weight"),
    [
        ("semantic", ("rounding", "semantic"), 2.0**30, 6.0),
        ("semantic", ("semantic", "semantic"), 2.0**30, 5.5),
        ("accuracy", ("rounding", "accuracy"), 2.0**10, 3.5 + (1 - 13 / 53) / 2),
        ("rounding", ("rounding", "rounding"), 1.0, 1 + (1 - 23 / 53) / 2),
        ("incomparable", ("rounding", "incomparable"), nan, 6.5),
    ],
)
def test_a_weight_is_kind_and_turn_and_size(verdict: str, sides: tuple[str, str], ulp: float, weight: float) -> None:
    left, right = at("tf-1.15", bits="1", verdict=sides[0]), at("tf-2.4", bits="2", verdict=sides[1])
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "version", verdict=verdict, ulp_max=ulp)])
    assert only(lab, "tf-1.15", "tf-2.4").weight == pytest.approx(weight)


def test_an_upgrade_puts_what_matters_first_and_every_two_versions_can_be_chosen() -> None:
    kinds = (("a", "rounding"), ("b", "accuracy"), ("c", "semantic"), ("d", "rounding"))
    old = {name: at("tf-1.15", name, bits=f"{name}1", ulp_max=9.0, verdict=verdict) for name, verdict in kinds}
    new = {name: at("tf-2.4", name, bits=f"{name}2", ulp_max=1.0) for name in old}
    same = at("tf-1.15", "e", bits="e"), at("tf-2.4", "e", bits="e"), at("tf-2.21", "e", bits="e")
    lab = Lab(cells=[*old.values(), *new.values(), *same])
    lab.pairs = [pair(old[name], new[name], "version", verdict=verdict, ulp_max=5.0) for name, verdict in kinds]
    page = upgraded(lab)
    assert [(one.left, one.right) for one in page.pairs] == [("tf-1.15", "tf-2.21"), ("tf-1.15", "tf-2.4"), ("tf-2.4", "tf-2.21")]
    first = page.pairs[1]
    assert [(row["work"], row["verdict"], row["sense"]) for row in lines(first)] == [
        ("ops.c", "semantic", "better"),
        ("ops.b", "accuracy", "better"),
        ("ops.a", "rounding", "closer"),
        ("ops.d", "rounding", "closer"),
    ]
    assert lines(first)[0]["left"] == "op/ops.c.html#float32-d0-tf-1.15-eager"
    assert [numbers(line) for line in first.summary] == [["0", "0"], ["5", "1", "20"], ["2", "0"]]
    assert first.address == "from=tf-1.15&to=tf-2.4"


def test_special_values_are_marked_and_distances_compared_across_precisions() -> None:
    made = []
    for case, dtype, ulp, verdict in (
        ("near", "float64", 1e9, "accuracy"),
        ("far", "float32", 1e6, "accuracy"),
        ("nan", "float32", 1.0, "incomparable"),
        ("relu.special", "float32", 2.0, "incomparable"),
        ("other", "float16", 3.0, "semantic"),
    ):
        left, right = (at(name, case, dtype=dtype, bits=f"{case}{name}") for name in ("tf-2.21", "torch-2.13"))
        made.append((left, right, pair(left, right, "framework", verdict=verdict, ulp_max=ulp)))
    lab = Lab(cells=[row for left, right, _ in made for row in (left, right)], pairs=[found for *_, found in made])
    (one,) = port(between(lab), lambda _: NOTHING).pairs
    assert [(row["work"], row["special"]) for row in lines(one)] == [
        ("ops.relu.special", 1),
        ("ops.nan", 0),
        ("ops.other", 0),
        ("ops.far", 0),
        ("ops.near", 0),
    ]
    assert numbers(one.summary[1]) == ["4"]


def test_one_line_tells_of_all_precisions_and_names_the_modes_that_nobody_compared() -> None:
    cells = [
        at(name, mode=mode, dtype=dtype, bits=f"{name}{mode}", verdict="semantic" if name == "tf-2.21" else "rounding")
        for name in ("tf-1.15", "tf-2.21")
        for mode in ("eager", "session")
        for dtype in ("float32", "float64")
    ]
    by = {(row.environment, row.mode, row.dtype): row for row in cells}
    pairs = [
        pair(by["tf-1.15", "eager", dtype], by["tf-2.21", "eager", dtype], "version", verdict="semantic", ulp_max=3.0, cause="epsilon")
        for dtype in ("float32", "float64")
    ]
    (one,) = upgraded(Lab(cells=cells, pairs=pairs)).pairs
    (row,) = lines(one)
    assert (row["detail"], row["apart"], row["cause"]) == ("float32 value; float64 value", "3", "epsilon")
    assert row["modes"].startswith("eager; ") and row["modes"].endswith(" session")
    assert "2" in numbers(one.summary[-1])


def test_a_bound_is_written_as_one() -> None:
    (one,) = upgraded(Lab(cells=[at("tf-1.15", bits="1", ulp_max=2.0), at("tf-2.21", bits="2", ulp_max=1.5)])).pairs
    assert [row["apart"] for row in lines(one)] == ["≤ 3.5"]


def test_a_port_says_which_side_departs() -> None:
    lab = Lab(cells=[at("tf-2.21", bits="1"), at("torch-2.13", bits="2", verdict="semantic", ulp_max=1e9)])
    page = port(between(lab), lambda _: NOTHING)
    assert [group.title for group in page.groups] == ["TensorFlow against PyTorch"]
    assert lines(page.pairs[0])[0]["sense"].startswith("torch-2.13 ")


def default(environment: str, framework: str, value: str, parameter: str = "epsilon", api: str = "layer_norm") -> DefaultRow:
    """A default as read."""
    return DefaultRow(
        api=api,
        parameter=parameter,
        environment=environment,
        framework=framework,
        value=value,
        comparable=value,
        api_name=f"{framework}.LN",
    )


def advised(lab: Lab, left: str, right: str) -> Settings:
    """What to set."""
    return settings(lab.results(), Index(lab.results(), shown(lab.results())), Ends(left, right))


def test_what_to_set_has_the_values_of_both_sides_and_the_run_that_shows_it() -> None:
    left, right = at("tf-2.21", "layer_norm", bits="1", verdict="semantic"), at("torch-2.13", "layer_norm", bits="2")
    run = at("tf-2.21", "layer_norm.aligned-epsilon", id="run", base="layer_norm", aligned="epsilon")
    lab = Lab(cells=[left, right, run])
    lab.attributions = subsets(left, right, {"epsilon": 0.9}, "run")
    lab.defaults = [default("tf-2.21", "tensorflow", "0.001"), default("torch-2.13", "torch", "1e-05")]
    (row,) = advised(lab, "tf-2.21", "torch-2.13").settings
    assert row[0] == "ops.layer_norm"
    assert row[3] == [["epsilon", "tensorflow.LN", "0.001", "torch.LN", "1e-05", "90\u00a0%", "1e-05"]]
    assert row[7] == "op/ops.layer_norm.html#aligned-float32-d0-epsilon"
    assert advised(lab, "tf-2.21", "torch-2.13").untried == ()
    assert advised(lab, "tf-1.15", "torch-2.13").settings == ()


def test_models_with_the_same_conventions_are_counted_and_the_choices_listed_by_size() -> None:
    left, right = at("tf-2.21", "net", bits="1", verdict="semantic", model=True), at("torch-2.13", "net", bits="2", model=True)
    same = [at(name, "dense", bits=name, model=True) for name in ("tf-2.21", "torch-2.13")]
    loose = [at(name, "gru", bits=name, model=True) for name in ("tf-2.21", "torch-2.13")]
    lab = Lab(cells=[left, right, *same, *loose, at("tf-2.21", "exp"), at("torch-2.13", "exp")])
    lab.pairs = [
        pair(left, right, "framework", verdict="semantic"),
        pair(*same, "framework", verdict="rounding"),
        pair(*loose, "framework", verdict="accuracy"),
    ]
    lab.attributions = subsets(left, right, {"epsilon": 0.004, "padding": 0.9, "initialiser": 0.1}, discrepancy=0.5)
    found = advised(lab, "tf-2.21", "torch-2.13")
    assert numbers(found.answer) == ["2", "3"] and "ops.gru" in found.answer
    assert [(row[0], row[5]) for row in found.checklist] == [("padding", "0.45"), ("epsilon", "0.002")]
    shares = {part[0]: part[5] for part in found.settings[0][3]}
    assert shares["epsilon"] != "0\u00a0%" and "needed" in shares["epsilon"]


def test_what_the_search_shows_stands_under_what_to_set() -> None:
    left, right = at("tf-2.21", "pad", bits="1", verdict="semantic"), at("torch-2.13", "pad", bits="2")
    lab = Lab(cells=[left, right], attributions=[hypothesis(left, "zeros", "end", "both")])
    (row,) = advised(lab, "tf-2.21", "torch-2.13").settings
    assert (row[0], row[3]) == ("ops.pad", [["zeros", "", "end", "", "both", "", ""]])
    both = [hypothesis(side, "zeros", "end", "both") for side in (left, right)]
    assert advised(Lab(cells=[left, right], attributions=both), "tf-2.21", "torch-2.13").settings == ()


def test_what_no_factor_explains_stays_apart_and_unmeasured_defaults_are_listed() -> None:
    left, right = at("tf-2.21", "layer_norm", bits="1", verdict="semantic"), at("torch-2.13", "layer_norm", bits="2")
    lab = Lab(cells=[left, right])
    lab.attributions = subsets(left, right, {"epsilon": 0.1}, "", sufficient="", verdict_aligned="semantic", note="not even all factors")
    lab.defaults = [default("tf-2.21", "tensorflow", "0.99", "momentum"), default("torch-2.13", "torch", "0.1", "momentum")]
    found = advised(lab, "tf-2.21", "torch-2.13")
    assert found.settings == ()
    assert [(row[0], row[3], row[8]) for row in found.stays] == [("ops.layer_norm", "epsilon", "not even all factors")]
    assert [row[1:6] for row in found.untried] == [["momentum", "tensorflow.LN", "0.99", "torch.LN", "0.1"]]


def test_a_whole_run_can_be_chosen_pair_by_pair() -> None:
    lab = realistic(names=("exp", "sigmoid"))
    made = between(lab)
    assert {(one.left, one.right) for one in upgrade(lab.results(), made).pairs} >= {("tf-1.15", "tf-2.21"), ("torch-1.4", "torch-2.13")}
    index = port(made, lambda _: NOTHING).index
    assert list(index["pairs"][index["first"]][:2]) == ["tf-2.21", "torch-2.13"]
