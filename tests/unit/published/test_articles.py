"""The code blocks of an article, and what may stand in its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replab.errors import ConfigError
from replab.published.articles import MOST_BYTES, needed_before, read, without_prompts

ARTICLE = """# A title

```python
import numpy as np
x = 1
```

Text with `code` in it.

~~~py
print(x)
~~~

```{.python .numberLines}
y = x
```

```bash
rm -rf /
```

```
from math import pi
```

```
$ a shell
```

    an indented block is no fence
"""


def write(folder: Path, text: str | bytes, name: str = "article.md") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_python_blocks_are_found_with_the_lines_where_they_begin(tmp_path: Path) -> None:
    blocks = read(write(tmp_path, ARTICLE))
    assert [(block.number, block.line, block.source) for block in blocks] == [
        (1, 4, "import numpy as np\nx = 1\n"),
        (2, 11, "print(x)\n"),
        (3, 15, "y = x\n"),
        (4, 23, "from math import pi\n"),
    ]


def test_a_notebook_has_its_code_cells_as_blocks(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": ["x = 1\n", "print(x)"]},
        {"cell_type": "code", "source": "%matplotlib inline"},
    ]
    blocks = read(write(tmp_path, json.dumps({"cells": cells}), "a.ipynb"))
    assert [(block.line, block.source) for block in blocks] == [(2, "x = 1\nprint(x)"), (3, "%matplotlib inline")]


def test_blocks_that_define_what_another_lacks_are_run_before_it(tmp_path: Path) -> None:
    blocks = read(write(tmp_path, "```python\nx = 1\n```\n```python\nz = 2\n```\n```python\nprint(x)\n```\n"))
    assert [block.number for block in needed_before(blocks[2], blocks, "x")] == [1, 2]
    assert needed_before(blocks[2], blocks, "never") == ()
    assert needed_before(blocks[0], blocks, "z") == ()


@pytest.mark.parametrize("source", ["def f():\n    pass", "class f: pass", "import f", "from a import b as f", "for f in x: pass", "f = 1"])
def test_every_way_to_define_a_name_counts(tmp_path: Path, source: str) -> None:
    (block,) = read(write(tmp_path, f"```python\n{source}\n```\n"))
    assert "f" in block.defines


def test_prompts_of_a_session_are_taken_away_with_what_it_answered() -> None:
    assert without_prompts(">>> x = 1\n>>> x\n1\n>>> for i in y:\n...     z\n") == "x = 1\nx\n\nfor i in y:\n    z\n"
    assert without_prompts("x > 1\n") == "x > 1\n"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("no code here", "a.md", "has no block of Python"),
        ("", "a.md", "has no block of Python"),
        (b"\xff\xfe\x00", "a.md", "is no text in UTF-8"),
        ("{", "a.ipynb", "is no notebook"),
        ("[]", "a.ipynb", "is no notebook"),
        ('{"cells": 3}', "a.ipynb", "is no notebook"),
        ("```python\nx = 1\n```\n" * 201, "a.md", "more than 200"),
        (b" " * (MOST_BYTES + 1), "a.md", "is larger than"),
    ],
)
def test_what_is_no_article_is_refused_with_a_sentence(tmp_path: Path, text: str | bytes, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(write(tmp_path, text, name))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read(tmp_path / "gone.md")
