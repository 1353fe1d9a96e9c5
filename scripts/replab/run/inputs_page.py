"""The page that documents how inputs are made: ``python -m replab.run.inputs_page`` prints it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator

from replab.config import generators
from replab.config.generators import Option
from replab.run.inputs import GENERATORS
from replab.run.markdown import table

HEAD = """\
# Inputs

What an input of a case may be made from: the kinds of generators and their options. `python -m replab.run.inputs_page` prints this page
from the declarations in `scripts/replab/config/generators.py` and `scripts/replab/run/inputs.py`; a test compares the two, and `make
accept` writes it anew.

```toml
[generators.rows]                  # a generator has a name, and cases name it …
kind = "normal"
shape = [32, 8]

[generators.kernel]
kind = "file"
path = "weights.npz"               # beside experiment.toml
name = "kernel"

[cases]
dense = { inputs = { x = "rows", w = "kernel", b = { kind = "uniform", shape = [4] } } }   # … or have one of their own
```

Inputs are bytes: made once, written below `results/inputs` under their SHA-256, and the same for every environment; the key of a result
holds that hash. Floats lie on the grid of the cell's dtype. Random numbers come from NumPy's PCG64 by ways whose bits NumPy promises to
keep, and depend on nothing but the options and `seed`. `replab list generators` shows those that there are, and which cases use them.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for kind in generators.KINDS for line in _section(kind)), *_seed()])


def _section(kind: str) -> Iterator[str]:
    given = inspect.signature(GENERATORS[kind]).parameters
    yield f"## {kind}"
    yield ""
    yield (inspect.getdoc(GENERATORS[kind]) or "").replace("``", "`")
    yield ""
    yield from table(
        ("option", "value", "default", "meaning"),
        [_row(name, option, given[name].default) for name, option in generators.KINDS[kind].items()],
    )
    yield ""


def _row(name: str, option: Option, default: object) -> tuple[str, str, str, str]:
    default_text = "must be given" if option.required else "" if default is None else f"`{json.dumps(default)}`".replace("Infinity", "inf")
    return f"`{name}`", option.expected, default_text, option.means


def _seed() -> Iterator[str]:
    yield "## Every kind"
    yield ""
    yield from table(("option", "value", "meaning"), [("`seed`", generators.SEED.expected, generators.SEED.means)])
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
