"""The right formulas of the controls of images, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np


def _convnet(
    x,
    w,
    b,
    kernel_layout,
    kernel_flip,
    padding_place,
    padding_value,
    channel_order,
    image_axes,
    bias,
    dilation,
    leaky_slope,
    activation_place,
    pool,
    pool_padding_place,
    pool_padding_counted,
):
    """Convolution (stride 2), leaky ReLU and pooling (window 3, stride 2), both with padding to half the size.

    x (1, 12, 12, 3) height, width, channels; w (3, 3, 3, 3) height, width, input, output; b (3,); gives (1, 3, 3, 3).
    """
    w = np.transpose(w, tuple(kernel_layout.index(axis) for axis in "hwio"))
    if kernel_flip in ("both", "height"):
        w = w[::-1]
    if kernel_flip in ("both", "width"):
        w = w[:, ::-1]
    if image_axes == "width_height":
        x = np.transpose(x, (0, 2, 1, 3))
    x = np.stack([x[..., "rgb".index(channel)] for channel in channel_order], axis=-1)
    total = 2 * dilation - 1
    at_start = (total + 1) // 2, total // 2
    sides = {
        "end": at_start[::-1] * 2,
        "start": at_start * 2,
        "top_right": at_start + at_start[::-1],
        "bottom_left": at_start[::-1] + at_start,
    }
    top, bottom, left, right = sides[padding_place]
    x = np.transpose(_padded(x, top, bottom, padding_value), (0, 2, 1, 3))
    x = np.transpose(_padded(x, left, right, padding_value), (0, 2, 1, 3))
    every = [slice(place * dilation, place * dilation + 11, 2) for place in range(3)]
    taps = [np.matmul(np.reshape(x[:, every[row], every[column]], (36, 3)), w[row, column]) for row in range(3) for column in range(3)]
    x = np.reshape(sum(taps[1:], taps[0]), (1, 6, 6, 3))
    x = {"added": x + b, "missing": x, "subtracted": x - b}[bias]
    if activation_place == "before_pool":
        x = np.where(x > 0.0, x, leaky_slope * x)
    x = _pooled(x, pool, pool_padding_place, pool_padding_counted)
    if activation_place == "after_pool":
        x = np.where(x > 0.0, x, leaky_slope * x)
    return x


def _pooled(x, pool, place, counted):
    """Windows of 3 by 3, stride 2, over x (1, 6, 6, 3) with one row and one column of padding."""
    start = 1 if place == "start" else 0
    rows = [slice(max(2 * row - start, 0), min(2 * row - start + 3, 6)) for row in range(3)]
    windows = [[x[:, across, down] for down in rows] for across in rows]
    if pool == "max":
        found = [[np.max(window, axis=(1, 2)) for window in line] for line in windows]
    else:
        sums = [[np.sum(window * window if pool == "root_mean_square" else window, axis=(1, 2)) for window in line] for line in windows]
        counts = [[9.0 if counted else float(np.shape(window)[1] * np.shape(window)[2]) for window in line] for line in windows]
        found = [[value / (1.0 if pool == "sum" else count) for value, count in zip(*pair)] for pair in zip(sums, counts)]
        found = [[np.sqrt(value) for value in line] for line in found] if pool == "root_mean_square" else found
    return np.stack([np.stack(line, axis=1) for line in found], axis=1)


def _padded(x, before, after, value):
    """``x`` with rows added along its second axis."""
    size = np.shape(x)[1]
    if value == "edge":
        first, last = [x[:, :1]] * before, [x[:, -1:]] * after
    elif value == "reflected":
        first, last = [x[:, 1 : 1 + before][:, ::-1]], [x[:, size - 1 - after : size - 1][:, ::-1]]
    elif value == "wrapped":
        first, last = [x[:, size - before :]], [x[:, :after]]
    else:
        first, last = [0.0 * x[:, :before]], [0.0 * x[:, :after]]
    return np.concatenate([*first, x, *last], axis=1)


def _preprocess(
    x, mean, deviation, coordinates, interpolation, value_scale, value_range, channel_order, statistics_order, normalisation, flip, rounding
):
    """An image x (4, 4, 3) with values from 0 to 255, made larger to (8, 8, 3) and normalised by mean and deviation (3,)."""
    enlarge = _resizing(4, 8, coordinates, interpolation)
    x = np.reshape(np.matmul(enlarge, np.reshape(x, (4, 12))), (8, 4, 3))
    x = np.reshape(np.matmul(enlarge, np.reshape(np.transpose(x, (1, 0, 2)), (4, 24))), (8, 8, 3))
    x = np.transpose(x, (1, 0, 2))
    x = {"none": x, "down": np.floor(x), "nearest": np.rint(x)}[rounding]
    x = {"none": x, "horizontal": x[:, ::-1], "vertical": x[::-1], "both": x[::-1, ::-1], "transposed": np.transpose(x, (1, 0, 2))}[flip]
    x = np.stack([x[..., "rgb".index(channel)] for channel in channel_order], axis=-1)
    chosen = ["rgb".index(channel) for channel in statistics_order]
    mean, deviation = (np.concatenate([one[place : place + 1] for place in chosen]) for one in (mean, deviation))
    x = x / value_scale
    if value_range == "minus_one_to_one":
        x = 2.0 * x - 1.0
    return {
        "subtract_divide": (x - mean) / deviation,
        "divide_subtract": x / deviation - mean,
        "subtract_multiply": (x - mean) * deviation,
        "subtract": x - mean,
        "divide": x / deviation,
        "none": x,
    }[normalisation]


def _resizing(small, large, coordinates, interpolation):
    """The matrix (large, small) that makes a line of ``small`` pixels longer; positions are fractions of integers."""
    rows = []
    for place in range(large):
        over, under = {
            "half_pixel": ((2 * place + 1) * small - large, 2 * large),
            "align_corners": (place * (small - 1), large - 1),
            "asymmetric": (place * small, large),
        }[coordinates]
        whole, rest = over // under, over % under
        if interpolation != "linear":
            chosen = whole + (2 * rest >= under if interpolation == "nearest" else interpolation == "nearest_above" and rest > 0)
            rows.append(np.array([float(column == min(max(chosen, 0), small - 1)) for column in range(small)]))
            continue
        low, high = min(max(whole, 0), small - 1), min(max(whole + 1, 0), small - 1)
        share = np.divide(np.full(small, float(rest)), float(under))
        low, high = (np.array([float(column == one) for column in range(small)]) for one in (low, high))
        rows.append(low * (1.0 - share) + high * share)
    return np.stack(rows)
