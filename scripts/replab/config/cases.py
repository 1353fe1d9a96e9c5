"""Reads one table of ``[cases]``: which fields it may have is derived from ``model.Case``, so that a new one is declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from replab import ids
from replab.config import candidates, factors as factor_tables, generators as kinds
from replab.config.faults import Faults
from replab.config.implementations import REFERENCE
from replab.config.records import check_fields, fields_of
from replab.config.subjects import Subject, complete
from replab.config.values import value_fault
from replab.model import DTYPES, MODES, Case, Control, Factor, Generator
from replab.plan.alignment import aligned_cases
from replab.texts import nearest
from replab.visible import shown

MEASUREMENTS = ("time", "body_runs", "retrace", "memory", "debug", "accumulate")
"""What the probe can measure beside the outputs of a cell."""
COMPILE: dict[object, Literal["", "values", "all"]] = {False: "", True: "all", "values": "values"}
"""What the field ``compile`` of a case may say."""
KINDS = tuple(kinds.KINDS)
"""Kinds of generators, one function of ``replab.run.inputs`` each (a test ties the two)."""
DERIVATIVES = 4
"""The highest order of derivatives: each is the gradient of the one before, so that its graph, its truth in balls and its time grow several
times with each order. No framework's users ask for more, and at order 10 certifying one case takes hours."""
FACTORS = 32
"""Factors of one case: each is run alone and left out alone, which is two runs more per environment."""
INPUTS = 64
SPECIAL_INPUTS = 5
"""Inputs of a case with special values: all combinations of them are tried, 32 768 with five."""
INTEGER_DTYPES = ("int32", "int64", "bool")
FIELDS = {
    **fields_of(Case, made=("family", "name", "base", "aligned", "implemented_as")),
    "compile": (bool, str),
    "reference": (str,),
    "subject": (str,),
    "plant": (dict,),
    "candidates": (list,),
}
"""What a case may say: what its record holds beyond what the lab makes of it, and five fields that are turned into others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseReader:
    """Reads the cases of one family."""

    family: str
    folder: Path
    """Where its functions are."""
    file: str
    """The file, as its readers know it."""
    defaults: Mapping[str, Any]
    generators: Mapping[str, Generator]
    subjects: Mapping[str, Subject]
    faults: Faults

    def read(self, name: str, fields: object) -> list[Case]:
        """A case and the cases that are made from it: special values, and the runs in which factors are aligned."""
        where, faults = f"{self.file}: cases.{name}", self.faults
        before = len(faults.errors)
        if fault := ids.check_name(name, "a case"):
            faults.errors.append(fault.within(where))
        if not isinstance(fields, dict):
            faults.add("must be a table", where=where)
            return []
        given: dict[str, Any]
        given, shared = complete(fields, self.defaults, self.subjects, where, faults)
        check_fields(given, FIELDS, where, faults)
        if len(faults.errors) > before:
            return []
        case = self._case(name, given, shared, where)
        _check(case, given, where, faults, self.folder)
        return _with_those_made(case) if len(faults.errors) == before else []

    def _case(self, name: str, given: Mapping[str, Any], shared: Mapping[str, Factor], where: str) -> Case:
        """The case that a table with fields of the right types declares; what is not said has the default of ``model.Case``."""
        fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        function = given.get("function", name)
        fields["function"] = fields.pop("reference", function)
        fields["implemented_as"] = function if fields["function"] != function else ""
        fields.setdefault("title", name.replace("_", " "))
        fields.setdefault("own_float64", not given.get("program", False))  # whole programs cost most
        fields["inputs"] = self._inputs(given.get("inputs", {}), where)
        if (compiled := given.get("compile", False)) not in COMPILE:
            self.faults.add(f'compile must be true, false or "values", not {shown(compiled)}', where=where)
        fields["compile"] = COMPILE.get(compiled, "")
        fields["control"] = _load_control(given["control"], where, self.faults) if "control" in given else None
        declared = factor_tables.load_factors(given.get("factors", {}), f"{where}: factors", self.faults)
        fields["factors"] = {
            **candidates.factors(fields.pop("candidates", ()), self.folder / REFERENCE, fields["function"], where, self.faults),
            **shared,
            **declared,
        }
        return Case(family=self.family, name=name, **fields)

    def _inputs(self, given: Mapping[str, Any], where: str) -> dict[str, Generator]:
        """The generator of each input: one of the family's by name, or its own."""
        inputs: dict[str, Generator] = {}
        for argument, generator in given.items():
            if not argument.isidentifier():
                self.faults.add(f"{shown(argument)} is no name for an input", where=where, hint="Use letters, digits and '_'")
            elif isinstance(generator, dict):
                inputs |= load_generators({argument: generator}, where, self.faults, self.folder)
            elif not isinstance(generator, str) or generator not in self.generators:
                hint = nearest(generator, self.generators)
                self.faults.add(f"input {argument!r} names no generator {shown(generator)}", where=where, hint=hint)
            else:
                inputs[argument] = self.generators[generator]
        return inputs


