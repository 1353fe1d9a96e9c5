"""The page that documents what experiments and variants may say: ``python -m replab.run.experiments_page`` prints it."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields

from replab.config import candidates, cases, families, variants
from replab.config.records import TYPES, Fields, fields_of
from replab.model import Case, Family, Variant
from replab.run.markdown import table

HEAD = """\
# What experiments may say

Every field of `experiments/*/experiment.toml` and of `config/variants.toml`. `python -m replab.run.experiments_page` prints this page from
the declarations in `scripts/replab/model.py` and `scripts/replab/config/`; a test compares the two, and `make accept` writes it anew.
[architecture.md](architecture.md#experiments) shows a family, [inputs.md](inputs.md) the kinds of inputs and their options,
[references.md](references.md) what `np` and `special` offer in `reference.py`, [causes.md](causes.md) explains factors, and
[controls.md](controls.md) cases whose outcome is known.

A *list* is one of texts, without repetitions. Unknown fields are refused, all faults at once and each with its place.

## Modules and files of your own

A family is one folder, and may hold more than the files that the lab looks for: models as they are used elsewhere, trained weights, a batch
of data.

    mine/
      experiment.toml  reference.py  impl_tf.py  impl_torch.py
      my_keras.py                    import my_keras              in impl_tf.py
      net/__init__.py  net/blocks.py from net.blocks import Net   in impl_torch.py
      layers.py                      import layers                in reference.py
      weights.npz                    { kind = "file", path = "weights.npz", name = "kernel" }

Modules and packages beside `experiment.toml` can be imported from implementations, from `reference.py` and from each other. The key of a
result holds what they do, and what they import in turn: an edit runs again what depends on it, a comment nothing. Those of a reference
follow the [rules of references](architecture.md#experiments), constants at the top of a module included. A module that is called like one
of Python or of an installed package is not found in a sandbox: names of families come last. Code that makes names of modules while it
runs (`importlib`) depends on all of them.

Inputs from files are described in [inputs.md](inputs.md#file). The files are part of the family: they are published with it, and what is
read from them is hashed like every input.
"""
OWN_TYPES = {"compile": 'true, false or `"values"`'}
OWN_DEFAULTS = {
    (Case, "title"): "its name in words",
    (Case, "function"): "its name",
    (Case, "inputs"): "must be given",
    (Case, "compile"): "false",
    (Case, "own_float64"): "true; false for a `program`",
    (Case, "measure_compiled"): "as `measure`",
    (Family, "leave_out"): "`{}`",
    (Variant, "frameworks"): "all",
}
"""Where the default of a field is not that of its record."""
TURNED = {
    "reference": "Function of `reference.py`, where it is called otherwise than that of the implementations",
    "subject": "A table of `[subjects]` whose fields this case has where it does not say otherwise",
    "plant": "By factor of the subject: the wrong value that the implementations of this case have. It stands for a `control`",
    "candidates": "Tables of candidates (below): their choices become factors where the reference takes them with a default",
    "generators": "Generators of inputs by name, each a table with its `kind` and [its options](inputs.md)",
    "subjects": "What several cases share: fields of a case, among them `factors`, by name",
    "defaults": "Fields of a case, for every case that does not say otherwise",
}
"""Fields that are turned into others when they are read."""
CANDIDATES = """\
Choices on which implementations differ, ready to be tried on a result that differs (`config/candidates.toml`). A case that says
`candidates = ["batch_norm", "convolution"]` has those as factors that its reference takes as keyword arguments with a default: an argument
called like the choice, or ending in `_` and its name (`first_epsilon`). The default is what is right; implementations need not know of it.
*Fitted* ones are also estimated from the result."""
VERSIONS = 'Frameworks in which the switch exists, each with its versions where not all have it: `"tensorflow>=2.9"` (PEP 440)'


def page() -> str:
    """The whole page."""
    family = {**fields_of(Family, made=families.MADE), "generators": (dict,), "subjects": (dict,), "defaults": (dict,), "cases": (dict,)}
    sections = [
        ("A family", "The keys of `experiment.toml`.", _fields(Family, family)),
        ("A case", "A table of `[cases]`; `NAME.special` and `NAME.aligned-…` are made from it.", _fields(Case, cases.FIELDS)),
        ("Candidates", CANDIDATES, _candidates()),
        ("A variant", "A table of `config/variants.toml`; `default` is always there.", _fields(Variant, variants.FIELDS)),
    ]
    return "\n".join([HEAD, *(f"## {title}\n\n{about}\n\n" + "\n".join(lines) + "\n" for title, about, lines in sections)])


def _fields(record: type, table_fields: Fields) -> Iterator[str]:
    meanings = _meanings(record) | TURNED | ({"frameworks": VERSIONS} if record is Variant else {})
    defaults = {field.name: _default(field.default, field.default_factory) for field in fields(record)}
    rows = [
        (
            f"`{name}`",
            OWN_TYPES.get(name) or " or ".join(TYPES[kind] for kind in kinds),
            OWN_DEFAULTS.get((record, name), defaults.get(name, "")),
            meanings[name],
        )
        for name, kinds in table_fields.items()
    ]
    return table(("field", "type", "default", "meaning"), rows)


def _default(value: object, factory: object) -> str:
    """A default as TOML writes it; nothing where there is none, or where it is to be without."""
    if callable(factory):
        return f"`{json.dumps(factory())}`"
    return "must be given" if value is MISSING else "" if value is None or value in ("", ()) else f"`{_written(value)}`"


def _written(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _meanings(record: type) -> dict[str, str]:
    """The texts below the fields of a record, by field, without the last full stop."""
    (declared,) = ast.parse(inspect.getsource(record)).body
    lines = declared.body if isinstance(declared, ast.ClassDef) else []
    meanings: dict[str, str] = {}
    for line, after in itertools.pairwise(lines):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(after, ast.Expr):
            meanings[line.target.id] = " ".join(str(ast.literal_eval(after.value)).split()).replace("``", "`").removesuffix(".")
    return meanings


def _candidates() -> Iterator[str]:
    rows = []
    for title, choices in candidates.tables().items():
        rows.append((f"**{title}**", "", "", ""))
        for name, candidate in choices.items():
            values = ", ".join(f"`{json.dumps(value)}`" for value in candidate.values)
            rows.append((f"`{name}`", values, "yes" if candidate.fit else "", candidate.title))
    return table(("choice", "values that are tried", "fitted", "what is chosen"), rows)


if __name__ == "__main__":
    sys.stdout.write(page())
