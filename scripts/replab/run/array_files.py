"""Reads the files of arrays that a family brings along."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replab.config import array_files
from replab.errors import ConfigError
from replab.formats import bits_to_float32


def read(folder: Path, text: str, name: str) -> NDArray[np.generic]:
    """The array in a file below ``folder``, that with a ``name`` where there are several; bfloat16 as float32.

    Raises ``ConfigError`` for what is missing, damaged, or no array of numbers.
    """
    kept, path = array_files.described(folder, text, name), array_files.path_below(folder, text)
    try:
        if path.suffix == ".npz":
            with array_files.opened_member(path, name) as (member, _):
                data = member.read()
        else:
            data = path.read_bytes()
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ConfigError(f"is damaged: {error}", where=text) from None
    code = np.dtype("uint16" if kept.dtype == "bfloat16" else kept.dtype)
    flat = np.frombuffer(data, code.newbyteorder(">" if kept.swapped else "<"), kept.size, kept.start).astype(code)
    values = flat.reshape(kept.shape, order="F" if kept.fortran else "C")
    return np.asarray(bits_to_float32(values) if kept.dtype == "bfloat16" else values)
