"""The code blocks of an article: of a Markdown file, or of a notebook."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from replab import jsons
from replab.errors import ConfigError

PYTHON = frozenset({"python", "py", "python3", "py3", "python2", "ipython", "pycon"})
"""First words behind a fence that mean Python; a block without a word is taken for Python where it can be read as such."""
MOST_BYTES = 5_000_000
MOST_BLOCKS = 200
PROMPT = re.compile(r"^(?:>>> |\.\.\. |>>>$|\.\.\.$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One piece of code of an article."""

    number: int
    """From 1 on."""
    line: int
    """Where it begins in the file, from 1 on; the number of the cell in a notebook."""
    source: str

    @property
    def defines(self) -> frozenset[str]:
        """Names that it leaves to those after it; none where it is no Python."""
        return frozenset(_bound(self.source))


def read(path: Path) -> tuple[Block, ...]:
    """The Python blocks of a Markdown file (``.md``, ``.markdown``, ``.txt``) or a notebook (``.ipynb``), in order.

    Raises ``ConfigError`` where the file is missing, too large, no text, or has no block of Python.
    """
    where = str(path)
    if not path.is_file():
        raise ConfigError("there is no such file", where=where, hint="Name a Markdown file or a notebook")
    if path.stat().st_size > MOST_BYTES:
        raise ConfigError(f"is larger than {MOST_BYTES // 1_000_000} MB", where=where, hint="An article is a text, and not its data")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no text in UTF-8 ({error.reason})", where=where, hint="Save it as UTF-8") from None
    sources = _cells(text, where) if path.suffix.lower() == ".ipynb" else _fences(text)
    blocks = tuple(Block(number=number, line=line, source=source) for number, (line, source) in enumerate(sources, 1))
    if not blocks:
        raise ConfigError("has no block of Python", where=where, hint="Code stands between lines of ```python and ```")
    if len(blocks) > MOST_BLOCKS:
        raise ConfigError(f"has {len(blocks)} blocks of code, more than {MOST_BLOCKS}", where=where, hint="Divide it")
    return blocks


def _fences(text: str) -> Iterable[tuple[int, str]]:
    for token in MarkdownIt("commonmark").parse(text):
        if token.type != "fence" or token.map is None:
            continue
        words = re.split(r"[\s,{}.]+", token.info.strip().strip("{.}").lower())
        if words[0] in PYTHON or (not words[0] and _is_python(token.content)):
            yield token.map[0] + 2, without_prompts(token.content)


def _cells(text: str, where: str) -> Iterable[tuple[int, str]]:
    try:
        cells = jsons.tables(jsons.table(json.loads(text))["cells"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(f"is no notebook: {error}", where=where, hint="Save it from Jupyter in format 4") from None
    for number, cell in enumerate(cells, 1):
        source = cell.get("source", "")
        if cell.get("cell_type") == "code":
            yield number, "".join(map(str, source)) if isinstance(source, list) else str(source)


def without_prompts(source: str) -> str:
    """What was typed, of a session that was copied with its prompts; other code as it is."""
    lines = source.split("\n")
    if not any(line.startswith(">>> ") for line in lines):
        return source
    return "\n".join(PROMPT.sub("", line) if PROMPT.match(line) else "" for line in lines)


def _is_python(source: str) -> bool:
    tree = _parsed(source)
    return tree is not None and any(isinstance(node, ast.Import | ast.ImportFrom | ast.Call | ast.FunctionDef) for node in ast.walk(tree))


def _parsed(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in texts of others
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _bound(source: str) -> Iterable[str]:
    tree = _parsed(source)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def needed_before(block: Block, blocks: Iterable[Block], name: str) -> tuple[Block, ...]:
    """The blocks that a reader has run before ``block`` where it lacks ``name``: all before it, if one of them defines that; else none."""
    before = tuple(earlier for earlier in blocks if earlier.number < block.number)
    return before if any(name in earlier.defines for earlier in before) else ()


def write(blocks: Iterable[Block], folder: Path) -> dict[int, Path]:
    """Each block as a file of its own in ``folder``, by its number. Raises ``OSError``."""
    paths = {}
    for block in blocks:
        paths[block.number] = folder / f"block_{block.number}.py"
        paths[block.number].write_bytes(block.source.encode("utf-8", "replace"))
    return paths


__all__ = ["Block", "needed_before", "read", "without_prompts", "write"]
