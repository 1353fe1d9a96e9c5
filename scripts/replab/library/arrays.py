"""Arrays of any framework as NumPy's, without importing the framework."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from replab.formats import FORMATS, Array, bits_to_float32, float32_to_bits
from replab.library.errors import InputError

BFLOAT16 = "bfloat16"
WHOLE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
KNOWN = (*FORMATS, *WHOLE)


@dataclass(frozen=True, slots=True)
class Plain:
    """An array of numbers that has left its framework."""

    values: Array
    """Native and contiguous; bfloat16 as the float32 numbers that it represents."""
    dtype: str

    @property
    def floating(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype in FORMATS

    @property
    def stored(self) -> Array:
        """As results are stored: bfloat16 as its bits (uint16)."""
        return float32_to_bits(self.values) if self.dtype == BFLOAT16 else self.values


def framework_of(value: object) -> str:
    """The package that a value's type comes from; empty for types of Python itself."""
    package = type(value).__module__.partition(".")[0]
    return "" if package == "builtins" else package


def is_array(value: object) -> bool:
    """Whether a value is an array of some framework; a scalar of NumPy is one without dimensions."""
    return isinstance(value, np.ndarray | np.generic) or (
        hasattr(value, "dtype") and hasattr(value, "shape") and not isinstance(value, type)
    )


def plain(value: object, what: str) -> Plain:
    """Numbers of NumPy, PyTorch, TensorFlow, or anything that NumPy can read.

    ``what`` names the value in messages. Raises ``InputError``.
    """
    values = _read(value, what)
    if values.dtype.name == BFLOAT16:  # of ml_dtypes, as TensorFlow and JAX have it
        return Plain(bits_to_float32(np.ascontiguousarray(values).view(np.uint16)).reshape(values.shape), BFLOAT16)
    dtype = BFLOAT16 if _is_torch_bfloat16(value) else values.dtype.name
    if dtype not in KNOWN:
        raise InputError(f"{what} has the dtype {values.dtype.name}: known are {', '.join(KNOWN)}")
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return Plain(np.require(native, requirements="C").reshape(values.shape), dtype)


def _is_torch_bfloat16(value: object) -> bool:
    return framework_of(value) == "torch" and str(getattr(value, "dtype", "")) == "torch.bfloat16"


def _read(value: object, what: str) -> Array:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{what} is a masked array: say what its masked elements are with .filled()")
    if value is None or isinstance(value, str | bytes | dict | set):
        raise InputError(f"{what} is no array but {'None' if value is None else f'a {kind}'}")
    try:
        if callable(detach := getattr(value, "detach", None)):  # a tensor of PyTorch, or a parameter, wherever it lies
            tensor = detach().cpu()
            tensor = tensor.resolve_neg() if hasattr(tensor, "resolve_neg") else tensor
            return np.asarray((tensor.float() if _is_torch_bfloat16(tensor) else tensor).numpy())
        if framework_of(value) in ("tensorflow", "keras"):
            return np.asarray(operator.methodcaller("numpy")(value))
        found = np.asarray(value)
    except Exception as error:  # what frameworks raise where a tensor has no numbers
        raise InputError(f"{what} cannot be read as an array: a {kind} ({type(error).__name__}: {error})") from error
    if found.dtype == object:
        raise InputError(f"{what} is no array of numbers: a {kind}")
    return found
