"""Made-up rows of the tables about causes, measurements, defaults, claims and sources. Nothing here is measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replab.store.rows import AttributionRow, CellRow, DefaultRow, MeasurementRow


def hypothesis(row: CellRow, factor: str = "unknown", value: str = "", truth: str = "", **more: Any) -> AttributionRow:
    """The reference with another value of a factor gives the result of a cell; ``unknown``: none of them does."""
    found = factor != "unknown"
    given: dict[str, Any] = {
        "share": 1.0 if found else float("nan"),
        "residual": 1e-7 if found else float("nan"),
        "verdict": row.verdict,
        "verdict_aligned": "rounding" if found else "",
        "z_aligned": 1.3 if found else float("nan"),
        "left_value": f"{factor} = {value}" if found else "",
        "right_value": f"{factor} = {truth}" if found else "",
        "named": found,
        "note": "" if found else "none of 4 other values explains it",
        "evidence": f"the reference with {factor} = {value}" if found else "",
        "role": row.role,
        "expect": row.factor if row.role == "control" else "",
    } | more
    return AttributionRow(
        family=row.family,
        case=row.base or row.case,
        method="hypothesis",
        axis="truth",
        pair=f"{row.environment}:{row.mode} | reference",
        factor=factor,
        dtype=row.dtype,
        derivative=row.derivative,
        left=row.id,
        right="reference",
        **given,
    )


def subsets(left: CellRow, right: CellRow, shares: dict[str, float], evidence: str = "", **more: Any) -> list[AttributionRow]:
    """Shares of the factors of a case between two environments; the factors with a share are enough."""
    enough = "+".join(sorted(name for name, value in shares.items() if value > 0))
    axis = "version" if left.framework == right.framework else "framework"
    given: dict[str, Any] = {
        "residual": 1.0 - sum(shares.values()),
        "verdict": "semantic",
        "verdict_aligned": "rounding",
        "discrepancy": 0.5,
        "discrepancy_aligned": 1e-7,
        "sufficient": enough,
        "evidence": evidence,
        "aligned_value": "1e-05",
        "left_value": "its own default",
        "right_value": "its own default",
    } | more
    return [
        AttributionRow(
            family=left.family,
            case=left.case,
            method="subsets",
            axis=axis,
            pair=f"{left.environment} | {right.environment}",
            factor=name,
            share=value,
            dtype=left.dtype,
            derivative=left.derivative,
            left=left.id,
            right=right.id,
            named=name in given["sufficient"].split("+"),
            **given,
        )
        for name, value in shares.items()
    ]


def switched(left: CellRow, right: CellRow, axis: str, variant: str = "", output: str = "out") -> AttributionRow:
    """A switch that makes two cells agree bit for bit; without a name, none does."""
    return AttributionRow(
        family=left.family,
        case=left.case,
        method="variant",
        axis=axis,
        pair=f"{left.environment}:{left.mode} | {right.environment}:{right.mode}",
        factor=variant or "unknown",
        share=1.0 if variant else float("nan"),
        residual=0.0 if variant else float("nan"),
        verdict_aligned="identical" if variant else "",
        sufficient=variant,
        named=bool(variant),
        dtype=left.dtype,
        derivative=left.derivative,
        left=left.id,
        right=right.id,
        note=f"output {output}" if variant else f"output {output}: none of the switches threads-2, isa-avx2",
    )


def measurement(row: CellRow, name: str, value: float, low: float | None = None, high: float | None = None, **more: Any) -> MeasurementRow:
    """What was measured of a cell."""
    given: dict[str, Any] = {"unit": "", "count": 30} | more
    return MeasurementRow(
        id=row.id,
        family=row.family,
        case=row.case,
        environment=row.environment,
        framework=row.framework,
        mode=row.mode,
        dtype=row.dtype,
        derivative=row.derivative,
        measurement=name,
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        **given,
    )


def default(environment: str, framework: str, api: str, parameter: str, value: str, **more: Any) -> DefaultRow:
    """A default that was read; ``absent`` or ``required`` say that there is none."""
    status = value if value in {"absent", "required"} else "read"
    given: dict[str, Any] = {
        "status": status,
        "comparable": value if status == "read" else "",
        "title": api.replace("_", " ").capitalize(),
        "group": "layers",
        "source": "signature",
        "api_name": f"{framework}.{api}",
        "reason": f"{framework} has no {parameter}" if status == "absent" else "",
    } | more
    return DefaultRow(api=api, parameter=parameter, environment=environment, framework=framework, value=value, **given)


def finding(verdict: str = "holds", number: float | None = 3.0, unit: str = "ULP at most", **more: Any) -> dict[str, Any]:
    """What a rule says about one environment."""
    return {"verdict": verdict, "number": number, "unit": unit, "words": f"{verdict} because of {number}", "evidence": []} | more


def claim(identity: str, by_environment: dict[str, dict[str, Any]], verdict: str = "holds", **more: Any) -> dict[str, Any]:
    """An entry of ``claims.json``."""
    return {
        "id": identity,
        "kind": "example" if identity[0] in "ABCDE" else "claim",
        "source": "",
        "statement": f"What {identity} states.",
        "verdict": verdict,
        "words": f"{verdict} on the whole.",
        "by_environment": by_environment,
        "rule": f"The rule of {identity}, in words.",
        "needs": f"what {identity} needs",
        "evidence": [],
    } | more


def source(
    identity: str,
    rank: int | None,
    lost: float | None,
    digits: float = 3.5,
    count: int = 5,
    of: int = 50,
    examples: Iterable[dict[str, str]] = (),
    cases: int = 2,
) -> dict[str, Any]:
    """An entry of ``sources.json``; without a rank it stands outside of the list."""
    return {
        "id": identity,
        "title": f"Source {identity}",
        "meaning": f"What {identity} means.",
        "remedy": f"How to remove {identity}.",
        "words": f"{count} of {of} results, in {cases} cases: ops.exp; a case loses {digits} digits in the median; 1 differ by more than 1 %, "
        "2 by more than 0.0001; factors: epsilon",
        "note": "none beyond rounding",
        "count": count,
        "of": of,
        "cases": cases,
        "lost": lost,
        "low": None if lost is None else lost / 2,
        "high": None if lost is None else min(2 * lost, 1.0),
        "kinds": {} if lost is None else {"models": lost / 4, "operations": lost},
        "digits": digits,
        "above_percent": 1,
        "above_ten_thousandth": 2,
        "beyond": 0.25,
        "median_ulp": 12.0,
        "factors": ["epsilon of layer_norm"],
        "examples": list(examples),
        "rank": rank,
    }
