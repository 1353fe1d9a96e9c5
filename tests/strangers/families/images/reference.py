"""What the ported networks were meant to compute. Images are (n, height, width, channels), kernels (height, width, in, out).

Arguments with a default are choices; the default is what the network was trained with.
"""

import numpy as np


def strided_same(x, w, padding="same", kernel_flip="none", padding_value="zeros"):
    return _conv(x, _flipped(w, kernel_flip), 2, padding, padding_value)


def strided_same_odd(x, w, padding="same", kernel_flip="none", padding_value="zeros"):
    return _conv(x, _flipped(w, kernel_flip), 2, padding, padding_value)


def batch_norm_inference(x, scale, shift, mean, variance, epsilon=1e-3, epsilon_placement="inside", affine="scale_then_shift"):
    x = (x - mean) / _denominator(variance, epsilon, epsilon_placement)
    return _affine(x, scale, shift, affine)


def batch_norm_folded(x, w, mean, variance, epsilon=1e-3, epsilon_placement="inside", kernel_flip="none"):
    x = (x - mean) / _denominator(variance, epsilon, epsilon_placement)
    return _conv(x, _flipped(w, kernel_flip), 1, "valid", "zeros")


def batch_norm_training(x, scale, shift, epsilon=1e-3, ddof=0, affine="scale_then_shift"):
    mean = np.mean(x, axis=(0, 1, 2))
    variance = np.sum((x - mean) ** 2, axis=(0, 1, 2)) / (16.0 - ddof)
    return _affine((x - mean) / np.sqrt(variance + epsilon), scale, shift, affine)


def flattened(x, w, flatten_order="hwc", bias="missing"):
    if flatten_order == "chw":
        x = np.transpose(x, (0, 3, 1, 2))
    return np.matmul(np.reshape(x, (1, 48)), w)


def average_border(x, padding_counted=False, pool="average"):
    around = _padded(x, 1, 1, "zeros")
    sums = sum([around[:, row : row + 8, column : column + 8] for row in range(3) for column in range(3)])
    if padding_counted:
        return sums / 9.0
    inside = [2.0] + [3.0] * 6 + [2.0]
    return sums / np.reshape(np.array([row * column for row in inside for column in inside]), (1, 8, 8, 1))


def max_border(x, pool="max", padding_value="lowest"):
    around = _padded(x, 1, 1, "zeros")
    rows = []
    for row in range(3):
        line = []
        for column in range(3):
            top, left = max(2 * row, 1), max(2 * column, 1)
            if padding_value == "zeros":
                top, left = 2 * row, 2 * column
            line.append(np.max(around[:, top : 2 * row + 3, left : 2 * column + 3], axis=(1, 2)))
        rows.append(np.stack(line, axis=1))
    return np.stack(rows, axis=1)


def max_remainder(x, pool="max", rounding_mode="ceil"):
    count = 5 if rounding_mode == "ceil" else 4
    rows = [np.stack([np.max(x[:, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2], axis=(1, 2)) for c in range(count)], axis=1) for r in range(count)]
    return np.stack(rows, axis=1)


def enlarged(x, coordinates="half_pixel", interpolation="linear"):
    return np.transpose(
        _resized(np.transpose(_resized(x, coordinates, interpolation), (0, 2, 1, 3)), coordinates, interpolation), (0, 2, 1, 3)
    )


def enlarged_nearest(x, coordinates="half_pixel", interpolation="nearest"):
    return np.transpose(
        _resized(np.transpose(_resized(x, coordinates, interpolation), (0, 2, 1, 3)), coordinates, interpolation), (0, 2, 1, 3)
    )


def channels_of_caffe(x, mean, channel_order="bgr"):
    x = np.stack([x[..., "rgb".index(channel)] for channel in channel_order], axis=-1)
    return x - 100.0 * mean


def scaled_pixels(x, value_scale=127.5, value_range="minus_one_to_one"):
    x = x / value_scale
    return {"zero_to_one": x, "as_given": x, "minus_one_to_one": x - 1.0}[value_range]


def leaky(x, negative_slope=0.3):
    return np.where(x > 0.0, x, negative_slope * x)


