"""Arrays that may be moved and no more: they tell apart a product of the inputs themselves from one of numbers that were computed."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from replab.truth.enclosures.arrays import RULES, Balls, Enclosed, Function, place
from replab.truth.enclosures.evaluation import Computed
from replab.truth.enclosures.moving import FILLING, MOVING


class Moved(Enclosed):
    """An array of plain numbers that may be moved and looked at from another side, and multiplied once by another: all else is refused.

    It tells apart a product of the inputs themselves from one of numbers that were computed.
    """

    __slots__ = ()

    def __getitem__(self, index: object) -> Moved:
        return Moved(self.data[place(index)])

    def _computed(self, *_: object) -> NoReturn:
        raise Computed

    __bool__ = _computed
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _computed

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object) -> object:
        moved = [one for one in inputs if isinstance(one, Moved)]
        if ufunc is np.matmul and method == "__call__" and not kwargs and len(moved) == len(inputs):
            return Product(moved[0].data, moved[1].data)
        raise Computed

    def __array_function__(self, func: Function, types: object, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if func in (np.shape, np.ndim, np.size):
            return RULES[func](*args, **kwargs)
        if func not in MOVING or func in FILLING:
            raise Computed
        found = RULES[func](*args, **kwargs)
        return Moved(found.data) if isinstance(found, Enclosed) else found


class Product:
    """What ``np.matmul`` makes of two moved arrays: nothing can be done with it but return it."""

    __slots__ = ("left", "right")

    def __init__(self, left: Balls, right: Balls) -> None:
        self.left, self.right = left, right

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise Computed

    __array_ufunc__ = __array_function__ = __array__ = __bool__ = __len__ = __getitem__ = _refuse
