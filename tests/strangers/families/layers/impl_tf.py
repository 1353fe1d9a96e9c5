"""The layers as they were written in TensorFlow."""

import tensorflow as tf

layers = tf.keras.layers


def layer_norm(x, scale, shift):
    layer = layers.LayerNormalization(dtype=x.dtype)
    layer(x)
    layer.set_weights([scale.numpy(), shift.numpy()])
    return layer(x)


def layer_norm_of_bert(x, scale, shift):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-12)


def layer_norm_annotated(x, scale, shift):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return scale * (x - mean) / tf.sqrt(variance + 1e-6) + shift


def layer_norm_moments(x, scale, shift):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)


def rms_norm(x, scale):
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-3) * scale


def rms_norm_gemma(x, scale):
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-6) * (1 + scale)


def unit_length(x):
    return tf.math.l2_normalize(x, -1)


def unit_length_ordinary(x):
    return tf.math.l2_normalize(x, -1)


def gelu(x):
    return tf.nn.gelu(x)


def gelu_of_gpt2(x):
    return tf.nn.gelu(x, approximate=True)


def elu(x):
    return layers.ELU(dtype=x.dtype)(x)


def hard_sigmoid(x):
    return tf.clip_by_value(0.2 * x + 0.5, 0, 1)


def quick_gelu(x):
    return x * tf.sigmoid(1.702 * x)


def dense(x, w, b):
    layer = layers.Dense(8, activation="relu", dtype=x.dtype)
    layer(x)
    layer.set_weights([w.numpy(), b.numpy()])
    return layer(x)


def dense_no_activation(x, w, b):
    return tf.nn.gelu(x @ w + b)


def softmax_first_axis(x):
    return tf.nn.softmax(x)


def softmax_by_hand(x):
    return tf.nn.softmax(x)


def _attention(q, w, scale, mask=None):
    scores = tf.matmul(q, q @ w, transpose_b=True) * scale
    if mask is not None:
        scores += (1 - mask) * -1e9
    return tf.matmul(tf.nn.softmax(scores), q)


def attention_scale(q, w):
    return _attention(q, w, 8**-0.5)


def attention_mask(q, w, mask):
    return _attention(q, w, 8**-0.5, mask[:, None, :])


def attention_causal(q, w):
    return _attention(q, w, 8**-0.5, tf.linalg.band_part(tf.ones([4, 4], q.dtype), -1, 0))


def attention_heads(q, w):
    keys = q @ w
    split = [tf.transpose(tf.reshape(each, [2, 4, 2, 4]), [0, 2, 1, 3]) for each in (q, keys)]
    shares = tf.nn.softmax(tf.matmul(split[0], split[1], transpose_b=True) / 2)
    return tf.reshape(tf.transpose(tf.matmul(shares, split[0]), [0, 2, 1, 3]), [2, 4, 8])


def attention_fused(q, w):
    return attention_heads(q, w)


def rotary(x):
    angles = tf.range(5, dtype=x.dtype)[:, None] / tf.constant([1, 10, 100, 1000], x.dtype)
    first, second = tf.split(x, 2, -1)
    return tf.concat([first * tf.cos(angles) - second * tf.sin(angles), second * tf.cos(angles) + first * tf.sin(angles)], -1)


def sinusoid(p):
    angles = p[:, None] / tf.constant([1, 10, 100, 1000], p.dtype)
    return tf.reshape(tf.stack([tf.sin(angles), tf.cos(angles)], -1), [6, 8])


def padded_embedding(table, ids):
    return tf.nn.embedding_lookup(table, ids)


def scaled_embedding(table, ids):
    return tf.nn.embedding_lookup(table, ids) * tf.sqrt(tf.constant(8, table.dtype))


def block_before_norm(x, w):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return x + tf.matmul((x - mean) / tf.sqrt(variance + 1e-6), w)


def dropout_at_inference(x):
    return layers.Dropout(0.5, dtype=x.dtype)(x)


def attention_hidden(q, w, mask):
    return _attention(q, w, 8**-0.5, mask[:, None, :])


def cosine(x, y):
    return tf.reduce_sum(tf.math.l2_normalize(x, -1) * tf.math.l2_normalize(y, -1), -1)


def cosine_ordinary(x, y):
    return cosine(x, y)


def unit_sum(x):
    return x / tf.norm(x, ord=1, axis=-1, keepdims=True)


def sequence_norm(x):
    return layers.LayerNormalization(dtype=x.dtype)(x)


def embedding_bag(table, ids):
    return tf.reduce_sum(tf.nn.embedding_lookup(table, tf.reshape(ids, [2, 2])), 1)
