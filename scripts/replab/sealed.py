"""JSON files that carry a checksum of their own content, for what the lab keeps and no other file names by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from replab import files
from replab.errors import StoreError

SEAL = "sha256"
"""The key of the checksum: that of all the others, as ``json.dumps(…, sort_keys=True)`` writes them."""
LIMIT = 256 << 20
"""Bytes of such a file: the list of a bundle with a million results."""


def seal(data: Mapping[str, object]) -> bytes:
    """``data`` with its checksum, as the bytes of a file."""
    bare = {key: value for key, value in data.items() if key != SEAL}  # what was sealed before may be sealed again
    return _text({**bare, SEAL: _digest(bare)})


def read(path: Path, hint: str = "") -> dict[str, object]:
    """What was sealed, without the checksum. Raises ``StoreError`` when it is missing, damaged, or was never sealed."""
    try:
        data = files.read_bytes(path, limit=LIMIT, kind=StoreError)
    except FileNotFoundError:
        raise StoreError("is missing", where=str(path), hint=hint) from None
    body = decoded(data)
    if body is None:
        raise StoreError("is damaged: no JSON table", where=str(path), hint=hint)
    named = body.pop(SEAL, None)
    if named != (digest := _digest(body)) or data != _text({**body, SEAL: digest}):
        problem = "carries no checksum" if named is None else "is damaged: it does not have the checksum that it names"
        raise StoreError(problem, where=str(path), hint=hint)
    return body


def decoded(data: bytes) -> dict[str, object] | None:
    """A JSON table; None for anything else, whatever it is."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _digest(data: Mapping[str, object]) -> str:
    return hashlib.sha256(_text(data)).hexdigest()


def _text(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, sort_keys=True).encode()
