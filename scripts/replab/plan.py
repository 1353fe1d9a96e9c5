"""Which cells, batches and pairs a ``Lab`` means; pure and quick, since every remote job parses the workflow again."""

from __future__ import annotations

from collections.abc import Iterator

from replab.model import DTYPES, IMPL_FILE, Batch, Case, Cell, Environment, Family, Lab

COSTLY: dict[str, dict[str, tuple[tuple[str, ...], int]]] = {
    "quick": {"compile": (("float32",), 1), "xla": (("float32",), 1)},
    "full": {"compile": (("float32", "float64"), 1)},
}
"""Modes that compile each function for seconds: the dtypes and the highest order they are run for, by coverage. torch.compile has no second
derivative at all."""
SHARDS = {"ops": 6}
"""Judging is split by case, so that all cores have work; other families are judged whole."""


def batches(lab: Lab) -> tuple[Batch, ...]:
    """Every batch that has at least one cell to run, sorted."""
    found = [
        Batch(environment=environment.name, family=family.name, variant=variant.name)
        for environment in lab.environments
        for family in lab.families
        if (family.folder / IMPL_FILE[environment.framework]).is_file()
        for variant in lab.variants
    ]
    return tuple(sorted(found, key=lambda batch: (batch.environment, batch.family, batch.variant)))


def cells(family: Family, environment: Environment, variant: str, coverage: str = "full") -> Iterator[Cell]:
    """The cells of one batch in the order in which they run: case by case, cheap modes first."""
    modes = [mode for mode in ("eager", "session", "function", "script", "xla", "compile") if mode in environment.modes]
    for mode in modes:  # one mode after the other: the expensive ones last
        for case in family.cases:
            for dtype, grid, derivative in coordinates(case):
                yield Cell(
                    case=case,
                    dtype=dtype,
                    grid=grid,
                    derivative=derivative,
                    environment=environment.name,
                    framework=environment.framework,
                    mode=mode,
                    variant=variant,
                    left_out=_left_out(family, case, mode, (dtype, grid, derivative), coverage),
                )


def coordinates(case: Case) -> Iterator[tuple[str, str, int]]:
    """(dtype, grid, derivative order) of a case; the escalation of float32 comes right after it."""
    for derivative in range(case.derivatives + 1):
        for dtype in case.dtypes:
            yield dtype, "", derivative
            if dtype == "float32" and "float64" in case.dtypes and set(case.dtypes) <= set(DTYPES):
                yield "float64", "float32", derivative


def _left_out(family: Family, case: Case, mode: str, coordinate: tuple[str, str, int], coverage: str) -> str:
    """Why a cell is not run, or nothing."""
    reason = family.leave_out.get(mode, "")
    if reason and not (mode == "compile" and case.compile):
        return reason
    dtype, grid, derivative = coordinate
    dtypes, highest = COSTLY[coverage].get(mode, ((), 0))
    if dtypes and ((grid or dtype) not in dtypes or derivative > highest or (grid and mode == "compile")):
        return (
            f"{mode} is run for {' and '.join(dtypes)} up to derivative {highest} only, "
            f"since it compiles every function (coverage: {coverage})"
        )
    return ""


def shards(family: Family) -> int:
    """How many judging jobs a family is split into."""
    return min(SHARDS.get(family.name, 1), len({case.name.removesuffix(".special") for case in family.cases}))


def shard_cases(family: Family, shard: int) -> tuple[Case, ...]:
    """The cases of one shard: every n-th, a case and its special values together."""
    count = shards(family)
    bases = sorted({case.name.removesuffix(".special") for case in family.cases})
    mine = {base for place, base in enumerate(bases) if place % count == shard}
    return tuple(case for case in family.cases if case.name.removesuffix(".special") in mine)
