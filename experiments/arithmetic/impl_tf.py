"""The functions in TensorFlow 1.15 to 2.21: its own operation where there is one."""

import tensorflow as tf


def matmul(x, y):
    return tf.matmul(x, y)


def matmul_stack(x, y):
    return tf.matmul(x, y)


def dot(x, y):
    return tf.tensordot(x, y, 1)


def einsum(x, y):
    return tf.einsum("bqhd,bkhd->bhqk", x, y)


def conv2d(x, w):
    return tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")


def total(x):
    return tf.reduce_sum(x)


def sum_rows(x):
    return tf.reduce_sum(x, axis=1)


def sum_columns(x):
    return tf.reduce_sum(x, axis=0)


def mean(x):
    return tf.reduce_mean(x, axis=1)


def variance(x):
    return tf.math.reduce_variance(x, axis=1)


def norm(x):
    return tf.norm(x)


def cumsum(x):
    return tf.cumsum(x)


def index_add(x, y, order):
    return tf.tensor_scatter_nd_add(x, (order % x.shape.as_list()[0])[:, tf.newaxis], y)


def embedding_sum(table, ids):
    return tf.reduce_sum(tf.gather(table, ids), axis=1)


def exp(x):
    return tf.exp(x)


def log(x):
    return tf.math.log(x)


def sin(x):
    return tf.sin(x)


def tanh(x):
    return tf.tanh(x)


def sigmoid(x):
    return tf.sigmoid(x)


def erf(x):
    return tf.math.erf(x)


def gelu(x):
    if hasattr(tf.nn, "gelu"):  # from 2.4 on
        return tf.nn.gelu(x, approximate=False)
    return 0.5 * x * (1.0 + tf.math.erf(x / tf.sqrt(tf.constant(2.0, x.dtype))))


def multiply_add(x, y):
    return x * y + x


def softmax(x):
    return tf.nn.softmax(x)


def logsumexp(x):
    return tf.reduce_logsumexp(x, axis=-1)


def cross_entropy(x, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x))


def layer_norm(x, gamma, beta, epsilon):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def layer_norm_by_hand(x, gamma, beta, epsilon):
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)  # with -1 it is not the pattern that a graph's rewriting looks for
    return (x - mean) / tf.sqrt(variance + epsilon) * gamma + beta


def batch_norm(x, gamma, beta, epsilon):
    if x.dtype == tf.float32:  # the fused kernel has no float64
        return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)[0]
    mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def attention(q, k, v):
    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.constant(q.shape.as_list()[-1], q.dtype))
    return tf.matmul(tf.nn.softmax(scores), v)


def mlp(x, w, b):
    for weight, bias in zip(tf.unstack(w), tf.unstack(b)):
        x = tf.tanh(tf.nn.bias_add(tf.matmul(x, weight), bias))
    return x


def lstm(x, wi, wh, b, h, c):
    outputs = []
    for given in tf.unstack(x, axis=1):
        gates = tf.matmul(given, wi, transpose_b=True) + tf.matmul(h, wh, transpose_b=True)
        i, f, g, o = tf.split(tf.nn.bias_add(gates, b), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1), h, c
