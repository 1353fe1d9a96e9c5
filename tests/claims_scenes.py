"""Worlds in which each rule of the published claims must say each of its verdicts, a few rows each."""

from __future__ import annotations

from collections.abc import Callable

from claims_world import TF, TORCH, World
from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, LAST_BITS, PROGRAMS_DIFFER, UNDECIDED, ClaimVerdict

Scene = Callable[[World], object]
Scenes = dict[ClaimVerdict, Scene]


def _right(claim: str, **more) -> Scenes:
    def wrong(world: World) -> None:
        world.cell("b", claims=claim, verdict="semantic", **more)

    def right(world: World) -> None:
        world.cell("a", claims=claim, **more)

    return {HOLDS: right, DOES_NOT_HOLD: wrong, IN_PART: lambda world: (right(world), wrong(world))}


def _right_in_modes(claim: str, case: str, **more) -> Scenes:
    """A case in two modes, right in both, in neither or in one; another case that is wrong decides nothing."""

    def scene(*verdicts: str) -> Scene:
        return lambda world: (
            world.cell("aside", claims=claim, verdict="semantic", **more),
            *(
                world.cell(case, claims=claim, verdict=verdict, mode=mode, **more)
                for verdict, mode in zip(verdicts, ("eager", "function"), strict=True)
            ),
        )

    return {HOLDS: scene("rounding", "rounding"), DOES_NOT_HOLD: scene("semantic", "semantic"), IN_PART: scene("rounding", "semantic")}


def _published(claim: str, agree: ClaimVerdict = DOES_NOT_HOLD, differ: ClaimVerdict = HOLDS, **more) -> Scenes:
    return {
        agree: lambda world: world.published("rounding", claims=claim, **more),
        differ: lambda world: world.published("semantic", "semantic", claims=claim, **more),
        PROGRAMS_DIFFER: lambda world: world.published("semantic", "rounding", claims=claim, **more),
    }


def _same(claim: str, case: str = "model", **more) -> Scenes:
    return {
        HOLDS: lambda world: world.both(case, "semantic", claims=claim, **more),
        LAST_BITS: lambda world: world.both(case, "rounding", claims=claim, **more),
        DOES_NOT_HOLD: lambda world: world.both(case, "identical", claims=claim, **more),
    }


def _pair_of(claim: str, kinds: dict[ClaimVerdict, str], **more) -> Scenes:
    return {verdict: lambda world, kind=kind: world.both("op", kind, claims=claim, **more) for verdict, kind in kinds.items()}


def _lengths(*errors: float) -> Scene:
    """The chain of the article over 100, 1 000 … numbers, with these largest errors in ULP."""
    return lambda world: [
        world.cell(f"cumsum_chain_{10 ** (place + 2)}", claims="K18", family="ops", ulp_max=error) for place, error in enumerate(errors)
    ]


def _gradients(**powers: float) -> Scene:
    """Gradients of two frameworks whose difference is the length to a power, for each network; without a power it wobbles."""

    def scene(world: World) -> None:
        for name, power in powers.items():
            for place, length in enumerate((4, 16, 64, 256, 1024)):
                wobble = 1.0 + 0.5 * (-1) ** place if not power else 1.0
                world.both(f"{name}_length_{length}", "rounding", claims="K05", derivative=1, distance=1e-8 * length**power * wobble)

    return scene


def _chain(value: str, verdict: str) -> Scene:
    return lambda world: world.cell("chain_of_powers", claims="A2", derivative=1, verdict=verdict, worst_result=f"0x1p+1 ({value})")


def _chains(*values: str) -> Scene:
    return lambda world: [
        world.cell("chain_of_powers", claims="A2", derivative=1, mode=mode, worst_result=f"0x1p+1 ({value})")
        for mode, value in zip(("eager", "function"), values, strict=True)
    ]


def _softmax(eager: str, function: str) -> Scene:
    """Of (1, 2, 3) eagerly and in a function; a longer vector that is wrong decides nothing."""
    return lambda world: (
        world.cell("softmax_3", claims="A3", family="ops", verdict=eager),
        world.cell("softmax_3", claims="A3", family="ops", verdict=function, mode="function"),
        world.cell("softmax_1000", claims="A3", family="ops", verdict="accuracy"),
    )


