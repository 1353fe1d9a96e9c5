"""The engine of claims: lists and rules are matched, environments summed up, evidence checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims_world import TF, TORCH, World
from replab.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    IN_PART,
    LAST_BITS,
    NOT_MEASURABLE,
    PROGRAMS_DIFFER,
    UNDECIDED,
    ClaimVerdict,
    Evidence,
    Finding,
    missing,
)
from replab.claims.evidence import ClaimError
from replab.claims.judge import groups, judge_claims, overall, summary
from replab.claims.load import claims, rule_files, rules
from replab.claims.rows import SEVERITY
from replab.claims.run import write
from replab.claims.statistics import growth
from replab.claims.words import at_worst, listed, number, share
from replab.model import Limits, Verdict

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"
LIMITS = Limits(seconds=60, memory_mb=2048)
CLAIM = '[U1]\nkind = "claim"\nstatement = "The sky is blue."\n'
RULE = '''
from replab.claims import HOLDS, Evidence, Finding, rule

@rule("U1", needs="a look outside", frameworks=("tensorflow",))
def sky(tables, environment):
    """Holds
    when it does."""
    return Finding(verdict=HOLDS, words="it is", evidence=(Evidence("cell", "EVIDENCE"),))
'''


def _folder(path: Path, claims: str = CLAIM, **families: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "claims.toml").write_text(claims)
    for family, text in families.items():
        (path / family).mkdir(exist_ok=True)
        (path / family / "claims.py").write_text(text)
    return path


def _saved(world: World, results: Path) -> Path:
    tables = {"cells": world.cells, "pairs": world.pairs, "attributions": world.attributions, "measurements": world.measurements}
    world.tables()  # adds the environments
    results.mkdir(exist_ok=True)
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(results / f"{name}.parquet")
    return results


def _finding(verdict: ClaimVerdict, words: str = "so", part: str = "half") -> Finding:
    if verdict is NOT_MEASURABLE:
        return missing("nothing")
    return Finding(verdict=verdict, words=words, part=part if verdict is IN_PART else "", evidence=(Evidence("cell", "x"),))


# --- claims and rules ----------------------------------------------------------------------------------------------------------------------


def _rules():
    return [rule for path in rule_files([EXPERIMENTS]) for rule in rules(path).values()]


def test_every_published_claim_has_exactly_one_rule() -> None:
    letters = {"A": 3, "B": 3, "C": 3, "D": 3, "E": 3}
    ids = {f"{letter}{n}" for letter, most in letters.items() for n in range(1, most + 1)} | {f"K{n:02d}" for n in range(1, 27)}
    known = set(claims([EXPERIMENTS]))
    assert ids <= known  # others may be added
    assert sorted(rule.claim for rule in _rules()) == sorted(known)


def test_every_rule_says_in_words_what_decides() -> None:
    for rule in _rules():
        assert len(rule.text) > 60 or rule.text.startswith("As B1"), rule.claim
        assert rule.needs
        assert "\n" not in rule.text.replace("\n\n", "")


def test_wrong_published_numbers_stand_beside_the_truth() -> None:
    known = claims([EXPERIMENTS])
    assert (known["A2"].published, known["A2"].truth) == ("24", "192")
    assert known["D2"].published and known["D2"].truth == "14"


def test_every_published_claim_can_be_argued_with() -> None:
    """Its source in words, what was run, in which case the rule says which verdict, and what would change it."""
    for claim in claims([EXPERIMENTS]).values():
        assert claim.sources and claim.ran and claim.changes, claim.id
        assert set(claim.source.split(", ")) == set(claim.sources), claim.id


def _words(folder: Path) -> str:
    """What is said of the one claim, which nothing can be said about."""
    (entry,) = judge_claims(World().tables(), [folder], LIMITS)
    assert entry["verdict"] == NOT_MEASURABLE and not entry["evidence"]
    words: str = entry["words"]
    return words.removeprefix("Not measurable here. Its rule has no answer: ")


@pytest.mark.processes
def test_a_claim_without_a_rule_says_so(tmp_path) -> None:
    assert _words(_folder(tmp_path)) == "no rule judges it."


@pytest.mark.processes
def test_a_rule_without_a_claim_costs_nothing_and_is_named(tmp_path, capfd) -> None:
    assert judge_claims(World().tables(), [_folder(tmp_path, "", sky=RULE)], LIMITS) == []
    assert "sky/claims.py: U1 stands in no claims.toml" in capfd.readouterr().err


@pytest.mark.processes
def test_two_rules_for_one_claim_cost_that_claim(tmp_path) -> None:
    assert _words(_folder(tmp_path, one=RULE, two=RULE)) == "it has two, in one/claims.py and in two/claims.py."


SILENT = RULE.replace('"""Holds\n    when it does."""', "")
ODD = {
    "a rule without words": (
        SILENT,
        "no rule judges it; sky/claims.py: the rule of U1 has no docstring, which is how the report words it.",
    ),
    "a file that cannot be read": (
        "undefined\n",
        "no rule judges it; sky/claims.py: cannot be read: NameError: name 'undefined' is not defined.",
    ),
    "a file that ends the process": ("import os\nos._exit(3)\n", "no rule judges it; sky/claims.py: it ended its process: exit code 3."),
    "evidence that does not exist": (RULE, "the evidence does not exist: cell EVIDENCE."),
    "a text": (RULE.replace("return Finding", 'return "yes" or Finding'), "it returned str, and no finding."),
    "a finding of something else": (
        RULE.replace('words="it is"', "words=5"),
        "it returned a finding whose fields are not what they should be.",
    ),
    "an exception with half a character": (
        RULE.replace("return Finding", 'raise ValueError("\\ud800")\n    return Finding'),
        "it raised ValueError: \\ud800.",
    ),
    "an end": (RULE.replace("return Finding", "raise SystemExit(0)\n    return Finding"), "it raised SystemExit: 0."),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.processes
def test_a_rule_that_has_no_answer_costs_its_claim_and_no_other(tmp_path, what) -> None:
    text, said = ODD[what]
    assert _words(_folder(tmp_path / "alone", sky=text)) == said
    world = World()
    there = world.cell("sky", claims="")["id"]
    sound = RULE.replace("EVIDENCE", there).replace("U1", "U2")
    folder = _folder(tmp_path / "both", CLAIM + CLAIM.replace("U1", "U2"), sky=text, below=sound)
    assert [entry["verdict"] for entry in judge_claims(world.tables(), [folder], LIMITS)] == [NOT_MEASURABLE, HOLDS]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[U1]\nkind =", "is not valid TOML"),
        ('[U1]\nkind = "guess"\nstatement = "x"\n', "needs `kind"),
        ('[U1]\nkind = "claim"\n', "and a statement"),
        ('[U1]\nkind = "claim"\nstatement = "x"\ncolour = "blue"\n', "unknown key 'colour'"),
        (f'{CLAIM}[U1.reads]\nlikely = "x"\n', "'likely' is no verdict"),
        (f"{CLAIM}[U1.reads]\nholds = 3\n", "needs a table of texts"),
        (f"[sources]\nA = 3\n{CLAIM}", "needs a table of texts"),
    ],
)
def test_a_faulty_list_is_refused_with_its_place(tmp_path, text, problem) -> None:
    with pytest.raises(ClaimError, match=problem) as caught:
        claims([_folder(tmp_path, text, sky=RULE)])
    assert "claims.toml" in str(caught.value)


# --- judging -------------------------------------------------------------------------------------------------------------------------------


def test_of_environments_that_say_the_same_the_one_with_the_largest_number_speaks() -> None:
    much, little = replace(_finding(HOLDS, "47 of 100"), number=47.0), replace(_finding(HOLDS, "2 of 100"), number=2.0)
    unknown = replace(_finding(HOLDS, "nothing is known"), number=float("nan"))
    (group,) = groups({"a": little, "b": much, "c": little, "d": unknown})
    assert (group.said_by, group.words, group.environments) == ("b", "47 of 100", ("a", "b", "c", "d"))
    assert summary([group]) == "Holds, in all 4 environments judged: 47 of 100 (b)."
    (about,) = groups({"a": replace(much, number=47.0004), "b": much})
    assert about.said_by == "b", "numbers that are about equal leave it to the newest"


def test_the_same_verdict_everywhere_is_the_verdict_with_what_the_newest_shows() -> None:
    found = groups({"a": _finding(HOLDS, "1 of 2"), "b": _finding(HOLDS, "2 of 2; and more")})
    assert (overall(found), summary(found)) == ((HOLDS, ""), "Holds, in all 2 environments judged: 2 of 2 (b).")
    alone = groups({"a": _finding(DOES_NOT_HOLD)})
    assert (overall(alone), summary(alone)) == ((DOES_NOT_HOLD, ""), "Does not hold, in the one environment judged: so.")


def test_what_holds_in_part_everywhere_says_for_which_part() -> None:
    same = groups({"a": _finding(IN_PART), "b": _finding(IN_PART), "c": _finding(NOT_MEASURABLE)})
    assert (overall(same), summary(same)) == ((IN_PART, "half"), "Holds in part: half, in all 2 environments judged: so (b).")
    other = groups({"a": _finding(IN_PART, part="values"), "b": _finding(IN_PART, part="gradients")})
    assert overall(other) == (IN_PART, "values in a; gradients in b")


def test_what_cannot_be_judged_does_not_count() -> None:
    assert overall(groups({"a": _finding(HOLDS), "b": _finding(NOT_MEASURABLE)})) == (HOLDS, "")
    assert overall(groups({"a": _finding(NOT_MEASURABLE)})) == (NOT_MEASURABLE, "")
    assert overall([]) == (NOT_MEASURABLE, "")


def test_a_claim_that_holds_in_some_environments_holds_in_part_and_says_what_each_group_shows() -> None:
    found = groups({"a": _finding(HOLDS, "1"), "b": _finding(LAST_BITS, "2"), "c": _finding(HOLDS, "3")})
    assert overall(found) == (IN_PART, "holds in a and c; last bits only in b")
    assert summary(found) == "Holds, in a and c: 3 (c). Last bits only, in b: 2."
    assert [(group.verdict, group.environments, group.words) for group in found] == [(HOLDS, ("a", "c"), "3"), (LAST_BITS, ("b",), "2")]
    mixed = groups({"a": _finding(HOLDS), "b": _finding(IN_PART)})
    assert overall(mixed) == (IN_PART, "holds in a; holds in part (half) in b")


@pytest.mark.parametrize("nearest", [LAST_BITS, PROGRAMS_DIFFER, UNDECIDED])
def test_a_claim_that_holds_nowhere_has_the_verdict_that_comes_nearest(nearest: ClaimVerdict) -> None:
    assert overall(groups({"a": _finding(DOES_NOT_HOLD), "b": _finding(nearest)})) == (nearest, "")


def test_every_verdict_has_a_glyph_a_class_and_words_of_its_own() -> None:
    for told in (
        [verdict.shown.glyph for verdict in ClaimVerdict],
        [verdict.shown.colour for verdict in ClaimVerdict],
        [verdict.shown.meaning for verdict in ClaimVerdict],
    ):
        assert len(set(told)) == len(ClaimVerdict) and all(told)
    assert {len(verdict.shown.glyph) for verdict in ClaimVerdict} == {1}


def test_the_documentation_explains_each_verdict_as_the_report_does() -> None:
    text = (EXPERIMENTS.parent / "docs" / "claims.md").read_text(encoding="utf-8")
    table = text.partition("|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| {verdict.shown.glyph} {verdict} | {verdict.shown.meaning} |" for verdict in ClaimVerdict]


@pytest.mark.processes
def test_a_user_brings_claims_and_rules_in_folders_of_their_own(tmp_path) -> None:
    world = World()
    there = world.cell("sky", claims="")["id"]
    folder = _folder(tmp_path, sky=RULE.replace("EVIDENCE", there))
    (entry,) = judge_claims(world.tables(), [folder])
    assert (entry["id"], entry["verdict"], entry["rule"], entry["needs"]) == ("U1", HOLDS, "Holds when it does.", "a look outside")
    assert list(entry["by_environment"]) == [TF]
    assert entry["evidence"] == [{"kind": "cell", "id": there}]


def test_a_verdict_without_evidence_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="without evidence"):
        Finding(verdict=HOLDS, words="because")
    with pytest.raises(TypeError, match="no verdict"):
        Finding(verdict="likely", words="because")  # type: ignore[arg-type]


@pytest.mark.parametrize(("verdict", "part"), [(IN_PART, ""), (HOLDS, "half")])
def test_what_holds_in_part_says_for_which_part_and_nothing_else_does(verdict: ClaimVerdict, part: str) -> None:
    with pytest.raises(ValueError, match="for which part"):
        Finding(verdict=verdict, words="because", part=part, evidence=(Evidence("cell", "x"),))


@pytest.mark.processes
def test_what_is_written_is_plain_json_with_what_was_measured(tmp_path) -> None:
    world = World()
    for environment in (TF, TORCH):
        world.cell(
            "chain_of_powers", claims="A2", derivative=1, environment=environment, verdict="identical", worst_result="0x1.8p+7 (192)"
        )
        world.cell(
            "central_1e-6", claims="D2", environment=environment, verdict="accuracy", worst_result=f"0x1p+3 ({13 + len(environment)})"
        )
    world.both("softmax_3", "rounding", claims="A3,K10", ulp_max=float("nan"))
    results = _saved(world, tmp_path / "results")
    write(EXPERIMENTS.parent, results)
    text = (results / "claims.json").read_text()
    assert "NaN" not in text
    entries = {entry["id"]: entry for entry in json.loads(text)}
    assert len(entries) == 41
    chain = entries["A2"]
    assert (chain["published"], chain["truth"], chain["measured"], chain["verdict"]) == ("24", "192", "192", DOES_NOT_HOLD)
    assert entries["D2"]["measured"] == "20 in tf-2.21; 23 in torch-2.13"
    assert entries["K12"]["verdict"] == NOT_MEASURABLE and "time_ratio" in entries["K12"]["missing"]
    assert "missing" not in chain
    assert json.loads((results / "sources.json").read_text())[0]["id"] == "rounding"


@pytest.mark.processes
def test_tables_of_an_older_run_are_enough(tmp_path) -> None:
    world = World()
    world.both("softmax_3", "rounding", claims="K10")
    results = _saved(world, tmp_path)
    for name in ("attributions", "measurements"):
        (results / f"{name}.parquet").unlink()
    frame = pd.read_parquet(results / "cells.parquet").drop(columns=["base", "aligned", "repeatable", "cause", "flushed"])
    frame.to_parquet(results / "cells.parquet")
    write(EXPERIMENTS.parent, results)
    entries = {entry["id"]: entry["verdict"] for entry in json.loads((results / "claims.json").read_text())}
    assert entries["K10"] == HOLDS


def test_results_without_tables_are_named(tmp_path) -> None:
    with pytest.raises(ClaimError, match=r"cells\.parquet: there is no such table"):
        write(EXPERIMENTS.parent, tmp_path)


# --- words and numbers ---------------------------------------------------------------------------------------------------------------------


def test_severity_holds_every_verdict_of_a_result() -> None:
    assert set(SEVERITY) == set(Verdict)


def test_numbers_and_lists_read_well() -> None:
    assert [number(value) for value in (0.0, 1.2345, 123456.0, 1e-9, float("nan"))] == ["0", "1.23", "1.23e5", "1.00e-9", "–"]
    assert listed(["a", "b", "a"]) == "a and b"
    assert listed("abcdefg", 2) == "a, b and 5 more"
    assert [share(0, 4), share(4, 4), share(1, 4), share(0, 0)] == ["0 of 4", "4 of 4", "1 of 4 (25\u00a0%)", "0 of 0"]


def test_growth_finds_the_power_and_is_certain_of_it() -> None:
    lengths = [4.0, 16.0, 64.0, 256.0]
    rng = np.random.default_rng(0)
    errors = [0.1 * length**0.5 * np.exp(0.01 * rng.normal()) for length in lengths] + [7 * length**0.5 for length in lengths]
    found = growth(lengths * 2, errors, ["a"] * 4 + ["b"] * 4)
    assert found is not None
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.low <= found.slope <= found.high
    assert (found.sign, found.points, found.lengths) == (1, 8, (4, 16, 64, 256))


def test_growth_agrees_with_least_squares_and_students_interval() -> None:
    from scipy import stats

    x, y = [1.0, 2.0, 4.0, 8.0, 16.0], [1.0, 1.9, 4.4, 7.5, 17.0]
    fitted = stats.linregress(np.log(x), np.log(y))
    found = growth(x, y, ["a"] * 5)
    assert found is not None
    assert found.slope == pytest.approx(fitted.slope)
    assert found.high - found.slope == pytest.approx(fitted.stderr * stats.t.ppf(0.995, 3))


@pytest.mark.parametrize("errors", [[0.0, 0.0, 0.0], [1.0, 2.0, float("nan")]])
def test_growth_needs_three_lengths_with_an_error(errors) -> None:
    assert growth([1, 2, 3], errors, ["a"] * 3) is None


@pytest.mark.parametrize(
    ("result", "truth", "words"),
    [
        ("0x1.549a740000000p-1 (0.665240884)", "0x1.549a766a06791p-1 (0.665240956)", "0.66524088 for 0.66524096"),
        ("0x0.0p+0 (0)", "0x1.ad7f29abcaf48p-24 (1.04e-07)", "0 for 1.04e-07"),
        ("0x1.8p+0 (1.5)", "0x1.0p+0 (1)", "1.5 for 1"),
        ("0x1.0p+0 (1)", "0x1.0p+0 (1)", "1 for 1"),
    ],
)
def test_as_many_digits_are_shown_as_tell_how_far_a_result_is_off(result: str, truth: str, words: str) -> None:
    assert at_worst(pd.Series({"worst_result": result, "worst_truth": truth})) == words
