"""What the ported layers were meant to compute. Arguments with a default are choices; the default is what the model was trained with."""

import numpy as np
from scipy import special


def layer_norm(x, scale, shift, epsilon=1e-3, epsilon_placement="inside", ddof=0, affine="scale_then_shift"):
    return _normalised(x, scale, shift, epsilon, epsilon_placement, ddof, affine)


def layer_norm_of_bert(x, scale, shift, epsilon=1e-12, epsilon_placement="inside", ddof=0, affine="scale_then_shift"):
    return _normalised(x, scale, shift, epsilon, epsilon_placement, ddof, affine)


def layer_norm_annotated(x, scale, shift, epsilon=1e-6, epsilon_placement="inside", ddof=0, affine="scale_then_shift"):
    return _normalised(x, scale, shift, epsilon, epsilon_placement, ddof, affine)


def layer_norm_moments(x, scale, shift, epsilon=1e-5, epsilon_placement="inside", ddof=0, affine="scale_then_shift"):
    return _normalised(x, scale, shift, epsilon, epsilon_placement, ddof, affine)


def rms_norm(x, scale, epsilon=1e-3, epsilon_placement="inside", centring="none", affine="scale_only"):
    centred = x - np.mean(x, axis=-1, keepdims=True) if centring == "both" else x
    x = centred / _denominator(np.mean(centred * centred, axis=-1, keepdims=True), epsilon, epsilon_placement)
    return x * (1.0 + scale if affine == "one_plus_scale" else scale)


def rms_norm_gemma(x, scale, epsilon=1e-6, epsilon_placement="inside", affine="one_plus_scale"):
    return rms_norm(x, scale, epsilon, epsilon_placement, "none", affine)


def unit_length(x, epsilon=1e-12, epsilon_placement="inside"):
    """``epsilon``: the floor of the sum of squares."""
    squares = np.sum(x * x, axis=-1, keepdims=True)
    if epsilon_placement == "floor":  # of the norm
        return x / np.maximum(np.sqrt(squares), epsilon)
    return x / (np.sqrt(squares) + epsilon if epsilon_placement == "outside" else np.sqrt(np.maximum(squares, epsilon)))


def unit_length_ordinary(x, epsilon=1e-12, epsilon_placement="inside"):
    return unit_length(x, epsilon, epsilon_placement)


def gelu(x, approximate=False):
    return _gelu(x, approximate)


def gelu_of_gpt2(x, approximate=True):
    return _gelu(x, approximate)


def elu(x, alpha=1.0):
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def hard_sigmoid(x, hard_sigmoid="fifth"):
    slope = {"fifth": x / 5.0, "sixth": x / 6.0, "half": x / 2.0}[hard_sigmoid]
    return np.minimum(np.maximum(slope + 0.5, 0.0), 1.0)


def quick_gelu(x, gelu="sigmoid"):
    if gelu == "sigmoid":
        return x * special.expit(1702.0 * x / 1000.0)
    return _gelu(x, gelu == "tanh")


def dense(x, w, b, kernel_layout="in_out", bias="added", activation="relu"):
    return _dense(x, w, b, kernel_layout, bias, activation)


def dense_no_activation(x, w, b, kernel_layout="in_out", bias="added", activation="gelu"):
    return _dense(x, w, b, kernel_layout, bias, activation)


def softmax_first_axis(x, axis=-1, temperature=1.0):
    return _softmax(x / temperature, axis)


def softmax_by_hand(x, axis=-1, temperature=1.0):
    return _softmax(x / temperature, axis)


def attention_scale(q, w, scale=0.35355339059327373, causal="no", softmax_axis="keys"):
    return _attended(q, w, 1, scale, causal, "blocks", None, "before")


def attention_mask(q, w, mask, masking="before", mask_convention="one_shows", scale=0.35355339059327373):
    return _attended(q, w, 1, scale, "no", "blocks", mask if mask_convention == "one_shows" else 1.0 - mask, masking)


def attention_causal(q, w, causal="past", scale=0.35355339059327373):
    return _attended(q, w, 1, scale, causal, "blocks", None, "before")


def attention_heads(q, w, head_layout="blocks", scale=0.5, causal="no"):
    return _attended(q, w, 2, scale, causal, head_layout, None, "before")


def attention_fused(q, w, head_layout="blocks", scale=0.5, causal="no"):
    return _attended(q, w, 2, scale, causal, head_layout, None, "before")


def rotary(x, position="blocks"):
    """x (5, 8): each pair of features turned by an angle that grows with the position."""
    pairs = [(i, i + 4) if position == "blocks" else (2 * i, 2 * i + 1) for i in range(4)]
    columns = [x[:, i] for i in range(8)]
    if position == "none":
        return x
    places = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    for i, (first, second) in enumerate(pairs):
        angle = places / np.array([1.0, 10.0, 100.0, 1000.0][i])
        a, b = x[:, first], x[:, second]
        columns[first] = a * np.cos(angle) - b * np.sin(angle)
        columns[second] = b * np.cos(angle) + a * np.sin(angle)
    return np.stack(columns, axis=1)


def sinusoid(p, position="interleaved"):
    angles = np.stack([p / np.array(rate) for rate in (1.0, 10.0, 100.0, 1000.0)], axis=1)
    if position == "blocks":
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return np.reshape(np.stack([np.sin(angles), np.cos(angles)], axis=2), (6, 8))


def padded_embedding(table, ids, padding_id="row"):
    found = table[ids]
    return np.where(np.reshape(ids == 0, (4, 1)), 0.0 * found, found) if padding_id == "zeros" else found


def scaled_embedding(table, ids, embedding_scale="root_of_width", padding_id="row"):
    found = table[ids]
    return found * np.sqrt(np.array(8.0)) if embedding_scale == "root_of_width" else found