def _check(case: Case, given: Mapping[str, Any], where: str, faults: Faults, folder: Path) -> None:
    """What fields of the right types may not say, alone or together; ``given`` is the table."""
    _check_inputs(case, given.get("inputs", {}), where, faults, folder)
    _check_names(case, given, where, faults)
    if not 0 <= case.derivatives <= DERIVATIVES:
        faults.add(f"derivatives must be 0 to {DERIVATIVES}, not {shown(case.derivatives)}", where=where)
    for parameter, value in case.parameters.items():
        if not parameter.isidentifier():
            faults.add(f"{shown(parameter)} is no name for a parameter", where=where, hint="It becomes a keyword argument")
        elif problem := value_fault(value):
            faults.add(problem, where=f"{where}: parameters.{parameter}")
    if len(case.factors) > FACTORS:
        faults.add(f"has {len(case.factors)} factors, and may have {FACTORS}", where=where)
    for factor, choice in case.factors.items():
        for value in (choice.aligned, *choice.sides.values(), *choice.alternatives):
            if problem := value_fault(value):
                faults.add(problem, where=f"{where}: factors.{factor}")


def _check_names(case: Case, given: Mapping[str, Any], where: str, faults: Faults) -> None:
    """Words that must be names, or be among those that are known."""
    known_dtypes, modes = (*DTYPES, *INTEGER_DTYPES), {mode for group in MODES.values() for mode in group}
    if not case.dtypes:
        faults.add("dtypes is empty: nothing would be run", where=where, hint=f"Known: {', '.join(known_dtypes)}")
    for dtype in case.dtypes:
        if dtype not in known_dtypes:
            faults.add(f"there is no dtype {dtype!r}", where=where, hint=nearest(dtype, known_dtypes))
    for constant in case.constants:
        if constant not in given.get("inputs", {}):
            faults.add(f"constants names no input {constant!r}", where=where)
    for key in ("function", "reference", "title"):
        if key in given and not (given[key] if key == "title" else given[key].isidentifier()):
            faults.add(f"{key} cannot be {shown(given[key])}", where=where)
    for output in case.outputs:
        if not output.isidentifier():
            faults.add(f"{shown(output)} is no name for an output", where=where, hint="Use letters, digits and '_'")
    for mode in case.modes:
        if mode not in modes:
            faults.add(f"there is no mode {mode!r}", where=where, hint=nearest(mode, modes))
    for measurement in (*case.measure, *(case.measure_compiled or ())):
        if measurement not in MEASUREMENTS:
            faults.add(f"cannot measure {measurement!r}", where=where, hint=nearest(measurement, MEASUREMENTS))


def _check_inputs(case: Case, given: Mapping[str, Any], where: str, faults: Faults, folder: Path) -> None:
    """Too few inputs or too many, too large ones together, or one that would be empty in one of the case's dtypes."""
    if not given:
        faults.add("needs inputs", where=where)
    limit = SPECIAL_INPUTS if case.special else INPUTS
    if len(given) > limit:
        why = ", of which all combinations of special values are tried" if case.special else ""
        faults.add(f"has {len(given)} inputs{why}, and may have {limit}", where=where)
    total = 0
    dtypes = [dtype for dtype in case.dtypes if dtype in (*DTYPES, *INTEGER_DTYPES)]
    for name, generator in case.inputs.items():
        if any(True for _ in kinds.faults(generator.kind, generator.options, folder)):
            continue  # told where it is declared
        total += kinds.size(generator.kind, generator.options, folder)
        if generator.kind == "float_range" and (fault := kinds.empty_window(generator.options, dtypes, derivatives=case.derivatives > 0)):
            faults.add(fault, where=f"{where}: {name}")
    if total > kinds.ELEMENTS:
        faults.add(f"its inputs have {total} elements, and may have {kinds.ELEMENTS}", where=where)


def _with_those_made(declared: Case) -> list[Case]:
    """A case, those in which some of its factors are aligned, and that with special values where it asks for one."""
    case = replace(declared, special=False)
    cases = [case, *aligned_cases(case)]
    if declared.special:
        cases.append(
            replace(
                case,
                name=f"{case.name}.special",
                base=case.name,
                title=f"{case.title}, special values",
                special=True,
                derivatives=0,
                elementwise=False,
                compile="",
                claims=(),
                measure=(),
            )
        )
    return cases


def load_generators(data: Mapping[str, Any], file: str, faults: Faults, folder: Path) -> dict[str, Generator]:
    """Generators by name: the table ``[generators]`` of a family (in ``folder``), or one that an input declares for itself."""
    generators = {}
    for name, options in data.items():
        where = f"{file}: generators.{name}"
        if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
            faults.add("needs a kind", where=where, hint=f"Known: {', '.join(KINDS)}")
        elif options["kind"] not in KINDS:
            faults.add(f"there is no kind {shown(options['kind'])}", where=where, hint=nearest(options["kind"], KINDS))
        else:
            rest = {key: value for key, value in options.items() if key != "kind"}
            for option, problem in kinds.faults(options["kind"], rest, folder):
                faults.add(problem, where=f"{where}.{option}" if option else where)
            generators[name] = Generator(name=name, kind=options["kind"], options=rest)
    return generators


def _load_control(fields: Mapping[str, Any], where: str, faults: Faults) -> Control | None:
    """What a case with a known outcome says of it."""
    sound = fields.get("expect") in ("rounding", "semantic") and not set(fields) - {"expect", "factor", "value"}
    if not sound or not isinstance(fields.get("factor", ""), str):
        faults.add('control must read { expect = "rounding" } or { expect = "semantic", factor = "…" }', where=where)
        return None
    if fault := value_fault(fields.get("value", "")):
        faults.add(fault, where=f"{where}: control.value")
    return Control(**fields)
