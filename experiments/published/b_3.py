# An LSTM over padded sequences of at most nine steps, with a mask of floats.
import numpy as np
import tensorflow as tf


class Reader(tf.Module):
    def __init__(self, units):
        self.layer = tf.keras.layers.LSTM(units, return_sequences=True)

    @tf.function
    def __call__(self, batch, steps):
        shown = tf.sequence_mask(steps, maxlen=tf.shape(batch)[1], dtype=tf.float32)
        return self.layer(batch, mask=shown)


reader = Reader(128)
steps = np.random.randint(1, 10, size=3)
batch = np.zeros((3, 10, 32))
for row, many in enumerate(steps):
    batch[row, :many, :] = np.random.rand(many, 32)
states = reader(tf.constant(batch, dtype=tf.float32), tf.constant(steps, dtype=tf.int32))
print(states.shape)
