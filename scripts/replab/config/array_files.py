"""Files of arrays that a family brings along: what their headers say, read without NumPy, so that a wrong one is a fault of the family."""

from __future__ import annotations

import ast
import json
import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from replab.errors import ConfigError

ENDINGS = (".npy", ".npz", ".safetensors")
MAGIC = b"\x93NUMPY"
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    MemoryError,
    NotImplementedError,
)
"""What reading the header of a file may raise that is not as it should be."""
HEADER = 2**20
"""Bytes of a header: those of NumPy have 128, those of large models some thousands."""
OF_NUMPY = {"b1": "bool", "f2": "float16", "f4": "float32", "f8": "float64"} | {
    f"{kind}{size}": f"{'u' if kind == 'u' else ''}int{8 * size}" for kind in "iu" for size in (1, 2, 4, 8) if (kind, size) != ("u", 8)
}
"""What may lie in a file, by NumPy's codes."""
OF_SAFETENSORS = {"BOOL": "bool", "BF16": "bfloat16"} | {
    f"{name[0].upper()}{name.lstrip('uintfloa')}": name for name in OF_NUMPY.values() if name != "bool"
}
"""The same by the codes of safetensors."""
BYTES = {"bool": 1, "bfloat16": 2, **{name: int("".join(filter(str.isdigit, name))) // 8 for name in OF_NUMPY.values() if name != "bool"}}


@dataclass(frozen=True, slots=True)
class Described:
    """An array as the header of its file describes it."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """The byte at which its data begin, in the file or in its member."""
    fortran: bool = False
    swapped: bool = False
    """Whether its bytes stand in the order of the other kind of machine (big-endian)."""

    @property
    def size(self) -> int:
        """Its elements."""
        return math.prod(self.shape)


def faults(folder: Path, options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What is wrong with the file of an input, whose options are sound by themselves: the option and the problem."""
    try:
        kept = described(folder, str(options["path"]), str(options.get("name", "")))
    except ConfigError as error:
        yield "path", f"{error.problem}{f' ({error.hint})' if error.hint else ''}"
        return
    if (shape := options.get("shape")) is not None and shape != list(kept.shape):
        yield "shape", f"{options['path']} has the shape {list(kept.shape)}, not {shape}"
    if not kept.size:
        yield "path", f"{options['path']} has no element, and nothing can be computed of it"


def path_below(folder: Path, text: str) -> Path:
    """The file of a family that a path names.

    Raises ``ConfigError`` for one that is not there, or lies elsewhere.
    """
    path = folder / text
    if Path(text).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{text} lies outside of the family: a family is one folder, which can be published and run elsewhere")
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{text} is no file of arrays: known are {', '.join(ENDINGS)}")
    if not path.exists():
        raise ConfigError(f"{text} does not exist in {folder}")
    if not path.is_file():
        raise ConfigError(f"{text} is not a file")
    return path


def described(folder: Path, text: str, name: str = "") -> Described:
    """What the header of a file says of its array; of the one with a ``name`` where it holds several.

    Raises ``ConfigError``.
    """
    path = path_below(folder, text)
    try:
        if path.suffix == ".npz":
            with opened_member(path, name) as (file, size):
                return _of_numpy(file, size, f"{text}: {name}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if path.suffix == ".safetensors":
                return _of_safetensors(file, size, name, text)
            if name:
                raise ConfigError(f"{text} holds one array, which has no name")
            return _of_numpy(file, size, text)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{text} cannot be read: {error.strerror}") from None
    except DAMAGES as error:
        raise ConfigError(f"{text} is damaged: {str(error) or type(error).__name__}") from None


@contextmanager
def opened_member(path: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """An array of an ``.npz`` file as a file, and its size. Raises ``ConfigError`` where there is none of that name."""
    with zipfile.ZipFile(path) as archive:
        names = [member.removesuffix(".npy") for member in archive.namelist()]
        if name not in names:
            raise ConfigError(_which(path.name, name, names))
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            yield file, info.file_size


def _which(text: str, name: str, names: list[str]) -> str:
    listed = ", ".join(sorted(names)[:12]) + (", …" if len(names) > 12 else "")  # a line of them
    return f"{text} has no array {name!r}, only {listed}" if name else f"{text} holds several arrays: say name = one of {listed}"


def _of_numpy(file: IO[bytes], size: int, text: str) -> Described:
    begin = file.read(12)
    if begin[:6] != MAGIC:
        raise ConfigError(f"{text} is damaged: it does not begin as a file of NumPy does")
    wide = 2 if begin[6] == 1 else 4
    length = int.from_bytes(begin[8 : 8 + wide], "little")
    if length > HEADER:
        raise ConfigError(f"{text} is damaged: its header would have {length} bytes")
    head = begin[8 + wide :] + file.read(length - (4 - wide))
    header = ast.literal_eval(head.decode("latin1" if begin[6] < 3 else "utf-8").strip())
    code, shape = header["descr"], header["shape"]
    kind = OF_NUMPY.get(code.lstrip("<>|=")) if isinstance(code, str) else None
    if kind is None:
        raise ConfigError(f"{text} holds {code!r}: an input is an array of numbers, and of no objects, texts, records or complex numbers")
    kept = Described(kind, tuple(map(int, shape)), 8 + wide + length, bool(header["fortran_order"]), swapped=code.startswith(">"))
    _enough(kept, size, text)
    return kept


def _of_safetensors(file: IO[bytes], size: int, name: str, text: str) -> Described:
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(HEADER, size - 8):
        raise ConfigError(f"{text} is damaged: its header would have {length} bytes")
    header = json.loads(file.read(length))
    names = [key for key in header if key != "__metadata__"]
    if name not in names:
        raise ConfigError(_which(text, name, names))
    code, (start, end) = header[name]["dtype"], header[name]["data_offsets"]
    if code not in OF_SAFETENSORS:
        raise ConfigError(f"{text}: {name} holds {code}, of which an input is not made")
    kept = Described(OF_SAFETENSORS[code], tuple(map(int, header[name]["shape"])), 8 + length + int(start))
    if end - start != kept.size * BYTES[kept.dtype]:
        raise ConfigError(f"{text} is damaged: {name} has {end - start} bytes, and its shape needs {kept.size * BYTES[kept.dtype]}")
    _enough(kept, size, text)
    return kept


def _enough(kept: Described, size: int, text: str) -> None:
    needed = kept.start + kept.size * BYTES[kept.dtype]
    if size < needed:
        raise ConfigError(f"{text} is damaged: it has {size} bytes, and would need {needed}")