def _difference(verdict: str) -> Scene:
    return lambda world: (
        world.cell("central_1e-6", claims="D2", verdict=verdict, worst_result="0x1.ab3fp+3 (13.3514404)"),
        world.cell("cubic", claims="D2", derivative=1, verdict="identical"),
    )


def _steps(*verdicts: str) -> Scene:
    return lambda world: [world.cell(f"central_{place}", claims="K17", verdict=verdict) for place, verdict in enumerate(verdicts)]


def _derivatives(higher: str, custom: str, flow: str) -> Scene:
    return lambda world: (
        world.both("tanh", higher, claims="K04", derivative=2),
        world.both("custom_clip", custom, claims="K04", derivative=1),
        world.both("branch", flow, claims="K04,K03", derivative=1),
    )


def _trained(accuracy: str, weights: str) -> Scene:
    def scene(world: World) -> None:
        world.both("train", accuracy, claims="K06", output="accuracy", family="training")
        world.both("train", weights, claims="K06", output="weights_last", family="training")

    return scene


def _trained_well_and_badly(world: World) -> None:
    """A training that keeps its accuracy, and one in which rounding grows until another answer is right."""
    for case, accuracy, last in (("well", "identical", 1e-7), ("badly", "rounding", 0.5)):
        world.both(case, accuracy, claims="K06", output="accuracy", family="training", ulp_max=65536.0)
        world.both(case, "rounding", claims="K06", output="weights_first", family="training", distance=1e-8)
        world.both(case, "rounding", claims="K06", output="weights_last", family="training", distance=last)


def _library(kind: str, *switches: str) -> Scene:
    def scene(world: World) -> None:
        world.both("exp", kind, claims="K07")
        for switch in switches:
            world.variant("isa-avx2", switch, claims="K07", case="exp")

    return scene


def _singular(kind: str, tolerance: bool) -> Scene:
    def scene(world: World) -> None:
        world.both("pinv_near_singular", kind, claims="K09")
        if tolerance:
            world.default("pinv", "rcond", "1e-15", "1e-7", group="linear algebra")

    return scene


def _defaults(kind: str, explained: bool) -> Scene:
    return lambda world: world.published(kind, "rounding" if explained else "", claims="K08", factor="epsilon")


def _types(kind: str, differ: bool) -> Scene:
    def scene(world: World) -> None:
        world.both("round_trip", kind, claims="K16")
        if differ:
            world.default("float_dtype", "dtype", '"float64"', '"float32"', group="casting")

    return scene


def _flow(graph: str, pair: str) -> Scene:
    def scene(world: World) -> None:
        eager = world.cell("loop", claims="K03")
        bits = {"bits": eager["bits"]} if pair == "identical" else {}
        world.pair(eager, world.cell("loop", claims="K03", mode="session", verdict=graph, **bits), "mode", pair)

    return scene


def _masks(*verdicts: str, other: str = "rounding") -> Scene:
    """Without lengths, in two modes of TensorFlow; ``other`` is PyTorch's verdict."""
    return lambda world: (
        world.cell("lstm_forgotten_mask", claims="K11", verdict=other, environment=TORCH),
        *(
            world.cell("lstm_forgotten_mask", claims="K11", verdict=verdict, mode=mode)
            for verdict, mode in zip(verdicts, ("eager", "function"), strict=True)
        ),
    )


def _ratio(*values: float) -> Scene:
    return lambda world: [world.measure("time_ratio", "function", value, case=f"step_{place}") for place, value in enumerate(values)]


def _counts(name: str, eager: float, **graphs: float) -> Scene:
    def scene(world: World) -> None:
        world.measure(name, "eager", eager)
        for mode, value in graphs.items():
            world.measure(name, mode, value)

    return scene


def _graph_costs(gradient: float, again: float) -> Scene:
    def scene(world: World) -> None:
        world.measure("memory_value_mb", "function", 10.0)
        world.measure("memory_gradient_mb", "function", gradient, derivative=1)
        world.measure("retrace_shape_body_runs", "function", again)

    return scene


