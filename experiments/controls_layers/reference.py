"""The right formulas of the controls of attention, dense layers and initialisers, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np
from scipy import special


_ACTIVATIONS = {
    "sigmoid": lambda x: special.expit(x),  # noqa: PLW0108 (the lab replaces `special` and `np` after this line has run)
    "tanh": lambda x: np.tanh(x),  # noqa: PLW0108 (as above)
    "relu": lambda x: np.maximum(x, 0.0 * x),
    "linear": lambda x: x,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "hard_sigmoid_fifth": lambda x: _between(0.2 * x + 0.5, 0.0, 1.0),  # Keras before version 3
    "hard_sigmoid_sixth": lambda x: _between((x + 3.0) / 6.0, 0.0, 1.0),  # PyTorch, Keras 3
    "hard_tanh": lambda x: _between(x, -1.0, 1.0),
}


def _attention(
    q, k, v, w, mask, scale, masking, mask_convention, causal, softmax_axis, head_layout, kernel_layout, key_value, input_dtype, heads
):
    """Attention with 2 heads of 4 and an output kernel w (8, 8): q, k, v (6, 8), mask (6, 6) is 1 where a key may be seen."""
    if input_dtype != "as_given":
        q, k, v = (np.round_to(one, input_dtype) for one in (q, k, v))
    if key_value == "exchanged":
        k, v = v, k
    seen = (mask < 0.5) if mask_convention == "one_hides" else (mask > 0.5)
    place = np.arange(6)
    if causal == "past":
        seen = seen & (place[:, None] >= place[None, :])
    elif causal == "future":
        seen = seen & (place[:, None] <= place[None, :])
    width, merged = 8 // heads, []
    for head in range(heads):
        part = slice(head, 8, heads) if head_layout == "interleaved" else slice(head * width, (head + 1) * width)
        scores = scale * np.matmul(q[:, part], np.transpose(k[:, part]))
        if masking == "before":
            scores = np.where(seen, scores, 0.0 * scores - 1e9)
        elif masking == "weak":
            scores = np.where(seen, scores, scores - 10.0)
        elif masking == "multiplied":
            scores = np.where(seen, scores, 0.0 * scores)
        shares = _softmax(scores, {"keys": 1, "queries": 0}[softmax_axis])
        if masking == "after":
            shares = np.where(seen, shares, 0.0 * shares)
        merged.append(np.matmul(shares, v[:, part]))
    joined = np.concatenate(merged, axis=1)
    if head_layout == "interleaved":  # and put back where they came from
        joined = np.stack([joined[:, (column % heads) * width + column // heads] for column in range(8)], axis=1)
    return np.matmul(joined, np.transpose(w) if kernel_layout == "out_in" else w)


def _dense(
    x,
    w,
    b,
    v,
    uniforms,
    kernel_layout,
    output_layout,
    bias,
    activation,
    keep_probability,
    dropout_scale,
    dropout_rule,
    dropout_place,
    weight_dtype,
    input_dtype,
):
    """x (6, 8) through a layer w (8, 8), b (8,), dropout by ``uniforms`` (6, 8) and a layer v (8, 8)."""
    if weight_dtype != "as_given":
        w, v = np.round_to(w, weight_dtype), np.round_to(v, weight_dtype)
    if input_dtype != "as_given":
        x = np.round_to(x, input_dtype)
    w = np.transpose(w) if kernel_layout == "out_in" else w
    v = np.transpose(v) if output_layout == "out_in" else v
    kept = {
        "below_keep": uniforms < keep_probability,
        "above_keep": uniforms >= keep_probability,
        "above_drop": uniforms >= 1.0 - keep_probability,
    }[dropout_rule]
    factor = {"divided": 1.0 / (0.0 * x + keep_probability), "none": 0.0 * x + 1.0, "multiplied": 0.0 * x + keep_probability}[dropout_scale]

    def dropout(values, place):
        return np.where(kept, values * factor, 0.0 * values) if place == dropout_place else values

    hidden = np.matmul(dropout(x, "input"), w)
    hidden = hidden + b if bias == "added" else hidden
    hidden = _ACTIVATIONS[activation](dropout(hidden, "before_activation"))
    hidden = hidden + b if bias == "after_activation" else hidden
    return np.matmul(dropout(hidden, "after_activation"), v)


def _initialiser(u, t, s, distribution, fan, gain, bias_form, fill_order, uniform_range):
    """Two kernels (6, 10), (10, 4) and a bias (10,) from uniform numbers u, t, s of these shapes: variance scaling; gives all 110."""
    parts = []
    for given, (rows, columns) in ((u, (6, 10)), (t, (10, 4))):
        values = np.transpose(np.reshape(given, (columns, rows))) if fill_order == "columns" else given
        halved = {
            "in": 2 * rows,
            "out": 2 * columns,
            "average": rows + columns,
            "product": 2 * rows * columns,
            "largest": 2 * max(rows, columns),
        }
        deviation = gain * np.sqrt(2.0 / (0.0 * values + float(halved[fan])))
        turned = np.concatenate([values[:, 1:], values[:, :1]], axis=1)
        if distribution == "uniform":
            drawn = np.sqrt(0.0 * values + 3.0) * (values if uniform_range == "zero_to_limit" else 2.0 * values - 1.0)
        elif distribution == "truncated_normal":  # within two standard deviations, by the inverse of the distribution function
            edge = special.erf(np.sqrt(0.0 * values + 2.0))
            drawn = np.sqrt(0.0 * values + 2.0) * special.erfinv((2.0 * values - 1.0) * edge)
        else:
            angle = 2.0 * np.pi * turned
            drawn = np.sqrt(-2.0 * np.log(values)) * (np.cos(angle) if distribution == "normal" else np.sin(angle))
        parts.append(np.reshape(deviation * drawn, (-1,)))
    limit = np.sqrt(1.0 / (0.0 * s + 6.0))
    parts.append({"uniform": limit * (2.0 * s - 1.0), "zeros": 0.0 * s, "ones": 0.0 * s + 1.0, "positive": limit * s}[bias_form])
    return np.concatenate(parts)


def _between(x, low, high):
    return np.minimum(np.maximum(x, 0.0 * x + low), 0.0 * x + high)


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)
