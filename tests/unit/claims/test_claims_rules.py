"""Every rule can say each of its verdicts: worlds made for it, a few rows each."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims_scenes import SCENES, Scene
from claims_world import NUMPY, TF, TORCH, World
from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, LAST_BITS, NOT_MEASURABLE, PROGRAMS_DIFFER, ClaimVerdict, Tables
from replab.claims.judge import findings, known_evidence
from replab.claims.load import claims, rule_files, rules
from replab.claims.model import Claim
from replab.claims.patterns import as_published, right_results, same_weights

ROOT = Path(__file__).resolve().parents[3] / "experiments"
RULES = {claim: rule for path in rule_files([ROOT]) for claim, rule in rules(path).items()}


def judged(claim: str, scene: Scene, environment: str = TF) -> tuple[ClaimVerdict, Tables]:
    """The verdict of a rule in a world; what it names as evidence must be there."""
    world = World()
    scene(world)
    tables = world.tables()
    finding = findings(RULES[claim], tables)[environment]
    there = known_evidence(tables)
    for one in finding.evidence:
        assert (f"{one.id} {one.axis}" if one.kind == "pair" else one.id) in there[one.kind]
    assert finding.words and "nan" not in finding.words
    return finding.verdict, tables


@pytest.mark.parametrize(("claim", "verdict"), [(claim, verdict) for claim, scenes in SCENES.items() for verdict in scenes])
def test_a_rule_says_each_of_its_verdicts(claim, verdict) -> None:
    assert judged(claim, SCENES[claim][verdict])[0] == verdict


@pytest.mark.parametrize("claim", sorted(SCENES))
def test_a_rule_without_data_says_what_is_missing(claim) -> None:
    found = findings(RULES[claim], World().tables())
    assert found
    for environment, finding in found.items():
        assert finding.verdict == NOT_MEASURABLE
        assert environment in finding.words
        assert not finding.evidence


def test_every_claim_has_scenes_for_two_verdicts_at_least() -> None:
    assert set(SCENES) == set(claims([ROOT])) == set(RULES)
    assert all(len(scenes) >= 2 for scenes in SCENES.values())


@pytest.mark.parametrize(("name", "claim"), claims([ROOT]).items())
def test_the_list_says_in_which_case_a_rule_says_each_of_its_verdicts(name: str, claim: Claim) -> None:
    """What is written beside a claim and what its scenes show are the same verdicts."""
    assert set(claim.reads) == set(SCENES[name])


def test_a_side_case_turns_no_verdict_and_is_told() -> None:
    world = World()
    world.both("model", "rounding", claims="K99")
    world.both("other", "semantic", claims="K99")
    found = same_weights(world.tables(), TF, "K99", "results", decides=("made.mod*",))
    assert found.verdict is LAST_BITS
    assert (
        "made.other" not in found.words and "1 of 1 results differ beyond rounding" in found.beside[0] and "made.other" in found.beside[0]
    )
    alike = World()
    for case in ("model", "other", "third"):
        alike.both(case, "rounding", claims="K99")
    assert same_weights(alike.tables(), TF, "K99", "results", decides=("made.model",)).words.endswith(", and so do all 2 of other cases")
    right = right_results(world.tables(), TF, "K99", decides=("made.model",))
    assert right.verdict is HOLDS and "made.other" in right.beside[0]
    assert right_results(world.tables(), TF, "K99").verdict is IN_PART


def test_what_decides_must_have_been_run() -> None:
    world = World()
    world.both("other", "semantic", claims="K99")
    assert same_weights(world.tables(), TF, "K99", "results", decides=("made.model",)).verdict is NOT_MEASURABLE
    assert right_results(world.tables(), TF, "K99", decides=("made.model",)).verdict is NOT_MEASURABLE
    assert as_published(world.tables(), TF, "K99", decides=("made.model",)).verdict is NOT_MEASURABLE


def test_aligned_runs_are_parted_by_the_case_that_was_declared() -> None:
    world = World()
    world.published("semantic", "rounding", claims="K99", case="program")
    world.published("semantic", "semantic", claims="K99", case="other")
    found = as_published(world.tables(), TF, "K99", decides=("made.program",))
    assert found.verdict is PROGRAMS_DIFFER
    assert found.beside == ("of the other cases, 1 of 1 outputs differ beyond rounding from torch-2.13 (1 semantic): made.other",)


def test_the_same_gradients_mean_the_opposite_in_the_other_framework() -> None:
    world = World()
    world.measure("gradient_after_two_backwards_ratio", "eager", 2.0, environment=TORCH)
    world.cell("lstm_forgotten_mask", claims="K11", environment=TORCH, verdict="rounding")
    world.cell("lstm_forgotten_mask", claims="K11", environment=TF, verdict="semantic")
    tables = world.tables()
    assert findings(RULES["K15"], tables)[TORCH].verdict == HOLDS
    assert findings(RULES["K11"], tables)[TORCH].verdict == HOLDS


def test_order_is_judged_by_the_other_framework_where_no_switch_was_run() -> None:
    verdict, _ = judged("K19", lambda world: world.both("sum", "rounding", claims="K19"))
    assert verdict == HOLDS
    verdict, _ = judged("K19", lambda world: world.both("sum", "identical", claims="K19"))
    assert verdict == DOES_NOT_HOLD


def test_a_result_that_does_not_repeat_is_not_blamed_on_the_graph() -> None:
    def scene(world: World) -> None:
        world.modes("identical", case="steady")
        world.modes("rounding", case="shaky", repeatable="no")

    assert judged("K01", scene)[0] == DOES_NOT_HOLD


def test_two_ways_off_the_reference_are_no_difference_beyond_rounding() -> None:
    """The envelope of the reference says nothing about another function."""
    world = World()
    world.modes("semantic", case="difference", verdict="semantic")
    (row,) = world.tables().pairs.to_dict("records")
    assert row["verdict"] == "inconclusive"


def test_older_versions_are_held_against_the_newest_of_the_other_framework() -> None:
    world = World()
    _, newest = world.both("feed_forward", "rounding", claims="K20", family="models")
    older = world.cell("feed_forward", claims="K20", environment="tf-2.4", verdict="semantic", family="models")
    world.pair(older, newest, "across", "semantic")
    found = findings(RULES["K20"], world.tables())
    assert {environment: finding.verdict for environment, finding in found.items()} == {"tf-2.4": HOLDS, TF: LAST_BITS, TORCH: LAST_BITS}
    assert [[(one.kind, one.axis) for one in found[name].evidence] for name in ("tf-2.4", TF)] == [
        [("pair", "across")],
        [("pair", "framework")],
    ]


def test_numpy_is_not_asked_about_gradients() -> None:
    assert NUMPY not in findings(RULES["K15"], World().tables())


def test_random_draws_say_nothing_about_the_graph() -> None:
    def scene(world: World) -> None:
        world.modes("identical", case="steady")
        world.modes("rounding", case="normal", why="chance explains it: z = 1 is within the limit 4")

    assert judged("K01", scene)[0] == DOES_NOT_HOLD


@pytest.mark.parametrize(("again", "said"), [(0, DOES_NOT_HOLD), (1, IN_PART)])
def test_where_memory_does_not_show_rebuilding_decides_what_graphs_cost(again, said) -> None:
    """What a framework keeps after it was freed hides what a call takes: that decides nothing about the rebuilding of graphs."""

    def scene(world: World) -> None:
        world.measure("retrace_shape_body_runs", "function", again)

    verdict, tables = judged("K14", scene)
    assert verdict == said
    assert findings(RULES["K14"], tables)[TF].beside == (
        "what gradients take in memory is not measurable here, since freed memory is kept",
    )


def test_a_coarse_kernel_in_a_loop_is_no_difference_of_control_flow() -> None:
    def scene(world: World) -> None:
        world.both("scan", "accuracy", claims="K04,K03", derivative=1)

    assert judged("K04", scene)[0] == DOES_NOT_HOLD
    assert findings(RULES["K04"], judged("K04", scene)[1])[TF].beside == ("coarse kernels, and no other derivative: made.scan",)


def test_a_gradient_that_is_wrong_in_a_graph_alone_differs_from_the_other_framework() -> None:
    def scene(world: World) -> None:
        world.both("loop", "rounding", claims="K04,K03", derivative=2)
        world.cell("loop", claims="K04,K03", derivative=2, mode="session", verdict="beyond")

    assert judged("K04", scene)[0] == HOLDS
    assert "loop" in findings(RULES["K04"], judged("K04", scene)[1])[TF].words


def test_what_graphs_compute_otherwise_is_said_first() -> None:
    def scene(world: World) -> None:
        world.modes("rounding", case="sum")
        world.modes("beyond", case="norm")
        world.pairs[-1]["distance"] = 0.24

    assert findings(RULES["K01"], judged("K01", scene)[1])[TF].words.startswith(
        "made.norm is something else in a graph than eagerly, the farthest by 0.24"
    )


def test_an_accuracy_that_moves_with_another_function_is_no_rounding() -> None:
    def scene(world: World) -> None:
        for case, accuracy, weights in (("same", "identical", "rounding"), ("other", "semantic", "semantic")):
            world.both(case, accuracy, claims="K06", output="accuracy", family="training", ulp_max=65536.0)
            world.both(case, weights, claims="K06", output="weights_last", family="training", distance=0.5)

    verdict, tables = judged("K06", scene)
    finding = findings(RULES["K06"], tables)[TF]
    assert verdict == IN_PART
    assert finding.part == "trainings of which more than rounding differs: training.other"
    assert "in 0 of them by rounding alone" in finding.words


def test_a_branch_that_rounding_decides_is_no_last_bit() -> None:
    def scene(world: World) -> None:
        world.both("loop", "rounding", claims="K21")
        flipped = world.both("branch", "rounding", claims="A1,K21")
        world.pairs[-1] |= {"other_branch": 2, "distance": 1.7}
        flipped[0]["other_branch"] = 2
        world.cell("steady", claims="A1")

    assert judged("K21", scene)[0] == HOLDS
    assert judged("A1", scene)[0] == IN_PART
    tables = judged("A1", scene)[1]
    assert "made.branch: 1 in another branch, which rounding decides" in findings(RULES["A1"], tables)[TF].words
    assert findings(RULES["K21"], tables)[TF].words.startswith(
        "rounding decides a condition of made.branch, and 1 of 2 (50\u00a0%) results"
    )
