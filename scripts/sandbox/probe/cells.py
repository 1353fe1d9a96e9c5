"""One cell of the request as a lift sees it."""

import numpy as np

from tensors import FLOATING
from timing import as_list


class Item(object):
    """An input or cotangent: ``name``, ``array`` as stored, the ``dtype`` it stands for, and whether it is ``differentiable``."""

    def __init__(self, name, array, dtype, differentiable=False):
        self.name, self.array, self.dtype, self.differentiable = name, array, dtype, differentiable


class Work(object):
    """What to compute: inputs, parameters, dtype, derivative order and the cotangents of each order below it."""

    def __init__(self, cell, inputs, device="cpu", threads=1):
        """``cell``: an entry of the request's ``cells``; ``inputs``: `tensors.Inputs`."""
        self.dtype, self.derivative, self.mode = cell["dtype"], cell["derivative"], cell["mode"]
        self.parameters, self.device, self.threads = cell["parameters"], device, threads
        self._names = cell["outputs"]
        self.inputs = [Item(i["name"], inputs.read(i["sha256"]), i["dtype"], i["differentiable"]) for i in cell["inputs"]]
        levels = cell.get("cotangents", [])[: self.derivative]
        self.cotangents = [[Item(c["name"], inputs.read(c["sha256"]), c["dtype"]) for c in level] for level in levels]
        if len(self.cotangents) < self.derivative:
            message = "derivative {} needs as many sets of cotangents, the request has {}"
            raise ValueError(message.format(self.derivative, len(self.cotangents)))
        self.notes = []
        self.once = cell.get("once", False)
        self.measure = list(cell.get("measure") or ())

    def note(self, text):
        """Add a remark to the record, once."""
        if text not in self.notes:
            self.notes.append(text)

    def target(self, item):
        """The dtype in which an item takes part: the cell's for floating items, its own for integers and booleans."""
        return self.dtype if item.dtype in FLOATING else item.dtype

    def cast(self, item):
        """The array of an item in its target dtype; float32 that bfloat16 represents exactly where that is the target."""
        target = self.target(item)
        return np.asarray(item.array).astype("float32" if target == "bfloat16" else target, copy=False)

    def differentiable(self):
        """Positions of the inputs that derivatives are taken of."""
        return [place for place, item in enumerate(self.inputs) if item.differentiable and item.dtype in FLOATING]

    def output_names(self, count):
        """Names of the ``count`` outputs of this cell; raises ``ValueError`` when the case names another number of them."""
        if self.derivative:
            return ["grad_" + self.inputs[place].name for place in self.differentiable()]
        return self.value_names(count)

    def value_names(self, count):
        """Names of the ``count`` values that the function itself returns."""
        if self._names:
            if len(self._names) != count:
                message = "the function returned {} outputs, the case names {}: {}"
                raise ValueError(message.format(count, len(self._names), ", ".join(self._names)))
            return list(self._names)
        return ["out"] if count == 1 else ["out{}".format(place) for place in range(count)]

    def cotangent(self, level, name, place):
        """Position in ``cotangents[level]`` of the cotangent of the value (level 0) or gradient ``name``, the one at ``place``.

        A value without a name of its own may be called by its place. Raises ``ValueError``.
        """
        known = [item.name for item in self.cotangents[level]]
        for alias in (name, "grad_" + name, str(place)):
            if alias in known:
                return known.index(alias)
        raise ValueError("the request has no cotangent c{} for {}, only for {}".format(level, name, ", ".join(known) or "nothing"))


def derivative(work, function, inputs, cotangents, backend, order=None):
    """Values (order 0) or the ``order``-th derivative of ``function`` by repeated vector-Jacobian products: a list of tensors.

    ``inputs`` and ``cotangents`` (a list per level) are the framework's tensors. ``backend`` offers ``floating(value)``; ``matches(value,
    cotangent, name)``, the cotangent in the value's dtype (raises on another shape); ``dense(gradient, source)``, zeros for None; and
    ``pull(below, sources, order)``, the gradient of the values that ``below(sources)`` returns with their cotangents. The product with
    the cotangent is left to the framework's own differentiation: phi_k is never formed, its gradient is the same.
    """
    order = work.derivative if order is None else order
    if order == 0:
        return as_list(function(*inputs, **work.parameters))
    places = work.differentiable()
    if not places:
        raise ValueError("a derivative is asked for, but no input is differentiable")

    def below(sources):
        """The values one order lower at ``sources``, floating ones only, and the cotangent of each."""
        replaced = list(inputs)
        for place, source in zip(places, sources):
            replaced[place] = source
        values = derivative(work, function, replaced, cotangents, backend, order - 1)
        if order == 1:
            names = work.value_names(len(values))
        else:
            names = [work.inputs[place].name for place in places]
        chosen = [(value, name, place) for place, (value, name) in enumerate(zip(values, names)) if backend.floating(value)]
        if not chosen:
            raise ValueError("no output is floating, there is nothing to differentiate")
        given = cotangents[order - 1]
        return (
            [value for value, _, _ in chosen],
            [backend.matches(value, given[work.cotangent(order - 1, name, place)], name) for value, name, place in chosen],
        )

    sources = [inputs[place] for place in places]
    gradients = backend.pull(below, sources, order)
    dense = []
    for place, source, gradient in zip(places, sources, gradients):
        if gradient is None:
            work.note("order {}: {} does not reach the result, its gradient is reported as zeros".format(order, work.inputs[place].name))
        dense.append(backend.dense(gradient, source))
    return dense


def check_shape(value_shape, cotangent_shape, name):
    """Raise ``ValueError`` when a cotangent cannot belong to its value."""
    if tuple(value_shape) != tuple(cotangent_shape):
        raise ValueError("{} has shape {}, its cotangent {}".format(name, list(value_shape), list(cotangent_shape)))