def _two_backwards(*values: float) -> Scene:
    return lambda world: [
        world.measure("gradient_after_two_backwards_ratio", mode, value) for mode, value in zip(("eager", "function"), values, strict=False)
    ]


def _order(threads: str, isa: str) -> Scene:
    return lambda world: (
        world.variant("threads-2", threads, claims="K19", case="sum"),
        world.variant("isa-sse", isa, claims="K19", case="dot"),
    )


def _fused(kind: str, power: float, noise: float = 0.0) -> Scene:
    def scene(world: World) -> None:
        for place, depth in enumerate((4, 16, 64, 256, 1024)):
            wobble = 1.0 + noise * (-1) ** place
            distance = 0.0 if kind == "identical" else 1e-8 * depth**power * wobble
            world.modes(kind, claims="K25", case=f"layers_{depth}", modes=("xla",), distance=distance)

    return scene


def _versions(version: str, isa: str) -> Scene:
    def scene(world: World) -> None:
        bits = {"bits": "same"} if version == "identical" else {}
        old, new = (world.cell("exp", claims="", environment=name, **bits) for name in ("tf-2.4", TF))
        world.pair(old, new, "version", version)
        world.variant("isa-sse", isa, case="sum")

    return scene


def _building(*kinds: str) -> Scene:
    return lambda world: [world.modes(kind, case=f"op{place}") for place, kind in enumerate(kinds)]


def _rewriting(mode: str, variant: str) -> Scene:
    return lambda world: (world.modes(mode, modes=("xla",)), world.variant("grappler-off", variant, case="other"))


