"""A made-up run of recurrent layers and trainings."""

from __future__ import annotations

from builders import STACKS, Lab, case_facts, cell, environment
from builders_why import claim, subsets
from replab.store.rows import CellRow, TrajectoryRow

STEPS = (0, 1, 20, 50, 100, 200)
LOSSES = (2.3, 2.1, 1.0, 0.5, 0.25, 0.1)


def training_rows(row: CellRow, apart: float, aligned: str = "") -> list[TrajectoryRow]:
    """Losses ``apart`` (in envelopes) from the certified ones."""
    return [
        TrajectoryRow(
            id=row.id,
            family=row.family,
            case=row.case,
            dtype=row.dtype,
            environment=row.environment,
            framework=row.framework,
            environment_order=row.environment_order,
            mode=row.mode,
            aligned=aligned,
            verdict=row.verdict,
            place=place,
            step=step,
            value=loss + apart * 8.0 * 1e-7,
            truth=loss,
            sigma=1e-7,
            z_limit=8.0,
        )
        for place, (step, loss) in enumerate(zip(STEPS, LOSSES, strict=True))
    ]


def learning() -> Lab:
    """Recurrent cases of every topic, two trainings: one alike everywhere, one with another epsilon in TensorFlow."""
    lab = Lab()
    names = ("lstm_cell", "lstm_layer", "lstm_stacked_2", "lstm_bidirectional", "b2_lstm_masked", "e2_lstm_dense", "lstm_stateful")
    cases = dict.fromkeys((*names, *(f"lstm_length_{length}" for length in (4, 16, 64))))
    for stack in STACKS:
        lab.environments[stack.name] = environment(stack)
        about = {"environment": stack.name, "environment_order": stack.order}
        for case in cases:
            wrong = case == "b2_lstm_masked" and stack.framework == "tensorflow"
            for derivative in (0, 1) if stack.framework != "numpy" else (0,):
                lab.cells.append(
                    cell(
                        case,
                        family="rnn",
                        derivative=derivative,
                        verdict="semantic" if wrong else "rounding",
                        ulp_max=2e9 if wrong else 21.0 + derivative,
                        ulp_mean=float(case.rpartition("_")[2]) / 8 if "length" in case else 1.0,
                        cause="padded_output" if wrong else "",
                        bits=f"{case}{stack.name}{derivative}",
                        **about,
                    )
                )
        for case, times in (("mlp_sgd", 0.4), ("mlp_adam", 300.0 if stack.framework == "tensorflow" else 0.5)):
            verdict = "semantic" if times > 1 else "rounding"
            losses = cell(case, family="training", output="losses", verdict=verdict, bits=f"{case}{stack.name}", **about)
            share = "0x1.c400000000000p-1 (0.8828125)" if times < 1 else "0x1.c000000000000p-1 (0.875)"
            right = cell(
                case,
                family="training",
                output="accuracy",
                verdict="identical" if times < 1 else verdict,
                worst_result=share,
                worst_truth="0x1.c400000000000p-1 (0.8828125)",
                bits=f"{case}{stack.name}a",
                **about,
            )
            lab.cells += [losses, right]
            lab.trajectories += training_rows(losses, times)
            if case == "mlp_adam":
                lab.trajectories += training_rows(losses, 0.3, "epsilon_place")
    by = {(row.case, row.environment, row.output): row for row in lab.cells if row.family == "training"}
    lab.attributions = subsets(by["mlp_adam", "tf-2.21", "losses"], by["mlp_adam", "torch-2.13", "losses"], {"epsilon_place": 0.98})
    lab.claims = [claim(name, {"tf-2.21": {"verdict": "holds"}}) for name in ("K05", "K06", "B2")]
    lab.cases = {
        "rnn": {"title": "Recurrent layers", "question": "", "cases": {name: case_facts(f"the case {name}") for name in cases}},
        "training": {
            "title": "Training",
            "question": "",
            "cases": {name: case_facts(f"the case {name}") for name in ("mlp_sgd", "mlp_adam")},
        },
    }
    return lab


__all__ = ["LOSSES", "STEPS", "learning", "training_rows"]
