"""Worlds in which each rule of the published claims must say each of its verdicts, a few rows each."""

from __future__ import annotations

from collections.abc import Callable

from claims_world import TF, World
from replab.claims import DEPENDS, REFUTED, SUPPORTED

Scene = Callable[[World], object]
Scenes = dict[str, Scene]


def _right(claim: str, **more) -> Scenes:
    def wrong(world: World) -> None:
        world.cell("b", claims=claim, verdict="semantic", **more)

    def right(world: World) -> None:
        world.cell("a", claims=claim, **more)

    return {SUPPORTED: right, REFUTED: wrong, DEPENDS: lambda world: (right(world), wrong(world))}


def _published(claim: str, agree: str = REFUTED, differ: str = SUPPORTED, **more) -> Scenes:
    return {
        agree: lambda world: world.published("rounding", claims=claim, **more),
        differ: lambda world: world.published("semantic", "semantic", claims=claim, **more),
        DEPENDS: lambda world: world.published("semantic", "rounding", claims=claim, **more),
    }


def _same(claim: str, **more) -> Scenes:
    return {
        SUPPORTED: lambda world: world.both("model", "semantic", claims=claim, **more),
        DEPENDS: lambda world: world.both("model", "rounding", claims=claim, **more),
        REFUTED: lambda world: world.both("model", "identical", claims=claim, **more),
    }


def _pair_of(claim: str, kinds: dict[str, str], **more) -> Scenes:
    return {verdict: lambda world, kind=kind: world.both("op", kind, claims=claim, **more) for verdict, kind in kinds.items()}


def _grows(claim: str, **more) -> Scenes:
    return {
        SUPPORTED: lambda world: world.series("net_length", 0.5, claims=claim, **more),
        REFUTED: lambda world: world.series("net_length", -0.5, claims=claim, **more),
        DEPENDS: lambda world: world.series("net_length", 0.0, noise=0.5, claims=claim, **more),
    }


def _chain(value: str, verdict: str) -> Scene:
    return lambda world: world.cell("chain_of_powers", claims="A2", derivative=1, verdict=verdict, worst_result=f"0x1p+1 ({value})")


def _softmax(short: str, long: str) -> Scene:
    return lambda world: (world.cell("softmax_3", claims="A3", verdict=short), world.cell("softmax_1000", claims="A3", verdict=long))


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


def _masks(*verdicts: str) -> Scene:
    return lambda world: [
        world.cell("lstm_forgotten_mask", claims="K11", verdict=verdict, mode=mode)
        for verdict, mode in zip(verdicts, ("eager", "function"), strict=False)
    ]


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


