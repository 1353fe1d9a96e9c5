"""What a reference may ask a value for."""

from __future__ import annotations

import functools
import types

import numpy as np
from autograd.tracer import Box
from numpy.typing import DTypeLike, NDArray

from replab.truth import linalg
from replab.truth.composed import Composed
from replab.truth.enclosures.arrays import Enclosed
from replab.truth.enclosures.evaluation import mixes
from replab.truth.family_modules import FamilyModule
from replab.truth.namespace import np_
from replab.truth.perturbed import CONVERSION
from replab.truth.reading.operators import lifted
from replab.truth.special import LabSpecial

ATTRIBUTES = frozenset(
    """shape ndim size T dtype kind name sum prod max min any all cumsum cumprod argmax argmin argsort ravel swapaxes squeeze take clip
    repeat diagonal trace dot searchsorted copy nonzero flatten reshape transpose astype mean _value""".split()  # noqa: SIM905 (easier to read)
)
"""What a reference may ask an array for."""
OF_NUMPY = frozenset(
    (
        "linalg",
        "round_to",
        "stop_gradient",
        "var",
        "std",
        "pi",
        "e",
        "euler_gamma",
        "inf",
        "nan",
        "newaxis",
        *(name for name in vars(Composed) if name[0] != "_"),
    )
)
_OF_BOXES = ATTRIBUTES | {"var", "std"}
_OF_NUMBERS = frozenset(("is_integer", "bit_length", "real", "numerator", "denominator"))


class Module:
    """Some names of a module."""

    def __init__(self, name: str, names: dict[str, object]) -> None:
        self._name, self._names = name, names

    def __getattr__(self, name: str) -> object:
        try:
            return self._names[name]
        except KeyError:
            raise AttributeError(f"references cannot use {self._name}.{name}") from None


def attribute(value: object, name: str) -> object:
    """``value.name``; raises ``AttributeError`` for what would leave certified arithmetic."""
    if value is np_:
        return getattr(np_, name) if name in OF_NUMPY else np_.strictly(name)
    if name == "_value":
        return getattr(value, name)
    if isinstance(value, LabSpecial | Module | FamilyModule):
        if name.startswith("_"):
            raise AttributeError(f"references cannot use {name}")
        return getattr(value, name)
    if value is linalg:
        if name in linalg.__all__:
            return np_.lifting(getattr(value, name))
        known = f"known are {', '.join(sorted(linalg.__all__))}"
        raise AttributeError(f"references cannot use np.linalg.{name}: {linalg.WHY_NOT.get(name, known)}")
    if name.startswith("__") and name not in ("__init__", "__name__"):
        raise AttributeError(f"references use no attributes like {name}")
    if isinstance(value, Enclosed | Box | np.ndarray | np.generic):
        if name not in (_OF_BOXES if isinstance(value, Box) else ATTRIBUTES):
            raise AttributeError(f"references cannot use .{name} of an array: {CONVERSION}")
        if name in ("shape", "size") and value.ndim:
            mixes(f".{name}")
        return _of_array(value, name) if isinstance(value, np.ndarray | np.generic) else getattr(value, name)
    if isinstance(value, int | float) and name not in _OF_NUMBERS:
        raise AttributeError(f"references cannot use .{name} of a number")
    if isinstance(value, str) and name in ("format", "format_map"):
        raise AttributeError(CONVERSION)
    if isinstance(value, types.FunctionType | types.CodeType | types.FrameType | types.GeneratorType | types.ModuleType):
        raise AttributeError(f"references cannot look into {type(value).__name__}s (.{name})")  # noqa: TRY004 (what Python says of them)
    return getattr(value, name)


def _of_array(value: NDArray[np.generic] | np.generic, name: str) -> object:
    """Attributes of NumPy's own arrays: integers, conditions, or extended floats."""
    if name in ("shape", "ndim", "size", "dtype"):
        return getattr(value, name)
    if name == "mean":
        return functools.partial(np_.mean, value)
    if name == "astype":
        return functools.partial(_cast, value)
    found = getattr(value, name)
    return (lambda *args, **kwargs: np_.kept(found(*args, **_plain(kwargs)))) if callable(found) else found


def _plain(kwargs: dict[str, object]) -> dict[str, object]:
    if {"out", "dtype", "casting"} & kwargs.keys():
        raise TypeError("references use no out=, dtype= or casting=")
    return kwargs


def _cast(value: NDArray[np.generic] | np.generic, dtype: DTypeLike) -> object:
    """``astype`` of NumPy's own arrays: from and to integers and conditions."""
    kind = np.dtype(dtype).kind
    if value.dtype.kind == "f" and kind not in "iub":
        raise TypeError(CONVERSION)
    return lifted(value) if kind == "f" else value.astype(dtype)
