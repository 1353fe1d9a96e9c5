"""What can be asked of a sentence whatever its words: golden pages hold those."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w.-])[−-]?\d+(?:[.,]\d+)*(?:e-?\d+)?(?![\w-])")


def numbers(text: str) -> list[str]:
    """The numbers of a text in their order; those in names, such as ``tf-2.21`` and ``float32``, are none."""
    return _NUMBER.findall(text)


__all__ = ["numbers"]