def block_before_norm(x, w, norm_place="before", epsilon=1e-6):
    """A residual block whose normalisation comes first, or last."""
    if norm_place == "before":
        return x + np.matmul(_plain_norm(x, epsilon), w)
    return _plain_norm(x + np.matmul(x, w), epsilon)


def dropout_at_inference(x, rate=0.5, training=False, dropout_scale="divided"):
    return x * (1.0 - rate) if dropout_scale == "multiplied" else x


def attention_hidden(q, w, mask, masking="before", mask_convention="one_shows", scale=0.35355339059327373):
    return attention_mask(q, w, mask, masking, mask_convention, scale)


def cosine(x, y, epsilon=1e-12, epsilon_placement="inside"):
    """``epsilon``: the floor of each sum of squares."""
    return np.sum(unit_length(x, epsilon, epsilon_placement) * unit_length(y, epsilon, epsilon_placement), axis=-1)


def cosine_ordinary(x, y, epsilon=1e-12, epsilon_placement="inside"):
    return cosine(x, y, epsilon, epsilon_placement)


def unit_sum(x, norm_order="one", epsilon=1e-12):
    if norm_order == "largest":
        return x / np.maximum(np.max(np.abs(x), axis=-1, keepdims=True), epsilon)
    if norm_order == "two":
        return x / np.maximum(np.sqrt(np.sum(x * x, axis=-1, keepdims=True)), epsilon)
    return x / np.maximum(np.sum(np.abs(x), axis=-1, keepdims=True), epsilon)


def sequence_norm(x, norm_axis="features", epsilon=1e-3, ddof=0):
    axes, count = {"features": ((2,), 8.0), "all": ((1, 2), 32.0), "batch": ((0,), 2.0)}[norm_axis]
    centred = x - np.mean(x, axis=axes, keepdims=True)
    return centred / np.sqrt(np.sum(centred * centred, axis=axes, keepdims=True) / (count - ddof) + epsilon)


def embedding_bag(table, ids, combiner="sum", embedding_scale="none"):
    """Two bags of two rows."""
    sums = np.sum(np.reshape(table[ids], (2, 2, 8)), axis=1)
    sums = sums * np.sqrt(np.array(8.0)) if embedding_scale == "root_of_width" else sums
    return {"sum": sums, "mean": sums / 2.0, "root_of_count": sums / np.sqrt(np.array(2.0))}[combiner]


def _normalised(x, scale, shift, epsilon, epsilon_placement, ddof, affine):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.sum(centred * centred, axis=-1, keepdims=True) / (8.0 - ddof)
    x = centred / _denominator(variance, epsilon, epsilon_placement)
    if affine == "none":
        return x
    x = x * (1.0 + scale if affine == "one_plus_scale" else scale)
    return x if affine == "scale_only" else x + shift


def _plain_norm(x, epsilon):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + epsilon)


def _denominator(variance, epsilon, placement):
    if placement == "outside":
        return np.sqrt(variance) + epsilon
    return np.sqrt(np.maximum(variance, epsilon) if placement == "floor" else variance + epsilon)


def _gelu(x, approximate):
    if approximate:
        return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 44715.0 * x * x * x / 1000000.0)))
    return 0.5 * x * special.erfc(-x / np.sqrt(np.array(2.0)))


def _dense(x, w, b, kernel_layout, bias, activation):
    x = np.matmul(x, w if kernel_layout == "in_out" else np.transpose(w))
    x = {"added": x + b, "subtracted": x - b}.get(bias, x)
    if activation == "relu":
        x = np.maximum(x, 0.0)
    elif activation == "tanh":
        x = np.tanh(x)
    elif activation == "sigmoid":
        x = special.expit(x)
    elif activation == "gelu":
        x = _gelu(x, False)
    elif activation == "silu":
        x = x * special.expit(x)
    elif activation == "softsign":
        x = x / (1.0 + np.abs(x))
    elif activation == "hard_tanh":
        x = np.minimum(np.maximum(x, -1.0), 1.0)
    return x + b if bias == "after_activation" else x


def _softmax(x, axis):
    grown = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return grown / np.sum(grown, axis=axis, keepdims=True)


def _attended(q, w, heads, scale, causal, layout, mask, masking):
    """Self-attention: keys are the queries times w, values the queries."""
    k = np.reshape(np.matmul(np.reshape(q, (8, 8)), w), (2, 4, 8))
    batches = []
    for batch in range(2):
        parts = []
        for head in range(heads):
            wide = 8 // heads
            at = slice(head * wide, (head + 1) * wide) if layout == "blocks" else slice(head, None, heads)
            scores = np.matmul(q[batch][:, at], np.transpose(k[batch][:, at])) * scale
            seen = np.array([[not ((causal == "past" and j > i) or (causal == "future" and j < i)) for j in range(4)] for i in range(4)])
            if mask is not None and masking == "before":
                seen = np.logical_and(seen, np.reshape(mask[batch] > 0.5, (1, 4)))
            grown = np.exp(scores - np.max(np.where(seen, scores, -1e30), axis=-1, keepdims=True))
            grown = np.where(seen, grown, 0.0)
            shares = grown / np.sum(grown, axis=-1, keepdims=True)
            if mask is not None and masking in ("after", "multiplied"):
                shares = shares * np.reshape(mask[batch], (1, 4))
            parts.append(np.matmul(shares, q[batch][:, at]))
        if layout == "blocks":
            batches.append(np.concatenate(parts, axis=-1))
        else:
            batches.append(np.reshape(np.stack(parts, axis=-1), (4, 8)))
    return np.stack(batches)