def _fused(kind: str, power: float) -> Scene:
    def scene(world: World) -> None:
        world.modes(kind, claims="K25", case="gelu", modes=("xla",))
        world.series("layers", power, claims="K25")

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
    "A2": {REFUTED: _chain("192", "identical"), SUPPORTED: _chain("24", "semantic"), DEPENDS: _chain("190", "semantic")},
    "A3": {
        SUPPORTED: _softmax("rounding", "rounding"),
        REFUTED: _softmax("accuracy", "rounding"),
        DEPENDS: _softmax("rounding", "accuracy"),
    },
    "B1": _published("B1", family="models"),
    "B2": _published("B2", agree=SUPPORTED, differ=REFUTED),
    "B3": {
        SUPPORTED: _counts("body_runs", 10, function=1, session=1),
        REFUTED: _counts("body_runs", 10, function=10),
        DEPENDS: _counts("body_runs", 10, function=1, xla=10),
    },
    "C1": _published("C1"),
    "C2": _published("C2", family="models"),
    "C3": _right("C3", derivative=2),
    "D1": _pair_of("D1", {SUPPORTED: "rounding", REFUTED: "identical", DEPENDS: "accuracy"}),
    "D2": {REFUTED: _difference("accuracy"), SUPPORTED: _difference("rounding")},
    "D3": {
        SUPPORTED: lambda world: world.both("cumsum_chain", "rounding", claims="D3"),
        REFUTED: lambda world: world.both("cumsum_chain", "rounding", claims="D3", ulp_max=0.7),
    },
    "E1": _same("E1"),
    "E2": _published("E2"),
    "E3": _right("E3"),
    "K01": {SUPPORTED: _building("rounding"), REFUTED: _building("identical"), DEPENDS: _building("rounding", "identical")},
    "K02": {
        SUPPORTED: _rewriting("rounding", "rounding"),
        REFUTED: _rewriting("identical", "identical"),
        DEPENDS: _rewriting("rounding", "identical"),
    },
    "K03": {SUPPORTED: _flow("semantic", "semantic"), REFUTED: _flow("rounding", "identical"), DEPENDS: _flow("rounding", "rounding")},
    "K04": {
        SUPPORTED: _derivatives("semantic", "semantic", "semantic"),
        REFUTED: _derivatives("rounding", "rounding", "rounding"),
        DEPENDS: _derivatives("rounding", "semantic", "rounding"),
    },
    "K05": _grows("K05", derivative=1),
    "K06": {
        SUPPORTED: _trained("semantic", "rounding"),
        REFUTED: _trained("identical", "rounding"),
        DEPENDS: _trained("semantic", "semantic"),
    },
    "K07": {SUPPORTED: _library("rounding", "rounding"), REFUTED: _library("identical"), DEPENDS: _library("rounding", "identical")},
    "K08": {
        SUPPORTED: _defaults("semantic", explained=True),
        REFUTED: _defaults("rounding", explained=False),
        DEPENDS: _defaults("semantic", explained=False),
    },
    "K09": {
        SUPPORTED: _singular("semantic", tolerance=True),
        REFUTED: _singular("rounding", tolerance=False),
        DEPENDS: _singular("semantic", tolerance=False),
    },
    "K10": _pair_of("K10", {SUPPORTED: "rounding", REFUTED: "identical", DEPENDS: "semantic"}),
    "K11": {SUPPORTED: _masks("semantic", "semantic"), REFUTED: _masks("rounding", "rounding"), DEPENDS: _masks("semantic", "rounding")},
    "K12": {SUPPORTED: _ratio(0.2, 0.5), REFUTED: _ratio(1.0, 3.0), DEPENDS: _ratio(0.2, 3.0)},
    "K13": {
        SUPPORTED: _counts("line_events", 4, function=0, session=0),
        REFUTED: _counts("line_events", 4, function=4),
        DEPENDS: _counts("line_events", 4, function=0, session=4),
    },
    "K14": {SUPPORTED: _graph_costs(30.0, 1), REFUTED: _graph_costs(10.0, 0), DEPENDS: _graph_costs(30.0, 0)},
    "K15": {SUPPORTED: _two_backwards(1.0), REFUTED: _two_backwards(2.0), DEPENDS: _two_backwards(1.0, 2.0)},
    "K16": {
        SUPPORTED: _types("incomparable", differ=True),
        REFUTED: _types("identical", differ=False),
        DEPENDS: _types("rounding", differ=True),
    },
    "K17": {SUPPORTED: _steps("accuracy", "semantic"), REFUTED: _steps("rounding"), DEPENDS: _steps("accuracy", "rounding")},
    "K18": _grows("K18"),
    "K19": {SUPPORTED: _order("rounding", "rounding"), REFUTED: _order("identical", "identical"), DEPENDS: _order("identical", "rounding")},
    "K20": _same("K20"),
    "K21": _same("K21", derivative=1),
    "K22": _published("K22"),
    "K23": _same("K23"),
    "K24": {
        SUPPORTED: lambda world: world.both("sigmoid", "accuracy", claims="K24", family="ops"),
        REFUTED: lambda world: world.both("sigmoid", "identical", claims="K24", family="ops"),
        DEPENDS: lambda world: [
            world.both("sigmoid", kind, claims="K24", family="ops", dtype=dtype)
            for kind, dtype in (("rounding", "float32"), ("identical", "float64"))
        ],
    },
    "K25": {SUPPORTED: _fused("rounding", 0.5), REFUTED: _fused("identical", -0.5), DEPENDS: _fused("rounding", -0.5)},
    "K26": {
        SUPPORTED: _versions("rounding", "rounding"),
        REFUTED: _versions("identical", "identical"),
        DEPENDS: _versions("rounding", "identical"),
    },
}
