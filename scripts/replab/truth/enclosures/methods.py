"""All rules together, and the methods of arrays of balls: who imports this module can compute with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from replab.truth.enclosures import folding, moving, ordering, ufuncs  # noqa: F401 (they enter their rules)
from replab.truth.enclosures.arrays import Enclosed, Function
from replab.truth.enclosures.conditions import Conditions, as_conditions, conditions, whole
from replab.truth.perturbed import CONVERSION


def _astype(a: Enclosed, dtype: DTypeLike, **_: object) -> Conditions | NDArray[np.integer]:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return whole(a).astype(dtype)
    if kind == "b":
        return conditions(as_conditions(a))
    raise TypeError(CONVERSION)


def _method(function: Function) -> Function:
    """A function of NumPy as a method, by way of its protocol."""
    return lambda a, *args, **kwargs: function(a, *args, **kwargs)  # noqa: PLW0108 (functions of C would not be bound to an array)


METHODS: dict[str, Function] = {
    **{
        name: _method(getattr(np, name))
        for name in (
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "any",
            "all",
            "cumsum",
            "cumprod",
            "argmax",
            "argmin",
            "argsort",
            "ravel",
            "swapaxes",
            "squeeze",
            "take",
            "clip",
            "repeat",
            "diagonal",
            "trace",
            "dot",
            "round",
            "searchsorted",
            "copy",
            "nonzero",
        )
    },
    "flatten": np.ravel,
    "reshape": lambda a, *shape: np.reshape(a, shape[0] if len(shape) == 1 else shape),
    "transpose": lambda a, *axes: np.transpose(a, (axes[0] if len(axes) == 1 else axes) if axes else None),
    "astype": _astype,
}
for _name, _found in METHODS.items():
    setattr(Enclosed, _name, _found)
