"""Which values of TOML and YAML may go from a configuration into the lab: into lists, variables of processes, and functions."""

from __future__ import annotations

from replab.config.faults import Faults
from replab.config.generators import INT64
from replab.visible import shown

MOST = 1000
"""Entries of a list: each is looked up, and told when it is wrong."""
NAME_BYTES = 255
"""Bytes of a name: file systems end there."""
TEXT = 10_000
"""Characters of a text that is a parameter or a variable."""
NESTED = 4
"""Depth of lists in a parameter: paddings are lists of pairs."""


def strings(value: object) -> list[str]:
    """The texts of a list; what is none is told elsewhere."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def check_texts(value: object, where: str, faults: Faults) -> None:
    """A list of different texts."""
    seen = set()
    if isinstance(value, list) and len(value) > MOST:
        faults.add(f"has {len(value)} entries, and may have {MOST}", where=where)
        return
    for text in value if isinstance(value, list) else ():
        if not isinstance(text, str) or not text or len(text) > NAME_BYTES:
            faults.add(f"must be a list of names, not of {shown(text)}", where=where)
        elif text in seen:
            faults.add(f"{shown(text)} stands there more than once", where=where)
        else:
            seen.add(text)


def variable_fault(value: object) -> str:
    """Why a value cannot be that of an environment variable."""
    if not isinstance(value, str) or len(value) > TEXT:
        return f"must be a text of at most {TEXT} characters, not {shown(value)}"
    return "" if value.isprintable() else f"has characters that a variable cannot carry: {shown(value)}"


def value_fault(value: object, depth: int = 0) -> str:
    """Why a value cannot go from a configuration to reference and implementations; nothing when it can.

    It travels as JSON, where infinities and NaN have a form of their own, and is part of keys: so numbers of 64 bits, texts, true and
    false, and lists of these. Not dates and times, which JSON lacks, and not tables, whose order frameworks would have to know.
    """
    match value:
        case bool() | float():
            return ""
        case int():
            return "" if -INT64 <= value < INT64 else f"is {shown(value)}, and a whole number has 64 bits"
        case str():
            if len(value) > TEXT or any("\ud800" <= letter <= "\udfff" for letter in value):
                return f"must be a text of at most {TEXT} characters without lone surrogates, not {shown(value)}"
            return ""
        case list():
            if depth >= NESTED:
                return f"has lists in more than {NESTED} levels"
            return next((fault for item in value if (fault := value_fault(item, depth + 1))), "")
        case _:
            return f"is a {type(value).__name__}, which cannot be passed on: numbers, texts, true, false and lists of these can"