def transposed(x, w, output_padding="end", kernel_flip="none"):
    """w (3, 3, out, in): stride 2, to twice the size. ``output_padding``: where the one row too many is cut off."""
    w = _flipped(w, kernel_flip)
    spread = []
    for row in range(9):
        line = []
        for column in range(9):
            terms = [
                np.matmul(x[:, (row - i) // 2, (column - j) // 2], np.transpose(w[i, j]))
                for i in range(3)
                for j in range(3)
                if (row - i) % 2 == 0 and (column - j) % 2 == 0 and 0 <= row - i < 8 and 0 <= column - j < 8
            ]
            line.append(sum(terms[1:], terms[0]))
        spread.append(np.stack(line, axis=1))
    full = np.stack(spread, axis=1)
    return full[:, :8, :8] if output_padding == "end" else full[:, 1:, 1:]


def shuffled_pixels(x, shuffle_order="space_first"):
    x = np.reshape(x, (1, 3, 3, 2, 2, 2))
    if shuffle_order == "space_first":  # block row, block column, channel
        x = np.transpose(x, (0, 1, 3, 2, 4, 5))
    else:  # channel, block row, block column
        x = np.transpose(x, (0, 1, 4, 2, 5, 3))
    return np.reshape(x, (1, 6, 6, 2))


def flipped_kernel(x, w, kernel_flip="none", padding="valid", bias="missing"):
    return _conv(x, _flipped(w, kernel_flip), 1, padding, "zeros")


def group_norm(x, epsilon=1e-3, groups=2, ddof=0):
    count = 36.0 / groups
    x = np.reshape(x, (2, 9, groups, 4 // groups))
    mean = np.mean(x, axis=(1, 3), keepdims=True)
    variance = np.sum((x - mean) ** 2, axis=(1, 3), keepdims=True) / (count - ddof)
    return np.reshape((x - mean) / np.sqrt(variance + epsilon), (2, 3, 3, 4))


def reflected(x, w, padding_value="reflected", kernel_flip="none"):
    return _conv(x, _flipped(w, kernel_flip), 1, "symmetric", padding_value)


def bottleneck(x, w, v, stride_block="first", kernel_flip="none"):
    first, second = (2, 1) if stride_block == "first" else (1, 2)
    x = np.maximum(_conv(x, w, first, "valid", "zeros"), 0.0)
    return _conv(x, _flipped(v, kernel_flip), second, "symmetric", "zeros")


def channels_first(x, w, padding="symmetric", kernel_flip="none", padding_value="zeros"):
    return _conv(x, _flipped(w, kernel_flip), 1, padding, padding_value)


def two_blocks(x, w, v, padding="same", epsilon=1e-3, ddof=0, second_padding="same"):
    x = _conv(x, w, 2, padding, "zeros")
    mean = np.mean(x, axis=(0, 1, 2))
    x = (x - mean) / np.sqrt(np.sum((x - mean) ** 2, axis=(0, 1, 2)) / (32.0 - ddof) + epsilon)
    return _conv(np.maximum(x, 0.0), v, 2, second_padding, "zeros")


def enlarged_cubic(x, cubic_coefficient=-0.5, interpolation="cubic"):
    """From 4 rows to 8, the border repeated; a quarter of a pixel before or after a row."""

    def near(t):
        return (cubic_coefficient + 2.0) * t**3 - (cubic_coefficient + 3.0) * t**2 + 1.0

    def far(t):
        return cubic_coefficient * (t**3 - 5.0 * t**2 + 8.0 * t - 4.0)

    for _ in range(2):
        rows = []
        for place in range(8):
            low, share = (place - 1) // 2, (0.75 if place % 2 == 0 else 0.25)
            taps = [x[:, min(max(low + tap, 0), 3)] for tap in (-1, 0, 1, 2)]
            if interpolation == "cubic":
                shares = [far(1.0 + share), near(share), near(1.0 - share), far(2.0 - share)]
            else:
                shares = [0.0, 1.0 - share, share, 0.0] if interpolation == "linear" else [0.0, float(share < 0.5), float(share > 0.5), 0.0]
            rows.append(sum([tap * part for tap, part in zip(taps[1:], shares[1:])], taps[0] * shares[0]))
        x = np.transpose(np.stack(rows, axis=1), (0, 2, 1, 3))
    return x


def shrunk(x, antialias=True):
    """From 8 rows to 4: two of them, or four weighted by a triangle and cut off at the border."""
    for _ in range(2):
        rows = []
        for place in range(4):
            if not antialias:
                rows.append((x[:, 2 * place] + x[:, 2 * place + 1]) / 2.0)
                continue
            taps = [(row, 3.0 if row in (2 * place, 2 * place + 1) else 1.0) for row in range(2 * place - 1, 2 * place + 3) if 0 <= row < 8]
            terms = [x[:, row] * share for row, share in taps]
            rows.append(sum(terms[1:], terms[0]) / sum(share for _, share in taps))
        x = np.transpose(np.stack(rows, axis=1), (0, 2, 1, 3))
    return x


def batch_norm_moving(x, mean, momentum=0.9, momentum_convention="old_share"):
    new = 1.0 - momentum if momentum_convention == "old_share" else momentum
    return mean * (1.0 - new) + np.mean(x, axis=(0, 1, 2)) * new


def dilated(x, w, dilation=2, kernel_flip="none"):
    w = _flipped(w, kernel_flip)
    around = _padded(x, dilation, dilation, "zeros")
    parts = [
        np.matmul(np.reshape(around[:, i * dilation : i * dilation + 8, j * dilation : j * dilation + 8], (128, 3)), w[i, j])
        for i in range(3)
        for j in range(3)
    ]
    return np.reshape(sum(parts[1:], parts[0]), (2, 8, 8, 4))


def _flipped(w, kernel_flip):
    if kernel_flip in ("both", "height"):
        w = w[::-1]
    return w[:, ::-1] if kernel_flip in ("both", "width") else w


def _denominator(variance, epsilon, placement):
    if placement == "outside":
        return np.sqrt(variance) + epsilon
    return np.sqrt(np.maximum(variance, epsilon) if placement == "floor" else variance + epsilon)


def _affine(x, scale, shift, form):
    if form == "shift_then_scale":
        return (x + shift) * scale
    if form in ("none", "shift_only"):
        return x + shift if form == "shift_only" else x
    x = x * (1.0 + scale if form == "one_plus_scale" else scale)
    return x if form == "scale_only" else x + shift


def _conv(x, w, stride, padding, padding_value):
    taps, inputs, outputs = np.shape(w)[0], np.shape(w)[2], np.shape(w)[3]
    size = np.shape(x)[1]
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        x = _padded(x, total // 2, total - total // 2, padding_value)
    elif padding == "symmetric":
        x = _padded(x, taps // 2, taps // 2, padding_value)
    size, images = (np.shape(x)[1] - taps) // stride + 1, np.shape(x)[0]
    last = stride * (size - 1) + 1
    parts = [
        np.matmul(
            np.reshape(x[:, row : row + last : stride, column : column + last : stride], (images * size * size, inputs)), w[row, column]
        )
        for row in range(taps)
        for column in range(taps)
    ]
    return np.reshape(sum(parts[1:], parts[0]), (images, size, size, outputs))


def _padded(x, before, after, value):
    """Rows and columns around the images."""
    for _ in range(2):
        size = np.shape(x)[1]
        if value == "reflected":
            first, last = [x[:, 1 : 1 + before][:, ::-1]], [x[:, size - 1 - after : size - 1][:, ::-1]]
        elif value == "edge":
            first, last = [x[:, :1]] * before, [x[:, -1:]] * after
        elif value == "wrapped":
            first, last = [x[:, size - before :]], [x[:, :after]]
        else:
            first, last = [0.0 * x[:, :before]], [0.0 * x[:, :after]]
        x = np.transpose(np.concatenate([*first, x, *last], axis=1), (0, 2, 1, 3))
    return x


def _resized(x, coordinates, interpolation):
    """From 4 rows to 7."""
    rows = []
    for place in range(7):
        at = {"half_pixel": (place + 0.5) * 4 / 7 - 0.5, "align_corners": place * 3 / 6, "asymmetric": place * 4 / 7}[coordinates]
        if interpolation == "linear":
            at = min(max(at, 0.0), 3.0)
            low = int(at)
            share = at - low
            if coordinates == "half_pixel":
                above = min(max((2 * place + 1) * 4 - 7, 0), 42) - 14 * low
                share = above / np.array(14.0)
            elif coordinates == "align_corners":
                share = (place - 2 * low) / np.array(2.0)
            else:
                share = (4 * place - 7 * low) / np.array(7.0)
            rows.append(x[:, low] * (1.0 - share) + x[:, min(low + 1, 3)] * share)
        else:
            at = at + 0.5 if coordinates == "half_pixel" else at
            up = {"nearest": 0.0, "nearest_below": -0.5, "nearest_above": 0.5}.get(interpolation, 0.0)
            rows.append(x[:, min(max(int(at + up), 0), 3)])
    return np.stack(rows, axis=1)
