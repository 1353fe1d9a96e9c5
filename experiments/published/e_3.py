# A layer that chooses between two maps, in both: defined, and never called.
from torch import nn


class ChoosingModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(10, 5), nn.Linear(10, 5)

    def forward(self, rows, flag):
        return self.one(rows) if flag else self.other(rows)


# %%
import tensorflow as tf


class ChoosingLayer(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.one, self.other = tf.keras.layers.Dense(5), tf.keras.layers.Dense(5)

    def call(self, given):
        rows, flag = given
        return tf.cond(flag, lambda: self.one(rows), lambda: self.other(rows))