SCENES: dict[str, Scenes] = {
    "A1": _right("A1"),
    "A2": {DOES_NOT_HOLD: _chain("192", "identical"), HOLDS: _chain("24", "semantic"), IN_PART: _chains("24", "192")},
    "A3": {
        HOLDS: _softmax("rounding", "rounding"),
        DOES_NOT_HOLD: _softmax("accuracy", "accuracy"),
        IN_PART: _softmax("rounding", "accuracy"),
    },
    "B1": _published("B1", case="train_linear", family="models"),
    "B2": _published("B2", agree=HOLDS, differ=DOES_NOT_HOLD, case="b2_lstm_masked", family="rnn"),
    "B3": {
        HOLDS: _counts("body_runs", 10, function=1, session=1),
        DOES_NOT_HOLD: _counts("body_runs", 10, function=10),
        IN_PART: _counts("body_runs", 10, function=1, xla=10),
    },
    "C1": _published("C1", case="regression_by_hand", family="models"),
    "C2": _published("C2", case="train_dropout", family="models"),
    "C3": _right_in_modes("C3", "cube", family="gradients", derivative=2, worst_result="0x1.8p+3 (12)"),
    "D1": _pair_of("D1", {HOLDS: "rounding", DOES_NOT_HOLD: "identical", IN_PART: "accuracy"}),
    "D2": {DOES_NOT_HOLD: _difference("accuracy"), HOLDS: _difference("rounding")},
    "D3": {
        HOLDS: lambda world: world.both("cumsum_chain", "rounding", claims="D3"),
        DOES_NOT_HOLD: lambda world: world.both("cumsum_chain", "rounding", claims="D3", ulp_max=0.7),
    },
    "E1": _same("E1"),
    "E2": _published("E2", case="e2_lstm_dense", family="rnn"),
    "E3": _right("E3"),
    "K01": {HOLDS: _building("rounding"), DOES_NOT_HOLD: _building("identical"), IN_PART: _building("rounding", "identical")},
    "K02": {
        HOLDS: _rewriting("rounding", "rounding"),
        DOES_NOT_HOLD: _rewriting("identical", "identical"),
        IN_PART: _rewriting("rounding", "identical"),
    },
    "K03": {HOLDS: _flow("semantic", "semantic"), DOES_NOT_HOLD: _flow("rounding", "identical"), LAST_BITS: _flow("rounding", "rounding")},
    "K04": {
        HOLDS: _derivatives("semantic", "semantic", "semantic"),
        DOES_NOT_HOLD: _derivatives("rounding", "rounding", "rounding"),
        IN_PART: _derivatives("rounding", "semantic", "rounding"),
    },
    "K05": {
        HOLDS: _gradients(lstm=0.5),
        DOES_NOT_HOLD: _gradients(lstm=-0.5),
        UNDECIDED: _gradients(lstm=0.0),
        IN_PART: _gradients(lstm=0.5, gru=-0.5),
    },
    "K06": {HOLDS: _trained("semantic", "rounding"), DOES_NOT_HOLD: _trained("identical", "rounding"), IN_PART: _trained_well_and_badly},
    "K07": {HOLDS: _library("rounding", "rounding"), DOES_NOT_HOLD: _library("identical"), IN_PART: _library("rounding", "identical")},
    "K08": {
        HOLDS: _defaults("semantic", explained=True),
        DOES_NOT_HOLD: _defaults("rounding", explained=False),
        IN_PART: _defaults("semantic", explained=False),
    },
    "K09": {
        HOLDS: _singular("semantic", tolerance=True),
        DOES_NOT_HOLD: _singular("rounding", tolerance=False),
        IN_PART: _singular("semantic", tolerance=False),
    },
    "K10": _pair_of("K10", {HOLDS: "rounding", DOES_NOT_HOLD: "identical"}),
    "K11": {
        HOLDS: _masks("semantic", "semantic"),
        DOES_NOT_HOLD: _masks("semantic", "semantic", other="semantic"),
        IN_PART: _masks("semantic", "rounding"),
    },
    "K12": {HOLDS: _ratio(0.2, 0.5), DOES_NOT_HOLD: _ratio(1.0, 3.0), IN_PART: _ratio(0.2, 3.0), UNDECIDED: _ratio(1.0, 1.05)},
    "K13": {
        HOLDS: _counts("line_events", 4, function=0, session=0),
        DOES_NOT_HOLD: _counts("line_events", 4, function=4),
        IN_PART: _counts("line_events", 4, function=1, session=4),
    },
    "K14": {HOLDS: _graph_costs(30.0, 1), DOES_NOT_HOLD: _graph_costs(10.0, 0), IN_PART: _graph_costs(30.0, 0)},
    "K15": {HOLDS: _two_backwards(1.0), DOES_NOT_HOLD: _two_backwards(2.0), IN_PART: _two_backwards(1.0, 2.0)},
    "K16": {
        HOLDS: _types("incomparable", differ=True),
        DOES_NOT_HOLD: _types("identical", differ=False),
        IN_PART: _types("rounding", differ=True),
    },
    "K17": {HOLDS: _steps("accuracy", "semantic"), DOES_NOT_HOLD: _steps("rounding"), IN_PART: _steps("accuracy", "rounding")},
    "K18": {
        HOLDS: _lengths(3.0, 10.0, 31.0, 100.0),
        DOES_NOT_HOLD: _lengths(0.5, 0.9, 0.7, 0.7),
        UNDECIDED: _lengths(3.0, 300.0, 2.0, 40.0),
    },
    "K19": {
        HOLDS: _order("rounding", "rounding"),
        IN_PART: _order("identical", "rounding"),
        DOES_NOT_HOLD: _order("identical", "identical"),
    },
    "K20": _same("K20", case="feed_forward", family="models"),
    "K21": _same("K21", derivative=1),
    "K22": _published("K22", case="simple_training", family="rnn"),
    "K23": _same("K23", case="lstm_carried", family="rnn"),
    "K24": {
        HOLDS: lambda world: world.both("sigmoid", "accuracy", claims="K24", family="ops"),
        DOES_NOT_HOLD: lambda world: world.both("sigmoid", "identical", claims="K24", family="ops"),
    },
    "K25": {
        HOLDS: _fused("rounding", 0.5),
        DOES_NOT_HOLD: _fused("identical", -0.5),
        IN_PART: _fused("rounding", -0.5),
        UNDECIDED: _fused("rounding", 0.0, noise=0.5),
    },
    "K26": {
        HOLDS: _versions("accuracy", "semantic"),
        LAST_BITS: _versions("rounding", "rounding"),
        DOES_NOT_HOLD: _versions("identical", "identical"),
        IN_PART: _versions("accuracy", "rounding"),
    },
}
